"""What the tables may hold after an attack: read with PyIceberg and pyarrow alone.

The oracle makes the files of the source itself, so it knows each version's rows and rejects. After
any attack a file's rows are those of one version, whole; after a quiet run those of the latest one,
with its rejects and its row in the registry; after a maintenance nothing lies in the warehouse that
no table names.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from acceptance.lakes import EmbeddedLake, Lake
from acceptance.server_lakes import ServerLake

Row = tuple[int, int, str, str | None]
"""id, version, name, extra."""
KEYS = ("t/a.csv", "t/b.csv", "u/c.csv")
OWN = ("_ingest_registry", "_ingest_rejects")


class BrokenLawError(AssertionError):
    """A table holds what it must not hold."""


@dataclass(frozen=True, slots=True)
class Version:
    """One content of a file."""

    key: str
    number: int
    text: str
    rows: tuple[Row, ...]
    rejected: tuple[int, ...]
    """Lines of the records that are too short."""

    @classmethod
    def make(cls, key: str, number: int, chance: Random) -> Version:
        """Rows that no other version has, some of them too short, at times one more column."""
        wide = chance.random() < 0.3
        lines = ["id,version,name" + ",extra" * wide]
        rows: list[Row] = []
        rejected = []
        for i in range(10, 16 + chance.randrange(20)):
            if i > 13 and chance.random() < 0.15:
                lines.append(str(i))
                rejected.append(len(lines))
                continue
            name = f"{key}-{number}-{i}"
            rows.append((i, number, name, "x" if wide else None))
            lines.append(f"{i},{number},{name}" + ",x" * wide)
        return cls(key, number, "\n".join(lines) + "\n", tuple(rows), tuple(rejected))


@dataclass
class Oracle:
    """The truth about a lake's source, and the laws on its tables."""

    lake: Lake
    chance: Random
    counts: Counter[str] = field(default_factory=Counter)
    """Attacks and judgements so far."""
    versions: dict[str, list[Version]] = field(default_factory=lambda: defaultdict(list))
    """Of each key, oldest first."""
    settled: dict[str, int] = field(default_factory=dict)
    """Number of the version that the last quiet run loaded: nothing older may come back."""
    secrets: tuple[str, ...] = ()

    def put(self, *keys: str) -> None:
        """A new version of each key."""
        for key in keys:
            made = Version.make(key, len(self.versions[key]), self.chance)
            self.versions[key].append(made)
            self.lake.put(key, made.text)
            self.counts["versions"] += 1

    def after_attack(self, where: str) -> None:
        """Each file is wholly old or wholly new.

        Raises:
            BrokenLawError: rows are mixed, lost or doubled.
        """
        found = self._rows()
        for key, versions in self.versions.items():
            rows = found.pop(key, [])
            allowed = [v.rows for v in versions[self.settled.get(key, 0) :]]
            if key not in self.settled:
                allowed.append(())
            if not any(rows == sorted(some) for some in allowed):
                kept = Counter(row[1] for row in rows)
                raise BrokenLawError(f"{where}: {key} has rows of versions {dict(kept)}")
        if found:
            raise BrokenLawError(f"{where}: rows of files that never were: {sorted(found)}")
        self.counts["judged"] += 1

    def after_quiet_run(self, where: str) -> None:
        """Each file is the latest version; so say the registry and the rejects.

        Raises:
            BrokenLawError: one of them does not.
        """
        for key, versions in self.versions.items():
            self.settled[key] = versions[-1].number
        self.after_attack(where)
        latest = {key: versions[-1] for key, versions in self.versions.items()}
        standing: dict[str, dict[str, Any]] = {}
        for row in sorted(self._table(OWN[0]), key=lambda r: r["ingested_at"]):
            standing[row["file_key"]] = row
        for key, version in latest.items():
            row = standing.get(key, {})
            said = row.get("status"), row.get("rows_loaded"), row.get("rejected")
            if said != ("success", len(version.rows), len(version.rejected)):
                raise BrokenLawError(f"{where}: the registry says of {key}: {said}")
        rejects: dict[str, list[int]] = defaultdict(list)
        for row in self._table(OWN[1]):
            if standing.get(row["file_key"], {}).get("etag") == row["etag"]:
                rejects[row["file_key"]].append(row["line"])
        for key, version in latest.items():
            if sorted(rejects[key]) != list(version.rejected):
                raise BrokenLawError(f"{where}: rejects of {key} are of lines {rejects[key]}")
        self.counts["settled"] += 1

    def after_maintenance(self, where: str) -> None:
        """Nothing lies in the warehouse that no table names; no scratch, no journal.

        Raises:
            BrokenLawError: something does.
        """
        left = self.debris()
        if left:
            kinds = Counter(kind_of(path) for path in left)
            raise BrokenLawError(f"{where}: debris {dict(kinds)}, such as {sorted(left)[:3]}")

    def debris(self) -> set[Path]:
        """Files that nothing names; not the metadata files of a server, which are its own."""
        lake = self.lake
        if isinstance(lake, EmbeddedLake):
            there = {p for p in lake.lakehouse.resolve().rglob("*") if p.is_file()}
            left = {p for p in there if p.name != "catalog.db"}
        else:
            left = {p for p in self._stored() if not p.name.endswith(".metadata.json")}
            left |= set((lake.folder / "cache" / "iceberg").glob("*/*.json"))
        left -= {Path(path.removeprefix("file://")) for path in self._named()}
        scratch = [*(lake.folder / "cache" / "runs").rglob("*"), *(lake.folder / "tmp").rglob("*")]
        return left | {p for p in scratch if p.is_file()}

    def _stored(self) -> Iterable[Path]:
        """Objects under the tables' locations."""
        assert isinstance(self.lake, ServerLake)
        catalog, s3 = self.lake.catalog(), self.lake.servers.s3()
        for identifier in catalog.list_tables((self.lake.namespace,)):
            bucket, _, prefix = (
                catalog.load_table(identifier).location().removeprefix("s3://").partition("/")
            )
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/")
            for page in pages:
                keys = (o["Key"] for o in page.get("Contents", ()))
                yield from (Path(f"s3://{bucket}/{key}") for key in keys if not key.endswith("/"))

    def no_secret(self) -> None:
        """No command has shown a secret.

        Raises:
            BrokenLawError: one has.
        """
        for path in (self.lake.folder / "logs").iterdir():
            text = path.read_text("utf-8", "replace")
            for secret in self.secrets:
                if secret in text:
                    raise BrokenLawError(f"{path.name} holds a secret")
            self.counts["outputs without a secret"] += 1

    def _rows(self) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = defaultdict(list)
        for table in {key.partition("/")[0] for key in self.versions}:
            for r in self._table(table):
                row = r["id"], r["version"], r["name"], r.get("extra")
                found[r["_source_file"]].append(row)
        return {key: sorted(rows) for key, rows in found.items()}

    def _table(self, name: str) -> list[dict[str, Any]]:
        if not self.lake.exists(name):
            return []
        table = self.lake.catalog().load_table((self.lake.namespace, name))
        return list(table.scan().to_arrow().to_pylist())

    def _named(self) -> Iterable[str]:
        """Every file that any snapshot of any table names, and the metadata files."""
        catalog = self.lake.catalog()
        for identifier in catalog.list_tables((self.lake.namespace,)):
            table = catalog.load_table(identifier)
            yield table.metadata_location
            yield from (entry.metadata_file for entry in table.metadata.metadata_log)
            for snapshot in table.snapshots():
                yield snapshot.manifest_list
                notes = snapshot.summary.additional_properties if snapshot.summary else {}
                yield from self._notes(table, notes)
                for manifest in snapshot.manifests(table.io):
                    yield manifest.manifest_path
                    for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=False):
                        yield entry.data_file.file_path

    def _notes(self, table: Any, notes: dict[str, str]) -> Iterable[str]:
        """Objects that a snapshot's properties name, and what waits there for its deletion."""
        for name in (name for name in notes if name.endswith("-location")):
            yield notes[name]
            with suppress(FileNotFoundError), table.io.new_input(notes[name]).open() as stream:
                found = json.loads(stream.read())
                yield from found["files"] if isinstance(found, dict) else ()


def kind_of(path: Path) -> str:
    """What a file of a warehouse is."""
    if path.suffix == ".avro":
        return "manifest list" if path.name.startswith("snap-") else "manifest"
    if path.name.endswith(".metadata.json"):
        return "metadata file"
    if path.parent.name == "data":
        return "data file"
    return "journal" if path.parent.name == ".lakefall" else path.suffix or path.name
