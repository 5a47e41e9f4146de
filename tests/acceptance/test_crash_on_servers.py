"""SIGKILL around the commits on real servers: old version or new; a repeat puts all right."""

from __future__ import annotations

import signal

from .server_lakes import ServerLake

KILLER = """
if event.name == {event!r} and (FOLDER / "kill").exists():
    (FOLDER / "kill").unlink()
    os.kill(os.getpid(), signal.SIGKILL)
"""
EVENTS = [
    "convert.finished",
    "load.started",
    "load.rejects_written",
    "load.data_committed",
    "record.registry_written",
]
OLD, NEW = "id,name\n11,a1\n12\n13,a1\n14,a1\n", "id,name,extra\n11,a2,x\n15,a2,y\n16\n"


def test_crash_leaves_the_old_rows_or_the_new(server_lake: ServerLake) -> None:
    """A table for each event; each is killed at its own, and repeated, while the others rest."""
    lake = server_lake
    tables = {f"t{number}": event for number, event in enumerate(EVENTS)}
    for table in tables:
        lake.put(f"{table}/a.csv", OLD)
    lake.run()
    new = [["11", "a2", "x"], ["15", "a2", "y"]]
    for table, event in tables.items():
        old = lake.rows(table)
        lake.listen(KILLER.format(event=event))
        lake.put(f"{table}/a.csv", NEW)
        (lake.folder / "kill").touch()
        assert lake.start_run().wait().code == -signal.SIGKILL, event
        # A column may have been added already where adding it is a statement of its own.
        there = [row[:2] for row in lake.rows(table)]
        assert there in ([r[:2] for r in old], [r[:2] for r in new]), event
        lake.start_run().wait()
        assert lake.rows(table) == new, event
    rejects = sorted((r["table"], r["line"], r["text"].rstrip()) for r in lake.rejects())
    assert rejects == [(table, 4, "16") for table in tables]
    assert lake.run().statuses() == {f"{table}/a.csv": "unchanged" for table in tables}
    assert lake.tables() == {*tables, "_ingest_registry", "_ingest_rejects"}


def test_crash_of_the_first_load_leaves_no_half_table(server_lake: ServerLake) -> None:
    lake = server_lake
    lake.listen(KILLER.format(event="load.data_committed"))
    lake.put("t/a.csv", OLD)
    (lake.folder / "kill").touch()
    assert lake.start_run().wait().code == -signal.SIGKILL
    assert lake.row_counts("t") == {"t/a.csv": 3}
    assert lake.start_run().wait().code == 0
    assert lake.row_counts("t") == {"t/a.csv": 3}
    assert lake.run().statuses() == {"t/a.csv": "unchanged"}
