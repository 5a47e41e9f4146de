"""Taking rows out of data files that hold other rows too."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from iceberg_support import Lakehouse, source
from maintenance_support import data_files, delete_positions, keys_of, maintain, named, rows, table

from lakefall_plugins.sinks.iceberg.reading import Reader, Wanted, list_parts, rows_by
from lakefall_plugins.sinks.lake import names

ID = [("id", "INTEGER")]
KEYS = ["orders/a", "orders/b", "orders/é", "orders/" + "x" * 40 + "1", "orders/" + "x" * 40 + "2"]
Files = list[list[tuple[str | None, bool]]]
"""Of each data file: its rows' keys, and whether the row was deleted."""
files: st.SearchStrategy[Files] = st.lists(
    st.lists(st.tuples(st.sampled_from([None, *KEYS]), st.booleans()), min_size=1, max_size=12),
    min_size=1,
    max_size=4,
)


@pytest.fixture(scope="module")
def lake() -> Iterator[Lakehouse]:
    with tempfile.TemporaryDirectory() as folder:
        lakehouse = Lakehouse(Path(folder))
        lakehouse.load(source("orders/a"), ID, "SELECT 1")
        yield lakehouse


def lay(lakehouse: Lakehouse, content: Files, *, group: int = 3) -> Counter[tuple[int, str | None]]:
    """Have exactly these data files, with rows numbered through; the rows that are not deleted."""
    import pyarrow as pa

    found = table(lakehouse)
    found.delete()
    # Row groups of few rows, as large files have.
    limits = {"write.parquet.row-group-limit": str(group)}
    found.transaction().set_properties(limits).commit_transaction()
    expected: Counter[tuple[int, str | None]] = Counter()
    deleted: dict[str, list[int]] = {}
    number = 0
    for some in content:
        ids = list(range(number, number + len(some)))
        number += len(some)
        keys = [key for key, _ in some]
        known = {f.file_path for f in data_files(lakehouse)}
        now = pa.nulls(len(some), pa.timestamp("us"))
        data = pa.table(
            [pa.array(ids, pa.int32()), pa.array(keys, pa.string()), now], ["id", *AUDIT]
        )
        table(lakehouse).append(data)
        (path,) = {f.file_path for f in data_files(lakehouse)} - known
        gone = [i for i, (_, taken) in enumerate(some) if taken]
        if gone:
            deleted[path] = gone
        expected.update((i, key) for i, (key, taken) in zip(ids, some, strict=True) if not taken)
    if deleted:
        delete_positions(lakehouse, deleted)
    return expected


AUDIT = (names.SOURCE_FILE, names.INGESTED_AT)


def present(lakehouse: Lakehouse) -> Counter[tuple[int, str | None]]:
    found = table(lakehouse).scan().to_arrow()
    return Counter(zip(found["id"].to_pylist(), found["_source_file"].to_pylist(), strict=True))


@pytest.mark.slow
@settings(max_examples=20, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@example(
    content=[[("orders/a", False), (KEYS[4], False), ("orders/a", False)]],
    gone={"orders/b", KEYS[3]},
)
@given(content=files, gone=st.sets(st.sampled_from(KEYS), min_size=1))
def test_the_rows_of_the_keys_go_and_no_other(
    lake: Lakehouse, content: Files, gone: set[str]
) -> None:
    before = lay(lake, content)
    assert present(lake) == before
    parts = list_parts(lake.sink.lake, table(lake), (names.SOURCE_FILE,))
    counted = rows_by(table(lake), parts, names.SOURCE_FILE)
    per_key = Counter(key for _, key in before.elements() if key is not None)
    assert counted == per_key
    number = lake.sink.forget(lake.run(), sorted(gone))
    assert number == sum(per_key[key] for key in gone)
    assert present(lake) == Counter({row: n for row, n in before.items() if row[1] not in gone})
    after = present(lake)
    old = keys_by_file(lake)
    maintain(lake)
    assert present(lake) == after
    new = keys_by_file(lake)
    # A key's rows of one data file lie together where they were written anew.
    runs = [len(list(groupby(new[path]))) for path in new.keys() - old.keys()]
    assert sum(runs) <= sum(len(set(old[path])) for path in old.keys() - new.keys())


def keys_by_file(lakehouse: Lakehouse) -> dict[str, list[str | None]]:
    return {file.file_path: keys_of(file) for file in data_files(lakehouse)}


def test_only_data_files_that_may_hold_the_key_are_opened(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in "abcdef":
        lakehouse.load(source(f"orders/{key}"), ID, "SELECT 1 FROM range(3)")
    size = max(f.file_size_in_bytes for f in data_files(lakehouse))
    maintain(lakehouse, small_file=size + 1, target_file=2 * size)
    shared = {keys_of(f)[0]: f.file_path for f in data_files(lakehouse)}
    assert sorted(shared) == ["orders/a", "orders/c", "orders/e"]
    opened = listen(monkeypatch)
    lakehouse.load(source("orders/d", "e2", minute=1), ID, "SELECT 2")
    assert {p for p in opened if p in shared.values()} == {shared["orders/c"]}
    opened.clear()
    lakehouse.load(source("orders/bb", "e2", minute=1), ID, "SELECT 2")
    assert not {p for p in opened if p in shared.values()}


def listen(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every file that is opened for reading from now on."""
    from pyiceberg.io.pyarrow import PyArrowFileIO

    opened: list[str] = []
    real = PyArrowFileIO.new_input

    def heard(self: Any, location: str) -> Any:
        opened.append(location)
        return real(self, location)

    monkeypatch.setattr(PyArrowFileIO, "new_input", heard)
    return opened


def test_row_groups_that_cannot_hold_a_key_are_not_read(lakehouse: Lakehouse) -> None:
    lakehouse.load(source("orders/a"), ID, "SELECT 1")
    content: Files = [[(KEYS[i // 4], False) for i in range(12)]]
    lay(lakehouse, content, group=4)
    (part,) = list_parts(lakehouse.sink.lake, table(lakehouse), (names.SOURCE_FILE,))
    reader = Reader.of(table(lakehouse))

    def read(*values: str) -> list[str]:
        wanted = Wanted(names.SOURCE_FILE, values)
        batches = reader.batches(part, (names.SOURCE_FILE,), wanted)
        return [key for batch in batches for key in batch.column(0).to_pylist()]

    assert read(KEYS[1]) == [KEYS[1]] * 4
    assert read("orders/aa", "orders/zzz") == []
    delete_positions(lakehouse, {part.file.file_path: [0, 4, 11]})
    (part,) = list_parts(lakehouse.sink.lake, table(lakehouse), (names.SOURCE_FILE,))
    assert read(KEYS[1]) == [KEYS[1]] * 3
    assert read(KEYS[0], KEYS[2]) == [KEYS[0]] * 3 + [KEYS[2]] * 3
    with table(lakehouse).update_schema() as update:
        update.rename_column("_source_file", "renamed")
    reader = Reader.of(table(lakehouse))
    (batch,) = reader.batches(part, ("renamed",), Wanted("renamed", [KEYS[2]]))
    assert batch.column(0).to_pylist() == [KEYS[2]] * 3


def test_what_an_attempt_wrote_is_used_by_the_next(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lakefall_plugins.sinks.iceberg import commit, load

    for key in "abc":
        lakehouse.load(source(f"orders/{key}"), ID, "SELECT 1 FROM range(3)")
    maintain(lakehouse)
    lost: list[int] = []

    def lose(staged: Any) -> Any:
        if len(lost) < 3 and lost[-1:] != [0]:
            lost.append(0)
            other = Lakehouse(lakehouse.folder)
            other.load(source("orders/z", f"e{len(lost)}", minute=len(lost)), ID, "SELECT 1")
            lost[-1] = 1
        return commit.commit(staged)

    monkeypatch.setattr(load, "commit", lose)
    before = lakehouse.data_files("orders")
    lakehouse.load(source("orders/b", "e2", minute=1), ID, "SELECT 2")
    assert len(lost) == 3
    new = lakehouse.data_files("orders") - before
    assert len(new) == 5, "its rows, those left of the merged file, and three versions of another"
    assert rows(lakehouse).total() == 8
    assert {Path(p).name for p in named(lakehouse) if p.endswith(".parquet")} >= new
