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
from lakefall.contract.sink_hooks import SinkHooks

if TYPE_CHECKING:
    import pyarrow as pa

    from lakefall.contract.hints import Hint, Hints
    from lakefall.contract.plugin import Finding, Options, Plugin
    from lakefall.contract.run import Run
    from lakefall.contract.types import TypeCandidate, TypeSettings
    from lakefall.contract.validation import Violation
    from lakefall.contract.values import (
        Check,
        Converted,
        Event,
        Format,
        Loaded,
        LocalFile,
        Records,
        Registered,
        RegistryEntry,
        Schema,
        SourceFile,
        TablePlan,
        TableState,
    )
    from lakefall.plugin_loading.pipeline import Pipeline


class CatalogueHooks:
    """Asked once per process: which plugin classes exist."""

    @hookspec
    def lakefall_plugins(self) -> Iterable[type[Plugin[Options]]]:  # type: ignore[empty-body]
        """Plugin classes that a package brings. Importing them must import nothing heavy."""


class StepHooks(SinkHooks):
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
        """Bring a file to this machine, still compressed, with the bytes of ``file.etag``. Only
        the source that listed it is asked.

        Raises:
            FileVanishedError, FileChangedError, UnsafeKeyError, StorageFullError.
        """

    @hookspec
    def vanished(self, run: Run, entries: Sequence[RegistryEntry]) -> Iterable[str]:  # type: ignore[empty-body]
        """Which of these loaded files are gone for certain: their keys.

        Called under ``on_source_deleted: delete`` with files that ``discover`` did not list. A
        source answers only for entries of its own ``origin`` that its patterns let through, and
        looks again. What is there is not gone; a SourceError says that it cannot be told now.
        """

    @hookspec
    def locate(self, run: Run, hints: Sequence[Hint]) -> Iterable[SourceFile]:  # type: ignore[empty-body]
        """What lies under these keys now, as ``discover`` would list it; no listing of all.

        A source answers only for hints of its own ``origin`` or of none. What is not there, and
        what ``discover`` would leave out, is left out: a hint may come from anybody. A source
        that does not implement it is listed.

        Raises:
            SourceMissingError, SourceError.
        """

    @hookspec
    def notify(self, run: Run, hints: Hints) -> None:
        """Tell ``lakefall watch`` which files may have arrived, until ``hints.stopped``.

        Called on a thread of its own, beside the other notifiers. It calls ``hints.begun`` as soon
        as it misses nothing any more, and returns after ``hints.stopped`` is set; the watcher waits
        2 s for that. Where it raises, or returns before, it is called again after a pause. What it
        may have missed is told with ``hints.doubt``.
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
        part of the proof to the next query over all records; where that fails, it is asked again.

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
        written, and counts the rejects.

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
        self,
        run: Run,
        records: Sequence[Records],
        table: TableState | None,
        quick: bool,
        known: Mapping[str, str] | None,
    ) -> Schema | None:
        """Choose types for the columns of files that will be loaded together.

        All columns are text (those whose type the files declare are left out), joined by name in
        order of first appearance. ``quick`` allows an answer from the first rows where these
        agree, with what it rests on in ``Schema.assumed``: converting all rows is then the proof.
        Where ``known`` is None the types of ``table`` govern; a file's own is still reported, so
        that the sink can widen. Else those govern that all files ask for: it is the evidence of
        the table's files by name (also of versions that these replace), ``''`` where it is lost.

        Raises:
            UnprovedError: a file opened ``quick`` has records that do not fit.
            FormatConflictError: a file contradicts the format of the table's column.
        """

    @hookspec
    def validate(self, run: Run, batch: pa.RecordBatch) -> Iterable[Violation]:  # type: ignore[empty-body]
        """Judge typed rows, each alone; ``batch`` has the table's columns. All answer."""

    # --- registrars, and any plugin ---

    @hookspec
    def register(self, run: Run, loaded: Loaded) -> Registered | None:
        """Make a loaded table known elsewhere, or count there what was loaded. All registrars
        answer, each isolated; ``Registered.registrar`` becomes the name that the pipeline gave it.

        Called after the commit, before the registry is written. ``Registered.wrong`` names files
        whose rows are not there as loaded: they fail, and the next run loads them again. Anything
        else, an error that is raised too, is a warning: the rows stay.
        """

    @hookspec
    def reconcile(  # type: ignore[empty-body]
        self, run: Run, tables: Mapping[str, datetime]
    ) -> Iterable[Registered]:
        """Make up for what earlier runs could not do. All registrars answer, each isolated.

        Called once at the end of every run that is no dry run, also one without files (a watcher
        calls it at the end of its full listings alone). ``tables``
        has every table with rows of a file, and when one of them was last loaded (UTC). Answers
        are wanted where something was done or is amiss. Cheap when nothing changed; must not
        write to the sink.
        """

    @hookspec
    def lint(self, pipeline: Pipeline) -> Iterable[Finding]:  # type: ignore[empty-body]
        """Find what is wrong with the plugin's options beside the pipeline's other plugins. All
        answer.

        Called when a pipeline file is read; connects to nothing. A finding refuses the pipeline.
        """

    @hookspec
    def event(self, run: Run, event: Event) -> None:
        """Something happened. All answer, each isolated: an error here stops nothing."""

    @hookspec
    def check(self, run: Run) -> Iterable[Check]:  # type: ignore[empty-body]
        """Reach what the plugin needs, say how it is; write nothing. All answer, each isolated."""
