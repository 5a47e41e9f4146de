"""A small run of the fuzzer on made-up files; ``benchmarks.detection.fuzz`` is the large one."""

from __future__ import annotations

import os
from random import Random

import pytest
from benchmarks.detection import fuzz
from benchmarks.detection.mutating import DAMAGES, mutated

FILES = int(os.environ.get("LAKEFALL_TEST_EXAMPLES", "25"))
SEED = int(os.environ.get("LAKEFALL_TEST_SEED", "20260101"))

HANG = 60.0
"""Seconds of CPU; how fast it is, is for a quiet machine to tell."""


@pytest.mark.slow
def test_damaged_files_lose_nothing() -> None:
    cases = fuzz.many(range(FILES), SEED, None, seconds_at_most=HANG)
    broken = [case for case in cases if case.problem]
    assert not broken, f"seed {SEED}: {broken[0]}"
    assert sum(case.outcome == "loaded" for case in cases) > FILES // 2


def test_a_case_is_the_same_whenever_it_is_repeated() -> None:
    raw = b"a,b\n1,2\n3,4\n" * 20
    assert mutated(raw, Random("7:1")) == mutated(raw, Random("7:1"))
    assert len({mutated(raw, Random(f"7:{n}")) for n in range(50)}) > 40


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_every_damage_changes_something(damage: fuzz.Any) -> None:
    raw = b'a,b\n1,"x"\n3,4\n' * 20
    assert any(damage(raw, Random(seed)) != raw for seed in range(10))


def test_what_breaks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(opened: object) -> None:
        raise fuzz.BrokenLawError("a row is gone")

    def crash(*_: object) -> None:
        raise ValueError("boom")

    with fuzz.pipeline_run(*fuzz.OPTIONS) as run:
        sources = ["habit:plain"]
        monkeypatch.setattr(fuzz, "check", broken)
        assert fuzz.one(0, 1, sources, run).problem == "a row is gone"
        monkeypatch.setattr(fuzz, "check", crash)
        assert "boom" in fuzz.one(0, 1, sources, run).problem


def test_what_a_process_does_once_is_no_files_work(monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[bytes] = []
    monkeypatch.setattr(fuzz, "_steps", lambda path, *_: texts.append(path.read_bytes()) or "")
    cases = fuzz.many([3, 4], 1, None)
    assert [case.number for case in cases] == [3, 4]
    assert len(texts) == 3
    assert texts[0] == fuzz.HABITS["plain"](Random(0), 5).data
