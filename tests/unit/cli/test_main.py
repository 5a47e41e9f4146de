"""Exit codes, help, and what is said about errors."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from lakefall import cli
from lakefall.cli import pipelines
from lakefall.cli.app import app
from lakefall.contract.errors import LakefallError

HEAVY = ("rich", "pydantic", "pluggy", "duckdb", "pyarrow", "numpy", "pandas", "pyiceberg", "yaml")


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and every group with its path."""

    def walk(path: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
        yield path, command
        for name, child in getattr(command, "commands", {}).items():
            yield from walk((*path, name), child)

    yield from walk((), typer.main.get_command(app))


PATHS = [path for path, _ in commands()]
LEAVES = [path for path, command in commands() if not hasattr(command, "commands")]


def test_the_commands_are_there() -> None:
    assert {path[0] for path in PATHS if path} == {
        *("run", "plan", "sniff", "infer", "clean", "lint", "schema", "explain", "check"),
        *("status", "rejects", "retry", "forget", "registry", "rebuild", "maintain"),
        *("repair", "query", "plugins", "watch"),
    }
    assert {path for path in PATHS if len(path) == 2} == {
        ("registry", "rebuild"),
        ("plugins", "list"),
        ("plugins", "describe"),
        ("plugins", "check"),
        ("plugins", "new"),
    }


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_help_exits_0_and_goes_to_standard_output(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli._code([*path, "--help"]) == 0
    told = capsys.readouterr()
    assert told.out.startswith(" ".join(["Usage: lakefall", *path]))
    assert told.err == ""


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_help_has_a_paragraph_and_an_example_of_its_own_command(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    cli._code([*path, "--help"])
    help_ = capsys.readouterr().out
    assert f"Example: lakefall {' '.join(path)}" in help_
    assert len(help_.split("Options:")[0].split()) > 20


def test_the_list_of_commands_cuts_no_sentence_short(capsys: pytest.CaptureFixture[str]) -> None:
    cli._code(["--help"])
    listed = capsys.readouterr().out.split("Commands:")[1].strip().splitlines()
    assert len(listed) == 20
    assert not [line for line in listed if line.endswith("...")]


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_what_reports_has_json(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    cli._code([*path, "--help"])
    assert ("--json" in capsys.readouterr().out) is (path != ("schema",))


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_wrong_usage_exits_1_without_data(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli._code([*path, "--no-such-option"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "--no-such-option" in told.err
    assert "--help" in told.err
    assert "Traceback" not in told.err


@pytest.mark.parametrize(
    "args", [[], ["plugins"], ["registry"], ["nosuch"], ["run"], ["query", "x"]]
)
def test_a_missing_word_exits_1(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli._code(args) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("lakefall: ")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli._code(["--version"]) == 0
    assert re.fullmatch(r"lakefall \d+\.\d+\.\d+\n", capsys.readouterr().out)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes ``lint`` raise something."""

    def arrange(error: BaseException) -> None:
        def fail(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr("lakefall.config.loader.lint", fail)

    return arrange


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (LakefallError("the moon is full; wait"), "lakefall: the moon is full; wait\n"),
        (FileNotFoundError(2, "No such file", "x.yaml"), "lakefall: x.yaml: No such file\n"),
        (PermissionError(13, "Permission denied", "x"), "lakefall: x: Permission denied\n"),
    ],
)
def test_a_foreseen_error_is_told_without_traceback(
    error: Exception, said: str, broken: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    broken(error)
    assert cli._code(["lint", "x.yaml"]) == 1
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", said)


def test_ctrl_c_exits_130(broken: Any, capsys: pytest.CaptureFixture[str]) -> None:
    broken(KeyboardInterrupt())
    assert cli._code(["lint", "x.yaml"]) == 130
    assert capsys.readouterr().err == "lakefall: interrupted\n"


def test_a_defect_keeps_its_traceback(broken: Any) -> None:
    broken(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        cli._code(["lint", "x.yaml"])


def test_a_traceback_can_be_asked_for(broken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    broken(LakefallError("the moon is full"))
    monkeypatch.setenv(cli.TRACEBACK, "1")
    with pytest.raises(LakefallError):
        cli._code(["lint", "x.yaml"])


def process(*args: str, **how: Any) -> subprocess.CompletedProcess[bytes]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    return subprocess.run([sys.executable, *args], check=False, env=env, **how)


def test_help_imports_nothing_heavy() -> None:
    """The reason why it starts at once."""
    code = (
        "import sys; from lakefall.cli import _code; _code(['--help'])\n"
        f"print([m for m in {HEAVY} if m in sys.modules], file=sys.stderr)"
    )
    told = process("-c", code, capture_output=True)
    assert told.stderr == b"[]\n"


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    code = "from lakefall.cli import main; main(['schema'])"
    reader, writer = os.pipe()
    os.close(reader)
    told = process("-c", code, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (told.returncode, told.stderr) == (1, b"")


def test_lint_reports_every_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("version: 1\nsource: {use: foldr}\nsink: {use: iceberg}\n")
    assert cli._code(["lint", str(path)]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert f"{path}:2" in told.err
    assert "folder" in told.err
    assert cli._code(["lint", str(path), "--json"]) == 1
    told = capsys.readouterr()
    assert told.out.startswith('{"problem": ')
    assert pipelines.lint.__doc__
