"""Scores the types that are inferred for the columns of labelled public files.

    python -m benchmarks.detection.column_types [--bench FOLDER] [--halves] [--misses] [--only NAME]

The files and the scorer are not part of this repository: they are read from a folder beside it
(``../shared/bench``), which holds ``types/`` and ``score_types.py``. Tools that are not installed
are left out by name.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.detection.score import half, installed, line, table

ROOT = Path(__file__).resolve().parents[2]
SETS = ("duckdb", "vega", "parquet")
COARSE = "sortinghat"
EXPECTED = ("temporal", "number", "text")
SHOWN = 100
"""Characters of cells in a table."""
Detector = Callable[[str], dict[str, str]]
"""Path -> column as in the header -> name of its type."""
GENERATE = "sniffer.on_missing_header=generate"
SHORT_YEARS = "type_inferer.two_digit_years=true"
WORDS = "type_inferer.boolean=words"
EVERY_VALUE = "type_inferer.threshold=100%"
"""The rule of the other tools: one value that does not parse makes a column text."""
MORE = "type_inferer.types=[boolean, integer, bigint, double, date, time, timestamp, timestamp_tz]"
RUNS = ExitStack()
"""Runs of pipelines that stay open while files are looked at."""


def lakefall(*options: str) -> Detector:
    """`lakefall infer` under the defaults and these options."""

    @cache
    def run() -> Any:
        from lakefall.cli.files import scratch_run

        return RUNS.enter_context(scratch_run(None, list(options)))

    def detect(path: str) -> dict[str, str]:
        from lakefall.run import single_file

        return {c.source_name: c.type for c in single_file.infer(run(), Path(path)).columns}

    return detect


def duckdb(path: str) -> dict[str, str]:
    import duckdb as engine

    with engine.connect() as connection:
        rows = connection.execute("SELECT Columns FROM sniff_csv(?)", [path]).fetchall()
    return {column["name"]: column["type"] for column in rows[0][0]}


def pyarrow(path: str) -> dict[str, str]:
    from pyarrow import csv

    return {field.name: str(field.type) for field in csv.read_csv(path).schema}


def polars(path: str) -> dict[str, str]:
    library = importlib.import_module("polars")
    frame = library.read_csv(path, try_parse_dates=True, infer_schema_length=None)
    return {name: str(kind) for name, kind in frame.schema.items()}


TOOLS: dict[str, tuple[Detector, str]] = {
    "lakefall": (lakefall(GENERATE, SHORT_YEARS, MORE), "lakefall_plugins"),
    "lakefall, boolean: words": (lakefall(GENERATE, SHORT_YEARS, MORE, WORDS), "lakefall_plugins"),
    "lakefall, threshold: 100%": (
        lakefall(GENERATE, SHORT_YEARS, MORE, EVERY_VALUE),
        "lakefall_plugins",
    ),
    "lakefall, defaults": (lakefall(), "lakefall_plugins"),
    "DuckDB": (duckdb, "duckdb"),
    "pyarrow": (pyarrow, "pyarrow"),
    "polars": (polars, "polars"),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One labelled column, and what a tool said."""

    set: str
    half: str
    path: str
    name: str
    expected: str
    found: str
    right: bool
    cells: str = ""
    """Of a column that is nothing but these."""


def exact(scorer: Any, base: Path, detector: Detector) -> Iterator[Column]:
    """The columns of whole files, scored by the scorer's own rule."""
    for name in SETS:
        for text in (base / f"types_{name}.jsonl").read_text(encoding="utf-8").splitlines():
            label = json.loads(text)
            path = label["path"]
            try:
                found = detector(str(base / path))
            except Exception as error:  # noqa: BLE001 -- counted as wrong, as the scorer does
                found = {"": f"{type(error).__name__}"}
            by_name = {column.strip().lower(): kind for column, kind in found.items()}
            for position, (column, expected) in enumerate(label["columns"].items()):
                kind = by_name.get(column.strip().lower())
                if kind is None and len(found) == len(label["columns"]):
                    kind = list(found.values())[position]
                right = kind is not None and scorer.ok(expected, kind, name)
                yield Column(name, half(path), path, column, expected, kind or "-", right)


def coarse(scorer: Any, base: Path, detector: Detector) -> Iterator[Column]:
    """SortingHat's columns of five values each: temporal, number or text."""
    with tempfile.TemporaryDirectory() as folder:
        for number, text in enumerate((base / f"types_{COARSE}.jsonl").open(encoding="utf-8")):
            path = f"types_{COARSE}.jsonl:{number}"
            label = json.loads(text)
            alone = Path(folder)
            (alone / f"types_{COARSE}.jsonl").write_text(text, encoding="utf-8")
            said: list[str] = []

            def listen(file: str, said: list[str] = said) -> dict[str, str]:
                found = detector(file)
                said.extend(found.values())
                return found

            scores, _ = scorer.sortinghat(listen, str(alone))
            expected = label["expect"]
            yield Column(
                COARSE,
                half(path),
                path,
                str(label["name"]),
                expected,
                said[0] if said else "-",
                scores[expected] == "1/1",
                " \u00b7 ".join(map(str, label["samples"])),
            )


Scores = dict[str, tuple[int, int]]
"""Set, for SortingHat with the class -> columns that are right, of how many."""


def main(
    bench: Path, *, halves: bool, misses: bool = False, only: Sequence[str] = ()
) -> dict[str, Scores]:
    """Print a table of every tool's scores; with ``misses``, what lakefall got wrong."""
    base = bench / "types"
    scorer = importlib.import_module("score_types")
    found: dict[str, Scores] = {}
    wrong: list[Column] = []
    table("types", "half", *SETS, *(f"SortingHat {e}" for e in EXPECTED))
    for name, (detector, module) in TOOLS.items():
        if (only and name not in only) or not installed(name, module):
            continue
        columns = [*exact(scorer, base, detector), *coarse(scorer, base, detector)]
        for part in ("a", "b") if halves else ():
            _line(name, part, scores([c for c in columns if c.half == part]))
        found[name] = scores(columns)
        _line(name, "both", found[name])
        if misses and name in (only or ("lakefall",)):
            wrong += [c for c in columns if not c.right]
    if wrong:
        table("file", "half", "column", "label", "answer", "cells")
    for each in wrong:
        line(each.path, each.half, each.name, each.expected, each.found, _cell(each.cells))
    RUNS.close()
    return found


def scores(columns: Sequence[Column]) -> Scores:
    """The columns counted, those of each set."""

    def count(chosen: list[Column]) -> tuple[int, int]:
        return sum(c.right for c in chosen), len(chosen)

    found = {each: count([c for c in columns if c.set == each]) for each in SETS}
    for expected in EXPECTED:
        found[f"{COARSE} {expected}"] = count(
            [c for c in columns if (c.set, c.expected) == (COARSE, expected)]
        )
    return found


def _line(name: str, part: str, found: Scores) -> None:
    line(name, part, *(f"{right}/{of}" for right, of in found.values()))


def _cell(text: str) -> str:
    """A text that fits into a table of Markdown."""
    plain = " ".join(text.replace("|", "\\|").split())
    return plain if len(plain) <= SHOWN else f"{plain[:SHOWN]}..."


def _command_line() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bench", type=Path, default=ROOT.parent / "shared" / "bench")
    parser.add_argument("--halves", action="store_true", help="each set in two halves by name")
    parser.add_argument("--misses", action="store_true", help="name the columns that are wrong")
    parser.add_argument("--only", action="append", default=[], choices=list(TOOLS))
    options = parser.parse_args()
    bench = options.bench.resolve()
    if not (bench / "score_types.py").exists():
        print(
            f"SKIPPED: no benchmark data in {bench}; name its folder with --bench", file=sys.stderr
        )
        return 0
    sys.path.insert(0, str(bench))
    main(bench, halves=options.halves, misses=options.misses, only=options.only)
    return 0


if __name__ == "__main__":
    sys.exit(_command_line())
