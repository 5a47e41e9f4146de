"""The query engine: opening it, and quoting for it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

    from lakefall.config.model import Engine
    from lakefall.types import TypeCandidate


def identifier(name: str) -> str:
    """A name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as a quoted SQL literal."""
    return "'" + text.replace("'", "''") + "'"


@contextmanager
def connect(
    engine: Engine, scratch: Path, candidates: Iterable[TypeCandidate] = ()
) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory DuckDB that spills to ``scratch`` and knows the candidates' functions.

    It reaches no network, loads no extension and reads no file but those that a query names.
    """
    import duckdb

    scratch.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(
        config={
            "threads": str(engine.threads or os.cpu_count() or 1),
            "memory_limit": engine.memory_limit,
            "temp_directory": str(scratch),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
    )
    functions: set[str] = set()
    try:
        connection.execute("SET enable_progress_bar = false; SET TimeZone = 'UTC'")
        for candidate in candidates:
            if candidate.udf is not None and candidate.udf.name not in functions:
                functions.add(candidate.udf.name)
                connection.create_function(  # type: ignore[call-overload]
                    candidate.udf.name,
                    candidate.udf.function,
                    ["VARCHAR"],
                    candidate.udf.result,
                    type="arrow",
                    null_handling="special",
                )
        yield connection
    finally:
        # DuckDB 2.0 reports leaked functions on stderr when the process ends otherwise.
        for name in functions:
            connection.remove_function(name)
        connection.close()
