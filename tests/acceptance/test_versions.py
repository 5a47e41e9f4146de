"""A file's versions over time, and what is kept about them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from .lakes import EmbeddedLake, Lake, wait_for

A = "id,name\n11,a\n12,a\n"
B = "id,name\n11,b\n13,b\n14,b\n"
MORE = "".join(f"{i},more\n" for i in range(91, 97))
"""Records enough that one or two ragged ones are exceptions, not the rule."""


def test_versions_a_b_a_ends_as_a(lake: Lake) -> None:
    for content in (A, B, A):
        lake.put("t/a.csv", content)
        assert lake.run().of("t/a.csv")["status"] == "success"
    assert lake.rows("t", "id") == [["11", "a"], ["12", "a"]]
    rows = lake.registry("t/a.csv")
    assert [r["row_count"] for r in rows] == [2, 3, 2]
    assert rows[0]["etag"] == rows[2]["etag"] != rows[1]["etag"]
    assert lake.run().statuses() == {"t/a.csv": "unchanged"}


CLOCK = """
import os
from datetime import UTC, datetime, timedelta

import time_machine

ahead = timedelta(seconds=int(os.environ["CLOCK_AHEAD"]))
if ahead:
    time_machine.travel(datetime.now(UTC) + ahead, tick=True).start()
"""
"""A plugin file that sets the clock of its process, as if it ran on another host."""


def told_by(lake: Lake, clocks: Iterable[tuple[str, int]], put: Callable[[str], None]) -> None:
    """Each content, loaded by a host whose clock is so many seconds ahead, ends in the table."""
    lake.listen("pass")
    listener = lake.folder / "listener.py"
    listener.write_text(CLOCK + listener.read_text())
    for content, ahead in clocks:
        put(content)
        ran = lake.run(env={"CLOCK_AHEAD": str(ahead)})
        assert ran.statuses() == {"t/a.csv": "success"}, (content, ahead)
        assert lake.column("t", "name") == [c.partition(",")[2] for c in content.split()[1:]]
        known = lake.registry("t/a.csv")
        assert known[-1]["row_count"] == len(content.split()) - 1
        again = lake.run(env={"CLOCK_AHEAD": str(-ahead)})
        assert again.statuses() == {"t/a.csv": "unchanged"}


def test_versions_a_b_a_ends_as_a_whatever_the_clocks_say(lake: Lake) -> None:
    """Five minutes: with more a store refuses the signature of a request."""
    told_by(
        lake,
        ((A, 300), (B, 0), (A, 0), (B, -300), (A, -200), (B, 5), (A, 0)),
        lambda content: lake.put("t/a.csv", content),
    )


def test_versions_of_a_restored_file_do_not_depend_on_clocks(embedded: EmbeddedLake) -> None:
    """With its old times, and hosts that are hours apart."""
    times = {A: 1_600_000_000, B: 1_700_000_000}

    def put(content: str) -> None:
        embedded.put("t/a.csv", content)
        os.utime(embedded.path("t/a.csv"), (times[content], times[content]))

    clocks = ((A, 3600), (B, 0), (A, 0), (B, -3600), (A, 7200), (B, 3600), (A, 0))
    told_by(embedded, clocks, put)


def test_versions_a_worker_that_carries_the_older_one_gives_up(embedded: EmbeddedLake) -> None:
    """A is read and converted; before its commit another run commits B."""
    embedded.listen(
        'if event.name == "load.started" and not (FOLDER / "held").exists():\n'
        '    (FOLDER / "held").touch()\n'
        "    end = time.monotonic() + 60\n"
        '    while not (FOLDER / "go").exists() and time.monotonic() < end:\n'
        "        time.sleep(0.01)"
    )
    embedded.put("t/a.csv", A)
    slow = embedded.start_run()
    wait_for(embedded.folder / "held")
    embedded.put("t/a.csv", B)
    assert embedded.run().of("t/a.csv")["status"] == "success"
    (embedded.folder / "go").touch()
    outcome = embedded.judged(slow.wait()).of("t/a.csv")
    assert outcome["status"] == "superseded"
    assert embedded.rows("t", "id") == [["11", "b"], ["13", "b"], ["14", "b"]]
    assert embedded.registry("t/a.csv")[-1]["row_count"] == 3
    assert embedded.run().statuses() == {"t/a.csv": "unchanged"}


def test_versions_a_restored_file_with_an_old_time_is_loaded(embedded: EmbeddedLake) -> None:
    """A backup put back with its old times is the current content; nobody committed past it."""
    embedded.put("t/a.csv", A)
    embedded.run()
    embedded.put("t/a.csv", B)
    os.utime(embedded.path("t/a.csv"), (1_600_000_000, 1_600_000_000))
    assert embedded.run().of("t/a.csv")["status"] == "success"
    assert embedded.rows("t", "id") == [["11", "b"], ["13", "b"], ["14", "b"]]


def test_versions_superseded_spares_the_other_files_of_the_commit(embedded: EmbeddedLake) -> None:
    embedded.listen(
        'if event.name == "load.started" and not (FOLDER / "held").exists():\n'
        '    (FOLDER / "held").touch()\n'
        "    end = time.monotonic() + 60\n"
        '    while not (FOLDER / "go").exists() and time.monotonic() < end:\n'
        "        time.sleep(0.01)"
    )
    embedded.put("t/a.csv", A)
    embedded.put("t/other.csv", "id,name\n21,o\n")
    slow = embedded.start_run()
    wait_for(embedded.folder / "held")
    embedded.put("t/a.csv", B)
    embedded.run("--file", "t/a.csv")
    (embedded.folder / "go").touch()
    run = embedded.judged(slow.wait())
    assert run.statuses() == {"t/a.csv": "superseded", "t/other.csv": "success"}
    assert embedded.row_counts("t") == {"t/a.csv": 3, "t/other.csv": 1}


def test_versions_a_dropped_table_is_loaded_again(lake: Lake) -> None:
    lake.put("t/a.csv", A)
    lake.put("t/b.csv", "id,name\n21,x\n")
    lake.put("u/c.csv", "id,name\n31,x\n")
    lake.run()
    lake.drop("t")
    assert lake.run().statuses() == {
        "t/a.csv": "success",
        "t/b.csv": "success",
        "u/c.csv": "unchanged",
    }
    assert lake.column("t", "id") == ["11", "12", "21"]


def test_versions_rejects_of_replaced_versions_are_gone(lake: Lake) -> None:
    lake.put("t/a.csv", "id,name\n11,a\n12\n13,b\n14\n" + MORE)
    lake.put("t/b.csv", "id,name\n21,a\n22\n" + MORE)
    lake.run()
    assert [(r["key"], r["line"]) for r in lake.rejects()] == [
        ("t/a.csv", 3),
        ("t/a.csv", 5),
        ("t/b.csv", 3),
    ]
    lake.put("t/a.csv", "id,name\n11,a\n12,x\n13\n" + MORE)
    lake.run()
    assert [(r["key"], r["line"]) for r in lake.rejects()] == [("t/a.csv", 4), ("t/b.csv", 3)]
    lake.put("t/a.csv", A)
    lake.run()
    assert [(r["key"], r["line"]) for r in lake.rejects()] == [("t/b.csv", 3)]
    assert lake.query("SELECT count(*) AS n FROM lakehouse._ingest_rejects") == [{"n": 1}]


def test_versions_a_failed_new_version_leaves_the_old_rows_and_their_rejects(lake: Lake) -> None:
    lake.put("t/a.csv", "id,name\n11,a\n12\n" + MORE)
    lake.run()
    lake.put("t/a.csv", b"")
    assert lake.run(ok=False).of("t/a.csv")["status"] == "failed"
    assert lake.row_counts("t") == {"t/a.csv": 7}
    assert [r["line"] for r in lake.rejects()] == [3]
    lake.put("t/a.csv", "id,name\n11,a\n12\n" + MORE)
    lake.run(ok=False)
    assert lake.row_counts("t") == {"t/a.csv": 7}
    assert [r["line"] for r in lake.rejects()] == [3]


def test_versions_files_of_one_table_are_committed_together(lake: Lake) -> None:
    for number in range(11, 16):
        lake.put(f"t/f{number}.csv", f"id,name\n{number},x\n")
    ran = lake.run()
    assert len(lake.snapshots("t")) == 1, ran.stderr
    assert lake.column("t", "id") == ["11", "12", "13", "14", "15"]


def test_versions_replacing_two_files_keeps_the_third(lake: Lake) -> None:
    for name, number in (("a", 11), ("b", 12), ("c", 13)):
        lake.put(f"t/{name}.csv", f"id,name\n{number},old\n")
    lake.run()
    lake.put("t/a.csv", "id,name\n21,new\n22,new\n")
    lake.put("t/c.csv", "id,name\n23,new\n")
    run = lake.run()
    assert [run.of(f"t/{k}.csv")["rows_deleted"] for k in "ac"] == [1, 1]
    assert lake.rows("t", "id") == [["12", "old"], ["21", "new"], ["22", "new"], ["23", "new"]]


def test_versions_a_deleted_file_keeps_its_rows(lake: Lake) -> None:
    """``on_source_deleted: keep``, the specification's "Remove data"."""
    lake.put("t/a.csv", A)
    lake.put("t/b.csv", "id,name\n21,x\n")
    lake.run()
    lake.delete("t/a.csv")
    assert lake.run().statuses() == {"t/b.csv": "unchanged"}
    assert lake.column("t", "id") == ["11", "12", "21"]


def test_versions_forget_deletes_a_files_rows_and_what_is_known_of_it(lake: Lake) -> None:
    lake.put("t/a.csv", "id,name\n11,a\n12\n" + MORE)
    lake.put("t/b.csv", "id,name\n21,x\n")
    lake.run()
    lake.delete("t/a.csv")
    assert lake.cli("forget", lake.pipeline, "t/a.csv").code == 0
    assert lake.row_counts("t") == {"t/b.csv": 1}
    assert lake.rejects() == []
    assert lake.run().statuses() == {"t/b.csv": "unchanged"}


def test_versions_forget_makes_a_file_that_is_still_there_pending(lake: Lake) -> None:
    lake.put("t/a.csv", A)
    lake.run()
    lake.cli("forget", lake.pipeline, "t/a.csv")
    assert lake.run().of("t/a.csv")["status"] == "success"
    assert lake.row_counts("t") == {"t/a.csv": 2}


def test_versions_retry_tries_a_permanent_failure_again(lake: Lake) -> None:
    lake.put("t/a.csv", b"")
    lake.run(ok=False)
    assert lake.run().of("t/a.csv")["status"] == "skipped"
    assert lake.cli("retry", lake.pipeline, "t/a.csv").code == 1
    assert [r["status"] for r in lake.registry("t/a.csv")] == ["failed", "failed"]
    assert lake.run().of("t/a.csv")["status"] == "skipped"


def test_versions_registry_rebuild_restores_what_is_in_the_tables(lake: Lake) -> None:
    lake.put("t/a.csv", A)
    lake.put("t/b.csv", "id,name\n21,x\n")
    lake.put("u/c.csv", "id,name\n31,x\n")
    lake.run()
    before = {r["file_key"]: (r["etag"], r["row_count"]) for r in lake.registry()}
    lake.drop("_ingest_registry")
    assert lake.cli("registry", "rebuild", lake.pipeline).code == 0
    assert {r["file_key"]: (r["etag"], r["row_count"]) for r in lake.registry()} == before
    assert set(lake.run().statuses().values()) == {"unchanged"}


def test_versions_registry_rebuild_works_after_snapshots_were_expired(
    embedded: EmbeddedLake,
) -> None:
    """Which ETag is in the table may be unknown then; such a file is loaded again, never lost."""
    embedded.put("t/a.csv", A)
    embedded.run()
    for number in range(21, 24):
        embedded.put("t/b.csv", f"id,name\n{number},x\n")
        embedded.run()
    embedded.expire("t")
    embedded.drop("_ingest_registry")
    assert embedded.cli("registry", "rebuild", embedded.pipeline).code == 0
    assert {r["file_key"] for r in embedded.registry()} == {"t/a.csv", "t/b.csv"}
    assert set(embedded.run().statuses().values()) <= {"success", "unchanged"}
    assert embedded.column("t", "id") == ["11", "12", "23"]
    assert set(embedded.run().statuses().values()) == {"unchanged"}


def test_versions_a_lost_registry_never_doubles_rows(lake: Lake) -> None:
    """Without a registry every file is pending; each replaces itself."""
    lake.put("t/a.csv", "id,name\n11,a\n12\n" + MORE)
    lake.run()
    lake.drop("_ingest_registry")
    assert lake.run().of("t/a.csv")["status"] == "success"
    assert lake.row_counts("t") == {"t/a.csv": 7}
    assert len(lake.rejects()) == 1


def test_versions_rebuild_is_the_way_out_of_a_wrong_type(lake: Lake) -> None:
    """The first file made the column INTEGER, by the letter; over all files it is text."""
    lake.configure(sink={"on_type_conflict": "null"})
    lake.put("t/a.csv", "id,v\n11,5\n12,6\n")
    lake.run()
    lake.put("t/b.csv", "id,v\n21,abc\n22,def\n")
    assert lake.run().of("t/b.csv")["cells_nulled"] == 2
    dry = lake.cli("rebuild", lake.pipeline, "t", "--dry-run")
    assert dry.code == 0 and "VARCHAR" in dry.output
    assert lake.types("t")["v"] == "INTEGER"
    done = lake.cli("rebuild", lake.pipeline, "t")
    assert done.code == 0, done.stderr
    assert lake.types("t") == {"id": "INTEGER", "v": "VARCHAR"}
    assert lake.column("t", "v") == ["5", "6", "abc", "def"]
    assert lake.rejects() == []
    assert set(lake.run().statuses().values()) == {"unchanged"}


def test_versions_a_dry_run_changes_nothing(lake: Lake) -> None:
    lake.put("t/a.csv", A)
    run = lake.run("--dry-run")
    assert run.of("t/a.csv")["status"] == "skipped"
    assert not lake.exists("t") and lake.registry() == []
    assert lake.run().of("t/a.csv")["status"] == "success"


def test_versions_run_filters_by_table_and_file(lake: Lake) -> None:
    for key in ("t/a.csv", "t/b.csv", "u/c.csv"):
        lake.put(key, A)
    assert list(lake.run("--table", "u").statuses()) == ["u/c.csv"]
    assert list(lake.run("--file", "t/b.csv").statuses()) == ["t/b.csv"]
    assert lake.row_counts("t") == {"t/b.csv": 2}
