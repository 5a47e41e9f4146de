"""Which data files are merged: laws of the plan, on any sizes and keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakefall_plugins.sinks.iceberg.maintenance.compaction import Group, plan
from lakefall_plugins.sinks.iceberg.reading import Part

SMALL, TARGET = 8, 32


def data_file(path: str, size: int = 1, kind: str = "PARQUET") -> Any:
    from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
    from pyiceberg.typedef import Record

    return DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=path,
        file_format=FileFormat[kind],
        partition=Record(),
        record_count=1,
        file_size_in_bytes=size,
        spec_id=0,
    )


def part(
    number: int, size: int, bounds: tuple[str, str] | None, *, deletes: bool = False, **more: Any
) -> Part:
    taken = frozenset([data_file(f"d{number}")] if deletes else [])
    return Part(data_file(f"f{number}", size, **more), taken, {"k": bounds})


@st.composite
def parts(draw: st.DrawFn, *, deletes: bool = True) -> list[Part]:
    keys = st.sampled_from("abcdefgh")
    found = []
    for number in range(draw(st.integers(0, 25))):
        one, other = draw(keys), draw(st.none() | keys)
        bounds = draw(
            st.sampled_from([(one, one), None if other is None else tuple(sorted((one, other)))])
        )
        size = draw(st.integers(1, 12))
        found.append(part(number, size, bounds, deletes=deletes and draw(st.booleans())))
    return found


def merged(all_parts: Sequence[Part], groups: Sequence[Group]) -> list[Part]:
    """The table afterwards, where nothing is won or lost in size."""
    inputs = {p.identity for g in groups for p in g.parts}
    after = [p for p in all_parts if p.identity not in inputs]
    for number, group in enumerate(groups):
        known = [p.bounds["k"] for p in group.parts]
        bounds = None
        if None not in known:
            ends = [b for b in known if b is not None]
            bounds = min(b[0] for b in ends), max(b[1] for b in ends)
        left = group.size
        while left > 0:
            size = min(left, TARGET) if group.rolls else left
            after.append(part(1000 * (number + 1) + left, size, bounds))
            left -= size
    return after


UNHURRIED = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""The machine may be busy."""


@pytest.mark.slow
@UNHURRIED
@given(parts())
def test_each_data_file_is_in_one_group_and_none_is_merged_for_nothing(found: list[Part]) -> None:
    groups = plan(found, "k", SMALL, TARGET)
    chosen = [p.identity for g in groups for p in g.parts]
    assert len(chosen) == len(set(chosen))
    for group in groups:
        assert len(group.parts) > 1 or group.parts[0].deletes
        for one in group.parts:
            assert one.file.file_size_in_bytes < SMALL or one.deletes


@pytest.mark.slow
@UNHURRIED
@given(parts())
def test_deleted_rows_go_wherever_they_are(found: list[Part]) -> None:
    chosen = {p.identity for g in plan(found, "k", SMALL, TARGET) for p in g.parts}
    assert {p.identity for p in found if p.deletes} <= chosen


@pytest.mark.slow
@UNHURRIED
@given(parts())
def test_a_key_is_in_one_group_and_one_with_much_is_alone(found: list[Part]) -> None:
    total: dict[str, int] = {}
    for one in found:
        if (value := one.constant("k")) is not None:
            total[value] = total.get(value, 0) + one.file.file_size_in_bytes
    places: dict[str, set[int]] = {}
    for number, group in enumerate(plan(found, "k", SMALL, TARGET)):
        keys = {p.constant("k") for p in group.parts}
        for key in keys - {None}:
            places.setdefault(str(key), set()).add(number)
        large = {k for k in keys if k is not None and total[k] >= SMALL}
        assert not large or (len(keys) == 1 and group.rolls)
        assert group.rolls == bool(large)
        assert group.rolls or len(group.parts) == 1 or group.size <= TARGET
        strangers = [p for p in group.parts if p.bounds["k"] is None]
        assert not strangers or len(strangers) == len(group.parts)
    assert all(len(numbers) == 1 for numbers in places.values())


@pytest.mark.slow
@UNHURRIED
@given(parts())
def test_it_settles(found: list[Part]) -> None:
    after = merged(found, plan(found, "k", SMALL, TARGET))
    for _ in range(5):
        groups = plan(after, "k", SMALL, TARGET)
        if not groups:
            break
        after = merged(after, groups)
    assert not plan(after, "k", SMALL, TARGET)


def test_growing_bit_by_bit_writes_each_row_few_times() -> None:
    """Maintained after each of 1,000 small files, a row is written about a dozen times."""
    there: list[Part] = []
    written = 0
    for number in range(1000):
        there.append(part(number, 1, (f"{number:04d}",) * 2))
        groups = plan(there, "k", 100_000, 200_000)
        written += sum(g.size for g in groups)
        there = [
            Part(data_file(f"m{number}-{i}", p.file.file_size_in_bytes), p.deletes, p.bounds)
            for i, p in enumerate(merged(there, groups))
        ]
    assert len(there) <= 12
    assert written <= 14 * 1000


def test_neighbours_are_packed_in_the_order_of_their_keys() -> None:
    found = [part(n, 7, (key, key)) for n, key in enumerate("hgfedcba")]
    groups = plan(found, "k", SMALL, 28)
    assert [[p.constant("k") for p in g.parts] for g in groups] == [list("abcd"), list("efgh")]


def test_other_formats_are_left_alone() -> None:
    found = [part(n, 1, ("a", "a"), kind="ORC") for n in range(3)]
    assert plan(found, "k", SMALL, TARGET) == []
