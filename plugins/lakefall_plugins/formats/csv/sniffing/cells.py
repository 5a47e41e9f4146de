"""What the text of one cell looks like, and what it costs to write it down.

The sniffer compares ways to read a file by description length: the right delimiter and quote
are those under which the cells are cheapest to describe. A date costs few bits, because there
are few dates; the same characters as free text cost many. That is the thought behind the type
score of van den Burg, Nazabal and Sutton ("Wrangling messy CSV files by detecting row and type
patterns", 2019), put into bits so that row widths and cell types add up on one scale.
"""

from __future__ import annotations

import re
from enum import IntEnum
from math import inf
from typing import NamedTuple

CHARACTER_BITS = 5.0
"""A letter, digit or blank of free text (English text: 4 to 5 bits without context)."""
PUNCTUATION_BITS = 7.0
"""Any other ASCII character of free text: rare, and where one is regular it is structure."""
BLANK_BITS = 3.0
"""A blank before a cell: layout in some files, but a comma in prose has one, too."""
PAUSE_BITS = 6.0
"""Saved where a blank follows a comma or a semicolon: so is prose written."""
LIST_BITS, LIST_ITEM_BITS = 3.0, 2.0
TAB_BITS = 8.0
"""Besides: nobody types a tab into a cell."""
ODD_QUOTE_BITS = 8.0
"""A cell with an odd number of quotes: more often a piece of a quoted cell than text."""


class Kind(IntEnum):
    """Kinds of cell content."""

    EMPTY = 0
    INTEGER = 1
    NUMBER = 2
    DATE = 3
    TIME = 4
    TIMESTAMP = 5
    TOKEN = 6
    """A word for true, false or nothing."""
    ADDRESS = 7
    """A URL, an e-mail, IP or file address, a telephone number, a UUID."""
    WORD = 8
    """Letters and digits without a blank: a name or a code."""
    LIST = 9
    """Several values of one kind, joined by one character."""
    TEXT = 10


TYPED = frozenset({Kind.INTEGER, Kind.NUMBER, Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.ADDRESS})
"""Kinds of values that no column is named after."""


class Cell(NamedTuple):
    """A cell's kind and its cost in bits, as that kind and as free text."""

    kind: Kind
    bits: float
    text_bits: float


_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_MONTH = r"(?:0?[1-9]|1[0-2])"
_NAME = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec)[a-z]*\.?"
_DATE = (
    rf"(?:(?:1\d|20|21)\d\d[-/.]{_MONTH}[-/.]{_DAY}"
    rf"|{_DAY}[-/.]{_MONTH}[-/.](?:\d\d)?\d\d|{_MONTH}[-/.]{_DAY}[-/.](?:\d\d)?\d\d"
    rf"|{_DAY}(?:st|nd|rd|th)?[-/. ]?{_NAME}(?:[-/., ]{{1,2}}(?:\d\d)?\d\d)?"
    rf"|{_NAME}[-/. ](?:{_DAY},?[-/. ])?(?:\d\d)?\d\d)"
)
_TIME = r"(?:[01]?\d|2[0-4]):[0-5]\d(?::[0-6]\d(?:\.\d{1,9}|,\d{3})?)?(?:\s?[ap]\.?m\.?)?"
_ZONE = r"(?:\s?(?:Z|UTC|GMT|[+-]\d\d:?(?:\d\d)?))?"
_CURRENCY = r"(?:[$£€¥₹]|USD|EUR|GBP|Rs\.?)"
_MOST_DIGITS, _LONGEST_VALUE = 20, 400
_DIGIT = re.compile(r"\d")
_UNTIMED = re.compile(
    rf"(?P<INTEGER>[+-]?\d{{1,{_MOST_DIGITS}}})"
    rf"|(?P<NUMBER>[(+-]?\s?{_CURRENCY}?\s?[+-]?"
    r"(?:\d{1,3}+(?:,\d{3})++(?:\.\d++)?|\d{1,2}+(?:,\d\d)+,\d{3}(?:\.\d++)?"
    r"|\d{1,3}+(?:[. '\u00a0\u202f]\d{3})++(?:,\d++)?"
    r"|\d*+[.,]\d++|\d++[.,]?)"
    rf"(?:[eE][+-]?\d{{1,3}})?\s?(?:[%‰]|{_CURRENCY})?\)?)"
    rf"|(?P<DATE>{_DATE})",
    re.IGNORECASE,
)
_TIMED = re.compile(
    rf"(?P<TIMESTAMP>{_DATE}(?:T|\s|,\s|_){_TIME}{_ZONE})|(?P<TIME>{_TIME}{_ZONE})", re.IGNORECASE
)
"""Both kinds hold a colon, and no other value does; every value holds a digit."""
_OTHER = re.compile(
    r"(?P<TOKEN>true|false|yes|no|null|none|nan|na|n/a|nil|[+-]?inf(?:inity)?|\\N|#n/a|-+|\?)"
    r"|(?P<ADDRESS>(?:https?|ftp|file|s3)://[^\s\",;|]+|www\.[^\s\",;|]+"
    r"|[\w.+-]++@[\w-]++(?:\.[\w-]++)++|\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?"
    r"|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|/?(?:[\w.-]++/){2,}[\w.-]*+|[a-z]:\\[^\s\"]+"
    r"|\+\d{1,3}(?:[-. ]?\(?\d{2,4}\)?){2,5}|\(?\d{2,4}\)?(?:[-.]\d{2,4}){2,3})"
    r"|(?P<WORD>[^\W_][\w.-]*+)",
    re.IGNORECASE,
)
"""None holds a blank but telephone numbers that begin with a plus sign."""
_DECIMAL = re.compile(r"\s*[+-]?\d+\.\d+\s*")
"""Two of these are a place on the map."""
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~\x00-\x1f]")
_DIGIT_BITS = 3.4
_DIGITS_OVERHEAD = {Kind.INTEGER: 1.0, Kind.NUMBER: -1.4}
_TOKENS = frozenset(
    {"true", "false", "yes", "no", "null", "none", "nan", "na", "nil", "inf", "infinity"}
)
"""The words for true, false or nothing, those of letters alone."""
_KINDS = Kind.__members__
_INTEGER, _NUMBER, _TOKEN, _WORD, _TEXT = (
    Kind.INTEGER,
    Kind.NUMBER,
    Kind.TOKEN,
    Kind.WORD,
    Kind.TEXT,
)
"""The commonest kinds: an attribute of an enumeration takes long to look up."""
_FIXED_BITS = {Kind.DATE: 16.0, Kind.TIME: 16.0, Kind.TIMESTAMP: 30.0, Kind.TOKEN: 4.0}
_TELLING = frozenset('",;\t')
"""Marks that are counted one by one."""


def text_bits(text: str) -> float:
    """The cost of a text in bits, taken as free text."""
    bits = CHARACTER_BITS * len(text) + 1.0
    if text.isalnum() or not (marks := _PUNCTUATION.findall(text)):
        return bits
    bits += (PUNCTUATION_BITS - CHARACTER_BITS) * len(marks)
    if _TELLING.isdisjoint(marks):
        return bits
    odd = ODD_QUOTE_BITS if text.count('"') % 2 else 0.0
    pauses = PAUSE_BITS * (text.count(", ") + text.count("; "))
    return bits + odd + TAB_BITS * text.count("\t") - pauses


def classify(text: str, items: Items | None = None) -> Cell:
    """A cell's kind and cost. A blank after it is layout, one before it more often text.

    ``items``: costs of list items that are known already, added to here; None where a list is
    to count as text.
    """
    content = text.strip()
    if not content:
        return _EMPTY
    kind, free = _kind(content), text_bits(content)
    bits = _typed_bits(kind, content, free)
    if kind is _TEXT and items is not None and len(content) <= _LONGEST_VALUE:
        listed = _list_bits(content, items)
        if listed < free:
            kind, bits = Kind.LIST, listed
    if text[0] == " ":
        return Cell(kind, bits + BLANK_BITS, free + BLANK_BITS)
    return Cell(kind, bits, free)


_EMPTY = Cell(Kind.EMPTY, 1.0, 1.0)


def kind_of(text: str) -> Kind:
    """What ``classify`` says of a cell that is no list, without its cost."""
    content = text.strip()
    return _kind(content) if content else Kind.EMPTY


def _kind(content: str) -> Kind:
    """The kind of one value: what the pattern says, which takes longer for words and numbers."""
    if len(content) > _LONGEST_VALUE:
        return _TEXT
    if content.isalpha():
        return _TOKEN if content.lower() in _TOKENS else _WORD
    digits = content[content.startswith(("+", "-")) :]
    if digits.isdecimal() and len(digits) <= _MOST_DIGITS:
        return _INTEGER
    if digits.replace(".", "", 1).isdecimal() or digits.replace(",", "", 1).isdecimal():
        return _NUMBER
    match = None
    if _DIGIT.search(content):
        match = (_TIMED if ":" in content else _UNTIMED).fullmatch(content)
    if match is None and content.isalnum():
        return _WORD
    if match is None and (" " not in content or content[0] == "+"):
        match = _OTHER.fullmatch(content)
    return _KINDS[match.lastgroup or "TEXT"] if match else _TEXT


def _list_bits(content: str, known: Items) -> float:
    """The cost of a cell that is a list; infinite where it is none."""
    found = [content.split(separator) for separator in "|;,/ " if separator in content]
    costs = [
        LIST_BITS + sum(map(known.__getitem__, items))
        for items in found
        if len(items) > 2 or ("." in content and all(map(_DECIMAL.fullmatch, items)))
    ]
    return min(costs, default=inf)


class Items(dict[str, float]):
    """Costs of list items, each computed once."""

    def __missing__(self, item: str) -> float:
        content = item.strip()
        free = text_bits(content)
        bits = LIST_ITEM_BITS + _typed_bits(_kind(content), content, free)
        self[item] = bits
        return bits


def _typed_bits(kind: Kind, content: str, free: float) -> float:
    """The cost of a value of a kind, as free text at most."""
    if kind is _WORD or kind is _TEXT:
        return free
    if kind in _DIGITS_OVERHEAD:
        return min(free, _DIGITS_OVERHEAD[kind] + _DIGIT_BITS * len(content))
    return min(free, _FIXED_BITS[kind]) if kind in _FIXED_BITS else 0.8 * free


class Cells(dict[str, Cell]):
    """Kinds of cells, computed once per distinct text within one detection."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: dict[str, Cell] = {}
        self._items = Items()

    def __missing__(self, text: str) -> Cell:
        cell = self[text] = classify(text, self._items)
        return cell

    def line(self, text: str) -> Cell:
        """The kind and cost of a whole line. It is no list: the list may be the row. As free text
        it costs what ``self[text]`` says."""
        cell = self._lines.get(text)
        if cell is None:
            cell = self._lines[text] = classify(text)
        return cell
