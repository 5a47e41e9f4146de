"""Staging tables: made for one replacement, dropped after it, and after a run that died.

While a run has staging tables it holds a lock on a file of their name in the pipeline's cache
folder. The kernel releases the lock when the process dies, so that the next run on this machine
drops them; those of other machines are dropped when they are old.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from lakefall.common import locks
from lakefall.contract.errors import SinkError
from lakefall_plugins.sinks.lake.staging import made_at, new_name

if TYPE_CHECKING:
    from lakefall.contract.run import Run
    from lakefall_plugins.sinks.trino.lakehouse import Lakehouse

_FOLDER = "trino-staging"


def _folder(run: Run) -> Path:
    return Path(run.pipeline.config.cache.dir) / _FOLDER


def _place(lake: Lakehouse) -> list[str]:
    options = lake.options
    return [options.url, options.catalog, options.namespace]


@contextmanager
def staging_table(lake: Lakehouse, run: Run) -> Iterator[str]:
    """The name of a staging table that is to be made; dropped at the end.

    An interrupted run leaves it to the next.
    """
    name = new_name(datetime.now(UTC))
    path = _folder(run) / f"{name}.json"
    with locks.new(path, json.dumps(_place(lake))):
        try:
            yield name
        finally:
            kind = sys.exc_info()[0]
            if kind is None or issubclass(kind, Exception):
                with suppress(SinkError):
                    lake.drop(name)
                    path.unlink(missing_ok=True)


def sweep(lake: Lakehouse, run: Run) -> list[str]:
    """Drop staging tables that no living run uses; their names."""
    living, dead = _journals(lake, run)
    oldest = datetime.now(UTC) - timedelta(seconds=lake.options.staging_ttl)
    for name in lake.tables():
        made = made_at(name)
        if made is not None and made < oldest and name not in living:
            dead.setdefault(name, None)
    dropped: list[str] = []
    for name, journal in dead.items():
        with suppress(SinkError):
            lake.drop(name)
            dropped.append(name)
            if journal is not None:
                journal.unlink(missing_ok=True)
    return dropped


def _journals(lake: Lakehouse, run: Run) -> tuple[set[str], dict[str, Path | None]]:
    """Staging tables of this machine's runs: of those that live, and of those that died."""
    living: set[str] = set()
    dead: dict[str, Path | None] = {}
    for path in _folder(run).glob("*.json"):
        with suppress(OSError, ValueError), locks.left_behind(path) as journal:
            if journal is None:
                living.add(path.stem)
            elif json.loads(journal.read() or "[]") == _place(lake):
                dead[path.stem] = path
    return living, dead
