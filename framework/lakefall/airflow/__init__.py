"""Pipelines as Airflow DAGs: every YAML with a ``schedule`` becomes one.

A DAG file is a few lines (``airflow/dags/lakefall_dags.py``). Parsing reads the YAML files,
connects to nothing and looks up no secret; Airflow is imported on the first call, not before.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lakefall.contract.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    from airflow.sdk import DAG

FOLDER = "LAKEFALL_PIPELINES"
"""Environment variable that names the folder of pipeline files."""
HINT = "this needs Airflow 3: pip install 'lakefall[airflow]'"


def folder(dag_file: str) -> Path:
    """Where the pipeline files lie: what ``LAKEFALL_PIPELINES`` says, else ``pipelines`` beside
    the folder of the DAG file, or one further up, as in this repository."""
    if named := os.environ.get(FOLDER):
        return Path(named)
    home = Path(dag_file).resolve().parent.parent
    beside = home / "pipelines"
    return beside if beside.is_dir() else home.parent / "pipelines"


def build(pipelines: Path | str) -> dict[str, DAG]:
    """The DAGs of a folder, by id. Files that are no good are left to ``problems``.

    While Airflow runs a task, only the DAG of that task is made.

    Raises:
        MissingExtraError: Airflow is not installed.
    """
    return _factory_of(pipelines)[0]


def check(pipelines: Path | str) -> None:
    """Raise what keeps pipelines of a folder from becoming DAGs.

    Airflow drops every DAG of a file that raises, so this belongs in a DAG file of its own: its
    import error names the broken files, and the DAGs of the others stay.

    Raises:
        ConfigError: with every problem of every file, one ``file:line: option: what`` each.
        MissingExtraError: Airflow is not installed.
    """
    if problems := _factory_of(pipelines)[1]:
        raise ConfigError(*problems)


def _factory_of(pipelines: Path | str) -> tuple[dict[str, DAG], list[str]]:
    try:
        import airflow.sdk  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError(HINT) from error
    from lakefall.airflow.factory import dags_of

    return dags_of(Path(pipelines))
