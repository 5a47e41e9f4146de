"""The sniffer ``jsonl``."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from lakefall.contract.errors import EmptyFileError, EncodingError, StructureError
from lakefall.contract.plugin import Plugin, Stage, hookimpl
from lakefall_plugins.formats.jsonl.format import JsonlSnifferOptions, JsonObjects
from lakefall_plugins.formats.jsonl.records import flaw

if TYPE_CHECKING:
    from lakefall.contract.run import Run
    from lakefall.contract.values import LocalFile, TableState

SAMPLE_BYTES = 1_000_000
SAMPLE_LINES = 100
_BLANKS = b" \t\r\n"
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class JsonlSniffer(Plugin[JsonlSnifferOptions]):
    """Recognises JSON lines, and JSON files with one array of objects or with objects alone."""

    name = "jsonl"
    stage = Stage.SNIFFER

    @hookimpl
    def sniff(self, run: Run, local: LocalFile, table: TableState | None) -> JsonObjects | None:
        """What the content says; names with ``.json`` are used for all layouts.

        Raises:
            EmptyFileError: no bytes, or nothing but blank lines.
            EncodingError: UTF-16 or UTF-32, which RFC 8259 forbids.
            StructureError: it begins like JSON, and holds no object.
        """
        del run, table
        with local.path.open("rb") as stream:
            sample = stream.read(SAMPLE_BYTES)
            cut = bool(stream.read(1))
        if sample.startswith(_WIDE):
            raise EncodingError(f"{local.name}: JSON is UTF-8 (RFC 8259), this is UTF-16; convert")
        marked = sample.startswith(codecs.BOM_UTF8)
        body = sample.removeprefix(codecs.BOM_UTF8)
        if not body.strip(_BLANKS) and not cut:
            raise EmptyFileError(f"{local.name}: no object in the file")
        layout, evidence = _layout(local.name, body, cut=cut)
        if not layout:
            return None
        encoding = "utf-8-sig" if marked else "utf-8"
        return JsonObjects(layout, encoding, evidence=(evidence,))


def _layout(name: str, body: bytes, *, cut: bool) -> tuple[str, str]:
    """The layout and why; ``''`` for a file that is not JSON."""
    lines = body.split(b"\n", SAMPLE_LINES)
    if len(lines) > SAMPLE_LINES or (cut and len(lines) > 1):
        lines.pop()
    filled = [(n, text) for n, line in enumerate(lines, 1) if (text := line.strip(_BLANKS))]
    flaws = [flaw(text, 0) for _, text in filled]
    good = flaws.count(None)
    first = body.lstrip(_BLANKS)[:1]
    # A line of an array or object that spans lines is seldom an object itself.
    if flaws[0] is None or good * 2 >= len(filled) or (good and first not in (b"[", b"{")):
        return "lines", f"{good} of the first {len(filled)} lines are objects"
    if first == b"[":
        return "array", "it begins with ["
    if first != b"{":
        return "", ""
    if any(text[:1] not in (b"{", b"[") for _, text in filled[1:]) or (len(filled) == 1 and cut):
        return "objects", "it begins with {, and the first lines are parts of objects"
    number, reason = filled[0][0], flaws[0]
    raise StructureError(f"{name}: line {number}: {reason}; no line among the first is an object")
