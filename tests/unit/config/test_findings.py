"""What plugins find wrong with options that are right by themselves: the hook ``lint``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lakefall.config.loader import lint, load, read
from lakefall.contract.errors import ConfigError
from lakefall.plugin_loading.catalogue import Catalogue

Write = Callable[[str], str]

HEAD = "source: {use: box, path: i}\nsink: {use: lake, catalog: {type: sqlite, warehouse: w}}\n"
CHOOSY = HEAD + "type_inferer:\n  use: choosy\n  types: [date]\n"
CASES = {
    "an element": (
        CHOOSY + "  wanted:\n  - date\n  - dat\n",
        ["p.yaml:8: type_inferer.wanted.1: no dat"],
    ),
    "told at the value where nothing stands below it": (
        CHOOSY + "  by_column:\n    a: time\n",
        ["p.yaml:7: type_inferer.by_column.a: no time"],
    ),
    "all of them, in the order of the lines": (
        CHOOSY + "  by_column: {a: time}\n  wanted: [dat]\n",
        [
            "p.yaml:6: type_inferer.by_column.a: no time",
            "p.yaml:7: type_inferer.wanted.0: no dat",
        ],
    ),
    "an override of a table": (
        CHOOSY + "tables:\n  old_*:\n    type_inferer: {wanted: [dat]}\n",
        ["p.yaml:8: tables.old_*.type_inferer.wanted.0: no dat"],
    ),
    "an override of the types that the pipeline's options need": (
        CHOOSY + "  wanted: [date]\ntables:\n  old_*:\n    type_inferer: {types: []}\n",
        ["p.yaml:6: type_inferer.wanted.0: no date"],
    ),
    "not before everything else is right": (
        CHOOSY + "  wanted: [dat]\nsniffer: {use: csv, header: no}\n",
        ["p.yaml:7: sniffer.header: expected 'detect', 'present' or 'absent'; found 'no'"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_findings_are_told_with_their_lines(case: str, write: Write, catalogue: Catalogue) -> None:
    text, expected = CASES[case]
    with pytest.raises(ConfigError) as error:
        load(write(text), catalogue=catalogue, environ={})
    assert list(error.value.problems) == expected


def test_a_finding_on_the_command_line(write: Write, catalogue: Catalogue) -> None:
    path = write(CHOOSY)
    with pytest.raises(ConfigError, match=r"^--set: type_inferer\.wanted\.0: no dat$"):
        load(path, catalogue=catalogue, sets=["type_inferer.wanted=[dat]"])
    assert load(path, catalogue=catalogue, sets=["type_inferer.wanted=[date]"])


def test_what_is_not_known_yet_is_not_judged(write: Write, catalogue: Catalogue) -> None:
    path = write(CHOOSY + "  wanted: ['${TYPE}', dat]\n")
    assert read(path, catalogue=catalogue, environ={}, outline=True)
    with pytest.raises(ConfigError) as error:
        load(path, catalogue=catalogue, environ={"TYPE": "time"})
    assert [problem.partition("wanted.")[2] for problem in error.value.problems] == [
        "0: no time",
        "1: no dat",
    ]


def test_overrides_that_fit_one_by_one_and_not_together(write: Write, catalogue: Catalogue) -> None:
    text = CHOOSY + (
        "tables:\n  old_*:\n    type_inferer: {types: []}\n"
        "  '*_a':\n    type_inferer: {types: [date], wanted: [date]}\n"
        "  '*_b':\n    type_inferer: {wanted: [date]}\n"
    )
    file = read(write(text), catalogue=catalogue, environ={})
    assert file.config("old_a")
    with pytest.raises(ConfigError, match=r"p\.yaml:12: tables\.\*_b.*\.wanted\.0: no date$"):
        file.config("old_b")


FOLDER = (
    "source: {{use: folder, path: {path}{more}}}\nsink: {{use: iceberg, catalog: {{{catalog}}}}}\n"
)
SQLITE = "type: sqlite, warehouse: {}"
REST = "type: rest, uri: 'http://x', warehouse: '{}'"


def problems(write: Write, text: str) -> list[str]:
    return lint([write(text)], environ={})


@pytest.mark.parametrize(
    ("warehouse", "cache", "more", "found"),
    [
        ("{0}/lake", "{0}/cache", "", []),
        ("{0}/inbox2", "{0}", "", []),
        ("{0}/inbox/lake", "{0}/cache", "", ["sink.catalog.warehouse ({0}/inbox/lake)"]),
        ("{0}/inbox", "{0}/cache", "", ["sink.catalog.warehouse ({0}/inbox)"]),
        ("{0}/link/lake", "{0}/cache", "", ["sink.catalog.warehouse ({0}/link/lake)"]),
        ("{0}/x/../inbox/a", "{0}/inbox/c", "", ["cache.dir", "sink.catalog.warehouse"]),
        # Hidden folders are no input, and these are left out.
        ("{0}/inbox/.lake", "{0}/inbox/t/.cache", "", []),
        ("{0}/inbox/lake", "{0}/inbox/c", ", exclude: ['lake/**', 'c/**']", []),
    ],
)
def test_a_pipeline_that_writes_into_its_source_is_refused(
    write: Write, tmp_path: Path, warehouse: str, cache: str, more: str, found: list[str]
) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "inbox")
    catalog = SQLITE.format(warehouse.format(tmp_path))
    text = FOLDER.format(path=tmp_path / "inbox", more=more, catalog=catalog)
    told = problems(write, text + f"cache: {{dir: {cache.format(tmp_path)}}}\n")
    assert len(told) == len(found)
    for problem, words in zip(told, found, strict=True):
        assert f"source.path: {words.format(tmp_path)}" in problem
        assert "lies in the source: what lakefall writes there would be listed as input" in problem


@pytest.mark.parametrize(
    ("warehouse", "more", "count"),
    [
        ("s3://in/lake", "", 1),
        ("s3a://in", "", 1),
        ("s3://in/lake", ", exclude: ['lake/**']", 0),
        ("s3://in-other/lake", "", 0),
        ("in", "", 0),
    ],
)
def test_tables_in_the_bucket_of_the_source_are_refused(
    write: Write, warehouse: str, more: str, count: int
) -> None:
    text = f"source: {{use: s3, bucket: in{more}}}\nsink:\n  use: iceberg\n"
    told = problems(write, f"{text}  catalog: {{{REST.format(warehouse)}}}\n")
    assert len(told) == count
    assert all("source.bucket: sink.catalog.warehouse" in problem for problem in told)
