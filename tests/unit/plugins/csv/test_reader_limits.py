"""Full disks, Ctrl-C, and blocks that cut records anywhere."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reader_support import dialect, open_bytes

from lakefall_plugins.formats.csv.encoding import decoding

PRELUDE = """
    import resource, sys
    from pathlib import Path
    sys.path.insert(0, {support!r})
    from reader_support import *
    folder = Path({folder!r})
"""


def script(folder: Path, body: str) -> list[str]:
    prelude = textwrap.dedent(PRELUDE).format(
        support=str(Path(__file__).parent), folder=str(folder)
    )
    return [sys.executable, "-c", prelude + textwrap.dedent(body)]


@pytest.mark.slow
@pytest.mark.parametrize("where", ["transcode", "repair", "convert"])
def test_file_size_limit(tmp_path: Path, where: str) -> None:
    body = f"""
        from lakefall.contract.errors import StorageFullError
        from random import Random
        chance = Random(1)
        rows = [f"{{chance.random()}},{{chance.random()}}" for _ in range(9000)]
        text = "\\n".join(["a,b", *rows, ""])
        found = dialect(encoding="cp1252" if {where!r} == "transcode" else "utf-8")
        if {where!r} == "transcode":
            text += "é,2\\n"
        if {where!r} == "repair":
            text += "1\\n"
        data = text.encode(found.encoding)
        (folder / "file.csv").write_bytes(data)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        run = make_run(folder, FakePipeline())
        reader = CsvReader(CsvReaderOptions())
        local = local_file(folder / "file.csv")
        plan = TablePlan("t", True, (PlannedColumn("a", "DOUBLE", "", 1),), 2, 3)
        try:
            schema = Schema((), settings=run.pipeline.settings)
            convert(run, reader.open(run, local, found), plan, schema)
        except StorageFullError as error:
            print("full:", error)
    """
    done = subprocess.run(script(tmp_path, body), capture_output=True, text=True, check=False)
    assert done.stdout.startswith("full: t/file.csv: cannot write to"), done.stderr
    left = [path.name for path in (tmp_path / "scratch").rglob("*") if path.is_file()]
    assert not [name for name in left if name.endswith((".csv", ".parquet"))]


@pytest.mark.slow
@pytest.mark.parametrize("way", ["plain", "repair"])
def test_interrupt_stops_promptly(tmp_path: Path, way: str) -> None:
    body = f"""
        import threading
        from lakefall.common import sql
        (folder / "file.csv").write_text("a,b\\n" + "1,2\\n" * 4_000_000)
        print("ready", flush=True)
        run = make_run(folder, FakePipeline())
        reader = CsvReader(CsvReaderOptions())
        found = dialect(comment="#" if {way!r} == "repair" else "")
        while True:
            reader.open(run, local_file(folder / "file.csv"), found)
    """
    process = subprocess.Popen(
        script(tmp_path, body), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert errors.rstrip().endswith("KeyboardInterrupt"), errors


def test_long_queries_are_interrupted(tmp_path: Path) -> None:
    body = """
        from lakefall.common import sql
        with sql.connect(ENGINE, folder) as connection:
            print("ready", flush=True)
            sql.rows(connection, "SELECT count(*) FROM range(1000000) a, range(1000000) b "
                     "WHERE a.range * b.range % 7 = 3")
    """
    process = subprocess.Popen(
        script(tmp_path, body), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert errors.rstrip().endswith("KeyboardInterrupt"), errors


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.sampled_from(["1,2", '"a\r\nb",é', "#c", '"x', "3", "\x00,1", '"",\\N', "", '"q""",1']),
        max_size=25,
    ),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.integers(1, 30),
    st.sampled_from(["utf-8", "utf-16", "cp1252"]),
    st.integers(0, 2),
)
def test_blocks_do_not_matter(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[str],
    end: str,
    size: int,
    encoding: str,
    footer: int,
) -> None:
    data = end.join(["h1,h2", *lines, "7,8", ""]).encode(encoding)
    found = dialect(encoding=encoding, comment="#", footer_lines=footer)
    with pytest.MonkeyPatch.context() as patch:
        whole = open_bytes(data, tmp_path_factory.mktemp("whole"), found)
        patch.setattr(decoding, "BLOCK", size)
        cut = open_bytes(data, tmp_path_factory.mktemp("cut"), found)
    assert (cut.rows, cut.lines, cut.rejects) == (whole.rows, whole.lines, whole.rejects)
    assert cut.records.lines_skipped == whole.records.lines_skipped


def test_limit_of_the_csv_module_is_put_back(tmp_path: Path) -> None:
    import csv

    before = csv.field_size_limit()
    open_bytes(b"a,b\n1\n", tmp_path)
    assert csv.field_size_limit() == before
