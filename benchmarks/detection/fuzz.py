"""Mutated files through sniffer, reader and converter: no crash, no hang, no record lost.

    python -m benchmarks.detection.fuzz [--files 20000] [--seed N] [--bench FOLDER] [--only N]

Files come from the benchmark's folder where it is there, and from the habits that ``habits``
makes up. Each file's damage follows from the seed and its number alone: ``--only`` repeats one,
and ``--first`` goes on where another run ended.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import process_time
from typing import Any

from benchmarks.detection import habits_of_cells  # noqa: F401 -- registers its habits
from benchmarks.detection.habits import HABITS
from benchmarks.detection.laws import BrokenLawError, Opened, check
from benchmarks.detection.loaders import local_file, pipeline_run, rows_of
from benchmarks.detection.mutating import MOST_BYTES, mutated

from lakefall.tabular.expressions import BLANKS

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 2.0
"""Seconds of work that no file may take."""
TYPED_COLUMNS = 100
"""Columns that are converted: the engine takes its time to plan thousands."""
TYPES = ("VARCHAR", "VARCHAR", "INTEGER", "DOUBLE", "DATE", "BOOLEAN")


@dataclass(frozen=True, slots=True)
class Case:
    """What became of one file."""

    number: int
    origin: str
    outcome: str
    """``loaded``, or the name of the error that refused it."""
    problem: str
    """What went wrong; ``''`` for nothing."""
    seconds: float


def origins(bench: Path | None) -> list[str]:
    """Where files come from: paths, and ``habit:`` names."""
    found = [f"habit:{name}" for name in sorted(HABITS)]
    if bench is not None and bench.is_dir():
        found += sorted(str(p) for p in bench.glob("*/files/*") if p.is_file())
    return found


def source(origin: str, chance: Random) -> bytes:
    """The bytes of a file before its damage."""
    kind, _, name = origin.partition("habit:")
    if not kind and name:
        return HABITS[name](chance, chance.choice([2, 5, 20, 100])).data
    with Path(origin).open("rb") as stream:
        return stream.read(MOST_BYTES)


def one(
    number: int, seed: int, sources: Sequence[str], run: Any, seconds_at_most: float = SECONDS
) -> Case:
    """Damage a file, and take it through all steps.

    Args:
        run: of a pipeline with sniffer and reader ``csv``.
        seconds_at_most: of CPU; more is a problem of the case.
    """
    chance = Random(f"{seed}:{number}")
    origin = chance.choice(sources)
    raw = mutated(source(origin, chance) or b"\n", chance)
    began = process_time()
    with tempfile.TemporaryDirectory(prefix="fuzz_") as folder:
        path = Path(folder) / "file.csv"
        path.write_bytes(raw)
        try:
            outcome, problem = _steps(path, run, chance), ""
        except BrokenLawError as error:
            outcome, problem = "loaded", str(error)
        except Exception:  # noqa: BLE001 -- whatever it is, it is a finding
            outcome, problem = "crash", traceback.format_exc(limit=-4)
    seconds = process_time() - began
    if seconds > seconds_at_most and not problem:
        problem = f"{seconds:.1f} s"
    return Case(number, origin, outcome, problem, seconds)


def _steps(path: Path, run: Any, chance: Random) -> str:
    import dataclasses

    from lakefall.contract.errors import LakefallError, TooManyRejectsError
    from lakefall.tabular.conservation import opened as opened_file

    local = local_file(path)
    run = dataclasses.replace(run, workdir=path.parent / "scratch")
    try:
        dialect = run.pipeline.sniff(run, local, None)
        records = opened_file(run, local, dialect)
    except TooManyRejectsError:
        return "TooManyRejectsError"
    except LakefallError as error:
        return type(error).__name__
    opened = Opened(path, records, rows_of(records, run), _rejects(records.rejects))
    check(opened)
    _convert(opened, run, chance)
    return "loaded"


def _rejects(path: Path | None) -> list[Any]:
    import pyarrow.parquet as pq

    from lakefall.contract.values import Reject

    return [] if path is None else [Reject(**row) for row in pq.read_table(path).to_pylist()]


def _convert(opened: Opened, run: Any, chance: Random) -> None:
    """Types by chance: each row is written or rejected, each value that does not parse is kept."""
    import pyarrow.parquet as pq

    from lakefall.common import naming
    from lakefall.contract.errors import TooManyRejectsError
    from lakefall.contract.plugin import Stage
    from lakefall.contract.values import PlannedColumn, Schema, TablePlan
    from lakefall.tabular.conversion import convert

    (use,) = run.pipeline.config.uses[Stage.TYPE_INFERER]
    inferer: Any = use.plugin(use.options)
    names = naming.column_names(opened.records.header, transliterate=True)
    columns = tuple(
        PlannedColumn(n, kind, "%Y-%m-%d" if kind == "DATE" else "", 10 + at)
        for at, (n, kind) in enumerate((n, chance.choice(TYPES)) for n in names[:TYPED_COLUMNS])
    )
    try:
        plan = TablePlan("t", True, columns, 1, 2)
        done = convert(run, opened.records, plan, Schema((), settings=inferer.settings()))
    except TooManyRejectsError:
        return
    tables = [pq.read_table(path) for path in done.paths]
    rejects = _rejects(done.rejects)
    nulls = sum(table.column(column.name).null_count for table in tables for column in columns)
    pairs = (pair for row in opened.rows for pair in zip(row, columns, strict=False))
    empty = sum(_is_null(cell, column.type) for cell, column in pairs)
    facts = {
        "rows written": (sum(map(len, tables)), done.rows_loaded),
        "rows loaded and rejected": (done.rows_loaded + done.rows_rejected, done.rows_read),
        "records rejected": (sum(not r.column for r in rejects), done.rows_rejected),
        "values kept": (sum(bool(r.column) for r in rejects), done.cells_nulled),
        "NULLs": (nulls, empty + done.cells_nulled),
    }
    for what, (found, told) in facts.items():
        if found != told:
            raise BrokenLawError(f"convert: {what}: {found}, not {told}")


def _is_null(cell: str | None, kind: str) -> bool:
    """Whether a cell stands for no value, under the default tokens."""
    return cell is None or (kind != "VARCHAR" and cell.strip(BLANKS) in ("", "NULL", "null", "\\N"))


OPTIONS = (
    "sniffer.on_missing_header=generate",
    "sniffer.min_confidence=0",
    "sink.max_rejected=100%",
)


def many(
    numbers: Sequence[int], seed: int, bench: Path | None, seconds_at_most: float = SECONDS
) -> list[Case]:
    """Several cases in one process."""
    sources = origins(bench)
    with pipeline_run(*OPTIONS) as run:
        _warm_up(run)
        return [one(number, seed, sources, run, seconds_at_most) for number in numbers]


def _warm_up(run: Any) -> None:
    """Take a sound file through all steps: what a process does once, such as loading libraries, is
    no file's work."""
    with tempfile.TemporaryDirectory(prefix="fuzz_") as folder:
        path = Path(folder) / "file.csv"
        path.write_bytes(HABITS["plain"](Random(0), 5).data)
        _steps(path, run, Random(0))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 31))
    parser.add_argument("--bench", type=Path, default=ROOT.parent / "shared" / "bench")
    parser.add_argument("--first", type=int, default=0, help="the number of the first case")
    parser.add_argument("--only", type=int, help="the number of one case, with its traceback")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    bench = options.bench.resolve()
    if not bench.is_dir():
        print(f"no public files in {bench}: made-up ones only", file=sys.stderr)
    print(f"seed {options.seed}", flush=True)
    if options.only is not None:
        print(many([options.only], options.seed, bench)[0])
        return 0
    numbers = range(options.first, options.first + options.files)
    return _all(numbers, options.seed, bench, options.processes)


def _all(numbers: range, seed: int, bench: Path, processes: int) -> int:
    outcomes: Counter[str] = Counter()
    problems: list[Case] = []
    slowest, done = 0.0, 0
    chunks = [numbers[at : at + 200] for at in range(0, len(numbers), 200)]
    with ProcessPoolExecutor(processes) as pool:
        futures = [(chunk, pool.submit(many, chunk, seed, bench)) for chunk in chunks]
        for chunk, future in futures:
            try:
                cases = future.result()
            except BrokenProcessPool:
                print(f"a process died on one of the cases {chunk.start} to {chunk.stop - 1}")
                return 1
            for case in cases:
                done += 1
                outcomes[case.outcome] += 1
                slowest = max(slowest, case.seconds)
                if case.problem:
                    problems.append(case)
                    print(
                        f"case {case.number} of seed {seed}, {case.origin}: {case.problem}",
                        flush=True,
                    )
    print(f"{done:,} files: {dict(outcomes.most_common())}")
    print(f"slowest {slowest:.2f} s of work; {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
