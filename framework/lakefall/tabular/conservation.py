"""The proof that no record is lost, whatever plugin ran: the core counts, plugins are not believed.

read = good + rejected, as the reader says and its rejects file holds; good = loaded + rejected, as
the Parquet files hold; and what the sink says it loaded is what the Parquet files held.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lakefall.common import naming, sql
from lakefall.contract.errors import ConservationError, TooManyRejectsError, UnprovedError
from lakefall.contract.values import (
    Converted,
    Format,
    Loaded,
    LocalFile,
    Outcome,
    Records,
    Status,
)
from lakefall.tabular import parquet
from lakefall.tabular.columns import check_header

if TYPE_CHECKING:
    from lakefall.contract.run import Run
    from lakefall.tabular.columns import TypedColumn

FEW = 20
"""A share of fewer records or values than this says nothing, unless it is all of the records."""
LEAST_RECORDS = 3
"""Records from which on a table counts as one."""


@contextmanager
def proving(records: Records) -> Iterator[None]:
    """Around queries over all rows: they are the proof of a file that was opened quick.

    Raises:
        UnprovedError: the engine refuses a record, or the rows do not add up.
    """
    import duckdb

    try:
        yield
    except (duckdb.InvalidInputException, ConservationError) as error:
        if records.proved:
            raise
        raise UnprovedError(records.local.name) from error


def opened(run: Run, local: LocalFile, format: Format, *, quick: bool = False) -> Records:
    """The file's records, once what its reader says of them adds up.

    Raises:
        ConservationError: it does not.
        HeaderLimitError: it has more columns, or longer names, than options allow.
        TooManyRejectsError: more records rejected than ``max_rejected`` allows.
        LakefallError: whatever the reader raises.
    """
    records = run.pipeline.open(run, local, format, quick=quick)
    check_header(run, local.name, records.header)
    check_opened(records)
    judge_rejects(run.pipeline.max_rejected, records)
    return records


def check_opened(records: Records) -> None:
    """Whether what a reader says of a file adds up.

    Raises:
        ConservationError: it does not; the message names the reader.
    """
    plugin, name = _reader(records), records.local.name
    if records.rows_read != records.rows_good + records.rows_rejected:
        raise ConservationError(
            f"{name}: {plugin} read {records.rows_read:,} records, but {records.rows_good:,} good "
            f"and {records.rows_rejected:,} rejected ones; nothing was loaded"
        )
    whole, cells = _rejects(records.rejects)
    if (whole, cells) != (records.rows_rejected, records.cells_nulled):
        raise ConservationError(
            f"{name}: {plugin} rejected {records.rows_rejected:,} records and "
            f"{records.cells_nulled:,} cells, but its rejects file holds {whole:,} records and "
            f"{cells:,} cells; nothing was loaded"
        )


def check_converted(records: Records, converted: Converted, dropped: int) -> None:
    """Whether every good record was written or rejected, and every reject is in the file.

    Args:
        dropped: records that the conversion rejected.

    Raises:
        ConservationError: they do not add up.
    """
    name, plugin = records.local.name, _reader(records)
    written = sum(parquet.row_count(path) for path in converted.paths)
    if written != converted.rows_loaded or written + dropped != records.rows_good:
        raise ConservationError(
            f"{name}: {records.rows_good:,} good records of {plugin}, but {written:,} rows "
            f"written and {dropped:,} rejected; nothing was loaded"
        )
    whole, cells = _rejects(converted.rejects)
    if (whole, cells) != (converted.rows_rejected, converted.cells_nulled) or (
        converted.rows_rejected != records.rows_rejected + dropped
        or converted.rows_read != records.rows_read
    ):
        raise ConservationError(
            f"{name}: {converted.rows_rejected:,} of {converted.rows_read:,} records rejected and "
            f"{converted.cells_nulled:,} values NULL after {plugin}, but the rejects file holds "
            f"{whole:,} records and {cells:,} values; nothing was loaded"
        )


def check_override(
    run: Run, records: Records, converted: Converted, columns: Sequence[TypedColumn]
) -> None:
    """Whether the rows that a reader converted itself are those that the core would have written.

    Raises:
        ConservationError: a row is missing, there twice, or another.
    """
    check_converted(records, converted, converted.rows_rejected - records.rows_rejected)
    if not converted.paths:
        return
    typed = ", ".join(f"{c.value} AS {sql.identifier(c.name)}" for c in columns)
    names = ", ".join(sql.identifier(c.name) for c in columns)
    query = (
        f"SELECT count(*) FROM (SELECT {names} FROM {sql.parquet(converted.paths)} "
        f"EXCEPT ALL SELECT {typed} FROM {records.sql})"
    )
    engine, candidates = run.pipeline.config.engine, [c.candidate for c in columns]
    with sql.connect(engine, run.spill, candidates, columns=len(columns)) as connection:
        wrong = sql.rows(connection, query)[0][0]
    if wrong:
        raise ConservationError(
            f"{records.local.name}: {wrong:,} of {converted.rows_loaded:,} rows that "
            f"{_reader(records)} converted are not those of its records; nothing was loaded"
        )


def check_loaded(sink: str, files: Sequence[Converted], loaded: Loaded) -> Loaded:
    """The load with files as failed that the sink did not load as they were converted."""
    converted = {each.file.key: each for each in files}
    answered = [outcome.file.key for outcome in loaded.outcomes]
    if sorted(answered) != sorted(converted):
        raise ConservationError(
            f"sink {sink!r} was given {len(converted):,} files of table {loaded.table!r} and "
            f"answered for {len(answered):,}; they are loaded again by the next run"
        )
    outcomes = tuple(_checked(sink, converted[o.file.key], o) for o in loaded.outcomes)
    return dataclasses.replace(loaded, outcomes=outcomes)


def _checked(sink: str, converted: Converted, outcome: Outcome) -> Outcome:
    if outcome.status is not Status.SUCCESS or outcome.rows_loaded == converted.rows_loaded:
        return outcome
    error = ConservationError(
        f"{outcome.file.key}: sink {sink!r} says that it loaded {outcome.rows_loaded:,} rows, but "
        f"the Parquet files hold {converted.rows_loaded:,}; the next run loads the file again"
    )
    return dataclasses.replace(
        outcome, status=Status.FAILED, error=str(error), retryable=error.retryable
    )


def judge_rejects(max_rejected: float, found: Records | Converted) -> None:
    """Fail a file of which too little is left. Other tables in it do not count, unless next to
    nothing is the first one.

    Raises:
        TooManyRejectsError: more records rejected than ``max_rejected`` allows.
    """
    read, rejected = found.rows_read, found.rows_rejected
    if read - found.rows_elsewhere >= LEAST_RECORDS:
        read, rejected = read - found.rows_elsewhere, rejected - found.rows_elsewhere
    if rejected <= max_rejected * read or (read < FEW and rejected < read):
        return
    name = found.file.key if isinstance(found, Converted) else found.local.name
    raise TooManyRejectsError(
        f"{name}: {rejected:,} of {read:,} records rejected, and sink.max_rejected is "
        f"{max_rejected:.0%}{_first_reject(found.rejects)}; check the dialect with "
        "`lakefall sniff`, or repair the file"
    )


def judge_nulled(
    run: Run, records: Records, misfits: Mapping[str, int], loaded: Mapping[str, int]
) -> None:
    """Fail a file that loses too many values of a column whose type is fixed.

    Args:
        misfits: values that became NULL, by column; those without are left out.
        loaded: values that were written, by column.

    Raises:
        TooManyRejectsError: more of them than ``max_nulled`` allows, from 20 values on.
    """
    limit = run.pipeline.nulled_limit if misfits else None
    if limit is None:
        return
    names = naming.column_names(records.header, transliterate=run.pipeline.transliterate)
    written = dict(zip(names, records.header, strict=True))
    fixed = run.pipeline.set_columns
    for name, count in misfits.items():
        filled = loaded.get(name, 0) + count
        is_fixed = run.pipeline.frozen or bool({name, written.get(name, name)} & fixed)
        if is_fixed and filled >= FEW and count > limit * filled:
            raise TooManyRejectsError(
                f"{records.local.name}: {count:,} of the {filled:,} values of column {name!r} do "
                f"not parse as its type, which is fixed, and sink.max_nulled is {limit:.0%}; "
                f"correct the file, or the type: type_inferer.columns.{name}"
            )


def _reader(records: Records) -> str:
    return f"reader {records.format.reader!r}"


def _rejects(path: Path | None) -> tuple[int, int]:
    """Whole records and cells among the rejects."""
    if path is None:
        return 0, 0
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    whole = rows = 0
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=["column"]):
            rows += len(batch)
            whole += pc.sum(pc.equal(batch.column("column"), "")).as_py() or 0
    return whole, rows - whole


def _first_reject(path: Path | None) -> str:
    if path is None:
        return ""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        first = next(file.iter_batches(1)).to_pylist()[0]
    return f" (the first on line {first['line']}: {first['reason']})"
