"""The commit protocol as a simulation of which every course of events is tried.

Two hosts load one file, whose content changes meanwhile, into one table behind a REST catalog. In
each state the explorer takes every step that may come next: of a host, of the catalog (answers are
lost, requests arrive late or twice), of the source, and a crash. What the hosts decide is asked of
the functions that decide in the product: which files are pending (``registry.decide``,
``doubted``), the time of a registry's row (``after``), which version is superseded
(``not_superseded``), what an answer means (``leaves_doubt``, ``is_answer``, ``is_certain``, and
``again`` of the attempts).

``GUARDS`` are the rules that the protocol consists of. ``explore`` without one of them finds the
course of events that the rule is there for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from types import SimpleNamespace
from typing import Any

from lakefall.common.waiting import Backoff
from lakefall.contract.values import Converted, SourceFile, TablePlan
from lakefall_plugins.sinks.iceberg import commit as product
from lakefall_plugins.sinks.iceberg import errors
from lakefall_plugins.sinks.lake import registry
from lakefall_plugins.sinks.lake.commits import not_superseded
from lakefall_plugins.sinks.lake.registry import Row
from lakefall_plugins.sinks.lake.versions import EPOCH, Version

GUARDS = {
    "journal first": "a file is in the journal before its first byte is in the store",
    "journal is locked": "a sweep leaves the files of a load that is alive",
    "sweep waits": "a sweep leaves files as long as a request for them may be on its way",
    "sweep looks": "a sweep leaves files that a snapshot names",
    "doubt keeps files": "nothing is removed while it is not known whether a commit was done",
    "refusal looked up": "the table is looked at before a refusal is believed",
    "confirm": "files are looked for in the store before a commit names them",
    "find own commit": "each attempt looks for the commit of the one before",
    "superseded": "a load gives up when a newer version was committed since its listing",
    "table is asked": "what the registry calls unchanged is compared with the table",
    "registry last": "the registry is written after the data",
    "rejects first": "the rejects are written before the data",
    "rows in order": "no row of the registry is older than the one before it",
    "maintenance": "what no journal lists, manifests of dead attempts, is looked for in the folder",
    "maintenance looks": "maintenance removes only what no snapshot names",
    "maintenance waits": "maintenance leaves manifests that a request on its way may name",
}


@dataclass(frozen=True, slots=True)
class Load:
    """A process that loads one version of the file."""

    number: int
    phase: str = "listed"
    etag: str = ""
    modified: int = 0
    replaces: str = ""
    listed: int = 0
    """By the host's own clock."""
    attempt: int = 0
    base: int = -1
    doubt: bool = False
    """An attempt before this one may have been done."""


@dataclass(frozen=True, slots=True)
class Request:
    """A commit that is on its way to the catalog."""

    load: int
    attempt: int
    etag: str
    modified: int
    base: int
    committed: int


@dataclass(frozen=True, slots=True)
class Journal:
    host: int
    load: int
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class World:
    """All that there is. Snapshots stay; the last one is the table."""

    source: int = 0
    """Which of the scenario's contents the source has."""
    modified: int = 0
    clock: int = 1
    snapshots: tuple[Request, ...] = ()
    store: frozenset[str] = frozenset()
    requests: frozenset[Request] = frozenset()
    rows: tuple[tuple[str, int, int], ...] = ()
    """ETag, modified, time of the registry's rows."""
    rejects: frozenset[str] = frozenset()
    journals: frozenset[Journal] = frozenset()
    hosts: tuple[Load | None, ...] = (None, None)
    loads: int = 0
    runs: tuple[int, ...] = (1, 1)
    """That each host may still begin."""
    crashes: int = 1
    faults: int = 1
    maintenances: int = 1
    named_missing: bool = False
    """A snapshot names a file that is not in the store."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What may happen, and within which bounds."""

    contents: str = "AB"
    clocks: tuple[int, ...] = (0, 0)
    """Seconds by which each host's clock is ahead."""
    runs: tuple[int, ...] = (1, 1)
    crashes: int = 1
    faults: int = 1
    maintenances: int = 0
    one_host: bool = False
    """Both processes are on one host: each sees the journals of the other."""

    def start(self) -> World:
        return World(
            runs=self.runs,
            crashes=self.crashes,
            faults=self.faults,
            maintenances=self.maintenances,
        )


Step = tuple[str, World]


@dataclass(frozen=True, slots=True)
class Found:
    """A course of events that breaks an invariant."""

    broken: str
    steps: tuple[str, ...]


class Model:
    """The steps of a scenario, without one of the guards where it is named."""

    def __init__(self, scenario: Scenario, without: str = "") -> None:
        assert not without or without in GUARDS, without
        self.scenario, self.without = scenario, without

    def has(self, guard: str) -> bool:
        assert guard in GUARDS
        return guard != self.without

    # --- everything that may come next ---

    def steps(self, w: World) -> Iterator[Step]:
        for h, load in enumerate(w.hosts):
            if load is None:
                if w.runs[h]:
                    yield f"host {h} lists", self.begin(w, h)
                continue
            for what, after in self.advance(w, h, load):
                yield f"host {h} (load {load.number}, {load.etag}): {what}", after
            if w.crashes:
                yield f"host {h} dies", replace(_set(w, h, None), crashes=w.crashes - 1)
        if w.source + 1 < len(self.scenario.contents):
            now = w.clock + 1
            yield (
                f"the source gets {self.scenario.contents[w.source + 1]}",
                replace(w, source=w.source + 1, modified=now, clock=now),
            )
        for request in w.requests:
            gone = replace(w, requests=w.requests - {request})
            yield f"a late request of load {request.load} arrives", self.arrive(gone, request)[0]
            yield f"a late request of load {request.load} is dropped", gone
        if w.maintenances:
            yield "maintenance", replace(self.maintain(w), maintenances=w.maintenances - 1)

    def begin(self, w: World, h: int) -> World:
        """List, and decide with the product's own functions."""
        runs = tuple(n - (i == h) for i, n in enumerate(w.runs))
        w = replace(w, runs=runs, clock=w.clock + 1)
        etag = self.scenario.contents[w.source]
        decided = decide(etag, w.modified, w.rows, bool(w.snapshots))
        if not decided.pending and self.has("table is asked") and w.snapshots:
            there = w.snapshots[-1].etag
            if there != w.rows[-1][0]:
                (decided,) = registry.doubted([decided], {KEY: there})
        if not decided.pending:
            return w
        load = Load(
            w.loads,
            "sweep",
            etag,
            w.modified,
            decided.file.replaces,
            w.clock + self.scenario.clocks[h],
        )
        return replace(_set(w, h, load), loads=w.loads + 1)

    def advance(self, w: World, h: int, load: Load) -> Iterator[Step]:
        """The next step of a load."""

        def to(phase: str, world: World = w, **more: Any) -> World:
            return _set(world, h, replace(load, phase=phase, **more))

        data = f"data {load.number}"
        if load.phase == "sweep":
            first = "rejects" if self.has("rejects first") else "journal"
            if not self.has("registry last"):
                first = "record early"
            yield "sweeps", to(first, self.sweep(w, h))
        elif load.phase == "record early":
            yield "writes the registry", to("rejects", self.record(w, h, load))
        elif load.phase == "rejects":
            written = replace(w, rejects=w.rejects | {load.etag})
            late = not self.has("rejects first")
            yield "writes its rejects", to("done" if late else "journal", written)
        elif load.phase == "journal":
            mine = Journal(self.home(h), load.number, (data,) if self.has("journal first") else ())
            yield "notes its file", to("upload", replace(w, journals=w.journals | {mine}))
        elif load.phase == "upload":
            yield "uploads", to("attempt", replace(w, store=w.store | {data}))
            if w.faults:
                yield "uploads, nothing is stored", to("attempt", replace(w, faults=w.faults - 1))
        elif load.phase == "attempt":
            yield self.attempt(w, h, load)
        elif load.phase == "send":
            yield from self.send(w, h, load)
        elif load.phase == "record":
            early = not self.has("registry last")
            yield "writes the registry", to("late rejects", w if early else self.record(w, h, load))
        elif load.phase == "late rejects":
            phase = "done" if self.has("rejects first") else "rejects"
            yield "goes on", to(phase)
        elif load.phase == "done":
            yield "ends", self.end(w, h, load)

    # --- one attempt ---

    def attempt(self, w: World, h: int, load: Load) -> Step:
        if self.has("find own commit") and any(s.load == load.number for s in w.snapshots):
            return "finds its commit", _set(w, h, replace(load, phase="record"))
        if self.has("superseded") and superseded(load, w.snapshots):
            return "gives up: superseded", self.fail(w, h, load)
        manifest = f"manifest {load.number}.{load.attempt}"
        w = replace(w, store=w.store | {manifest})
        if self.has("confirm") and f"data {load.number}" not in w.store:
            return "misses its file", self.fail(_without(w, manifest), h, load)
        staged = replace(load, phase="send", base=len(w.snapshots))
        return "stages", _set(w, h, staged)

    def send(self, w: World, h: int, load: Load) -> Iterator[Step]:
        request = Request(
            load.number,
            load.attempt,
            load.etag,
            load.modified,
            load.base,
            w.clock + self.scenario.clocks[h],
        )
        arrived, done = self.arrive(w, request)
        if done:
            yield "commits", _set(arrived, h, replace(load, phase="record"))
        else:
            yield "is refused (409)", self.answered(arrived, h, load, CONFLICT)
        if not w.faults:
            return
        faulty = replace(w, faults=w.faults - 1)
        yield (
            "sends, no answer, the request is on its way",
            self.answered(replace(faulty, requests=w.requests | {request}), h, load, LOST),
        )
        if done:
            arrived = replace(arrived, faults=w.faults - 1)
            yield "commits, the answer is lost", self.answered(arrived, h, load, LOST)
            yield (
                "commits, is delivered twice, the answer is 409",
                self.answered(arrived, h, load, CONFLICT),
            )
            yield (
                "commits, the answer is 400",
                self.answered(arrived, h, load, REFUSED),
            )

    def arrive(self, w: World, request: Request) -> tuple[World, bool]:
        """The catalog takes a commit that rests on what the table is now, and no other."""
        if request.base != len(w.snapshots):
            return w, False
        w = replace(w, snapshots=(*w.snapshots, request), clock=w.clock + 1)
        return _checked(w), True

    def answered(self, w: World, h: int, load: Load, answer: str) -> World:
        """What ``commit`` and ``until_committed`` do with an answer."""
        error = error_of(answer)
        if not errors.leaves_doubt(error) and self.has("refusal looked up"):
            if any(s.load == load.number for s in w.snapshots):
                return _set(w, h, replace(load, phase="record"))
            if errors.is_answer(error) and len(w.snapshots) == load.base:
                error = error_of(LOST)
        elif errors.leaves_doubt(error):
            error = error_of(LOST)
        certain = errors.is_certain(error)
        if certain or not self.has("doubt keeps files"):
            w = _without(w, f"manifest {load.number}.{load.attempt}")
        doubt = load.doubt or errors.is_unknown_commit(error)
        if again(error, load.doubt) and load.attempt < 1:
            return _set(w, h, replace(load, phase="attempt", attempt=load.attempt + 1, doubt=doubt))
        if doubt and self.has("doubt keeps files"):
            return _set(w, h, None)
        return self.fail(w, h, load)

    # --- ends ---

    def record(self, w: World, h: int, load: Load) -> World:
        """The registry's row, with the time that the product gives it."""
        now = EPOCH + timedelta(seconds=w.clock + self.scenario.clocks[h])
        row = registry_row(load.etag, load.modified, now)
        if self.has("rows in order") and w.rows:
            latest = max(moment for *_, moment in w.rows)
            (row,) = registry.after([row], {KEY: EPOCH + timedelta(seconds=latest / 1000)})
        at = round((row.ingested_at - EPOCH).total_seconds() * 1000) + len(w.rows)
        rows = sorted((*w.rows, (load.etag, load.modified, at)), key=lambda r: r[2])
        return replace(w, rows=tuple(rows), clock=w.clock + 1)

    def fail(self, w: World, h: int, load: Load) -> World:
        """A load that is certain to have failed removes its files."""
        return self.end(_without(w, f"data {load.number}"), h, load)

    def end(self, w: World, h: int, load: Load) -> World:
        left = frozenset(j for j in w.journals if j.load != load.number)
        return replace(_set(w, h, None), journals=left)

    def sweep(self, w: World, h: int) -> World:
        """Remove what dead loads of this host left."""
        alive = {load.number for load in w.hosts if load is not None}
        waiting = {r.load for r in w.requests}
        for journal in w.journals:
            dead = journal.load not in alive or not self.has("journal is locked")
            settled = journal.load not in waiting or not self.has("sweep waits")
            if journal.host != self.home(h) or not dead or not settled:
                continue
            for file in journal.files:
                if file not in named(w) or not self.has("sweep looks"):
                    w = _without(w, file)
            w = replace(w, journals=w.journals - {journal})
        return w

    def home(self, h: int) -> int:
        return 0 if self.scenario.one_host else h

    def maintain(self, w: World) -> World:
        """Remove manifests that no snapshot names, after the grace: when nobody may name them."""
        busy = {load.number for load in w.hosts if load is not None} | {r.load for r in w.requests}
        for file in sorted(w.store):
            kind, _, number = file.partition(" ")
            waits = int(number.partition(".")[0]) in busy and self.has("maintenance waits")
            looks = file in named(w) and self.has("maintenance looks")
            if kind == "manifest" and not waits and not looks:
                w = _without(w, file)
        return w

    # --- the invariants ---

    def broken(self, w: World) -> str:
        """The invariant that a state breaks; ``''`` for none."""
        if w.named_missing:
            return "a snapshot names a file that is not in the store"
        if w.rows and w.rows[-1][:2] not in {(s.etag, s.modified) for s in w.snapshots}:
            return "the registry says what the table never held"
        last = [s.modified for s in w.snapshots[-2:]]
        if last != sorted(last) and len(set(self.scenario.clocks)) == 1:
            return "an older version replaced a newer one"
        if w.requests or any(w.hosts):
            return ""
        return self.after_quiet_run(w)

    def after_quiet_run(self, w: World) -> str:
        """One run of host 0 without faults, sweeps of both hosts, one maintenance."""
        w = self.begin(replace(w, faults=0, runs=(1, 0)), 0)
        while (load := w.hosts[0]) is not None:
            ((_, w),) = self.advance(w, 0, load)
        for h in range(len(w.hosts)):
            w = self.sweep(w, h)
        if self.has("maintenance"):
            w = self.maintain(w)
        etag = self.scenario.contents[w.source]
        if w.named_missing:
            return "a snapshot names a file that is not in the store"
        if not w.snapshots or w.snapshots[-1].etag != etag:
            return "after a quiet run the table has not what the source has"
        if not w.rows or w.rows[-1][0] != etag:
            return "after a quiet run the registry does not say what the table has"
        if w.rows[-1][0] not in w.rejects:
            return "after a quiet run the rejects of the version are missing"
        if w.journals or w.store != named(w):
            return f"files stay that nobody names: {sorted(w.store - named(w))}"
        return ""


def explore(model: Model, limit: int = 400_000) -> tuple[int, Found | None]:
    """Every state that can be reached; the shortest course that breaks an invariant, if any."""
    start = model.scenario.start()
    before: dict[World, tuple[World, str] | None] = {start: None}
    queue = deque([start])
    while queue:
        world = queue.popleft()
        if problem := model.broken(world):
            steps = []
            while (come := before[world]) is not None:
                world, what = come
                steps.append(what)
            return len(before), Found(problem, tuple(reversed(steps)))
        for what, after in model.steps(world):
            if after not in before:
                before[after] = world, what
                queue.append(after)
        assert len(before) < limit, "the scenario is too large"
    return len(before), None


# --- the product's own decisions ---

KEY = "t/a.csv"
LOST, CONFLICT, REFUSED = "lost", "409", "400"


@cache
def error_of(answer: str) -> Exception:
    from pyiceberg import exceptions

    kinds: dict[str, Callable[[str], Exception]] = {
        LOST: exceptions.CommitStateUnknownException,
        CONFLICT: exceptions.CommitFailedException,
        REFUSED: exceptions.BadRequestError,
    }
    return kinds[answer](answer)


def again(error: Exception, doubt: bool) -> bool:
    """Whether the product makes another attempt."""
    attempts = product._Attempts("table", Backoff(0, 0, 60), 60)
    if doubt:
        attempts.again(error_of(LOST))
    try:
        return attempts.again(error)
    except product.CatalogUnreachableError:
        return False


def moment(seconds: float) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


def source_file(etag: str, modified: int, replaces: str = "") -> SourceFile:
    return SourceFile(KEY, etag, 1, moment(modified), "t", "t", replaces=replaces)


def registry_row(etag: str, modified: int, at: datetime) -> Row:
    return Row(KEY, etag, "t", 1, "success", None, at, "run", 1, 0, 1, moment(modified))


@cache
def decide(etag: str, modified: int, rows: tuple[tuple[str, int, int], ...], there: bool) -> Any:
    known = [registry_row(e, m, moment(at / 1000)) for e, m, at in rows]
    tables = ["t"] if there else []
    (decided,) = registry.decide([source_file(etag, modified)], known, tables, lambda _: "")[0]
    return decided


@cache
def _superseded(load: Load, version: tuple[str, int, int]) -> bool:
    etag, modified, committed = version
    known = {KEY: [Version(KEY, etag, moment(modified), moment(committed))]}
    file = source_file(load.etag, load.modified, load.replaces)
    converted: Any = SimpleNamespace(file=file, spec=Converted)
    plan: Any = SimpleNamespace(repair=False, table="t", spec=TablePlan)
    return not not_superseded(plan, [converted], known, moment(load.listed))


def superseded(load: Load, snapshots: tuple[Request, ...]) -> bool:
    since = [s for s in snapshots if s.committed >= load.listed]
    asked = replace(load, phase="", attempt=0, base=0, doubt=False)
    return bool(since) and _superseded(
        asked, (since[-1].etag, since[-1].modified, since[-1].committed)
    )


# --- the world's small change ---


def named(w: World) -> frozenset[str]:
    """Files that a snapshot names."""
    data = {f"data {s.load}" for s in w.snapshots}
    return frozenset(data | {f"manifest {s.load}.{s.attempt}" for s in w.snapshots})


def _checked(w: World) -> World:
    return replace(w, named_missing=True) if named(w) - w.store else w


def _without(w: World, file: str) -> World:
    return _checked(replace(w, store=w.store - {file})) if file in w.store else w


def _set(w: World, h: int, load: Load | None) -> World:
    return replace(w, hosts=tuple(load if i == h else one for i, one in enumerate(w.hosts)))
