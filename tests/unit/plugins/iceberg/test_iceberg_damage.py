"""Files that are missing, cut or garbled: told by name, taken out by a repair, loaded again."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from iceberg_support import Lakehouse, source

from lakefall.contract.errors import StorageDamagedError, UsageError
from lakefall_plugins.sinks.iceberg import damage

ID = [("id", "INTEGER")]
A, B = source("orders/a.csv"), source("orders/b.csv")
CHANGED = source("orders/a.csv", "e2", minute=1)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(damage, "_WAITS", (0.001,))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Lakehouse:
    made = Lakehouse(tmp_path_factory.mktemp("lake"))
    for file in (A, B):
        made.load(file, ID, "SELECT i FROM range(3) r(i)", rejects=[(3, "", "short", "x")])
    shutil.copytree(made.folder / "wh", made.folder / "kept")
    return made


@pytest.fixture
def lakehouse(made: Lakehouse) -> Lakehouse:
    """Two files of three rows each in one table, with rejects."""
    made.sink.lake.catalog.engine.dispose()  # type: ignore[attr-defined]
    shutil.rmtree(made.folder / "wh")
    shutil.copytree(made.folder / "kept", made.folder / "wh")
    return fresh(made)


def only(lakehouse: Lakehouse, table: str, pattern: str, number: int = -1) -> Path:
    """A file of the table: the newest one, or another."""
    found = (lakehouse.folder / "wh" / "lakehouse" / table).rglob(pattern)
    return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))[number]


def files(lakehouse: Lakehouse) -> set[Path]:
    return {path for path in (lakehouse.folder / "wh").rglob("*") if path.is_file()}


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def garble(path: Path) -> None:
    path.write_bytes(b"\xff\x00" * (path.stat().st_size // 2))


def remove(path: Path) -> None:
    path.unlink()


HURT = [cut, garble, remove]
Hurt = Callable[[Path], None]


def fresh(lakehouse: Lakehouse) -> Lakehouse:
    """What another process sees."""
    from pyiceberg.manifest import clear_manifest_cache

    clear_manifest_cache()
    return lakehouse.with_options()


def repair(lakehouse: Lakehouse, table: str, *, drop: bool = False, dry: bool = False) -> Any:
    run = replace(lakehouse.run(), dry_run=True) if dry else lakehouse.run()
    return fresh(lakehouse).sink.repair(run, table, drop)


def load_again(lakehouse: Lakehouse) -> None:
    """What the next run does: every pending file."""
    again = fresh(lakehouse)
    for file in (A, B):
        if again.reasons(file)[0].startswith("load"):
            rows = "SELECT i FROM range(3) r(i)"
            again.load(file, ID, rows, rejects=[(3, "", "short", "x")])


def whole(lakehouse: Lakehouse) -> None:
    again = fresh(lakehouse)
    counted = "SELECT _source_file, count(*) FROM orders GROUP BY 1 ORDER BY 1"
    assert again.ask(counted) == [(A.key, 3), (B.key, 3)]
    assert again.ask("SELECT count(*) FROM _ingest_rejects") == [(2,)]
    assert again.reasons(A, B) == ["skip: unchanged"] * 2
    assert all(c.ok for c in again.sink.check())


def test_a_sound_table_is_left_alone(lakehouse: Lakehouse) -> None:
    for table in ("orders", "_ingest_rejects"):
        before = lakehouse.sink.lake.find(table)
        assert before is not None
        done = repair(lakehouse, table)
        assert (done.lost, done.keys, done.metadata, done.dropped) == ((), (), "", False)
        after = lakehouse.sink.lake.find(table)
        assert after is not None and after.metadata_location == before.metadata_location
        with pytest.raises(UsageError, match="its metadata can be read"):
            repair(lakehouse, table, drop=True)
    with pytest.raises(UsageError, match="no such table"):
        repair(lakehouse, "other")
    whole(lakehouse)


@pytest.mark.slow
@pytest.mark.parametrize("hurt", HURT)
@pytest.mark.parametrize("what", ["*.parquet", "*-m0.avro", "snap-*.avro", "*.metadata.json"])
@pytest.mark.parametrize("table", ["orders", "_ingest_registry", "_ingest_rejects"])
def test_whatever_is_hurt_is_named_and_repaired(
    lakehouse: Lakehouse, table: str, what: str, hurt: Hurt
) -> None:
    path = only(lakehouse, table, what)
    hurt(path)
    if (what, hurt) != ("*.parquet", garble):  # of the right size: who reads it finds out
        with pytest.raises(StorageDamagedError, match=f"table '{table}'.*{path.name}.*repair"):
            fresh(lakehouse).sink.maintain(lakehouse.run(), table)
        (found,) = [c for c in fresh(lakehouse).sink.check() if not c.ok]
        assert path.name in found.message
        assert f"lakefall repair PIPELINE {table}" in found.message
    before = files(lakehouse)
    looked = repair(lakehouse, table, dry=True)
    assert files(lakehouse) == before, "a dry run writes nothing"
    done = repair(lakehouse, table)
    assert looked == done
    assert before <= files(lakehouse), "nothing is deleted"
    load_again(lakehouse)
    whole(lakehouse)


def test_a_table_that_is_not_readable_stops_no_other(lakehouse: Lakehouse) -> None:
    other = source("other/a.csv")
    lakehouse.load(other, ID, "SELECT 1")
    cut(only(lakehouse, "orders", "*.metadata.json"))
    again = fresh(lakehouse)
    assert again.reasons(A, B, other) == ["load: its table is not readable"] * 2 + [
        "skip: unchanged"
    ]
    with pytest.raises(StorageDamagedError, match=r"'orders': .*metadata.json is not readable"):
        again.load(A, ID, "SELECT 1")
    again.load(source("other/b.csv"), ID, "SELECT 2")
    assert len(again.ask("SELECT id FROM other")) == 2


def test_only_the_files_that_are_lost_are_loaded_again(lakehouse: Lakehouse) -> None:
    remove(only(lakehouse, "orders", "*.parquet"))
    done = repair(lakehouse, "orders")
    assert (done.keys, done.rows, len(done.lost)) == ((B.key,), 3, 1)
    reason = "load: released: to be tried again"
    assert fresh(lakehouse).reasons(A, B) == ["skip: unchanged", reason]
    assert fresh(lakehouse).ask("SELECT DISTINCT _source_file FROM orders") == [(A.key,)]


def test_an_older_version_that_comes_back_with_the_metadata_is_loaded_anew(
    lakehouse: Lakehouse,
) -> None:
    """It has as many rows as the one that is lost."""
    lakehouse.load(CHANGED, ID, "SELECT i + 5 FROM range(3) r(i)")
    path = only(lakehouse, "orders", "*.metadata.json")
    cut(path)
    done = repair(lakehouse, "orders")
    assert done.keys == (A.key,)
    assert done.metadata.endswith(".metadata.json") and done.metadata != str(path)
    assert fresh(lakehouse).reasons(CHANGED, B) == [
        "load: released: to be tried again",
        "skip: unchanged",
    ]


def test_a_table_without_any_metadata_leaves_the_catalog_only_when_told_to(
    lakehouse: Lakehouse,
) -> None:
    for path in (lakehouse.folder / "wh/lakehouse/orders/metadata").glob("*.json"):
        garble(path)
    with pytest.raises(StorageDamagedError, match=r"lakefall repair PIPELINE orders --drop"):
        repair(lakehouse, "orders")
    before = files(lakehouse)
    done = repair(lakehouse, "orders", drop=True)
    assert (done.dropped, done.keys) == (True, (A.key, B.key))
    assert before <= files(lakehouse)
    assert fresh(lakehouse).reasons(A, B) == ["load: released: to be tried again"] * 2
    load_again(lakehouse)
    whole(lakehouse)


def test_what_comes_garbled_once_is_read_again(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyiceberg.manifest import ManifestFile

    true, asked = ManifestFile.fetch_manifest_entry, Counter[str]()

    def garbled(manifest: ManifestFile, *args: Any, **named: Any) -> Any:
        asked[manifest.manifest_path] += 1
        if asked[manifest.manifest_path] == 1:
            raise ValueError("No schema found in Avro file headers")
        found = true(manifest, *args, **named)
        return found[:-1] if asked[manifest.manifest_path] == 2 else found

    monkeypatch.setattr(damage, "_WAITS", (0.001, 0.001))
    monkeypatch.setattr(ManifestFile, "fetch_manifest_entry", garbled)
    assert fresh(lakehouse).sink.lake.manifests.files(lakehouse.sink.lake.find("orders"))
    assert set(asked.values()) == {3}, "a manifest that is cut between two entries, too"


def alter(lakehouse: Lakehouse, change: Callable[[Any], Any], table: str) -> None:
    found = lakehouse.sink.lake.find(table)
    assert found is not None
    with found.update_schema(allow_incompatible_changes=True) as update:
        change(update)


@pytest.mark.parametrize("table", ["_ingest_registry", "_ingest_rejects"])
def test_a_column_that_somebody_added_hinders_nothing(lakehouse: Lakehouse, table: str) -> None:
    from pyiceberg.types import StringType

    alter(lakehouse, lambda update: update.add_column("remark", StringType()), table)
    again = fresh(lakehouse)
    again.load(CHANGED, ID, "SELECT i FROM range(3) r(i)", rejects=[(3, "", "short", "x")])
    assert again.sink.release(again.run(), [B.key]) == 1
    assert again.ask(f"SELECT DISTINCT remark FROM {table}") == [(None,)]


@pytest.mark.parametrize("column", ["file_key", "status"])
def test_a_registry_whose_columns_are_not_ours_is_told_and_made_anew(
    lakehouse: Lakehouse, column: str
) -> None:
    alter(lakehouse, lambda update: update.rename_column(column, "mine"), "_ingest_registry")
    again = fresh(lakehouse)
    words = f"'_ingest_registry': .*json has no column '{column}'.*lakefall repair PIPELINE"
    for attempt in (lambda: again.reasons(A), lambda: again.load(CHANGED, ID, "SELECT 1")):
        with pytest.raises(StorageDamagedError, match=words):
            attempt()
    assert again.sink.rebuild_registry(again.run()) == 2
    load_again(lakehouse)
    assert fresh(lakehouse).reasons(A, B) == ["skip: unchanged"] * 2
