"""Names and values in Trino's SQL.

In a literal only the quote is special: no backslash, no line end (SQL grammar of Trino, ``STRING``
and ``QUOTED_IDENTIFIER``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from lakefall.contract.errors import TableError

_SURROGATES = range(0xD800, 0xE000)


def identifier(name: str) -> str:
    """A name as a quoted identifier. Trino's names ignore case.

    Raises:
        TableError: the name is empty, which no SQL can quote.
    """
    if not name:
        raise TableError("a name of no characters cannot be used in Trino")
    return '"' + _plain(name).replace('"', '""') + '"'


def qualified(*parts: str) -> str:
    """Catalog, schema and table as one quoted name."""
    return ".".join(map(identifier, parts))


def literal(text: str) -> str:
    """A text as a VARCHAR literal.

    Raises:
        TableError: a lone surrogate, which UTF-8 cannot carry to the server.
    """
    return "'" + _plain(text).replace("'", "''") + "'"


def literals(texts: Iterable[str]) -> str:
    """Texts as the inside of an IN list."""
    return ", ".join(map(literal, texts))


def pieces(texts: Iterable[str], length: int) -> Iterator[list[str]]:
    """Texts in groups whose literals fit into ``length`` characters; at least one in each."""
    group: list[str] = []
    size = 0
    for text in texts:
        need = 2 * len(text) + 4
        if group and size + need > length:
            yield group
            group, size = [], 0
        group.append(text)
        size += need
    if group:
        yield group


def timestamp(moment: datetime) -> str:
    """A moment as a TIMESTAMP(6) literal in UTC."""
    naive = moment.astimezone(UTC).replace(tzinfo=None)
    return f"TIMESTAMP '{naive.isoformat(sep=' ', timespec='microseconds')}'"


def _plain(text: str) -> str:
    if any(ord(c) in _SURROGATES for c in text):
        raise TableError(f"{text!r} holds half a character (a lone surrogate)")
    return text
