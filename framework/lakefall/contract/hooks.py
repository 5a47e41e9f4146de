"""The contract: every hook that a plugin may implement.

``run`` carries what all steps share (the pipeline, the run's id, its scratch folder, events). An
implementation may take fewer arguments than its hook declares. A hook may raise any
``LakefallError``; ``retryable`` on it decides whether the next run tries again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from lakefall.contract.plugin import hookspec

if TYPE_CHECKING:
    import pyarrow as pa

    from lakefall.contract.plugin import Finding, Options, Plugin
    from lakefall.contract.run import Run
    from lakefall.contract.types import TypeCandidate, TypeSettings
    from lakefall.contract.validation import Violation
    from lakefall.contract.values import (
        Check,
        Converted,
        Decision,
        Event,
        Format,
        Loaded,
        LocalFile,
        Maintained,
        Outcome,
        Records,
        Registered,
        RegistryEntry,
        Schema,
        SourceFile,
        StoredReject,
        TablePlan,
        TableState,
    )
    from lakefall.plugin_loading.pipeline import Pipeline


class CatalogueHooks:
    """Asked once per process: which plugin classes exist."""

    @hookspec
    def lakefall_plugins(self) -> Iterable[type[Plugin[Options]]]:  # type: ignore[empty-body]
        """Plugin classes that a package brings. Importing them must import nothing heavy."""


class StepHooks:
    """Called on one pipeline's configured plugins."""

    # --- source ---

    @hookspec
    def discover(self, run: Run) -> Iterable[SourceFile]:  # type: ignore[empty-body]
        """List the files that are there, oldest first. All sources answer; answers are joined.

        Raises:
            SourceMissingError: the folder or bucket does not exist.
            SourceError: it cannot be listed right now.
        """

    @hookspec
    def fetch(self, run: Run, file: SourceFile) -> LocalFile:  # type: ignore[empty-body]
        """Bring one file to this machine, still compressed. Only the source that listed the file
        is asked.

        The bytes must be those of ``file.etag``.

        Raises:
            FileVanishedError, FileChangedError, UnsafeKeyError, StorageFullError.
        """

    @hookspec
    def vanished(self, run: Run, entries: Sequence[RegistryEntry]) -> Iterable[str]:  # type: ignore[empty-body]
        """Which of these loaded files are gone for certain: their keys.

        Called after ``discover``, under ``on_source_deleted: delete``, with files that it did not
        list. A source answers only for entries of its own ``origin`` that its patterns let
        through, and looks for each of them again: what is there, or cannot be looked at, is not
        gone, so that a listing that missed a file deletes nothing.

        Raises:
            SourceError: it cannot be told right now; nothing is deleted.
        """

    # --- formats ---

    @hookspec
    def sniff(self, run: Run, local: LocalFile, table: TableState | None) -> Format | None:
        """How the file is written; None when it is of no kind that this sniffer knows.

        Sniffers whose options' ``patterns`` match the file's name are asked in the order of the
        pipeline, all of them where none does; the first that answers decides. ``table`` is the
        live table, whose column names are evidence for a header.

        Raises:
            EmptyFileError, NotTextError, EncodingError, LowConfidenceError, NoHeaderError.
        """

    @hookspec
    def open(self, run: Run, local: LocalFile, format: Format, quick: bool) -> Records:  # type: ignore[empty-body]
        """Prove the file's structure: count every record, set aside those that do not fit.

        Only the reader that ``format.reader`` names is asked. ``quick`` lets it leave the last
        part of the proof to whoever reads all records next: where the engine refuses a record
        then, the file is opened again, not quick.

        Raises:
            FileFormatError: the structure cannot be proved, or there is no header.
        """

    @hookspec
    def convert(
        self, run: Run, records: Records, plan: TablePlan, schema: Schema
    ) -> Converted | None:
        """Turn a file's records into typed Parquet files that carry the plan's field ids, where a
        reader does that faster than the core; no reader has to implement it.

        Only the file's reader is asked. The core compares the rows with those that it would have
        written, and counts the rejects. ``schema.settings`` is what the values are read under.

        Raises:
            TypeConflictError, ViolationError, ConservationError, StorageFullError.
        """

    # --- types ---

    @hookspec
    def types(self, settings: TypeSettings) -> Iterable[TypeCandidate]:  # type: ignore[empty-body]
        """The readings that inference may propose. All types answer; answers are joined."""

    @hookspec(firstresult=True)
    def type_for(self, type_name: str, format: str, settings: TypeSettings) -> TypeCandidate | None:
        """The reading for a column whose type is given; None when it is another plugin's.

        Raises:
            ValueError: the format can be none of the type's.
        """

    @hookspec(firstresult=True)
    def infer(
        self, run: Run, records: Sequence[Records], table: TableState | None, quick: bool
    ) -> Schema | None:
        """Choose types for the columns of files that will be loaded together.

        All columns of ``records`` are text: those whose type the files declare are left out.
        Columns are joined by name in order of first appearance. For a column that ``table`` has,
        the table's type governs; the file's own is still reported, so that the sink can widen.
        ``Schema.settings`` says how the values are to be read; the default suits an inferer
        without options.

        ``quick`` allows an answer from the first rows where these agree, with what it rests on in
        ``Schema.assumed``: converting all rows is then the proof.

        Raises:
            UnprovedError: a file opened ``quick`` has records that do not fit.
            FormatConflictError: a file contradicts the format of the table's column.
        """

    # --- validator ---

    @hookspec
    def validate(self, run: Run, batch: pa.RecordBatch) -> Iterable[Violation]:  # type: ignore[empty-body]
        """Judge typed rows, each alone. All validators answer.

        ``batch`` has the table's columns by name, audit columns left out.
        """

    # --- sink ---

    @hookspec(firstresult=True)
    def pending(self, run: Run, files: Sequence[SourceFile]) -> Sequence[Decision] | None:
        """Decide for every listed file whether it has to be loaded. Reads only."""

    @hookspec(firstresult=True)
    def describe(self, run: Run, table: str) -> TableState | None:
        """The table as it is now; None when it does not exist."""

    @hookspec(firstresult=True)
    def prepare(self, run: Run, table: str, schema: Schema, rebuild: bool) -> TablePlan | None:
        """Plan the load. Reads only. ``rebuild`` plans to swap all rows and the schema.

        Raises:
            SchemaFrozenError, TypeConflictError, TableNameError, CatalogUnreachableError.
        """

    @hookspec(firstresult=True)
    def apply(self, run: Run, plan: TablePlan) -> bool | None:
        """Create or evolve the table ahead of ``load``, in statements of its own.

        Called only where a scheduler runs the steps one by one. A sink that does this in the
        commit of ``load`` does not answer. Doing it again changes nothing; ``load`` plans anew.

        Raises:
            What ``load`` raises.
        """

    @hookspec(firstresult=True)
    def load(self, run: Run, plan: TablePlan, files: Sequence[Converted]) -> Loaded | None:
        """Create or evolve the table and replace the files' rows, in one commit.

        One load at a time; ``describe`` and ``prepare`` may be asked about other tables meanwhile,
        from another thread.

        Rejects are written first, under key and ETag. A file of which a newer version has been
        committed is left out as SUPERSEDED.

        Raises:
            PlanOutdatedError: the schema moved; plan and convert again.
            CommitConflictError, CatalogUnreachableError.
        """

    @hookspec(firstresult=True)
    def record(self, run: Run, outcomes: Sequence[Outcome]) -> bool | None:
        """Write SUCCESS and FAILED outcomes to the registry, then drop rejects of old versions."""

    @hookspec(firstresult=True)
    def history(self, run: Run) -> Sequence[RegistryEntry] | None:
        """The registry's latest row for every key."""

    @hookspec(firstresult=True)
    def stored_rejects(self, run: Run, table: str, key: str) -> Iterable[StoredReject] | None:
        """Rejects of the versions that the registry holds; ``''`` for every table or key."""

    @hookspec(firstresult=True)
    def forget(self, run: Run, keys: Sequence[str]) -> int | None:
        """Delete the rows, rejects and registry rows of these keys; the number of rows deleted."""

    @hookspec(firstresult=True)
    def release(self, run: Run, keys: Sequence[str]) -> int | None:
        """Make these keys pending again, whatever the registry says; the number of keys found."""

    @hookspec(firstresult=True)
    def rebuild_registry(self, run: Run) -> int | None:
        """Write the registry anew from what the tables themselves say; the number of keys."""

    @hookspec(firstresult=True)
    def tables(self, run: Run) -> Sequence[str] | None:
        """Names of the tables that the sink maintains: those that files feed, and its own.

        A sink that has nothing to maintain answers neither this nor ``maintain``.
        """

    @hookspec(firstresult=True)
    def maintain(self, run: Run, table: str) -> Maintained | None:
        """Merge a table's small data files, let old snapshots expire, delete what only they need.

        ``run`` has the table's options. Rows stay as they are, and so does everything that a
        reader, a running load or ``rebuild_registry`` needs. A dry run (``run.dry_run``) writes
        nothing and answers the same as far as it can be known.

        Raises:
            CommitConflictError, CatalogUnreachableError, StorageUnreachableError.
        """

    @hookspec(firstresult=True)
    def query(self, run: Run, sql: str) -> pa.Table | None:
        """Answer a read-only DuckDB query over the sink's tables."""

    # --- catalog registrar ---

    @hookspec
    def register(self, run: Run, loaded: Loaded) -> Registered | None:
        """Make a loaded table known elsewhere, or count there what was loaded. All registrars
        answer, each isolated; ``Registered.registrar`` becomes the name that the pipeline gave it.

        Called right after the commit, before the registry is written. ``Registered.wrong`` names
        files whose rows are not there as loaded: their outcome becomes FAILED, and the next run
        loads them again. Anything else that goes wrong is a warning: the rows stay, the file
        is a success. An error that is raised counts as such a warning.
        """

    @hookspec
    def reconcile(  # type: ignore[empty-body]
        self, run: Run, tables: Mapping[str, datetime]
    ) -> Iterable[Registered]:
        """Make up for what earlier runs could not do. All registrars answer, each isolated.

        Called once at the end of every run that is no dry run, also one without files. ``tables``
        has every table with rows of a file, and when one of its files was last loaded (UTC, the
        registry's word). Answers are wanted for tables where something was done or is amiss, not
        for those that were found in order. Should be cheap when nothing changed; must not write
        to the sink.
        """

    # --- any ---

    @hookspec
    def lint(self, pipeline: Pipeline) -> Iterable[Finding]:  # type: ignore[empty-body]
        """Find what is wrong with the plugin's options beside the pipeline's other plugins. All
        answer.

        Called whenever a pipeline file is read, once every plugin's options are right by
        themselves. Connects to nothing and imports nothing heavy. Each finding is told with the
        line that its option stands on, and the pipeline is refused.
        """

    @hookspec
    def event(self, run: Run, event: Event) -> None:
        """Something happened. All answer, each isolated: an error here stops nothing."""

    @hookspec
    def check(self, run: Run) -> Iterable[Check]:  # type: ignore[empty-body]
        """Reach what the plugin needs and say how it is; write nothing. All answer, each isolated.

        The time between two checks that are yielded is shown as the second one's.
        """
