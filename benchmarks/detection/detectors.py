"""lakefall and others, asked the same: how is this file written, in which encoding?

Each function takes a path and answers as the scorers of the public files want it; those of
libraries that are not installed are left out by name.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

Detector = Callable[[str], dict[str, Any]]
EncodingDetector = Callable[[str], str | None]


def lakefall(path: str) -> dict[str, Any]:
    from lakefall_plugins.formats.csv.options import CsvSnifferOptions
    from lakefall_plugins.formats.csv.sniffing.dialect import detect

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
    from lakefall_plugins.formats.csv.encoding.detection import detect_encoding

    return detect_encoding(Path(path)).name


def charset_normalizer(path: str) -> str | None:
    import charset_normalizer as library

    best = library.from_bytes(Path(path).read_bytes()).best()
    return best.encoding if best else None


def chardet(path: str) -> str | None:
    import chardet as library

    return library.detect(Path(path).read_bytes())["encoding"]


def chardetng(path: str) -> str:
    import chardetng_py as library

    return str(library.detect(Path(path).read_bytes()))


def faust_cchardet(path: str) -> str | None:
    import cchardet as library

    return library.detect(Path(path).read_bytes())["encoding"]


def utf8_else_cp1252(path: str) -> str:
    try:
        Path(path).read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


ENCODINGS: dict[str, tuple[EncodingDetector, str]] = {
    "lakefall": (lakefall_encoding, "lakefall_plugins"),
    "charset-normalizer": (charset_normalizer, "charset_normalizer"),
    "chardet": (chardet, "chardet"),
    "chardetng": (chardetng, "chardetng_py"),
    "faust-cchardet": (faust_cchardet, "cchardet"),
    "UTF-8 else cp1252": (utf8_else_cp1252, "codecs"),
}
