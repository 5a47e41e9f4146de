"""The cache of fetched objects: whole entries only, within its limit, for many processes."""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from pathlib import Path

import pytest

from lakefall_plugins.sources.s3.cache import ObjectCache


def made(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def entries(cache: ObjectCache) -> set[Path]:
    return {p for p in cache.folder.iterdir() if p.name not in (".lock", ".bytes")}


def keep(cache: ObjectCache, folder: Path, name: str, size: int = 30) -> Path:
    entry = cache.entry("o", name, "e")
    cache.put(made(folder / "run" / name, name.encode() * size), entry)
    return entry


def test_an_entry_comes_back_under_another_name(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, 1000)
    entry = cache.entry("o", "k", "e")
    target = tmp_path / "target"
    assert not cache.take(entry, 4, target)
    cache.put(made(tmp_path / "run" / "a", b"1234"), entry)
    assert cache.take(entry, 4, target)
    assert target.read_bytes() == b"1234"
    assert target.stat().st_ino == entry.stat().st_ino


def test_origin_key_and_etag_tell_entries_apart(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, 1000)
    parts = [("o", "k", "e"), ("p", "k", "e"), ("o", "l", "e"), ("o", "k", "f"),
             ("ok", "", "e"), ("", "ok", "e"), ("o", "ke", ""), ("o", "", "ke")]  # fmt: skip
    assert len({cache.entry(*p) for p in parts}) == len(parts)


def test_an_entry_of_another_size_is_no_entry(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, 1000)
    entry = keep(cache, tmp_path, "a")
    entry.write_bytes(b"short")
    assert not cache.take(entry, 30, tmp_path / "target")
    assert not (tmp_path / "target").exists()
    assert not entry.exists()


def test_the_least_recently_used_goes_first_and_hurts_nobody(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, 100)
    a, b, c = (keep(cache, tmp_path, n) for n in "abc")
    for number, entry in enumerate((a, b, c)):
        os.utime(entry, (number, number))
    assert cache.take(a, 30, tmp_path / "run" / "again")
    d = keep(cache, tmp_path, "d")
    assert entries(cache) == {a, c, d}
    assert (tmp_path / "run" / "b").read_bytes() == b"b" * 30


def test_it_never_holds_more_than_its_limit(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, 100)
    for number in range(50):
        keep(cache, tmp_path, f"{number:02d}", 8)
        assert sum(p.stat().st_size for p in entries(cache)) <= 100
    assert len(entries(cache)) >= 4


def test_what_is_larger_than_the_limit_is_not_kept(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, 100)
    a = keep(cache, tmp_path, "a")
    keep(cache, tmp_path, "b", 101)
    assert entries(cache) == {a}
    keep(ObjectCache(tmp_path / "none", 0), tmp_path, "a")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("count", ["", "damaged", "0", "999999"])
def test_a_count_that_is_lost_or_too_high_is_made_again(tmp_path: Path, count: str) -> None:
    cache = ObjectCache(tmp_path, 100)
    a = keep(cache, tmp_path, "a")
    (cache.folder / ".bytes").write_text(count)
    b = keep(cache, tmp_path, "b")
    assert entries(cache) == {a, b}
    if count != "0":
        assert (cache.folder / ".bytes").read_text() == "60"


def test_a_folder_that_cannot_be_written_costs_a_download_only(tmp_path: Path) -> None:
    made(tmp_path / "files", b"in the way")
    cache = ObjectCache(tmp_path, 100)
    entry = cache.entry("o", "a", "e")
    cache.put(made(tmp_path / "run" / "a", b"1"), entry)
    assert not cache.take(entry, 1, tmp_path / "target")


def test_without_second_names_files_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    cache = ObjectCache(tmp_path, 1000)
    entry = keep(cache, tmp_path, "a")
    assert cache.take(entry, 30, tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == b"a" * 30
    assert entries(cache) == {entry}


def test_a_copy_that_died_halfway_is_removed_with_the_next_eviction(tmp_path: Path) -> None:
    cache = ObjectCache(tmp_path, 100)
    keep(cache, tmp_path, "a")
    made(cache.folder / ".copy-dead", b"half")
    for name in "bcde":
        keep(cache, tmp_path, name)
    assert not (cache.folder / ".copy-dead").exists()


def work(folder: Path, number: int, seconds: float) -> None:
    """Fetch few objects again and again from a cache that holds only some of them."""
    cache, chance = ObjectCache(folder, 2_000), random.Random(number)
    own = folder / f"run{number}"
    own.mkdir()
    end = time.monotonic() + seconds
    turn = 0
    while time.monotonic() < end:
        turn += 1
        name = f"{chance.randrange(10)}"
        content = name.encode() * 400
        entry, target = cache.entry("o", name, "e"), own / f"{turn}"
        if not cache.take(entry, 400, target):
            target.write_bytes(content)
            cache.put(target, entry)
        assert target.read_bytes() == content
        target.unlink()
    assert turn > 10


def test_processes_share_it(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=work, args=(tmp_path, n, 1.0)) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [w.exitcode for w in workers] == [0, 0, 0]
    kept = entries(ObjectCache(tmp_path, 2_000))
    assert kept
    assert sum(p.stat().st_size for p in kept) <= 2_000
    assert all(len(p.read_bytes()) == 400 and len(set(p.read_bytes())) == 1 for p in kept)
