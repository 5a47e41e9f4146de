"""From a row's number to the place in its file: the line that it begins on, or the row of a sheet.

Rows and lines run in step except where a record spans lines, a line is skipped or a record is
rejected: only these break points are kept, in a side file of int64 pairs (first row, its line).
"""

from __future__ import annotations

from bisect import bisect_right
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from lakefall.contract.values import Places

    Int64s = npt.NDArray[np.int64]


class LineMapWriter:
    """Appends break points to a side file; memory does not grow with the rows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self._offset: int | None = None
        self._stream: IO[bytes] | None = None

    def __enter__(self) -> LineMapWriter:
        self._stream = self.path.open("wb")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._stream is not None:
            self._stream.close()

    @property
    def last_line(self) -> int:
        """The line that the last row begins on; 0 where there is none."""
        return self.rows - 1 + self._offset if self._offset is not None else 0

    def run(self, first_line: int, count: int) -> None:
        """The next ``count`` rows stand one a line, from ``first_line`` on."""
        import numpy as np

        if count:
            if first_line - self.rows != self._offset:
                self._write(np.array([[self.rows, first_line]], dtype="<i8"))
                self._offset = first_line - self.rows
            self.rows += count

    def append(self, lines: Int64s) -> None:
        """The next rows begin on these lines."""
        import numpy as np

        if not len(lines):
            return
        rows = np.arange(self.rows, self.rows + len(lines), dtype=np.int64)
        offsets = lines - rows
        new = np.empty(len(lines), dtype=bool)
        new[0] = self._offset is None or offsets[0] != self._offset
        np.not_equal(offsets[1:], offsets[:-1], out=new[1:])
        if new.any():
            self._write(np.column_stack((rows[new], lines[new])))
        self._offset = int(offsets[-1])
        self.rows += len(lines)

    def _write(self, pairs: Int64s) -> None:
        import numpy as np

        if self._stream is None:
            raise ValueError("the line map is not open")
        self._stream.write(np.ascontiguousarray(pairs, dtype="<i8").tobytes())


class LineMap:
    """Answers on which line (``Places.unit``), from 1, a row of ``Records.sql`` begins."""

    def __init__(self, pairs: Int64s, places: Places) -> None:
        self._rows = pairs[:, 0]
        self._lines = pairs[:, 1]
        self._unit = places.unit
        self._parts = places.parts
        self._starts = [first for first, _ in places.parts]

    @classmethod
    def load(cls, places: Places) -> LineMap:
        """Map the side file; it is not read into memory."""
        import numpy as np

        if not places.path.stat().st_size:
            return cls(np.empty((0, 2), dtype=np.int64), places)
        return cls(np.memmap(places.path, dtype="<i8", mode="r").reshape(-1, 2), places)

    def words(self, row: int) -> str:
        """The place of one row for people: ``line 12``, ``sheet 'May', row 7``."""
        return ", ".join(filter(None, (self.part(row), f"{self._unit} {self.line(row)}")))

    def part(self, row: int) -> str:
        """The part of the file that the row lies in; ``''`` where it has none."""
        at = bisect_right(self._starts, row) - 1
        return self._parts[at][1] if at >= 0 else ""

    def parts(self, rows: Int64s) -> Any:
        """The same of many rows, as an Arrow array of text; None where the file has no parts."""
        import numpy as np
        import pyarrow as pa

        if not self._parts:
            return None
        names = pa.array(["", *(name for _, name in self._parts)])
        return names.take(np.searchsorted(np.array(self._starts), rows, side="right"))

    def line(self, row: int) -> int:
        """The line of one row, both counted as the class says (rows from 0)."""
        import numpy as np

        return int(self.lines(np.array([row], dtype=np.int64))[0])

    def lines(self, rows: Int64s) -> Int64s:
        """The lines of many rows.

        Raises:
            IndexError: the map knows no rows.
        """
        import numpy as np

        if not len(self._rows):
            if len(rows):
                raise IndexError("the line map is empty")
            return np.empty(0, dtype=np.int64)
        at = np.searchsorted(self._rows, rows, side="right") - 1
        found: Int64s = self._lines[at] + (rows - self._rows[at])
        return found
