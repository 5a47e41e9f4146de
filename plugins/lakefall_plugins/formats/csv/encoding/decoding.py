"""Bytes to text: strictly where the file allows it, else so that no byte is lost.

Undecodable bytes become lone surrogates (PEP 383), which no correct text holds: a record that
has one is known to be damaged, and its bytes can be shown.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lakefall.contract.errors import EncodingError, StructureError

BLOCK = 1 << 20
MAX_RECORD = 16 << 20
"""Characters of the longest line or record. One that is longer is taken for an unclosed quote or
for a file that is no table; without a bound the memory needed would have none."""
_BOMS = (
    ("utf-8", codecs.BOM_UTF8, "utf-8"),
    ("utf-32", codecs.BOM_UTF32_LE, "utf-32-le"),
    ("utf-32", codecs.BOM_UTF32_BE, "utf-32-be"),
    ("utf-16", codecs.BOM_UTF16_LE, "utf-16-le"),
    ("utf-16", codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True, slots=True)
class Codec:
    """How a file's bytes are read."""

    name: str
    """A codec that neither expects nor writes a byte order mark."""
    bom: int
    """Bytes of the byte order mark, which belongs to no field."""
    errors: str
    """The error handler under which decoding and encoding lose nothing."""
    file: str = ""
    """What errors call the file."""

    @property
    def utf8(self) -> bool:
        return self.name == "utf-8"

    @property
    def label(self) -> str:
        """The name for people."""
        return self.name.upper().replace("_", "-")

    def length(self, text: str) -> int:
        """Bytes that the text took in the file."""
        if text.isascii() and not self.name.startswith(("utf-16", "utf-32")):
            return len(text)
        return len(text.encode(self.name, self.errors))

    def decoder(self, errors: str) -> codecs.IncrementalDecoder:
        return codecs.getincrementaldecoder(self.name)(errors)


def codec_of(path: Path, encoding: str, file: str = "") -> Codec:
    """The codec for a file whose encoding is known, and whether it begins with a mark.

    ``file`` is what errors call it, its name on disk without one.

    Raises:
        EncodingError: no codec of that name.
    """
    file = file or path.name
    try:
        name = codecs.lookup(encoding).name
    except LookupError as error:
        raise EncodingError(f"{file}: no encoding is called {encoding!r}") from error
    name = {"utf-8-sig": "utf-8", "ascii": "utf-8"}.get(name, name)
    with path.open("rb") as stream:
        head = stream.read(4)
    bom = 0
    for family, mark, exact in _BOMS:
        if name in (family, exact) and head.startswith(mark):
            name, bom = exact, len(mark)
            break
    name = {"utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(name, name)
    wide = name.startswith(("utf-16", "utf-32"))
    return Codec(name, bom, "surrogatepass" if wide else "surrogateescape", file)


def text_blocks(path: Path, codec: Codec) -> Iterator[tuple[str, bool]]:
    """Blocks of text, each with whether all its bytes decode.

    Raises:
        EncodingError: bytes that not even the lossless handler can carry.
    """
    strict, lossless = codec.decoder("strict"), codec.decoder(codec.errors)
    done = codec.bom
    with path.open("rb") as stream:
        stream.seek(codec.bom)
        while block := stream.read(BLOCK):
            state = strict.getstate()
            try:
                yield strict.decode(block), True
            except UnicodeDecodeError:
                lossless.setstate(state)
                yield _lossless(lossless, block, codec, done), False
                strict.setstate(lossless.getstate())
            done += len(block)
    tail = strict.getstate()[0]
    if tail:
        yield "".join(chr(0xDC00 + byte) for byte in tail), False


def _lossless(decoder: codecs.IncrementalDecoder, block: bytes, codec: Codec, done: int) -> str:
    try:
        return decoder.decode(block)
    except UnicodeDecodeError as error:
        raise EncodingError(
            f"{codec.file}: bytes that are not {error.encoding.upper()} near byte "
            f"{done + error.start}; set sniffer.encoding, or repair the file"
        ) from error


def line_blocks(path: Path, codec: Codec) -> Iterator[tuple[list[str], bool]]:
    """Physical lines with their ends (LF, CRLF or CR), some 1 MB at a time.

    Each block comes with whether all its bytes decode.

    Raises:
        StructureError: a line of more than ``MAX_RECORD`` characters.
    """
    parts: list[str] = []
    size, clean, lines = 0, True, 0
    for text, good in text_blocks(path, codec):
        clean = clean and good
        # A CR at the very end may be the first half of a CRLF.
        cut = max(text.rfind("\n"), text.rfind("\r", 0, len(text) - 1)) + 1
        if not cut:
            parts.append(text)
            size += len(text)
            if size > MAX_RECORD:
                raise StructureError(
                    f"{codec.file}: line {lines + 1} has more than {MAX_RECORD:,} characters; "
                    "is this file a table?"
                )
            continue
        block = io.StringIO("".join((*parts, text[:cut])), newline="").readlines()
        lines += len(block)
        yield block, clean
        parts, clean = [text[cut:]], good
        size = len(text) - cut
    rest = "".join(parts)
    if rest:
        yield io.StringIO(rest, newline="").readlines(), clean


def transcode(path: Path, codec: Codec, target: Path) -> bool:
    """Write a UTF-8 copy; False when some bytes do not decode (the copy is then of no use)."""
    with target.open("wb") as out:
        for text, clean in text_blocks(path, codec):
            if not clean:
                return False
            out.write(text.encode())
    return True
