"""Ctrl-C: stops within 5 s, states what was and was not done, exit code 130."""

from __future__ import annotations

import signal
import time

import pytest

from .lakes import EmbeddedLake, Result, wait_for

PROMISED = 5.0
"""Seconds: the promise itself is a time."""


def interrupted(lake: EmbeddedLake, *args: str, json: bool = True) -> Result:
    """A run that gets SIGINT as soon as its listener has made the file ``reached``."""
    running = lake.start_run(*args) if json else lake.start("run", lake.pipeline, *args)
    wait_for(lake.folder / "reached")
    running.send(signal.SIGINT)
    began = time.monotonic()
    result = running.wait(60)
    assert time.monotonic() - began < PROMISED
    assert result.code == 130, result
    return result


def three_tables(lake: EmbeddedLake, step: str) -> None:
    """Three tables, and a listener that waits at a step of the second."""
    for table in ("one", "two", "three"):
        lake.put(f"{table}/a.csv", f"id,name\n11,{table}\n")
    lake.listen(
        f'if event.name == "{step}.started" and event.table == "two":\n'
        '    (FOLDER / "reached").touch()\n'
        "    pause()"
    )


@pytest.mark.parametrize("step", ["fetch", "sniff", "open", "infer", "convert", "load"])
def test_interrupt_states_what_was_and_was_not_done(embedded: EmbeddedLake, step: str) -> None:
    three_tables(embedded, step)
    result = interrupted(embedded)
    outcomes = {o["key"]: o for o in result.objects}
    assert {k: o["status"] for k, o in outcomes.items()} == {
        "one/a.csv": "success",
        "two/a.csv": "skipped",
        "three/a.csv": "skipped",
    }
    assert "interrupted" in outcomes["two/a.csv"]["error"]
    assert "interrupted" in outcomes["three/a.csv"]["error"]
    assert embedded.row_counts("one") == {"one/a.csv": 1}
    assert not embedded.exists("two") and not embedded.exists("three")
    assert [r["file_key"] for r in embedded.registry()] == ["one/a.csv"]
    embedded.unlisten()
    assert embedded.run().statuses() == {
        "one/a.csv": "unchanged",
        "two/a.csv": "success",
        "three/a.csv": "success",
    }


def test_interrupt_is_told_to_people(embedded: EmbeddedLake) -> None:
    three_tables(embedded, "convert")
    result = interrupted(embedded, json=False)
    assert "interrupted" in result.output.lower()
    for key in ("one/a.csv", "two/a.csv", "three/a.csv"):
        assert key in result.output


def test_interrupt_stops_work_inside_the_engine(embedded: EmbeddedLake) -> None:
    """No pause to fall into: the signal arrives while millions of rows are converted."""
    embedded.put("t/a.csv", "id,name\n11,old\n")
    embedded.run()
    line = ",".join(f"{i}.25" for i in range(20)) + ",some text,2024-01-15T10:30:00\n"
    header = ",".join(f"c{i}" for i in range(22)) + "\n"
    embedded.put("t/a.csv", header + line * 1_200_000)
    embedded.listen('if event.name == "convert.started":\n    (FOLDER / "reached").touch()')
    interrupted(embedded)
    assert embedded.rows("t") == [["11", "old"]]
    runs = embedded.cache / "runs"
    assert not runs.exists() or not list(runs.iterdir())


def test_interrupt_before_anything_was_done(embedded: EmbeddedLake) -> None:
    embedded.put("t/a.csv", "id,name\n11,x\n")
    embedded.listen(
        'if event.name == "discover.started":\n    (FOLDER / "reached").touch()\n    pause()'
    )
    interrupted(embedded)
    assert not embedded.exists("t")


@pytest.mark.parametrize("command", ["plan", "query"])
def test_interrupt_of_other_commands_exits_130(embedded: EmbeddedLake, command: str) -> None:
    embedded.put("t/a.csv", "id,name\n11,x\n")
    embedded.run()
    embedded.put("t/b.csv", "id,name\n12,y\n")
    if command == "plan":
        embedded.listen(
            'if event.name == "sniff.started":\n    (FOLDER / "reached").touch()\n    pause()'
        )
        running = embedded.start("plan", embedded.pipeline)
        wait_for(embedded.folder / "reached")
    else:
        endless = "SELECT count(*) FROM range(1000000) a, range(1000000) b, lakehouse.t"
        running = embedded.start("query", embedded.pipeline, endless, "--json")
        while not list(embedded.cache.glob("runs/*/query")):
            assert running.alive, running.wait()
            time.sleep(0.01)
        time.sleep(2)
    running.send(signal.SIGINT)
    began = time.monotonic()
    assert running.wait(60).code == 130
    assert time.monotonic() - began < PROMISED
