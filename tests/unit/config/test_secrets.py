"""No secret is shown, wherever it was written and whatever is wrong beside it.

Every option that a built-in plugin declares secret is found from its model, so that a new one is
tried too. Each is given rightly, as a wrong type and beside another mistake, in the file and by
``--set``; and a secret stands where a name belongs. What is said, and what a traceback would say
(``LAKEFALL_TRACEBACK``), is searched for it.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import SecretBytes, SecretStr

from lakefall import cli
from lakefall.config.shape import alternatives, fields, is_model
from lakefall.contract.plugin import Stage
from lakefall.plugin_loading.catalogue import Catalogue

SECRET = "Zq7-very-SECRET-99x"
BASE: dict[str, Any] = {
    "version": 1,
    "name": "p",
    "source": {"use": "folder", "path": "inbox"},
    "sniffer": {"use": "csv"},
    "type_inferer": {"use": "threshold"},
    "sink": {"use": "iceberg", "namespace": "n", "catalog": {"type": "sqlite", "warehouse": "w"}},
}
COMMANDS = (["lint"], ["explain"], ["plan"], ["check"], ["status"])
Path_ = tuple[str, ...]


def secret_paths(annotation: Any) -> Iterator[Path_]:
    """The dotted paths below an annotation where a secret may stand."""
    for member in alternatives(annotation):
        if member in {SecretStr, SecretBytes}:
            yield ()
        elif is_model(member):
            for name, inner in fields(member).items():
                yield from ((name, *rest) for rest in secret_paths(inner))
        elif {SecretStr, SecretBytes} & set(get_args(member)):
            yield ("key",)


def found() -> list[tuple[Stage, str, Path_]]:
    catalogue = Catalogue.default()
    return [
        (stage, name, path)
        for stage in Stage
        for name in catalogue.names(stage)
        for path in dict.fromkeys(secret_paths(catalogue.options(stage, name)))
    ]


FOUND = found()


def nested(path: Path_, value: Any) -> Any:
    return nested(path[:-1], {path[-1]: value}) if path else value


def documents(stage: Stage, name: str, path: Path_) -> Iterator[dict[str, Any]]:
    """Pipelines with the secret in that option: right, of a wrong type, beside a mistake."""
    for value in (SECRET, [SECRET], {"a": [SECRET]}, f"${{{SECRET}}}"):
        yield {**BASE, stage.value: {"use": name, **nested(path, value)}}
    yield {**BASE, stage.value: {"use": name, **nested(path, SECRET), "no_such_option": 1}}


def said(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    """Everything that a command says, and the traceback of what it fails with."""
    try:
        cli._code(args)
        trace = ""
    except Exception as error:  # noqa: BLE001 -- what is in it is searched
        trace = "".join(traceback.format_exception(error))
    told = capsys.readouterr()
    return told.out + told.err + trace


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A pipeline file to be written. Tracebacks are asked for: they hold the message, too."""
    monkeypatch.setenv(cli.TRACEBACK, "1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "1000")
    (tmp_path / "inbox").mkdir()
    return tmp_path / "p.yaml"


def test_the_secrets_of_the_plugins_are_known() -> None:
    assert {(stage.value, name) for stage, name, _ in FOUND} >= {
        ("source", "s3"),
        ("sink", "iceberg"),
        ("sink", "trino"),
        ("catalog_registrar", "trino"),
        ("catalog_registrar", "superset"),
        ("notifier", "webhook"),
        ("notifier", "sqs"),
    }
    assert (Stage.CATALOG_REGISTRAR, "superset", ("password",)) in FOUND


@pytest.mark.slow
@pytest.mark.parametrize(("stage", "name", "path"), FOUND, ids=str)
def test_no_secret_option_is_shown(
    asked: Path, stage: Stage, name: str, path: Path_, capsys: pytest.CaptureFixture[str]
) -> None:
    for document in documents(stage, name, path):
        asked.write_text(json.dumps(document), encoding="utf-8")
        assert SECRET not in said(capsys, "explain", str(asked)), document
    assert SECRET not in said(capsys, "lint", str(asked))
    option = ".".join((stage.value, *path))
    asked.write_text(json.dumps(BASE), encoding="utf-8")
    for value in (SECRET, f"{{a: {SECRET}}}", f"[{SECRET}"):
        sets = ["--set", f"{stage.value}.use={name}", "--set", f"{option}={value}"]
        assert SECRET not in said(capsys, "explain", str(asked), *sets), value


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_secret_where_a_name_belongs_is_not_shown(
    asked: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    stages = [stage.value for stage in Stage if stage is not Stage.TYPE]
    for stage in stages:
        for section in (SECRET, {"use": SECRET}, [SECRET], [{"use": SECRET}]):
            asked.write_text(json.dumps({**BASE, stage: section}), encoding="utf-8")
            assert SECRET not in said(capsys, *command, str(asked)), section
    asked.write_text(json.dumps(BASE), encoding="utf-8")
    for given in (SECRET, f"{SECRET}=1", f"source={SECRET}", f"source.use={SECRET}",
                  f"source.secret_access_key:{SECRET}", f"={SECRET}", f"sink.catalog={SECRET}",
                  f"sink.catalog.type={SECRET}",
                  f"source.password=[{SECRET}", f"sink.catalog.use={SECRET}"):  # fmt: skip
        if command != ["lint"]:
            assert SECRET not in said(capsys, *command, str(asked), "--set", given), given


def test_a_file_that_is_no_yaml_is_not_shown(
    asked: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for text in (f'source: "{SECRET}', f"source: {{a: {SECRET}", f"{SECRET}: [", f"a: !{SECRET} b",
                 f"a: *{SECRET}", f"&{SECRET} a: b\nc: [", f"source: {SECRET}: x"):  # fmt: skip
        asked.write_text(text, encoding="utf-8")
        assert SECRET not in said(capsys, "lint", str(asked)), text
