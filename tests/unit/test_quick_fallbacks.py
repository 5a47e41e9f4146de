"""What first rows do not show: the result is that of all rows, whatever was assumed before."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from test_quick_types import PIPELINE, Watched, told

from lakefall.cli.parameters import open_pipeline
from lakefall.run.runner import Runner


def csv(header: str, *parts: tuple[str, int]) -> str:
    """A file of rows that come so many times."""
    return header + "\n" + "".join(f"{row}\n" * times for row, times in parts)


MINE = """
from dataclasses import dataclass, fields
from typing import ClassVar

from lakefall.contract.plugin import Plugin, hookimpl
from lakefall.tabular import conversion
from lakefall.tabular.columns import typed_columns
from lakefall_plugins.formats.csv.dialect import Dialect
from lakefall_plugins.formats.csv.options import CsvSnifferOptions
from lakefall_plugins.formats.csv.reader import CsvReader
from lakefall_plugins.formats.csv.sniffer import CsvSniffer


@dataclass(frozen=True, slots=True)
class MineDialect(Dialect):
    reader: ClassVar[str] = "mine"


class MineOptions(CsvSnifferOptions):
    reader: ClassVar[str] = "mine"


class MineSniffer(CsvSniffer, Plugin[MineOptions]):
    'As the built-in one.'

    name = "mine"

    @hookimpl
    def sniff(self, run, local, table):
        found = CsvSniffer.sniff(self, run, local, table)
        return MineDialect(**{f.name: getattr(found, f.name) for f in fields(Dialect)})


class Mine(CsvReader):
    'As the built-in one, converting itself.'

    name = "mine"

    @hookimpl
    def convert(self, run, records, plan, schema):
        columns = typed_columns(run, records, plan, schema, self.options.on_misfit)
        return conversion._convert(run, records, plan, columns, schema)
"""
DAYS = {"z.csv": csv("d,k", ("25/01/2024,k", 1), ("26/01/2024,k", 1))}
NOT_NEGATIVE = "validator: {use: pandera, columns: {c: {ge: 0}}}\n"


@dataclass(frozen=True)
class Case:
    """Files of one table by name, those of each run together."""

    runs: tuple[dict[str, str], ...]
    more: str = ""
    """What else the pipeline says."""
    inferer: str = ""
    sink: str = ""
    sniffer: str = "csv"
    files: dict[str, str] = field(default_factory=dict)
    """Beside the pipeline."""


CASES = {
    "a format is contradicted after the first rows": Case(
        (
            DAYS,
            {
                "a.csv": csv("d,k", ("01/02/2024,k", 5), ("01/25/2024,k", 5)),
                "b.csv": csv("d,k", ("03/02/2024,k", 8)),
            },
        )
    ),
    "a format is contradicted beside a file without the column": Case(
        (
            DAYS,
            {
                "a.csv": csv("k", ("k", 20)),
                "b.csv": csv("d,k", ("01/02/2024,k", 1), ("01/25/2024,k", 1)),
            },
        )
    ),
    "one file has too many rejects, another other types": Case(
        (
            {
                "a.csv": csv("c,k", ("5,k", 4), ("x,k", 20)),
                "b.csv": csv("c,k", ("7,k", 200), ("1,2,3", 40), ("7,k", 60)),
            },
        ),
        sink=", max_rejected: 1%",
    ),
    "a misfit behind batches that a validator saw": Case(
        ({"a.csv": csv("c,k", ("5,k", 150_000), ("x,k", 1))},), more=NOT_NEGATIVE
    ),
    "a long record behind batches that a validator saw": Case(
        ({"a.csv": csv("c,k", ("5,k", 150_000), ("7,k,zz", 1), ("8,k", 9))},), more=NOT_NEGATIVE
    ),
    "a rule of the validator that does not fit the assumed type": Case(
        ({"a.csv": csv("c,k", ("5,k", 5_000), ("x,k", 1_000))},),
        more="validator: {use: pandera, columns: {c: {isin: ['5', 'x']}}}\n",
    ),
    "a file fails after another was converted": Case(
        (
            {
                "a.csv": csv("c,m,n", ("5,a,2", 4), ("x,a,2", 6)),
                "b.csv": csv("c,m,n", ("7,5,2", 4), ("7,q,-1", 300)),
            },
        ),
        more="validator: {use: pandera, columns: {n: {ge: 0}}, on_violation: fail}\n",
    ),
    "an empty column of a type that the options set": Case(
        ({"a.csv": csv("d,k", (",k", 20))},), inferer=", columns: {d: date}"
    ),
    "an empty column of a table that keeps its types": Case(
        ({"z.csv": csv("d,k", ("5,k", 2))}, {"a.csv": csv("d,k", (",k", 20))}),
        sink=", on_type_conflict: fail",
    ),
    "the first type that qualifies, and a silent file": Case(
        (
            {
                "a.csv": csv("d,k", ("5,k", 1), ("6,k", 1), ("7,k", 4)),
                "b.csv": csv("d,k", (",k", 5), ("1,k", 60)),
            },
        ),
        inferer=", choose: first",
    ),
    "a reader that proves nothing": Case(
        ({"a.csv": csv("c,k", ("5,k", 4), ("x,k", 20))},),
        more="plugins: [mine.py]\n",
        sniffer="mine",
        files={"mine.py": MINE},
    ),
}


def outcome_of(folder: Path, case: Case) -> list[Any]:
    """What all runs said, and what the table holds in the end."""
    (folder / "in" / "t").mkdir(parents=True)
    text = PIPELINE.format(folder=folder)
    text = text.replace("sample_rows: 4", "sample_rows: 4" + case.inferer)
    text = text.replace('/lake"}', '/lake"}' + case.sink) + case.more
    text = text.replace("use: csv, header", f"use: {case.sniffer}, header")
    (folder / "p.yaml").write_text(text)
    for name, content in case.files.items():
        (folder / name).write_text(content)
    found: list[Any] = []
    for files in case.runs:
        for name, content in files.items():
            (folder / "in" / "t" / name).write_text(content)
        report = Runner(open_pipeline(folder / "p.yaml", [])).run()
        found += sorted(map(told, report.outcomes), key=lambda each: str(each[0]))
        found += sorted(report.warnings)
    with Runner(open_pipeline(folder / "p.yaml", [])).start() as run:
        rows = run.pipeline.query(
            run, "SELECT * EXCLUDE (_ingested_at), count(*) FROM t GROUP BY ALL"
        )
        found += [str(rows.schema), sorted(map(str, rows.to_pylist()))]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_was_assumed_leaves_no_trace(tmp_path: Path, case: Case) -> None:
    results = []
    for quick in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            watched = Watched(patch, quick=quick)
            results.append(outcome_of(tmp_path / f"quick-{quick}", case))
            assert len(watched.assumed) < 8
    assert results[0] == results[1]
