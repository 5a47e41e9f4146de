"""Everything that lakefall raises on purpose: one root, one class per fact.

A message says what was found, where, and what to do. ``retryable`` says whether the same work may
succeed later without anybody changing anything: transient failures are tried again on the next
run, permanent ones when the file or the options change.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lakefall.contract.values import Format


class LakefallError(Exception):
    """Root of all foreseen errors."""

    retryable = False


# --- what a user wrote -------------------------------------------------------------------------


class ConfigError(LakefallError):
    """A pipeline file cannot be used as it is written.

    ``problems`` holds one ``file:line: what; remedy`` line per finding.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class UsageError(LakefallError):
    """A command was called with something that does not exist or does not fit."""


class PluginError(LakefallError):
    """A plugin cannot be found, imported or used."""


class MissingExtraError(PluginError):
    """A plugin needs a package of an extra that is not installed."""


# --- the source ------------------------------------------------------------------------------


class SourceError(LakefallError):
    """The source as a whole cannot be read."""

    retryable = True


class SourceMissingError(SourceError):
    """The folder or bucket does not exist."""


class SourceCredentialsError(SourceError):
    """There are no keys, or they are unknown, wrong or expired."""


class SourceDeniedError(SourceError):
    """The keys are good, but do not allow it."""


class SourceUnreachableError(SourceError):
    """The source does not answer, or only that it is too busy."""


class SourceTlsError(SourceUnreachableError):
    """No secure connection: another protocol, or a certificate that is not trusted."""


class UnsafeKeyError(LakefallError):
    """A key or a link leads out of the source."""


class RefusedFileError(LakefallError):
    """An option refuses the file (``SourceFile.problem``)."""


class FileVanishedError(LakefallError):
    """The file was deleted between listing and fetching."""


class FileChangedError(LakefallError):
    """The file changed after it was listed; the next run takes the new content."""

    retryable = True


class UnendedLoadError(LakefallError):
    """Loads of the file ended with the end of their process."""


class ArchiveError(LakefallError):
    """A compressed file is damaged, or would expand beyond the limits."""


class StorageFullError(LakefallError):
    """No space left, or a file-size limit reached, on this machine."""

    retryable = True


# --- the file --------------------------------------------------------------------------------


class FileFormatError(LakefallError):
    """The file's content cannot be loaded; only another content or other options change that."""


class EmptyFileError(FileFormatError):
    """No bytes, or nothing but blank lines."""


class UnknownFormatError(FileFormatError):
    """No sniffer of the pipeline knows such a file."""


class NotTextError(FileFormatError):
    """The bytes are no text."""


class EncodingError(FileFormatError):
    """The bytes do not decode."""


class NoHeaderError(FileFormatError):
    """No header row, and none may be generated.

    ``format`` says how the file is written all the same, None where nobody knows.
    """

    def __init__(self, message: str, format: Format | None = None) -> None:
        super().__init__(message)
        self.format = format


class MultiRowHeaderError(NoHeaderError):
    """The header stands on several rows, and nobody said that they may be joined."""


class LowConfidenceError(FileFormatError):
    """Two readings of the file are about as likely.

    ``format`` is the likeliest one, None where the sniffer has none.
    """

    def __init__(self, message: str, format: Format | None = None) -> None:
        super().__init__(message)
        self.format = format


class UnsupportedFormatError(FileFormatError):
    """How the file is written was understood, but cannot be read, such as a delimiter of two
    characters, or a workbook that is protected by a password."""


class StructureError(FileFormatError):
    """The records of the file could not be told apart, or their count could not be proved."""


class UnprovedError(StructureError):
    """A file that was opened ``quick`` is not what the quick look took it for: open it again."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name}: its records are not all alike; open the file again, not quick")
        self.name = name


class UnprovedTypesError(FileFormatError):
    """A cell does not parse into a type that rests on the first rows alone: infer from all rows."""

    def __init__(self, key: str) -> None:
        super().__init__(f"{key}: its first rows do not tell the types of all; infer from all rows")
        self.key = key


class TooManyRejectsError(FileFormatError):
    """More records rejected than ``max_rejected`` allows."""


class HeaderLimitError(StructureError):
    """More columns, or a longer name of one, than ``max_columns`` and ``max_name_length`` allow."""


class ViolationError(FileFormatError):
    """A validator refused the file."""


class FormatConflictError(FileFormatError):
    """A column's values contradict the format (such as a date order) that its table was given."""


# --- the table -------------------------------------------------------------------------------


class TableError(LakefallError):
    """The table cannot take the file."""


class TableNameError(TableError):
    """The folder gives no usable table name, or a protected one."""


class SchemaFrozenError(TableError):
    """``schema: freeze`` or ``max_new_columns`` forbids what the file brings."""


class TypeConflictError(TableError):
    """``on_type_conflict: fail`` and a column's type does not fit."""


# --- the sink --------------------------------------------------------------------------------


class SinkError(LakefallError):
    """The sink cannot do its work right now."""

    retryable = True


class CatalogUnreachableError(SinkError):
    """The catalog does not answer."""


class CatalogLostError(SinkError):
    """The catalog's own file is gone, and its tables are not: to begin anew would hide them."""


class CatalogDeniedError(SinkError):
    """The catalog refuses the credentials, or forbids what was asked."""


class StorageUnreachableError(SinkError):
    """The storage of the tables does not answer."""


class StorageDeniedError(SinkError):
    """The storage of the tables refuses the credentials."""


class StorageDamagedError(SinkError):
    """A file of a table is not in the storage, or not as it was written."""


class CommitConflictError(SinkError):
    """Other writers kept winning until the time for retries was up."""


class PlanOutdatedError(SinkError):
    """The table's schema changed after the plan; plan and convert again."""


class UnrecordedFilesError(SinkError):
    """The table has rows of files that another run has committed and not recorded yet, and what
    they ask for decides about its types."""


class SupersededError(LakefallError):
    """A newer version of the file was committed by another run."""


class ConservationError(LakefallError):
    """Rows read, loaded, rejected and skipped do not add up. Nothing was committed."""


class MemoryLimitError(LakefallError):
    """The query engine, or the process, has no memory left for the file."""


# --- errors of others -----------------------------------------------------------------------


def as_foreseen(error: Exception) -> LakefallError:
    """The error as one of ours, so that it can be told to a person and recorded."""
    if isinstance(error, LakefallError):
        return error
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StorageFullError(
            f"no room to write {error.filename or 'a scratch file'}: {error.strerror}; "
            "make room, the next run tries again"
        )
    if type(error).__name__ == "OutOfMemoryException" or isinstance(error, MemoryError):
        first = str(error).strip().partition("\n")[0] or "the process has no more"
        return MemoryLimitError(
            f"not enough memory for the file ({first}); raise engine.memory_limit, or give the "
            "process more, and `lakefall retry`"
        )
    unforeseen = LakefallError(
        f"unforeseen {type(error).__name__}: {error}; this is a defect, please report it"
    )
    unforeseen.retryable = True
    unforeseen.__cause__ = error
    return unforeseen
