"""Where a run's time goes: each step without those inside it."""

from __future__ import annotations

from typing import Any

from lakefall.contract.values import Event
from lakefall.run.profile import Profile, StepTime


def told(*events: tuple[str, dict[str, Any]]) -> tuple[StepTime, ...]:
    profile = Profile()
    for name, detail in events:
        profile.event(event=Event(name, detail=detail))
    return profile.steps


def test_what_lies_inside_a_step_is_not_counted_twice() -> None:
    steps = told(
        ("load.started", {}),
        ("write.started", {}),
        ("write.finished", {"seconds": 2.0, "bytes": 100}),
        ("load.data_committed", {}),
        ("commit.started", {}),
        ("commit.finished", {"seconds": 0.5}),
        ("load.finished", {"seconds": 3.0}),
    )
    assert steps == (
        StepTime("load", 1, 0.5, 0),
        StepTime("write", 1, 2.0, 100),
        StepTime("commit", 1, 0.5, 0),
    )


def test_steps_add_up_under_the_names_that_people_use() -> None:
    steps = told(
        ("open.started", {}),
        ("open.finished", {"seconds": 1.0, "bytes": 10}),
        ("open.started", {}),
        ("open.finished", {"seconds": 2.0, "bytes": 20}),
        ("warning", {"message": "large"}),
    )
    assert steps == (StepTime("prove", 2, 3.0, 30),)


def test_a_step_that_fails_takes_no_other_along() -> None:
    steps = told(
        ("sniff.started", {}),
        ("infer.started", {}),
        ("sniff.finished", {"seconds": 1.0}),
        ("convert.finished", {"seconds": 9.0}),
    )
    assert {s.name: s.seconds for s in steps} == {"sniff": 1.0, "infer": 0.0}
