"""The commit protocol keeps its invariants in every course of events, and needs each guard."""

from __future__ import annotations

import pytest

from .model import GUARDS, Model, Scenario, explore

SCENARIOS = {
    "one host, again and again": Scenario("A", runs=(2, 0), maintenances=1),
    "two hosts, one version": Scenario("A", maintenances=1),
    "two hosts, two versions, a fault": Scenario("AB", crashes=0),
    "two hosts, two versions, a crash": Scenario("AB", faults=0, maintenances=1),
    "two processes of one host": Scenario("AB", crashes=0, faults=0, one_host=True),
    "content that returns": Scenario("ABA", runs=(2, 0), faults=0),
    "clocks apart": Scenario("ABA", clocks=(0, 100), runs=(1, 1), faults=0),
}
MISSING = "a snapshot names a file that is not in the store"
COUNTEREXAMPLES = {
    "journal first": ("one host, again and again", "files stay that nobody names"),
    "journal is locked": ("two processes of one host", MISSING),
    "sweep waits": ("one host, again and again", MISSING),
    "sweep looks": ("one host, again and again", MISSING),
    "doubt keeps files": ("one host, again and again", MISSING),
    "refusal looked up": ("one host, again and again", MISSING),
    "confirm": ("one host, again and again", MISSING),
    "find own commit": ("two hosts, two versions, a fault", MISSING),
    "superseded": ("two hosts, two versions, a crash", "an older version replaced a newer one"),
    "table is asked": ("content that returns", "the table has not what the source has"),
    "registry last": ("one host, again and again", "the registry says what the table never held"),
    "rejects first": ("one host, again and again", "the rejects of the version are missing"),
    "rows in order": ("clocks apart", "the registry does not say what the table has"),
    "maintenance": ("one host, again and again", "files stay that nobody names"),
    "maintenance looks": ("one host, again and again", MISSING),
    "maintenance waits": ("two hosts, one version", MISSING),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_no_course_of_events_breaks_an_invariant(name: str) -> None:
    states, found = explore(Model(SCENARIOS[name]))
    assert found is None, "\n".join((found.broken, *found.steps))
    print(f"{name}: {states:,} states")


@pytest.mark.parametrize("guard", GUARDS)
def test_without_a_guard_there_is_a_counterexample(guard: str) -> None:
    name, broken = COUNTEREXAMPLES[guard]
    _, found = explore(Model(SCENARIOS[name], without=guard))
    assert found is not None, f"{guard} is not needed here"
    assert broken in found.broken
    print(f"without: {guard}\n  " + "\n  ".join((*found.steps, found.broken)))
