"""``on_source_deleted: delete``: files that were loaded and are gone from the source.

A mistake here costs data, so everything must agree before a row goes: the registry says that the
file was loaded from this very source, the source's listing does not have it, the source finds
nothing when it looks again, and no more than ``max_delete_fraction`` of the table's files are in
that state.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

from lakefall.contract.errors import LakefallError, as_foreseen
from lakefall.contract.run import Run
from lakefall.contract.values import Outcome, RegistryEntry, SourceFile, Status


@dataclass(frozen=True, slots=True)
class Gone:
    """Files of one table that are gone from one source."""

    table: str
    source: str
    entries: tuple[RegistryEntry, ...]

    def files(self) -> Iterator[tuple[SourceFile, int]]:
        """Each file as it was listed once, and the rows that it brought."""
        for entry in self.entries:
            yield (
                SourceFile(
                    key=entry.key,
                    etag=entry.etag,
                    size=entry.size,
                    modified=entry.ingested_at,
                    folder=entry.key.partition("/")[0],
                    table=self.table,
                    source=self.source,
                    origin=entry.origin,
                ),
                entry.loaded_rows,
            )


def find(run: Run, listed: Collection[str]) -> list[Gone]:
    """What may be deleted, by table; reads only, and warns where nothing may be.

    ``listed`` are the keys of a full listing. An error of the registry or of a source is a
    warning: then nothing is deleted.
    """
    fractions = run.pipeline.delete_fractions
    if not fractions:
        return []
    try:
        loaded = [e for e in run.pipeline.history(run) if e.loaded_table and e.origin]
    except LakefallError as error:
        run.warn(f"nothing that is gone from the source was deleted: {error}")
        return []
    there = set(listed)
    missing = {e.key: e for e in loaded if e.key not in there}
    if not missing:
        return []
    totals = Counter((e.origin, e.loaded_table) for e in loaded)
    found: list[Gone] = []
    for source, fraction in fractions.items():
        try:
            keys = run.pipeline.vanished(run, source, list(missing.values()))
        except LakefallError as error:
            run.warn(f"source {source}: nothing that is gone from it was deleted: {error}")
            continue
        groups: dict[tuple[str, str], list[RegistryEntry]] = {}
        for entry in (missing.pop(key) for key in sorted(set(keys)) if key in missing):
            groups.setdefault((entry.origin, entry.loaded_table), []).append(entry)
        for group, entries in sorted(groups.items()):
            if _within(run, entries, totals[group], fraction):
                found.append(Gone(group[1], source, tuple(entries)))
    return found


def _within(run: Run, entries: Sequence[RegistryEntry], total: int, fraction: float) -> bool:
    # A hair more: 0.29 * 100 is 28.999999999999996.
    if len(entries) <= fraction * total + 1e-9:
        return True
    run.warn(
        f"{len(entries)} of its {total} files are gone from the source, first "
        f"{entries[0].key!r}; that is more than max_delete_fraction ({fraction:.0%}), so none of "
        "their rows is deleted; bring the files back, or name them to `lakefall forget`, or raise "
        "source.max_delete_fraction for one run with --set",
        table=entries[0].loaded_table,
    )
    return False


def delete(run: Run, gone: Gone) -> list[Outcome]:
    """Forget these files; one outcome a file. A dry run only says so."""
    if run.dry_run:
        return [
            Outcome(f, Status.SKIPPED, error=f"{would_go(rows)}; dry run: nothing was written")
            for f, rows in gone.files()
        ]
    began = perf_counter()
    try:
        with run.step("forget", table=gone.table) as told:
            deleted = run.pipeline.forget(run, [e.key for e in gone.entries])
            told.update(files=len(gone.entries), rows=deleted)
    except Exception as error:  # noqa: BLE001 -- one table must not stop the others
        known = as_foreseen(error)
        message = f"gone from the source, but its rows could not be deleted: {known}"
        return [
            Outcome(f, Status.FAILED, error=message, retryable=known.retryable)
            for f, _ in gone.files()
        ]
    loaded = sum(rows for _, rows in gone.files())
    if deleted != loaded:
        run.warn(
            f"{deleted:,} rows of {len(gone.entries)} deleted files were in the table, and "
            f"{loaded:,} had been loaded",
            table=gone.table,
        )
    seconds = (perf_counter() - began) / len(gone.entries)
    return [
        Outcome(f, Status.DELETED, rows_deleted=rows, seconds=seconds) for f, rows in gone.files()
    ]


def would_go(rows: int) -> str:
    """What a plan and a dry run say about a file."""
    return f"gone from the source: its {rows:,} rows would be deleted"
