"""Plugins in a project of their own: built, installed, found by entry points, and used."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = ROOT / "tests" / "plugin_project"
USE = """
import sys
from pathlib import Path
from lakefall.plugin_loading.catalogue import Catalogue
from lakefall.contract.configuration import Engine
from lakefall.contract.plugin import Stage
from lakefall.common.sql import connect
from lakefall.contract.types import TypeSettings

catalogue = Catalogue.default()
(entry,) = [e for e in catalogue.entries() if e.name == "money"]
assert entry.origin.startswith("lakefall-money 1.0.0"), entry
money = catalogue.get(Stage.TYPE, "money")
plugin = money(money.options_model.model_validate({"symbol": "€"}))
(candidate,) = plugin.candidates(TypeSettings())
with connect(Engine(1), Path(sys.argv[1]), [candidate]) as connection:
    query = f"SELECT {candidate.parse('x')} FROM (VALUES ('€1,234.50'), ('1'), (NULL)) t(x)"
    print([str(value) for value, in connection.execute(query).fetchall()])
"""

ONLY_SAMPLES = """
version: 1
source:
  use: inline
  files:
    crew/a.txt: "id    name  \\n1     ann   \\n2           \\n12345678    \\n4     bob   \\n"
sniffer: fixed
type_inferer: text
validator: {use: filled, column: name}
sink: {use: parquet_folder, path: lake}
catalog_registrar: {use: json_file, file: tables.json}
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what installing the project's wheel would put into site-packages."""
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("hatchling is not installed: `make install` provides it")
    folder = tmp_path_factory.mktemp("plugin_project")
    source = folder / "source"
    shutil.copytree(PROJECT, source)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    # A wheel of pure Python is installed by unpacking it (PEP 427); this needs no installer.
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site-packages")
    return folder / "site-packages"


def python(
    installed: Path, *arguments: str, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    paths = [installed, ROOT / "framework", ROOT / "plugins"]
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "PYTHONUTF8": "1"},
        cwd=cwd,
        check=False,
        capture_output=True,
        encoding="utf-8",
    )


def test_it_is_found_and_used(installed: Path, tmp_path: Path) -> None:
    done = python(installed, "-c", USE, str(tmp_path))
    assert (done.stdout, done.stderr) == ("['1234.50', 'None', 'None']\n", "")


@pytest.mark.slow
def test_its_own_tests_pass(installed: Path, tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "tests", tmp_path / "tests")
    done = python(installed, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path))
    assert done.returncode == 0, done.stdout


def objects(printed: str) -> list[dict[str, object]]:
    """One JSON object a line."""
    return [json.loads(line) for line in printed.splitlines()]


@pytest.mark.slow
def test_a_pipeline_of_nothing_else(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "crew.yaml").write_text(ONLY_SAMPLES)

    def lakefall(*arguments: str) -> str:
        done = python(installed, "-m", "lakefall", *arguments, cwd=tmp_path)
        assert done.returncode in (0, 2), done.stdout + done.stderr
        return done.stdout

    (file,) = objects(lakefall("run", "crew.yaml", "--json"))
    counts = [file[name] for name in ("status", "rows_read", "rows_loaded", "rows_rejected")]
    assert counts == ["success", 4, 2, 2]
    (again,) = objects(lakefall("run", "crew.yaml", "--json"))
    assert again["status"] == "unchanged"
    rows = lakefall("query", "crew.yaml", "SELECT id, name FROM crew ORDER BY id", "--json")
    found = objects(rows)
    assert found == [{"id": "1", "name": "ann"}, {"id": "4", "name": "bob"}]
    rejects = objects(lakefall("rejects", "crew.yaml", "--json"))
    assert sorted(reject["line"] for reject in rejects) == [3, 4]
    assert list(json.loads((tmp_path / "tables.json").read_text())) == ["crew"]
