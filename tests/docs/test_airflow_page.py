"""docs/airflow.md says what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from docs.test_readme import README

from lakefall.config.loader import read

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "airflow.md").read_text(encoding="utf-8")
SPECIFICATION = (
    *("scan_bucket", "filter_new_files", "download_csv", "detect_format", "infer_schema"),
    *("ensure_table", "evolve_schema", "ingest_data", "register_superset_dataset"),
    *("update_registry", "summary"),
)
"""Tasks in the specification's order; the closing one is ours."""


def test_every_task_is_told_in_order() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ", PAGE.partition("## Tasks")[2], re.M)
    assert tuple(rows[: len(SPECIFICATION)]) == SPECIFICATION


@pytest.mark.parametrize("example", re.findall(r"```yaml\n(.*?)```", PAGE, re.S))
def test_every_example_is_part_of_a_pipeline(tmp_path: Path, example: str) -> None:
    document = yaml.safe_load((ROOT / "pipelines" / "csv_auto_ingest.yaml").read_text())
    path = tmp_path / "example.yaml"
    path.write_text(yaml.safe_dump({**document, **yaml.safe_load(example)}))
    file = read(path, outline=True)
    assert file.config().name == "csv_auto_ingest"


@pytest.mark.parametrize("line", re.findall(r"^make [^`\n]+$", PAGE, re.M))
def test_make_knows_what_the_page_names(line: str) -> None:
    target = line.split()[1]
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.M)


def test_files_that_the_page_names_exist() -> None:
    named = re.findall(r"`((?:airflow|docker|stack|docs)/[\w./-]+)`", PAGE)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_readme_leads_to_it() -> None:
    assert "(docs/airflow.md)" in README
