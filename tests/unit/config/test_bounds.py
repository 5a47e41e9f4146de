"""Every number in the options has an upper bound, in every plugin."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from lakefall.config.document import Settings
from lakefall.config.shape import alternatives, is_model
from lakefall.contract.plugin import Stage
from lakefall.contract.units import Duration, Size
from lakefall.plugin_loading.catalogue import Catalogue

TOO_MUCH = 10**30
LIMITS_OF_DATA = {"ColumnRules"}
"""Models whose numbers are compared with values of the rows."""


def models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """A model, and those of the sections inside it."""
    yield model
    for field in model.model_fields.values():
        for inner in filter(is_model, alternatives(field.annotation)):
            yield from models(inner)


def every() -> dict[str, type[BaseModel]]:
    catalogue = Catalogue.default()
    plugins = [catalogue.get(stage, name) for stage in Stage for name in catalogue.names(stage)]
    tops = [Settings, *(plugin.options_model for plugin in plugins)]
    found = {m.__name__: m for top in tops for m in models(top)}
    return {name: m for name, m in found.items() if name not in LIMITS_OF_DATA}


@pytest.mark.parametrize("model", every().values(), ids=every().keys())
def test_no_number_is_taken_that_is_beyond_reason(model: type[BaseModel]) -> None:
    names = {field.alias or name for name, field in model.model_fields.items()}
    for value in (TOO_MUCH, float(TOO_MUCH)):
        try:
            model.model_validate(dict.fromkeys(names, value))
            refused = set()
        except ValidationError as error:
            refused = {detail["loc"][0] for detail in error.errors()}
        assert names == refused


@pytest.mark.parametrize("text", ["100000000000TB", "1" + "0" * 25])
def test_sizes_have_a_largest(text: str) -> None:
    with pytest.raises(ValidationError, match="a size of at most 1000000TB"):
        TypeAdapter(Size).validate_python(text)


@pytest.mark.parametrize("text", ["36526d", "1" + "0" * 25 + "s"])
def test_durations_have_a_longest(text: str) -> None:
    with pytest.raises(ValidationError, match="a duration of at most 36525d"):
        TypeAdapter(Duration).validate_python(text)
    assert TypeAdapter(Duration).validate_python("36525d") == 36_525 * 86_400
