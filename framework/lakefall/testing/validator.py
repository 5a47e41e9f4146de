"""The laws of a validator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lakefall.contract.plugin import Stage
from lakefall.contract.validation import Violation
from lakefall.testing.contract import StepContract, expect

if TYPE_CHECKING:
    import pyarrow as pa


class ValidatorContract(StepContract):
    """Subclass it, name the plugin, and give it rows that it accepts and rows that it does not."""

    stage = Stage.VALIDATOR

    def accepted(self) -> pa.RecordBatch:
        """Rows of which each is fine."""
        raise NotImplementedError

    def refused(self) -> pa.RecordBatch:
        """Rows of which each breaks a rule, with the columns of ``accepted``."""
        raise NotImplementedError

    def validate(self, batch: pa.RecordBatch) -> list[Violation]:
        run = self.run()
        return run.pipeline.validate(run, batch)

    def test_good_rows_pass(self) -> None:
        expect(self.validate(self.accepted()) == [], "rows that are fine are refused")

    def test_every_bad_row_is_found(self) -> None:
        batch = self.refused()
        found = {violation.row for violation in self.validate(batch)}
        expect(found == set(range(batch.num_rows)), f"of {batch.num_rows} bad rows, found {found}")

    def test_a_violation_says_why(self) -> None:
        for violation in self.validate(self.refused()):
            expect(bool(violation.reason), f"row {violation.row} has no reason")

    def test_no_rows_are_no_violation(self) -> None:
        expect(self.validate(self.refused().slice(0, 0)) == [], "an empty batch is refused")

    def test_each_row_is_judged_alone(self) -> None:
        batch = self._mixed()
        together = self.validate(batch)
        alone = [
            (row, violation.column, violation.reason)
            for row in range(batch.num_rows)
            for violation in self.validate(batch.slice(row, 1))
        ]
        expect(
            sorted((v.row, v.column, v.reason) for v in together) == sorted(alone),
            "the verdict on a row depends on the rows around it",
        )

    def _mixed(self) -> pa.RecordBatch:
        import pyarrow as pa

        both = pa.Table.from_batches([self.refused(), self.accepted(), self.refused()])
        batches: list[pa.RecordBatch] = both.combine_chunks().to_batches()
        return batches[0]
