"""Parquet footers: read without the data, and written anew under other field ids.

A data file carries the field ids that its plan gave. Where another writer took an id meanwhile, the
ids change, and nothing else. The footer is Thrift's compact protocol (``FileMetaData`` of the
Parquet format). By hand, not with PyArrow, which can only write the whole file anew: for 60 MB that
took 10 seconds in which other writers wait, and this 0.03, and DuckDB's types of integers and
decimals were stored otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

_MAGIC = b"PAR1"
_SCHEMA, _KEY_VALUES = 2, 5
"""Fields of ``FileMetaData``."""
_FIELD_ID = 9
"""Field of ``SchemaElement``."""
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST = range(1, 10)
_STRUCT = 12


@dataclass(frozen=True, slots=True)
class Footer:
    """The end of a Parquet file: everything that is not data."""

    tail: bytes
    """The metadata, its length and the magic word."""
    data_size: int
    """Bytes before the tail."""

    @property
    def size(self) -> int:
        """Of the whole file."""
        return self.data_size + len(self.tail)


def of_file(path: Path) -> Footer:
    """The footer of a Parquet file on this machine."""
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(-8, 2)
        length = int.from_bytes(stream.read(4), "little") + 8
        stream.seek(-length, 2)
        return Footer(stream.read(), size - length)


def of_bytes(content: bytes) -> Footer:
    """The footer of a Parquet file in memory."""
    length = int.from_bytes(content[-8:-4], "little") + 8
    return Footer(content[-length:], len(content) - length)


def renumbered(footer: Footer, ids: Mapping[int, int]) -> Footer:
    """The footer with field ids exchanged: old -> new. Others stay."""
    metadata = _Reader(footer.tail[:-8]).file_metadata(ids)
    length = len(metadata).to_bytes(4, "little")
    return Footer(metadata + length + _MAGIC, footer.data_size)


class _Reader:
    """Walks over Thrift's compact protocol, copying what it does not change."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def file_metadata(self, ids: Mapping[int, int]) -> bytes:
        def element(_: int, kind: int, field: int) -> bytes:
            value = self._value(kind)
            if field != _FIELD_ID:
                return value
            old = _unzigzag(_varint(value))
            return _as_varint(_zigzag(ids.get(old, old)))

        def top(began: int, kind: int, field: int) -> bytes | None:
            if field == _SCHEMA:
                size, _ = self._list_header()
                head = self._data[began : self._at]
                return head + b"".join(self._struct(element) for _ in range(size))
            value = self._value(kind)
            # Arrow's own copy of the schema, which may lie there, has the old ids.
            return None if field == _KEY_VALUES else value

        return self._struct(top)

    def _struct(self, edit: Callable[[int, int, int], bytes | None]) -> bytes:
        """A struct of what ``edit`` makes of each field's position, type and id; None: left out."""
        found: list[bytes] = []
        last = written = 0
        while True:
            kind, last = self._header(last)
            if kind == 0:
                return b"".join(found) + b"\0"
            value = edit(self._at, kind, last)
            if value is not None:
                found.append(_field_header(kind, last, written) + value)
                written = last

    def _header(self, last: int) -> tuple[int, int]:
        """Type and id of the next field; 0 at the end of a struct."""
        byte = self._byte()
        kind, delta = byte & 0x0F, byte >> 4
        if kind == 0:
            return 0, 0
        return kind, last + delta if delta else _unzigzag(self._number())

    def _list_header(self) -> tuple[int, int]:
        byte = self._byte()
        size = byte >> 4
        return (self._number() if size == 15 else size), byte & 0x0F

    def _value(self, kind: int) -> bytes:
        """A value as it stands."""
        began = self._at
        self._skip(kind)
        return self._data[began : self._at]

    def _skip(self, kind: int) -> None:
        if kind == _BYTE:
            self._at += 1
        elif kind in (_I16, _I32, _I64):
            self._number()
        elif kind == _DOUBLE:
            self._at += 8
        elif kind == _BINARY:
            length = self._number()
            self._at += length
        elif kind == _LIST:
            size, inner = self._list_header()
            for _ in range(size):
                # Inside a list a boolean takes a byte; as a field it stands in the header.
                self._skip(_BYTE if inner in (_TRUE, _FALSE) else inner)
        elif kind == _STRUCT:
            self._struct(lambda _, inner, __: self._value(inner))
        elif kind not in (_TRUE, _FALSE):
            raise ValueError(f"no Thrift type of a Parquet footer: {kind}")

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _number(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7


def _field_header(kind: int, field: int, last: int) -> bytes:
    delta = field - last
    if 0 < delta < 16:
        return bytes([delta << 4 | kind])
    return bytes([kind]) + _as_varint(_zigzag(field))


def _varint(data: bytes) -> int:
    return sum((byte & 0x7F) << 7 * i for i, byte in enumerate(data))


def _as_varint(value: int) -> bytes:
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def _zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


def _unzigzag(value: int) -> int:
    return value >> 1 if not value & 1 else -(value >> 1) - 1
