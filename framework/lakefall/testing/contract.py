"""What every plugin promises, whatever its stage."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from lakefall.contract.plugin import Options, Plugin, Stage


def expect(holds: bool, otherwise: str) -> None:
    """A law with the sentence that a plugin author reads when it is broken.

    Raises:
        AssertionError: the law does not hold.
    """
    if not holds:
        raise AssertionError(otherwise)


class PluginContract:
    """Base of the suites: subclass one in a test file and name the plugin."""

    plugin: ClassVar[type[Plugin[Options]]]
    options: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    """The options as the YAML would hold them."""
    stage: ClassVar[Stage]

    def make(self) -> Any:
        """A plugin instance with the options."""
        return self.plugin(
            self.plugin.options_model.model_validate(copy.deepcopy(dict(self.options)))
        )

    def test_it_introduces_itself(self) -> None:
        expect(bool(getattr(self.plugin, "name", "")), "the class has no `name`")
        expect(self.plugin.stage is self.stage, f"the class's `stage` is not {self.stage!s}")
        expect(bool(self.plugin.summary()), "the class has no docstring: its line in the docs")

    def test_every_option_is_described(self) -> None:
        for name, description in self.plugin.options_model.descriptions().items():
            expect(bool(description), f"option {name!r} has no description")

    def test_options_that_say_where_exist(self) -> None:
        model = self.plugin.options_model
        unknown = sorted(model.connection - model.model_fields.keys())
        expect(not unknown, f"`connection` names no field of the options: {', '.join(unknown)}")

    def test_unknown_options_are_refused(self) -> None:
        try:
            self.plugin.options_model.model_validate({**self.options, "no_such_option": 1})
        except ValueError:
            return
        raise AssertionError("an option that does not exist is accepted; derive from Options")
