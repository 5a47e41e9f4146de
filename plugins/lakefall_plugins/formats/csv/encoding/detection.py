"""The encoding of a file: byte order mark, NUL parity, UTF-8, then legacy encodings.

UTF-8 is decided on the whole file, in blocks: the first byte above 0x7F may come after megabytes.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from lakefall.contract.errors import EmptyFileError, EncodingError, NotTextError
from lakefall_plugins.formats.csv.encoding.legacy import guess, some_words

BLOCK = 1 << 20
HEAD = 1 << 16
_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
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


def _words_between(separators: bytes) -> re.Pattern[bytes]:
    """Words that hold a byte above ASCII, between these separators and control characters."""
    inside = rb"[^\x00-\x1f" + separators
    low = inside + rb"\x80-\xff]"
    return re.compile(rb"(?<!" + inside + rb"])" + low + rb"*+[\x80-\xff]" + inside + rb"]*+")


_WORDS = _words_between(b',;"')
"""No character from 0x40 on ends a word: in Big5, GBK and Shift-JIS it may be the second half of
a pair."""
_ESCAPES = re.compile(rb"\x1b\$(?:[@B]|\([@-D]|\)[ACEG])")
"""What calls a set of two-byte characters in ISO-2022-JP, -KR and -CN (RFC 1468, 1557, 1922)."""
_WORDS_BETWEEN_BARS = _words_between(b',;"|')
_LINES = 100
_MOST_HIGH_BYTES = 1 << 13
"""Of the words of a block, however often they come again."""
_TOLERATED = 100
"""Bytes above ASCII for each one that a legacy encoding may not know: damage."""
_MOST_STRANGE = 50
_DAMAGE = 4
"""UTF-8 with damage has at least this many whole sequences for each byte that is none."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoding and why it was chosen."""

    name: str
    """A CPython codec name."""
    evidence: tuple[str, ...] = ()
    confidence: float = 1.0
    """0 to 1: how sure it is. Few letters above ASCII may be those of several encodings."""
    second: str = ""
    """The likeliest other one, where there is a doubt."""


def detect_encoding(path: Path, given: str | None = None, name: str = "") -> Encoding:
    """The encoding of a whole file.

    Args:
        path: a file on this machine, decompressed.
        given: the encoding, if it is known; only its name is checked.
        name: what errors call the file; its file name when empty.

    Raises:
        EmptyFileError: the file has no bytes.
        NotTextError: the bytes are no text; the message names what they look like.
        EncodingError: ``given`` is no encoding that CPython knows, or the file is written in one
            that cannot be read.
    """
    name = name or path.name
    with path.open("rb") as stream:
        head = stream.read(HEAD)
    if not head:
        raise EmptyFileError(f"{name}: the file has no bytes; upload a table")
    if given is not None:
        return _given(name, given)
    if (what := _looks_like(head)) is not None:
        raise NotTextError(f"{name}: these bytes are no text but look like {what}")
    for mark, codec in _MARKS:
        if head.startswith(mark):
            return Encoding(codec, (f"{codec}: the file begins with a byte order mark",))
    if (wide := _wide(head)) is not None:
        return Encoding(wide, (f"{wide}: zero bytes at every other place",))
    _refuse_binary(name, head)
    if (what := _document(head)) is not None:
        raise NotTextError(f"{name}: this is {what}, no CSV; export the table as CSV")
    return _narrow(path, name)


def _given(name: str, given: str) -> Encoding:
    try:
        codec = codecs.lookup(given).name
    except LookupError:
        raise EncodingError(
            f"{name}: no encoding is called {given!r}; use a name such as cp1252 or utf-16-le"
        ) from None
    return Encoding(codec, (f"{codec}: given",))


def _wide(head: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark, by the places of the zero bytes; None for neither."""
    zeros = [head[place::4].count(0) for place in range(4)]
    total, quarter = sum(zeros), len(head) // 4
    if total * 20 < len(head):
        return None
    shares = {
        "utf-32-le": min(zeros[2], zeros[3]) >= 0.95 * quarter > 0,
        "utf-32-be": min(zeros[0], zeros[1]) >= 0.95 * quarter > 0,
        "utf-16-le": zeros[1] + zeros[3] >= 0.9 * total,
        "utf-16-be": zeros[0] + zeros[2] >= 0.9 * total,
    }
    return next((codec for codec, fits in shares.items() if fits and _reads(head, codec)), None)


def _reads(head: bytes, codec: str) -> bool:
    """Whether bytes decode to text in which line ends are line ends."""
    try:
        text = codecs.getincrementaldecoder(codec)().decode(head, final=False)
    except UnicodeDecodeError:
        return False
    looked_at = text[:4096]
    strange = sum(not (c.isprintable() or c in "\t\r\n\u00a0") for c in looked_at)
    ends = text.count("\n") + text.count("\r")
    return strange * 50 <= len(looked_at) > 0 and ends * 2 >= head.count(b"\n") + head.count(b"\r")


def _looks_like(head: bytes) -> str | None:
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


_OBJECT = rb'\{\s*"[^"\n]*"\s*:'
_DOCUMENTS = (
    (
        re.compile(rb"\s*(?:<!--.*?-->\s*)?<(?:!doctype html|html|head|body)\b", re.I | re.S),
        "an HTML page",
    ),
    (re.compile(rb"\s*(?:<\?xml\s|<[a-z][^<>\n]*>\s*\n\s*<[a-z/])", re.I), "an XML document"),
    (re.compile(rb"\{\\rtf"), "an RTF document"),
    (re.compile(rb"\s*(?:\[\s*" + _OBJECT + rb"|\{\s*\n\s*\"[^\"\n]*\"\s*:)"), "a JSON document"),
)


def _document(head: bytes) -> str | None:
    """What kind of document of text begins like this; None for what may be CSV."""
    for pattern, name in _DOCUMENTS:
        if pattern.match(head):
            return name
    lines = [line for line in head.split(b"\n")[:_JSON_LINES] if line.strip()]
    return "JSON lines" if len(lines) > 1 and all(map(_is_object, lines)) else None


_JSON_LINES = 5


def _is_object(line: bytes) -> bool:
    try:
        return line.lstrip()[:1] == b"{" and isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _has_control(head: bytes) -> bool:
    return any(byte < 9 or 13 < byte < 27 for byte in head)


def _refuse_binary(name: str, head: bytes) -> None:
    zeros = head.count(0)
    controls = head.translate(None, _NO_CONTROL)
    # A single control character that abounds is a delimiter.
    control = len(controls) if len(set(controls)) > 3 else 0
    if zeros * 4 > len(head):
        raise NotTextError(
            f"{name}: {zeros:,} of the first {len(head):,} bytes are zero: this is no text; "
            "upload the file again, or export it as CSV"
        )
    if control * 25 > len(head):
        raise NotTextError(
            f"{name}: {control:,} of the first {len(head):,} bytes are control "
            "characters: these are binary data, no text; export the table as CSV"
        )


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            yield block


def _refuse_escapes(name: str, block: bytes) -> None:
    """Refuse the encodings of ISO 2022, which are ASCII to the eye of every reader."""
    if b"\x1b" in block and (found := _ESCAPES.search(block)) is not None:
        script = "KR" if b")C" in found[0] else "CN" if b")" in found[0] else "JP"
        raise EncodingError(
            f"{name}: the text switches between character sets by escape sequences: it is written "
            f"in ISO-2022-{script}, which is not supported; convert it to UTF-8 "
            f"(iconv -f ISO-2022-{script} -t UTF-8)"
        )


def _narrow(path: Path, name: str) -> Encoding:
    """UTF-8 when all bytes or nearly all agree, else a legacy encoding."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    ascii_only = True
    try:
        for block in _blocks(path):
            if ascii_only and block.isascii():
                _refuse_escapes(name, block)
                continue
            ascii_only = False
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return _concordance(path) or _not_quite_utf8(path)
    if ascii_only:
        return Encoding("utf-8", ("utf-8: every byte is ASCII",))
    return Encoding("utf-8", ("utf-8: every byte above ASCII is part of a whole sequence",))


def _concordance(path: Path) -> Encoding | None:
    """The encoding of a Concordance load file, in which 0xFE is the quote and no letter."""
    with path.open("rb") as stream:
        first = stream.readline(HEAD)
    if not first.startswith(b"\xfe") or b"\xfe\x14\xfe" not in first:
        return None
    return Encoding("cp1252", ("cp1252: 0xFE quotes the cells of a Concordance load file",))


def _not_quite_utf8(path: Path) -> Encoding:
    """UTF-8 with a few damaged bytes, or a legacy encoding."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    whole = damaged = 0
    words: dict[bytes, None] = {}
    for block in _blocks(path):
        text = decoder.decode(block)
        bad = max(text.count("\ufffd") - block.count(b"\xef\xbf\xbd"), 0)
        damaged += bad
        whole += max(_sequences(block) - bad, 0)
        if not block.isascii():
            words = some_words(chain(words, _high_words(block)))
    if whole >= _DAMAGE * damaged:
        return Encoding(
            "utf-8", (f"utf-8 with damage: {whole:,} sequences whole, {damaged:,} bytes are not",)
        )
    found = guess(words)
    if strange := _strange_words(path, found.encoding):
        other = guess([*strange, *words])
        if other.encoding != found.encoding and not _strange_words(path, other.encoding):
            reason = f"{found.encoding} does not know all bytes, {other.encoding} does"
            found = other._replace(reason=reason, confidence=1.0, second="")
    evidence = "the bytes are not UTF-8", f"{found.encoding}: {found.reason}"
    return Encoding(found.encoding, evidence, found.confidence, found.second)


def _strange_words(path: Path, encoding: str) -> list[bytes]:
    """Words that hold bytes which the encoding does not know; none where these are so few that
    they are damage."""
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    found: list[bytes] = []
    high = strange = 0
    for block in _blocks(path):
        if block.isascii() and not decoder.getstate()[0]:
            continue
        high += len(block.translate(None, _ASCII))
        bad = decoder.decode(block).count("\ufffd")
        strange += bad
        for line in block.splitlines() if bad and len(found) < _MOST_STRANGE else ():
            if not line.isascii() and "\ufffd" in line.decode(encoding, errors="replace"):
                found += _high_words(line)
    return found[:_MOST_STRANGE] if strange * _TOLERATED > high else []


def _high_words(block: bytes) -> Iterator[bytes]:
    """The first words with high bytes, none of them cut by the block's ends."""
    first, last = block.find(b"\n") + 1, block.rfind(b"\n")
    lines = block[first:last] if first <= last and len(block) == BLOCK else block
    pattern = _WORDS_BETWEEN_BARS if _is_delimited_by_bars(lines) else _WORDS
    limit = _MOST_HIGH_BYTES
    for line in lines.splitlines():
        if not line.isascii():
            words = pattern.findall(line)
            yield from words
            limit -= sum(map(len, words))
            if limit <= 0:
                break


def _is_delimited_by_bars(lines: bytes) -> bool:
    """Whether all lines hold as many vertical bars: halves of pairs are not so regular."""
    if b"|" not in lines:
        return False
    counts = {line.count(b"|") for line in lines.splitlines()[:_LINES]}
    return len(counts) == 1 and counts != {0}


def _sequences(block: bytes) -> int:
    """Bytes that may begin a sequence of more than one byte, damaged ones included."""
    return len(block.translate(None, _NOT_LEADING))


_ASCII = bytes(range(0x80))
_NO_CONTROL = bytes((0, *range(9, 14), *range(27, 0x100)))
_NOT_LEADING = bytes(range(0xC2)) + bytes(range(0xF5, 0x100))
