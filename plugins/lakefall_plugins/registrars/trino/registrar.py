"""The catalog registrar ``trino``: the rows that were loaded are the rows that Trino counts."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping

from lakefall.common import naming
from lakefall.contract.errors import LakefallError
from lakefall.contract.plugin import Plugin, Stage, hookimpl
from lakefall.contract.run import Run
from lakefall.contract.values import Check, Loaded, Registered, Status, WrongFile
from lakefall_plugins.registrars.trino.options import TrinoRegistrarOptions
from lakefall_plugins.trino_client.client import Client
from lakefall_plugins.trino_client.errors import TrinoQueryError
from lakefall_plugins.trino_client.sql import identifier, literal, literals, pieces, qualified

NAME = "trino"
MAX_CHARACTERS = 500_000
"""Of keys in one statement; Trino's own limit for all of it is 1,000,000 (query.max-length)."""
_PAUSE = 0.5
"""Seconds before a snapshot is looked for again."""
_UNSEEN = ("TABLE_NOT_FOUND", "SCHEMA_NOT_FOUND")


class TrinoRegistrar(Plugin[TrinoRegistrarOptions]):
    """Proves that a loaded table answers in Trino with the rows just committed.

    A file whose rows Trino counts otherwise fails, and the next run loads it again. Trino out of
    reach is a warning.
    """

    name = NAME
    stage = Stage.CATALOG_REGISTRAR
    packages = ("trino",)
    extra = "trino"

    def __init__(self, options: TrinoRegistrarOptions) -> None:
        super().__init__(options)
        self._down = ("", "")
        """A run, and why nothing can be counted in it."""
        self._waited = ("", 0.0)
        """A run, and the seconds that it waited for commits to show up."""

    @hookimpl
    def register(self, run: Run, loaded: Loaded) -> Registered | None:
        """Count the rows of every file of the commit, in the commit's own snapshot."""
        expected = {
            o.file.key: o.rows_loaded for o in loaded.outcomes if o.status is Status.SUCCESS
        }
        if not expected:
            return None
        if self._down[0] == run.run_id:
            return Registered(NAME, loaded.table, ok=False, message=self._down[1])
        schema = self._schema(run)
        client = Client(self.options, schema)
        try:
            table = qualified(self.options.catalog, schema, loaded.table)
            return self._compare(run, client, table, loaded, expected)
        except LakefallError as error:
            message = f"the rows were not counted: {error}"
            if not isinstance(error, TrinoQueryError):
                # The other tables would wait for the same.
                self._down = (run.run_id, message)
            return Registered(NAME, loaded.table, ok=False, message=message)
        finally:
            client.close()

    def _compare(
        self, run: Run, client: Client, table: str, loaded: Loaded, expected: Mapping[str, int]
    ) -> Registered:
        at = int(loaded.snapshot) if loaded.snapshot.isdecimal() else None
        counted = self._counted(run, client, table, expected, at)
        seen = at is not None and counted is not None
        if counted is None:
            counted = self._counted(run, client, table, expected, None) or {}
        wrong = tuple(
            WrongFile(key, f"Trino counts {counted.get(key, 0):,} rows of {rows:,} loaded")
            for key, rows in expected.items()
            if counted.get(key, 0) != rows
        )
        rows = sum(expected.values())
        if not wrong:
            message = f"{rows:,} rows of {len(expected):,} files counted"
            return Registered(NAME, loaded.table, ok=True, message=message)
        if seen:
            return Registered(NAME, loaded.table, ok=False, wrong=wrong)
        # Another writer's later commit may be what was counted.
        unseen = f"snapshot {at} is not to be seen in Trino" if at else "the sink names no snapshot"
        first = f"{wrong[0].key}: {wrong[0].reason}"
        message = f"{len(wrong)} files may be wrong, first {first}; {unseen}, so this is no proof"
        return Registered(NAME, loaded.table, ok=False, message=message)

    def _counted(
        self, run: Run, client: Client, table: str, keys: Iterable[str], snapshot: int | None
    ) -> dict[str, int] | None:
        """Rows of each key that has some; None when the snapshot does not show up in time.

        Raises:
            SinkError: Trino cannot be asked, or does not know the table.
        """
        column = identifier(naming.AUDIT_COLUMNS[0])
        # A bare number that is small would be an INTEGER, which is no version.
        version = "" if snapshot is None else f" FOR VERSION AS OF BIGINT '{snapshot}'"
        counted: dict[str, int] = {}
        for some in pieces(keys, MAX_CHARACTERS):
            statement = (
                f"SELECT {column}, count(*) FROM {table}{version} "
                f"WHERE {column} IN ({literals(some)}) GROUP BY 1"
            )
            while True:
                try:
                    counted.update((str(key), int(n)) for key, n in client.rows(statement))
                    break
                except TrinoQueryError as error:
                    unseen = "snapshot" in str(error).lower() and snapshot is not None
                    if not (unseen or error.name in _UNSEEN):
                        raise
                    if not self._wait(run):
                        if unseen:
                            return None
                        raise
        return counted

    def _wait(self, run: Run) -> bool:
        """Wait a little; False when the run has waited long enough."""
        run_id, waited = self._waited
        waited = waited if run_id == run.run_id else 0.0
        if waited + _PAUSE > self.options.wait:
            return False
        time.sleep(_PAUSE)
        self._waited = (run.run_id, waited + _PAUSE)
        return True

    @hookimpl
    def check(self, run: Run) -> Iterable[Check]:
        """Whether Trino answers, knows the catalog, and shows the schema."""
        return self._check(run)

    def _check(self, run: Run) -> Iterator[Check]:
        catalog, schema = self.options.catalog, self._schema(run)
        subject = f"trino {self.options.url}"
        client = Client(self.options)
        try:
            yield Check(subject, ok=True, message="answers", version=client.version())
            subject = f"trino catalog {catalog}"
            wanted = literal(schema.lower())
            statement = (
                f"SELECT count(*) FROM {qualified(catalog, 'information_schema', 'schemata')} "
                f"WHERE schema_name = {wanted}"
            )
            there = bool(client.rows(statement)[0][0])
            message = f"schema {schema} is there" if there else f"the first load makes {schema}"
            yield Check(subject, ok=True, message=message)
        except LakefallError as error:
            yield Check(subject, ok=False, message=str(error))
        finally:
            client.close()

    def _schema(self, run: Run) -> str:
        return self.options.table_schema or run.pipeline.namespace
