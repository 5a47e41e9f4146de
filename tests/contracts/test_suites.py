"""Each suite is tested: a plugin that breaks one law fails that law, and no other."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import itertools
import time
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
import test_samples as samples
from lakefall_samples.inline import ORIGIN
from pydantic import ConfigDict

from lakefall import testing
from lakefall.contract.errors import FileChangedError, LakefallError
from lakefall.contract.hints import Hint
from lakefall.contract.plugin import NoOptions, hookimpl
from lakefall.contract.results import Maintained, Registered
from lakefall.contract.types import Role, Sign, TypeCandidate, TypePlugin
from lakefall.contract.values import LocalFile, Places, Schema, TypeSettings
from lakefall.testing import PluginContract, SnifferContract, TypeContract
from lakefall.testing.contract import StepContract, some_file
from lakefall_plugins.formats.csv.sniffer import CsvSniffer

Change = Callable[[Any, Any], Any]
replace = dataclasses.replace


def wrong(suite: type, hook: str, change: Change) -> type:
    """The suite about a plugin whose hook gives another answer.

    Args:
        change: gets the answer, or the error that was raised, and the hook's arguments.
    """
    original = getattr(suite.plugin, hook)  # type: ignore[attr-defined]

    @functools.wraps(original)
    def other(self: Any, *args: Any, **named: Any) -> Any:
        given = inspect.signature(original).bind(self, *args, **named).arguments
        try:
            answer = original(self, *args, **named)
        except LakefallError as error:
            answer = error
        answer = change(answer, SimpleNamespace(**given))
        if isinstance(answer, Exception):
            raise answer
        return answer

    return plugged(suite, **{hook: other})


def spoilt(suite: type, plugin: type) -> type:
    return changed(suite, plugin=plugin, hostile=(b"", b"\xff\xfe", b"a,b\n1\n"))


def changed(suite: type, **attributes: Any) -> type:
    return type("Spoilt", (suite,), attributes)


def plugged(suite: type, **attributes: Any) -> type:
    """The suite about a plugin with other attributes."""
    plugin = suite.plugin  # type: ignore[attr-defined]
    made = type(plugin.__name__, (plugin,), {"__doc__": plugin.__doc__, **attributes})
    # A class takes the options of what it derives from.
    made.options_model = attributes.get("options_model", plugin.options_model)  # type: ignore[attr-defined]
    return spoilt(suite, made)


def failed(suite: type) -> set[str]:
    """The laws that do not hold."""
    found = set()
    getattr(suite, "setup_class", bool)()
    for law in laws_of(suite):
        case = suite()
        getattr(case, "setup_method", bool)()
        try:
            getattr(case, f"test_{law}")()
        except Exception:  # noqa: BLE001 -- a law may also break with the plugin's own error
            found.add(law)
        finally:
            getattr(case, "teardown_method", bool)()
    getattr(suite, "teardown_class", bool)()
    return found


def laws_of(suite: type) -> set[str]:
    return {name.removeprefix("test_") for name in dir(suite) if name.startswith("test_")}


def damaged(file: LocalFile) -> LocalFile:
    file.path.write_bytes(file.path.read_bytes()[:100])
    return file


def outside(file: Any, given: Any) -> Any:
    if isinstance(file, Exception):
        return file
    return replace(file, path=file.path.rename(given.run.workdir.parent / "outside"))


def unchecked(answer: Any, given: Any) -> Any:
    """Whatever the file holds now, taken for the listed version."""
    if not isinstance(answer, FileChangedError):
        return answer
    path = given.run.workdir / "now"
    path.write_bytes(b"now")
    return LocalFile(given.file, path, 3)


def each(change: Callable[[Any], Any]) -> Change:
    return lambda answer, _: [change(one) for one in answer]


NUMBERS = itertools.count()

SOURCE = [
    (
        "discover",
        each(lambda f: replace(f, etag=f"{f.etag}+{next(NUMBERS)}")),
        "equal_tokens_mean_equal_content a_key_is_located_as_it_is_listed",
    ),
    ("discover", lambda a, _: [*a, some_file("t/more.csv")], "an_empty_source_lists_nothing"),
    ("discover", each(lambda f: replace(f, size=f.size + 1)), "a_file_is_listed_as_it_is"),
    ("fetch", outside, "fetching_brings_the_bytes"),
    (
        "fetch",
        lambda a, _: a if isinstance(a, Exception) else damaged(a),
        "content_with_any_bytes_is_brought_whole",
    ),
    (
        "fetch",
        lambda a, _: LakefallError("?") if "not in" in str(a) else a,
        "a_deleted_file_is_said_to_be_gone",
    ),
    ("fetch", unchecked, "another_version_is_not_taken_for_the_listed_one"),
    ("vanished", lambda _, g: [e.key for e in g.entries], "only_what_is_gone_has_vanished"),
    ("locate", each(lambda f: replace(f, size=f.size + 1)), "a_key_is_located_as_it_is_listed"),
]


def strange(answer: Any, given: Any) -> Any:
    """A reader's name that is not that of the options."""
    del given
    return answer and Strange(answer.names, answer.starts)


@dataclasses.dataclass(frozen=True, slots=True)
class Strange(samples.FixedWidth):
    reader: ClassVar[str] = "strange"


def spoil_input(answer: Any, given: Any) -> Any:
    given.local.path.write_bytes(b"spoilt")
    return answer


ASKED: list[int] = []


def moody(answer: Any, given: Any) -> Any:
    """Another answer to every second question."""
    del given
    ASKED.append(1)
    return answer and replace(answer, evidence=(str(len(ASKED)),))


SNIFFER = [
    ("sniff", lambda a, _: a and replace(a, confidence=0.9), "its_own_examples"),
    (
        "sniff",
        lambda a, _: a and replace(a, confidence=7),
        "an_answer_makes_sense its_own_examples",
    ),
    ("sniff", strange, "the_reader_is_named its_own_examples"),
    ("sniff", moody, "the_same_file_gives_the_same_answer its_own_examples"),
    ("sniff", spoil_input, "the_file_is_left_as_it_is"),
    ("sniff", lambda a, _: a or ValueError("damaged"), "no_bytes_bring_it_down"),
]


def without_reasons(records: Any, given: Any) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(records.rejects)
    at = table.schema.get_field_index("reason")
    reasons = pa.repeat("", len(table))
    pq.write_table(table.set_column(at, table.schema.field(at), reasons), records.rejects)
    return records


def counted_from_zero(records: Any, given: Any) -> Any:
    import numpy as np

    pairs = np.fromfile(records.places.path, dtype="<i8").reshape(-1, 2)
    path = records.places.path.with_suffix(".zero")
    (pairs - np.array([0, 2])).tofile(path)
    return replace(records, places=Places(path))


def leaves_a_file(records: Any, given: Any) -> Any:
    given.local.path.with_name("left").write_text("")
    return records


def at_second_sight(records: Any, given: Any) -> Any:
    mark = given.run.workdir / "seen"
    warned = mark.exists()
    mark.touch()
    return replace(records, rows_read=records.rows_read + warned)


def good(change: Callable[[Any], Any]) -> Change:
    return lambda a, _: a if isinstance(a, Exception) else change(a)


READER = [
    ("open", good(lambda r: replace(r, rows_read=9)), "the_counts_add_up"),
    (
        "open",
        good(lambda r: replace(r, columns=tuple(reversed(r.columns)))),
        "the_columns_are_those_of_the_file",
    ),
    (
        "open",
        good(lambda r: replace(r, sql=f"(SELECT c0 AS a, c1 AS b FROM {r.sql})")),
        "the_relation_has_the_columns",
    ),
    (
        "open",
        good(lambda r: replace(r, sql=f"(SELECT * FROM {r.sql} LIMIT 2)")),
        "the_relation_yields_the_rows a_quick_look_agrees_or_is_not_proved",
    ),
    ("open", lambda r, g: r if isinstance(r, Exception) else counted_from_zero(r, g),
     "every_row_has_a_place"),
    ("open", lambda r, g: without_reasons(r, g) if getattr(r, "rejects", None) else r,
     "rejects_have_place_reason_and_text"),
    ("open", lambda r, g: r if isinstance(r, Exception) else at_second_sight(r, g),
     "opening_twice_gives_the_same"),
    ("open", lambda a, _: ValueError("?") if isinstance(a, Exception) else a,
     "no_bytes_bring_it_down"),
    ("open", spoil_input, "the_file_is_left_as_it_is"),
    ("open", leaves_a_file, "nothing_is_written_outside_the_scratch_folder"),
    ("open", lambda r, g: replace(r, sql=f"(SELECT * FROM {r.sql} LIMIT 2)") if g.quick else r,
     "a_quick_look_agrees_or_is_not_proved"),
]  # fmt: skip


def columns(change: Callable[[Any], Any]) -> Change:
    return lambda s, _: replace(s, columns=tuple(change(c) for c in s.columns))


def first_file(answer: Any, given: Any) -> Schema:
    names = given.records[0].header
    return replace(answer, columns=tuple(c for c in answer.columns if c.source_name in names))


def of_table(answer: Any, given: Any) -> Schema:
    return replace(answer, columns=(*answer.columns, *(given.table.columns if given.table else ())))


def without_rows(answer: Any, given: Any) -> Any:
    return answer if given.records[0].rows_read else replace(answer, columns=())


def counts(answer: Any, given: Any) -> Schema:
    return replace(answer, nulls={given.records[0].local.name: {0: 5}})


def integers(names: tuple[str, ...]) -> Change:
    return columns(lambda c: replace(c, type="INTEGER") if c.name in names else c)


def unlike(answer: Any, given: Any) -> Any:
    ASKED.append(1)
    return replace(
        answer, columns=tuple(replace(c, evidence=(str(len(ASKED)),)) for c in answer.columns)
    )


INFERER = [
    (
        columns(lambda c: replace(c, name=c.name.removesuffix("_2"))),
        "one_column_for_each_of_the_file",
    ),
    (
        columns(lambda c: replace(c, type="NOTHING") if c.name == "name" else c),
        "types_are_read_by_the_pipeline types_read_the_values files_without_rows_are_answered",
    ),
    (
        columns(lambda c: replace(c, type="INTEGER") if c.name == "name" else c),
        "types_read_the_values",
    ),
    (
        columns(lambda c: replace(c, nullable=c.name == "a")),
        "a_column_with_gaps_is_nullable",
    ),
    (
        columns(lambda c: replace(c, nullable=c.name != "a")),
        "columns_without_values_are_answered",
    ),
    (
        lambda s, _: replace(s, settings=TypeSettings(date_formats=(7,))),  # type: ignore[arg-type]
        "the_settings_can_be_used",
    ),
    (counts, "counts_of_nulls_are_right"),
    (unlike, "the_same_files_give_the_same_answer"),
    (first_file, "several_files_are_joined"),
    (
        columns(lambda c: replace(c, type="INTEGER") if c.name == "code" else c),
        "the_tables_type_governs",
    ),
    (
        columns(
            lambda c: replace(c, type="DATE", format="%d/%m/%Y") if c.source_name == "day" else c
        ),
        "the_tables_format_governs types_read_the_values",
    ),
    (
        lambda s, g: of_table(s, g) if g.table and g.table.columns[0].name == "other" else s,
        "columns_of_the_table_alone_are_left_out",
    ),
    (without_rows, "files_without_rows_are_answered"),
    (
        lambda s, g: replace(s, columns=()) if g.quick else s,
        "a_quick_answer_is_about_the_same_columns",
    ),
]

VALIDATOR = [
    (lambda a, g: [*a, *too_strict(g.batch)], "good_rows_pass"),
    (lambda a, _: [], "every_bad_row_is_found"),
    (each(lambda v: replace(v, reason="")), "a_violation_says_why"),
    (lambda a, g: a if g.batch.num_rows else [violation(0)], "no_rows_are_no_violation"),
    (
        lambda a, g: each(lambda v: replace(v, reason=f"of {g.batch.num_rows}"))(a, g),
        "each_row_is_judged_alone",
    ),
]


def too_strict(batch: Any) -> list[Any]:
    names = batch.column("name").to_pylist()
    return [violation(row) for row, name in enumerate(names) if name == "ann"]


def violation(row: int) -> Any:
    from lakefall.contract.validation import Violation

    return Violation(row, "name", "has no value")


def outcomes(change: Callable[[Any], Any]) -> Change:
    return lambda a, _: replace(a, outcomes=tuple(change(o) for o in a.outcomes))


def forgetful(answer: Any, given: Any) -> Any:
    return [e for e in answer if e.status == "success"]


def made(plan: Any, given: Any) -> Any:
    catalogue = given.self._read()
    catalogue["tables"].setdefault(plan.table, [])
    given.self._commit(catalogue)
    return plan


OLDER = ("v1", "changed")


def lossy(answer: Any, given: Any) -> Any:
    """Loses the rows of a file."""
    catalogue = given.self._read()
    catalogue["files"].pop("orders/a.csv")
    given.self._commit(catalogue)
    return answer


SINK = [
    (
        "describe",
        lambda a, g: a or samples_state(g.table),
        "nothing_is_there_at_first planning_changes_nothing rows_arrive",
    ),
    ("prepare", made, "planning_changes_nothing"),
    ("load", outcomes(lambda o: replace(o, rows_loaded=o.rows_loaded + 1)), "rows_arrive"),
    (
        "describe",
        lambda a, _: a and replace(a, columns=a.columns[::-1]),
        "a_table_describes_itself",
    ),
    ("load", outcomes(lambda o: replace(o, rows_deleted=0)), "a_files_rows_are_replaced"),
    (
        "pending",
        each(lambda d: replace(d, pending=d.pending or d.file.etag == "v1")),
        "a_loaded_version_is_not_pending",
    ),
    ("history", forgetful, "failures_are_remembered"),
    ("forget", lambda a, _: a + 1, "forgotten_files_are_gone"),
    (
        "pending",
        each(lambda d: replace(d, pending=d.pending and (d.file.etag, d.reason) != OLDER)),
        "the_latest_version_counts",
    ),
    ("maintain", lossy, "maintenance_changes_no_rows"),
]


def samples_state(table: str) -> Any:
    from lakefall.contract.values import TableState

    return TableState(table, ())


REGISTRAR = [
    (
        "register",
        lambda a, _: replace(a, ok=True),
        "a_server_that_is_away_is_a_warning",
    ),
    ("check", each(lambda c: replace(c, ok=True)), "a_check_says_that_the_server_is_away"),
    (
        "register",
        lambda a, _: replace(a, table="orders"),
        "every_table_is_told",
    ),
    (
        "reconcile",
        each(lambda r: replace(r, ok=True)),
        "reconciling_with_a_server_that_is_away_is_a_warning",
    ),
    (
        "reconcile",
        lambda a, g: [*a, Registered("", "orders", ok=False, message="away")][:1],
        "reconciling_nothing_is_nothing",
    ),
]


TOLD = "a_file_that_arrives_is_told"
AGAIN = "a_file_that_arrives_again_is_told_again"


class Deaf(samples.Lines):
    """Tells what ``heard`` makes of the keys."""

    heard: ClassVar[Callable[[str], str | None]]
    late: ClassVar[float] = 0.0
    """Seconds after the watcher's end."""

    @hookimpl
    def notify(self, hints: Any) -> None:
        told = 0
        hints.begun()
        while not hints.stopped.wait(0.02):
            new = self._lines()[told:]
            told += len(new)
            hints.tell(Hint(heard) for key in new if (heard := type(self).heard(key)))
        time.sleep(self.late)


ONCE: set[str] = set()
NOTIFIER = [
    (lambda key: None if "2024" in key else key, 0.0, TOLD),
    (lambda key: key.replace("+", " "), 0.0, "a_key_is_told_as_the_source_has_it"),
    (lambda key: None if key in ONCE else ONCE.add(key) or key, 0.0, AGAIN),
    (lambda key: key, 0.8, "it_ends_with_the_watcher"),
]


class Notifier(samples.TestNotifier):
    plugin = Deaf
    patience = 0.4


def deaf(heard: Any, late: float) -> type:
    return plugged(Notifier, heard=staticmethod(heard), late=late)


class Amount(TypePlugin[NoOptions]):
    """Whole amounts."""

    name = "amount"

    def candidates(self, settings: TypeSettings) -> Iterable[TypeCandidate]:
        plain = TypeCandidate(
            "AMOUNT", 1, "int", "INTEGER", whole("-?([1-9][0-9]{0,8}|0)"), "plain",
            telltale=lambda text: f"({text} GLOB '*[0-9]*')",
            text=lambda value: f"CAST({value} AS VARCHAR)",
            signs=(barring("0[0-9]*"),),
            examples=("1", "-20", "300"),
            counter_examples=("x", "1.5", "007"),
        )  # fmt: skip
        signed = whole("[+-]?([1-9][0-9]{0,8}|0)")
        return [plain, replace(plain, format="signed", parse=signed, text=None, extends=("plain",))]


def barring(pattern: str) -> Sign:
    return Sign("in digits", lambda text: f"({text} GLOB '{pattern}')", Role.NO_NUMBER)


def whole(pattern: str) -> Callable[[str], str]:
    return lambda text: (
        f"CASE WHEN regexp_full_match({text}, '{pattern}') THEN TRY_CAST({text} AS INTEGER) END"
    )


class Types(TypeContract):
    plugin = Amount


def candidates(change: Callable[[Any], Any]) -> tuple[str, Change]:
    return "candidates", lambda a, _: [change(c) for c in a]


def parsing(sql: str) -> tuple[str, Change]:
    """Another parser: ``{0}`` is the text, ``{1}`` what is right."""
    return candidates(lambda c: replace(c, parse=lambda text: sql.format(text, c.parse(text))))


TYPE = [
    ("candidates", lambda a, _: [], "it_proposes_something"),
    ("for_type", lambda a, _: None, "its_own_type_is_found_again"),
    (
        "for_type",
        lambda a, g: a or next(iter(g.self.candidates(g.settings)), None),
        "another_type_is_not_claimed",
    ),
    (
        *candidates(lambda c: replace(c, iceberg="long")),
        "the_catalog_stores_what_the_parser_yields",
    ),
    (*candidates(lambda c: replace(c, examples=("1", "one"))), "every_example_parses"),
    (*candidates(lambda c: replace(c, counter_examples=("7",))), "no_counter_example_parses"),
    (*parsing("CASE WHEN {0} IS NULL THEN 0 ELSE {1} END"), "null_stays_null"),
    (*parsing("CAST({1} AS BIGINT)"), "length_and_type_are_exact"),
    (
        *parsing("CAST({1} + count(*) OVER () AS INTEGER)"),
        "each_value_is_judged_alone the_text_of_a_value_is_read_as_that_value",
    ),
    (
        *candidates(lambda c: c if c.text is None else
                    replace(c, text=lambda value: f"CAST({value} + 1 AS VARCHAR)")),
        "the_text_of_a_value_is_read_as_that_value",
    ),
    (
        *parsing("CASE WHEN regexp_full_match({0}, '-2.+0') THEN CAST(error('?') AS INTEGER)"
                 " ELSE {1} END"),
        "parsing_never_raises",
    ),
    (
        *parsing("CASE WHEN {0} LIKE ' %' THEN 5 ELSE {1} END"),
        "blanks_around_a_value_never_change_it",
    ),
    (
        *candidates(lambda c: replace(c, signs=(barring("1"),))),
        "a_vetoed_value_does_not_parse",
    ),
    (*candidates(lambda c: replace(c, telltale=lambda _: "false")), "a_telltale_tells"),
    (
        *candidates(lambda c: c if c.format == "plain" else
                    replace(c, parse=lambda text: f"({c.parse(text)} + 1)")),
        "what_it_extends_it_takes_as_the_same_value",
    ),
]  # fmt: skip


class Unwritten(samples.Filled.options_model):  # type: ignore[name-defined,misc]
    """Options of which one has no description."""

    bare: int = 1


class Elsewhere(samples.Filled.options_model):  # type: ignore[name-defined,misc]
    """Options that say where."""

    connection: ClassVar[frozenset[str]] = frozenset({"url"})


class Lenient(samples.Filled.options_model):  # type: ignore[name-defined,misc]
    """Options that take others."""

    model_config = ConfigDict(extra="ignore")


@hookimpl
def valdate(self: Any, batch: Any) -> None:
    """No hook is called so."""


class UnsteadySource(samples.InlineSource):
    """Its tokens may have something behind a plus sign."""

    @hookimpl
    def fetch(self, run: Any, file: Any) -> Any:
        steady = replace(file, etag=file.etag.partition("+")[0])
        return replace(super().fetch(run, steady), file=file)

    @hookimpl
    def locate(self, run: Any, hints: Any) -> Any:
        keys = {hint.key for hint in hints if hint.origin in ("", ORIGIN)}
        return [file for file in self.discover(run) if file.key in keys]


class MaintainedFolder(samples.ParquetFolder):
    """Has nothing to do to its tables."""

    @hookimpl
    def tables(self) -> list[str]:
        return list(self._read()["tables"])

    @hookimpl
    def maintain(self, table: str) -> Maintained:
        return Maintained(table)


class ReconcilingFile(samples.JsonFile):
    """Says of every table that the file cannot be written."""

    @hookimpl
    def reconcile(self, tables: Any) -> list[Registered]:
        return [Registered(self.name, table, ok=False, message="no folder") for table in tables]


class QuickReader(samples.FixedReader):
    """Takes `quick`, which the changes look at."""

    @hookimpl
    def open(self, run: Any, local: Any, format: Any, quick: bool) -> Any:
        return super().open(run, local, format)


class Source(samples.TestSource):
    plugin = UnsteadySource


class Csv(SnifferContract):
    plugin = CsvSniffer
    delimiters = (";",)


class Sink(samples.TestSink):
    plugin = MaintainedFolder


class Registrar(samples.TestRegistrar):
    plugin = ReconcilingFile


class Reader(samples.TestReader):
    plugin = QuickReader


class TableInferer(samples.TextInferer):
    """Takes `table` and `quick`, which the changes look at."""

    @hookimpl
    def infer(self, records: Any, table: Any, quick: bool) -> Any:
        return super().infer(records)


class Inferer(samples.TestInferer):
    plugin = TableInferer


def cases() -> list[Any]:
    listed: list[tuple[type, str, Change, str]] = [
        *((Source, *case) for case in SOURCE),
        (
            Csv,
            "sniff",
            good(lambda f: f and replace(f, delimiter="|")),
            "plain_files_in_each_delimiter",
        ),
        *((Types, *case) for case in TYPE),
        *((samples.TestSniffer, *case) for case in SNIFFER),
        *((Reader, *case) for case in READER),
        *((Inferer, "infer", *case) for case in INFERER),
        *((samples.TestValidator, "validate", *case) for case in VALIDATOR),
        *((Sink, *case) for case in SINK),
        *((Registrar, *case) for case in REGISTRAR),
    ]
    return [pytest.param(*case, id=f"{case[0].__name__}-{case[3]}") for case in listed]


RUNNING = "good_rows_pass every_bad_row_is_found a_violation_says_why no_rows_are_no_violation"
SPOILT = [
    (plugged(samples.TestValidator, __doc__=""), "it_introduces_itself"),
    (plugged(samples.TestValidator, options_model=Unwritten), "every_option_is_described"),
    (plugged(samples.TestValidator, options_model=Elsewhere), "options_that_say_where_exist"),
    (plugged(samples.TestValidator, options_model=Lenient), "unknown_options_are_refused"),
    (
        plugged(samples.TestValidator, valdate=valdate),
        f"the_pipeline_takes_it each_row_is_judged_alone {RUNNING}",
    ),
    *((deaf(heard, late), laws) for heard, late, laws in NOTIFIER),
    (changed(samples.TestSniffer, examples=lambda _: {}), "there_are_examples"),
    (changed(samples.TestReader, examples=lambda _: ()), "there_are_examples"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("suite", "hook", "change", "laws"), cases())
def test_a_plugin_that_breaks_a_law_fails_it(
    suite: type, hook: str, change: Change, laws: str
) -> None:
    assert failed(wrong(suite, hook, change)) == set(laws.split())


@pytest.mark.slow
@pytest.mark.parametrize(("suite", "laws"), SPOILT, ids=[laws.split()[0] for _, laws in SPOILT])
def test_what_else_breaks_a_law(suite: type, laws: str) -> None:
    assert failed(suite) == set(laws.split())


def contract_of(suite: type) -> type:
    return next(each for each in suite.__mro__ if each.__module__.startswith("lakefall.testing."))


def test_every_law_is_broken_by_a_plugin() -> None:
    broken: dict[type, set[str]] = {}
    for suite, laws in [(c.values[0], c.values[3]) for c in cases()] + SPOILT:
        broken.setdefault(contract_of(suite), set()).update(laws.split())
    suites = {getattr(testing, name) for name in testing.__all__ if name.endswith("Contract")} - {
        PluginContract
    }
    assert broken.keys() == suites
    shared = laws_of(StepContract)
    assert set().union(*broken.values()) >= shared
    assert {s.__name__: laws_of(s) - shared - broken[s] for s in suites} == {
        s.__name__: set() for s in suites
    }
