"""What an acceptance test holds in its hands: a lake with an inbox, driven by the command line.

``Lake`` is what every pipeline has in common; ``EmbeddedLake`` is the folder-and-SQLite one, those
on real servers are in ``server_lakes``.

After every ``run`` the laws that hold for any input are asserted: nothing is lost silently, and a
file that failed leaves the table as it was.
"""

from __future__ import annotations

import os
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import yaml

from .commands import Command, Limits, Result, RunResult, start_command
from .reading import Row, read, row_counts

REPOSITORY = Path(__file__).parents[2]
OUTCOME_KEYS = [
    "key",
    "table",
    "status",
    "rows_read",
    "rows_loaded",
    "rows_rejected",
    "lines_skipped",
    "lines_skipped_by_rule",
    "cells_nulled",
    "rows_deleted",
    "columns_added",
    "seconds",
    "error",
]


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``over`` laid on ``base``: maps merge, everything else replaces."""
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        result[key] = merged(old, value) if both else value  # type: ignore[arg-type]
    return result


REJECTED = (
    "SELECT file_key, count(*) AS n FROM lakehouse._ingest_rejects SEMI JOIN (SELECT file_key, "
    "max_by(etag, ingested_at) AS etag FROM lakehouse._ingest_registry WHERE status = 'success' "
    "GROUP BY file_key) USING (file_key, etag) GROUP BY file_key"
)
LISTENER = '''
import json, os, signal, sys, time
from pathlib import Path

from lakefall.contract.plugin import NoOptions, Plugin, Stage, hookimpl

FOLDER = Path(__file__).parent
SEEN = []


def pause():
    """A minute; not in one piece, which a signal that comes just before it does not end."""
    for _ in range(600):
        time.sleep(0.1)


class Listener(Plugin[NoOptions]):
    """Listens to the events of a run."""

    name = "listener"
    stage = Stage.CATALOG_REGISTRAR

    @hookimpl
    def event(self, run, event):
        step = f"{{event.name}} {{event.key or event.table}}".partition("/")[0]
        SEEN.append(step)
{body}
'''


@dataclass
class Lake(ABC):
    """An inbox, a pipeline over it, and the tables it feeds."""

    folder: Path
    expected: dict[tuple[str, str], int] = field(default_factory=dict)
    """Rows that each key has in its table, by (table, key), as the outcomes said."""
    _started: int = 0
    _sections: dict[str, Any] = field(default_factory=dict)
    """What ``configure`` was given so far."""

    # --- what a pipeline's kind decides ---

    pipeline: Path = Path()
    """The YAML file that commands are given."""
    namespace: str = "lakehouse"
    many_rows: ClassVar[int] = 1_000_000
    """Rows that a command loads well within its time limit."""
    longest_cell: ClassVar[int] = 16_000_000
    """Characters of a cell that can be loaded."""

    @abstractmethod
    def put(self, key: str, data: bytes | str) -> None:
        """Upload a file, or a new version of it."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove a file from the source."""

    @abstractmethod
    def drop(self, table: str) -> None:
        """Drop a table behind the pipeline's back."""

    @abstractmethod
    def exists(self, table: str) -> bool:
        """Whether the catalog knows the table."""

    @abstractmethod
    def snapshots(self, table: str) -> list[Any]:
        """Ids of the table's snapshots, oldest first; empty when there is no table."""

    @abstractmethod
    def catalog(self) -> Any:
        """A PyIceberg client of the catalog that the tables are in."""

    @abstractmethod
    def environment(self) -> dict[str, str]:
        """Environment variables that the pipeline needs."""

    @abstractmethod
    def configure(self, **sections: Any) -> None:
        """Lay these sections over the pipeline's own file."""

    # --- commands ---

    def start(
        self,
        *args: str | Path,
        env: Mapping[str, str] | None = None,
        limits: Limits | None = None,
        cwd: Path | None = None,
    ) -> Command:
        """Start ``lakefall ARGS`` without waiting for it."""
        self._started += 1
        logs = self.folder / "logs"
        logs.mkdir(exist_ok=True)
        out, err = logs / f"{self._started}.out", logs / f"{self._started}.err"
        words = tuple(str(a) for a in args)
        return start_command(
            words, {**self.environment(), **(env or {})}, cwd or self.folder, out, err, limits
        )

    def cli(self, *args: str | Path, **how: Any) -> Result:
        """``lakefall ARGS``, to its end."""
        return self.start(*args, **how).wait()

    def start_run(self, *args: str, **how: Any) -> Command:
        return self.start("run", self.pipeline, "--json", *args, **how)

    def run(self, *args: str, ok: bool = True, **how: Any) -> RunResult:
        """``lakefall run``; the laws are asserted on what it did.

        ``ok``: the test expects nothing to fail, so anything else is reported in full.
        """
        return self.judged(self.start_run(*args, **how).wait(), ok=ok)

    def judged(self, result: Result, *, ok: bool = True) -> RunResult:
        """A finished run with the laws asserted on what it did."""
        ran = RunResult(result.args, result.code, result.stdout, result.stderr)
        outcomes = ran.objects
        for outcome in outcomes:
            assert list(outcome) == OUTCOME_KEYS
        failed = [o for o in outcomes if o["status"] == "failed"]
        if ok:
            assert ran.code == 0 and not failed, f"{ran.code}\n{ran.stdout}{ran.stderr}"
        elif failed:
            assert ran.code != 0, ran.stdout
        if "--dry-run" not in ran.args:
            self._conserved(outcomes)
        return ran

    def _conserved(self, outcomes: Sequence[Row]) -> None:
        """Every record is a row or a reject; a file that failed changed no row."""
        done = [o for o in outcomes if o["status"] == "success"]
        rejects = self._rejected() if any(o["table"] for o in done) else {}
        for o in done:
            assert o["rows_read"] == o["rows_loaded"] + o["rows_rejected"], o
            assert rejects.get(o["key"], 0) == o["rows_rejected"] + o["cells_nulled"], (o, rejects)
            self.expected[o["table"], o["key"]] = o["rows_loaded"]
        assert all(o["error"] for o in outcomes if o["status"] == "failed"), outcomes
        moved = [o for o in outcomes if o["status"] in ("success", "failed", "superseded")]
        found = self._counts({o["table"] for o in moved if o["table"]})
        for o in moved:
            place = (o["table"], o["key"])
            assert found.get(place, 0) == self.expected.get(place, 0), (o, found)

    def _counts(self, tables: Collection[str]) -> dict[tuple[str, str], int]:
        """Rows by table and ``_source_file``."""
        return {
            (table, key): number
            for table in tables
            if self.exists(table)
            for key, number in row_counts(self.catalog(), self.namespace, table).items()
        }

    def _rejected(self) -> Mapping[str, int]:
        """Rejects by key, of the versions that are loaded."""
        if not self.exists("_ingest_rejects") or not self.exists("_ingest_registry"):
            return {}
        rows = self.read(REJECTED)
        return {r["file_key"]: r["n"] for r in rows}

    def row_counts(self, table: str) -> dict[str, int]:
        """Rows by ``_source_file``; empty when there is no table."""
        return {key: number for (_, key), number in self._counts([table]).items()}

    def query(self, sql: str) -> list[Row]:
        """``lakefall query``."""
        result = self.cli("query", self.pipeline, sql, "--json")
        assert result.code == 0, result.stderr
        return result.objects

    def read(self, sql: str) -> list[Row]:
        """The same question to PyIceberg and DuckDB, without a command."""
        return read(self.catalog(), self.namespace, sql)

    def rows(self, table: str, order: str = "") -> list[list[Any]]:
        """The table's rows as text without the audit columns, in the order of a column."""
        sql = f'SELECT COLUMNS(*)::VARCHAR FROM lakehouse."{table}"'
        audit = ("_source_file", "_ingested_at")
        rows = self.read(sql + (f" ORDER BY {order}" if order else ""))
        cells = [[v for k, v in row.items() if k not in audit] for row in rows]
        return cells if order else sorted(cells, key=repr)

    def column(self, table: str, name: str, order: str = "id") -> list[Any]:
        """One column as text, in the order of another."""
        rows = self.read(f'SELECT "{name}"::VARCHAR AS v FROM lakehouse."{table}" ORDER BY {order}')
        return [r["v"] for r in rows]

    def types(self, table: str) -> dict[str, str]:
        """Column name -> type in the specification's words, audit columns left out."""
        rows = self.read(
            f'SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM lakehouse."{table}")'
        )
        audit = ("_source_file", "_ingested_at")
        return {r["column_name"]: r["column_type"] for r in rows if r["column_name"] not in audit}

    def registry(self, key: str = "") -> list[Row]:
        """Rows of ``_ingest_registry``, oldest first."""
        if not self.exists("_ingest_registry"):
            return []
        where = "WHERE file_key = '" + key.replace("'", "''") + "'" if key else ""
        return self.read(f"SELECT * FROM lakehouse._ingest_registry {where} ORDER BY ingested_at")

    def rejects(self, *args: str) -> list[Row]:
        result = self.cli("rejects", self.pipeline, "--json", *args)
        assert result.code == 0, result.stderr
        return result.objects

    def plan(self, *args: str) -> Result:
        return self.cli("plan", self.pipeline, *args)

    # --- listeners ---

    def listen(self, code: str) -> None:
        """Add a plugin that is told every event: ``code`` is the body of its ``event`` hook."""
        body = "\n".join("        " + line for line in code.strip().splitlines())
        (self.folder / "listener.py").write_text(LISTENER.format(body=body))
        self.configure(plugins=["./listener.py"], catalog_registrar=[{"use": "listener"}])

    def unlisten(self) -> None:
        self._sections.pop("plugins", None)
        self._sections.pop("catalog_registrar", None)
        self.configure()


@dataclass
class EmbeddedLake(Lake):
    """``pipelines/local.yaml``: a folder as the source, a SQLite catalog in a folder."""

    inbox: Path = Path()
    lakehouse: Path = Path()
    cache: Path = Path()

    def __post_init__(self) -> None:
        self.inbox = self.folder / "inbox"
        self.lakehouse = self.folder / "lakehouse"
        self.cache = self.folder / "cache"
        self.pipeline = self.folder / "pipeline.yaml"
        self.inbox.mkdir()
        (self.folder / "tmp").mkdir()
        self.configure()

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder / "tmp"),
            "LAKEFALL_INBOX": str(self.inbox),
            "LAKEFALL_LAKEHOUSE": str(self.lakehouse),
            "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
            "COLUMNS": "200",
            "LC_ALL": "C.UTF-8",
        }

    def configure(self, **sections: Any) -> None:
        base = yaml.safe_load((REPOSITORY / "pipelines" / "local.yaml").read_text())
        self._sections = merged(self._sections, sections)
        base["sniffer"] = {"use": "csv"}  # the specification's only format
        document = merged(base, merged({"cache": {"dir": str(self.cache)}}, self._sections))
        self.pipeline.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))

    def path(self, key: str) -> Path:
        return self.inbox / key

    def put(self, key: str, data: bytes | str) -> None:
        path = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.stat().st_mtime_ns if path.exists() else 0
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        while path.stat().st_mtime_ns <= before:  # the clock of some file systems is coarse
            time.sleep(0.001)
            os.utime(path)

    def delete(self, key: str) -> None:
        self.path(key).unlink()

    def drop(self, table: str) -> None:
        self.catalog().drop_table(("lakehouse", table))
        self.expected = {k: n for k, n in self.expected.items() if k[0] != table}

    def exists(self, table: str) -> bool:
        databases = list(self.lakehouse.glob("*.db"))
        return bool(databases) and self.catalog().table_exists(("lakehouse", table))

    def snapshots(self, table: str) -> list[Any]:
        if not self.exists(table):
            return []
        return [s.snapshot_id for s in self.catalog().load_table(("lakehouse", table)).snapshots()]

    def expire(self, table: str) -> None:
        """Expire every snapshot but the current one."""
        loaded = self.catalog().load_table(("lakehouse", table))
        current = loaded.current_snapshot().snapshot_id
        old = [s.snapshot_id for s in loaded.snapshots() if s.snapshot_id != current]
        loaded.maintenance.expire_snapshots().by_ids(old).commit()

    def data_files(self, table: str) -> set[Path]:
        """Data files that any of the table's snapshots knows."""
        files = self.catalog().load_table(("lakehouse", table)).inspect.all_files()
        return {Path(p.removeprefix("file://")).resolve() for p in files["file_path"].to_pylist()}

    def catalog(self) -> Any:
        from pyiceberg.catalog.sql import SqlCatalog

        databases = sorted(self.lakehouse.glob("*.db")) + sorted(self.lakehouse.glob("*.sqlite"))
        return SqlCatalog(
            "lakefall", uri=f"sqlite:///{databases[0]}", warehouse=self.lakehouse.as_uri()
        )


def wait_for(path: Path, timeout: float = 60.0) -> None:
    """Until another process has made a file."""
    end = time.monotonic() + timeout
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.01)
