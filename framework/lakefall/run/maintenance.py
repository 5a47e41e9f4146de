"""Keeping tables quick: small data files merged, old snapshots expired, one table at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from time import perf_counter

from lakefall.contract.errors import UsageError, as_foreseen
from lakefall.contract.run import Run
from lakefall.contract.values import Maintained
from lakefall.run.runner import Runner


def maintain(
    runner: Runner, tables: Sequence[str] = (), *, dry_run: bool = False
) -> Iterator[Maintained]:
    """Maintain these tables, or all that the sink has; an error of one stops no other.

    Raises:
        UsageError: the sink has no such table.
        PluginError: the sink maintains no tables.
    """
    with runner.start(dry_run=dry_run) as run:
        there = run.pipeline.tables(run)
        if missing := [name for name in tables if name not in there]:
            raise UsageError(
                f"there is no table {missing[0]!r} to maintain; "
                f"tables: {', '.join(there) or 'none yet'}"
            )
        for name in there:
            if not tables or name in tables:
                yield _maintain(run.for_table(name), name)


def _maintain(run: Run, table: str) -> Maintained:
    began = perf_counter()
    try:
        with run.step("maintain", table=table):
            done = run.pipeline.maintain(run, table)
    except Exception as error:  # noqa: BLE001 -- the other tables still want to be maintained
        done = Maintained(table, None, None, None, None, None, None, error=str(as_foreseen(error)))
    return dataclasses.replace(done, seconds=perf_counter() - began)
