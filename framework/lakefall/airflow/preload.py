"""Imports once what every task would import anew.

Airflow forks the process of a task from its worker, and a fork has what the worker has imported.
A Celery worker imports this module where it is told to:

    AIRFLOW__CELERY__EXTRA_CELERY_CONFIG={"imports": ["lakefall.airflow.preload"]}

It opens no connection, starts no thread, reads no pipeline file and runs no plugin that is not
built in. What cannot be imported is left to the task that needs it, which says so.
"""

from __future__ import annotations

import gc
import importlib
import pkgutil
from contextlib import suppress
from importlib.util import find_spec
from typing import Any

from lakefall.airflow import step_values
from lakefall.contract.plugin import Options, Plugin
from lakefall.plugin_loading.catalogue import BUILTIN_PACKAGE, hooks_of, installed

PACKAGES = (
    *(f"lakefall.{name}" for name in ("airflow", "common", "config", "contract", "files")),
    *(f"lakefall.{name}" for name in ("plugin_loading", "run", "tabular")),
    # Its module `preload` imports the libraries that they import when they are first used.
    BUILTIN_PACKAGE,
)
OTHERS = (
    # What Airflow itself imports in a task with an outlet, and in a mapped one.
    "airflow.sdk.definitions.asset.metadata",
    "airflow.sdk.execution_time.task_mapping",
    "encodings.unicode_escape",
    "encodings.utf_8_sig",
)


def preload() -> None:
    """Import it all; make what is otherwise made when a class is first used."""
    for package in filter(find_spec, PACKAGES):
        path = importlib.import_module(package).__path__
        for module in pkgutil.walk_packages(path, f"{package}.", onerror=lambda _: None):
            if module.name != __name__:
                _try(module.name)
    for name in OTHERS:
        _try(name)
    _prepare_options(Options)
    _prepare_plugins(Plugin)
    step_values.prepare()
    installed()
    # What stays for ever is neither looked through again by a task, nor copied for that.
    gc.collect()
    gc.freeze()


def _try(name: str) -> None:
    with suppress(ImportError):
        importlib.import_module(name)


def _prepare_options(model: type[Options]) -> None:
    for below in model.__subclasses__():
        below.model_rebuild()
        _prepare_options(below)


def _prepare_plugins(plugin: type[Plugin[Any]]) -> None:
    for below in plugin.__subclasses__():
        hooks_of(below)
        _prepare_plugins(below)


preload()
