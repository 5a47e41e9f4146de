"""A file of JSON in blocks of records, and what is wrong with a record."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from lakefall.contract.errors import StructureError
from lakefall_plugins.formats.jsonl.tokens import tokens, trimmed

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lakefall_plugins.formats.jsonl.tokens import Bytes, Int64s

BLOCK_BYTES = 4 << 20
MOST_BYTES = 16 << 20
"""Of one record, as of a CSV file: a block holds it whole, and its work takes some twenty times as
much."""


@dataclass(frozen=True, slots=True)
class Block:
    """Records that lie side by side in memory."""

    data: bytes
    begin: Int64s
    """Of each record, in bytes."""
    end: Int64s
    lines: Int64s
    """On which each begins, from 1."""
    blank: int = 0
    """Blank lines between them."""

    @property
    def array(self) -> Bytes:
        import numpy as np

        return np.frombuffer(self.data, np.uint8)

    def record(self, number: int) -> bytes:
        return self.data[self.begin[number] : self.end[number]]


def blocks(stream: IO[bytes], layout: str, name: str) -> Iterator[Block]:
    """The records of a file, whatever is in them.

    Raises:
        StructureError: they cannot be told apart.
    """
    if layout == "lines":
        yield from _lines(stream, name)
    else:
        yield from _elements(stream, name, array=layout == "array")


def _lines(stream: IO[bytes], name: str) -> Iterator[Block]:
    import numpy as np

    line, rest, chunk = 1, b"", b" "
    while chunk:
        chunk = _more(stream, rest, name, line)
        data = rest + (chunk or b"\n")
        cut = data.rfind(b"\n") + 1
        data, rest = data[:cut], data[cut:]
        at = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n"))
        if len(at):
            begin, end = np.empty_like(at), at
            begin[0], begin[1:] = 0, at[:-1] + 1
            begin, end = trimmed(np.frombuffer(data, np.uint8), begin, end)
            filled = np.flatnonzero(begin < end)
            # The last line end may have been added here.
            blank = len(at) - len(filled) - (not chunk and begin[-1] == end[-1])
            yield Block(data, begin[filled], end[filled], filled + line, int(blank))
            line += len(at)


def _elements(stream: IO[bytes], name: str, *, array: bool) -> Iterator[Block]:
    import numpy as np

    line, rest, chunk, closed = 1, b"", b" ", False
    if array:
        while (byte := stream.read(1)) != b"[":
            if not byte:
                raise StructureError(f"{name}: no array begins in the file; upload it again")
            line += byte == b"\n"
    number = 0
    while chunk and not closed:
        chunk = _more(stream, rest, name, line)
        data = rest + chunk
        block = np.frombuffer(data, np.uint8)
        found = tokens(block)
        below = np.flatnonzero(found.depth < 0)[:1]
        at, char, depth = (
            part[: below[0] if len(below) else None]
            for part in (found.at[found.marks], found.char, found.depth)
        )
        closing = (char == ord("}")) | (char == ord("]"))
        ends = at[(depth == 0) & (char == ord(","))] if array else at[(depth == 0) & closing] + 1
        used = int(ends[-1]) + array if len(ends) else 0
        closed = bool(len(below)) and array and found.char[below[0]] == ord("]")
        if len(below) and not closed:
            line += data.count(b"\n", 0, found.at[found.marks[below[0]]])
            raise StructureError(f"{name}: line {line}: a bracket closes what none has opened")
        if closed:
            last = found.at[found.marks[below]]
            if number or len(ends) or data[: last[0]].strip():
                ends = np.append(ends, last)
            used = int(last[0]) + 1
        elif not chunk and not array and data[used:].strip(b" \t\r\n"):
            ends, used = np.append(ends, len(data)), len(data)
        if len(ends):
            begin = np.empty_like(ends)
            begin[0], begin[1:] = 0, ends[:-1] + array
            begin, ends = trimmed(np.append(block, np.uint8(0)), begin, ends)
            newlines = np.flatnonzero(block[:used] == ord("\n"))
            yield Block(data, begin, ends, np.searchsorted(newlines, begin) + line)
            number += len(ends)
        line += data.count(b"\n", 0, used)
        rest = data[used:]
    if array:
        _ended(stream, name, rest, line, closed=closed)


def _ended(stream: IO[bytes], name: str, rest: bytes, line: int, *, closed: bool) -> None:
    if not closed:
        line += rest[: len(rest) - len(rest.lstrip())].count(b"\n")
        raise StructureError(
            f"{name}: the array does not end: its last element begins on line {line}; "
            "the file is cut off or a quote or bracket is missing"
        )
    while rest:
        if rest.strip(b" \t\r\n"):
            raise StructureError(
                f"{name}: line {line}: text after the end of the array; a file holds one array, "
                "or one object a line"
            )
        line += rest.count(b"\n")
        rest = stream.read(BLOCK_BYTES)


def _more(stream: IO[bytes], rest: bytes, name: str, line: int) -> bytes:
    """The next bytes; as many again as there are, where these hold no whole record."""
    if len(rest) > MOST_BYTES:
        raise StructureError(
            f"{name}: the record that begins on line {line} is larger than {MOST_BYTES:,} bytes; "
            "write one object a line, or an array of objects"
        )
    return stream.read(max(BLOCK_BYTES, min(len(rest), MOST_BYTES + 1 - len(rest))))


def undecodable(block: Block) -> npt.NDArray[np.bool_] | None:
    """Which records are not UTF-8; None where all are."""
    import numpy as np

    try:
        block.data.decode()
    except UnicodeDecodeError:
        return np.array(
            [_encoding_flaw(block.record(n)) is not None for n in range(len(block.end))]
        )
    return None


def _encoding_flaw(record: bytes) -> str | None:
    try:
        record.decode()
    except UnicodeDecodeError as error:
        return f"not UTF-8: byte 0x{record[error.start]:02x} at position {error.start + 1}"
    return None


class _Members(list[tuple[str, Any]]):
    """An object's keys and values, whatever they are."""


class _FlawError(ValueError):
    """Why a record is no row."""


def flaw(record: bytes, levels: int) -> str | None:
    """Why a record is no row; None where nothing is wrong with it.

    Args:
        levels: of objects inside whose keys become columns too.
    """
    if reason := _encoding_flaw(record):
        return reason
    try:
        _prove(record.decode(), levels)
    except _FlawError as error:
        return str(error)
    except UnicodeEncodeError:
        return "half of a surrogate pair in a string"
    except RecursionError:
        return "too many objects or arrays inside each other"
    return None


def _prove(text: str, levels: int) -> None:
    try:
        value = json.loads(
            text,
            object_pairs_hook=_Members,
            parse_int=str,
            parse_float=str,
            parse_constant=_no_constant,
        )
    except json.JSONDecodeError as error:
        if not text:
            raise _FlawError("no value before a comma or the end of the array") from error
        cut = error.pos >= len(text) or error.msg.startswith("Unterminated")
        hint = "; its end is missing: JSON lines have one object a line" if cut else ""
        raise _FlawError(f"not JSON: {error.msg} at character {error.pos + 1}{hint}") from error
    json.dumps(value, ensure_ascii=False).encode()
    if not isinstance(value, _Members):
        raise _FlawError(f"no object, but {_kind(value, text)}")
    if reason := _twice(value, levels):
        raise _FlawError(reason)


def _no_constant(name: str) -> None:
    raise _FlawError(f"not JSON: {name} is no value of it; write null")


def _kind(value: Any, text: str) -> str:
    if isinstance(value, list):
        return "an array"
    if isinstance(value, str):
        return "a string" if text.lstrip().startswith('"') else "a number"
    return "null" if value is None else "a boolean"


def _twice(members: _Members, levels: int) -> str | None:
    seen: set[str] = set()
    for key, value in members:
        if key in seen:
            return f"the key {json.dumps(key, ensure_ascii=False)} stands there twice"
        seen.add(key)
        if levels and isinstance(value, _Members) and (reason := _twice(value, levels - 1)):
            return reason
    return None
