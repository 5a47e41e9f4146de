"""Laws of the reader, with CPython's csv module as the oracle."""

from __future__ import annotations

import csv
import io
import random
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from reader_support import Opened, dialect, open_bytes, oracle

from lakefall_plugins.formats.csv.dialect import Dialect

CHARACTERS = " \t'\"\\#;,|aé€\n\r0N"
CELLS = st.one_of(
    st.sampled_from(["", "x", "\\N", "1", " ", '"', "a\nb", "a\r\nb", "é", "#1", "N"]),
    st.text(CHARACTERS, max_size=6),
)
QUICK = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)


@st.composite
def dialects(draw: st.DrawFn) -> Dialect:
    delimiter = draw(st.sampled_from([",", ";", "\t", "|", " ", " ", "¦", ""]))
    quotechar = draw(st.sampled_from(['"', '"', '"', "'", ""]))
    escapechar = draw(st.sampled_from(["", "", "", "\\"]))
    return dialect(
        delimiter=delimiter,
        quotechar=quotechar,
        escapechar=escapechar,
        has_header=draw(st.booleans()),
        skip_initial_space=draw(st.sampled_from([False, False, True])),
    )


def rows_of(width: int) -> st.SearchStrategy[list[list[str]]]:
    row = st.lists(CELLS, min_size=width, max_size=width)
    return st.lists(row, min_size=1, max_size=12)


def write(rows: list[list[str]], found: Dialect, end: str, quoting: int) -> str | None:
    """The table as csv.writer writes it; None when the dialect cannot carry it."""
    out = io.StringIO(newline="")
    try:
        csv.writer(
            out,
            delimiter=found.delimiter or "\ud800",
            quotechar=found.quotechar or None,
            escapechar=found.escapechar or None,
            lineterminator=end,
            quoting=quoting if found.quotechar else csv.QUOTE_NONE,
        ).writerows(rows)
    except csv.Error:
        return None
    return out.getvalue()


def expected(
    text: str, found: Dialect, columns: int
) -> tuple[list[tuple[str, ...]], list[int], int]:
    """Good rows, their lines, and how many records do not fit, by the csv module."""
    good, lines, bad = [], [], 0
    header = found.has_header
    for line, row, raw in oracle(text, found):
        if not row or (len(row) == 1 < columns and not raw.strip()):
            continue
        if header:
            header = False
            continue
        fields = row if any(row[columns:]) else row[:columns]
        if len(fields) == columns and "\0" not in "".join(fields):
            good.append(tuple(fields))
            lines.append(line)
        else:
            bad += 1
    return good, lines, bad


def same_values(opened: Opened, rows: list[tuple[str, ...]]) -> None:
    """Every cell equal; NULL only where the csv module reads nothing, or ``\\N``."""
    assert len(opened.rows) == len(rows)
    for ours, theirs in zip(opened.rows, rows, strict=True):
        for cell, value in zip(ours, theirs, strict=True):
            if cell is None:
                assert value in ("", "\\N", "N")
            else:
                assert cell == value


def in_folder(data: bytes, found: Dialect) -> Opened:
    with tempfile.TemporaryDirectory() as folder:
        return open_bytes(data, Path(folder), found)


@QUICK
@given(
    dialects(),
    st.integers(1, 4).flatmap(rows_of),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252", "gb18030"]),
)
def test_written_tables_are_read_as_the_csv_module_reads_them(
    found: Dialect, rows: list[list[str]], end: str, quoting: int, encoding: str
) -> None:
    if not found.delimiter:
        rows = [row[:1] for row in rows]
    text = write([[f"h{n}" for n in range(len(rows[0]))], *rows], found, end, quoting)
    if text is None or (encoding == "cp1252" and found.delimiter == "¦"):
        return
    found = dialect_with(found, encoding=encoding)
    note(repr((text, found)))
    opened = in_folder(text.encode(encoding), found)
    note(opened.records.sql)
    good, lines, bad = expected(text, found, len(opened.records.header))
    same_values(opened, good)
    assert opened.lines == lines
    assert opened.records.rows_rejected == bad


@QUICK
@given(
    dialects(),
    st.lists(st.sampled_from([*CHARACTERS, "\n", ",", '"', "x,y\n", '"x",']), max_size=60),
)
def test_any_text_is_accounted_for(found: Dialect, pieces: list[str]) -> None:
    """Arbitrary text: conservation, and equality wherever the csv module sees no error."""
    text = "h1,h2\n".replace(",", found.delimiter) + "".join(pieces)
    note(repr(text))
    opened = in_folder(text.encode(), found)
    note(opened.records.sql)
    columns = len(opened.records.header)
    strict = not any("quote" in reason or "escape" in reason for _, reason in opened.reasons)
    if strict:
        good, lines, bad = expected(text, found, columns)
        same_values(opened, good)
        assert opened.lines == lines
        assert opened.records.rows_rejected == bad
    physical = io.StringIO(text, newline="").readlines()
    for line in [*opened.lines, *(line for line, _ in opened.reasons)]:
        assert 1 <= line <= len(physical)
    for reject in opened.rejects:
        begins = physical[reject.line - 1].rstrip("\r\n")
        assert reject.text.startswith(begins)


@QUICK
@given(
    st.integers(1, 3),
    st.integers(0, 1),
    st.sampled_from(["", "first", "last"]),
    st.booleans(),
    st.lists(st.lists(CELLS, min_size=1, max_size=5), max_size=12),
    st.sampled_from(["\n", "\r\n"]),
)
def test_rows_at_the_edges_are_taken_as_the_dialect_says(
    headers: int, units: int, unnamed: str, short: bool, rows: list[list[str]], end: str
) -> None:
    """Header rows, units, names and fields that are left out, against the csv module's rows."""
    found = dialect(
        header_lines=headers, units_lines=units, unnamed_column=unnamed, short_records=short
    )
    above = [[f"h{n}", f"i{n}", f"j{n}"] for n in range(headers + units)]
    text = write([*above, *rows], found, end, csv.QUOTE_MINIMAL)
    assert text is not None
    note(repr(text))
    opened = in_folder(text.encode(), found)
    joined = tuple(" ".join(f"{c}{n}" for n in range(headers)) for c in "hij")
    header = {"": joined, "first": ("", *joined), "last": (*joined, "")}[unnamed]
    assert opened.records.header == header
    good, lines = [], []
    for line, row, raw in oracle(text, found)[headers + units :]:
        if not row or (len(row) == 1 and not raw.strip()):
            continue
        fields = row if any(row[len(header) :]) else row[: len(header)]
        if short:
            fields = fields + [""] * (len(header) - len(fields))
        if len(fields) == len(header) and "\0" not in raw:
            good.append(tuple(fields))
            lines.append(line)
    same_values(opened, good)
    assert opened.lines == lines
    read = [row for _, row, raw in oracle(text, found)[headers + units :] if row and raw.strip()]
    assert opened.records.rows_read == len(read)


@QUICK
@given(st.integers(0, 2**32), st.sampled_from(["\n", "\r\n"]), st.integers(2, 5))
def test_damage_costs_the_damaged_lines_only(seed: int, end: str, width: int) -> None:
    """Each line of a clean file is damaged or not: exactly the damaged ones are rejected."""
    chance = random.Random(seed)
    header = ",".join(f"h{n}" for n in range(width))
    lines, good, bad = [header.encode()], [], []
    for number in range(2, chance.randrange(3, 60)):
        cells = [chance.choice(["", "x", '"q,1"', '""', "é", "7"]) for _ in range(width)]
        line = ",".join(cells).encode()
        damage = chance.randrange(12)
        if damage == 0:
            lines.append(line + b",x")
        elif damage == 1:
            lines.append(b"x" + b",x" * (width - 2))
        elif damage == 2:
            lines.append(line + b"\xff")
        elif damage == 3:
            lines.append(line + b"\0")
        elif damage == 4:
            lines.append(b'"a"b' + line)
        else:
            lines.append(line)
            read = next(csv.reader([line.decode()]))
            good.append((number, tuple(read)))
            continue
        bad.append(number)
    opened = in_folder(end.encode().join(lines) + end.encode(), dialect())
    assert [line for line, _ in opened.reasons] == bad
    assert opened.lines == [line for line, _ in good]
    same_values(opened, [cells for _, cells in good])
    assert opened.plain == (not bad)


def dialect_with(found: Dialect, **changes: object) -> Dialect:
    import dataclasses

    return dataclasses.replace(found, **changes)  # type: ignore[arg-type]
