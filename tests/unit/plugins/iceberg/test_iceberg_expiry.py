"""Which snapshots expire, what nobody names then, and what is still known afterwards."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from iceberg_support import Lakehouse, convert, schema, source
from maintenance_support import (
    EAGER,
    data_files,
    delete_positions,
    keys_of,
    maintain,
    named,
    named_by,
    rows,
    stored,
    table,
)

from lakefall.contract.values import Status
from lakefall_plugins.sinks.iceberg import metadata
from lakefall_plugins.sinks.iceberg.maintenance.expiry import Rule, expired, files_of
from lakefall_plugins.sinks.lake import names, versions

ID = [("id", "INTEGER")]
FILE = source("orders/a.csv")
CHANGED = source("orders/a.csv", "e2", minute=1)
DAY = 86_400.0


def load(lakehouse: Lakehouse, *files: Any, **more: Any) -> None:
    for file in files:
        lakehouse.load(file, ID, "SELECT 1 FROM range(2)", **more)


def history(lakehouse: Lakehouse, number: int) -> None:
    """So many snapshots of table ``orders``."""
    for i in range(number):
        load(lakehouse, source("orders/a.csv", f"e{i}", minute=i))


# --- which snapshots ---


def aged(metadata: Any, days: Sequence[float]) -> tuple[Any, int]:
    """The metadata with snapshots that many days old, and the present in milliseconds."""
    now = 1_000 * int(DAY * 1_000)
    found = [
        s.model_copy(update={"timestamp_ms": now - int(d * DAY * 1000)})
        for s, d in zip(metadata.snapshots, days, strict=True)
    ]
    return metadata.model_copy(update={"snapshots": found}), now


def left(lakehouse: Lakehouse, days: Sequence[float], rule: Rule) -> list[int]:
    """Positions of the snapshots that stay, from the oldest at 0."""
    metadata, now = aged(table(lakehouse).metadata, days)
    gone = {s.snapshot_id for s in expired(metadata, rule, now)}
    return [i for i, s in enumerate(metadata.snapshots) if s.snapshot_id not in gone]


def test_age_counts_from_when_another_snapshot_came(lakehouse: Lakehouse) -> None:
    history(lakehouse, 4)
    # The third is 20 days old, but was current until 6 days ago.
    assert left(lakehouse, [40, 30, 20, 6], Rule(7 * DAY, 1)) == [2, 3]
    assert left(lakehouse, [40, 30, 20, 8], Rule(7 * DAY, 1)) == [3]
    assert left(lakehouse, [40, 30, 20, 8], Rule(9 * DAY, 1)) == [2, 3]


def test_the_latest_ones_stay_with_the_one_that_comes(lakehouse: Lakehouse) -> None:
    history(lakehouse, 4)
    assert left(lakehouse, [40, 30, 20, 10], Rule(0, 4)) == [1, 2, 3]
    assert left(lakehouse, [40, 30, 20, 10], Rule(0, 1)) == []
    assert left(lakehouse, [40, 30, 20, 10], Rule(DAY, 1)) == [3], "it is current until now"


def test_tags_and_branches_are_kept(lakehouse: Lakehouse) -> None:
    history(lakehouse, 6)
    ids = [s.snapshot_id for s in table(lakehouse).metadata.snapshots]
    table(lakehouse).manage_snapshots().create_tag(ids[1], "audit").commit()
    assert left(lakehouse, [60, 50, 40, 30, 20, 10], Rule(0, 2)) == [1, 5]
    table(lakehouse).manage_snapshots().create_branch(ids[3], "b").commit()
    assert left(lakehouse, [60, 50, 40, 30, 20, 10], Rule(0, 2)) == [1, 2, 3, 5]
    table(lakehouse).manage_snapshots().remove_branch("b").commit()
    branch = table(lakehouse).manage_snapshots()
    branch.create_branch(ids[3], "b", max_snapshot_age_ms=int(55 * DAY * 1000)).commit()
    assert left(lakehouse, [60, 50, 40, 30, 20, 10], Rule(0, 1)) == [0, 1, 2, 3]


def test_a_snapshot_that_was_rolled_back_goes_when_it_is_old(lakehouse: Lakehouse) -> None:
    history(lakehouse, 3)
    ids = [s.snapshot_id for s in table(lakehouse).metadata.snapshots]
    table(lakehouse).manage_snapshots().rollback_to_snapshot(ids[1]).commit()
    assert left(lakehouse, [40, 30, 6], Rule(7 * DAY, 9)) == [0, 1, 2]
    assert left(lakehouse, [40, 30, 8], Rule(7 * DAY, 9)) == [0, 1]


# --- which files ---


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_only_what_nobody_else_names_goes(lakehouse: Lakehouse, seed: int) -> None:
    """Any history, any choice of snapshots: the same files as reading everything gives."""
    dice = random.Random(seed)
    for step in range(14):
        chosen = dice.choice(["load", "load", "load", "maintain", "delete", "tag", "forget"])
        file = source(f"orders/{dice.randrange(4)}.csv", f"e{step}", minute=step)
        if chosen == "load" or step < 3:
            load(lakehouse, file)
        elif chosen == "maintain":
            options = {"keep_snapshots_for": 0, "keep_snapshots": dice.randrange(3, 9)}
            maintain(lakehouse, **options)
        elif chosen == "delete":
            paths = [f.file_path for f in data_files(lakehouse)]
            if paths:
                delete_positions(lakehouse, {dice.choice(paths): [0]})
        elif chosen == "forget":
            lakehouse.sink.forget(lakehouse.run(), [file.key])
        else:
            ids = [s.snapshot_id for s in table(lakehouse).metadata.snapshots]
            tag = table(lakehouse).manage_snapshots().create_tag(dice.choice(ids), f"t{step}")
            tag.commit()
    found = table(lakehouse)
    everything = list(found.metadata.snapshots)
    kept = {ref.snapshot_id for ref in found.metadata.refs.values()}
    for _ in range(6):
        gone = [s for s in everything if s.snapshot_id not in kept and dice.random() < 0.6]
        left = [s for s in everything if s not in gone]
        expected = named_by(found, gone) - named_by(found, left)
        assert files_of(found, gone) == expected


@pytest.mark.slow
def test_nothing_is_left_behind_and_nothing_missing(lakehouse: Lakehouse) -> None:
    history(lakehouse, 5)
    load(lakehouse, source("orders/b.csv"), source("orders/c.csv"))
    before = rows(lakehouse)
    done = maintain(lakehouse, **EAGER)
    assert (done.snapshots_expired, done.left) == (7, ())
    assert stored(lakehouse) == named(lakehouse)
    assert len(stored(lakehouse)) == 3, "a data file, a manifest, a manifest list"
    assert rows(lakehouse) == before


def test_a_tagged_snapshot_can_still_be_read(lakehouse: Lakehouse) -> None:
    history(lakehouse, 3)
    old = table(lakehouse).current_snapshot()
    table(lakehouse).manage_snapshots().create_tag(old.snapshot_id, "audit").commit()
    load(lakehouse, source("orders/a.csv", "e9", minute=9), source("orders/b.csv"))
    maintain(lakehouse, **EAGER)
    found = table(lakehouse)
    assert found.scan(snapshot_id=old.snapshot_id).to_arrow().num_rows == 2
    assert stored(lakehouse) == named(lakehouse)


def test_files_stay_for_the_grace_period(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    history(lakehouse, 6)
    held = table(lakehouse)
    options = {**EAGER, "grace": "1h"}
    done = maintain(lakehouse, **options)
    assert (done.snapshots_expired, done.files_removed) == (6, 0)
    assert "files that only expired snapshots named: maintenance after" in done.left[0]
    for snapshot in held.metadata.snapshots:
        assert held.scan(snapshot_id=snapshot.snapshot_id).to_arrow().num_rows == 2
    assert maintain(lakehouse, **options).files_removed == 0
    later(monkeypatch, 3601)
    would = maintain(lakehouse, dry_run=True, **options)
    done = maintain(lakehouse, **options)
    assert would == done
    assert done.files_removed > 12
    assert stored(lakehouse) - named(lakehouse) == set()
    assert maintain(lakehouse, **options).files_removed == 0


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """What maintenance takes for the present."""
    from datetime import timedelta

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) + timedelta(seconds=seconds)

    monkeypatch.setattr("lakefall_plugins.sinks.iceberg.maintenance.maintain.datetime", Later)


@pytest.mark.slow
def test_files_that_wait_are_not_forgotten_when_their_snapshot_expires(
    lakehouse: Lakehouse,
) -> None:
    options = {**EAGER, "grace": "1h"}
    for round_ in range(3):
        history(lakehouse, 3 + round_)
        maintain(lakehouse, **options)
    assert stored(lakehouse) - named(lakehouse)
    load(lakehouse, source("orders/z.csv"))
    maintain(lakehouse, **EAGER)
    assert stored(lakehouse) == named(lakehouse)


# --- what is still known ---


@pytest.mark.slow
@pytest.mark.parametrize("limit", [16_000, 10])
def test_rebuild_after_an_expiry_loads_nothing_again(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """ETags of files that have rows, or never had any, outlive their snapshots, twice."""
    monkeypatch.setattr(versions, "MAX_PROPERTY", limit)
    empty = source("orders/empty.csv")
    load(lakehouse, FILE, CHANGED, source("orders/b.csv"))
    lakehouse.load(empty, ID, "SELECT 1 WHERE false")
    lakehouse.sink.forget(lakehouse.run(), ["orders/b.csv"])
    before = {(e.key, e.etag, e.row_count) for e in lakehouse.sink.history()}
    for turn in range(2):
        maintain(lakehouse, **EAGER)
        assert len(table(lakehouse).metadata.snapshots) == 1
        kept = {v.key: v for v in metadata.versions(table(lakehouse))}
        assert set(kept) == {FILE.key, empty.key} | ({"orders/z.csv"} if turn else set())
        lakehouse.sink.lake.catalog.drop_table("lakehouse._ingest_registry")
        lakehouse.sink.rebuild_registry(lakehouse.run())
        known = {(e.key, e.etag, e.row_count) for e in lakehouse.sink.history()}
        assert known == before
        assert lakehouse.reasons(CHANGED, empty) == ["skip: unchanged", "skip: unchanged"]
        assert stored(lakehouse) == named(lakehouse)
        load(lakehouse, source("orders/z.csv"))
        before.add(("orders/z.csv", "e1", 2))


def test_what_is_kept_has_its_own_time_and_run(lakehouse: Lakehouse) -> None:
    load(lakehouse, FILE, run=lakehouse.run("run-1"))
    (before,) = metadata.versions(table(lakehouse))
    load(lakehouse, source("orders/b.csv"), run=lakehouse.run("run-2"))
    for _ in range(2):
        maintain(lakehouse, **EAGER)
        after = {v.key: v for v in metadata.versions(table(lakehouse))}
        assert after[FILE.key] == before
        assert after["orders/b.csv"].run_id == "run-2"
        load(lakehouse, source("orders/c.csv"), source("orders/d.csv"))


def test_content_that_returns_is_seen_though_the_snapshot_between_expired(
    lakehouse: Lakehouse,
) -> None:
    """The process that loaded the version between died before it wrote the registry."""
    back = source("orders/a.csv", "e1", minute=2)
    load(lakehouse, source("orders/b.csv"), FILE)
    load(lakehouse, CHANGED, record=False)
    maintain(lakehouse, **EAGER)
    assert lakehouse.reasons(back, source("orders/b.csv")) == [
        "load: another version was loaded, not recorded",
        "skip: unchanged",
    ]


def test_the_carrier_of_an_older_version_gives_up_after_an_expiry(lakehouse: Lakehouse) -> None:
    load(lakehouse, source("orders/z.csv"))
    run = lakehouse.run("slow")
    plan = lakehouse.sink.prepare(run, "orders", schema(*ID), rebuild=False)
    files = [convert(run, plan, FILE, "SELECT 1")]
    load(lakehouse, CHANGED, record=False)
    maintain(lakehouse, **EAGER)
    loaded = lakehouse.sink.load(run, plan, files)
    assert loaded.outcomes[0].status is Status.SUPERSEDED
    assert lakehouse.ask("SELECT count(*) FROM orders") == [(4,)]


def test_a_maintenance_that_is_newer_than_a_run_supersedes_nothing(lakehouse: Lakehouse) -> None:
    load(lakehouse, source("orders/z.csv"), CHANGED)
    run = lakehouse.run("slow")
    plan = lakehouse.sink.prepare(run, "orders", schema(*ID), rebuild=False)
    files = [convert(run, plan, source("orders/a.csv", "e3"), "SELECT 1")]
    maintain(lakehouse, **EAGER)
    loaded = lakehouse.sink.load(run, plan, files)
    assert loaded.outcomes[0].status is Status.SUCCESS, "what it keeps was there when it began"


def test_own_tables_keep_nothing_of_files(lakehouse: Lakehouse) -> None:
    history(lakehouse, 3)
    maintain(lakehouse, "_ingest_registry", **EAGER)
    summary = table(lakehouse, "_ingest_registry").current_snapshot().summary
    assert (summary[names.KEPT], summary[names.KEPT_LOCATION]) == (None, None)


def test_objects_of_maintenance_are_no_leftovers(lakehouse: Lakehouse) -> None:
    """A load that died leaves a journal; what snapshots name stays when it is swept."""
    from lakefall_plugins.sinks.iceberg.commit import sweep

    history(lakehouse, 4)
    maintain(lakehouse, **{**EAGER, "grace": "1h"})
    objects = {p for p in named(lakehouse) if p.endswith(".json")}
    assert objects
    leftover = lakehouse.sink.lake.local / "0.json"
    lines = ['{"namespace": "lakehouse", "table": "orders"}', *(f'"{p}"' for p in objects)]
    leftover.write_text("\n".join(lines) + "\n")
    assert sweep(lakehouse.sink.lake) == 0
    assert objects <= stored(lakehouse)
    assert keys_of(data_files(lakehouse)[0]) == ["orders/a.csv"] * 2
