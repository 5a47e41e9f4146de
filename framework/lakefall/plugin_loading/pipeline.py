"""One pipeline's plugins behind a typed facade.

pluggy's relay is untyped; here every hook has one method with its real signature. A pipeline owns
its plugin manager and its plugin instances: nothing is shared between pipelines.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from functools import cached_property, partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from lakefall.contract import hooks
from lakefall.contract.configuration import PipelineConfig
from lakefall.contract.errors import (
    ConfigError,
    LakefallError,
    PluginError,
    UnknownFormatError,
    as_foreseen,
)
from lakefall.contract.hints import Hint
from lakefall.contract.plugin import (
    PROJECT,
    Finding,
    HeaderLimits,
    OnMisfit,
    Options,
    SinkOptions,
    Stage,
)
from lakefall.contract.types import without_options
from lakefall.contract.values import (
    Check,
    Contribution,
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
    Repaired,
    Schema,
    SourceFile,
    StoredReject,
    TablePlan,
    TableState,
)
from lakefall.files import archives, compression
from lakefall.files.options import LIMITS, ArchiveLimits
from lakefall.files.selection import matcher
from lakefall.plugin_loading.catalogue import Manager

if TYPE_CHECKING:
    import pyarrow as pa

    from lakefall.contract.run import Run
    from lakefall.contract.types import TypeCandidate, TypeSettings
    from lakefall.contract.validation import Violation

T = TypeVar("T")
Configure = Callable[[str], PipelineConfig]
"""Table name -> the configuration with that table's overrides merged in."""


class Pipeline:
    """The configured plugins of one pipeline (or of one table of it)."""

    def __init__(
        self, config: PipelineConfig, configure: Configure, listeners: Sequence[object] = ()
    ) -> None:
        self.config = config
        self._configure = configure
        self._listeners = tuple(listeners)
        self._views: dict[tuple[str, ...], Pipeline] = {}
        self._types: dict[TypeSettings, Sequence[TypeCandidate]] = {}
        self._manager = Manager(PROJECT)
        self._manager.add_hookspecs(hooks.StepHooks)
        uses = [use for stage in Stage for use in config.uses.get(stage, ())]
        # pluggy calls the last registered first; the file's order is the order people expect.
        for use in reversed(uses):
            name = f"{use.stage}:{use.alias}"
            self._manager.register(use.plugin(use.options), name=name)
        for number, listener in enumerate(self._listeners):
            self._manager.register(listener, name=f"listener:{number}")
        self._manager.check_pending()

    def for_table(self, table: str) -> Pipeline:
        """This pipeline under the overrides that match the table; itself where none does."""
        matching = tuple(p for p in self.config.patterns if fnmatchcase(table, p))
        if not matching or self.config.table:
            return self
        if matching not in self._views:
            self._views[matching] = Pipeline(
                self._configure(table), self._configure, self._listeners
            )
        return self._views[matching]

    @property
    def max_files_per_run(self) -> int:
        """The sum over the sources; 0 for no limit."""
        limits = [getattr(o, "max_files_per_run", 0) for o in self._options(Stage.SOURCE)]
        return sum(limits) if all(limits) else 0

    @property
    def transliterate(self) -> bool:
        return all(getattr(o, "transliterate", True) for o in self._options(Stage.SOURCE))

    @property
    def protected_tables(self) -> frozenset[str]:
        return frozenset(
            name for o in self._options(Stage.SINK) for name in getattr(o, "protected_tables", ())
        )

    @property
    def namespace(self) -> str:
        """Namespace (schema) of the tables; ``''`` where the sink has none."""
        found = (getattr(o, "namespace", "") for o in self._options(Stage.SINK))
        return next((str(name) for name in found if name), "")

    @property
    def max_rejected(self) -> float:
        """Share of rejected records, 0 to 1, above which a file fails."""
        return min(
            (getattr(o, "max_rejected", 1.0) for o in self._options(Stage.SINK)), default=1.0
        )

    @property
    def header_limits(self) -> HeaderLimits:
        """What the header of a file may be."""
        sinks = [o for o in self._options(Stage.SINK) if isinstance(o, SinkOptions)]
        return next((HeaderLimits(o.max_columns, o.max_name_length) for o in sinks), HeaderLimits())

    @property
    def max_nulled(self) -> float | None:
        """Share of a column's values, 0 to 1, that a type may lose in one file; None where the
        sink sets none."""
        found = (getattr(o, "max_nulled", None) for o in self._options(Stage.SINK))
        return next((float(share) for share in found if share is not None), None)

    @property
    def frozen(self) -> bool:
        """Whether the types of tables are fixed."""
        return any(getattr(o, "evolution", "") == "freeze" for o in self._options(Stage.SINK))

    @property
    def nulled_limit(self) -> float | None:
        """``max_nulled``, or what stands for it, where a column's type is fixed; None for none."""
        sinks = self._options(Stage.SINK)
        if self.max_nulled is not None or any(
            getattr(o, "on_type_conflict", "null") == "null" for o in sinks
        ):
            return self.max_nulled
        threshold = (getattr(o, "threshold", None) for o in self._options(Stage.TYPE_INFERER))
        return next((1 - float(share) for share in threshold if share is not None), None)

    @property
    def repair_limit(self) -> int:
        """Bytes of source files that a repair of a table may read again."""
        return min((getattr(o, "repair_limit", 0) for o in self._options(Stage.SINK)), default=0)

    @property
    def name_patterns(self) -> tuple[str, ...]:
        """Patterns of the names of files that a sniffer asks for; none where one takes all."""
        return tuple(dict.fromkeys(p for o in self._options(Stage.SNIFFER) for p in _patterns(o)))

    def takes(self, name: str) -> bool:
        """Whether a sniffer asks for files of such a name."""
        patterns = self.name_patterns
        return not patterns or matcher(patterns)(name.rpartition("/")[2])

    def on_misfit(self, reader: str) -> OnMisfit:
        """What becomes of cells that do not parse, in files of a reader."""
        uses = self.config.uses.get(Stage.READER, ())
        options = next((use.options for use in uses if use.alias == reader), None)
        chosen: OnMisfit = getattr(options, "on_misfit", "null")
        return chosen

    @property
    def set_columns(self) -> frozenset[str]:
        """Columns whose type the options set, as the options call them."""
        return frozenset(
            str(n) for o in self._options(Stage.TYPE_INFERER) for n in getattr(o, "columns", ())
        )

    @property
    def places(self) -> dict[str, str]:
        """Where the pipeline writes, as far as its options say: option -> path or URI."""
        found = {"cache.dir": str(self.config.cache.dir)}
        for options in self._options(Stage.SINK):
            if isinstance(options, SinkOptions):
                found |= {f"sink.{option}": place for option, place in options.places().items()}
        return found

    @property
    def sink(self) -> str:
        """The name of the sink, for messages."""
        return next((use.alias for use in self.config.uses.get(Stage.SINK, ())), "")

    def _options(self, stage: Stage) -> list[Options]:
        return [use.options for use in self.config.uses.get(stage, ())]

    # --- source ---

    def discover(self, run: Run, hints: Sequence[Hint] | None = None) -> list[SourceFile]:
        """Every listed file, oldest first; also those that no source reads.

        With ``hints`` only what lies under these: a source that cannot look at single keys is
        listed whole.

        Raises:
            ConfigError: two sources list the same key, which is what the registry knows files by.
        """
        found: dict[str, SourceFile] = {}
        unread: dict[tuple[str, str], SourceFile] = {}
        locate = {} if hints is None else dict(self._each("locate"))
        keys = {hint.key for hint in hints or ()}
        for source, call in self._each("discover"):
            look = partial(locate[source], hints=hints) if source in locate else call
            for file in look(run=run):
                if hints is not None and file.key not in keys:
                    continue
                if file.unread:
                    unread[file.origin, file.key] = file
                    continue
                if file.key in found:
                    raise ConfigError(
                        f"{self.config.path}: sources {found[file.key].source!r} and {source!r} "
                        f"both have a file {file.key!r}; give each folders of its own"
                    )
                named = file.source == source
                found[file.key] = file if named else dataclasses.replace(file, source=source)
        for file in found.values():
            # Another source of the same place reads it.
            unread.pop((file.origin, file.key), None)
        return sorted([*found.values(), *unread.values()], key=lambda f: (f.modified, f.key))

    def notifiers(self) -> list[tuple[str, Callable[..., None]]]:
        """The hook ``notify`` of each notifier, with its name."""
        return list(self._each("notify"))

    def fetch(self, run: Run, file: SourceFile) -> tuple[LocalFile, ...]:
        """The file on this machine, decompressed; of an archive its members."""
        for source, call in self._each("fetch"):
            if source == file.source:
                uses = self.config.uses[Stage.SOURCE]
                options = next(use.options for use in uses if use.alias == source)
                limits = getattr(options, "archive_limits", LIMITS)
                return self.expand(run, call(run=run, file=file), limits)
        raise PluginError(f"{file.key}: the pipeline has no source {file.source!r}")

    def expand(
        self, run: Run, local: LocalFile, limits: ArchiveLimits = LIMITS
    ) -> tuple[LocalFile, ...]:
        """A file decompressed; the members of an archive that a sniffer asks for."""
        found = archives.expand(local, run.workdir, limits, self.takes)
        for message in found.warnings:
            run.warn(message, key=local.file.key, table=local.file.table)
        return found.files

    @property
    def on_duplicate_content(self) -> dict[str, str]:
        """``on_duplicate_content`` of every source whose ETags tell content from content."""
        return {
            use.alias: chosen
            for use in self.config.uses.get(Stage.SOURCE, ())
            if (chosen := getattr(use.options, "on_duplicate_content", ""))
        }

    @property
    def delete_fractions(self) -> dict[str, float]:
        """``max_delete_fraction`` of every source that says ``on_source_deleted: delete``."""
        return {
            use.alias: getattr(use.options, "max_delete_fraction", 0.0)
            for use in self.config.uses.get(Stage.SOURCE, ())
            if getattr(use.options, "on_source_deleted", "keep") == "delete"
        }

    def vanished(self, run: Run, source: str, entries: Sequence[RegistryEntry]) -> list[str]:
        """Keys of the entries that one source says are gone.

        Raises:
            PluginError: the source cannot tell.
        """
        for name, call in self._each("vanished"):
            if name == source:
                return list(call(run=run, entries=entries))
        raise PluginError(
            f"source {source!r} does not tell which files are gone; "
            "set its on_source_deleted to keep"
        )

    # --- formats ---

    def sniff(self, run: Run, local: LocalFile, table: TableState | None) -> Format:
        """How the file is written.

        Those sniffers are asked that ask for files of its name, or all where none does. The first
        one that answers decides; where none does, the first one's error tells why.

        Raises:
            LakefallError: whatever the sniffers raised.
            UnknownFormatError: no sniffer knows the file.
        """
        errors: list[LakefallError] = []
        for sniffer, call in self._sniffers(local):
            try:
                found: Format | None = call(run=run, local=local, table=table)
            except LakefallError as error:
                errors.append(error)
                continue
            if found is not None:
                return found
            if not errors:
                errors.append(UnknownFormatError(f"{local.name}: is no {sniffer} file"))
        if errors:
            raise errors[0]
        raise PluginError(f"pipeline {self.config.name!r} has no sniffer")

    def _sniffers(self, local: LocalFile) -> list[tuple[str, Callable[..., Any]]]:
        name = compression.stem(local.name.rpartition("/")[2])
        everyone = list(self._each("sniff"))
        asking = {alias for alias, asks_for in self._asks_for if asks_for(name)}
        return [each for each in everyone if each[0] in asking] or everyone

    @cached_property
    def _asks_for(self) -> list[tuple[str, Callable[[str], bool]]]:
        """Each sniffer, and whether it asks for files of a name; compiled once, not a file."""
        uses = self.config.uses.get(Stage.SNIFFER, ())
        return [(use.alias, matcher(_patterns(use.options))) for use in uses]

    def open(self, run: Run, local: LocalFile, format: Format, *, quick: bool = False) -> Records:
        """The file's records, as its reader finds and counts them.

        Raises:
            PluginError: the pipeline has no such reader.
        """
        call = self._reader("open", format)
        if call is None:
            raise PluginError(
                f"{local.name}: the pipeline has no reader {format.reader!r}; "
                "add it under `reader:`"
            )
        records: Records = call(run=run, local=local, format=format, quick=quick)
        return records

    def convert(
        self, run: Run, records: Records, plan: TablePlan, schema: Schema
    ) -> Converted | None:
        """What the file's reader converts itself; None where it leaves that to the core."""
        call = self._reader("convert", records.format)
        if call is None:
            return None
        converted: Converted | None = call(run=run, records=records, plan=plan, schema=schema)
        return converted

    def converts(self, format: Format) -> bool:
        """Whether the reader of such files converts them itself."""
        return self._reader("convert", format) is not None

    def _reader(self, hook: str, format: Format) -> Callable[..., Any] | None:
        return next((call for name, call in self._each(hook) if name == format.reader), None)

    # --- types, validators ---

    def types(self, settings: TypeSettings) -> Sequence[TypeCandidate]:
        """Every reading that inference may propose, most specific first; made once."""
        if settings not in self._types:
            found = [c for some in self._manager.hook.types(settings=settings) for c in some]
            self._types[settings] = sorted(found, key=lambda c: c.order)
        return self._types[settings]

    def type_for(self, type_name: str, format: str, settings: TypeSettings) -> TypeCandidate:
        """The reading for a column whose type is given.

        Raises:
            PluginError: nobody reads the type.
            ValueError: the format can be none of the type's.
        """
        candidate: TypeCandidate | None = self._manager.hook.type_for(
            type_name=type_name, format=format, settings=settings
        )
        if candidate is None:
            # A type that a table has, but that the pipeline does not propose.
            others = without_options(self.config.other_types())
            answers = (each.for_type(type_name, format, settings) for each in others)
            candidate = next((each for each in answers if each), None)
        if candidate is None:
            raise PluginError(
                f"no type plugin reads {type_name}; `lakefall plugins list` shows which there are"
            )
        return candidate

    def infer(
        self,
        run: Run,
        records: Sequence[Records],
        table: TableState | None,
        *,
        quick: bool = False,
        known: Mapping[str, str] | None = None,
    ) -> Schema:
        schema: Schema = self._first(
            "infer", run=run, records=records, table=table, quick=quick, known=known
        )
        return schema

    @property
    def has_validators(self) -> bool:
        return bool(self.config.uses.get(Stage.VALIDATOR))

    def validate(self, run: Run, batch: pa.RecordBatch) -> list[Violation]:
        return [v for some in self._manager.hook.validate(run=run, batch=batch) for v in some]

    # --- sink ---

    def pending(self, run: Run, files: Sequence[SourceFile]) -> Sequence[Decision]:
        decisions: Sequence[Decision] = self._first("pending", run=run, files=files)
        return decisions

    def describe(self, run: Run, table: str) -> TableState | None:
        state: TableState | None = self._manager.hook.describe(run=run, table=table)
        return state

    def contributions(self, run: Run, table: str) -> Sequence[Contribution] | None:
        """The files of which the table has rows; None where its types govern."""
        found: Sequence[Contribution] | None = self._manager.hook.contributions(
            run=run, table=table
        )
        return found

    def prepare(self, run: Run, table: str, schema: Schema, *, rebuild: bool = False) -> TablePlan:
        plan: TablePlan = self._first(
            "prepare", run=run, table=table, schema=schema, rebuild=rebuild
        )
        return plan

    def apply(self, run: Run, plan: TablePlan) -> bool:
        """Create or evolve the table; False where the sink leaves that to ``load``."""
        return bool(self._manager.hook.apply(run=run, plan=plan))

    def load(self, run: Run, plan: TablePlan, files: Sequence[Converted]) -> Loaded:
        loaded: Loaded = self._first("load", run=run, plan=plan, files=files)
        return loaded

    def record(self, run: Run, outcomes: Sequence[Outcome]) -> None:
        self._first("record", run=run, outcomes=outcomes)

    def history(self, run: Run) -> Sequence[RegistryEntry]:
        entries: Sequence[RegistryEntry] = self._first("history", run=run)
        return entries

    def stored_rejects(self, run: Run, table: str = "", key: str = "") -> Iterator[StoredReject]:
        yield from self._first("stored_rejects", run=run, table=table, key=key)

    def forget(self, run: Run, keys: Sequence[str]) -> int:
        count: int = self._first("forget", run=run, keys=keys)
        return count

    def release(self, run: Run, keys: Sequence[str]) -> int:
        count: int = self._first("release", run=run, keys=keys)
        return count

    def rebuild_registry(self, run: Run) -> int:
        count: int = self._first("rebuild_registry", run=run)
        return count

    def tables(self, run: Run) -> Sequence[str]:
        """The tables that the sink maintains.

        Raises:
            PluginError: it maintains none.
        """
        names: Sequence[str] = self._first("tables", run=run)
        return names

    def maintain(self, run: Run, table: str) -> Maintained:
        maintained: Maintained = self._first("maintain", run=run, table=table)
        return maintained

    def repair(self, run: Run, table: str, *, drop: bool = False) -> Repaired:
        """Repair a table of which files are missing or unreadable.

        Raises:
            PluginError: the sink repairs none.
        """
        repaired: Repaired = self._first("repair", run=run, table=table, drop=drop)
        return repaired

    def query(self, run: Run, sql: str) -> pa.Table:
        return self._first("query", run=run, sql=sql)

    # --- registrars, events, checks: each isolated ---

    def register(self, run: Run, loaded: Loaded) -> list[Registered]:
        """Every registrar's word; one that raises says so and stops nobody else."""
        answers: list[Registered] = []
        for name, call in self._each("register"):
            try:
                answer = call(run=run, loaded=loaded)
            except Exception as error:  # noqa: BLE001 -- the rows are committed, whatever it was
                answer = Registered(name, loaded.table, ok=False, message=str(as_foreseen(error)))
            if answer is not None:
                answers.append(dataclasses.replace(answer, registrar=name))
        return answers

    @property
    def reconciles(self) -> bool:
        """Whether a registrar looks at tables that this run did not load."""
        return bool(self._manager.hook.reconcile.get_hookimpls())

    def reconcile(self, run: Run, tables: Mapping[str, datetime]) -> list[Registered]:
        """Every registrar's words; one that raises says so and stops nobody else."""
        answers: list[Registered] = []
        for name, call in self._each("reconcile"):
            try:
                answers += [
                    dataclasses.replace(answer, registrar=name)
                    for answer in call(run=run, tables=tables) or ()
                ]
            except Exception as error:  # noqa: BLE001 -- as in register
                answers.append(Registered(name, "", ok=False, message=str(as_foreseen(error))))
        return answers

    def event(self, run: Run, event: Event) -> None:
        for _, call in self._each("event"):
            try:
                call(run=run, event=event)
            except Exception:  # noqa: BLE001, S112 -- a broken listener must not stop a load
                continue

    def lint(self) -> Iterator[tuple[Stage, str, Finding]]:
        """What plugins find wrong with their options; each with its stage and its name."""
        for name, call in self._named("lint"):
            stage, _, alias = name.partition(":")
            for finding in call(pipeline=self):
                yield Stage(stage), alias, finding

    def check(self, run: Run) -> list[Check]:
        """Every plugin's checks, timed; one that raises says so and stops nobody else."""
        checks: list[Check] = []
        for name, call in self._each("check"):
            began = perf_counter()
            try:
                for check in call(run=run):
                    now = perf_counter()
                    taken = check.seconds or now - began
                    checks.append(dataclasses.replace(check, seconds=taken))
                    began = now
            except Exception as error:  # noqa: BLE001 -- the others still have something to say
                message, taken = str(as_foreseen(error)), perf_counter() - began
                checks.append(Check(name, ok=False, message=message, seconds=taken))
        return checks

    # --- pluggy ---

    def _first(self, hook: str, **arguments: Any) -> Any:
        answer = getattr(self._manager.hook, hook)(**arguments)
        if answer is None:
            raise PluginError(
                f"no plugin of pipeline {self.config.name!r} answered {hook!r}; "
                "`lakefall explain` shows which are configured"
            )
        return answer

    def _each(self, hook: str) -> Iterator[tuple[str, Callable[..., Any]]]:
        return ((name.partition(":")[2], call) for name, call in self._named(hook))

    def _named(self, hook: str) -> Iterator[tuple[str, Callable[..., Any]]]:
        caller = getattr(self._manager.hook, hook)
        for implementation in reversed(caller.get_hookimpls()):
            # pluggy keeps parameters that have a default apart.
            names = implementation.argnames + implementation.kwargnames
            call = partial(_call, implementation.function, names)
            yield implementation.plugin_name, call


def _patterns(options: Options) -> tuple[str, ...]:
    patterns: tuple[str, ...] = getattr(options, "patterns", ())
    return patterns


def _call(function: Callable[..., Any], names: Sequence[str], **arguments: Any) -> Any:
    """An implementation with those arguments that it asks for."""
    return function(**{name: arguments[name] for name in names})


def with_listeners(pipeline: Pipeline, *listeners: object) -> Pipeline:
    """The same pipeline, telling more listeners."""
    return Pipeline(pipeline.config, pipeline._configure, (*pipeline._listeners, *listeners))
