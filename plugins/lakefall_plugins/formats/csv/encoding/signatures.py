"""Files that are no text, known by their first bytes."""

from __future__ import annotations

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"PK\x03\x04", "a zip archive or an Office workbook (.xlsx)"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document (.xls)"),
    (b"%PDF-", "a PDF document"),
    (b"\x1f\x8b\x08", "gzip-compressed data (name it .gz)"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed data (name it .zst)"),
    (b"BZh", "bzip2-compressed data"),
    (b"\xfd7zXZ\x00", "xz-compressed data"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow file"),
    (b"Obj\x01", "an Avro file"),
    (b"ORC", "an ORC file"),
    (b"SQLite format 3\x00", "a SQLite database"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
)


def looks_like(head: bytes) -> str | None:
    """What kind of binary file begins like this; None for text.

    A signature of plain letters counts only when control bytes follow: a column may be called
    ``ORC``.
    """
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            plain = signature.isascii() and signature.decode("ascii").isprintable()
            if not plain or _has_control(head[:1024]):
                return name
    return None


def _has_control(head: bytes) -> bool:
    return any(byte < 9 or 13 < byte < 27 for byte in head)
