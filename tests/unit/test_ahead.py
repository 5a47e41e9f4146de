"""Fetching ahead: in order, bounded, each error in its own file's turn."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lakefall.contract.errors import FileVanishedError
from lakefall.contract.values import LocalFile, SourceFile
from lakefall.run import overlap
from lakefall.run.overlap import Ahead


def source(number: int, size: int = 10) -> SourceFile:
    return SourceFile(f"t/{number}.csv", "e", size, datetime(2024, 1, 1, tzinfo=UTC), "t", "t")


class Fetched:
    """Remembers what was fetched, and when to wait."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.gate = threading.Event()
        self.gate.set()

    def of(self, file: SourceFile) -> Callable[[], LocalFile]:
        def fetch() -> LocalFile:
            self.keys.append(file.key)
            self.gate.wait(10)
            if file.etag == "gone":
                raise FileVanishedError(f"{file.key}: deleted")
            return LocalFile(file, Path(file.key), file.size)

        return fetch

    def settled(self, number: int) -> list[str]:
        """What was begun, once so many were and no more are."""
        end = time.monotonic() + 10
        while len(self.keys) < number and time.monotonic() < end:
            time.sleep(0.005)
        time.sleep(0.05)
        return list(self.keys)


def test_every_file_comes_in_its_turn_whoever_was_faster() -> None:
    fetched, files = Fetched(), [source(n) for n in range(20)]
    with Ahead((f, fetched.of(f)) for f in files) as coming:
        assert [coming.take(f).file for f in files] == files
    assert sorted(fetched.keys) == sorted(f.key for f in files)


def test_no_more_bytes_wait_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlap, "MAX_BYTES", 30)
    fetched, files = Fetched(), [source(n) for n in range(6)]
    with Ahead((f, fetched.of(f)) for f in files) as coming:
        assert len(fetched.settled(3)) == 3
        coming.take(files[0])
        assert len(fetched.settled(4)) == 4
        coming.let_go(files[1:3])
        assert len(fetched.settled(6)) == 6


def test_a_file_above_the_limit_comes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlap, "MAX_BYTES", 30)
    fetched, files = Fetched(), [source(0, size=1000), source(1), source(2)]
    with Ahead((f, fetched.of(f)) for f in files) as coming:
        assert fetched.settled(1) == ["t/0.csv"]
        assert [coming.take(f).size for f in files] == [1000, 10, 10]


def test_an_error_shows_in_the_turn_of_its_file() -> None:
    fetched, files = Fetched(), [source(n) for n in range(3)]
    files[1] = SourceFile("t/1.csv", "gone", 10, files[1].modified, "t", "t")
    with Ahead((f, fetched.of(f)) for f in files) as coming:
        coming.take(files[0])
        with pytest.raises(FileVanishedError, match=r"t/1\.csv: deleted"):
            coming.take(files[1])
        assert coming.take(files[2]).file == files[2]


def test_a_file_whose_turn_comes_first_is_fetched_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlap, "MAX_FILES", 1)
    fetched, files = Fetched(), [source(n) for n in range(4)]
    with Ahead((f, fetched.of(f)) for f in files) as coming:
        assert coming.take(files[3]).file == files[3]
        assert [coming.take(f).file for f in files[:3]] == files[:3]
    assert sorted(fetched.keys) == [f.key for f in files]


def test_nothing_more_is_begun_after_the_end() -> None:
    fetched, files = Fetched(), [source(n) for n in range(200)]
    fetched.gate.clear()
    with Ahead((f, fetched.of(f)) for f in files):
        assert len(fetched.settled(overlap.AT_ONCE)) == overlap.AT_ONCE
    fetched.gate.set()
    begun = len(fetched.settled(overlap.MAX_FILES))
    assert begun <= overlap.MAX_FILES
    assert len(fetched.settled(begun)) == begun
