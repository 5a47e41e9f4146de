"""Files that are no CSV, whatever their names say: each has to be refused by what it is."""

from __future__ import annotations

import gzip
import io
import zipfile
from random import Random

from benchmarks.detection import values as v
from benchmarks.variations.rows import typed
from benchmarks.variations.running import Variation, kind


def _html(chance: Random) -> tuple[bytes, str]:
    top = chance.choice(
        ["<!DOCTYPE html>\n<html>", "<html lang='en'>", "<!doctype HTML>", "\n <HTML>"]
    )
    rows = "\n".join(f"<p>{v.sentence(chance)}</p>" for _ in range(chance.randrange(1, 9)))
    return (
        f"{top}<head><title>{v.phrase(chance)}</title></head>\n<body>\n{rows}\n</body></html>\n".encode(),
        "HTML",
    )


def _workbook(chance: Random) -> tuple[bytes, str]:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", f"<workbook>{v.word(chance)}</workbook>")
    return out.getvalue(), "xlsx"


def _gzip(chance: Random) -> tuple[bytes, str]:
    return gzip.compress(b"a,b\n1,2\n" * chance.randrange(1, 99)), "gzip"


def _parquet(chance: Random) -> tuple[bytes, str]:
    return b"PAR1\x15\x04" + chance.randbytes(200) + b"PAR1", "Parquet"


def _pdf(chance: Random) -> tuple[bytes, str]:
    return b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + chance.randbytes(300), "PDF"


def _zeros(chance: Random) -> tuple[bytes, str]:
    text = "\n".join(["id,name", *(f"{n},{v.word(chance)}" for n in range(5))]) + "\n"
    return text.encode() + bytes(chance.randrange(200, 4000)), "zero"


def _json(chance: Random) -> tuple[bytes, str]:
    rows = ",\n".join(f'  {{"id": {n}, "name": "{v.word(chance)}"}}' for n in range(9))
    return f"[\n{rows}\n]\n".encode(), "JSON"


def _xml(chance: Random) -> tuple[bytes, str]:
    rows = "\n".join(f"<row><id>{n}</id><name>{v.word(chance)}</name></row>" for n in range(9))
    return f'<?xml version="1.0"?>\n<rows>\n{rows}\n</rows>\n'.encode(), "XML"


def _dump(chance: Random) -> tuple[bytes, str]:
    d = chance.choice(["||", "+|", "|~|"])
    header, rows = typed(chance)
    text = "\n".join(d.join(row) for row in [header, *rows]) + "\n"
    return text.encode(), "characters|sever|delimit|stands between"


def _fixed(chance: Random) -> tuple[bytes, str]:
    header, rows = typed(chance, count=chance.randrange(6, 60))
    header, rows = ["who", *header], [[v.full_name(chance), *row] for row in rows]
    widths = [max(len(row[at]) for row in [header, *rows]) + 2 for at in range(len(header))]
    text = [
        "".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [header, *rows]
    ]
    return ("\n".join(text) + "\n").encode(), "fixed width"


@kind
def no_csv(chance: Random) -> Variation:
    makers = [
        _html,
        _workbook,
        _gzip,
        _parquet,
        _pdf,
        _zeros,
        _json,
        _xml,
        _dump,
        _fixed,
    ]
    data, named = chance.choice(makers)(chance)
    return Variation(data, (), [], refused=f"(?i){named}")
