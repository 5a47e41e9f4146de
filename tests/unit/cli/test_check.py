"""``lakefall check``: offline by default, everything reached with ``--connect``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lakefall import cli

PIPELINE = """\
version: 1
name: checked
plugins: [registrar.py]
source: {use: folder, path: "${HOME_OF_TEST}/in"}
sniffer: {use: csv}
type_inferer: {use: threshold}
sink: {use: iceberg, catalog: {type: sqlite, warehouse: "${HOME_OF_TEST}/lake"}}
catalog_registrar: [{use: far}]
cache: {dir: "${HOME_OF_TEST}/cache"}
"""
REGISTRAR = """
from time import sleep
from lakefall.contract.errors import LakefallError
from lakefall.contract.values import Check
from lakefall.contract.plugin import NoOptions, Plugin, Stage, hookimpl


class Far(Plugin[NoOptions]):
    \"""Two checks, then what ANSWER says.\"""

    name, stage = "far", Stage.CATALOG_REGISTRAR
    packages = PACKAGES
    extra = EXTRA

    @hookimpl
    def check(self, run):
        yield Check("far server", ok=True, message="answers", version="476")
        sleep(0.05)
        yield Check("far login", ok=True, message="let in")
        ANSWER
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME_OF_TEST", str(tmp_path))
    (tmp_path / "p.yaml").write_text(PIPELINE)
    (tmp_path / "in").mkdir()
    registrar(tmp_path)
    return tmp_path


def registrar(
    folder: Path, packages: tuple[str, ...] = (), extra: str = "", answer: str = "pass"
) -> None:
    text = REGISTRAR.replace("PACKAGES", repr(packages)).replace("EXTRA", repr(extra))
    (folder / "registrar.py").write_text(text.replace("ANSWER", answer))


def check(folder: Path, capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, list[Any]]:
    code = cli._code(["check", str(folder / "p.yaml"), "--json", *args])
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_offline_it_asks_nobody(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "in").rmdir()  # the source is not looked at
    registrar(folder, packages=("yaml",), answer="raise AssertionError('asked')")
    code, told = check(folder, capsys)
    assert code == 0
    assert [(c["subject"], c["ok"]) for c in told] == [
        ("pipeline checked", True),
        ("sink iceberg", True),
        ("catalog_registrar far", True),
    ]
    assert told[1]["message"].startswith("can be imported: pyiceberg 0.")
    assert set(told[0]) == {"subject", "ok", "message", "version", "seconds"}
    assert cli._code(["check", str(folder / "p.yaml")]) == 0
    assert "--connect reaches them" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("extra", "remedy"), [("far", "pip install 'lakefall[far]'"), ("", "install no_such_package")]
)
def test_a_package_that_is_missing(
    folder: Path, capsys: pytest.CaptureFixture[str], extra: str, remedy: str
) -> None:
    registrar(folder, packages=("json", "no_such_package"), extra=extra)
    code, told = check(folder, capsys)
    assert (code, told[-1]["ok"]) == (1, False)
    assert told[-1]["message"] == f"needs no_such_package, not installed; {remedy}"


def test_connect_asks_everybody_and_measures(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = check(folder, capsys, "--connect")
    assert code == 0
    asked = {c["subject"]: c for c in told}
    assert asked["far server"]["version"] == "476"
    assert asked["far login"]["seconds"] >= 0.05
    assert 0 <= asked["far server"]["seconds"] != asked["far login"]["seconds"]
    assert any(s.startswith("folder ") for s in asked)
    assert any(s.startswith("sink iceberg (") for s in asked)
    assert cli._code(["check", str(folder / "p.yaml"), "--connect"]) == 0
    shown = capsys.readouterr()
    assert "476" in shown.out and "--connect" not in shown.err


@pytest.mark.parametrize("error", ["LakefallError('away')", "ZeroDivisionError('away')"])
def test_one_that_fails_stops_no_other(
    folder: Path, capsys: pytest.CaptureFixture[str], error: str
) -> None:
    (folder / "in").rmdir()
    registrar(folder, answer=f"raise {error}")
    code, told = check(folder, capsys, "--connect")
    assert code == 1
    failed = [c for c in told if not c["ok"]]
    assert [c["subject"].split()[0] for c in failed] == ["folder", "far"]
    assert "away" in failed[1]["message"]
    assert [c["ok"] for c in told if c["subject"] in ("far server", "far login")] == [True, True]
