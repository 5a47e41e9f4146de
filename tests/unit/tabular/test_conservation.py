"""Whatever a plugin says, the core counts: a lie fails the file, and nothing is committed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lakefall.config.loader import open_pipeline
from lakefall.contract.values import Outcome, Status
from lakefall.run.runner import Runner

READER = """
from dataclasses import dataclass, fields, replace
from typing import ClassVar

from lakefall.common import sql
from lakefall.contract.plugin import Plugin, hookimpl
from lakefall.tabular import conversion
from lakefall.tabular.columns import typed_columns
from lakefall_plugins.formats.csv.dialect import Dialect
from lakefall_plugins.formats.csv.options import CsvSnifferOptions
from lakefall_plugins.formats.csv.reader import CsvReader
from lakefall_plugins.formats.csv.sniffer import CsvSniffer


@dataclass(frozen=True, slots=True)
class LiarDialect(Dialect):
    reader: ClassVar[str] = "liar"


class LiarOptions(CsvSnifferOptions):
    reader: ClassVar[str] = "liar"


class LiarSniffer(CsvSniffer, Plugin[LiarOptions]):
    "Recognises what the reader lies about."

    name = "liar"

    @hookimpl
    def sniff(self, run, local, table):
        found = CsvSniffer.sniff(self, run, local, table)
        return LiarDialect(**{f.name: getattr(found, f.name) for f in fields(Dialect)})


class Liar(CsvReader):
    "Lies."

    name = "liar"
"""
OPENING = """
    @hookimpl
    def open(self, run, local, format, quick=False):
        found = CsvReader.open(self, run, local, format, False)
        return replace(found, scan=None, **{lie})
"""
CONVERTING = """
    @hookimpl
    def convert(self, run, records, plan, schema):
        columns = typed_columns(run, records, plan, schema, "null")
        done = conversion._convert(run, records, plan, columns, schema)
        [path] = done.paths
        lie = path.with_name("lie.parquet")
        with sql.connect(run.pipeline.config.engine, run.workdir) as db:
            db.execute(f"COPY (FROM '{{path}}' {query}) TO '{{lie}}' (FORMAT parquet)")
        return replace(done, paths=(lie,), **{lie})
"""
SINK = """
from dataclasses import replace

from lakefall.contract.plugin import hookimpl
from lakefall_plugins.sinks.iceberg.sink import IcebergSink


class Liar(IcebergSink):
    "Lies about what it wrote."

    name = "liar"

    @hookimpl
    def load(self, run, plan, files):
        loaded = IcebergSink.load(self, run, plan, files)
        return replace(loaded, outcomes=tuple({lie}))
"""
PIPELINE = """
version: 1
source: {{use: folder, path: {folder}/in}}
sniffer: {{use: {sniffer}}}
sink: {{use: {sink}, catalog: {{type: sqlite, warehouse: {folder}/lake}}}}
plugins: [liar.py]
"""
ROWS = "n,text\n1,a\n2,b\nnot a record\n3,c\n"
"""Three good records and a short one."""


def run(folder: Path, plugin: str, *, sniffer: str = "liar", sink: str = "iceberg") -> Outcome:
    (folder / "in" / "t").mkdir(parents=True)
    (folder / "in" / "t" / "a.csv").write_text(ROWS)
    (folder / "liar.py").write_text(plugin)
    path = folder / "p.yaml"
    path.write_text(PIPELINE.format(folder=folder, sniffer=sniffer, sink=sink))
    (outcome,) = Runner(open_pipeline(path)).run().outcomes
    return outcome


def history(folder: Path) -> list[Any]:
    with Runner(open_pipeline(folder / "p.yaml")).start() as again:
        return [(e.status, e.loaded_rows) for e in again.pipeline.history(again)]


def state(folder: Path) -> Any:
    with Runner(open_pipeline(folder / "p.yaml")).start() as again:
        return again.pipeline.describe(again, "t")


def assert_refused(folder: Path, outcome: Outcome, *words: str) -> None:
    assert outcome.status is Status.FAILED
    assert not [word for word in words if word not in outcome.error], outcome.error
    assert state(folder) is None
    assert history(folder) == [("failed", 0)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lie", "words"),
    {
        "a row too few": ('{"sql": f"(FROM {found.sql} LIMIT 2)"}', "but 2 rows written"),
        "a row too many": (
            "{\"sql\": f\"(FROM {found.sql} UNION ALL SELECT '4', 'd')\"}",
            "but 4 rows written",
        ),
        "a row twice": (
            '{"sql": f"(FROM {found.sql} UNION ALL FROM {found.sql} LIMIT 4)"}',
            "but 4 rows written",
        ),
        "records that are neither good nor rejected": ('{"rows_read": 5}', "read 5 records"),
        "rejects that are not in the file": (
            '{"rows_rejected": 2, "rows_read": 5}',
            "its rejects file holds 1 records",
        ),
        "no rejects file": ('{"rejects": None}', "its rejects file holds 0 records"),
    }.values(),
)
def test_a_reader_that_lies(tmp_path: Path, lie: str, words: str) -> None:
    outcome = run(tmp_path, READER + OPENING.format(lie=lie))
    assert_refused(tmp_path, outcome, "t/a.csv", "reader 'liar'", words, "nothing was loaded")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "lie", "words"),
    {
        "a row too few": ("LIMIT 2", '{"rows_loaded": 2}', "3 good records"),
        "a row too few, not counted": ("LIMIT 2", "{}", "3 good records"),
        "a row too many": (
            "UNION ALL SELECT 4, 'd', 't/a.csv', now()::TIMESTAMP",
            '{"rows_loaded": 4}',
            "3 good records",
        ),
        "a row twice and another not": (
            "WHERE n < 3 UNION ALL FROM (SELECT 1, 'a', 't/a.csv', now()::TIMESTAMP)",
            "{}",
            "1 of 3 rows",
        ),
        "rejects that are not in the file": (
            "WHERE n < 3",
            '{"rows_loaded": 2, "rows_rejected": 2}',
            "the rejects file holds 1 records",
        ),
    }.values(),
)
def test_a_converter_that_lies(tmp_path: Path, query: str, lie: str, words: str) -> None:
    plugin = READER + CONVERTING.format(query=query, lie=lie)
    assert_refused(tmp_path, run(tmp_path, plugin), "t/a.csv", "reader 'liar'", words)


def test_a_converter_that_tells_the_truth(tmp_path: Path) -> None:
    outcome = run(tmp_path, READER + CONVERTING.format(query="", lie="{}"))
    assert (outcome.status, outcome.rows_loaded, outcome.rows_rejected) == (Status.SUCCESS, 3, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lie", "words"),
    {
        "a row too few": (
            "replace(o, rows_loaded=o.rows_loaded - 1) for o in loaded.outcomes",
            "loaded 2 rows, but the Parquet files hold 3",
        ),
        "a row too many": (
            "replace(o, rows_loaded=o.rows_loaded + 1) for o in loaded.outcomes",
            "loaded 4 rows, but the Parquet files hold 3",
        ),
        "a file that it does not answer for": ("o for o in ()", "1 files of table 't'"),
        "a file that it answers for twice": (
            "o for o in (*loaded.outcomes, *loaded.outcomes)",
            "answered for 2",
        ),
    }.values(),
)
def test_a_sink_that_lies_is_not_believed(tmp_path: Path, lie: str, words: str) -> None:
    """The registry has no success, and the next run loads the file again."""
    outcome = run(tmp_path, SINK.format(lie=lie), sniffer="csv", sink="liar")
    assert outcome.status is Status.FAILED
    assert "sink 'liar'" in outcome.error
    assert words in outcome.error
    assert [status for status, _ in history(tmp_path)] == ["failed"]
