"""What the suites share: the laws of every plugin, and a plugin alone in a pipeline."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from lakefall.contract.configuration import CacheSettings, Engine, PipelineConfig, Use
from lakefall.contract.plugin import Options, Plugin, Stage
from lakefall.contract.run import Run
from lakefall.contract.values import SourceFile, from_json, to_json
from lakefall.plugin_loading.pipeline import Pipeline

Beside = type[Plugin[Options]] | tuple[type[Plugin[Options]], Mapping[str, Any]]


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


class StepContract(PluginContract):
    """Base of the suites of steps. Every test gets an empty folder, ``self.folder``."""

    folder: Path

    def setup_method(self) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="lakefall_contract_")
        self.folder = Path(self._temporary.name).resolve()

    def teardown_method(self) -> None:
        self._temporary.cleanup()

    def run(self) -> Run:
        """A run of a pipeline with the plugin under test, a new one each time, and ``beside``."""
        options = self.plugin.options_model.model_validate(
            copy.deepcopy(dict(self.configured())), context={"folder": self.folder}
        )
        use = Use(self.stage, self.plugin.name, self.plugin.name, lambda: self.plugin, options)
        others = [_plain(*each) if isinstance(each, tuple) else _plain(each, {})
                  for each in self.beside()]  # fmt: skip
        uses = {s: tuple(u for u in (use, *others) if u.stage is s) for s in Stage}
        cache = CacheSettings(self.folder / "cache", 1_000_000_000)
        config = PipelineConfig(
            self.folder / "pipeline.yaml",
            "contract", uses, Engine(threads=1), cache, None, (), {}, "", self.other_types,
        )  # fmt: skip
        scratch = Path(tempfile.mkdtemp(prefix="run_", dir=self.folder))
        return Run(Pipeline(config, lambda _: config), scratch.name, datetime.now(UTC), scratch)

    def configured(self) -> dict[str, object]:
        """The options; override it where they depend on ``self.folder``."""
        return dict(self.options)

    def beside(self) -> Sequence[Beside]:
        """Further plugins of the pipeline, with their default options or with others."""
        return ()

    def other_types(self) -> Sequence[type[Plugin[Options]]]:
        """Types that columns of a table may have, while inference proposes none of them."""
        return ()

    def test_the_pipeline_takes_it(self) -> None:
        # A hook with a misspelt name or an argument that no hook has is refused here.
        self.run()


def _plain(plugin: type[Plugin[Options]], given: Mapping[str, Any]) -> Use:
    options = plugin.options_model.model_validate(given)
    return Use(plugin.stage, plugin.name, plugin.name, lambda: plugin, options)


def survives(value: object) -> None:
    """The next step may run on another machine: a value must come back as it was."""
    again = from_json(type(value), to_json(value))
    expect(again == value, f"{value!r} comes back from JSON as {again!r}")


def some_file(key: str, size: int = 0, etag: str = "v1") -> SourceFile:
    """A file as a source would list it."""
    folder = key.partition("/")[0]
    return SourceFile(key, etag, size, datetime(2024, 1, 1, tzinfo=UTC), folder, folder)
