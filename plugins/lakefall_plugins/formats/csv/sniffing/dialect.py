"""The dialect of a CSV file, found by weighing every plausible way to read it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lakefall.contract.errors import UnsupportedFormatError
from lakefall_plugins.formats.csv.dialect import Dialect, Reading
from lakefall_plugins.formats.csv.encoding.detection import detect_encoding
from lakefall_plugins.formats.csv.options import CsvSnifferOptions
from lakefall_plugins.formats.csv.reading.head import unlabelled
from lakefall_plugins.formats.csv.sniffing.cells import Kind
from lakefall_plugins.formats.csv.sniffing.header import (
    Given,
    HeaderVerdict,
    Structure,
    examine,
    judge,
)
from lakefall_plugins.formats.csv.sniffing.layout import (
    Layout,
    Part,
    are_aligned,
    first_record,
    footer_lines,
    is_label,
    locate,
    total_lines,
)
from lakefall_plugins.formats.csv.sniffing.sample import (
    FIRST_TAIL,
    LARGEST_TAIL,
    end_of,
    line_count,
    tail,
    terminator,
)
from lakefall_plugins.formats.csv.sniffing.selection import Found, select, with_late_marks
from lakefall_plugins.formats.csv.sniffing.splitting import Row, Way, split

_NUMBERS = frozenset({Kind.INTEGER, Kind.NUMBER})
_LAYOUT_SHARE = 0.9
_WORD = re.compile(r"\w")


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
        UnsupportedFormatError: the columns have a fixed width, and no delimiter.
    """
    name = name or path.name
    encoding = detect_encoding(path, options.encoding, name)
    found = select(path, encoding.name, options, name)
    found = with_late_marks(path, encoding.name, found, options)
    way = found.best.way
    table = _table(found, options)
    verdict = _header(found, table, options, known_columns)
    if not verdict.present and options.preamble_lines is None:
        table = table.with_records_above(found.best.split.rows)
    structure = _structure(found, table, options) if verdict.present else Structure(0)
    if options.delimiter is None and _is_fixed(found, structure):
        raise UnsupportedFormatError(
            f"{name}: the columns stand at fixed places (fixed width), with no delimiter between "
            "them; export the table with a delimiter. To read it all the same, set "
            "sniffer.delimiter, '' for one column"
        )
    short = verdict.present and (table.short or _lacks_last(found, table))
    footer, total = _end(path, encoding.name, found, table, way)
    return Dialect(
        delimiter=way.delimiter,
        quotechar=way.quotechar,
        escapechar=way.escapechar,
        encoding=encoding.name,
        has_header=verdict.present,
        line_terminator=terminator(found.sample.line_ends, found.best.split.inner_breaks),
        preamble_lines=table.layout.preamble_lines,
        header_lines=structure.header_rows,
        units_lines=structure.units_rows,
        unnamed_column=structure.unnamed_column,
        short_records=short,
        footer_lines=footer,
        total_lines=total,
        comment=table.layout.comment,
        comment_given=options.comment is not None,
        delimiter_given=options.delimiter is not None,
        marked_header=table.layout.marked and verdict.present,
        header_label=table.layout.label if verdict.present else "",
        skip_initial_space=_skip_initial_space(found, table, way),
        blanks_around_quotes=options.quotechar is None and way.delimiter != " ",
        confidence=found.doubt.confidence * encoding.confidence,
        encoding_confidence=encoding.confidence,
        second_encoding=encoding.second,
        header_confidence=verdict.confidence,
        evidence=(
            *encoding.evidence,
            *_evidence(found, table),
            *verdict.evidence,
            *structure.evidence,
            *([f"{_lines(footer)} below the table {_are(footer)} no part of it"] if footer else []),
            *(["the last record looks like a total"] if total else []),
        ),
        runner_up=_reading(found, encoding.confidence),
    )


_LACKING_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class _Table:
    """Where the table lies in the sample."""

    layout: Layout
    width: int
    short: bool
    """Most records lack their last fields."""
    end: int
    """Index of the row after its last one: that of the next table, or the end of the sample."""

    def with_records_above(self, rows: Sequence[Row]) -> _Table:
        """The same table, which begins with records of other widths."""
        first = first_record(rows, self.layout.first)
        if first == self.layout.first:
            return self
        layout = replace(self.layout, first=first, preamble_lines=rows[first].line)
        return replace(self, layout=layout)

    def names(self, rows: Sequence[Row]) -> Sequence[str]:
        """The cells of the first row, without what makes it look like a comment."""
        if self.layout.first >= len(rows):
            return ()
        cells = rows[self.layout.first].cells
        if self.layout.label:
            return unlabelled(list(cells), self.layout.label)
        first = cells[0].removeprefix(self.layout.comment) if self.layout.marked else cells[0]
        return (first, *cells[1:])

    def below(self, rows: Sequence[Row]) -> list[tuple[str, ...]]:
        """The rows after the first one, without blank lines and comments."""
        mark = self.layout.comment
        return [
            row.cells
            for row in rows[self.layout.first + 1 : self.end]
            if not row.blank and not (mark and row.cells[0].startswith(mark))
        ]


def _table(found: Found, options: CsvSnifferOptions) -> _Table:
    best, given = found.best, options.preamble_lines
    rows = best.split.rows
    part = best.part or Part(0, len(rows))
    width = best.width
    if best.short_below is not None and is_label(rows[best.short_below].cells[0]):
        width -= 1  # the label is no column
    elif best.short_below is not None and options.header != "absent":
        layout = Layout(best.short_below, rows[best.short_below].line, options.comment or "")
        return _Table(layout, best.width, short=True, end=part.end)
    start = part.start
    if given is not None:
        start = next((i for i, row in enumerate(rows) if row.line >= given and not row.blank), 0)
        part = Part(start, part.end)
    layout = locate(rows[start : part.end], width, options.comment, best.way.delimiter)
    first, line = start + layout.first, layout.preamble_lines
    if given is not None and not _are_comments(rows[start:first], layout.comment):
        first, line = start, given
        layout = replace(layout, marked=False, label="")
    layout = replace(layout, first=first, preamble_lines=line)
    return _Table(layout, width, short=False, end=part.end)


def _are_comments(rows: Sequence[Row], mark: str) -> bool:
    return bool(rows and mark) and all(row.blank or row.cells[0].startswith(mark) for row in rows)


def _header(
    found: Found, table: _Table, options: CsvSnifferOptions, known_columns: Sequence[str]
) -> HeaderVerdict:
    if options.header != "detect":
        evidence = (f"header: {options.header} (given)",)
        return HeaderVerdict(options.header == "present", 1.0, evidence)
    rows = found.best.split.rows
    body = [row for row in table.below(rows) if table.short or len(row) == table.width]
    return judge(table.names(rows), body, known_columns, found.cells)


def _structure(found: Found, table: _Table, options: CsvSnifferOptions) -> Structure:
    rows, first = found.best.split.rows, table.layout.first
    if first >= len(rows) or not found.best.way.delimiter:
        return Structure(options.header_lines or 1)
    units = None if options.units_row == "detect" else options.units_row == "present"
    given = Given(options.header_lines, units)
    names, below = table.names(rows), table.below(rows)
    return examine(names, below, found.cells, given, quoted_first=_quoted_first(found, table))


def _is_fixed(found: Found, structure: Structure) -> bool:
    """Whether columns are padded to a width, and blanks stand in their cells, too."""
    best = found.best
    if best.way.delimiter not in ("", " "):
        return False
    widths = {len(row.cells) for row in best.split.filled}
    whole = best.way.delimiter == " " and len(widths) == 1 and not structure.unnamed_column
    return not whole and are_aligned(found.sample.text.split("\n"))


def _lacks_last(found: Found, table: _Table) -> bool:
    """Whether nearly all records lack the column that the header names last."""
    names, below = table.names(found.best.split.rows), table.below(found.best.split.rows)
    if len(names) != table.width + 1 or table.width < 2 or not all(map(str.strip, names)):
        return False
    return sum(len(row) == table.width for row in below) >= _LACKING_SHARE * len(below) > 0


def _quoted_first(found: Found, table: _Table) -> bool:
    """Whether the lines of the first records begin with a quote."""
    quote, rows = found.best.way.quotechar, found.best.split.rows
    lines = found.sample.text.split("\n")
    first = [row for row in rows[table.layout.first + 1 : table.end] if not row.blank][:3]
    return bool(quote and first) and all(lines[row.line].startswith(quote) for row in first)


def _end(path: Path, encoding: str, found: Found, table: _Table, way: Way) -> tuple[int, int]:
    """Lines below the table, and those of a last record that looks like a total."""
    rows = found.best.split.rows
    if table.end < len(rows):
        return 0, 0  # another table follows, and its records are no footer
    if not found.sample.truncated:
        if found.best.split.open_end:
            return 0, 0  # what an unclosed quote takes in are records
        return _end_of(rows[table.layout.first :], table.width, found.sample.text, way) or (0, 0)
    size, file = FIRST_TAIL, end_of(path, encoding, way.delimiter)
    while size <= LARGEST_TAIL:
        text = tail(path, encoding, size, file.at)
        end = split(text, way)
        if end.misplaced or end.open_end:
            return 0, 0
        if (lines := _end_of(end.rows, table.width, text, way)) is not None:
            footer, total = lines
            return (footer + file.empty if footer else 0), total
        size *= 16
    return 0, 0


def _end_of(rows: Sequence[Row], width: int, text: str, way: Way) -> tuple[int, int] | None:
    physical = line_count(text)
    footer = footer_lines(rows, width, physical, ended=text.endswith("\n"))
    if footer is None:
        # Nobody quotes cells that a spreadsheet left empty: a program wrote these records.
        return (0, 0) if way.quotechar and way.quotechar in text else None
    below = "".join(text.split("\n")[physical - footer :])
    if way.quotechar and way.quotechar in below and _WORD.search(below) is None:
        footer = 0
    return footer, total_lines(rows, width, footer, physical)


def _skip_initial_space(found: Found, table: _Table, way: Way) -> bool:
    """Whether a blank follows nearly every delimiter, so that it is layout and no text.

    Blanks before numbers do no harm. Texts with several show a depth, as in an outline.
    """
    if way.delimiter in ("", " ", "\t"):
        return way.runs
    marks = (way.delimiter, way.quotechar, way.escapechar)
    if not any(mark and f"{mark} " in found.sample.text for mark in marks):
        return False
    rows, cells = found.best.split.rows, found.cells
    later = [cell for row in rows for cell in row.cells[1:] if cell.strip()]
    spaced = sum(cell.startswith(" ") for cell in later)
    quotes = found.sample.text.count(f"{way.delimiter} {way.quotechar}") if way.quotechar else 0
    if not spaced and not quotes:
        return False
    texts = [t for row in table.below(rows) for t in row[1:] if cells[t].kind not in _NUMBERS]
    if any(text.startswith("  ") and text.strip() for text in texts):
        return False
    harmless = not quotes and not any(text.strip() for text in texts)
    return not harmless and quotes + spaced >= _LAYOUT_SHARE * len(later)


def _lines(count: int) -> str:
    return f"{count:,} line{'' if count == 1 else 's'}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


_NAMES = {"": "no delimiter", "\t": "tab", " ": "blank"}


def _evidence(found: Found, table: _Table) -> list[str]:
    best = found.best
    part = best.part or Part(0, len(best.split.rows))
    inside = best.split.rows[part.start : part.end]
    rows = [row for row in inside if not row.blank]
    name = _NAMES.get(best.way.delimiter, best.way.delimiter)
    if table.short:
        sentences = [f"{name}: most records lack their last fields, which become NULL"]
    else:
        regular = len(rows) - best.odd_rows
        sentences = [f"{name}: {regular} of {len(rows)} rows have {best.width} columns"]
    if best.part is not None:
        first, last = inside[0].line + 1, inside[-1].line + 1
        sentences.append(f"of several tables the one on lines {first} to {last} is taken")
    if best.split.quoted:
        sentences.append(f"{best.split.quoted} cells stand in {best.way.quotechar}")
    if found.doubt.second is not None:
        lead = found.doubt.second.bits - best.bits
        sentences.append(f"{lead:.0f} bits shorter than the next best reading")
    return sentences


def _reading(found: Found, share: float) -> Reading | None:
    """The second reading; its score is the share of both it and the encoding."""
    if found.doubt.second is None:
        return None
    doubt, way = found.doubt, found.doubt.second.way
    score = min(doubt.odds, 1.0) * doubt.confidence * share
    return Reading(way.delimiter, way.quotechar, way.escapechar, round(score, 6))
