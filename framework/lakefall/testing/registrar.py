"""The laws of a catalog registrar."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, ClassVar

from lakefall.contract.plugin import Stage
from lakefall.contract.run import Run
from lakefall.contract.values import Loaded, Outcome, Registered, Status
from lakefall.testing.contract import StepContract, expect, some_file, survives

TABLES = {"orders": datetime(2026, 1, 1, tzinfo=UTC), "customers": datetime(2026, 1, 2, tzinfo=UTC)}


class RegistrarContract(StepContract):
    """Subclass it, name the plugin, and give it options under which nobody answers.

    What a registrar does where somebody answers is its own business; what it must not do to a run
    whose rows are committed already is the same for all.
    """

    stage = Stage.CATALOG_REGISTRAR
    unreachable: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    """Options that change ``options`` so that the server is not there."""
    secrets: ClassVar[tuple[str, ...]] = ()
    """Values of the options that no message may hold."""

    def configured(self) -> dict[str, object]:
        return {**copy.deepcopy(dict(self.options)), **self.unreachable}

    def test_a_server_that_is_away_is_a_warning(self) -> None:
        answers = self._register(self.run())
        expect(bool(answers), "nothing is said about a server that is away")
        for answer in answers:
            self._is_warning(answer)

    def test_reconciling_with_a_server_that_is_away_is_a_warning(self) -> None:
        run = self.run()
        if run.pipeline.reconciles:
            answers = run.pipeline.reconcile(run, TABLES)
            expect(bool(answers), "nothing is said about a server that is away")
            for answer in answers:
                self._is_warning(answer)

    def test_reconciling_nothing_is_nothing(self) -> None:
        run = self.run()
        expect(run.pipeline.reconcile(run, {}) == [], "without tables there is nothing to say")

    def test_a_check_says_that_the_server_is_away(self) -> None:
        run = self.run()
        checks = run.pipeline.check(run)
        expect(any(not c.ok for c in checks), "`check` finds nothing amiss, with no server there")
        for check in checks:
            survives(check)
            self._keeps_secrets(check.message)

    def test_every_table_is_told(self) -> None:
        run = self.run()
        told = [{a.table for a in self._register(run, name)} for name in TABLES]
        expect(told == [{name} for name in TABLES], "a table that was not registered is not told")

    def _register(self, run: Run, table: str = "orders") -> list[Registered]:
        file = dataclasses.replace(some_file(f"{table}/a.csv"), table=table)
        outcome = Outcome(file, Status.SUCCESS, rows_read=3, rows_loaded=3)
        loaded = Loaded(table, True, (), (), "1", (outcome,))
        return run.pipeline.register(run, loaded)

    def _is_warning(self, answer: Registered) -> None:
        expect(not answer.ok, f"{answer!r} is ok, with no server there")
        expect(answer.wrong == (), "rows that could not be looked at are no wrong rows")
        expect(bool(answer.message), "the message says nothing")
        expect("unforeseen" not in answer.message, f"not foreseen: {answer.message}")
        self._keeps_secrets(answer.message)
        survives(answer)

    def _keeps_secrets(self, message: str) -> None:
        for secret in self.secrets:
            expect(secret not in message, "a message holds a secret")
