import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from lakefall.contract.errors import StorageFullError
from lakefall.tabular.scratch import scratch


def _die_inside(cache: Path) -> None:
    with scratch(cache, "dead") as folder:
        (folder / "debris").write_text("x")
        os.kill(os.getpid(), signal.SIGKILL)


def test_scratch_is_gone_afterwards(tmp_path: Path) -> None:
    with scratch(tmp_path, "one") as folder:
        (folder / "file").write_text("x")
    assert not list((tmp_path / "runs").iterdir())


def test_scratch_of_a_killed_run_is_removed_by_the_next(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_die_inside, args=(tmp_path,))
    process.start()
    process.join()
    assert (tmp_path / "runs" / "dead" / "debris").exists()
    with scratch(tmp_path, "next") as folder:
        assert {p.name for p in (tmp_path / "runs").iterdir()} == {folder.name, "next.lock"}


def test_the_draft_of_a_lock_is_removed_once_nobody_can_need_it(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    for name, age in (("dead.new", 60), ("beginning.new", 0)):
        (runs / name).touch()
        os.utime(runs / name, (time.time() - age,) * 2)
    with scratch(tmp_path, "next"):
        assert sorted(p.name for p in runs.glob("*.new")) == ["beginning.new"]


def test_scratch_of_a_living_run_stays(tmp_path: Path) -> None:
    with scratch(tmp_path, "one") as first, scratch(tmp_path, "two"):
        assert first.is_dir()


def test_no_room_for_scratch_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFullError, match=r"cache\.dir"), scratch(tmp_path / "file", "one"):
        pass


def _many_runs(cache: Path, name: str) -> None:
    for number in range(100):
        with scratch(cache, f"{name}-{number}") as folder:
            (folder / "file").write_text("x")


@pytest.mark.slow
def test_runs_that_start_together_do_not_take_each_other_for_dead(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_many_runs, args=(tmp_path, str(n))) for n in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
