"""Where the values of JSON objects begin and end, found in whole blocks of bytes by NumPy.

No value is parsed: a cell is the slice of the file that holds it, so that no digit is lost. The
objects have to be valid JSON (RFC 8259); ``Fields.doubtful`` names those with a key twice, and
those that DuckDB may have taken for valid because of a NaN or a last comma.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Int64s = npt.NDArray[np.int64]
    Bytes = npt.NDArray[np.uint8]
    Flags = npt.NDArray[np.bool_]
    KeyPath = tuple[str, ...]

STRING, NUMBER, BOOLEAN, NESTED = 1, 2, 4, 8
"""Kinds of a value; a set of kinds is their sum. ``null`` has none."""
LONG, OTHER = 16, 32
"""Of numbers: integers beyond 32 bits, and what is no integer of 64 bits."""
_WRONG = 64
"""NaN, Infinity and the like."""
_LONG_KEY = 100
"""Bytes of a key from which on keys are compared otherwise."""
_LOOSE = r"[:,\[]\s*-?(?i:nan|inf)|,\s*[\]}]"
"""Where an object or array may not be JSON after all."""


_WANTED = bytes(byte in b'",:{}[]' for byte in range(256))


@dataclass(frozen=True, slots=True)
class Tokens:
    """Quotes around strings, and the marks (brackets, colons, commas) outside of them."""

    at: Int64s
    """Positions of all tokens in the block, ascending."""
    marks: Int64s
    """Which of the tokens are marks."""
    char: Bytes
    """Of each mark."""
    depth: npt.NDArray[np.int32]
    """Objects and arrays that are open after each mark."""

    def next_to(self, one: Flags, other: Flags) -> Int64s:
        """Marks of one kind with the other right behind them, and no string between."""
        import numpy as np

        near = np.flatnonzero(one[:-1] & other[1:])
        beside: Int64s = near[self.marks[near + 1] == self.marks[near] + 1]
        return beside


def tokens(block: Bytes) -> Tokens:
    """All of a block that begins outside of strings."""
    import numpy as np

    # This lookup takes a quarter of the time of NumPy's.
    at = np.flatnonzero(np.frombuffer(block.tobytes().translate(_WANTED), dtype=bool))
    char = block[at]
    quote = char == ord('"')
    escaped = _escaped(block, at, quote)
    if escaped is not None:
        at, char, quote = at[~escaped], char[~escaped], quote[~escaped]
    # A quote that opens a string is inside by this sum, one that closes it is not.
    inside = np.logical_xor.accumulate(quote)
    kept = np.flatnonzero(quote | ~inside)
    at, char = at[kept], char[kept]
    marks = np.flatnonzero(char != ord('"'))
    char = char[marks]
    folded = char | 32  # takes [ for { and ] for }
    steps = (folded == ord("{")).view(np.int8) - (folded == ord("}")).view(np.int8)
    return Tokens(at, marks, char, np.cumsum(steps, dtype=np.int32))


def _escaped(block: Bytes, at: Int64s, quote: Flags) -> Flags | None:
    """Which tokens are quotes behind an odd number of backslashes; None where no backslash is."""
    import numpy as np

    slashes = np.flatnonzero(block == ord("\\"))
    if not len(slashes):
        return None
    behind: Flags = quote & (at > 0) & (block[at - 1] == ord("\\"))
    first = np.ones(len(slashes), dtype=bool)
    first[1:] = np.diff(slashes) != 1
    began = slashes[np.maximum.accumulate(np.where(first, np.arange(len(slashes)), 0))]
    quotes = at[behind]
    behind[behind] = (quotes - began[np.searchsorted(slashes, quotes - 1)]) % 2 == 1
    return behind


def trimmed(block: Bytes, begin: Int64s, end: Int64s) -> tuple[Int64s, Int64s]:
    """Spans without JSON's white space at their ends; no span ends behind the last byte."""
    import numpy as np

    blank = np.zeros(256, dtype=bool)
    blank[list(b" \t\r\n")] = True
    # Most values have one blank before them, and none behind.
    begin = begin + ((block[begin] == ord(" ")) & (begin < end))
    end = end.copy()
    for edge, step, look in ((begin, 1, 0), (end, -1, -1)):
        left = np.flatnonzero((block[edge + look] <= ord(" ")) & (begin < end))
        while len(left := left[blank[block[edge[left] + look]]]):
            edge[left] += step
            left = left[begin[left] < end[left]]
    return begin, end


def slices(block: Bytes, begin: Int64s, end: Int64s) -> Any:
    """Ascending spans of valid UTF-8 as an Arrow array of text that shares the block's bytes.

    Element 2n + 1 is span n; the others are what lies between the spans.
    """
    import numpy as np
    import pyarrow as pa

    offsets = np.zeros(2 * len(begin) + 1, dtype=np.int32)
    offsets[1::2], offsets[2::2] = begin, end
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(block)]
    return pa.Array.from_buffers(pa.string(), 2 * len(begin), buffers)


def texts(block: Bytes, begin: Int64s, end: Int64s) -> Any:
    """The spans alone, side by side in a copy."""
    import numpy as np

    return slices(block, begin, end).take(np.arange(len(begin)) * 2 + 1)


def unescaped(texts: Any) -> Any:
    """What the insides of JSON strings mean."""
    import pyarrow as pa
    import pyarrow.compute as pc

    escaped = pc.match_substring(texts, "\\")
    if not pc.any(escaped).as_py():
        return texts
    inner = texts.filter(escaped).to_pylist()
    meant = json.loads('["' + '","'.join(inner) + '"]')
    return pc.replace_with_mask(texts, escaped, pa.array(meant, pa.string()))


def _size(numbers: Any) -> int:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        integers = numbers.cast(pa.int64())
    except pa.ArrowInvalid:
        return OTHER
    ends = pc.min_max(integers).as_py()
    return LONG if ends["min"] < -(2**31) or ends["max"] >= 2**31 else 0


@dataclass(slots=True)
class Column:
    """A key of the objects; the keys that lead to it, where it is one of an object inside."""

    path: KeyPath
    first: int
    """Where it appeared first; sorts columns."""
    kinds: int = 0
    raw: bool = False
    """Strings keep their quotes: other values of it are objects or arrays."""


@dataclass(slots=True)
class Columns:
    """The columns of a file, as far as it was read."""

    most: int
    found: list[Column] = field(default_factory=list)
    _numbers: dict[KeyPath, int] = field(default_factory=dict)

    def number(self, path: KeyPath, first: int) -> int:
        """The column's number.

        Raises:
            OverflowError: there are more columns than may be.
        """
        number = self._numbers.setdefault(path, len(self.found))
        if number == len(self.found):
            self.found.append(Column(path, first))
            if number >= self.most:
                raise OverflowError
        return number

    def forget(self, count: int) -> None:
        """All columns but this many first ones."""
        for column in self.found[count:]:
            del self._numbers[column.path]
        del self.found[count:]


@dataclass(frozen=True, slots=True)
class Cells:
    """The values of one column in a block; rows that are not named have none."""

    column: int
    rows: Int64s
    """Ascending."""
    values: Any
    """Arrow array of text, one a row."""
    kinds: int


class Fields:
    """The keys and values of the objects of a block."""

    def __init__(
        self,
        objects: Any,
        above: KeyPath = (),
        rows: Int64s | None = None,
        places: Int64s | None = None,
    ) -> None:
        """
        Args:
            objects: Arrow array of text, one object each.
            above: the keys that lead to them.
            rows: the rows that they belong to, ascending; one each where nothing is said.
            places: where each begins, in bytes; side by side where nothing is said.
        """
        import numpy as np

        _, offsets, data = objects.buffers()
        bounds = np.frombuffer(offsets, np.int32)[: len(objects) + 1].astype(np.int64)
        self._block: Bytes = np.frombuffer(data or b"", np.uint8)[: bounds[-1]]
        rows = np.arange(len(objects)) if rows is None else rows
        places = bounds[:-1] if places is None else places
        self._above = above
        found = tokens(self._block)
        top, close = found.depth == 1, found.depth == 0
        opened = top & (found.char == ord("{"))
        comma = top & (found.char == ord(","))
        colon = np.flatnonzero(top & (found.char == ord(":")))
        # No key stands between a last comma and the brace, or it would have quotes.
        loose = found.next_to(comma, close)
        ends = comma | close
        ends[loose] = False
        ends[found.next_to(opened, close) + 1] = False
        begun = np.flatnonzero(opened)
        keys = np.diff(np.searchsorted(colon, np.append(begun, len(opened))))
        self._rows = np.repeat(rows, keys)
        colons = found.marks[colon]
        self._begin, self._end = found.at[colons - 2] + 1, found.at[colons - 1]
        self._places = np.repeat(places - bounds[:-1], keys) + self._begin
        self._values = trimmed(
            self._block, found.at[colons] + 1, found.at[found.marks[np.flatnonzero(ends)]]
        )
        self._kinds = self._kinds_of(self._values[0])
        last_commas = rows[np.searchsorted(begun, loose) - 1]
        wrong = self._kinds == _WRONG
        self.doubtful: set[int] = {*last_commas.tolist(), *self._rows[wrong].tolist()}
        """Rows to be looked at closely; complete when ``cells`` has ended."""

    def _kinds_of(self, begin: Int64s) -> Bytes:
        import numpy as np

        table = np.full(256, _WRONG, dtype=np.uint8)
        for bytes_, kind in (
            *((b'"', STRING), (b"-0123456789", NUMBER), (b"tf", BOOLEAN)),
            *((b"{[", NESTED), (b"n", 0)),
        ):
            table[list(bytes_)] = kind
        first, second = self._block[begin], self._block[begin + 1]
        kinds: Bytes = table[first]
        digit = (second >= ord("0")) & (second <= ord("9"))
        odd = ((first == ord("-")) & ~digit) | ((first == ord("n")) & (second != ord("u")))
        kinds[odd] = _WRONG
        return kinds

    def cells(self, columns: Columns, levels: int, base: int) -> Iterator[Cells]:
        """The values by column; objects become columns of their own for so many levels.

        Args:
            base: what comes before ``places``.

        Raises:
            OverflowError: too many columns.
        """
        import numpy as np

        if not len(self._rows):
            return
        width = self._alike()
        numbers = self._numbers(columns, base, width or len(self._rows))
        if width:
            numbers = np.tile(numbers, len(self._rows) // width)
        raw = np.array([column.raw for column in columns.found])
        bare = (self._kinds == STRING) & ~raw[numbers]
        begin, end = self._values
        values = slices(self._block, begin + bare, end - bare)
        for number, found in self._by_column(numbers, width):
            fields = found
            if levels and (self._kinds[fields] == NESTED).any():
                fields = yield from self._inside(columns, levels, base, number, fields)
            fields = fields[self._kinds[fields] != 0]
            taken = values.take(fields * 2 + 1)
            yield self._finished(number, columns.found[number], fields, taken)

    def _finished(self, number: int, column: Column, fields: Int64s, values: Any) -> Cells:
        """The cells of one column."""
        import numpy as np
        import pyarrow.compute as pc

        kinds = self._kinds[fields]
        kind = int(np.bitwise_or.reduce(kinds, initial=0))
        if kind & NESTED:
            nested = np.flatnonzero(kinds == NESTED)
            loose = pc.match_substring_regex(values.take(nested), _LOOSE)
            rows = self._rows[fields[nested[loose.to_numpy(zero_copy_only=False)]]]
            self.doubtful.update(rows.tolist())
        elif kind & STRING and not column.raw:
            values = unescaped(values)
        elif kind == NUMBER and not column.kinds & OTHER:
            kind |= _size(values)
        return Cells(number, self._rows[fields], values, kind)

    def _alike(self) -> int:
        """How many keys all objects have, where these are the same in the same order; else 0."""
        import numpy as np

        width = int(np.searchsorted(self._rows, self._rows[0], side="right"))
        if len(self._rows) % width:
            return 0
        rows, begin = self._rows.reshape(-1, width), self._begin.reshape(-1, width)
        sizes = (self._end - self._begin).reshape(-1, width)
        apart = (rows[:, 0] == rows[:, -1]).all() and (np.diff(rows[:, 0]) > 0).all()
        if not apart or (sizes != sizes[0]).any() or sizes[0].max() > _LONG_KEY:
            return 0
        for at, size in zip(begin.T, sizes[0].tolist(), strict=True):
            keys = self._block[at[:, None] + np.arange(size)]
            if (keys != keys[0]).any():
                return 0
        return width

    def _numbers(self, columns: Columns, base: int, count: int) -> Int64s:
        """The column of so many first fields."""
        import numpy as np

        begin, end = self._begin[:count], self._end[:count]
        encoded = texts(self._block, begin, end).dictionary_encode()
        own = encoded.indices.to_numpy()
        first = np.empty(len(encoded.dictionary), dtype=np.int64)
        # Of several assignments to one element the last one stays.
        first[own[::-1]] = self._places[:count][::-1]
        names = unescaped(encoded.dictionary).to_pylist()
        known = [
            columns.number((*self._above, name), base + at)
            for name, at in zip(names, first.tolist(), strict=True)
        ]
        numbers: Int64s = np.array(known, dtype=np.int64)[own]
        return numbers

    def _by_column(self, numbers: Int64s, width: int) -> Iterator[tuple[int, Int64s]]:
        """Each column with its fields; notes rows that have a column twice."""
        import numpy as np

        if width and len(set(numbers[:width].tolist())) == width:
            for position, number in enumerate(numbers[:width].tolist()):
                yield number, np.arange(position, len(numbers), width)
            return
        order = np.argsort(numbers.astype(np.int16), kind="stable")
        ordered, rows = numbers[order], self._rows[order]
        change = np.diff(ordered) != 0
        self.doubtful.update(rows[1:][~change & (np.diff(rows) == 0)].tolist())
        for fields in np.split(order, np.flatnonzero(change) + 1):
            yield int(numbers[fields[0]]), fields

    def _inside(self, columns: Columns, levels: int, base: int, number: int, fields: Int64s) -> Any:
        """The values of the objects among the fields; returns the other fields."""
        begin, end = self._values[0][fields], self._values[1][fields]
        inner = trimmed(self._block, begin + 1, end - 1)
        opened = (self._block[begin] == ord("{")) & (inner[0] < inner[1])
        if opened.any():
            chosen = fields[opened]
            objects = texts(self._block, begin[opened], end[opened])
            places = self._places[chosen] - self._begin[chosen] + begin[opened]
            inside = Fields(objects, columns.found[number].path, self._rows[chosen], places)
            yield from inside.cells(columns, levels - 1, base)
            self.doubtful |= inside.doubtful
        return fields[~opened]
