"""The catalog registrar ``superset``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from lakefall.common import json_cache
from lakefall.contract.errors import LakefallError
from lakefall.contract.plugin import Plugin, Stage, hookimpl
from lakefall.contract.run import Run
from lakefall.contract.values import Check, Loaded, Registered
from lakefall_plugins.registrars.superset.datasets import (
    Api,
    Dataset,
    TableUnseenError,
    is_behind,
    refresh_columns,
)
from lakefall_plugins.registrars.superset.options import SupersetOptions
from lakefall_plugins.registrars.superset.session import Session, SupersetError


class ComparedDatasets:
    """Table -> the dataset and the load that were compared last.

    A run without news asks for none of them.

    A dataset that was in order stays so until the table is loaded or the dataset is changed.
    Only a cache: without it, every table is compared once more.
    """

    def __init__(self, path: Path, entries: dict[str, str]) -> None:
        self._path = path
        self._known = entries
        self._now: dict[str, str] = {}

    @classmethod
    def load(cls, cache: Path, api: Api) -> ComparedDatasets:
        """What is remembered of one schema."""
        options = api.options
        place = (options.url, options.database, options.catalog, api.schema)
        name = sha256(json.dumps(place).encode()).hexdigest()[:16]
        path = cache / f"superset-{name}.json"
        return cls(path, {k: str(v) for k, v in json_cache.load(path).items()})

    def knows(self, dataset: Dataset, loaded: datetime) -> bool:
        """Whether the dataset was in order after this load, and nobody changed it since."""
        return self._known.get(dataset.table) == _state(dataset, loaded)

    def keep(self, dataset: Dataset, loaded: datetime) -> None:
        """The dataset is in order."""
        self._now[dataset.table] = _state(dataset, loaded)

    def save(self) -> None:
        """Write what was kept; all else is forgotten."""
        if self._now != self._known:
            json_cache.save(self._path, json.dumps(self._now))


def _state(dataset: Dataset, loaded: datetime) -> str:
    return f"{dataset.id} {dataset.changed} {loaded.isoformat()}"


NAME = "superset"


@dataclass(slots=True)
class _OfRun:
    """What was learnt in one run."""

    run_id: str
    api: Api
    down: SupersetError | None = None
    """Why nothing can be registered: every further table would wait for the same."""
    in_order: set[str] = field(default_factory=set)
    warned: set[str] = field(default_factory=set)
    """Tables that a warning was given for."""


class SupersetRegistrar(Plugin[SupersetOptions]):
    """Makes a Superset dataset of every table and keeps its columns up to date.

    What users set on a dataset stays: names, flags, formats, calculated columns, metrics. A table
    that could not be registered is registered by a later run. Datasets are never deleted.
    """

    name = NAME
    stage = Stage.CATALOG_REGISTRAR
    packages = ("requests",)
    extra = "superset"

    def __init__(self, options: SupersetOptions) -> None:
        super().__init__(options)
        self._of: _OfRun | None = None

    @hookimpl
    def register(self, run: Run, loaded: Loaded) -> Registered:
        """Make the table's dataset, or bring its columns up to date."""
        state, table = self._state(run), loaded.table
        if state.down is not None:
            state.warned.add(table)
            return Registered(NAME, table, ok=False, message=str(state.down))
        evolved = bool(loaded.columns_added or loaded.columns_widened)
        try:
            dataset = state.api.find(table)
            message = self._bring_up(run, state.api, table, dataset, evolved=evolved)
        except LakefallError as error:
            state.down = error if isinstance(error, SupersetError) and error.whole else None
            state.warned.add(table)
            return Registered(NAME, table, ok=False, message=str(error))
        finally:
            state.api.session.close()
        state.in_order.add(table)
        return Registered(NAME, table, ok=True, message=message)

    @hookimpl
    def reconcile(self, run: Run, tables: Mapping[str, datetime]) -> list[Registered]:
        """Make up for what earlier runs could not register, and for columns they could not tell."""
        if not tables:
            return []
        state = self._state(run)
        try:
            return list(self._reconcile(run, state, tables))
        finally:
            state.api.session.close()

    def _reconcile(
        self, run: Run, state: _OfRun, tables: Mapping[str, datetime]
    ) -> Iterator[Registered]:
        try:
            datasets = state.api.datasets()
        except SupersetError as error:
            if state.down is None:
                yield Registered(NAME, "", ok=False, message=str(error))
            return
        compared = ComparedDatasets.load(run.pipeline.config.cache.dir, state.api)
        for table, loaded in tables.items():
            dataset = datasets.get(table)
            try:
                message = ""
                if dataset is None or not (
                    table in state.in_order or compared.knows(dataset, loaded)
                ):
                    message = self._bring_up(run, state.api, table, dataset)
                    dataset = state.api.find(table) if message else dataset
                if dataset is not None:
                    compared.keep(dataset, loaded)
            except TableUnseenError as error:
                if table not in state.warned and run.pipeline.describe(run, table) is not None:
                    yield Registered(NAME, table, ok=False, message=str(error))
            except LakefallError as error:
                # Without the catalog's word on a table the others are not judged either.
                whole = not isinstance(error, SupersetError) or error.whole
                if table not in state.warned:
                    yield Registered(NAME, "" if whole else table, ok=False, message=str(error))
                if whole:
                    return
            else:
                if message:
                    yield Registered(NAME, table, ok=True, message=message)
        compared.save()

    @hookimpl
    def check(self, run: Run) -> Iterable[Check]:
        """Whether Superset answers, lets the user in, knows the database, and reaches Trino."""
        return self._check(run)

    def _check(self, run: Run) -> Iterator[Check]:
        options, subject = self.options, f"superset {self.options.url}"
        api = Api(Session(options), self._schema(run))
        try:
            yield Check(subject, ok=True, message="answers", version=api.session.version())
            subject = f"superset user {options.username}"
            api.session.login()
            if not api.may_write():
                message = "may not write datasets; give the user a role that may"
                yield Check(subject, ok=False, message=message)
                return
            yield Check(subject, ok=True, message="may write datasets")
            subject = f"superset database {options.database!r}"
            yield Check(subject, ok=True, message=f"has the id {api.database}")
            subject = f"superset database {options.database!r}, catalog {options.catalog}"
            there = api.schema in api.ask_trino()
            missing = f"Trino answers; schema {api.schema} is made by the first load"
            message = f"Trino answers; schema {api.schema} is there" if there else missing
            yield Check(subject, ok=True, message=message)
        except SupersetError as error:
            yield Check(subject, ok=False, message=str(error))
        finally:
            api.session.close()

    # --- parts ---

    def _schema(self, run: Run) -> str:
        return self.options.dataset_schema or run.pipeline.namespace

    def _state(self, run: Run) -> _OfRun:
        if self._of is None or self._of.run_id != run.run_id:
            self._of = _OfRun(run.run_id, Api(Session(self.options), self._schema(run)))
        return self._of

    def _bring_up(
        self, run: Run, api: Api, table: str, dataset: Dataset | None, *, evolved: bool = False
    ) -> str:
        """Make the dataset, or refresh it where it is behind; what was done, ``''`` for nothing.

        Raises:
            SupersetError: it could not be done.
        """
        if dataset is None:
            return f"dataset {api.create(table)} made"
        if dataset.virtual:
            raise SupersetError(
                f"{api.session.where} has a virtual dataset {api.schema}.{table}, which takes the "
                "table's name; rename it"
            )
        known = api.columns(dataset.id)
        if not evolved:
            now = run.pipeline.describe(run, table)
            if now is None or not is_behind(known, now):
                return ""
        # Types of other programs' columns may have names that compare unequal for ever.
        done = refresh_columns(api, dataset.id, known)
        return f"columns of dataset {dataset.id} refreshed" if done else ""
