"""Statements that commit: each once, and a whole replacement again while other writers win."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from lakefall.common.waiting import Backoff
from lakefall.contract.errors import SinkError
from lakefall_plugins.sinks.lake import commits
from lakefall_plugins.sinks.trino.statements import OVERTAKEN
from lakefall_plugins.trino_client.errors import (
    TrinoConflictError,
    TrinoLostError,
    TrinoQueryError,
    TrinoUnreachableError,
)
from lakefall_plugins.trino_client.sql import literal

if TYPE_CHECKING:
    from lakefall_plugins.sinks.trino.lakehouse import Lakehouse

T = TypeVar("T")

_FIRST_WAIT = 0.1
_LONGEST_WAIT = 2.0
_ASK_SECONDS = 30.0
"""How long a server that went away is asked whether it did a statement."""
_ENDED = ("FINISHED", "FAILED")


class NotDoneError(TrinoLostError):
    """The statement whose connection was lost is known not to have been done."""


def until_committed(attempt: Callable[[], T], timeout: float, subject: str) -> T:
    """What ``attempt`` returns, which looks at the tables anew each time it is called.

    Raises:
        CommitConflictError: other writers kept winning for ``timeout`` seconds.
    """
    backoff = Backoff(_FIRST_WAIT, _LONGEST_WAIT, timeout, least=0.5)
    return commits.until_committed(attempt, is_conflict, backoff, subject)


def is_conflict(error: Exception) -> bool:
    """Whether the same work may succeed on the tables as they are now."""
    if isinstance(error, TrinoQueryError):
        return isinstance(error, TrinoConflictError) or OVERTAKEN in str(error)
    return isinstance(error, NotDoneError)


def commit(lake: Lakehouse, table: str, sql: str) -> str:
    """Run a statement that commits to a table once, also when its answer is lost; its query's id.

    Raises:
        NotDoneError: the connection was lost, and the statement was not done.
        TrinoLostError: the connection was lost, and nobody can say.
    """
    try:
        return lake.execute(sql).query_id
    except TrinoLostError as error:
        if not _landed(lake, table, error):
            raise NotDoneError(
                f"{error}; table {table!r} does not have it", error.query_id
            ) from error
        return error.query_id


def _landed(lake: Lakehouse, table: str, lost: TrinoLostError) -> bool:
    """Whether the statement is in the table, once it cannot come any more.

    Raises:
        TrinoLostError: the server did not come back.
    """
    polls = Backoff(1.0, 1.0, _ASK_SECONDS, least=1.0)
    half = Backoff(1.0, 1.0, _ASK_SECONDS / 2)
    while True:
        try:
            if _has_ended(lake, lost.query_id):
                return bool(snapshot_of(lake, table, lost.query_id))
        except TrinoUnreachableError as error:
            if polls.over:
                raise lost from error
        if polls.over:
            raise lost
        if half.over:
            with suppress(SinkError):
                lake.execute(
                    f"CALL system.runtime.kill_query(query_id => {literal(lost.query_id)}, "
                    "message => 'lakefall lost its connection')"
                )
        polls.pause()


def snapshot_of(lake: Lakehouse, table: str, query_id: str) -> str:
    """The id of the snapshot that a statement committed; ``''`` for none."""
    snapshots = lake.name(f"{table}$snapshots")
    try:
        rows = lake.client.rows(
            f"SELECT snapshot_id FROM {snapshots} "
            f"WHERE element_at(summary, 'trino_query_id') = {literal(query_id)}"
        )
    except TrinoQueryError as error:
        if error.name not in ("TABLE_NOT_FOUND", "SCHEMA_NOT_FOUND"):
            raise
        return ""
    return str(rows[-1][0]) if rows else ""


def _has_ended(lake: Lakehouse, query_id: str) -> bool:
    rows = lake.client.rows(
        f"SELECT state FROM system.runtime.queries WHERE query_id = {literal(query_id)}"
    )
    # A server that was started anew knows nothing of it, and runs nothing of it.
    return not rows or str(rows[0][0]) in _ENDED
