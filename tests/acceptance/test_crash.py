"""SIGKILL at every step boundary: old version or new, never neither; a repeat puts all right.

A listener counts the events of a run, by step and table, and kills the process at one of them; the
events of an undisturbed run are counted first, so that every one of them has its turn. Which of two
tables comes first is not told: one is loaded while the next is converted.
"""

from __future__ import annotations

import re
import shutil
import signal

import pytest

from .lakes import EmbeddedLake

KILLER = """
with (FOLDER / "events.log").open("a") as log:
    log.write(f"{event.name} {event.key or event.table}\\n")
at = FOLDER / "kill-at"
if at.exists():
    number, _, wanted = at.read_text().partition(" ")
    if step == wanted and SEEN.count(wanted) == int(number):
        os.kill(os.getpid(), signal.SIGKILL)
"""
GROUPS = 4
"""Every N-th event belongs to one test, so that workers share the time."""

V1 = {
    "t/a.csv": "id,name\n11,a1\n12\n13,a1\n" + "91,more\n" * 4,
    "t/b.csv": "id,name\n21,b1\n22,b1\n",
}
V2 = {
    "t/a.csv": "id,name,extra\n11,a2,x\n14,a2,y\n15\n16\n" + "91,more,z\n" * 4,
    "t/b.csv": "id,name\n21,b2\n",
    "u/c.csv": "id,name\n31,c1\n32\n" + "91,more\n" * 4,
}


STATE = {
    "t": "SELECT * EXCLUDE (_ingested_at) FROM lakehouse.t",
    "u": "SELECT * EXCLUDE (_ingested_at) FROM lakehouse.u",
    "_ingest_rejects": "SELECT file_key, etag, line, reason, text FROM lakehouse._ingest_rejects "
    "SEMI JOIN (SELECT file_key, max_by(etag, ingested_at) AS etag FROM "
    "lakehouse._ingest_registry WHERE status = 'success' GROUP BY file_key) USING (file_key, etag)",
    "_ingest_registry": "SELECT file_key, max_by((etag, status, row_count), ingested_at) "
    "FROM lakehouse._ingest_registry GROUP BY file_key",
}
"""What a reader can see: rows, rejects of the versions that the registry holds, and the
registry's latest word on each file."""
State = dict[str, list[str]]


def state(lake: EmbeddedLake) -> State:
    """Every row of ``STATE`` as text, by table; nothing for a table that does not exist."""
    there = [t for t in STATE if lake.exists(t)]
    if "_ingest_registry" not in there:
        there = [t for t in there if t != "_ingest_rejects"]
    if not there:
        return {}
    rows = lake.read(
        " UNION ALL ".join(f"SELECT '{t}' AS t, x::VARCHAR AS x FROM ({STATE[t]}) x" for t in there)
    )
    return {t: sorted(r["x"] for r in rows if r["t"] == t) for t in there}


def put(lake: EmbeddedLake, files: dict[str, str]) -> None:
    for key, data in files.items():
        lake.put(key, data)


class Replay:
    """A lake that can be set back to a moment before a run."""

    def __init__(self, lake: EmbeddedLake) -> None:
        self.lake = lake
        self.kept = lake.folder / "kept"
        self.parts = [lake.inbox, lake.lakehouse, lake.cache]

    def keep(self) -> None:
        for part in self.parts:
            if part.exists():
                shutil.copytree(part, self.kept / part.name)

    def restore(self) -> None:
        for part in self.parts:
            shutil.rmtree(part, ignore_errors=True)
            if (self.kept / part.name).exists():
                shutil.copytree(self.kept / part.name, part)

    def events(self) -> list[str]:
        """The events of one undisturbed run from the kept moment."""
        (self.lake.folder / "events.log").unlink(missing_ok=True)
        self.lake.run()
        return (self.lake.folder / "events.log").read_text().splitlines()

    def killed(self, step: str, number: int) -> None:
        """A run from the kept moment that dies when a step of a table comes the N-th time."""
        self.restore()
        at = self.lake.folder / "kill-at"
        at.write_text(f"{number} {step}")
        result = self.lake.start_run().wait()
        at.unlink()
        assert result.code == -signal.SIGKILL, result


def crash_everywhere(
    lake: EmbeddedLake, group: int, *, since: str = "", groups: int = GROUPS, kept: str = ""
) -> None:
    """Kill at each event of this group; each time: old or new, and right after a repeat.

    Of a step that every file of a table goes through, one file's events are enough.
    """
    replay = Replay(lake)
    replay.keep()
    old = state(lake)
    events = replay.events()
    new = state(lake)
    assert any(e.startswith("load.data_committed") for e in events)
    assert any(e.startswith("load.rejects_written") for e in events)
    assert any(e.startswith("record.registry_written") for e in events)
    steps = [(step, number) for step, number in chosen(events, since) if re.search(kept, step)]
    for step, number in steps[group::groups]:
        where = f"killed at {step}, the {number}. time"
        replay.killed(step, number)
        torn = state(lake)
        for table in ("t", "u"):
            assert torn.get(table) in (old.get(table), new.get(table)), where
        lake.start_run().wait()
        assert state(lake) == new, where
        assert_no_debris(lake, where)


def chosen(events: list[str], since: str) -> list[tuple[str, int]]:
    """Steps that differ in name or table, from one that starts so; which time they come then."""
    names = [event.partition("/")[0] for event in events]
    first = next(i for i, name in enumerate(names) if name.startswith(since))
    return [
        (name, names[: i + 1].count(name))
        for i, name in enumerate(names)
        if i >= first and name not in names[first:i]
    ]


def assert_no_debris(lake: EmbeddedLake, where: str) -> None:
    runs = lake.cache / "runs"
    assert not list(runs.glob("*")) if runs.exists() else True, where
    assert not list((lake.folder / "tmp").iterdir()), where


@pytest.mark.parametrize("group", range(GROUPS))
def test_crash_at_every_event_of_a_first_run(embedded: EmbeddedLake, group: int) -> None:
    """Before the first load is prepared, nothing is written but scratch."""
    put(embedded, {"t/a.csv": V1["t/a.csv"]})
    embedded.listen(KILLER)
    crash_everywhere(embedded, group, since="convert.finished")


@pytest.mark.parametrize("group", range(GROUPS))
def test_crash_at_every_event_of_a_replacing_run(embedded: EmbeddedLake, group: int) -> None:
    """Two files replaced together with a new column, and a table that is new."""
    put(embedded, V1)
    embedded.listen(KILLER)
    embedded.run()
    put(embedded, V2)
    crash_everywhere(embedded, group)


def test_crash_while_a_table_is_repaired(embedded: EmbeddedLake) -> None:
    """A reader sees the table with the old types or with the new ones."""
    embedded.put("t/a.csv", "id,price\n11,10\n12,20\n")
    embedded.listen(KILLER)
    embedded.run()
    embedded.put("t/b.csv", "id,price\n21,10.50\n22,9.99\n")
    crash_everywhere(embedded, 0, since="convert.finished", groups=1, kept="^(load|commit|record)")
    assert embedded.types("t")["price"] == "DOUBLE"


def test_crash_events_cover_every_step(embedded: EmbeddedLake) -> None:
    """The steps that a crash can fall between are all announced."""
    put(embedded, V1)
    embedded.listen(KILLER)
    embedded.run()
    seen = {line.split()[0] for line in (embedded.folder / "events.log").read_text().splitlines()}
    steps = ["discover", "pending", "fetch", "sniff", "open", "infer", "prepare", "convert", "load"]
    for step in [*steps, "register", "record"]:
        assert {f"{step}.started", f"{step}.finished"} <= seen, step
    assert {"load.rejects_written", "load.data_committed", "record.registry_written"} <= seen


def test_crash_leaves_scratch_that_the_next_run_removes(embedded: EmbeddedLake) -> None:
    embedded.put("t/a.csv", "id,name\n" + "11,x\n" * 10_000)
    embedded.listen(
        'if step == "load.started t" and (FOLDER / "kill").exists():\n'
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    (embedded.folder / "kill").touch()
    assert embedded.start_run().wait().code == -signal.SIGKILL
    (embedded.folder / "kill").unlink()
    embedded.run()
    assert_no_debris(embedded, "after a repeat")
