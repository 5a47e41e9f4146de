"""Read-only SQL over the tables, answered by Trino."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lakefall.contract.errors import UsageError
from lakefall_plugins.trino_client.errors import TrinoQueryError

if TYPE_CHECKING:
    import pyarrow as pa

    from lakefall_plugins.sinks.trino.lakehouse import Lakehouse

_READS = ("SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "VALUES", "TABLE")
_SPACE = re.compile(r"\A(?:\s+|--[^\n]*(?:\n|$)|/\*.*?\*/)*", re.DOTALL)
_WORD = re.compile(r"\(*[A-Za-z]+")
_DECIMAL = re.compile(r"decimal\((\d+), ?(\d+)\)")


def query(lake: Lakehouse, sql: str) -> pa.Table:
    """The answer to one statement that reads.

    Raises:
        UsageError: another kind of statement, several, or SQL that is wrong.
    """
    statement = _single(sql)
    try:
        answer = lake.execute(statement)
    except TrinoQueryError as error:
        if error.retryable:
            raise
        raise UsageError(f"the query failed: {error}") from error
    return _table(answer.columns, answer.rows)


def _single(sql: str) -> str:
    """The statement without the semicolon at its end. Trino itself refuses a second one."""
    rest = _SPACE.sub("", sql, count=1)
    found = _WORD.match(rest)
    word = found[0].lstrip("(").upper() if found else ""
    if word not in _READS:
        what = word or "nothing that begins with a word"
        raise UsageError(f"expected a SELECT, found {what}; a query reads and changes nothing")
    return rest.rstrip().removesuffix(";")


def _table(columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Any]]) -> pa.Table:
    import pyarrow as pa

    arrays = [
        _array([row[at] for row in rows], _arrow_type(kind)) for at, (_, kind) in enumerate(columns)
    ]
    return pa.Table.from_arrays(arrays, names=[name for name, _ in columns])


def _array(values: list[Any], kind: Any) -> Any:
    import pyarrow as pa

    if kind is not None and pa.types.is_string(kind):
        values = [v if v is None or isinstance(v, str) else str(v) for v in values]
    try:
        return pa.array(values, kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if v is None else str(v) for v in values], pa.string())


def _arrow_type(trino: str) -> pa.DataType | None:
    """Arrow's type of what Trino answers; None where the values themselves have to tell."""
    import pyarrow as pa

    if found := _DECIMAL.fullmatch(trino):
        return pa.decimal128(int(found[1]), int(found[2]))
    if trino.startswith(("varchar", "char", "json", "uuid", "ipaddress")):
        return pa.string()
    if trino.startswith("timestamp"):
        return pa.timestamp("us", "UTC" if trino.endswith("with time zone") else None)
    if trino.startswith("time(") and not trino.endswith("with time zone"):
        return pa.time64("us")
    simple: dict[str, Any] = {
        "boolean": pa.bool_(),
        "tinyint": pa.int8(),
        "smallint": pa.int16(),
        "integer": pa.int32(),
        "bigint": pa.int64(),
        "real": pa.float32(),
        "double": pa.float64(),
        "date": pa.date32(),
        "varbinary": pa.binary(),
        "unknown": pa.null(),
    }
    return simple.get(trino)
