"""The typed facade over a pipeline's plugins."""

from pathlib import Path
from types import SimpleNamespace

import pluggy
import pytest

from lakefall.config.loader import open_pipeline
from lakefall.contract.errors import PluginError
from lakefall.contract.plugin import hookimpl
from lakefall.contract.types import TypeSettings
from lakefall.contract.values import Event
from lakefall.plugin_loading.pipeline import Pipeline, with_listeners

LOCAL = Path(__file__).resolve().parents[2] / "pipelines" / "local.yaml"


@pytest.fixture
def pipeline() -> Pipeline:
    return open_pipeline(LOCAL, sets=["tables.old_*.type_inferer.threshold=0.5"])


def test_a_column_may_have_a_type_that_inference_does_not_propose(pipeline: Pipeline) -> None:
    settings = TypeSettings()
    assert "DECIMAL(9,3)" not in {c.type for c in pipeline.types(settings)}
    assert pipeline.type_for("DECIMAL(9,3)", "", settings).duckdb == "DECIMAL(9,3)"
    with pytest.raises(PluginError, match="no type plugin reads GEOMETRY"):
        pipeline.type_for("GEOMETRY", "", settings)


def test_a_table_sees_its_overrides_and_the_others_the_pipeline(pipeline: Pipeline) -> None:
    assert pipeline.for_table("new") is pipeline
    assert pipeline.for_table("old_a") is pipeline.for_table("old_b") is not pipeline
    assert pipeline.for_table("old_a").config.digest != pipeline.config.digest


def test_pipelines_share_no_plugin(pipeline: Pipeline) -> None:
    other = open_pipeline(LOCAL)
    mine, others = (p._manager.get_plugin("sink:iceberg") for p in (pipeline, other))
    assert mine is not None
    assert mine is not others


def test_a_class_is_searched_for_hooks_once(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_vain: list[str] = []
    find = pluggy.PluginManager.parse_hookimpl_opts

    def parse(self: pluggy.PluginManager, plugin: object, name: str) -> object:
        found = find(self, plugin, name)
        if found is None and hasattr(type(plugin), name):
            in_vain.append(name)
        return found

    monkeypatch.setattr(pluggy.PluginManager, "parse_hookimpl_opts", parse)
    open_pipeline(LOCAL)
    assert in_vain == []


def test_a_listener_may_have_its_hooks_to_itself(pipeline: Pipeline) -> None:
    @hookimpl
    def event(event: Event) -> None: ...

    listener = SimpleNamespace(event=event)
    told = with_listeners(pipeline, SimpleNamespace(other=1), listener)._manager.hook.event
    assert listener in [found.plugin for found in told.get_hookimpls()]
