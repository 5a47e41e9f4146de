"""The tables of the README, from what the others have counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.detection.column_types import COARSE, TOOLS, Scores
from benchmarks.detection.detectors import DETECTORS, ENCODINGS
from benchmarks.detection.score import line, table, versioned
from benchmarks.detection.tables import COUNTS

SHOWN_DETECTORS = ("lakefall", "DuckDB, lenient", "clevercsv", "csv.Sniffer, 8 KB")
SHOWN_TOOLS = ("lakefall", "DuckDB", "pyarrow")
WORDS = "lakefall, boolean: words"
TYPES = {
    "duckdb": "columns of DuckDB's test files",
    "vega": "columns of vega's data sets",
    "parquet": "columns of Parquet's test files, as CSV",
    f"{COARSE} temporal": "SortingHat: dates and times",
    f"{COARSE} number": "SortingHat: numbers",
    f"{COARSE} text": "SortingHat: texts",
}


def write(
    dialects: Mapping[str, Sequence[Any]],
    pollock: Mapping[str, float],
    encodings: Mapping[str, tuple[int, int]],
    types: Mapping[str, Scores],
) -> None:
    """Print them."""
    counts = [name for name in COUNTS if name not in ("files", "ms")]
    table("detector", *counts, "Pollock, of 10")
    for name in SHOWN_DETECTORS:
        if name in dialects:
            found = dict(zip(COUNTS, dialects[name], strict=False))
            score = f"{pollock[name]:.2f}" if name in pollock else ""
            shown = (str(found.get(c, "")).partition("/")[0] for c in counts)
            line(versioned(name, DETECTORS[name][1]), *shown, score)
    table("encoding by", "of all", "of those that are no UTF")
    for name, (right, legacy) in sorted(encodings.items(), key=lambda each: -each[1][0]):
        line(versioned(name, ENCODINGS[name][1]), right, legacy)
    tools = [name for name in SHOWN_TOOLS if name in types]
    table("types", "of", *(versioned(name, TOOLS[name][1]) for name in tools))
    for key, label in TYPES.items():
        line(label, types[tools[0]][key][1], *(types[name][key][0] for name in tools))
        if key == "parquet" and WORDS in types:
            right, of = types[WORDS][key]
            line("the same with `boolean: words`", of, right, *("" for _ in tools[1:]))
