"""What runs at the same time: files fetched ahead, one table loaded while the next is converted.

What one waits for, the source, the catalog and the object store, is not what the other works with,
the processors of this machine. A file is fetched by its own source, into its own batch's scratch
folder, and an error shows when the file's turn has come. One load at a time: whoever commits waits
for nobody else's commit.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lakefall.common.waiting import Done

if TYPE_CHECKING:
    from lakefall.contract.values import LocalFile, SourceFile
    from lakefall.run.table_load import LoadResult, TableLoad

PATIENCE = 2.0
"""Seconds that an interrupted run waits for a load that is under way."""


class Behind:
    """At most one load, on a thread of its own."""

    def __init__(self) -> None:
        self.batch: TableLoad | None = None
        """The batch that is being loaded, or was and is not taken yet."""
        self._done = Done()
        self._result: LoadResult | None = None
        self._error: BaseException | None = None

    def begin(self, batch: TableLoad) -> None:
        """Commit what is prepared; only where no commit is under way."""
        self.batch, self._result, self._error = batch, None, None
        self._done = Done()
        # A daemon: whoever leaves does not wait for it.
        threading.Thread(target=self._work, args=(batch, self._done), daemon=True).start()

    def take(self) -> LoadResult:
        """The result, waited for.

        Raises:
            BaseException: whatever the load raised.
        """
        self._done.wait()
        return self._taken()

    def last(self, *, hurry: bool) -> LoadResult | None:
        """The result, for one who gives up because of something else; None if this broke as well.

        In a ``hurry`` it is taken if it comes soon: a commit ends in moments, or it is better left,
        and ``batch`` stays. What was left is as if the process had been killed: the next run finds
        out what became of it.
        """
        if self.batch is None:
            return None
        if not hurry:
            self._done.wait()
        elif not self._done.wait(PATIENCE):
            return None
        self.batch = None
        return self._result

    def _taken(self) -> LoadResult:
        self.batch = None
        if self._error is not None:
            raise self._error
        assert self._result is not None  # noqa: S101 -- done without an error
        return self._result

    def _work(self, batch: TableLoad, done: Done) -> None:
        try:
            self._result = batch.commit()
        except BaseException as error:  # noqa: BLE001 -- raised again by the one who waits
            self._error = error
        finally:
            done.set()


AT_ONCE = 4
"""Files that are fetched at one time."""
MAX_BYTES = 256_000_000
"""Bytes, as listed, of files that were fetched and wait for their turn; a larger one comes when
it is alone."""
MAX_FILES = 64
"""The same in files."""

Fetch = Callable[[], "tuple[LocalFile, ...]"]


@dataclass(slots=True, eq=False)
class _Coming:
    file: SourceFile
    fetch: Fetch
    begun: bool = False
    done: Done = field(default_factory=Done)
    local: tuple[LocalFile, ...] | None = None
    error: BaseException | None = None


class Ahead:
    """Files in the order of their turns. Use it as a context."""

    def __init__(self, files: Iterable[tuple[SourceFile, Fetch]]) -> None:
        self._coming = {_name(f): _Coming(f, fetch) for f, fetch in files}
        self._waiting = list(reversed(self._coming.values()))
        self._orders: queue.SimpleQueue[_Coming | None] = queue.SimpleQueue()
        self._bytes = self._files = 0
        """Of those that were begun and not let go."""

    def __enter__(self) -> Ahead:
        # Daemons: after Ctrl-C nobody waits for a download.
        for _ in range(min(AT_ONCE, len(self._waiting))):
            threading.Thread(target=self._work, daemon=True).start()
        self._begin()
        return self

    def __exit__(self, *error: object) -> None:
        self._waiting.clear()
        for _ in range(AT_ONCE):
            self._orders.put(None)

    def take(self, file: SourceFile) -> tuple[LocalFile, ...]:
        """The file, or the members of an archive, waited for.

        Raises:
            LakefallError: whatever fetching it raised.
        """
        coming = self._coming[_name(file)]
        if not coming.begun:
            self._start(coming)
        coming.done.wait()
        self.let_go([file])
        if coming.error is not None:
            raise coming.error
        assert coming.local is not None  # noqa: S101 -- done without an error
        return coming.local

    def let_go(self, files: Iterable[SourceFile]) -> None:
        """Count these no more, taken or not; the next ones come."""
        for file in files:
            coming = self._coming.pop(_name(file), None)
            if coming is not None and coming.begun:
                self._bytes -= file.size
                self._files -= 1
            elif coming is not None:
                coming.begun = True
        self._begin()

    def _begin(self) -> None:
        while self._waiting and (self._waiting[-1].begun or self._fits(self._waiting[-1].file)):
            coming = self._waiting.pop()
            if not coming.begun:
                self._start(coming)

    def _fits(self, file: SourceFile) -> bool:
        return self._files < MAX_FILES and (not self._files or self._bytes + file.size <= MAX_BYTES)

    def _start(self, coming: _Coming) -> None:
        coming.begun = True
        self._bytes += coming.file.size
        self._files += 1
        self._orders.put(coming)

    def _work(self) -> None:
        while (coming := self._orders.get()) is not None:
            try:
                coming.local = coming.fetch()
            except BaseException as error:  # noqa: BLE001 -- raised again by the one who waits
                coming.error = error
            finally:
                coming.done.set()


def _name(file: SourceFile) -> tuple[str, str]:
    return file.source, file.key
