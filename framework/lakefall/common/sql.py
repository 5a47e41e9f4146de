"""The query engine: opening it, and quoting for it."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lakefall.common import waiting

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from lakefall.contract.configuration import Engine
    from lakefall.contract.types import TypeCandidate

T = TypeVar("T")


def identifier(name: str) -> str:
    """A name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as a quoted SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def parquet(paths: Iterable[Path | str], options: str = "") -> str:
    """The rows of Parquet files, with no columns but theirs: DuckDB makes one of a folder that is
    called ``name=value`` unless it is told not to."""
    listed = ", ".join(literal(str(path)) for path in paths)
    more = f", {options}" if options else ""
    return f"read_parquet([{listed}], hive_partitioning = false{more})"


WIDE = 200
"""Columns from which on the vectors of a query weigh more than its threads bring."""
_VECTORS = 128 << 10
"""Bytes of the vectors that one more column needs in a query; measured with DuckDB 2.0."""
_SHARE = 0.8
"""Of the machine's memory, that the engine may hold: the rest of the process needs some, too."""


def threads_of(engine: Engine) -> int:
    """Threads of the engine: no more than the processors that this process may use."""
    most = processors()
    return min(engine.threads or most, most)


def memory_of(engine: Engine, columns: int = 0) -> int:
    """Bytes that the engine may hold: its limit and room for the vectors of many columns, and no
    more than the machine can give."""
    limit = engine.memory + (columns * _VECTORS if columns > WIDE else 0)
    there = memory()
    return min(limit, int(_SHARE * there)) if there else limit


@contextmanager
def connect(
    engine: Engine,
    scratch: Path,
    candidates: Iterable[TypeCandidate] = (),
    *,
    columns: int = 0,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory DuckDB that spills to ``scratch`` and knows the candidates' functions.

    Connections of one scratch folder that are open at the same time share its tables.
    It reaches no network, loads no extension and reads no file but those that a query names.
    ``columns`` says how many the queries touch: what a vector of each takes cannot be spilled, so
    a wide table gets a single thread and room for its vectors above the memory limit.
    """
    import duckdb

    scratch.mkdir(parents=True, exist_ok=True)
    candidates = tuple(candidates)
    # An instance takes 22 ms to make, so that one is shared; what changes it gets its own.
    alone = columns > WIDE or any(c.udf is not None for c in candidates)
    connection = duckdb.connect(
        ":memory:" if alone else f":memory:{scratch}",
        config={
            "threads": str(1 if columns > WIDE else threads_of(engine)),
            "memory_limit": f"{memory_of(engine, columns)}B",
            "temp_directory": str(scratch),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            # It takes seconds for a thousand columns: each is compared with every other.
            "disabled_optimizers": "common_subexpressions" if columns > WIDE else "",
        },
    )
    functions: set[str] = set()
    try:
        connection.execute("SET enable_progress_bar = false; SET TimeZone = 'UTC'")
        for candidate in candidates:
            if candidate.udf is not None and candidate.udf.name not in functions:
                connection.create_function(  # type: ignore[call-overload]
                    candidate.udf.name,
                    _plain(candidate.udf.function),
                    ["VARCHAR"],
                    candidate.udf.result,
                    type="arrow",
                    null_handling="special",
                )
                functions.add(candidate.udf.name)
        yield connection
    except BaseException as error:
        # What ended the work is told, not that the engine may still be busy with it.
        with suppress(duckdb.Error):
            _close(connection, functions)
        # Where DuckDB 2.0 does see Ctrl-C (while it hands out Arrow), it says so in its own words.
        if isinstance(error, RuntimeError) and str(error) == "Query interrupted":
            raise KeyboardInterrupt from error
        raise
    else:
        _close(connection, functions)


def _close(connection: duckdb.DuckDBPyConnection, functions: Iterable[str]) -> None:
    # DuckDB 2.0 reports leaked functions on stderr when the process ends otherwise.
    for name in functions:
        connection.remove_function(name)
    connection.close()


def _plain(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The function without annotations.

    DuckDB evaluates them, and fails where a name in them was imported for type checkers only.
    """
    return lambda texts: function(texts)  # noqa: PLW0108


def rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    """All rows of a query, during which Ctrl-C works."""
    return _interruptible(connection, lambda: connection.execute(query).fetchall())


def table(connection: duckdb.DuckDBPyConnection, query: str) -> pa.Table:
    """The whole answer of a query as Arrow, during which Ctrl-C works."""
    return _interruptible(connection, lambda: connection.sql(query).to_arrow_table())


def _interruptible(connection: duckdb.DuckDBPyConnection, ask: Callable[[], T]) -> T:
    """DuckDB 2.0 looks for signals nowhere but where it hands out Arrow, and loses some there: so
    whoever waits for the thread interrupts it."""
    return waiting.interruptible(ask, connection.interrupt)


def batches(
    connection: duckdb.DuckDBPyConnection, query: str, size: int = 65_536
) -> Iterator[pa.RecordBatch]:
    """The rows of a query as Arrow batches, in constant memory.

    Nothing else may use the connection meanwhile.
    """
    import duckdb

    reader: Any = connection.sql(query).to_arrow_reader(size)
    try:
        yield from reader
    except OSError as error:
        # What ends a query after its first batches comes through Arrow, which knows no other.
        if not str(error).startswith("Invalid Input Error"):
            raise
        raise duckdb.InvalidInputException(str(error)) from error


# --- what this process may use of its machine ---

_PROC, _GROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


@cache
def processors(proc: Path = _PROC, groups: Path = _GROUPS) -> int:
    """Processors that this process may use, at least one; looked up once, it takes half a
    millisecond.

    In a container the machine's own number is that of the host. Linux tells the container's limits
    under ``/sys/fs/cgroup``, as ``cpu.max`` and ``memory.max`` (version 2) or ``cpu.cfs_quota_us``
    and ``memory.limit_in_bytes`` (version 1), of the group and of every group around it.
    """
    try:
        found = len(os.sched_getaffinity(0))
    except AttributeError:  # other systems than Linux
        found = os.cpu_count() or 1
    for folder in _folders(proc, groups):
        old = (*_words(folder / "cpu.cfs_quota_us"), *_words(folder / "cpu.cfs_period_us"))
        quota, period = (*(_words(folder / "cpu.max") or old), "", "")[:2]
        if quota.isdecimal() and period.isdecimal() and int(period):
            found = min(found, math.ceil(int(quota) / int(period)))
    return max(1, found)


@cache
def memory(proc: Path = _PROC, groups: Path = _GROUPS) -> int:
    """Bytes that this process may have together with those of its control group; 0 where nobody
    says."""
    found = 0
    with suppress(ValueError, OSError, AttributeError):
        found = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for folder in _folders(proc, groups):
        for name in ("memory.max", "memory.limit_in_bytes"):
            words = _words(folder / name)
            if words and words[0].isdecimal():
                found = min(found or int(words[0]), int(words[0]))
    return found


def _folders(proc: Path, groups: Path) -> Iterator[Path]:
    """Of this process' control groups and of all around them."""
    with suppress(OSError):
        for line in proc.read_text("utf-8").splitlines():
            _, controllers, path = (line.split(":", 2) + [""] * 2)[:3]
            root = groups / controllers.removeprefix("name=")
            inner = Path(path.lstrip("/"))
            # In a container the path may be the host's, and then only the root is there.
            yield from (root / part for part in (inner, *inner.parents))


def _words(path: Path) -> list[str]:
    with suppress(OSError):
        return path.read_text("utf-8").split()
    return []
