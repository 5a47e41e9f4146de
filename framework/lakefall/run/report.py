"""What a run, a plan and a rebuild say when they are done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lakefall.contract.values import (
    Decision,
    Format,
    Outcome,
    Records,
    Registered,
    Schema,
    Status,
    TablePlan,
)
from lakefall.run.profile import StepTime


@dataclass(frozen=True, slots=True)
class RunReport:
    """One run: an outcome for every file that the source listed and the filters let through."""

    run_id: str
    outcomes: tuple[Outcome, ...]
    registered: tuple[Registered, ...]
    warnings: tuple[str, ...]
    seconds: float
    interrupted: bool = False
    dry_run: bool = False
    steps: tuple[StepTime, ...] = ()
    """Where the time went."""
    unread: Mapping[str, int] = field(default_factory=dict)
    """Objects that no format reads, by suffix."""

    @property
    def failed(self) -> bool:
        """Whether a script should see a non-zero exit code."""
        return any(o.status is Status.FAILED for o in self.outcomes)

    def count(self, status: Status) -> int:
        return sum(o.status is status for o in self.outcomes)


@dataclass(frozen=True, slots=True)
class Chance:
    """What was rejected of a file, and what still is, or would be, when it is loaded again."""

    key: str
    rows_before: int
    """Whole records."""
    rows_left: int
    cells_before: int
    """Cells that became NULL."""
    cells_left: int

    @property
    def rows_won(self) -> int:
        """Below 0 where more is rejected than before."""
        return self.rows_before - self.rows_left

    @property
    def cells_won(self) -> int:
        """Below 0 where more becomes NULL than before, as it does where records are won."""
        return self.cells_before - self.cells_left

    @property
    def changes(self) -> bool:
        """Whether anything comes out otherwise than before."""
        return bool(self.rows_won or self.cells_won)


@dataclass(frozen=True, slots=True)
class RetryReport:
    """What ``retry --rejected`` did."""

    run: RunReport
    chances: tuple[Chance, ...]
    """Of the files that were loaded."""
    left: tuple[str, ...]
    """Sentences about files with rejects that were not."""

    def chance(self, key: str) -> Chance | None:
        return next((c for c in self.chances if c.key == key), None)


@dataclass(frozen=True, slots=True)
class FilePlan:
    """What a run would do with one file."""

    decision: Decision
    format: Format | None = None
    records: Records | None = None
    schema: Schema | None = None
    """The columns of the whole batch for the table, which the file shares."""
    table_plan: TablePlan | None = None
    rows_replaced: int = 0
    error: str = ""
    gone: bool = False
    """Gone from the source: the run would delete its ``rows_replaced`` rows."""
    chance: Chance | None = None
    """What loading it again would win of its rejects; None where that was not asked."""


@dataclass(frozen=True, slots=True)
class PlanReport:
    """What a run would do."""

    files: tuple[FilePlan, ...]
    warnings: tuple[str, ...] = ()
    unread: Mapping[str, int] = field(default_factory=dict)
    """As in ``RunReport``."""

    @property
    def failed(self) -> bool:
        return any(f.error for f in self.files)

    @property
    def changes(self) -> bool:
        return any(
            f.gone
            or (f.decision.pending and not f.error and (f.chance is None or f.chance.changes))
            for f in self.files
        )


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """What ``rebuild`` did, or would do."""

    table: str
    before: tuple[tuple[str, str], ...]
    """Name and type of each column as the table had it."""
    after: tuple[tuple[str, str], ...]
    schema: Schema
    outcomes: tuple[Outcome, ...]
    missing: tuple[str, ...]
    """Keys whose rows the table has, but which the source has no more."""
    dry_run: bool
    registered: tuple[Registered, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether a registrar found rows elsewhere that are not those loaded."""
        return any(o.status is Status.FAILED for o in self.outcomes)
