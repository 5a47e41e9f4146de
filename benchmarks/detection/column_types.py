"""Scores the types that are inferred for the columns of labelled public files.

    python benchmarks/detection/column_types.py [--bench FOLDER] [--halves] [--misses] [--only NAME]

The files and the scorer are not part of this repository: they are read from a folder beside it
(``../shared/bench``), which holds ``types/`` and ``score_types.py``. Tools that are not installed
are left out by name. (Called ``types.py``, this module would hide Python's own.)
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

ROOT = Path(__file__).resolve().parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / "framework"), str(ROOT / "plugins")]

from score import half, installed  # noqa: E402 -- it lies beside this file

SETS = ("duckdb", "vega", "parquet")
COARSE = "sortinghat"
EXPECTED = ("temporal", "number", "text")
Detector = Callable[[str], dict[str, str]]
"""Path -> column as in the header -> name of its type."""
GENERATE = "sniffer.on_missing_header=generate"
SHORT_YEARS = "type_inferer.two_digit_years=true"
WORDS = "type_inferer.boolean=words"
MORE = "type_inferer.types=[boolean, integer, bigint, double, date, time, timestamp, timestamp_tz]"
RUNS = ExitStack()
"""Runs of pipelines that stay open while files are looked at."""


def lakefall(*options: str) -> Detector:
    """`lakefall infer` under the defaults and these options."""

    @cache
    def run() -> Any:
        from lakefall.cli.files import DEFAULTS
        from lakefall.config.loader import open_pipeline
        from lakefall.runner import Runner

        folder = RUNS.enter_context(tempfile.TemporaryDirectory())
        pipeline = Path(folder) / "defaults.yaml"
        pipeline.write_text(DEFAULTS.format(folder=json.dumps(folder)), encoding="utf-8")
        opened = open_pipeline(pipeline, sets=list(options))
        return RUNS.enter_context(Runner(opened).start(dry_run=True))

    def detect(path: str) -> dict[str, str]:
        from lakefall import inspection

        return {c.source_name: c.type for c in inspection.infer(run(), Path(path)).columns}

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


def exact(scorer: Any, base: Path, detector: Detector) -> Iterator[Column]:
    """The columns of whole files, scored by the scorer's own rule."""
    for name in SETS:
        for line in (base / f"types_{name}.jsonl").read_text(encoding="utf-8").splitlines():
            label = json.loads(line)
            try:
                found = detector(str(base / label["path"]))
            except Exception as error:  # noqa: BLE001 -- counted as wrong, as the scorer does
                found = {"": f"{type(error).__name__}"}
            by_name = {column.strip().lower(): kind for column, kind in found.items()}
            for position, (column, expected) in enumerate(label["columns"].items()):
                kind = by_name.get(column.strip().lower())
                if kind is None and len(found) == len(label["columns"]):
                    kind = list(found.values())[position]
                right = kind is not None and scorer.ok(expected, kind, name)
                yield Column(
                    name, half(label["path"]), label["path"], column, expected, kind or "-", right
                )


def coarse(scorer: Any, base: Path, detector: Detector) -> Iterator[Column]:
    """SortingHat's columns of five values each: temporal, number or text."""
    classes = {"int": "number", "float": "number", "bool": "number", "text": "text"}
    with tempfile.TemporaryDirectory() as folder:
        for number, line in enumerate((base / f"types_{COARSE}.jsonl").open(encoding="utf-8")):
            path = f"types_{COARSE}.jsonl:{number}"
            label = json.loads(line)
            alone = Path(folder)
            (alone / f"types_{COARSE}.jsonl").write_text(line, encoding="utf-8")
            said: list[str] = []

            def listen(file: str, said: list[str] = said) -> dict[str, str]:
                found = detector(file)
                said.extend(found.values())
                return found

            scores, _ = scorer.sortinghat(listen, str(alone))
            expected = label["expect"]
            found = said[0] if said else "-"
            kind = classes.get(scorer.cls(found), "temporal") if said else "-"
            right = scores[expected] == "1/1"
            yield Column(
                COARSE, half(path), path, str(label["name"]), expected, f"{kind} ({found})", right
            )


def main(bench: Path, *, halves: bool, misses: bool = False, only: Sequence[str] = ()) -> None:
    """Print a table of every tool's scores; with ``misses``, what lakefall got wrong."""
    base = bench / "types"
    scorer = importlib.import_module("score_types")
    heads = ("types", "half", *SETS, *(f"SortingHat {e}" for e in EXPECTED))
    print(f"\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    wrong: list[Column] = []
    for name, (detector, module) in TOOLS.items():
        if (only and name not in only) or not installed(name, module):
            continue
        columns = [*exact(scorer, base, detector), *coarse(scorer, base, detector)]
        for part in ("a", "b", "") if halves else ("",):
            print(_line(name, part, [c for c in columns if not part or c.half == part]), flush=True)
        if misses and name in (*only, "lakefall, boolean: words"):
            wrong += [c for c in columns if not c.right]
    for each in wrong:
        print(
            f"{each.path} (half {each.half}): {each.name!r} is {each.expected}, {each.found} said"
        )
    RUNS.close()


def _line(name: str, part: str, columns: Sequence[Column]) -> str:
    def share(chosen: list[Column]) -> str:
        return f"{sum(c.right for c in chosen)}/{len(chosen)}"

    cells = [share([c for c in columns if c.set == each]) for each in SETS]
    cells += [
        share([c for c in columns if c.set == COARSE and c.expected == each]) for each in EXPECTED
    ]
    return f"| {name} | {part or 'both'} | {' | '.join(cells)} |"


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
