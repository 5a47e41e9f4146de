"""The beginning of a file as text."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sample:
    """Whole lines from the beginning of a file."""

    text: str
    """Line ends normalised to ``\\n``; no byte order mark."""
    line_terminator: str
    """``'\\n'``, ``'\\r\\n'``, ``'\\r'`` or ``'mixed'``; ``'\\n'`` where no line ends."""
    truncated: bool
    """The file goes on after the sample."""

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
        truncated = bool(stream.read(1))
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    text = decoder.decode(raw, final=not truncated).removeprefix("\ufeff")
    if truncated:
        text = text.removesuffix("\r")
        end = max(text.rfind("\n"), text.rfind("\r")) + 1
        text = text[:end] or text
    first, more = _first_lines(normalise(text), lines)
    return Sample(first, terminator(text), truncated or more)


def _first_lines(text: str, lines: int) -> tuple[str, bool]:
    """The first lines of a text, and whether it goes on."""
    place = -1
    for _ in range(lines):
        place = text.find("\n", place + 1)
        if place < 0:
            return text, False
    return text[: place + 1], place + 1 < len(text)


def line_count(text: str) -> int:
    """Physical lines of a text whose line ends are ``\\n``."""
    return text.count("\n") + (bool(text) and not text.endswith("\n"))


def normalise(text: str) -> str:
    """The text with every line end as ``\\n``."""
    if "\r" not in text:
        return text
    return text.replace("\r\n", "\n").replace("\r", "\n")


def terminator(text: str) -> str:
    """The line end that a text uses; ``'mixed'`` for several, ``'\\n'`` for none."""
    crlf = text.count("\r\n")
    counts = {"\r\n": crlf, "\n": text.count("\n") - crlf, "\r": text.count("\r") - crlf}
    used = [end for end, count in counts.items() if count]
    if not used:
        return "\n"
    return used[0] if len(used) == 1 else "mixed"
