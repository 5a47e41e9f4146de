"""Damage to files: bytes flipped, cut, doubled and put in, lines dropped, doubled and moved."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

MOST_BYTES = 1 << 16
_MARKS = [
    b'"',
    b"'",
    b",",
    b";",
    b"\t",
    b"\n",
    b"\r",
    b"\r\n",
    b"\\",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
]
_MARKS += [
    b"\x1a",
    b"#",
    b'""',
    b'",',
    b',"',
    b" ",
    b"||",
    b"\xc3",
    b"\x81",
    b"\xe2\x80",
    b"\\N",
    b",",
]

Damage = Callable[[bytes, Random], bytes]


def flip(raw: bytes, chance: Random) -> bytes:
    """Some bytes become others."""
    changed = bytearray(raw)
    for _ in range(chance.choice([1, 1, 2, 5, 20])):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def cut(raw: bytes, chance: Random) -> bytes:
    """The end is missing."""
    return raw[: chance.randrange(1, len(raw) + 1)]


def behead(raw: bytes, chance: Random) -> bytes:
    """The beginning is missing."""
    return raw[chance.randrange(len(raw)) :]


def hole(raw: bytes, chance: Random) -> bytes:
    """A part is missing."""
    start = chance.randrange(len(raw))
    return raw[:start] + raw[start + chance.randrange(1, 200) :]


def double(raw: bytes, chance: Random) -> bytes:
    """A part comes twice."""
    start = chance.randrange(len(raw))
    part = raw[start : start + chance.randrange(1, 200)]
    return raw[:start] + part * chance.choice([2, 2, 3, 10]) + raw[start:]


def put_in(raw: bytes, chance: Random) -> bytes:
    """Marks of CSV, of encodings and of old systems appear."""
    for _ in range(chance.choice([1, 1, 2, 5, 20])):
        at = chance.randrange(len(raw) + 1)
        raw = raw[:at] + chance.choice(_MARKS) + raw[at:]
    return raw


def drop_lines(raw: bytes, chance: Random) -> bytes:
    """Lines are missing."""
    share = chance.choice([0.02, 0.1, 0.5])
    return b"".join(line for line in raw.splitlines(True) if chance.random() > share)


def double_lines(raw: bytes, chance: Random) -> bytes:
    """Lines come twice."""
    return b"".join(line * chance.choice([1, 1, 1, 1, 2]) for line in raw.splitlines(True))


def move_lines(raw: bytes, chance: Random) -> bytes:
    """Lines stand elsewhere."""
    lines = raw.splitlines(True)
    for _ in range(chance.choice([1, 2, 10])):
        lines.insert(chance.randrange(len(lines)), lines.pop(chance.randrange(len(lines))))
    return b"".join(lines)


def other_ends(raw: bytes, chance: Random) -> bytes:
    """Some line ends are of another system."""
    ends = chance.choice([[b"\n"], [b"\r\n"], [b"\r"], [b"\n", b"\r\n"], [b"\n", b"\r", b"\r\n"]])
    return b"".join(line + chance.choice(ends) for line in raw.splitlines())


DAMAGES: tuple[Damage, ...] = (
    flip, cut, behead, hole, double, put_in, drop_lines, double_lines, move_lines, other_ends,
)  # fmt: skip


def mutated(raw: bytes, chance: Random) -> bytes:
    """The file after one to four kinds of damage; at least one byte is left."""
    raw = raw[:MOST_BYTES]
    for _ in range(chance.choice([1, 1, 1, 2, 3, 4])):
        raw = chance.choice(DAMAGES)(raw, chance)[: 2 * MOST_BYTES] or b"\n"
    return raw
