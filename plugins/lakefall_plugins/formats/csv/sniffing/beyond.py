"""What lies beyond the sample: quotes that come late, and the end of the file."""

from __future__ import annotations

from pathlib import Path

from lakefall_plugins.formats.csv.encoding.detection import plain_codec
from lakefall_plugins.formats.csv.sniffing.sample import normalise

_BLOCK = 1 << 20
_OVERLAP = 64
_WINDOW = 1 << 14
FIRST_TAIL, LARGEST_TAIL = 1 << 13, 1 << 25
"""Bytes at the end of a file: looked at first, and at most, while they are all empty rows."""


def around_first_quote(path: Path, encoding: str, delimiter: str, quotechar: str) -> str:
    """Whole lines from the first place in the file where a quote opens a cell; ``''`` for none.

    The whole file is searched: one quoted cell in a million rows changes how they are read.
    """
    codec = plain_codec(path, encoding)
    needles = _needles(codec, delimiter, quotechar)
    with path.open("rb") as stream:
        offset, kept = 0, b""
        while block := stream.read(_BLOCK):
            places = _places(kept + block, needles)
            if places:
                start = max(offset - len(kept) + min(places) - _WINDOW // 4, 0)
                stream.seek(start // 4 * 4)
                return _whole_lines(stream.read(_WINDOW), codec, start > 0)
            offset += len(block)
            kept = block[-_OVERLAP:]
    return ""


def tail(path: Path, encoding: str, size: int) -> str:
    """Whole lines from the end of the file."""
    codec = plain_codec(path, encoding)
    start = max(path.stat().st_size - size, 0) // 4 * 4
    with path.open("rb") as stream:
        stream.seek(start)
        return _whole_lines(stream.read(), codec, start > 0, to_end=True)


def _needles(codec: str, delimiter: str, quotechar: str) -> list[bytes]:
    before = ["\n", "\r", *([delimiter, f"{delimiter} "] if delimiter else [])]
    return [f"{text}{quotechar}".encode(codec, errors="ignore") for text in before]


def _places(block: bytes, needles: list[bytes]) -> list[int]:
    quote = needles[0][len(needles[0]) // 2 :]
    if quote not in block:
        return []
    return [place for needle in needles if (place := block.find(needle)) >= 0]


def _whole_lines(raw: bytes, codec: str, cut_start: bool, to_end: bool = False) -> str:
    text = normalise(raw.decode(codec, errors="replace"))
    first = text.find("\n") + 1 if cut_start else 0
    last = len(text) if to_end else text.rfind("\n") + 1
    return text[first:last]
