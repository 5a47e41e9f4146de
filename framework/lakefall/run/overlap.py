"""Finishes a table's load while the next table is converted.

What one waits for, the catalog and the object store, is not what the other works with, the
processors of this machine. One load at a time: whoever commits waits for nobody else's commit.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from lakefall.common import waiting

if TYPE_CHECKING:
    from lakefall.run.table_load import LoadResult, TableLoad

PATIENCE = 2.0
"""Seconds that an interrupted run waits for a load that is under way."""


class Behind:
    """At most one load, on a thread of its own."""

    def __init__(self) -> None:
        self.batch: TableLoad | None = None
        """The batch that is being loaded, or was and is not taken yet."""
        self._done = threading.Event()
        self._result: LoadResult | None = None
        self._error: BaseException | None = None

    def begin(self, batch: TableLoad) -> None:
        """Commit what is prepared; only where no commit is under way."""
        self.batch, self._result, self._error = batch, None, None
        self._done.clear()
        # A daemon: whoever leaves does not wait for it.
        threading.Thread(target=self._work, args=(batch,), daemon=True).start()

    def take(self) -> LoadResult:
        """The result, waited for.

        Raises:
            BaseException: whatever the load raised.
        """
        waiting.wait(self._done)
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
            waiting.wait(self._done)
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

    def _work(self, batch: TableLoad) -> None:
        try:
            self._result = batch.commit()
        except BaseException as error:  # noqa: BLE001 -- raised again by the one who waits
            self._error = error
        finally:
            self._done.set()
