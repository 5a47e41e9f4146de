"""What lakefall.airflow says where there is no Airflow. The real one is asked in tests/airflow."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest
from steps_support import Lake

from lakefall import airflow as dags
from lakefall.airflow import step_values
from lakefall.airflow.connections import lookup
from lakefall.airflow.step_values import Fetched, as_plain, of_plain
from lakefall.airflow.steps import Steps
from lakefall.airflow.telling import Told
from lakefall.common.printable import VisibleLog
from lakefall.contract.errors import MissingExtraError

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("call", [dags.build, dags.check])
def test_without_airflow_the_extra_is_named(
    call: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "airflow.sdk", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'lakefall\[airflow\]'"):
        call(tmp_path)  # type: ignore[operator]


def test_the_folder_of_pipelines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(dags.FOLDER, raising=False)
    dag_file = str(ROOT / "airflow" / "dags" / "lakefall_dags.py")
    assert dags.folder(dag_file) == ROOT / "pipelines"
    (tmp_path / "pipelines").mkdir()
    assert dags.folder(str(tmp_path / "dags" / "any.py")) == tmp_path / "pipelines"
    monkeypatch.setenv(dags.FOLDER, "/elsewhere")
    assert dags.folder(dag_file) == Path("/elsewhere")


@pytest.mark.parametrize("path", sorted((ROOT / "airflow" / "dags").glob("*.py")))
def test_dag_files_are_a_few_lines_that_airflow_takes_for_dags(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") < 15
    # Airflow's safe mode reads no file without both words.
    assert "dag" in text.lower()
    assert "airflow" in text.lower()


@pytest.mark.parametrize("what", ["lake", "lake.", ".password", "lake.passwd", "lake.extra."])
def test_a_field_that_connections_do_not_have(what: str) -> None:
    with pytest.raises(LookupError, match=r"expected NAME\.FIELD with one of login, password"):
        lookup(what)


def test_a_log_names_rejects_by_line_and_not_by_content(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lake = Lake(tmp_path)
    rows = "".join(f"{n},{n}.5\n" for n in range(60))
    lake.put("t/a.csv", "id,amount\n" + rows + "7,CELL\n8,CELL,CELL\n")
    caplog.set_level(logging.INFO)
    told = Told(VisibleLog(logging.getLogger("lakefall")))
    steps = Steps.open(
        lake.yaml, "r1", environ={"CACHE": str(tmp_path / "cache")}, listeners=[told]
    )
    steps.load(steps.filter(steps.scan())[0])
    rejects = sorted(r.message for r in caplog.records if "reject on" in r.message)
    assert len(rejects) == 2
    assert rejects[0].startswith("t/a.csv: reject on line 62, column amount: ")
    assert rejects[1].startswith("t/a.csv: reject on line 63: ")


def test_what_travels_is_described_to_pydantic_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[type] = []
    adapter = step_values.TypeAdapter

    def counted(kind: type) -> object:
        made.append(kind)
        return adapter(kind)

    monkeypatch.setattr(step_values, "TypeAdapter", counted)
    monkeypatch.setattr(step_values, "_ADAPTERS", {})
    for _ in range(3):
        fetched = Fetched("a.csv", 3)
        assert of_plain(Fetched, as_plain(fetched)) == fetched
    assert made == [Fetched]
