"""What is held against files whose load did not end."""

from __future__ import annotations

import dataclasses
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lakefall.contract.errors import UnendedLoadError
from lakefall.contract.run import Run
from lakefall.contract.values import SourceFile
from lakefall.run import unended

WHEN = datetime(2024, 5, 6, tzinfo=UTC)


def file(name: str, etag: str = "e1") -> SourceFile:
    return SourceFile(f"t/{name}", etag, 1, WHEN, "t", "t")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    config = SimpleNamespace(cache=SimpleNamespace(dir=tmp_path), path=tmp_path / "p.yaml")
    pipeline: Any = SimpleNamespace(config=config)
    return Run(pipeline, "run-1", WHEN, tmp_path / "runs" / "run-1" / "00000")


def die(run: Run, *files: SourceFile) -> None:
    """The process ends while it reads these files, and the next run finds what it left."""
    with unended.noted(run, files):
        unended.collect(run.pipeline.config.cache.dir, run.workdir.parent)


def test_a_load_that_ends_leaves_nothing(run: Run) -> None:
    a, b = file("a"), file("b")
    with unended.noted(run, [a, b]):
        with pytest.raises(OSError, match="x"), unended.noted(run, [a]):
            raise OSError("x")
        assert list(run.workdir.iterdir())
    assert not list(run.workdir.iterdir())
    unended.collect(run.pipeline.config.cache.dir, run.workdir)
    assert unended.suspected(run, a) is None


def test_what_was_read_around_counts_again_when_what_was_inside_ended(run: Run) -> None:
    a, b = file("a"), file("b")
    outer = unended.noted(run, [a, b])
    outer.__enter__()
    with unended.noted(run, [a]):
        pass
    unended.collect(run.pipeline.config.cache.dir, run.workdir)
    assert unended.suspected(run, b) == unended.Suspect(1, 2)


def test_one_death_refuses_nobody_and_the_second_alone_does(run: Run) -> None:
    a, b = file("a"), file("b")
    die(run, a, b)
    die(run, a, b)
    unended.refuse(run, a)  # twice, but never alone: nobody knows which one it was
    die(run, a)
    with pytest.raises(UnendedLoadError, match=r"t/a: 3 loads of this file ended without a word"):
        unended.refuse(run, a)
    unended.refuse(run, a)  # asked for again, it is tried again
    unended.refuse(run, b)


def test_another_version_and_another_pipeline_are_not_suspected(run: Run, tmp_path: Path) -> None:
    die(run, file("a"))
    assert unended.suspected(run, file("a", "e2")) is None
    run.pipeline.config.path = tmp_path / "q.yaml"  # type: ignore[misc]
    assert unended.suspected(run, file("a")) is None


def test_a_death_is_forgotten(run: Run, tmp_path: Path) -> None:
    die(run, file("a"))
    (entry,) = (tmp_path / "unended").iterdir()
    long_ago = time.time() - unended.FORGOTTEN_AFTER - 60
    os.utime(entry, (long_ago, long_ago))
    assert unended.suspected(run, file("a")) is None
    assert not entry.exists()


def test_a_dry_run_notes_and_clears_nothing(run: Run, tmp_path: Path) -> None:
    dry = dataclasses.replace(run, dry_run=True)
    with unended.noted(dry, [file("a")]):
        assert not run.workdir.exists()
    die(run, file("a"))
    unended.clear(dry, [file("a")])
    assert unended.suspected(run, file("a")) == unended.Suspect(1, 1)
    unended.clear(run, [file("a")])
    assert unended.suspected(run, file("a")) is None


def test_few_suspects_are_loaded_alone_and_thousands_in_groups(run: Run) -> None:
    few, many = [file(f"f{n}") for n in range(3)], [file(f"m{n}") for n in range(100)]
    die(run, *few)
    die(run, *many)
    sizes = [len(group) for group in unended.groups(run, [*few, *many])]
    assert sizes == [32, 32, 32, 4, 1, 1, 1]


@pytest.mark.parametrize("note", ['["../../x"]', "[1]", "{", '["' + "/" * 32 + '"]'])
def test_a_damaged_note_makes_no_path(run: Run, tmp_path: Path, note: str) -> None:
    run.workdir.mkdir(parents=True)
    (run.workdir / "being_read.json").write_text(note)
    unended.collect(tmp_path, run.workdir)
    assert not (tmp_path / "unended").exists()
