"""Clean copies of several files in one folder."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from lakefall.cli.parameters import open_pipeline
from lakefall.contract.errors import UsageError
from lakefall.contract.run import Run
from lakefall.run import single_file
from lakefall.run.runner import Runner

PIPELINE = """\
version: 1
name: cleaning
source: {use: folder, path: inbox}
sniffer: {use: csv}
type_inferer: {use: threshold}
sink: {use: iceberg, catalog: {type: sqlite, warehouse: lake}}
cache: {dir: "${CACHE}"}
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.setenv("CACHE", str(tmp_path / "cache"))
    (tmp_path / "p.yaml").write_text(PIPELINE)
    (tmp_path / "a.csv").write_text("id,name\n1,a\n2,b\n3,c\n4,d,e\n5,f\n")
    (tmp_path / "a.rejects.csv").write_text("line,why\n7,x\n8,y\n")
    with Runner(open_pipeline(tmp_path / "p.yaml", [])).start(dry_run=True) as started:
        yield started


@pytest.mark.parametrize("names", [("a.csv", "a.rejects.csv"), ("a.rejects.csv", "a.csv")])
def test_rejects_and_another_files_copy_keep_apart(
    run: Run, tmp_path: Path, names: tuple[str, str]
) -> None:
    taken: dict[str, Path] = {}
    out = tmp_path / "out"
    single_file.clean(run, tmp_path / names[0], out, taken=taken)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(UsageError, match="both"):
        single_file.clean(run, tmp_path / names[1], out, taken=taken)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


FORMULAS = 'id,name,=x\n1,=cmd|calc,-5\n-2,@a,+3.5e4\n3,"\tx","-1\n+2"\n4,,a=b\n5,6,7,-=8\n'


def test_formulas_stay_as_they_are_unless_a_spreadsheet_is_to_read_them(
    run: Run, tmp_path: Path
) -> None:
    """OWASP, "CSV Injection"; numbers with a sign are none."""
    (tmp_path / "f.csv").write_text(FORMULAS)
    cells: dict[bool, list[list[str]]] = {}
    for safe in (False, True):
        out = tmp_path / str(safe)
        cleaned = single_file.clean(run, tmp_path / "f.csv", out, taken={}, safe=safe)
        assert cleaned.formulas == 5
        cells[safe] = list(csv.reader(cleaned.path.open(newline="")))
    assert cells[False] == list(csv.reader(io.StringIO(FORMULAS, newline="")))[:-1]
    changed = {"=x", "=cmd|calc", "@a", "\tx", "-1\n+2"}
    assert cells[True] == [
        [f"'{cell}" if cell in changed else cell for cell in row] for row in cells[False]
    ]
