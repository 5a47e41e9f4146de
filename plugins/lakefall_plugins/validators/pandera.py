"""The validator ``pandera``: rules about rows, checked by the pandera library."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import Field, field_validator, model_validator

from lakefall.contract.errors import MissingExtraError, ViolationError
from lakefall.contract.plugin import Options, Plugin, Stage, hookimpl
from lakefall.contract.units import ConfigPath
from lakefall.contract.validation import OnViolation, Violation
from lakefall_plugins.validators.pandera_schema import SchemaFileError, check_rowwise

if TYPE_CHECKING:
    import pyarrow as pa

Value = bool | int | float | str


class Length(Options):
    """Bounds of a text's length."""

    min: int | None = Field(default=None, ge=0, le=1_000_000_000)
    """Characters at least."""
    max: int | None = Field(default=None, ge=0, le=1_000_000_000)
    """Characters at most."""


class ColumnRules(Options):
    """Rules for one column; each value is judged alone, and NULL breaks none but ``nullable``.

    Bounds of dates, timestamps and decimals are written as text: ``"2024-01-01"``.
    """

    nullable: bool = True
    """Whether NULL is allowed."""
    required: bool = False
    """Whether a file without this column fails."""
    eq: Value | None = None
    """Equal to."""
    ne: Value | None = None
    """Not equal to."""
    gt: Value | None = None
    """Greater than."""
    ge: Value | None = None
    """Greater than or equal to."""
    lt: Value | None = None
    """Less than."""
    le: Value | None = None
    """Less than or equal to."""
    in_range: tuple[Value, Value] | None = None
    """Between two values, both included."""
    isin: tuple[Value, ...] | None = None
    """One of these."""
    notin: tuple[Value, ...] | None = None
    """None of these."""
    str_matches: str | None = None
    """Begins with a match of this regular expression; end it with ``$`` for a whole match."""
    str_contains: str | None = None
    """Contains a match of this regular expression."""
    str_startswith: str | None = None
    """Begins with this text."""
    str_endswith: str | None = None
    """Ends with this text."""
    str_length: Length | None = None
    """Length in characters."""


class PanderaOptions(Options):
    """Where the rules are, and what a violation does."""

    path: ConfigPath | None = Field(default=None, alias="schema")
    """A pandera schema in YAML, relative to the pipeline file. Its ``dtype`` and ``coerce`` say
    nothing here: the types are the table's."""
    columns: Mapping[str, ColumnRules] = Field(default_factory=dict)
    """Column name in the table -> rules, instead of a schema file."""
    on_violation: OnViolation = OnViolation.REJECT
    """reject: the row goes to the rejects. fail: the file is not loaded."""

    @field_validator("path")
    @classmethod
    def _rowwise(cls, path: Path | None) -> Path | None:
        if path is not None:
            _read(path)
        return path

    @model_validator(mode="after")
    def _one_of_both(self) -> PanderaOptions:
        if (self.path is None) == (not self.columns):
            raise ValueError("give either `schema`, a file, or `columns`, rules by column")
        return self


class PanderaValidator(Plugin[PanderaOptions]):
    """Checks rows against a pandera schema or rules per column."""

    name = "pandera"
    stage = Stage.VALIDATOR
    packages = ("pandera", "pandas")
    extra = "quality"

    @hookimpl
    def validate(self, batch: pa.RecordBatch) -> Iterable[Violation]:
        """One violation per row and broken rule.

        Raises:
            ViolationError: a required column is missing, or a rule does not fit a column's type.
            MissingExtraError: pandera is not installed.
        """
        import pyarrow as pa

        pandera, pandas = _libraries()
        schema = self._file_schema or _inline(pandera, self.options.columns, batch.schema)
        # Arrow-backed columns keep what pandas would change: integers with NULL, dates, decimals.
        frame = pa.Table.from_batches([batch]).to_pandas(types_mapper=pandas.ArrowDtype)
        try:
            schema.validate(frame, lazy=True)
        except pandera.errors.SchemaErrors as error:
            return list(self._violations(error))
        return []

    @cached_property
    def _file_schema(self) -> Any:
        """The schema file's, without what concerns types; None where there is no file."""
        if self.options.path is None:
            return None
        from pandera.io.pandas_io import deserialize_schema

        load: Any = deserialize_schema
        schema = load(_read(self.options.path))
        schema.dtype, schema.coerce = None, False
        for column in schema.columns.values():
            column.dtype, column.coerce = None, False
        return schema

    def _violations(self, errors: Any) -> Iterator[Violation]:
        for error in errors.schema_errors:
            if error.reason_code.name not in ("DATAFRAME_CHECK", "SERIES_CONTAINS_NULLS"):
                raise ViolationError(f"the pandera schema does not fit the data: {error}")
        cases = errors.failure_cases
        found = zip(cases["index"], cases["column"], cases["check"], cases["failure_case"],
                    strict=True)  # fmt: skip
        for row, column, check, value in sorted(found, key=lambda case: int(case[0])):
            null = check == "not_nullable"
            yield Violation(
                row=int(row),
                column=str(column),
                reason="NULL is not allowed" if null else f"violates {check}",
                value="" if null else str(value),
                action=self.options.on_violation,
            )


def _read(path: Path) -> Mapping[str, Any]:
    """The schema file, proved to hold nothing but rules about single rows.

    Raises:
        ValueError: it cannot be read, or holds other rules.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        return check_rowwise(document)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError, SchemaFileError) as error:
        raise ValueError(f"{path}: {error}") from error


def _libraries() -> tuple[Any, Any]:
    try:
        import pandas as pd
        import pandera.pandas as pandera
    except ImportError as error:
        raise MissingExtraError(
            f"the validator pandera needs {error.name}; pip install 'lakefall[quality]'"
        ) from error
    return pandera, pd


def _inline(pandera: Any, columns: Mapping[str, ColumnRules], types: pa.Schema) -> Any:
    return pandera.DataFrameSchema(
        {
            name: pandera.Column(
                nullable=rules.nullable,
                required=rules.required,
                checks=list(_checks(pandera.Check, name, rules, types)),
            )
            for name, rules in columns.items()
        }
    )


def _checks(check: Any, name: str, rules: ColumnRules, types: pa.Schema) -> Iterator[Any]:
    def typed(value: Any) -> Any:
        return _typed(value, name, types)

    for comparison in ("eq", "ne", "gt", "ge", "lt", "le"):
        if (value := getattr(rules, comparison)) is not None:
            yield getattr(check, comparison)(typed(value))
    if rules.in_range is not None:
        yield check.in_range(*map(typed, rules.in_range))
    if rules.isin is not None:
        yield check.isin([typed(value) for value in rules.isin])
    if rules.notin is not None:
        yield check.notin([typed(value) for value in rules.notin])
    for text in ("str_matches", "str_contains", "str_startswith", "str_endswith"):
        if (value := getattr(rules, text)) is not None:
            yield getattr(check, text)(value)
    if rules.str_length is not None:
        yield check.str_length(rules.str_length.min, rules.str_length.max)


def _typed(value: Any, name: str, types: pa.Schema) -> Any:
    """A rule's value in the column's own type.

    Raises:
        ViolationError: it is no value of that type.
    """
    import pyarrow as pa

    if name not in types.names:
        return value
    kind = types.field(name).type
    try:
        if isinstance(value, str) and pa.types.is_timestamp(kind):
            return dt.datetime.fromisoformat(value)
        if pa.types.is_decimal(kind):
            return decimal.Decimal(str(value))
        return pa.scalar(value).cast(kind).as_py()
    except (pa.ArrowException, ValueError, decimal.InvalidOperation) as error:
        raise ViolationError(
            f"column {name!r} has type {kind}, and the rule's value {value!r} does not fit it; "
            f"correct validator.columns.{name}"
        ) from error
