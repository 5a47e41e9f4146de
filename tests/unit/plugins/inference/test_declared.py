"""Types and formats that a pipeline file sets: what a load would refuse is refused beforehand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from threshold_support import Infer, column, inferer

from lakefall.config.loader import lint, load
from lakefall.contract.errors import ConfigError, PluginError

FILE = """\
version: 1
source: {use: folder, path: inbox}
type_inferer:
  use: threshold
  types: [integer, date]
  %s
sink: {use: iceberg, catalog: {type: sqlite, warehouse: lake}}
tables:
  old_*:
    type_inferer: {%s}
"""
DATE = (
    "a date's format has one year (%Y, %y), one month (%m, or its name %b) and one day (%d), such "
    "as '%d.%m.%Y'"
)
SAMPLE = "is no sample of a number; write 1234.5 as the files do: '1.234,5', '$1,234.5', '1234,5 %'"
SHARE = (
    "which is a share: 12.5% is 0.125; take DOUBLE, or a DECIMAL with two digits more after the "
    "point"
)
MOMENTS = (
    "write one such as '%d/%m/%Y %H:%M:%S', '%m/%d/%Y %H:%M:%S', '%Y/%m/%d %H:%M:%S', or leave "
    "`format` out"
)
ALONE = {
    "date_formats": [
        ("%d", f"'%d' has no year; {DATE}"),
        ("%Y-%m-%d-%Y", f"'%Y-%m-%d-%Y' has 2 years; {DATE}"),
        ("%Y%m%d%", "'%Y%m%d%' ends in a single %; write %% for a percent sign"),
        ("%Y-%m-%d %H", "'%Y-%m-%d %H': %H is no part of a date; use %Y %y %m %d %b %B"),
        ("usual", "'usual' is neither a format such as %d.%m.%Y nor `common`"),
    ],
    "number_formats": [("1,23", f"'1,23' {SAMPLE}")],
}
OF_COLUMNS = [
    ("date", "%d", f"'%d' has no year; {DATE}"),
    ("date", "common", f"'common' has no year; {DATE}"),
    ("date", "1234.5", f"'1234.5' has no year; {DATE}"),
    ("timestamp", "%Y-%m-%d", f"TIMESTAMP knows no format '%Y-%m-%d'; {MOMENTS}"),
    ("timestamp", "%d/%m/%Y %H:%M", f"TIMESTAMP knows no format '%d/%m/%Y %H:%M'; {MOMENTS}"),
    ("timestamp", "%d/%m %H:%M:%S", f"'%d/%m' has no year; {DATE}"),
    ("timestamp_tz", "%s", f"TIMESTAMP WITH TIME ZONE knows no format '%s'; {MOMENTS}"),
    ("time", "%H", "TIME knows no format '%H'; leave `format` out"),
    ("boolean", "x", "BOOLEAN knows no format 'x'; leave `format` out"),
    ("varchar", "x", "VARCHAR knows no format 'x'; leave `format` out"),
    ("integer", "%d", f"'%d' {SAMPLE}"),
    ("decimal(9,2)", "1,23", f"'1,23' {SAMPLE}"),
    ("integer", "1234.5%", f"INTEGER has no room for '1234.5%', {SHARE}"),
    ("decimal(9,1)", "1234.5%", f"DECIMAL(9,1) has no room for '1234.5%', {SHARE}"),
]
KNOWN = ("BOOLEAN", "INTEGER", "DATE", "TIMESTAMP", "VARCHAR")
"""Types that the pipelines of ``infer`` know."""
NOBODY = "no type plugin reads {}; `lakefall plugins list` shows which there are"


@pytest.fixture
def infer(tmp_path: Path) -> Infer:
    return inferer(tmp_path)


def problems(folder: Path, mine: str = "", of_tables: str = "") -> list[str]:
    path = folder / "p.yaml"
    path.write_text(FILE % (mine, of_tables), encoding="utf-8")
    return [each.removeprefix(f"{path}:") for each in lint([path], environ={})]


@pytest.mark.parametrize(
    ("option", "text", "told"), [(o, t, m) for o, cases in ALONE.items() for t, m in cases]
)
def test_a_format_among_others(option: str, text: str, told: str, tmp_path: Path) -> None:
    written = f"{option}: {json.dumps([text])}"
    # Once: nothing is said about the list of formats that is empty without it.
    assert problems(tmp_path, written) == [f"6: type_inferer.{option}.0: {told}"]
    assert problems(tmp_path, "", written) == [f"10: tables.old_*.type_inferer.{option}.0: {told}"]


@pytest.mark.parametrize(("kind", "format", "told"), OF_COLUMNS)
def test_a_format_of_one_column(kind: str, format: str, told: str, tmp_path: Path) -> None:
    column_type = {"type": kind, "format": format}
    written = f"columns: {json.dumps({'v': column_type})}"
    option = "type_inferer.columns.v.format"
    assert problems(tmp_path, written) == [f"6: {option}: {told}"]
    assert problems(tmp_path, "", written) == [f"10: tables.old_*.{option}: {told}"]
    (tmp_path / "p.yaml").write_text(FILE % ("", ""), encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        load(
            tmp_path / "p.yaml", environ={}, sets=[f"type_inferer.{written.replace(': ', '=', 1)}"]
        )
    assert str(error.value) == f"--set: {option}: {told}"


@pytest.mark.parametrize(
    ("kind", "format", "told"), [c for c in OF_COLUMNS if c[0].upper() in KNOWN]
)
def test_a_load_would_say_the_same(kind: str, format: str, told: str, infer: Infer) -> None:
    with pytest.raises(PluginError) as error:
        column(infer, "5", columns={"v": {"type": kind, "format": format}})
    assert str(error.value) == f"type_inferer.columns.v: {told}"


@pytest.mark.parametrize(
    ("written", "option", "kind"),
    [
        ("columns: {v: dat}", "type_inferer.columns.v", "DAT"),
        ("columns: {v: {type: dat}}", "type_inferer.columns.v.type", "DAT"),
        ('columns: {v: "decimal(5,9)"}', "type_inferer.columns.v", "DECIMAL(5,9)"),
    ],
)
def test_a_type_that_nobody_reads(written: str, option: str, kind: str, tmp_path: Path) -> None:
    assert problems(tmp_path, written) == [f"6: {option}: {NOBODY.format(kind)}"]


@pytest.mark.parametrize(
    "written",
    [
        "date_formats: [common, '%d.%m.%y']",
        "columns: {a: {type: date, format: '%d.%m.%Y'}, b: integer, c: varchar}",
        "columns: {a: {type: timestamp, format: '%s'}, b: {type: timestamp, format: '%Q'}}",
        "columns: {a: {type: timestamp_tz, format: '%d.%m.%Y %H:%M:%S'}, b: uuid, c: json}",
        "columns: {a: {type: 'decimal(9,3)', format: '1.234,5 %'}, b: {type: time}}",
        "columns: {a: {type: timestamp, format: ISO 8601}}",
        "columns: {a: {type: integer, format: '1.234,5'}}",
    ],
)
def test_formats_that_are_known(written: str, tmp_path: Path) -> None:
    assert problems(tmp_path, written) == []


def test_plain_numbers_may_be_named(infer: Infer, tmp_path: Path) -> None:
    # As number_formats names them; a table keeps no format of theirs.
    assert problems(tmp_path, "columns: {v: {type: integer, format: '1234.5'}}") == []
    found = column(infer, "1,234", "5", columns={"v": {"type": "integer", "format": "1234.5"}})
    assert (found.type, found.format) == ("INTEGER", "")
