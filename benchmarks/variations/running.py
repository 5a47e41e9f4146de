"""Made-up CSV files of known truth, read by lakefall, and what became of each.

A kind is a function that writes one file from a source of chance and says what a careful person
reads in it. Its group is the module that it stands in. Each file follows from seed, group, kind and
number alone, so that one can be made again. Nothing here is taken from a benchmark.
"""

from __future__ import annotations

import dataclasses
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from random import Random
from time import process_time
from typing import Any

from benchmarks.detection.loaders import local_file, pipeline_run, rows_of

RIGHT, REFUSED, WRONG = "right", "refused", "silently wrong"
SURE = 0.9
OPTIONS = ("sniffer.on_missing_header=generate",)
"""A file without header is read all the same, so that its records are compared."""


@dataclass(frozen=True, slots=True)
class Variation:
    """One file and what stands in it."""

    data: bytes
    header: tuple[str, ...]
    """The names of the columns; ``()`` for a file without."""
    rows: list[list[str]]
    """The records that are loaded, cell by cell; an empty cell and NULL are the same."""
    rejected: int = 0
    """Records that cannot be loaded, and have to be rejected."""
    refused: str = ""
    """A regular expression that the error has to match, where the file has to be refused."""
    types: dict[str, str] = field(default_factory=dict)
    """Types that columns have to be given: ``VARCHAR``, or several between ``|``."""
    typed: dict[str, list[Any]] = field(default_factory=dict)
    """Values that the table has to hold: numbers, and days as ISO texts."""
    ambiguous: bool = False
    """Nobody can know: any answer is right whose confidence is below 0.9."""


Kind = Callable[[Random], Variation]
KINDS: dict[str, dict[str, Kind]] = {}
"""By group and name."""


def kind(function: Kind) -> Kind:
    """Register a kind under its module's and its own name."""
    group = function.__module__.rpartition(".")[2]
    KINDS.setdefault(group, {})[function.__name__.replace("_", " ")] = function
    return function


def load_groups(folder: Path = Path(__file__).parent) -> list[str]:
    """Import all modules with kinds; the names of the groups."""
    for path in sorted(folder.glob("[a-z]*.py")):
        import_module(f"benchmarks.variations.{path.stem}")
    return sorted(KINDS)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file."""

    group: str
    kind: str
    number: int
    result: str
    """``right``, ``refused`` or ``silently wrong``."""
    what: str = ""
    """What is not as it should be."""
    confidence: float = 0.0
    seconds: float = 0.0
    """Of CPU for the sniffer."""


def variation(seed: int, group: str, name: str, number: int) -> Variation:
    return KINDS[group][name](Random(f"{seed}:{group}:{name}:{number}"))


def outcomes(
    seed: int, groups: Iterable[str], numbers: Iterable[int], only: str = ""
) -> Iterator[Outcome]:
    """Read files of all kinds of some groups.

    Args:
        numbers: which file of each kind.
        only: a part of the kinds' names.
    """
    chosen = list(numbers)
    with pipeline_run(*OPTIONS) as run, tempfile.TemporaryDirectory(prefix="vary_") as folder:
        path = Path(folder) / "file.csv"
        for group in groups:
            for name in KINDS[group]:
                if only not in name:
                    continue
                for number in chosen:
                    made = variation(seed, group, name, number)
                    path.write_bytes(made.data)
                    yield Outcome(group, name, number, *read(path, made, run))


def read(path: Path, made: Variation, run: Any) -> tuple[str, str, float, float]:
    """Result, what differs, confidence and seconds of CPU of one file."""
    from lakefall.contract.errors import LakefallError
    from lakefall.tabular.conservation import opened

    local = local_file(path)
    run = dataclasses.replace(run, workdir=path.parent / "scratch")
    began = process_time()
    try:
        dialect = run.pipeline.sniff(run, local, None)
        seconds = process_time() - began
        records = opened(run, local, dialect)
    except LakefallError as error:
        if made.ambiguous or (made.refused and re.search(made.refused, str(error))):
            return RIGHT, "", 0.0, process_time() - began
        return REFUSED, f"{type(error).__name__}: {error}", 0.0, process_time() - began
    sure: float = getattr(dialect, "confidence", 1.0)
    if made.ambiguous and sure < SURE:
        return RIGHT, "", sure, seconds
    rows = [[cell or "" for cell in row] for row in rows_of(records, run)]
    what = _difference(made, dialect, records, rows) or _types(made, run, records)
    if not what:
        return RIGHT, "", sure, seconds
    told = records.rows_rejected > made.rejected and _is_part(rows, made.rows)
    return REFUSED if told else WRONG, what, sure, seconds


def _difference(made: Variation, dialect: Any, records: Any, rows: list[list[str]]) -> str:
    if made.refused:
        return f"loaded, and to be refused: {made.refused}"
    header = tuple(records.header) if getattr(dialect, "has_header", True) else ()
    if header != made.header:
        return f"header {header}, expected {made.header}"
    if len(rows) != len(made.rows):
        return f"{len(rows)} rows, expected {len(made.rows)}; {records.rows_rejected} rejected"
    for at, (row, expected) in enumerate(zip(rows, made.rows, strict=True), 1):
        if row != expected:
            return f"row {at} {row}, expected {expected}"
    if records.rows_rejected != made.rejected:
        return f"{records.rows_rejected} rejected, expected {made.rejected}"
    return ""


def _is_part(rows: list[list[str]], expected: list[list[str]]) -> bool:
    """Whether all that is loaded is right, in its order."""
    rest = iter(expected)
    return all(row in rest for row in rows)


def _types(made: Variation, run: Any, records: Any) -> str:
    if not made.types:
        return ""
    schema = run.pipeline.infer(run, [records], None)
    found = {column.source_name or column.name: column.type for column in schema.columns}
    for name, expected in made.types.items():
        if found.get(name) not in expected.split("|"):
            return f"{name} is {found.get(name)}, expected {expected}"
    for column in schema.columns:
        expected_values = made.typed.get(column.source_name)
        if expected_values is not None:
            cells = [row[records.header.index(column.source_name)] for row in made.rows]
            values = _values(run, column, cells, schema)
            for cell, value, right in zip(cells, values, expected_values, strict=True):
                if value != right:
                    return f"{column.source_name}: {cell} is {value}, expected {right}"
    return ""


def _values(run: Any, column: Any, cells: list[str], schema: Any) -> list[Any]:
    """What cells are in the column's type; days as ISO texts."""
    import duckdb

    from lakefall.tabular import expressions

    reading = run.pipeline.type_for(column.type, column.format, schema.settings)
    value = expressions.value(reading, "x", schema.settings.null_values)
    with duckdb.connect() as connection:
        table = "(SELECT unnest(?) AS x)"
        found = connection.execute(f"SELECT {value} FROM {table}", [cells]).fetchall()
    return [str(v) if hasattr(v, "isoformat") else v for (v,) in found]
