"""Types and formats that the options set for columns: whether some plugin reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING

from lakefall.contract.errors import PluginError
from lakefall.contract.plugin import Finding
from lakefall.contract.types import TypeCandidate, TypeSettings, without_options
from lakefall_plugins.inference.options import ColumnType

if TYPE_CHECKING:
    from lakefall.plugin_loading.pipeline import Pipeline

_SHOWN = 3
"""Formats that a message names."""


def wished(pipeline: Pipeline, column: ColumnType, settings: TypeSettings) -> TypeCandidate:
    """The reading that is set for a column.

    Raises:
        PluginError: no type plugin reads the type.
        ValueError: its type knows no such format.
    """
    found = pipeline.type_for(column.type.strip().upper(), column.format, settings)
    if column.format in ("", found.format, found.written):
        return found
    known = _formats(pipeline, found.type, settings)[:_SHOWN]
    remedy = f"write one such as {', '.join(map(repr, known))}, or leave" if known else "leave"
    raise ValueError(f"{found.type} knows no format {column.format!r}; {remedy} `format` out")


def findings(
    pipeline: Pipeline, columns: Mapping[str, ColumnType | str], settings: TypeSettings
) -> Iterator[Finding]:
    """What is wrong with the columns of the options."""
    for name, column in columns.items():
        given = ColumnType(type=column) if isinstance(column, str) else column
        try:
            wished(pipeline, given, settings)
        except PluginError as error:
            yield Finding(("columns", name, "type"), str(error))
        except ValueError as error:
            yield Finding(("columns", name, "format"), str(error))


def _formats(pipeline: Pipeline, type_name: str, settings: TypeSettings) -> list[str]:
    """The formats of a type, whether the pipeline proposes it or not."""
    others = (t.candidates(settings) for t in without_options(pipeline.config.other_types()))
    everything = chain(pipeline.types(settings), chain.from_iterable(others))
    return list(dict.fromkeys(c.format for c in everything if c.type == type_name and c.format))
