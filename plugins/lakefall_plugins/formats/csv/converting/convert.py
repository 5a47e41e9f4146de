"""Records to typed Parquet files, with a proof that every row went somewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from lakefall.common import sql
from lakefall.contract.errors import ConservationError, UnprovedTypesError
from lakefall.contract.run import Run
from lakefall.contract.values import Assumed, Converted, Records, TablePlan
from lakefall_plugins.formats.csv.converting import parquet
from lakefall_plugins.formats.csv.converting.columns import REFUSED, typed_columns
from lakefall_plugins.formats.csv.converting.judging import Judge
from lakefall_plugins.formats.csv.options import OnMisfit
from lakefall_plugins.formats.csv.reading.rejects import RejectWriter, warning
from lakefall_plugins.formats.csv.reading.scratch import Scratch, writing


def convert(
    run: Run,
    records: Records,
    plan: TablePlan,
    on_misfit: OnMisfit,
    assumed: Assumed | None = None,
) -> Converted:
    """Write the good records as Parquet, and every reject of the file to one file.

    A file without rows gives no Parquet file.

    Raises:
        UnprovedTypesError: a cell does not agree with ``assumed``.
        TypeConflictError: a cell does not parse, and ``on_misfit`` is ``fail``.
        ViolationError: a validator refused the file.
        ConservationError: rows read, written and rejected do not add up.
        StorageFullError: no space for the files.
    """
    local = records.local
    scratch = Scratch.of(local, run.workdir)
    columns = typed_columns(run, records, plan, on_misfit, assumed)
    folder, path = scratch.file("parquet"), scratch.file("all-rejects.parquet")
    now = datetime.now(UTC)
    layout = parquet.Layout(
        columns, plan, sql.literal(local.file.key), now, parquet.group_rows(records)
    )
    with (
        writing(local.file.key, folder, path),
        _proving_types(local.file.key),
        sql.connect(
            run.pipeline.config.engine,
            run.workdir,
            [column.candidate for column in columns],
            columns=len(records.header),
        ) as connection,
        RejectWriter(path) as rejects,
    ):
        if records.rejects is not None:
            rejects.copy(records.rejects)
        judge = Judge(run, records, columns, connection, rejects)
        judge.judge(layout.selection)
        parquet.fresh(folder)
        parquet.copy(connection, layout, judge.kept, folder, local.size)
        written = parquet.written(folder)
        dropped = judge.record_rejects()
        nulled = judge.cell_rejects(written.nulls)
    if written.rows + dropped != records.rows_good:
        raise ConservationError(
            f"{local.file.key}: {records.rows_good:,} good records, but {written.rows:,} rows "
            f"written and {dropped:,} rejected; nothing was loaded"
        )
    return Converted(
        file=local.file,
        paths=written.paths,
        rows_read=records.rows_read,
        rows_loaded=written.rows,
        rows_rejected=records.rows_rejected + dropped,
        rows_elsewhere=records.rows_elsewhere,
        lines_skipped=records.lines_skipped,
        cells_nulled=nulled,
        rejects=rejects.result,
        ingested_at=now,
        warnings=warning(rejects.result, records.rows_rejected + dropped, nulled),
    )


@contextmanager
def _proving_types(key: str) -> Iterator[None]:
    import duckdb

    try:
        yield
    except duckdb.InvalidInputException as error:
        if REFUSED not in str(error):
            raise
        raise UnprovedTypesError(key) from error
