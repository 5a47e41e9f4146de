from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from lakefall.contract.errors import PluginError
from lakefall.contract.plugin import NoOptions, Options, Plugin, Stage, hookimpl
from lakefall.plugin_loading import catalogue as catalogue_module
from lakefall.plugin_loading.catalogue import Catalogue, installed
from lakefall_plugins.catalogue import BUILTINS


class Inbox(Plugin[NoOptions]):
    """Takes files from an inbox.

    More words.
    """

    name = "inbox"
    stage = Stage.SOURCE


class InboxOptions(Options):
    """Of the next one."""


class Other(Plugin[InboxOptions]):
    """One with options."""

    name = "other"
    stage = Stage.SOURCE


class OtherInbox(Plugin[NoOptions]):
    """Another one."""

    name = "inbox"
    stage = Stage.SOURCE


class Nameless(Plugin[NoOptions]):
    stage = Stage.SOURCE


class Stageless(Plugin[NoOptions]):
    name = "stageless"


class Package:
    @hookimpl
    def lakefall_plugins(self) -> list[object]:
        return [Inbox]


class Misspelt:
    @hookimpl
    def lakefall_plugin(self) -> list[object]:
        return [Inbox]


package = Package()
misspelt = Misspelt()
wrong_answer = [1]

HERE = __name__
INBOX = ("source", "inbox", f"{HERE}:Inbox", "")


def point(attribute: str, name: str = "third") -> EntryPoint:
    return EntryPoint(name, f"{HERE}:{attribute}", "lakefall")


def test_builtin_is_imported_when_asked_for() -> None:
    catalogue = Catalogue([INBOX, ("source", "gone", "no.such.module:X", "")])
    assert catalogue.get(Stage.SOURCE, "inbox") is Inbox


def test_default_has_the_builtins_and_imports_none() -> None:
    names = Catalogue.default().names(Stage.TYPE)
    assert {"boolean", "integer", "varchar"} <= set(names)
    assert "lakefall_plugins.catalogue" in sys.modules


def test_builtin_that_cannot_be_imported_says_why() -> None:
    catalogue = Catalogue([("source", "gone", "no_such_module:X", "")])
    with pytest.raises(PluginError) as error:
        catalogue.get(Stage.SOURCE, "gone")
    assert str(error.value) == (
        "source plugin 'gone' (no_such_module:X) cannot be imported: "
        "ModuleNotFoundError: No module named 'no_such_module'"
    )
    assert catalogue.entries()[0].error == str(error.value)


def test_builtin_announced_under_another_name_is_an_error() -> None:
    catalogue = Catalogue([("source", "outbox", f"{HERE}:Inbox", "")])
    with pytest.raises(PluginError, match="calls itself source plugin 'inbox'"):
        catalogue.get(Stage.SOURCE, "outbox")


def test_options_of_a_builtin_are_had_without_it() -> None:
    catalogue = Catalogue(
        [
            ("source", "inbox", "no_such_module:X", f"{HERE}:InboxOptions"),
            ("source", "gone", "no_such_module:X", "no_such_module:XOptions"),
            ("source", "plain", "no_such_module:X", ""),
        ],
        [point("Other")],
    )
    assert catalogue.options(Stage.SOURCE, "inbox") is InboxOptions
    assert catalogue.options(Stage.SOURCE, "plain") is NoOptions
    assert catalogue.options(Stage.SOURCE, "other") is InboxOptions
    with pytest.raises(PluginError, match=r"\(no_such_module:XOptions\) cannot be imported"):
        catalogue.options(Stage.SOURCE, "gone")


def test_entry_points_are_looked_for_when_a_name_is_not_built_in() -> None:
    asked: list[str] = []

    class Points:
        def __iter__(self) -> Iterator[EntryPoint]:
            asked.append("asked")
            return iter([point("Other")])

    catalogue = Catalogue([("source", "plain", "no_such_module:X", "")], Points())
    catalogue.options(Stage.SOURCE, "plain")
    assert not asked
    catalogue.options(Stage.SOURCE, "other")
    assert asked == ["asked"]


def test_the_installed_packages_are_looked_through_once_a_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def entry_points(group: str) -> list[EntryPoint]:
        asked.append(group)
        return [point("Other")]

    monkeypatch.setattr(catalogue_module, "entry_points", entry_points)
    installed.cache_clear()
    try:
        assert [Catalogue.default().options(Stage.SOURCE, "other") for _ in range(2)]
    finally:
        installed.cache_clear()
    assert asked == ["lakefall"]


@pytest.mark.parametrize(("stage", "name", "plugin", "options"), BUILTINS)
def test_builtins_are_announced_with_the_options_that_they_have(
    stage: str, name: str, plugin: str, options: str
) -> None:
    catalogue = Catalogue.default()
    found = catalogue.get(Stage(stage), name)
    assert catalogue.options(Stage(stage), name) is found.options_model


@pytest.mark.parametrize("attribute", ["Inbox", "package"])
def test_entry_point_class_or_hook(attribute: str) -> None:
    catalogue = Catalogue(points=[point(attribute)])
    assert catalogue.get(Stage.SOURCE, "inbox") is Inbox
    (entry,) = catalogue.entries()
    assert (entry.stage, entry.name, entry.error) == (Stage.SOURCE, "inbox", "")
    assert entry.summary == "Takes files from an inbox."
    assert entry.origin == f"an unknown package ({HERE}:{attribute})"


@pytest.mark.parametrize(
    ("attribute", "reason"),
    [
        ("Absent", "AttributeError"),
        ("misspelt", "unknown hook 'lakefall_plugin'"),
        ("wrong_answer", "no hook implementation `lakefall_plugins`"),
        ("Nameless", "plugin class Nameless has no `name`"),
        ("Stageless", "plugin class Stageless has no `stage`"),
    ],
)
def test_broken_entry_point_is_kept_and_hurts_nobody_else(attribute: str, reason: str) -> None:
    catalogue = Catalogue([INBOX], [point(attribute)])
    assert catalogue.get(Stage.SOURCE, "inbox") is Inbox
    broken = catalogue.entries()[-1]
    assert (broken.stage, broken.name) == (None, "third")
    assert reason in broken.error
    with pytest.raises(PluginError, match="could not be loaded") as error:
        catalogue.get(Stage.SOURCE, "wanted")
    assert reason in str(error.value)
    assert f"({HERE}:{attribute})" in str(error.value)


def test_two_providers_are_an_error_that_names_both() -> None:
    catalogue = Catalogue([INBOX], [point("OtherInbox")])
    with pytest.raises(PluginError) as error:
        catalogue.get(Stage.SOURCE, "inbox")
    assert str(error.value) == (
        f"source plugin 'inbox' is provided by lakefall ({HERE}:Inbox) and by an unknown package "
        f"({HERE}:OtherInbox); remove one of them, or rename it"
    )
    assert [entry.error for entry in catalogue.entries()] == [str(error.value)]


def test_one_class_announced_twice_is_no_clash() -> None:
    catalogue = Catalogue(points=[point("Inbox"), point("package", "again")])
    assert catalogue.get(Stage.SOURCE, "inbox") is Inbox


def test_unknown_name() -> None:
    with pytest.raises(PluginError) as error:
        Catalogue([INBOX]).get(Stage.SOURCE, "inbx")
    assert str(error.value) == (
        "there is no source plugin 'inbx'; did you mean 'inbox'? Known: inbox"
    )
    with pytest.raises(PluginError, match=r"no sink plugin of the name given\. Known: none$"):
        Catalogue([INBOX]).get(Stage.SINK, "inbox")


FILE = '''
from __future__ import annotations
from lakefall_plugins.sources.folder import FolderSource
from lakefall.contract.plugin import Options, Plugin, Stage


class MoneyOptions(Options):
    symbol: str = "$"


class Base(Plugin[MoneyOptions]):
    stage = Stage.TYPE


class Money(Base):
    """Money."""
    name = "money"
'''


def test_file(tmp_path: Path) -> None:
    path = tmp_path / "my_types.py"
    path.write_text(FILE)
    plain = Catalogue()
    catalogue = plain.with_files([path])
    money = catalogue.get(Stage.TYPE, "money")
    assert money.options_model(symbol="€").model_dump() == {"symbol": "€"}  # type: ignore[call-arg]
    (entry,) = catalogue.entries()  # what the file only imports is not the file's
    assert entry.origin == str(path)
    assert plain.entries() == []
    assert "my_types" not in sys.modules


def test_two_files_of_one_name_do_not_meet(tmp_path: Path) -> None:
    for folder, name in (("a", "money"), ("b", "dosh")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "t.py").write_text(FILE.replace('"money"', f'"{name}"'))
    catalogue = Catalogue().with_files([tmp_path / "a/t.py", tmp_path / "b/t.py"])
    assert catalogue.names(Stage.TYPE) == ("money", "dosh")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import os\n\nimport no_such_module\n", ":3: ModuleNotFoundError: No module named"),
        ("x = 1\ndef f(:\n", ":2: SyntaxError: invalid syntax"),
        ("x = 1\n", ": no plugin in it; a plugin is a class derived from"),
    ],
)
def test_broken_file(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "broken.py"
    path.write_text(text)
    with pytest.raises(PluginError) as error:
        Catalogue().with_files([path])
    assert str(error.value).startswith(f"{path}{message}")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="FileNotFoundError"):
        Catalogue().with_files([tmp_path / "absent.py"])
