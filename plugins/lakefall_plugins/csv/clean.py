"""A damaged file's good records as a plain CSV file."""

from __future__ import annotations

from pathlib import Path

from lakefall import sql
from lakefall.config.model import Engine
from lakefall.errors import ConservationError
from lakefall.model import Records, text_column
from lakefall_plugins.csv.scratch import writing


def clean(records: Records, out_path: Path, engine: Engine | None = None) -> int:
    """Write the good records as UTF-8, comma, RFC 4180 quotes, LF, header first; how many.

    NULL becomes an empty field and empty text ``""``; in a file of one column, where an empty
    field would be a blank line, NULL becomes ``\\N`` and text is quoted. The file at
    ``out_path`` is replaced once the new one is complete.

    Raises:
        ConservationError: not every good record was written.
        StorageFullError: no space for the file.
    """
    names = [text_column(i) for i in range(len(records.header))]
    header = ", ".join(
        f"{sql.literal(cell)} AS {name}" for cell, name in zip(records.header, names, strict=True)
    )
    nulls = "NULLSTR '\\N', FORCE_QUOTE *" if len(names) == 1 else "NULLSTR ''"
    partial = out_path.with_name(f".{out_path.name}.partial")
    query = (
        f"COPY (SELECT {header} UNION ALL SELECT {', '.join(names)} FROM {records.sql}) "
        f"TO {sql.literal(str(partial))} (FORMAT csv, HEADER false, DELIMITER ',', QUOTE '\"', "
        f"ESCAPE '\"', {nulls})"
    )
    key = records.local.file.key
    with (
        writing(key, partial),
        sql.connect(engine or Engine(), out_path.parent, columns=len(names)) as connection,
    ):
        written: int = sql.rows(connection, query)[0][0] - 1
        if written != records.rows_good:
            raise ConservationError(
                f"{key}: {records.rows_good:,} good records, but {written:,} written"
            )
        partial.replace(out_path)
    return written
