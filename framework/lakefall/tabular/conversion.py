"""Records to typed Parquet files, with a proof that every row went somewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from lakefall.common import sql
from lakefall.contract.errors import UnprovedTypesError
from lakefall.contract.run import Run
from lakefall.contract.values import Converted, Records, Schema, TablePlan
from lakefall.tabular import parquet
from lakefall.tabular.columns import REFUSED, TypedColumn, as_plain, typed_columns
from lakefall.tabular.conservation import (
    check_converted,
    check_override,
    judge_nulled,
    judge_rejects,
    proving,
)
from lakefall.tabular.judge import Judge
from lakefall.tabular.rejects import RejectWriter, lost_values, merge, warning
from lakefall.tabular.scratch import Scratch, writing


def convert(run: Run, records: Records, plan: TablePlan, schema: Schema) -> Converted:
    """Write the good records as Parquet, and every reject of the file to one file.

    A file without rows gives no Parquet file. Where its reader converts on its own, what it wrote
    is compared with what would have been written here.

    Raises:
        UnprovedTypesError: a cell does not agree with what ``schema`` assumes.
        UnprovedError: a file that was opened quick is not what it seemed.
        TypeConflictError: a cell does not parse, and ``on_misfit`` is ``fail``.
        ViolationError: a validator refused the file.
        TooManyRejectsError: more records rejected than ``max_rejected`` allows.
        ConservationError: rows read, written and rejected do not add up.
        StorageFullError: no space for the files.
    """
    on_misfit = run.pipeline.on_misfit(records.format.reader)
    columns = typed_columns(run, records, plan, schema, on_misfit)
    with proving(records):
        converted = run.pipeline.convert(run, records, plan, schema)
        if converted is None:
            plain = as_plain(columns, schema, [records.local.name])
            try:
                converted = _convert(run, records, plan, plain, schema)
            except UnprovedTypesError:
                if plain == columns:
                    raise
                # What was said of the cells is not so: each is looked at.
                converted = _convert(run, records, plan, columns, schema)
        else:
            check_override(run, records, converted, columns)
    judge_rejects(run.pipeline.max_rejected, converted)
    return converted


def _convert(
    run: Run,
    records: Records,
    plan: TablePlan,
    columns: tuple[TypedColumn, ...],
    schema: Schema,
) -> Converted:
    local = records.local
    scratch = Scratch.of(local, run.workdir)
    folder, path = scratch.file("parquet"), scratch.file("all-rejects.parquet")
    now = datetime.now(UTC)
    layout = parquet.Layout(
        columns, plan, sql.literal(local.file.key), now, parquet.group_rows(records)
    )
    with (
        writing(local.name, folder, path),
        _proving_types(local.name),
        sql.connect(
            run.pipeline.config.engine,
            run.spill,
            [column.candidate for column in columns],
            columns=len(records.columns),
        ) as connection,
        RejectWriter(path) as rejects,
        Judge(run, records, columns, connection, rejects) as judge,
    ):
        if records.rejects is not None:
            rejects.copy(records.rejects, local.member)
        judge.judge(layout.selection)
        parquet.fresh(folder)
        parquet.copy(connection, layout, judge.kept, folder, local.size)
        written = parquet.written(folder)
        dropped = judge.record_rejects()
        misfits = judge.cell_rejects(written.nulls, _empty_cells(records, schema))
        judge_nulled(run, records, misfits, {n: written.rows - e for n, e in written.nulls.items()})
        nulled = sum(misfits.values()) + records.cells_nulled
    converted = Converted(
        file=local.file,
        paths=written.paths,
        rows_read=records.rows_read,
        rows_loaded=written.rows,
        rows_rejected=records.rows_rejected + dropped,
        rows_elsewhere=records.rows_elsewhere,
        skipped=records.skipped,
        cells_nulled=nulled,
        rejects=rejects.result,
        ingested_at=now,
        warnings=warning(rejects.result, records.rows_rejected + dropped, nulled, local.member),
        lost_values=lost_values(rejects.result, plan.table, local.member) if nulled else (),
    )
    check_converted(records, converted, dropped)
    return converted


def merged(run: Run, records: Sequence[Records], parts: Sequence[Converted]) -> Converted:
    """The members of an archive as one file: its rows are replaced as one."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    path = Scratch.of(records[0].local, run.workdir).file("archive-rejects.parquet")
    return Converted(
        file=first.file,
        paths=tuple(path for part in parts for path in part.paths),
        rows_read=sum(part.rows_read for part in parts),
        rows_loaded=sum(part.rows_loaded for part in parts),
        rows_rejected=sum(part.rows_rejected for part in parts),
        rows_elsewhere=sum(part.rows_elsewhere for part in parts),
        skipped=tuple(each for part in parts for each in part.skipped),
        cells_nulled=sum(part.cells_nulled for part in parts),
        rejects=merge(path, [part.rejects for part in parts if part.rejects is not None]),
        ingested_at=first.ingested_at,
        warnings=tuple(each for part in parts for each in part.warnings),
    )


def _empty_cells(records: Records, schema: Schema) -> Mapping[int, int]:
    """NULLs by position, where somebody has counted them; none are known elsewhere."""
    counted = schema.nulls.get(records.local.name)
    return counted if counted is not None else records.nulls or {}


@contextmanager
def _proving_types(key: str) -> Iterator[None]:
    import duckdb

    try:
        yield
    except duckdb.InvalidInputException as error:
        if REFUSED not in str(error):
            raise
        raise UnprovedTypesError(key) from error
