"""One namespace of one catalog: opened on first use, asked no more often than it has to be."""

from __future__ import annotations

import threading
import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lakefall_plugins.sinks.iceberg.manifests import Manifests
from lakefall_plugins.sinks.iceberg.options import RestCatalog
from lakefall_plugins.sinks.iceberg.rest_catalog import RestHome
from lakefall_plugins.sinks.iceberg.sqlite_catalog import SqliteHome

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.io import FileIO
    from pyiceberg.table import Table

    from lakefall_plugins.sinks.iceberg.options import IcebergOptions


class Lake:
    """One namespace of one catalog."""

    def __init__(self, options: IcebergOptions) -> None:
        self.options = options
        self.namespace = options.namespace
        catalog = options.catalog
        self.home: RestHome | SqliteHome = (
            RestHome(catalog) if isinstance(catalog, RestCatalog) else SqliteHome(catalog)
        )
        self.cache = Path(".lakefall")
        """Where a run keeps what only this host needs; each hook that writes says it anew."""
        self.manifests = Manifests()
        self._connecting = threading.Lock()
        """One table may be planned while another one is loaded."""
        self._seen: dict[str, tuple[float, Table | None]] = {}
        self._has_namespace = False

    @property
    def exists(self) -> bool:
        """Whether there is a catalog; looking for a table must not make one."""
        return self.home.exists

    @property
    def local(self) -> Path:
        """Folder on this host for journals and locks."""
        return self.home.local(self.cache)

    @property
    def doubt(self) -> float:
        """Seconds that a load on any host may look for the snapshot of a commit of which it got no
        answer; 0 where the answer is certain."""
        settles = self.home.settles
        return max(settles, self.options.commit_timeout) if settles else 0.0

    @property
    def catalog(self) -> Catalog:
        """The catalog; a local one is made where there is none."""
        with self._connecting:
            return self._catalog

    @cached_property
    def _catalog(self) -> Catalog:
        return self.home.connect()

    def identifier(self, table: str) -> tuple[str, str]:
        return (self.namespace, table)

    def find(self, table: str) -> Table | None:
        """The table as it is now, None where there is none."""
        from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError

        if not self.exists:
            return None
        try:
            found = self.catalog.load_table(self.identifier(table))
        except (NoSuchTableError, NoSuchNamespaceError):
            return self.remember(table, None)
        return self.remember(table, found)

    def seen(self, table: str) -> Table | None:
        """The table as it was moments ago: for plans, which every commit checks again."""
        at, found = self._seen.get(table, (float("-inf"), None))
        if time.monotonic() - at < self.home.remembers:
            return found
        return self.find(table)

    def since(self, table: str, changed: float) -> Table | None:
        """The table as it is now, as far as this host knows.

        What was seen after the last change by this host (seconds since 1970) is good enough to
        begin with: a commit that another host made meanwhile makes ours fail. It is good for one
        commit only.
        """
        at, found = self._seen.pop(table, (float("-inf"), None))
        age = time.monotonic() - at
        if age < self.home.remembers and time.time() - age > changed:
            return found
        return self.find(table)

    def remember(self, table: str, found: Table | None) -> Table | None:
        """Keep what a commit, or the catalog, has just said about a table; the table to work on."""
        kept = None if found is None else _settled(found)
        self._seen[table] = (time.monotonic(), kept)
        self._has_namespace = self._has_namespace or found is not None
        return kept

    def tables(self) -> set[str]:
        """Names of all tables of the namespace."""
        from pyiceberg.exceptions import NoSuchNamespaceError

        if not self.exists:
            return set()
        try:
            found = self.catalog.list_tables((self.namespace,))
        except NoSuchNamespaceError:
            return set()
        self._has_namespace = self._has_namespace or bool(found)
        return {name for *_, name in found}

    def make_namespace(self) -> None:
        from sqlalchemy.exc import IntegrityError

        if self._has_namespace:
            return
        try:
            self.catalog.create_namespace_if_not_exists((self.namespace,))
        except IntegrityError:
            # Another process may have made it at the same moment.
            if not self.catalog.namespace_exists((self.namespace,)):
                raise
        self._has_namespace = True

    def storage(self, location: str) -> FileIO:
        """Files at a location of which no table is known any more."""
        return self.catalog._load_file_io(location=location)


def _settled(found: Table) -> Table:
    """The table as if it was loaded: PyIceberg's commits leave staged ones."""
    from pyiceberg.table import Table

    table = Table(
        found._identifier,
        found.metadata,
        found.metadata_location,
        found.io,
        found.catalog,
        found.config,
    )
    # Our own loop retries: it also checks again what PyIceberg's would not.
    table.metadata.properties["commit.retry.num-retries"] = "0"
    return table
