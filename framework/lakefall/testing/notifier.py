"""The laws of a notifier."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from lakefall.contract.hints import Hint, Hints
from lakefall.contract.plugin import Stage
from lakefall.testing.contract import StepContract, expect


class NotifierContract(StepContract):
    """Subclass it, name the plugin, and say how files arrive of which it tells."""

    stage = Stage.NOTIFIER
    patience: ClassVar[float] = 5.0
    """Seconds in which it begins, tells and ends."""

    def arrive(self, key: str) -> None:
        """Do what the notifier has to tell of: write the file, or send the message."""
        raise NotImplementedError

    @contextmanager
    def listening(self) -> Iterator[tuple[Hints, threading.Thread]]:
        """What the notifier tells, on a thread of its own."""
        run, hints = self.run(), Hints()
        ((_, notify),) = run.pipeline.notifiers()
        thread = threading.Thread(target=notify, kwargs={"run": run, "hints": hints}, daemon=True)
        thread.start()
        try:
            expect(
                hints.wait_for(1, self.patience), "it does not say that it listens: `hints.begun()`"
            )
            yield hints, thread
        finally:
            hints.stopped.set()
            thread.join(self.patience)

    def told(self, hints: Hints, key: str) -> list[Hint]:
        """The hints until one has the key; all of them where none has."""
        found: list[Hint] = []
        end = time.monotonic() + self.patience
        while time.monotonic() < end and key not in {hint.key for hint in found}:
            time.sleep(0.02)
            taken = hints.take(1000)
            found += taken
            hints.done(taken)
        return found

    def test_a_file_that_arrives_is_told(self) -> None:
        with self.listening() as (hints, _):
            for key in ("orders/a.csv", "orders/2024/b.csv"):
                self.arrive(key)
                keys = {hint.key for hint in self.told(hints, key)}
                expect(key in keys, f"{key} arrived, and {sorted(keys)} are told")

    def test_a_key_is_told_as_the_source_has_it(self) -> None:
        key = "t/a b+c%20d=é&.csv"
        with self.listening() as (hints, _):
            self.arrive(key)
            keys = {hint.key for hint in self.told(hints, key)}
            expect(key in keys, f"{key!r} arrived, and {sorted(keys)} are told")

    def test_a_file_that_arrives_again_is_told_again(self) -> None:
        with self.listening() as (hints, _):
            for time_ in ("once", "twice"):
                self.arrive("t/a.csv")
                keys = {hint.key for hint in self.told(hints, "t/a.csv")}
                expect("t/a.csv" in keys, f"t/a.csv arrived {time_}, and {sorted(keys)} are told")

    def test_it_ends_with_the_watcher(self) -> None:
        with self.listening() as (hints, thread):
            hints.stopped.set()
            thread.join(self.patience)
            expect(not thread.is_alive(), "it still listens after `hints.stopped` is set")
