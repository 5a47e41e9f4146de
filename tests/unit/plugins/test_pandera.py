"""Rules about rows, checked by the real pandera."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lakefall.contract.errors import ViolationError
from lakefall.contract.validation import OnViolation, Violation
from lakefall_plugins.validators.pandera import PanderaOptions, PanderaValidator

pytest.importorskip("pandera")
pa = pytest.importorskip("pyarrow")


def batch() -> Any:
    return pa.record_batch(
        {
            "id": pa.array([2**62, None, 3], pa.int64()),
            "name": pa.array(["ann", "", None]),
            "day": pa.array([dt.date(2024, 1, 1), dt.date(9999, 12, 31), None]),
            "at": pa.array([dt.datetime(2024, 1, 1), None, dt.datetime(9999, 1, 1)],
                           pa.timestamp("us")),
            "price": pa.array([Decimal("1.50"), Decimal("-2.25"), None], pa.decimal128(18, 2)),
            "ok": pa.array([True, None, False]),
            "share": pa.array([0.5, 1.5, None]),
        }
    )  # fmt: skip


def judge(**options: Any) -> list[Violation]:
    return list(PanderaValidator(PanderaOptions.model_validate(options)).validate(batch()))


def broken(**rules: Any) -> list[int]:
    (name,) = rules
    return [v.row for v in judge(columns=rules) if v.column == name]


@pytest.mark.parametrize(
    ("name", "rules", "rows"),
    [
        ("id", {"nullable": False}, [1]),
        ("id", {"ge": 2**62}, [2]),
        ("id", {"gt": 2**62}, [0, 2]),
        ("id", {"isin": [2**62, 3]}, []),
        ("id", {"notin": [3]}, [2]),
        ("name", {"str_length": {"min": 1}}, [1]),
        ("name", {"str_length": {"max": 2}}, [0]),
        ("name", {"str_matches": "a.n$"}, [1]),
        ("name", {"isin": ["ann", ""]}, []),
        ("day", {"le": "2024-12-31"}, [1]),
        ("day", {"in_range": ["2024-01-01", "9999-12-31"]}, []),
        ("at", {"lt": "2024-06-01 12:00:00"}, [2]),
        ("price", {"ge": 0}, [1]),
        ("price", {"ge": "1.50"}, [1]),
        ("ok", {"eq": True}, [2]),
        ("share", {"in_range": [0, 1]}, [1]),
        ("missing", {"ge": 1}, []),
    ],
)
def test_rules_by_column(name: str, rules: dict[str, Any], rows: list[int]) -> None:
    assert broken(**{name: rules}) == rows


def test_a_violation_says_what_and_where() -> None:
    found = judge(columns={"id": {"nullable": False}, "share": {"le": 1}}, on_violation="fail")
    assert found == [
        Violation(1, "id", "NULL is not allowed", "", OnViolation.FAIL),
        Violation(1, "share", "violates less_than_or_equal_to(1.0)", "1.5", OnViolation.FAIL),
    ]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"missing": {"required": True}}, "missing"),
        ({"day": {"ge": "soon"}}, "column 'day' has type date32"),
        ({"id": {"str_matches": "a"}}, "does not fit the data"),
    ],
)
def test_rules_that_do_not_fit_the_data(columns: dict[str, Any], message: str) -> None:
    with pytest.raises(ViolationError, match=message):
        judge(columns=columns)


SCHEMA = """
schema_type: dataframe
version: 0.35.0
columns:
  id:
    dtype: int64
    nullable: true
    coerce: true
    checks:
      greater_than_or_equal_to: 4
  day:
    dtype: datetime64[ns]
    nullable: true
  name:
    dtype: object
    nullable: false
    checks:
      str_length: {min_value: 0, max_value: 2, options: {ignore_na: true}}
"""


def test_a_schema_file_without_what_concerns_types(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SCHEMA)
    found = judge(schema=str(tmp_path / "s.yaml"))
    assert [(v.row, v.column) for v in found] == [(0, "name"), (2, "id"), (2, "name")]


def test_the_file_lies_beside_the_pipeline_file(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SCHEMA)
    options = PanderaOptions.model_validate({"schema": "s.yaml"}, context={"folder": tmp_path})
    assert options.path == tmp_path / "s.yaml"


def column(text: str) -> str:
    return f"columns: {{id: {{{text}}}}}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (column("unique: true"), "columns.id.unique: uniqueness cannot be judged row by row"),
        (column("default: 5"), "columns.id.default"),
        (column("drop_invalid_rows: true"), "columns.id.drop_invalid_rows"),
        (column("checks: {unique_values_eq: [1]}"), "columns.id.checks.unique_values_eq"),
        (column("checks: {my_check: 1}"), "no row-wise check of pandera"),
        (column("checks: {gt: {value: 1, options: {groupby: name}}}"), "options.groupby"),
        (column("checks: {gt: {value: 1, options: {raise_warning: true}}}"), "raise_warning"),
        (column("") + "\nunique: [id]", "unique: uniqueness"),
        (column("") + "\nordered: true", "ordered: the order of columns"),
        (column("") + "\nstrict: true", "strict: the set of columns"),
        (column("") + "\nchecks: {my_check: {}}", "checks: a check on the whole frame"),
        (column("") + "\nindex: [{name: x}]", "index: an index"),
        (column("") + "\ndrop_invalid_rows: true", "drop_invalid_rows"),
        ("[]", "expected a pandera schema"),
        ("columns: 5", "columns: expected a mapping"),
        ("a: [", "s.yaml: "),
        (None, "cannot be read: No such file"),
    ],
)
def test_what_is_not_about_rows_is_refused_when_the_options_are_read(
    tmp_path: Path, text: str | None, message: str
) -> None:
    if text is not None:
        (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(ValidationError) as error:
        PanderaOptions.model_validate({"schema": str(tmp_path / "s.yaml")})
    assert message in str(error.value)


@pytest.mark.parametrize("options", [{}, {"schema": "s.yaml", "columns": {"id": {"ge": 1}}}])
def test_either_a_file_or_columns(tmp_path: Path, options: dict[str, Any]) -> None:
    (tmp_path / "s.yaml").write_text(SCHEMA)
    with pytest.raises(ValidationError, match="give either"):
        PanderaOptions.model_validate(options, context={"folder": tmp_path})


def test_a_misspelt_rule_is_refused() -> None:
    with pytest.raises(ValidationError):
        PanderaOptions.model_validate({"columns": {"id": {"greater": 1}}})


def test_options_are_read_without_importing_pandera(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(SCHEMA)
    program = (
        "import sys; from lakefall_plugins.validators.pandera import PanderaOptions as O;"
        f"O.model_validate({{'schema': {str(tmp_path / 's.yaml')!r}}});"
        "sys.exit(any(m in sys.modules for m in ('pandera', 'pandas', 'pyarrow')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
