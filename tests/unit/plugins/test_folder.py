"""The source ``folder`` on real directories."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import resource
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lakefall.contract.configuration import CacheSettings, Engine, PipelineConfig, Use
from lakefall.contract.errors import (
    FileChangedError,
    FileVanishedError,
    SourceMissingError,
    StorageFullError,
    UnsafeKeyError,
)
from lakefall.contract.plugin import Stage, hookimpl
from lakefall.contract.run import Run
from lakefall.contract.values import Event, SourceFile
from lakefall.plugin_loading.pipeline import Pipeline
from lakefall_plugins.formats.csv.options import CsvSnifferOptions
from lakefall_plugins.formats.csv.sniffer import CsvSniffer
from lakefall_plugins.sources import folder
from lakefall_plugins.sources.folder import FolderOptions, FolderSource

LONG_AGO = 1_700_000_000


class Heard:
    def __init__(self) -> None:
        self.events: list[Event] = []

    @hookimpl
    def event(self, event: Event) -> None:
        self.events.append(event)


class Inbox:
    """A directory and one source over it."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.path = base / "inbox"
        self.path.mkdir()
        self.heard = Heard()

    def put(self, key: str, data: bytes = b"a,b\n1,2\n", *, age: float = 3600) -> Path:
        path = self.path / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        moment = time.time() - age
        os.utime(path, (moment, moment))
        return path

    def run(self, **options: Any) -> Run:
        use = Use(
            Stage.SOURCE,
            "folder",
            "folder",
            lambda: FolderSource,
            FolderOptions.model_validate({"path": str(self.path), **options}),
        )
        csv = Use(Stage.SNIFFER, "csv", "csv", lambda: CsvSniffer, CsvSnifferOptions())
        config = PipelineConfig(
            path=self.base / "pipeline.yaml",
            name="pipeline",
            uses={Stage.SOURCE: (use,), Stage.SNIFFER: (csv,)},
            engine=Engine(),
            cache=CacheSettings(self.base / "cache", 0),
            schedule=None,
            patterns=(),
            origins={},
            digest="",
        )
        pipeline = Pipeline(config, lambda _: config, [self.heard])
        return Run(pipeline, "run", datetime.now(UTC), self.base / "work")

    def list(self, **options: Any) -> dict[str, SourceFile]:
        run = self.run(**options)
        return {f.key: f for f in run.pipeline.discover(run) if not f.unread}

    def fetch(self, file: SourceFile, **options: Any) -> bytes:
        run = self.run(**options)
        return run.pipeline.fetch(run, file)[0].path.read_bytes()


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files whose content was read for a hash."""
    opened: list[Path] = []
    real = folder._open

    def spy(path: Path) -> Any:
        opened.append(path)
        return real(path)

    monkeypatch.setattr(folder, "_open", spy)
    return opened


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files count as settled at once: nobody can set a change time back."""
    monkeypatch.setattr("lakefall_plugins.sources.folder.SETTLED_NS", 0)


# --- listing ---


def test_the_key_is_the_path_and_the_etag_the_hash_of_the_content(inbox: Inbox) -> None:
    inbox.put("My Data!/2024/a.csv", b"x\n1\n", age=100)
    file = inbox.list()["My Data!/2024/a.csv"]
    assert (file.folder, file.table, file.size, file.problem) == ("My Data!", "my_data", 4, "")
    assert file.etag == hashlib.sha256(b"x\n1\n").hexdigest()
    assert file.modified.tzinfo is UTC
    assert abs(file.modified.timestamp() - (time.time() - 100)) < 10


def test_plain_and_compressed_files_in_any_case_count_and_nothing_else(inbox: Inbox) -> None:
    wanted = ["t/a.csv", "t/B.CSV", "t/c.csv.gz", "t/d.Csv.Zst", "t/x/y/e.csv"]
    wanted += ["t/a.csv.bz2", "t/b.csv.xz", "t/c.zip", "t/d.tar", "t/e.TAR.GZ", "t/f.tgz"]
    others = ["t/f.txt", "t/g.csv.bak", "t/h.csv.part", "t/.i.csv", ".j/k.csv", "t/l.gz", "t/m.7z"]
    for key in [*wanted, *others]:
        inbox.put(key)
    assert sorted(inbox.list()) == sorted(wanted)


def test_oldest_first(inbox: Inbox) -> None:
    for key, age in (("t/b.csv", 10), ("t/a.csv", 5), ("u/c.csv", 20)):
        inbox.put(key, age=age)
    assert list(inbox.list()) == ["u/c.csv", "t/b.csv", "t/a.csv"]


def test_include_and_exclude(inbox: Inbox) -> None:
    for key in ("t/a.tsv", "t/b.csv", "t/old/c.tsv"):
        inbox.put(key)
    assert list(inbox.list(include=["*/**/*.tsv"], exclude=["*/old/**"])) == ["t/a.tsv"]


def test_partial_files_do_not_count_whatever_is_included(inbox: Inbox) -> None:
    for key in ("t/a.csv.part", "t/b.csv~", "t/~$c.csv", "t/d.csv.crdownload", "t/e.csv"):
        inbox.put(key)
    assert list(inbox.list(include=["**"])) == ["t/e.csv"]


def test_a_file_at_the_root_is_listed_without_a_table(inbox: Inbox) -> None:
    inbox.put("a.csv")
    inbox.put("notes.txt")
    file = inbox.list()["a.csv"]
    assert (file.folder, file.table, file.problem) == ("", "", "")
    assert "notes.txt" not in inbox.list()


def test_young_files_wait(inbox: Inbox) -> None:
    inbox.put("t/old.csv", age=60)
    inbox.put("t/new.csv", age=1)
    assert list(inbox.list(min_object_age="30s")) == ["t/old.csv"]


def test_transliteration_can_be_switched_off(inbox: Inbox) -> None:
    inbox.put("ünïcode/a.csv")
    assert inbox.list()["ünïcode/a.csv"].table == "unicode"
    assert inbox.list(transliterate=False)["ünïcode/a.csv"].table == "_n_code"


def test_a_missing_folder_and_a_file_in_its_place_are_clear_errors(inbox: Inbox) -> None:
    with pytest.raises(SourceMissingError, match="nowhere does not exist; create it"):
        inbox.list(path=str(inbox.base / "nowhere"))
    with pytest.raises(SourceMissingError, match="is a file"):
        inbox.list(path=str(inbox.put("t/a.csv")))


def test_an_empty_folder_lists_nothing(inbox: Inbox) -> None:
    assert inbox.list() == {}


# --- hashes ---


@pytest.mark.usefixtures("settled")
def test_an_unchanged_file_is_hashed_once(inbox: Inbox, hashed: list[Path]) -> None:
    path = inbox.put("t/a.csv")
    first = inbox.list()
    assert hashed == [path]
    assert inbox.list() == first
    assert hashed == [path]


def test_a_file_that_was_just_written_is_not_trusted(inbox: Inbox, hashed: list[Path]) -> None:
    path = inbox.put("t/a.csv", age=0)
    inbox.list()
    inbox.list()
    assert hashed == [path, path]


@pytest.mark.usefixtures("settled")
def test_touching_a_file_does_not_change_its_etag(inbox: Inbox, hashed: list[Path]) -> None:
    path = inbox.put("t/a.csv")
    before = inbox.list()["t/a.csv"]
    os.utime(path, (LONG_AGO, LONG_AGO))
    after = inbox.list()["t/a.csv"]
    assert after.etag == before.etag
    assert after.modified < before.modified
    assert len(hashed) == 2


@pytest.mark.usefixtures("settled")
def test_new_content_under_the_old_size_and_time_is_seen(inbox: Inbox) -> None:
    path = inbox.put("t/a.csv", b"x\n1\n")
    before, status = inbox.list()["t/a.csv"], path.stat()
    path.write_bytes(b"x\n2\n")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert inbox.list()["t/a.csv"].etag == hashlib.sha256(b"x\n2\n").hexdigest() != before.etag


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"t/a.csv": 1}', b"\xff\x00"])
def test_a_damaged_cache_is_ignored_and_rebuilt(
    inbox: Inbox, hashed: list[Path], damage: bytes
) -> None:
    inbox.put("t/a.csv")
    first = inbox.list()
    (cache,) = (inbox.base / "cache").glob("hashes-*.json")
    cache.write_bytes(damage)
    assert inbox.list() == first
    assert inbox.list() == first
    assert len(hashed) == 2


@pytest.mark.usefixtures("settled")
def test_a_cache_that_cannot_be_written_costs_only_time(inbox: Inbox, hashed: list[Path]) -> None:
    (inbox.base / "cache").write_text("a file where the folder should be")
    inbox.put("t/a.csv")
    assert inbox.list() == inbox.list()
    assert len(hashed) == 2


@pytest.mark.usefixtures("settled")
def test_files_that_went_away_are_forgotten(inbox: Inbox) -> None:
    path = inbox.put("t/a.csv")
    inbox.list()
    path.unlink()
    inbox.list()
    (cache,) = (inbox.base / "cache").glob("hashes-*.json")
    assert cache.read_text() == "{}"


# --- what is refused ---


def test_a_link_that_leaves_the_folder_is_listed_and_never_read(
    inbox: Inbox, hashed: list[Path]
) -> None:
    secret = inbox.base / "secret.csv"
    secret.write_text("password\nhunter2\n")
    (inbox.path / "t").mkdir()
    (inbox.path / "t/a.csv").symlink_to(secret)
    file = inbox.list()["t/a.csv"]
    assert "symbolic link that leaves" in file.problem
    assert "put the file itself there" in file.problem
    assert hashed == []
    with pytest.raises(UnsafeKeyError, match="leaves"):
        inbox.fetch(file)


def test_a_folder_link_that_leaves_the_folder_is_listed_and_never_entered(inbox: Inbox) -> None:
    outside = inbox.base / "outside"
    outside.mkdir()
    (outside / "a.csv").write_text("x\n1\n")
    (inbox.path / "t").symlink_to(outside)
    files = inbox.list()
    assert list(files) == ["t/"]
    assert "leaves" in files["t/"].problem
    listed = dataclasses.replace(files["t/"], key="t/a.csv", problem="")
    with pytest.raises(UnsafeKeyError):
        inbox.fetch(listed)


def test_a_link_to_a_file_inside_is_that_file(inbox: Inbox) -> None:
    inbox.put("t/a.csv", b"x\n1\n")
    (inbox.path / "t/b.csv").symlink_to("a.csv")
    file = inbox.list()["t/b.csv"]
    assert file.problem == ""
    assert inbox.fetch(file) == b"x\n1\n"


def test_links_to_nothing_and_to_themselves_are_refused(inbox: Inbox) -> None:
    (inbox.path / "t").mkdir()
    (inbox.path / "t/a.csv").symlink_to("nothing.csv")
    (inbox.path / "t/b.csv").symlink_to("b.csv")
    (inbox.path / "t/loop").symlink_to("..")
    files = inbox.list()
    assert sorted(files) == ["t/a.csv", "t/b.csv", "t/loop/"]
    assert all(f.problem for f in files.values())


def test_the_folder_itself_may_be_a_link(inbox: Inbox) -> None:
    inbox.put("t/a.csv", b"x\n1\n")
    link = inbox.base / "link"
    link.symlink_to(inbox.path)
    assert inbox.fetch(inbox.list(path=str(link))["t/a.csv"], path=str(link)) == b"x\n1\n"


@pytest.mark.parametrize("key", ["../secret.csv", "t/../../secret.csv", "/etc/passwd", "t//a", "."])
def test_a_key_that_leads_out_is_refused(inbox: Inbox, key: str) -> None:
    (inbox.base / "secret.csv").write_text("x\n1\n")
    inbox.put("t/a.csv")
    file = dataclasses.replace(inbox.list()["t/a.csv"], key=key)
    with pytest.raises(UnsafeKeyError):
        inbox.fetch(file)


def test_a_path_that_is_too_long_stops_no_other_file(inbox: Inbox) -> None:
    """Deeper than PATH_MAX: such folders are made by programs that change into each of them."""
    inbox.put("t/a.csv")
    (inbox.path / "deep").mkdir()
    at = os.open(inbox.path / "deep", os.O_RDONLY)
    for _ in range(25):
        os.mkdir("x" * 200, dir_fd=at)
        below = os.open("x" * 200, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)
    try:
        found = {f.key[:10]: f.problem for f in inbox.list().values()}
    finally:
        shutil.rmtree(inbox.path / "deep")
    assert found["t/a.csv"] == ""
    assert "File name too long" in found["deep/xxxxx"]


def test_a_pipe_is_refused_without_waiting_for_its_writer(inbox: Inbox) -> None:
    (inbox.path / "t").mkdir()
    os.mkfifo(inbox.path / "t/a.csv")
    assert "pipe" in inbox.list()["t/a.csv"].problem


def test_a_name_that_is_no_utf8_is_told_in_a_printable_way(inbox: Inbox) -> None:
    folder = os.fsencode(inbox.path) + b"/t"
    os.mkdir(folder)  # noqa: PTH102 -- bytes
    with open(folder + b"/caf\xe9.csv", "wb") as out:  # noqa: PTH123
        out.write(b"x\n1\n")
    file = inbox.list()["t/caf\\xe9.csv"]
    assert "not UTF-8; rename" in file.problem
    file.key.encode()


def test_unusual_but_legal_names_are_loaded(inbox: Inbox) -> None:
    for name in (
        "new\nline.csv",
        "a'b\"c.csv",
        "[x].csv",
        "日本.csv",
        "..x.csv",
        " .csv",
        "a\\b.csv",
    ):
        if name.startswith("."):
            continue
        inbox.put(f"t/{name}", name.encode())
        assert inbox.fetch(inbox.list()[f"t/{name}"]) == name.encode()


# --- fetching ---


def test_fetch_copies_the_listed_content(inbox: Inbox) -> None:
    data = os.urandom(3_000_000)
    inbox.put("t/a.csv", data)
    run = inbox.run()
    (local,) = run.pipeline.fetch(run, inbox.list()["t/a.csv"])
    assert local.path.is_relative_to(run.workdir)
    assert local.size == len(data)
    assert local.path.read_bytes() == data


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("new", [b"x\n2\n", b"x\n1\n2\n"])
def test_a_file_that_changed_since_the_listing_is_left_to_the_next_run(
    inbox: Inbox, new: bytes
) -> None:
    inbox.put("t/a.csv", b"x\n1\n")
    file = inbox.list()["t/a.csv"]
    inbox.put("t/a.csv", new)
    with pytest.raises(FileChangedError, match="next run") as caught:
        inbox.fetch(file)
    assert caught.value.retryable
    assert list((inbox.base / "work").iterdir()) == []


def test_a_file_that_was_rewritten_with_the_same_content_is_the_listed_one(inbox: Inbox) -> None:
    inbox.put("t/a.csv", b"x\n1\n")
    file = inbox.list()["t/a.csv"]
    inbox.put("t/a.csv", b"x\n1\n", age=5)
    assert inbox.fetch(file) == b"x\n1\n"


@pytest.mark.usefixtures("settled")
def test_a_file_that_changes_while_it_is_copied_is_hashed(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = inbox.put("t/a.csv", b"x\n1\n")
    file = inbox.list()["t/a.csv"]
    real = folder._copy_bytes

    def slow(source: Any, out: Any, size: int) -> None:
        path.write_bytes(b"x\n9\n")
        real(source, out, size)

    monkeypatch.setattr(folder, "_copy_bytes", slow)
    with pytest.raises(FileChangedError):
        inbox.fetch(file)


def test_a_deleted_file_has_vanished(inbox: Inbox) -> None:
    path = inbox.put("t/a.csv")
    file = inbox.list()["t/a.csv"]
    path.unlink()
    with pytest.raises(FileVanishedError, match=r"t/a\.csv"):
        inbox.fetch(file)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_told_and_leaves_no_debris(inbox: Inbox) -> None:
    inbox.put("t/a.csv", b"x" * 1_000_000)
    file = inbox.list()["t/a.csv"]
    with largest_file(100_000), pytest.raises(StorageFullError, match="make room") as caught:
        inbox.fetch(file)
    assert caught.value.retryable
    assert list((inbox.base / "work").iterdir()) == []


def test_where_the_kernel_cannot_copy_python_does(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(os, "copy_file_range", refuse)
    inbox.put("t/a.csv", b"x\n1\n")
    assert inbox.fetch(inbox.list()["t/a.csv"]) == b"x\n1\n"


def test_a_large_file_is_told_and_fetched(inbox: Inbox) -> None:
    inbox.put("t/a.csv", b"x" * 2_000)
    inbox.put("t/b.csv", b"x" * 1_000)
    files = inbox.list()
    for file in files.values():
        inbox.fetch(file, warn_above="1KB")
    (warning,) = [e for e in inbox.heard.events if e.name == "warning"]
    assert (warning.key, warning.table, warning.detail["size"]) == ("t/a.csv", "t", 2_000)
    assert "2,000 bytes" in warning.detail["message"]


def test_the_check_says_how_the_folder_is(inbox: Inbox) -> None:
    run = inbox.run()
    assert [c.ok for c in run.pipeline.check(run)] == [True]
    run = inbox.run(path=str(inbox.base / "nowhere"))
    assert [c.ok for c in run.pipeline.check(run)] == [False]


def test_a_file_beyond_the_limit_is_refused_without_being_read(
    inbox: Inbox, hashed: list[Path]
) -> None:
    """A sparse file of 1 TB takes no room, and would take an hour to hash."""
    inbox.put("t/good.csv")
    with (inbox.path / "t" / "sparse.csv").open("wb") as out:
        out.truncate(10**12)
    files = inbox.list()
    assert (
        "1,000,000,000,000 bytes; max_file_size is 100,000,000,000" in files["t/sparse.csv"].problem
    )
    assert files["t/sparse.csv"].etag
    assert not files["t/good.csv"].problem
    assert [path.name for path in hashed] == ["good.csv"]


def test_a_file_that_grows_while_it_is_read_has_an_end(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its writer is as fast as we are: what is read is what was there when reading began."""
    path = inbox.put("t/a.csv", b"x" * 100)
    read = 0

    class Growing(io.BufferedReader):
        def read(self, size: int | None = -1, /) -> bytes:
            nonlocal read
            with path.open("ab") as out:
                out.write(b"x" * 100)
            found = super().read(size)
            read += len(found)
            assert read < 10_000
            return found

    def growing(path: Path) -> io.BufferedReader:
        return Growing(io.FileIO(path))

    monkeypatch.setattr(folder, "_open", growing)
    monkeypatch.delattr(os, "copy_file_range", raising=False)
    listed = inbox.list()["t/a.csv"]
    assert listed.etag == hashlib.sha256(b"x" * 100).hexdigest()
    with pytest.raises(FileChangedError, match="the next run takes the new content"):
        inbox.fetch(dataclasses.replace(listed, etag="another"))
    assert not list((inbox.base / "work").glob("*.source"))
