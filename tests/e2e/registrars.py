"""A pipeline of one registrar over tables that Trino made, for the registrars' own tests."""

from __future__ import annotations

import contextlib
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lakefall.contract.configuration import CacheSettings, Engine, PipelineConfig, Use
from lakefall.contract.plugin import Plugin, SinkOptions, Stage, hookimpl
from lakefall.contract.run import Run
from lakefall.contract.values import (
    Column,
    Loaded,
    Outcome,
    Registered,
    SourceFile,
    Status,
    TableState,
)
from lakefall.plugin_loading.pipeline import Pipeline

from .servers import Servers

T0 = datetime(2026, 1, 1, tzinfo=UTC)
AUDIT = ("_source_file", "_ingested_at")


class TrinoTables:
    """Tables of one namespace, made and changed with SQL."""

    def __init__(self, servers: Servers, namespace: str) -> None:
        self.servers = servers
        self.namespace = namespace

    def sql(self, statement: str) -> list[list[Any]]:
        return self.servers.trino(statement)

    def make(self, columns: str = "id integer, name varchar", name: str = "") -> str:
        """An empty table; its name is unique, since Superset on SQLite asks for that."""
        name = name or f"t_{uuid.uuid4().hex[:12]}"
        audit = "_source_file varchar, _ingested_at timestamp(6)"
        self.sql(f'CREATE SCHEMA IF NOT EXISTS "{self.namespace}"')
        self.sql(f'CREATE TABLE {self.namespace}."{name}" ({columns}, {audit})')
        return name

    def insert(self, table: str, values: str) -> None:
        self.sql(f'INSERT INTO {self.namespace}."{table}" VALUES {values}')

    def snapshot(self, table: str) -> str:
        rows = self.sql(
            f'SELECT snapshot_id FROM {self.namespace}."{table}$snapshots" '
            "ORDER BY committed_at DESC LIMIT 1"
        )
        return str(rows[0][0])

    def describe(self, table: str) -> TableState | None:
        if [table] not in self.sql(f"SHOW TABLES FROM {self.namespace}"):
            return None
        rows = self.sql(f'DESCRIBE {self.namespace}."{table}"')
        columns = [Column(r[0], r[0], r[1].upper(), nullable=True) for r in rows]
        return TableState(table, tuple(c for c in columns if c.name not in AUDIT))


@contextlib.contextmanager
def run_of(
    tables: TrinoTables,
    registrar: type[Plugin[Any]],
    cache: Path | None = None,
    *,
    describe: TableState | None = None,
    **options: Any,
) -> Iterator[Run]:
    """A new run of a pipeline with the registrar; its plugins are new, as in a new process.

    ``describe`` is what the sink says of every table, instead of Trino.
    """
    said = describe

    class Sink(Plugin[SinkOptions]):
        """Answers from Trino."""

        name, stage = "tables", Stage.SINK

        @hookimpl
        def describe(self, table: str) -> TableState | None:
            return said or tables.describe(table)

    with tempfile.TemporaryDirectory() as folder:
        uses = {
            Stage.SINK: (
                Use(
                    Stage.SINK, "tables", "tables", lambda: Sink,
                    SinkOptions(namespace=tables.namespace),
                ),
            ),
            Stage.CATALOG_REGISTRAR: (
                Use(
                    Stage.CATALOG_REGISTRAR, registrar.name, registrar.name, lambda: registrar,
                    registrar.options_model.model_validate(options),
                ),
            ),
        }  # fmt: skip
        config = PipelineConfig(
            Path("p.yaml"), "p", uses, Engine(),
            CacheSettings(cache or Path(folder), 10**9), None, (), {}, "",
        )  # fmt: skip
        pipeline = Pipeline(config, lambda _: config)
        yield Run(pipeline, uuid.uuid4().hex, T0, Path(folder))


def loaded(
    table: str,
    rows: Mapping[str, int] | None = None,
    *,
    snapshot: str = "",
    added: tuple[str, ...] = (),
) -> Loaded:
    """What a sink would say after it loaded these numbers of rows from these keys."""
    outcomes = tuple(
        Outcome(
            SourceFile(key, "v1", 1, T0, table, table), Status.SUCCESS, rows_loaded=n, rows_read=n
        )
        for key, n in (rows or {}).items()
    )
    return Loaded(table, False, added, (), snapshot, outcomes)


def register(run: Run, value: Loaded) -> Registered:
    """The one registrar's answer."""
    (answer,) = run.pipeline.register(run, value)
    return answer
