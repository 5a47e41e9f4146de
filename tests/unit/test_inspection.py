"""Single files, without a source or a sink."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lakefall.cli.parameters import open_pipeline
from lakefall.contract.errors import LowConfidenceError
from lakefall.contract.run import Run
from lakefall.run import single_file
from lakefall.run.runner import Runner

PIPELINE = """\
version: 1
name: inspection
source: {use: folder, path: inbox}
sniffer: {use: csv}
type_inferer: {use: threshold}
sink: {use: iceberg, namespace: none, catalog: {type: sqlite, warehouse: lake}}
cache: {dir: "${CACHE}"}
tables:
  certain: {sniffer: {min_confidence: 1}}
  bare: {sniffer: {use: stdlib}}
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.setenv("CACHE", str(tmp_path / "cache"))
    (tmp_path / "p.yaml").write_text(PIPELINE)
    (tmp_path / "a.csv").write_text("a,b;c\nd,e;f\n")
    (tmp_path / "words.csv").write_text("one\ntwo\nthree\n")
    with Runner(open_pipeline(tmp_path / "p.yaml", [])).start(dry_run=True) as started:
        yield started


@pytest.mark.parametrize("table", ["", "certain"])
def test_sniff_answers_where_a_run_would_not_dare(run: Run, tmp_path: Path, table: str) -> None:
    assert single_file.sniff(run, tmp_path / "a.csv", table).delimiter == ","
    with pytest.raises(LowConfidenceError):
        single_file.infer(run, tmp_path / "a.csv", table)


def test_a_sniffer_without_an_answer_fails(run: Run, tmp_path: Path) -> None:
    with pytest.raises(LowConfidenceError, match=r"csv\.Sniffer"):
        single_file.sniff(run, tmp_path / "words.csv", "bare")
