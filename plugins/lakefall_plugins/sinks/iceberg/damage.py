"""Files of tables that are missing, cut short or garbled: looked for before a commit names them,
and named where they are read.

A storage, or a cache before it, may answer a PUT with 200 and keep nothing, and a GET with half of
an object. What was read so is never kept: it is read again, and then the load fails and says which
file of which table it was.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from lakefall.contract.errors import LakefallError, StorageDamagedError
from lakefall_plugins.sinks.iceberg.errors import is_garbled

if TYPE_CHECKING:
    from pyiceberg.io import FileIO
    from pyiceberg.manifest import ManifestEntry, ManifestFile
    from pyiceberg.table import Table
    from pyiceberg.table.metadata import TableMetadata
    from pyiceberg.table.snapshots import Snapshot

T = TypeVar("T")
_WAITS = (0.1, 0.4)
"""Seconds before each further try to read what came garbled."""
_METADATA = re.compile(r"(?:[a-z][a-z0-9]*:/)?/\S+?\.metadata\.json")


def way_out(table: str) -> str:
    return f"if it stays so, `lakefall repair PIPELINE {table}` says what is left"


def damaged(path: str, table: str, why: object) -> StorageDamagedError:
    return StorageDamagedError(
        f"table {table!r}: {path} {why}; the next run tries again; {way_out(table)}"
    )


# --- before a commit ---


def size_of(io: FileIO, path: str) -> int | None:
    """Bytes of a file, None where there is none: one HEAD."""
    try:
        return len(io.new_input(path))
    except FileNotFoundError:
        return None


def remove(io: FileIO, path: str) -> None:
    """Delete a file and make sure of it: the answer may be 200, and nothing done.

    Raises:
        FileNotFoundError: it was not there.
        OSError: it still is, or may be.
    """
    io.delete(path)
    if size_of(io, path) is not None:
        raise OSError(f"the storage said that {path} is deleted, and it is still there")


def confirm(io: FileIO, sizes: Mapping[str, int], table: str) -> None:
    """Make sure that files which are about to be named have been stored, each with its size.

    Raises:
        StorageDamagedError: one is not there, or has another size.
    """
    from lakefall_plugins.sinks.iceberg.reading import at_once

    for (path, size), found in zip(
        sizes.items(), at_once(lambda path: size_of(io, path), sizes), strict=True
    ):
        if found != size:
            kept = "is not there" if found is None else f"has {found:,} bytes there"
            raise StorageDamagedError(
                f"table {table!r}: {size:,} bytes were written to {path}, the storage said that "
                f"they are stored, and it {kept}; nothing was committed, the next run tries again"
            )


# --- reading ---


@contextmanager
def reading(path: str, table: str) -> Iterator[None]:
    """Around the reading of one file of a table.

    Raises:
        StorageDamagedError: it is not there, or is not what it has to be.
    """
    try:
        yield
    except LakefallError:
        raise
    except FileNotFoundError as error:
        raise damaged(path, table, "is not there") from error
    except Exception as error:
        if not is_garbled(error):
            raise
        why = f"is not readable ({type(error).__name__}: {' '.join(str(error).split())[:200]})"
        raise damaged(path, table, why) from error


def is_missing(error: StorageDamagedError) -> bool:
    """Whether the file is not there at all."""
    return isinstance(error.__cause__, FileNotFoundError)


def read(work: Callable[[], T], path: str, table: str) -> T:
    """What ``work`` reads out of one file, which is tried again where it came garbled.

    Raises:
        StorageDamagedError: it stayed so, or the file is not there.
    """
    for wait in (*_WAITS, 0.0):
        try:
            with reading(path, table):
                return work()
        except StorageDamagedError as error:
            if is_missing(error) or not wait:
                raise
            time.sleep(wait)
    raise AssertionError  # the last try returns or raises


def metadata_at(io: FileIO, path: str, table: str) -> TableMetadata:
    """What a metadata file of a table says.

    Raises:
        StorageDamagedError: it is not there, or not readable.
    """
    from pyiceberg.serializers import FromInputFile

    with reading(path, table):
        return FromInputFile.table_metadata(io.new_input(path))


def manifests_of(table: Table, snapshot: Snapshot) -> list[ManifestFile]:
    """The manifests of one of the table's snapshots.

    Raises:
        StorageDamagedError: their list is not there, or not readable.
    """
    path, name = snapshot.manifest_list, table.name()[-1]

    def work() -> list[ManifestFile]:
        found = snapshot.manifests(table.io)
        summary = snapshot.summary
        if not found and summary is not None and int(summary["total-data-files"] or 0):
            raise damaged(path, name, "names no manifest, and the snapshot has data files")
        return found

    return read(work, path, name)


def entries_of(
    manifest: ManifestFile, io: FileIO, table: str, *, deleted: bool = False
) -> list[ManifestEntry]:
    """What a manifest names; with ``deleted`` also what it says is gone.

    Raises:
        StorageDamagedError: it is not there, or garbled, or cut where an entry ends.
    """
    counts: list[Any] = [manifest.added_files_count, manifest.existing_files_count]
    if deleted:
        counts.append(manifest.deleted_files_count)

    def work() -> list[ManifestEntry]:
        found = manifest.fetch_manifest_entry(io, discard_deleted=not deleted)
        if None not in counts and len(found) != sum(counts):
            why = f"names {len(found):,} files, and the manifest list says {sum(counts):,}"
            raise damaged(manifest.manifest_path, table, why)
        return found

    return read(work, manifest.manifest_path, table)


def metadata_named(text: str) -> str:
    """The metadata file that a catalog's message names; ``''`` where it names none."""
    found = _METADATA.search(text)
    return found.group() if found else ""
