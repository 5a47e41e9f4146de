"""``plugins new``: a project whose tests pass, and no other one touched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from lakefall import cli
from lakefall.cli import scaffold
from lakefall.contract.errors import UsageError

ROOT = Path(__file__).parents[3]
CHECK = """
import sys
import pytest
from lakefall_my_own import lakefall_plugins
print(sorted({plugin.name for plugin in lakefall_plugins()}))
sys.exit(pytest.main(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", scaffold.KINDS)
def test_the_tests_of_a_new_project_pass(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli._code(["plugins", "new", kind, "my_own", "--out", str(tmp_path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    folder = tmp_path / "lakefall-my-own"
    assert told["project"] == str(folder)
    assert sorted(told["files"]) == sorted(str(p) for p in folder.rglob("*") if p.is_file())
    paths = [folder / "src", ROOT / "framework", ROOT / "plugins"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    done = subprocess.run(
        [sys.executable, "-c", CHECK, "-q", "-p", "no:cacheprovider", str(folder)],
        env=environment,
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "['my_own']" in done.stdout and " passed" in done.stdout
    project = tomllib.loads((folder / "pyproject.toml").read_text())
    assert project["project"]["entry-points"]["lakefall"] == {"my_own": "lakefall_my_own"}
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F,E9", str(folder)]
    linted = subprocess.run(ruff, capture_output=True, text=True, check=False)
    assert linted.returncode == 0 or "No module named ruff" in linted.stderr, linted.stdout


def test_a_folder_that_exists_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "lakefall-money").mkdir()
    (tmp_path / "lakefall-money" / "kept").write_text("x")
    with pytest.raises(UsageError, match="lakefall-money exists; choose another name"):
        scaffold.write("type", "money", tmp_path)
    assert [p.name for p in (tmp_path / "lakefall-money").iterdir()] == ["kept"]


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("reader", "money", "no kind 'reader' of plugin; choose source, format"),
        ("type", "Money", "is no name for a plugin"),
        ("type", "../x", "is no name for a plugin"),
        ("type", "a" * 41, "is no name for a plugin"),
        ("type", "", "is no name for a plugin"),
        ("type", "plugins", "is no name for a plugin"),
        ("source", "s3", "there is a source 's3' already"),
        ("format", "csv", "there is a sniffer 'csv' already"),
    ],
)
def test_kind_and_name_are_checked(kind: str, name: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words):
        scaffold.write(kind, name, tmp_path)
    assert list(tmp_path.iterdir()) == []
