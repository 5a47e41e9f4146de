"""``lakefall watch`` in this process: what it loads, when it looks again, what it survives."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lakefall.config.loader import open_pipeline
from lakefall.contract.hints import Hint, Hints
from lakefall.contract.values import Status
from lakefall.run.report import RunReport
from lakefall.run.runner import Runner
from lakefall.run.watch import Watcher

PIPELINE = """
source: {source}
sink: {{use: iceberg, catalog: {{type: sqlite, warehouse: {folder}/lake}}}}
cache: {{dir: {folder}/cache}}
plugins: [own.py]
watch: {{settle: 20ms, max_batch: 2}}
{more}
"""
OWN = '''
import pathlib
from lakefall.contract.hints import Hint
from lakefall.contract.plugin import NoOptions, Plugin, Stage, hookimpl
from lakefall.contract.values import Registered, WrongFile

HERE = pathlib.Path(__file__).parent


class Written(Plugin[NoOptions]):
    """Tells what the lines of a file say: origin and key."""

    name, stage = "written", Stage.NOTIFIER

    @hookimpl
    def notify(self, hints):
        if not (HERE / "up").exists():
            (HERE / "up").touch()
            raise OSError(111, "Connection refused")
        hints.begun()
        told = 0
        while not hints.stopped.wait(0.02):
            text = (HERE / "hints").read_text() if (HERE / "hints").exists() else ""
            lines = text.split("\\n")[:-1]
            hints.tell(Hint(*line.split("\\t")[::-1]) for line in lines[told:])
            told = len(lines)


class Doubting(Plugin[NoOptions]):
    """Finds the rows of each file wrong, once."""

    name, stage = "doubting", Stage.CATALOG_REGISTRAR
    seen = set()

    @hookimpl
    def register(self, loaded):
        keys = {o.file.key for o in loaded.outcomes} - self.seen
        self.seen.update(keys)
        wrong = tuple(WrongFile(key, "not there yet") for key in sorted(keys))
        return Registered("doubting", loaded.table, ok=not wrong, wrong=wrong)


class Waiting(Plugin[NoOptions]):
    """Lets no rows of a large file pass before another file says so."""

    name, stage = "waiting", Stage.VALIDATOR

    @hookimpl
    def validate(self, batch):
        import time
        while batch.num_rows > 100 and not (HERE / "go").exists():
            (HERE / "reached").touch()
            time.sleep(0.02)
        return ()
'''
FOLDER = "notifier: folder"


class Place:
    """An inbox, a pipeline over it, and a watcher."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inbox = folder / "inbox"
        self.inbox.mkdir()
        self.reports: list[RunReport] = []
        (folder / "own.py").write_text(OWN)

    def watcher(self, more: str = "", source: str = "", large: str = "") -> Watcher:
        path = self.folder / "p.yaml"
        source = source or f"{{use: folder, path: {self.inbox}}}"
        text = PIPELINE.format(folder=self.folder, more=more, source=source)
        path.write_text(text.replace("max_batch: 2", f"large: {large}") if large else text)
        return Watcher(open_pipeline(path), self.reports.append)

    @contextmanager
    def watching(self, more: str = "", source: str = "", large: str = "") -> Iterator[Watcher]:
        watcher = self.watcher(more, source, large)
        thread = threading.Thread(target=watcher.watch)
        thread.start()
        try:
            until(lambda: watcher.health()["listed_at"])
            yield watcher
        finally:
            watcher.stop()
            thread.join(20)
            assert not thread.is_alive()

    def put(self, key: str, text: str = "id,name\n1,ann\n") -> None:
        """As an uploader should: under another name, then renamed."""
        path = self.inbox / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name(".upload").write_text(text)
        path.with_name(".upload").rename(path)

    def hint(self, *lines: str) -> None:
        with (self.folder / "hints").open("a") as file:
            file.write("".join(f"{line}\n" for line in lines))

    def outcomes(self, *statuses: Status) -> list[tuple[str, str]]:
        """Keys in the order in which they were done, and what was said of each."""
        every = [o for report in tuple(self.reports) for o in report.outcomes]
        return [(o.file.key, o.error) for o in every if o.status in (statuses or [Status.SUCCESS])]

    def loaded(self) -> list[str]:
        return [key for key, _ in self.outcomes()]

    def catalog(self) -> Any:
        from pyiceberg.catalog.sql import SqlCatalog

        lake = self.folder / "lake"
        return SqlCatalog("lakefall", uri=f"sqlite:///{lake}/catalog.db", warehouse=str(lake))

    def rows(self, table: str) -> int:
        return len(self.catalog().load_table(("lakehouse", table)).scan().to_arrow())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def until(holds: Callable[[], object], timeout: float = 20.0) -> None:
    end = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.slow
def test_files_put_into_a_folder_are_loaded_when_they_are_whole(place: Place) -> None:
    place.put("orders/before.csv")
    with place.watching(FOLDER):
        assert place.loaded() == ["orders/before.csv"]
        began = time.monotonic()
        place.put("orders/renamed.csv")
        until(lambda: "orders/renamed.csv" in place.loaded())
        assert time.monotonic() - began < 5
        # A folder that nobody watched when its file was written.
        place.put("made/now/deep.csv")
        until(lambda: "made/now/deep.csv" in place.loaded())
        (place.inbox / "orders" / "half.csv.part").write_text("id,name\n1,a\n")
        with (place.inbox / "orders" / "slow.csv").open("w") as slow:
            slow.write("id,name\n1,ann\n")
            slow.flush()
            time.sleep(0.8)
            slow.write("2,bob\n")
        until(lambda: "orders/slow.csv" in place.loaded())
    assert len(place.loaded()) == 4
    assert place.rows("orders") == 4
    assert place.rows("made") == 1


def test_once_loads_all_that_is_there_in_batches(place: Place) -> None:
    keys = [f"{table}/{n}.csv" for n in range(3) for table in ("a", "b")]
    for key in keys:
        place.put(key)
    watcher = place.watcher("notifier: written")
    watcher.watch(once=True)
    assert sorted(place.loaded()) == sorted(keys)
    assert [report.count(Status.SUCCESS) for report in place.reports] == [2, 2, 2]
    assert not watcher.failed and not (place.folder / "up").exists(), "no notifier is asked"
    place.reports.clear()
    place.watcher().watch(once=True)
    assert place.loaded() == []


def test_a_hint_is_no_more_than_a_hint(place: Place) -> None:
    """Duplicates, wrong order, other sources' files, keys that lead elsewhere, and nothing."""
    outside = place.folder / "secret"
    outside.mkdir()
    (outside / "s.csv").write_text("id\n1\n")
    (place.inbox / "linked").symlink_to(outside)
    with place.watching("notifier: written") as watcher:
        assert place.loaded() == []
        for n in range(3):
            place.put(f"t/{n}.csv", f"id,name\n{n + 20},ann\n")
        (place.inbox / "t" / ".uploads").mkdir()
        place.put("t/.uploads/part.csv")
        place.hint("\tt/1.csv", "\tt/0.csv", "\tt/1.csv", f"{place.inbox.as_uri()}\tt/1.csv")
        place.hint("s3://else\tt/2.csv", "\tlinked/s.csv", "\t../secret/s.csv", "\tt/gone.csv")
        place.hint(f"\t{outside}/s.csv", "\tt/.uploads/part.csv", "\tt", "\t", f"\t{'k' * 70_000}")
        until(lambda: len(set(place.loaded())) == 2)
        place.hint("\tt/2.csv")
        until(lambda: "t/2.csv" in place.loaded())
        place.hint("\tt/2.csv")
        until(lambda: place.outcomes(Status.UNCHANGED).count(("t/2.csv", "")) > 0)
        assert watcher.health()["ok"]
    assert sorted(place.loaded()) == ["t/0.csv", "t/1.csv", "t/2.csv"]
    assert [key for key, _ in place.outcomes(Status.FAILED, Status.SKIPPED)] == ["linked/"]
    assert place.rows("t") == 3


def test_a_notifier_that_fails_begins_anew_and_the_source_is_listed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakefall.run.watch._WELCOME", 0.1)
    with place.watching("notifier: written") as watcher:
        until(lambda: "Connection refused" in watcher.health()["notifiers"]["written"])
        place.put("t/a.csv")  # nobody tells of it
        until(lambda: watcher.health()["notifiers"]["written"] == "listens")
        until(lambda: place.loaded() == ["t/a.csv"])


@pytest.mark.slow
def test_a_file_that_fails_for_now_is_tried_again(place: Place) -> None:
    place.put("t/a.csv")
    with place.watching("catalog_registrar: doubting") as watcher:
        assert place.outcomes(Status.FAILED) == [("t/a.csv", "doubting: not there yet")]
        assert watcher.health()["files_to_try_again"] == 1
        until(lambda: place.loaded() == ["t/a.csv"])
        until(lambda: watcher.health()["files_to_try_again"] == 0)
    assert place.rows("t") == 1


def test_an_outage_ends_with_a_listing(place: Place) -> None:
    """The whole source is away for a while; what arrived meanwhile was told by nobody."""
    (place.folder / "up").touch()
    with place.watching("notifier: [folder, written]") as watcher:
        place.inbox.rename(place.folder / "away")
        place.folder.joinpath("away", "t").mkdir()
        place.folder.joinpath("away", "t", "a.csv").write_text("id\n1\n")
        place.hint("\tt/b.csv")
        until(lambda: "does not exist" in watcher.health()["error"])
        assert not watcher.health()["ok"]
        until(lambda: watcher.health()["notifiers"]["folder"] != "listens")
        (place.folder / "away").rename(place.inbox)
        until(lambda: place.loaded() == ["t/a.csv"])
        assert watcher.health()["ok"]


@pytest.mark.slow
def test_two_watchers_lose_and_double_nothing(place: Place) -> None:
    """Each has told it the other's files too."""
    keys = [f"t{n % 2}/{n}.csv" for n in range(6)]
    with place.watching(FOLDER), place.watching(FOLDER):
        for n, key in enumerate(keys):
            place.put(key, f"id,name\n{n},ann\n")
        until(lambda: {*place.loaded()} >= {*keys}, 60)
    assert {*place.loaded()} == {*keys}
    assert sum(place.rows(f"t{n}") for n in range(2)) == len(keys)


def test_more_hints_than_are_kept_become_a_listing() -> None:
    hints = Hints(at_most=3)
    first = hints.tell(Hint(str(n)) for n in (1, 2, 2))
    second = hints.tell(Hint(str(n)) for n in (2, 3, 4, 5))
    assert len(hints) == 3
    doubts, dropped = hints.take_doubts()
    assert len(doubts) == 1 and dropped == [second, second]
    taken = hints.take(2)
    hints.put_back(taken)
    taken = hints.take(9)
    assert [hint.key for hint in taken] == ["1", "2", "3"]
    hints.done(taken)
    assert first.recorded and not second.recorded
    for told in dropped:
        told.left -= 1
    assert second.recorded
    assert not hints.wait(0)


@pytest.mark.parametrize(
    ("arrivals", "sleeps"),
    [([], 1), ([0, 0], 1), ([8, 1], 1), ([10], 2), ([10, 10, 10, 9, 9], 4), ([500] * 50, 10)],
)
def test_a_burst_is_waited_for_and_a_trickle_is_not(arrivals: list[int], sleeps: int) -> None:
    """Hints that come in while it sleeps; for ten times ``settle`` at most."""
    hints, slept = Hints(), []

    def sleep(seconds: float) -> None:
        number = arrivals[len(slept)] if len(slept) < len(arrivals) else 0
        slept.append(seconds)
        hints.tell(Hint(f"{len(slept)}/{n}") for n in range(number))

    hints.settle(0.1, sleep)
    assert len(slept) == sleeps
    assert len(hints) == sum(arrivals[:sleeps])


def test_a_file_that_is_written_is_left_to_the_next_listing(place: Place) -> None:
    place.put("t/a.csv")
    with (place.inbox / "t" / "a.csv").open("a") as writer:
        watcher = place.watcher()
        watcher.watch(once=True)
        assert place.loaded() == []
        assert ["written" in w or "writes" in w for w in place.reports[0].warnings] == [True]
        writer.write("2,bob\n")
    place.watcher().watch(once=True)
    assert place.loaded() == ["t/a.csv"] and place.rows("t") == 2


def test_content_that_another_key_has_is_found_though_nothing_is_listed(place: Place) -> None:
    """Also where rows of files that are gone would be deleted by a listing."""
    place.put("t/a.csv")
    source = "{use: folder, path: %s, on_duplicate_content: skip, on_source_deleted: delete}"
    with place.watching(FOLDER, source % place.inbox):
        place.put("t/b.csv")
        until(lambda: place.outcomes(Status.SKIPPED))
    assert place.loaded() == ["t/a.csv"]
    assert "same content as 't/a.csv'" in place.outcomes(Status.SKIPPED)[0][1]


@pytest.mark.slow
def test_a_table_that_takes_long_holds_up_no_other(place: Place) -> None:
    """Its own files come in order, and the message that told of it is kept until it is loaded."""
    more = "notifier: folder\nvalidator: waiting"
    rows = "".join(f"{n},ann\n" for n in range(1000))
    with place.watching(more, large="1KB") as watcher:
        place.put("big/a.csv", "id,name\n" + rows)
        until((place.folder / "reached").exists)
        for n in range(3):
            place.put(f"t/{n}.csv", f"id,name\n{n},ann\n")
            until(lambda: f"t/{n}.csv" in place.loaded())  # noqa: B023
        assert "big/a.csv" not in place.loaded()
        place.put("big/b.csv", "id,name\n" + rows)
        (place.folder / "go").touch()
        until(lambda: {"big/a.csv", "big/b.csv"} <= {*place.loaded()})
        until(lambda: watcher.health()["hints_waiting"] == 0)
    assert place.rows("big") == 2000 and place.rows("t") == 3


def test_a_table_that_was_dropped_and_is_made_anew_by_one_file_gets_its_others_back(
    place: Place,
) -> None:
    place.put("t/a.csv")
    place.put("u/a.csv", "id,name\n2,ann\n")
    place.watcher().watch(once=True)
    place.catalog().drop_table(("lakehouse", "t"))
    place.put("t/b.csv", "id,name\n3,ann\n")
    Runner(open_pipeline(place.folder / "p.yaml")).run(keys=["t/b.csv"])
    assert place.rows("t") == 1
    report = Runner(open_pipeline(place.folder / "p.yaml")).run()
    assert {o.file.key: o.status for o in report.outcomes} == {
        "t/a.csv": Status.SUCCESS,
        "t/b.csv": Status.UNCHANGED,
        "u/a.csv": Status.UNCHANGED,
    }
    assert place.rows("t") == 2
