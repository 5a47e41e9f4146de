"""Maintaining one table through Trino: optimize, expire_snapshots, remove_orphan_files.

Each is a statement of its own; what one of them refuses stops none of the others.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lakefall.contract.errors import SinkError
from lakefall.contract.values import Maintained
from lakefall_plugins.sinks.lake import names
from lakefall_plugins.sinks.trino.commits import commit, until_committed
from lakefall_plugins.sinks.trino.lakehouse import Lakehouse
from lakefall_plugins.sinks.trino.registry import known_by_snapshots
from lakefall_plugins.trino_client.errors import TrinoQueryError, TrinoUnreachableError
from lakefall_plugins.trino_client.sql import literal

if TYPE_CHECKING:
    from lakefall_plugins.sinks.trino.options import TrinoOptions

_MARGIN = 600_000
"""Milliseconds that the server's clock may go on between looking and expiring."""
_REFUSED = "INVALID_PROCEDURE_ARGUMENT"
"""What Trino answers to a retention that is shorter than it allows."""
_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000))
_OWN_PLACE = re.compile(r"-[0-9a-f]{32}/?$")
"""How the place of a table ends that Trino made, unless ``iceberg.unique-table-location`` is off.
What catalogs choose is the table's name, and stays when it is renamed: then the next table of that
name lies there as well, and to each of them the files of the other are orphans."""
_SIDECARS = (names.FILES_LOCATION, names.KEPT_LOCATION, names.EXPIRED_LOCATION)


@dataclass(frozen=True, slots=True)
class _Files:
    """The data files of a table."""

    number: int
    small: int
    """Below ``small_file``, or with deleted rows."""
    small_bytes: int
    deletes: int
    """Delete files."""


@dataclass(frozen=True, slots=True)
class _Expiry:
    """Snapshots to be expired."""

    number: int
    retention: int
    """Milliseconds before now at which they end."""


def lakehouse(options: TrinoOptions) -> Lakehouse:
    """The namespace, with sessions that write data files of ``maintenance.target_file``."""
    size = f"{options.maintenance.target_file}B"
    properties = {f"{options.catalog}.target_max_file_size": size, **options.session_properties}
    return Lakehouse(options.model_copy(update={"session_properties": properties}))


def maintain(lake: Lakehouse, table: str, *, is_own: bool, dry_run: bool) -> Maintained:
    """Maintain a table; a dry run only looks. ``is_own``: the registry or the rejects.

    Raises:
        TrinoUnreachableError: nothing can be notes.
    """
    if not is_own:
        shape = lake.shape(table)
        if shape is None:
            return Maintained(table, left=("there is no such table any more",))
        if names.SOURCE_FILE not in {f.name for f in shape.fields}:
            reason = f"it has no column {names.SOURCE_FILE}, so no file feeds it"
            return Maintained(table, left=(reason,))
    return _Task(lake, table, is_own, dry_run).work()


@dataclass(slots=True)
class _Task:
    lake: Lakehouse
    table: str
    is_own: bool
    dry_run: bool
    left: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def work(self) -> Maintained:
        before = self._files()
        merges = before.small > 1 or bool(before.deletes)
        done = Maintained(
            self.table,
            files_before=before.number,
            files_after=before.number,
            files_merged=before.small if merges else 0,
            bytes_rewritten=before.small_bytes if merges else 0,
            # Trino tells neither what it removes nor what it would.
            files_removed=None,
        )
        if merges and self.dry_run:
            done = dataclasses.replace(done, files_after=None)
        elif merges:
            size = self.lake.options.maintenance.small_file
            optimize = f"optimize(file_size_threshold => '{size}B')"
            self._execute("its data files", optimize, "small_file")
            done = dataclasses.replace(done, files_after=self._files().number)
        has_objects = self._has_objects()
        expiry = self._expiry(has_objects=has_objects)
        done = dataclasses.replace(done, snapshots_expired=expiry.number if expiry else 0)
        if not self.dry_run:
            if expiry is not None and not self._expire(expiry):
                done = dataclasses.replace(done, snapshots_expired=0)
            if not has_objects:
                self._remove_orphans()
        return dataclasses.replace(done, left=tuple(self.left), error="; ".join(self.errors))

    # --- looking ---

    def _files(self) -> _Files:
        small = f"content = 0 AND file_size_in_bytes < {self.lake.options.maintenance.small_file}"
        ((number, few, size, deletes),) = self.lake.client.rows(
            f"SELECT count_if(content = 0), count_if({small}), "
            f"coalesce(sum(file_size_in_bytes) FILTER (WHERE {small}), 0), count_if(content <> 0) "
            f"FROM {self.lake.name(f'{self.table}$files')}"
        )
        return _Files(int(number), int(few), int(size), int(deletes))

    def _expiry(self, *, has_objects: bool) -> _Expiry | None:
        """What may expire; None for nothing.

        Trino counts a snapshot's age from its commit; here it counts from when the next one came,
        and the latest ones stay: so Trino is asked for no more than that leaves.
        """
        options = self.lake.options.maintenance
        ages = [age for _, age in self._snapshots()]
        longest = int(options.keep_snapshots_for * 1000)
        kept = 0
        for position, _ in enumerate(ages):
            replaced = ages[position - 1] if position else 0
            if position >= options.keep_snapshots and replaced >= longest:
                break
            kept += 1
        if kept == len(ages):
            return None
        retention = max(longest, ages[kept - 1] + _MARGIN)
        number = sum(age > retention for age in ages)
        if not number:
            return None
        if has_objects or (not self.is_own and known_by_snapshots(self.lake, self.table)):
            self.left.append(
                "its snapshots: they alone tell which versions of files are loaded, which "
                "`registry rebuild` needs; maintain this table with the sink iceberg"
            )
            return None
        return _Expiry(number, retention)

    def _snapshots(self) -> Iterator[tuple[int, int]]:
        """Id and age in milliseconds, the youngest first, without those of branches and tags."""
        rows = self.lake.client.rows(
            "SELECT snapshot_id, date_diff('millisecond', committed_at, current_timestamp) "
            f"FROM {self.lake.name(f'{self.table}$snapshots')} WHERE snapshot_id NOT IN "
            f"(SELECT snapshot_id FROM {self.lake.name(f'{self.table}$refs')} "
            "WHERE name <> 'main') ORDER BY committed_at DESC"
        )
        for snapshot, age in rows:
            yield int(snapshot), int(age)

    def _has_objects(self) -> bool:
        """Whether snapshots name objects of the sink iceberg, which Trino takes for orphans."""
        wanted = " OR ".join(
            f"element_at(summary, {literal(name)}) IS NOT NULL" for name in _SIDECARS
        )
        rows: Sequence[Sequence[object]] = self.lake.client.rows(
            f"SELECT 1 FROM {self.lake.name(f'{self.table}$snapshots')} WHERE {wanted} LIMIT 1"
        )
        return bool(rows)

    def _location(self) -> str:
        rows = self.lake.client.rows(
            f'SELECT "value" FROM {self.lake.name(f"{self.table}$properties")} '
            "WHERE key = 'location'"
        )
        return str(rows[0][0]) if rows else ""

    # --- doing ---

    def _expire(self, expiry: _Expiry) -> bool:
        procedure = f"expire_snapshots(retention_threshold => '{_duration(expiry.retention)}')"
        return self._execute("its snapshots", procedure, "keep_snapshots_for")

    def _remove_orphans(self) -> None:
        location = self._location()
        if not _OWN_PLACE.search(location):
            self.left.append(
                "files that no snapshot names: they may be those of a table that was renamed, "
                f"since {location or 'its place'} bears the table's name and no id"
            )
            return
        # Not how long snapshots are kept: a write under way is named by none, whatever their age.
        age = int(self.lake.options.maintenance.keep_orphans_for * 1000)
        procedure = f"remove_orphan_files(retention_threshold => '{_duration(age)}')"
        self._execute("files that no snapshot names", procedure, "keep_orphans_for")

    def _execute(self, what: str, procedure: str, option: str) -> bool:
        """Run a procedure; whether Trino did it. What it refuses because of an option is told."""
        statement = f"ALTER TABLE {self.lake.name(self.table)} EXECUTE {procedure}"
        try:
            until_committed(
                lambda: commit(self.lake, self.table, statement),
                self.lake.options.commit_timeout,
                f"table {self.table!r}",
            )
        except TrinoUnreachableError:
            raise
        except TrinoQueryError as error:
            if error.name == _REFUSED:
                self.left.append(
                    f"{what}: {error}; raise maintenance.{option}, or change Trino's minimum"
                )
            else:
                self.errors.append(f"{what}: {error}")
            return False
        except SinkError as error:
            self.errors.append(f"{what}: {error}")
            return False
        return True


def _duration(milliseconds: int) -> str:
    """As Trino writes it, in the largest unit that holds it exactly."""
    for unit, length in _UNITS:
        if milliseconds % length == 0:
            return f"{milliseconds // length}{unit}"
    return f"{milliseconds}ms"
