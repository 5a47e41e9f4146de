"""The reader ``parquet``: the types that a file declares, kept; every page of it read once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from lakefall.common import sql
from lakefall.contract.errors import (
    EmptyFileError,
    EncodingError,
    StructureError,
    UnsupportedFormatError,
)
from lakefall.contract.plugin import Plugin, ReaderOptions, Stage, hookimpl
from lakefall.contract.run import Run
from lakefall.contract.values import FileColumn, LocalFile, Places, Records, text_column
from lakefall.tabular.columns import check_header
from lakefall.tabular.places import LineMapWriter
from lakefall.tabular.scratch import Scratch, writing
from lakefall_plugins.formats.parquet import values
from lakefall_plugins.formats.parquet.sniffer import ParquetFormat, opened

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq
    from duckdb.sqltypes import DuckDBPyType

MOST_DIGITS = 38
"""Of a decimal, in DuckDB and in Iceberg."""
BATCH = 32_768
"""Rows that are looked at together."""
_BAD_TEXT = re.compile(r"In column (\d+): .*UTF8.* index (\d+)", re.DOTALL)


class ParquetReaderOptions(ReaderOptions):
    """What becomes of values that do not fit the table."""


class ParquetReader(Plugin[ParquetReaderOptions]):
    """Parquet files: the declared types are kept, nothing is inferred.

    Integers become INTEGER, beyond 32 bits BIGINT; unsigned ones of 64 bits BIGINT where all values
    of the file fit, else DECIMAL(20,0). Floats of any width become DOUBLE, the same number.
    Decimals keep up to 38 digits; longer ones become VARCHAR with all digits. Dates, booleans, UUID
    and JSON stay what they are. Times of day become TIME; timestamps TIMESTAMP, or where they are
    instants (adjusted to UTC) TIMESTAMP WITH TIME ZONE, whatever zone the writer shows them in.
    Times and timestamps of nanoseconds do the same where no value of the file has digits below the
    microsecond, else they become VARCHAR with nine of them; in the old form (INT96) such digits
    fail the file. Texts, enums and dictionaries of text become VARCHAR; an empty text stays one.
    Bytes become VARCHAR of lower case hexadecimal digits, intervals VARCHAR such as
    `1 month 3 days 05:00:00`, a column without a type VARCHAR. Structs, lists and maps stay what
    they are, and what is in them follows the same rules, but for unsigned integers of 64 bits
    (DECIMAL(20,0)), nanoseconds, JSON and variants (VARCHAR). Where the sink has no nested columns,
    the table's is text, or files of one table declare others, they become JSON, in which integers
    and decimals keep all digits, infinite numbers and NaN are text, and a map is an object. A
    column of variants is JSON.

    Columns are read by position: names may be empty, equal, or differ in case alone. Rows are in
    the order of the file. A text that is no UTF-8, a page whose checksum is wrong, or a number of
    rows other than the footer's fails the file: Parquet marks no place to go on from.
    """

    name = "parquet"
    stage = Stage.READER

    @hookimpl
    def open(
        self, run: Run, local: LocalFile, format: ParquetFormat, quick: bool = False
    ) -> Records:
        """The file's records; all of it is read, ``quick`` or not.

        Raises:
            EmptyFileError: no columns.
            EncodingError: a text is no UTF-8.
            StructureError: a page is damaged, or rows are missing.
            UnsupportedFormatError: it is encrypted, or has values of a type that nobody reads.
        """
        del quick
        scratch = Scratch.of(local, run.workdir)
        wide, lines = scratch.file("wide.parquet"), scratch.file("lines")
        with writing(local.name, wide, lines):
            with opened(local, coerce_int96_timestamp_unit="us") as file:
                if not file.metadata.num_columns:
                    raise EmptyFileError(f"{local.name}: no columns in the file")
                check_header(run, local.name, file.schema_arrow.names)
                proof = _Proof(local, file)
                proof.read(wide)
                names = file.schema_arrow.names
            with LineMapWriter(lines) as writer:
                writer.run(1, proof.rows)
        kinds, relation = _relation(run, local, scratch, proof, wide)
        columns, cells, warnings = [], [], []
        made: list[str] = []
        for at, (name, kind) in enumerate(zip(names, kinds, strict=True)):
            declared, cell = _column(local, name, kind, f"p{at}", fits=at not in proof.misfits)
            columns.append(FileColumn(name, declared))
            cells.append(f"{cell} AS {text_column(at)}")
            made += [cell] if "map_from_entries(" in cell else []
            if at in proof.misfits:
                warnings.append(f"column {name!r}: {proof.misfits[at]}; it is {declared}")
        if made:
            _prove_maps(run, local, relation, made)
        return Records(
            local=local,
            format=format,
            columns=tuple(columns),
            rows_read=proof.rows,
            rows_good=proof.rows,
            rows_rejected=0,
            skipped=(),
            sql=f"(SELECT {', '.join(cells)} FROM {relation})",
            rejects=None,
            places=Places(lines, unit="row"),
            warnings=tuple(warnings),
        )


def _relation(
    run: Run, local: LocalFile, scratch: Scratch, proof: _Proof, wide: Path
) -> tuple[list[DuckDBPyType], str]:
    """DuckDB's types of the columns, and the table expression with columns ``p0`` .. ``pN``."""
    import duckdb

    # A path may have characters that DuckDB takes for a pattern of many.
    link = scratch.file("link.parquet")
    link.unlink(missing_ok=True)
    link.symlink_to(local.path.absolute())
    source = sql.parquet([link])
    width = len(proof.file.schema_arrow)
    with sql.connect(run.pipeline.config.engine, run.spill, columns=width) as connection:
        try:
            kinds = list(connection.sql(f"SELECT * FROM {source}").types)
            sql.rows(connection, f"SELECT hash(*COLUMNS(*)) FROM {source} LIMIT 1")
        except duckdb.Error as error:
            raise UnsupportedFormatError(
                f"{local.name}: the engine does not read the file ({error}); write it again"
            ) from error
        if proof.rewritten:
            found = connection.sql(f"SELECT * FROM {sql.parquet([wide])}").types
            kinds = [
                found[proof.rewritten.index(at)] if at in proof.rewritten else kind
                for at, kind in enumerate(kinds)
            ]
    plain = ", ".join(f"{'q' if at in proof.rewritten else 'p'}{at}" for at in range(len(kinds)))
    relation = f"{source} AS f({plain})"
    if proof.rewritten:
        listed = ", ".join(f"p{at}" for at in proof.rewritten)
        relation += f" POSITIONAL JOIN {sql.parquet([wide])} AS w({listed})"
    return kinds, relation


def _prove_maps(run: Run, local: LocalFile, relation: str, maps: Sequence[str]) -> None:
    """Refuse a key that occurs twice in a map that is written anew; others stay as they are."""
    import duckdb

    counted = ", ".join(f"count({cell})" for cell in maps)
    with sql.connect(run.pipeline.config.engine, run.spill, columns=len(maps)) as connection:
        try:
            sql.rows(connection, f"SELECT {counted} FROM {relation}")
        except duckdb.InvalidInputException as error:
            raise UnsupportedFormatError(
                f"{local.name}: a map cannot be kept ({error}); write it as a list of structs"
            ) from error


def _column(
    local: LocalFile, name: str, kind: DuckDBPyType, value: str, *, fits: bool
) -> tuple[str, str]:
    found = values.column(kind, value, fits=fits)
    if found is None:
        raise UnsupportedFormatError(
            f"{local.name}: column {name!r} is of type {kind}, which no table has; write it as "
            "another type, such as text"
        )
    return found


@dataclass(slots=True)
class _Proof:
    """One reading of all pages by another library than the one that reads them into the table."""

    local: LocalFile
    file: pq.ParquetFile
    rows: int = 0
    misfits: dict[int, str] = field(default_factory=dict)
    """Columns with values that do not fit the first choice of their type's rule, and why."""
    rewritten: list[int] = field(default_factory=list)
    """Columns that DuckDB would read as other values."""

    def read(self, wide: Path) -> None:
        """Count the rows and look at all values.

        Args:
            wide: where the columns go that have to be written anew for DuckDB.

        Raises:
            EncodingError, StructureError, UnsupportedFormatError.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        types = [column.type for column in self.file.schema_arrow]
        self.rewritten = [at for at, kind in enumerate(types) if _text_of(kind) != kind]
        schema = pa.schema([(f"w{at}", _text_of(types[at])) for at in self.rewritten])
        writer = pq.ParquetWriter(wide, schema) if self.rewritten else None
        try:
            for batch in self.file.iter_batches(BATCH):
                self._validate(batch)
                self._judge(batch)
                if writer is not None:
                    columns = [batch.column(at).cast(_text_of(types[at])) for at in self.rewritten]
                    writer.write_batch(pa.record_batch(columns, schema=schema))
                self.rows += batch.num_rows
        finally:
            if writer is not None:
                writer.close()
        if self.rows != self.file.metadata.num_rows:
            raise StructureError(
                f"{self.local.name}: the footer says {self.file.metadata.num_rows:,} rows, but "
                f"there are {self.rows:,}; write the file again"
            )
        if self._old_timestamps():
            self._look_below()

    def _validate(self, batch: pa.RecordBatch) -> None:
        import pyarrow as pa

        try:
            batch.validate(full=True)
        except pa.ArrowInvalid as error:
            found = _BAD_TEXT.search(str(error))
            if found is None:
                raise
            self._refuse_text(batch, int(found[1]), int(found[2]))

    def _refuse_text(self, batch: pa.RecordBatch, column: int, row: int) -> NoReturn:
        import pyarrow as pa

        plain = pa.types.is_string(batch.schema.types[column])
        # Inside of lists and dictionaries the number is not that of a row.
        first, last = (row, row + 1) if plain else (0, batch.num_rows)
        place = f"row {self.rows + first + 1:,}"
        place += f" to {self.rows + last:,}" if last > first + 1 else ""
        name = batch.schema.names[column]
        raise EncodingError(
            f"{self.local.name}, {place}, column {name!r}: a text that is no UTF-8; write it in "
            "UTF-8, or as a column of bytes"
        )

    def _judge(self, batch: pa.RecordBatch) -> None:
        for at, array in enumerate(batch.columns):
            if at not in self.misfits and (reason := _misfit(array)):
                self.misfits[at] = reason

    def _old_timestamps(self) -> bool:
        """Whether there are timestamps in the form that was used before TIMESTAMP."""
        schema = self.file.metadata.schema
        return any(schema.column(at).physical_type == "INT96" for at in range(len(schema)))

    def _look_below(self) -> None:
        """Refuse digits below the microsecond in the old form, which DuckDB would cut off."""
        import pyarrow as pa
        import pyarrow.compute as pc

        limit = (1 << 63) // 1000
        row = 0
        with opened(self.local) as fine:
            for coarse, exact in zip(
                self.file.iter_batches(BATCH), fine.iter_batches(BATCH), strict=True
            ):
                for name, one, other in zip(
                    coarse.schema.names, coarse.columns, exact.columns, strict=True
                ):
                    if one.type == other.type:
                        continue
                    micros, nanos = one.cast(pa.int64()), other.cast(pa.int64())
                    # What does not fit into nanoseconds has overflowed there, and is exact here.
                    held = pc.less(pc.abs(micros), limit)
                    same = pc.equal(pc.multiply(micros.filter(held), 1000), nanos.filter(held))
                    if not pc.all(same, min_count=0).as_py():
                        raise UnsupportedFormatError(
                            f"{self.local.name}, rows {row + 1:,} to {row + coarse.num_rows:,}, "
                            f"column {name!r}: timestamps of the old form (INT96) with digits "
                            "below the microsecond; write the column as TIMESTAMP(NANOS)"
                        )
                row += coarse.num_rows


def _text_of(kind: Any) -> Any:
    """The type with text in place of decimals that DuckDB reads as DOUBLE."""
    import pyarrow as pa

    if pa.types.is_decimal(kind):
        return pa.string() if kind.precision > MOST_DIGITS else kind
    if not pa.types.is_nested(kind) or isinstance(kind, pa.BaseExtensionType):
        return kind
    inner = (
        [kind.key_field, kind.item_field]
        if pa.types.is_map(kind)
        else [kind.field(at) for at in range(kind.num_fields)]
    )
    texts = [each.with_type(_text_of(each.type)) for each in inner]
    if texts == inner:
        return kind
    if pa.types.is_struct(kind):
        return pa.struct(texts)
    return pa.map_(*texts) if pa.types.is_map(kind) else pa.list_(texts[0])


def _misfit(array: Any) -> str:
    """Why a batch's values do not fit the first choice of their type's rule; ``''`` where they do.

    Raises:
        pyarrow.ArrowInvalid: a timestamp beyond what microseconds hold.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if isinstance(array, pa.DictionaryArray):
        array = array.dictionary
    kind = array.type
    if kind == pa.uint64():
        top = pc.max(array).as_py()
        return "values beyond BIGINT" if top is not None and top >= 1 << 63 else ""
    if pa.types.is_timestamp(kind) and kind.unit == "ms":
        array.cast(pa.timestamp("us", kind.tz))
    if (pa.types.is_timestamp(kind) or pa.types.is_time64(kind)) and kind.unit == "ns":
        numbers = array.cast(pa.int64())
        whole = pc.multiply(pc.divide(numbers, 1000), 1000)
        if not pc.all(pc.equal(numbers, whole), min_count=0).as_py():
            return "digits below the microsecond"
    return ""
