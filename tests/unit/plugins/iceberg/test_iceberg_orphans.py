"""Manifests and metadata files that nothing names go; those that something names, or may, stay."""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from iceberg_support import Lakehouse, source
from maintenance_support import EAGER, maintain, named, rows, stored, table

from lakefall_plugins.sinks.iceberg import commit
from lakefall_plugins.sinks.iceberg.maintenance import orphans

FILE = source("orders/a.csv", "e1")
CHANGED = source("orders/a.csv", "e2", minute=1)
DAYS = {**EAGER, "grace": "1d"}


def load(lakehouse: Lakehouse, file: Any) -> None:
    lakehouse.load(file, [("id", "INTEGER")], "SELECT 1 FROM range(2)")


class DiedError(BaseException):
    """The process is gone."""


def die(lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """A load dies inside the catalog: before its metadata file is written, or after it."""
    from pyiceberg.catalog.sql import SqlCatalog

    def killed(*_: Any, **__: Any) -> None:
        raise DiedError

    catalog = lakehouse.sink.lake.catalog
    with monkeypatch.context() as patch:
        if where == "before":
            patch.setattr(SqlCatalog, "commit_table", killed)
        else:
            write = SqlCatalog._write_metadata

            def written(*given: Any, **more: Any) -> None:
                write(*given, **more)
                raise DiedError

            patch.setattr(SqlCatalog, "_write_metadata", staticmethod(written))
        # A dead process removes nothing.
        patch.setattr(commit, "abandon", lambda _: None)
        with pytest.raises(DiedError):
            load(lakehouse, CHANGED)
    assert catalog is lakehouse.sink.lake.catalog


def metadata_files(lakehouse: Lakehouse) -> set[str]:
    folder = Path(table(lakehouse).location().removeprefix("file://")) / "metadata"
    return {str(path) for path in folder.iterdir()}


def known(lakehouse: Lakehouse) -> set[str]:
    """What the table names of its metadata folder."""
    found = table(lakehouse)
    log = {entry.metadata_file for entry in found.metadata.metadata_log}
    return {p for p in named(lakehouse) if "/metadata/" in p} | log | {found.metadata_location}


@pytest.mark.parametrize("where", ["before", "after"])
def test_what_a_dead_load_wrote_goes_after_the_grace(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    load(lakehouse, FILE)
    die(lakehouse, monkeypatch, where)
    orphaned = metadata_files(lakehouse) - known(lakehouse)
    assert len([p for p in orphaned if p.endswith(".avro")]) >= 2
    assert any(p.endswith(".json") for p in orphaned) == (where == "after")
    maintain(lakehouse, **DAYS)
    assert orphaned <= metadata_files(lakehouse), "it is too young"
    foreseen = maintain(lakehouse, dry_run=True, **EAGER).files_removed
    done = maintain(lakehouse, **EAGER)
    assert foreseen == len(orphaned) and (done.files_removed or 0) >= len(orphaned)
    assert metadata_files(lakehouse) == known(lakehouse)
    assert stored(lakehouse) == named(lakehouse)
    assert rows(lakehouse).total() == 2


def test_nothing_goes_while_a_load_of_this_host_is_under_way(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(lakehouse, FILE)
    die(lakehouse, monkeypatch, "before")
    before = metadata_files(lakehouse)
    with commit.journal(lakehouse.sink.lake.local):
        maintain(lakehouse, **EAGER)
    assert before <= metadata_files(lakehouse)


def test_files_of_other_names_are_nobodys_to_remove(lakehouse: Lakehouse) -> None:
    load(lakehouse, FILE)
    folder = Path(table(lakehouse).location().removeprefix("file://")) / "metadata"
    for name in (
        "notes.txt",
        f"{uuid.uuid4()}.stats",
        "version-hint.text",
        "00000-x.metadata.json",
    ):
        (folder / name).write_text("x")
    maintain(lakehouse, **EAGER)
    assert len(metadata_files(lakehouse) - known(lakehouse)) == 4


def test_a_table_that_was_here_before_keeps_its_metadata(lakehouse: Lakehouse) -> None:
    """Dropped by mistake, it can still be registered again."""
    load(lakehouse, FILE)
    old = table(lakehouse)
    lakehouse.sink.lake.drop("orders")
    load(lakehouse, source("orders/b.csv", "e3"))
    (left,) = maintain(lakehouse, **EAGER).left
    assert "a table that was here before" in left
    again = old.catalog.register_table(("lakehouse", "again"), old.metadata_location)
    assert len(again.scan().to_arrow()) == 2


def test_with_a_server_metadata_files_are_the_servers_and_all_get_their_time(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(lakehouse, FILE)
    die(lakehouse, monkeypatch, "after")
    orphaned = metadata_files(lakehouse) - known(lakehouse)
    lake = lakehouse.sink.lake
    monkeypatch.setattr(type(lake.home), "settles", 600.0)
    assert orphans.find(lake, "orders", 0.0).paths == ()
    for path in orphaned:
        os.utime(path, (time.time() - 700, time.time() - 700))
    found = set(orphans.find(lake, "orders", 0.0).paths)
    assert found == {p for p in orphaned if p.endswith(".avro")}
