"""Backoff, locks and JSON caches: what all parts of lakefall use for them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import NoReturn

import pytest

from lakefall.common import json_cache, locks
from lakefall.common.waiting import Backoff, retry

# --- backoff ---


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses that were asked for; the clock goes on by as much."""
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    monkeypatch.setattr(time, "monotonic", lambda: 100.0 + sum(pauses))
    return pauses


def test_pauses_double_up_to_the_longest(slept: list[float]) -> None:
    backoff = Backoff(1.0, 5.0, least=1.0)
    for _ in range(5):
        backoff.pause()
    assert slept == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_pauses_are_random_within_their_bounds(slept: list[float]) -> None:
    for least in (0.0, 0.5):
        slept.clear()
        for _ in range(200):
            Backoff(1.0, 5.0, least=least).pause()
        assert least <= min(slept) < least + 0.1
        assert 0.9 < max(slept) <= 1.0


def give_up(error: Exception) -> NoReturn:
    raise TimeoutError("gave up") from error


def test_what_may_succeed_is_tried_again_until_it_does(slept: list[float]) -> None:
    errors = [ValueError("1"), ValueError("2")]

    def attempt() -> str:
        if errors:
            raise errors.pop()
        return "done"

    assert retry(attempt, lambda e: isinstance(e, ValueError), Backoff(1, 1), give_up) == "done"
    assert len(slept) == 2


def test_other_errors_and_ctrl_c_end_it_at_once(slept: list[float]) -> None:
    for error in (KeyError("x"), KeyboardInterrupt()):

        def attempt(error: BaseException = error) -> NoReturn:
            raise error

        with pytest.raises(type(error)):
            retry(attempt, lambda e: isinstance(e, ValueError), Backoff(1, 1), give_up)
    assert slept == []


def test_it_is_given_up_when_the_time_is_over(slept: list[float]) -> None:
    def attempt() -> NoReturn:
        raise ValueError("always")

    backoff = Backoff(1.0, 1.0, 3.0, least=1.0)
    with pytest.raises(TimeoutError) as raised:
        retry(attempt, lambda _: True, backoff, give_up)
    assert isinstance(raised.value.__cause__, ValueError)
    assert slept == [1.0, 1.0, 1.0]
    assert backoff.over


# --- locks ---


def hold(path: Path, ready: Path) -> None:
    with locks.new(path, "mine"):
        ready.touch()
        time.sleep(60)


def test_a_lock_ends_with_its_process_and_its_file_stays(tmp_path: Path) -> None:
    path, ready = tmp_path / "folder" / "a.json", tmp_path / "ready"
    process = multiprocessing.get_context("spawn").Process(target=hold, args=(path, ready))
    process.start()
    while not ready.exists():
        time.sleep(0.02)
    with locks.left_behind(path) as handle:
        assert handle is None
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    with locks.left_behind(path) as handle:
        assert handle is not None
        assert handle.read() == "mine"
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]


def test_a_lock_is_waited_for_no_longer_than_asked(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with locks.exclusive(path), path.open("a") as handle:
        assert not locks.take(handle)
        begun = time.monotonic()
        assert not locks.take(handle, 0.2)
        assert 0.2 <= time.monotonic() - begun < 20
    with path.open("a") as handle:
        assert locks.take(handle)


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), locks.left_behind(tmp_path / "gone"):
        pass


# --- JSON caches ---


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "a.json"
    assert json_cache.load(path) == {}
    json_cache.save(path, '{"a": 1}')
    json_cache.save(path, '{"a": 2}')
    assert json_cache.load(path) == {"a": 2}
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe"])
def test_what_is_damaged_is_empty(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    assert json_cache.load(path) == {}


def test_what_cannot_be_written_is_no_error_and_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("{}")
    json_cache.save(path, "\ud800")
    assert path.read_text() == "{}"
    json_cache.save(tmp_path / "a.json" / "below", "{}")
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
