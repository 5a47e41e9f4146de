"""Scores CSV detectors on labelled public files.

    python benchmarks/detection/score.py [--bench FOLDER] [--halves]

The files and the scorers are not part of this repository: they are read from a folder beside it
(``../shared/bench``), which holds one folder per set with ``labels.jsonl``, ``score_dialect.py``
and ``score_enc.py``. Detectors that are not installed are left out by name.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DIALECT_SETS = ("dialect_w3c_csvw", "dialect_csvsniffer_extra", "pollock_survey")
ENCODING_SET = "encoding_cldr"
COUNTS = ("files", "delimiter", "+ quote", "table", "no answer", "header", "preamble", "ms")
HEAD = ("detector", "set", *COUNTS)
Detector = Callable[[str], dict[str, Any]]


def lakefall(path: str) -> dict[str, Any]:
    from lakefall_plugins.csv.options import CsvSnifferOptions
    from lakefall_plugins.csv.sniffing.dialect import detect

    found = detect(Path(path), CsvSnifferOptions())
    return {
        "ok": True,
        "delimiter": found.delimiter,
        "quotechar": found.quotechar,
        "escapechar": found.escapechar,
        "encoding": found.encoding,
        "has_header": found.has_header,
        "skip_rows": found.preamble_lines,
        "confidence": found.confidence,
    }


def stdlib(path: str) -> dict[str, Any]:
    with Path(path).open(encoding="utf-8", errors="replace", newline="") as stream:
        text = stream.read(8192)
    found = csv.Sniffer().sniff(text, ",;\t|")
    answer: dict[str, Any] = {"delimiter": found.delimiter, "quotechar": found.quotechar or '"'}
    try:
        answer["has_header"] = csv.Sniffer().has_header(text)
    except csv.Error:
        return answer
    return answer


def clevercsv(path: str) -> dict[str, Any]:
    import clevercsv as library

    with Path(path).open(encoding="utf-8", errors="replace", newline="") as stream:
        found = library.Sniffer().sniff(stream.read(64_000))
    if found is None:
        return {}
    return {
        "ok": True,
        "delimiter": found.delimiter,
        "quotechar": found.quotechar,
        "escapechar": found.escapechar,
    }


def duckdb(path: str) -> dict[str, Any]:
    return _duckdb(path, "")


def duckdb_lenient(path: str) -> dict[str, Any]:
    return _duckdb(path, ", ignore_errors=true, strict_mode=false, null_padding=true")


def _duckdb(path: str, more: str) -> dict[str, Any]:
    import duckdb as engine

    query = (
        f'SELECT "Delimiter", "Quote", "Escape", "HasHeader", "SkipRows" FROM sniff_csv(?{more})'
    )
    with engine.connect() as connection:
        row = connection.execute(query, [path]).fetchone()
    if row is None:
        return {}
    values = ["" if value in ("\0", "(empty)", None) else value for value in row[:3]]
    return {
        "ok": True,
        "delimiter": values[0],
        "quotechar": values[1],
        "escapechar": values[2],
        "has_header": row[3],
        "skip_rows": row[4],
    }


DETECTORS: dict[str, tuple[Detector, str]] = {
    "lakefall": (lakefall, "lakefall_plugins"),
    "csv.Sniffer, 8 KB": (stdlib, "csv"),
    "clevercsv": (clevercsv, "clevercsv"),
    "DuckDB": (duckdb, "duckdb"),
    "DuckDB, lenient": (duckdb_lenient, "duckdb"),
}


def lakefall_encoding(path: str) -> str:
    from lakefall_plugins.csv.encoding.detection import detect_encoding

    return detect_encoding(Path(path)).name


def charset_normalizer(path: str) -> str | None:
    import charset_normalizer as library

    best = library.from_bytes(Path(path).read_bytes()).best()
    return best.encoding if best else None


def chardet(path: str) -> str | None:
    import chardet as library

    return library.detect(Path(path).read_bytes())["encoding"]


def utf8_else_cp1252(path: str) -> str:
    try:
        Path(path).read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


ENCODINGS: dict[str, tuple[Callable[[str], str | None], str]] = {
    "lakefall": (lakefall_encoding, "lakefall_plugins"),
    "charset-normalizer": (charset_normalizer, "charset_normalizer"),
    "chardet": (chardet, "chardet"),
    "UTF-8 else cp1252": (utf8_else_cp1252, "codecs"),
}


def installed(name: str, module: str) -> bool:
    try:
        importlib.import_module(module)
    except ImportError:
        print(f"{name}: left out, {module} is not installed")
        return False
    return True


def half(path: str) -> str:
    """Which half of a set a file belongs to: one for development, one for the proof."""
    return "ba"[hashlib.md5(path.encode()).digest()[-1] & 1]


def dialects(bench: Path, halves: bool) -> None:
    scorer = importlib.import_module("score_dialect")
    print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}")
    for name, (detector, module) in DETECTORS.items():
        if not installed(name, module):
            continue
        everything = []
        for folder in DIALECT_SETS:
            results = scorer.score_set(str(bench / folder), detector)
            everything += results
            for part in ("a", "b") if halves else ("",):
                chosen = [r for r in results if not part or half(r["path"]) == part]
                print(_line(name, f"{folder} {part}".strip(), scorer.summary(chosen)), flush=True)
        print(_line(f"**{name}**", "all", scorer.summary(everything)), flush=True)


def _line(name: str, folder: str, s: dict[str, Any]) -> str:
    cells = [s["n"], s["delim"], s["dq"], s["table"], s["exc"]]
    cells += [s.get("header", ""), s.get("preamble", ""), s["ms"]]
    return f"| {name} | {folder} | " + " | ".join(map(str, cells)) + " |"


def confidence(bench: Path) -> None:
    """How often answers that call themselves sure are right."""
    scorer = importlib.import_module("score_dialect")
    said: dict[str, float] = {}

    def remember(path: str) -> dict[str, Any]:
        answer = lakefall(path)
        said[path] = answer["confidence"]
        return answer

    sure = right = 0
    for folder in DIALECT_SETS:
        for result in scorer.score_set(str(bench / folder), remember):
            if said.get(str(bench / folder / result["path"]), 0.0) > 0.9:
                sure += 1
                right += result["table"]
    print(f"\nlakefall: {right} of {sure} answers with a confidence above 0.9 give the right table")


def encodings(bench: Path) -> None:
    scorer = importlib.import_module("score_enc")
    print("\n| encoding | right | files | ms |\n|---|---|---|---|")
    for name, (detector, module) in ENCODINGS.items():
        if installed(name, module):
            s = scorer.run(str(bench / ENCODING_SET), detector)
            print(f"| {name} | {s['correct']} | {s['n']} | {s['ms']} |", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bench", type=Path, default=ROOT.parent / "shared" / "bench")
    parser.add_argument("--halves", action="store_true", help="each set in two halves by name")
    options = parser.parse_args()
    bench = options.bench.resolve()
    if not (bench / "score_dialect.py").exists():
        print(
            f"SKIPPED: no benchmark data in {bench}; name its folder with --bench", file=sys.stderr
        )
        return 0
    sys.path[:0] = [str(bench), str(ROOT / "framework"), str(ROOT / "plugins")]
    dialects(bench, options.halves)
    confidence(bench)
    encodings(bench)
    return 0


if __name__ == "__main__":
    sys.exit(main())
