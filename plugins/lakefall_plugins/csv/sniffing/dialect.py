"""The dialect of a CSV file, found by weighing every plausible way to read it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lakefall.model import Dialect, Reading
from lakefall_plugins.csv.encoding.detection import detect_encoding
from lakefall_plugins.csv.options import CsvSnifferOptions
from lakefall_plugins.csv.sniffing.beyond import tail
from lakefall_plugins.csv.sniffing.header import HeaderVerdict, judge
from lakefall_plugins.csv.sniffing.layout import Layout, footer_lines, locate
from lakefall_plugins.csv.sniffing.sample import line_count, terminator
from lakefall_plugins.csv.sniffing.splitting import Row, Way, split
from lakefall_plugins.csv.sniffing.weighing import Found, weigh, with_late_quote


def detect(
    path: Path, options: CsvSnifferOptions, known_columns: Sequence[str] = (), name: str = ""
) -> Dialect:
    """The dialect of a file.

    Args:
        path: a file on this machine, decompressed.
        options: what is preferred or known.
        known_columns: column names of the live table: evidence for or against a header.
        name: what errors call the file; its file name when empty.

    Raises:
        EmptyFileError: no bytes, or nothing but blank lines.
        NotTextError: the bytes are no text.
        EncodingError: the bytes do not decode in the encoding that the options name.
    """
    name = name or path.name
    encoding = detect_encoding(path, options.encoding, name)
    found = weigh(path, encoding.name, options, name)
    way = with_late_quote(path, encoding.name, found, options)
    rows = found.best.split.rows
    layout = locate(rows, found.best.width, options.comment)
    layout = _with_given_preamble(layout, rows, options.preamble_lines)
    verdict = _header(found, layout, options, known_columns)
    return Dialect(
        delimiter=way.delimiter,
        quotechar=way.quotechar,
        escapechar=way.escapechar,
        encoding=encoding.name,
        has_header=verdict.present,
        line_terminator=terminator(found.sample.line_ends, found.best.split.inner_breaks),
        preamble_lines=layout.preamble_lines,
        header_lines=1 if verdict.present else 0,
        footer_lines=_footer_lines(path, encoding.name, found, layout, way),
        comment=layout.comment,
        comment_given=options.comment is not None,
        skip_initial_space=_skip_initial_space(rows, way),
        confidence=found.doubt.confidence,
        header_confidence=verdict.confidence,
        evidence=(*encoding.evidence, *_evidence(found), *verdict.evidence),
        runner_up=_reading(found),
    )


def _footer_lines(path: Path, encoding: str, found: Found, layout: Layout, way: Way) -> int:
    width = found.best.width
    if not found.sample.truncated:
        rows = found.best.split.rows[layout.first :]
        return footer_lines(rows, width, found.sample.lines)
    text = tail(path, encoding)
    end = split(text, way)
    if end.misplaced or end.open_end:
        return 0
    return footer_lines(end.rows, width, line_count(text))


def _with_given_preamble(layout: Layout, rows: Sequence[Row], given: int | None) -> Layout:
    if given is None:
        return layout
    first = next((i for i, row in enumerate(rows) if row.line >= given), 0)
    return Layout(first, given, layout.comment)


def _header(
    found: Found,
    layout: Layout,
    options: CsvSnifferOptions,
    known_columns: Sequence[str],
) -> HeaderVerdict:
    if options.header != "detect":
        return HeaderVerdict(
            options.header == "present", 1.0, (f"header: {options.header} (given)",)
        )
    rows, width = found.best.split.rows, found.best.width
    body = [
        row.cells for row in rows[layout.first + 1 :] if len(row.cells) == width and not row.blank
    ]
    first = rows[layout.first].cells if layout.first < len(rows) else ()
    return judge(first, body, known_columns, found.cells)


def _skip_initial_space(rows: Sequence[Row], way: Way) -> bool:
    if way.delimiter in ("", " ", "\t"):
        return way.runs
    later = [cell for row in rows for cell in row.cells[1:] if cell]
    return bool(later) and sum(cell.startswith(" ") for cell in later) >= 0.9 * len(later)


_NAMES = {"": "no delimiter", "\t": "tab", " ": "blank"}


def _evidence(found: Found) -> list[str]:
    best = found.best
    rows = [row for row in best.split.rows if not row.blank]
    name = _NAMES.get(best.way.delimiter, best.way.delimiter)
    said = [
        f"{name}: {len(rows) - best.odd_rows} of {len(rows)} rows have {best.width} columns",
    ]
    if best.split.quoted:
        said.append(f"{best.split.quoted} cells stand in {best.way.quotechar}")
    if found.doubt.second is not None:
        lead = found.doubt.second.bits - best.bits
        said.append(f"{lead:.0f} bits shorter than the next best reading")
    return said


def _reading(found: Found) -> Reading | None:
    if found.doubt.second is None:
        return None
    way = found.doubt.second.way
    return Reading(way.delimiter, way.quotechar, way.escapechar, round(found.doubt.odds, 6))
