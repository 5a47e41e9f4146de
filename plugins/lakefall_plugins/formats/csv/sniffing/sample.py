"""The text that is looked at: a file's first lines, its end, and its first quoted cell."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

from lakefall_plugins.formats.csv.encoding.decoding import codec_of

BYTES_A_LINE = 64
"""A sample has at most one line for so many bytes: hundreds of short lines prove nothing more."""
_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Sample:
    """Whole lines from the beginning of a file."""

    text: str
    """Line ends normalised to ``\\n``; no byte order mark."""
    line_ends: dict[str, int]
    """How often each line end occurs."""
    truncated: bool
    """The file goes on after the sample."""
    rest: float = 0.0
    """About how many times as long as the sample the rest of the file is."""

    @property
    def lines(self) -> int:
        """Physical lines in the sample."""
        return line_count(self.text)


def take(path: Path, encoding: str, size: int, lines: int) -> Sample:
    """Read the first ``size`` bytes, at most so many lines, and cut them at a line end.

    Bytes that do not decode become U+FFFD.
    """
    with path.open("rb") as stream:
        raw = stream.read(size)
    total = max(path.stat().st_size, len(raw))
    truncated = total > len(raw)
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    text = decoder.decode(raw, final=not truncated).removeprefix("\ufeff")
    everything = len(text) * total / max(1, len(raw))
    if truncated:
        text = text.removesuffix("\r")
        end = max(text.rfind("\n"), text.rfind("\r")) + 1
        text = text[:end] or text
    ends = list(islice(_LINE_END.finditer(text), lines))
    if len(ends) == lines and ends[-1].end() < len(text):
        text, truncated = text[: ends[-1].end()], True
    rest = max(0.0, everything / len(text) - 1) if truncated and text else 0.0
    return Sample(normalise(text), dict(Counter(end.group() for end in ends)), truncated, rest)


def line_count(text: str) -> int:
    """Physical lines of a text whose line ends are ``\\n``."""
    return text.count("\n") + (bool(text) and not text.endswith("\n"))


def normalise(text: str) -> str:
    """The text with every line end as ``\\n``."""
    if "\r" not in text:
        return text
    return text.replace("\r\n", "\n").replace("\r", "\n")


def line_ends(text: str) -> dict[str, int]:
    """How often each line end occurs in a text."""
    return dict(Counter(_LINE_END.findall(text)))


def terminator(ends: Mapping[str, int], inside: int = 0) -> str:
    """The line end of the records; ``'mixed'`` for several, ``'\\n'`` for none.

    Args:
        ends: how often each line end occurs.
        inside: line ends inside quoted cells: a rarer kind of line end is theirs.
    """
    used = sorted((end for end in ends if ends[end]), key=lambda end: -ends[end])
    if not used:
        return "\n"
    rest = sum(ends[end] for end in used[1:])
    return used[0] if rest <= inside else "mixed"


_BLOCK = 1 << 20
_OVERLAP = 64
_WINDOW = 1 << 13
_WINDOW_LINES = _WINDOW // BYTES_A_LINE
FIRST_TAIL, LARGEST_TAIL = 1 << 13, 1 << 21
"""Bytes at the end of a file: looked at first, and at most, while they are all empty rows."""
_MANY = 1 << 10
"""Bytes of empty lines at the end of a file from which on most are counted, and not looked at."""


def around_first(path: Path, encoding: str, texts: Sequence[str]) -> str:
    """Whole lines around the first place in the file where one of some texts stands; ``''`` for
    none.

    The whole file is searched: one quoted cell in a million rows changes how they are read.
    """
    codec = codec_of(path, encoding).name
    needles = [text.encode(codec, errors="ignore") for text in texts]
    # One byte is looked for at ten times the speed of several.
    common = [c.encode(codec, errors="ignore") for c in set.intersection(*map(set, texts))]
    with path.open("rb") as stream:
        offset, kept = 0, b""
        while block := stream.read(_BLOCK):
            text = kept + block
            maybe = all(each in text for each in common)
            found = [text.find(needle) for needle in needles] if maybe else []
            places = [place for place in found if place >= 0]
            if places:
                start = max(offset - len(kept) + min(places) - _WINDOW // 4, 0)
                stream.seek(start // 4 * 4)
                around = _whole_lines(stream.read(_WINDOW), codec, start > 0)
                return _lines_around(around, texts)
            offset += len(block)
            kept = block[-_OVERLAP:]
    return ""


def opening(delimiter: str, quotechar: str) -> list[str]:
    """How a quote stands that opens a cell."""
    before = ["\n", "\r", *([delimiter, f"{delimiter} "] if delimiter else [])]
    return [f"{text}{quotechar}" for text in before]


def _lines_around(text: str, texts: Sequence[str]) -> str:
    """Lines from some before the first place where one of some texts stands."""
    places = [place for each in texts if (place := text.find(normalise(each))) >= 0]
    lines = text.split("\n")
    first = max(text[: min(places, default=0)].count("\n") - _WINDOW_LINES // 4, 0)
    end = "\n" if first + _WINDOW_LINES < len(lines) else ""
    return "\n".join(lines[first : first + _WINDOW_LINES]) + end


@dataclass(frozen=True, slots=True)
class End:
    """Where a file ends for one who looks at its last rows."""

    at: int
    """Bytes before it."""
    empty: int = 0
    """Lines after it, of blanks and delimiters alone, as the ones right before it are."""


def end_of(path: Path, encoding: str, delimiter: str) -> End:
    """The file's end, before most of its last lines where many are empty: a spreadsheet may write
    a million of them."""
    size = path.stat().st_size
    codec = codec_of(path, encoding).name
    if codec.startswith(("utf-16", "utf-32")) or not delimiter.isascii():
        return End(size)
    with path.open("rb") as stream:
        start, text = size, b""
        while start and not text:
            end, start = start, max(start - _BLOCK, 0)
            stream.seek(start)
            text = stream.read(end - start).rstrip(b" \t\r\n" + delimiter.encode())
        stream.seek(start + len(text))
        below = start + len(text) + len(stream.readline())
        if size - below < _MANY:
            return End(size)
        # Two lines stay, of those that hold a delimiter or a blank where there are any.
        at = _first_other(stream, b"\r\n") or below
        stream.seek(at)
        at += len(stream.readline()) + len(stream.readline())
        feeds = returns = 0
        last = b"\n"
        while block := stream.read(_BLOCK):
            feeds, returns = feeds + block.count(b"\n"), returns + block.count(b"\r")
            last = block[-1:]
        return End(at, (feeds or returns) + (last not in b"\r\n"))


def _first_other(stream: IO[bytes], skipped: bytes) -> int:
    """Where the first other byte stands from here on; 0 for none."""
    while block := stream.read(_BLOCK):
        if rest := block.lstrip(skipped):
            return stream.tell() - len(rest)
    return 0


def tail(path: Path, encoding: str, size: int, end: int) -> str:
    """Whole lines from the last bytes before ``end``, at most one for so many bytes as in a
    sample."""
    codec = codec_of(path, encoding).name
    start = max(end - size, 0) // 4 * 4
    with path.open("rb") as stream:
        stream.seek(start)
        text = _whole_lines(stream.read(end - start), codec, start > 0, to_end=True)
    return "\n".join(text.split("\n")[-size // BYTES_A_LINE :])


def _whole_lines(raw: bytes, codec: str, cut_start: bool, to_end: bool = False) -> str:
    text = normalise(raw.decode(codec, errors="replace"))
    first = text.find("\n") + 1 if cut_start else 0
    last = len(text) if to_end else text.rfind("\n") + 1
    return text[first:last]
