"""``plugins``: what is said about plugin classes."""

from __future__ import annotations

import json

import pytest
from pydantic import SecretStr

from lakefall import cli
from lakefall.config.description import described, problems_of
from lakefall.contract.plugin import NoOptions, Options, Plugin, Stage, hookimpl
from lakefall_plugins.sources.folder import FolderSource


class GoodOptions(Options):
    """Options."""

    password: SecretStr = SecretStr("hunter2")
    """Nobody's business."""
    sizes: dict[str, tuple[int, ...]] = {}
    """By name."""


class Good(Plugin[GoodOptions]):
    """Does its work."""

    name = "good"
    stage = Stage.CATALOG_REGISTRAR

    @hookimpl
    def event(self, event: object) -> None:
        pass


class BadOptions(Options):
    secret: int = 1


class Bad(Plugin[BadOptions]):
    name = "bad"
    stage = Stage.SINK

    @hookimpl
    def lood(self) -> None:
        pass


class Wrong(Plugin[NoOptions]):
    """Takes what the hook does not give."""

    name = "wrong"
    stage = Stage.SINK

    @hookimpl
    def load(self, files: object, extra: object) -> None:
        pass


class Idle(Plugin[NoOptions]):
    """Does nothing."""

    name = "idle"
    stage = Stage.SINK


def test_a_good_plugin_has_no_problems() -> None:
    assert list(problems_of(Good)) == []
    assert list(problems_of(FolderSource)) == []


def test_every_problem_is_found() -> None:
    undocumented, undescribed, unknown = problems_of(Bad)
    assert "docstring" in undocumented
    assert "secret" in undescribed
    assert "lood" in unknown
    (wrong,) = problems_of(Wrong)
    assert "extra" in wrong
    (idle,) = problems_of(Idle)
    assert "no hook" in idle


def test_a_description_shows_options_and_no_secret() -> None:
    told = described(Good)
    assert (told.stage, told.name, told.hooks) == ("catalog_registrar", "good", ("event",))
    password, sizes = told.options
    assert (password.default, password.description) == ("a secret", "Nobody's business.")
    assert (sizes.type, sizes.default) == ("map to list of integer", "{}")
    assert "hunter2" not in json.dumps(told.as_object())


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli._code(["plugins", "list", "--json"]) == 0
    listed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all(list(o) == ["stage", "name", "summary", "origin", "error"] for o in listed)
    assert ("source", "folder") in {(o["stage"], o["name"]) for o in listed}


def test_describe_says_what_a_name_means_in_every_stage(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli._code(["plugins", "describe", "csv", "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [o["stage"] for o in told] == ["sniffer", "reader"]
    assert list(told[0]) == ["stage", "name", "description", "hooks", "options"]
    assert cli._code(["plugins", "describe", "folder"]) == 0
    shown = capsys.readouterr().out
    assert "warn_above" in shown
    assert "required" in shown


def test_describe_of_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli._code(["plugins", "describe", "foldr"]) == 1
    assert "folder" in capsys.readouterr().err


def test_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli._code(["plugins", "check", "folder", "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    stages = ("source", "notifier")
    assert told == [{"stage": s, "name": "folder", "problem": ""} for s in stages]
