"""``sniff``, ``infer``, ``clean`` on real files, with the default options."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from lakefall import cli

KEYS = [
    *("path", "delimiter", "quotechar", "escapechar", "encoding", "has_header"),
    *("preamble_lines", "line_terminator", "confidence"),
]


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def rows(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8"), newline="")))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_sniff_goes_on_after_a_file_that_fails(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "a.csv").write_text("id;name\n1;x\n2;y\n")
    (here / "empty.csv").write_text("")
    assert cli._code(["sniff", "empty.csv", "absent.csv", "a.csv", "--json"]) == 1
    told = capsys.readouterr()
    empty, absent, good = objects(told.out)
    assert list(empty) == list(absent) == ["path", "error"]
    assert (empty["path"], absent["path"]) == ("empty.csv", "absent.csv")
    assert list(good) == KEYS
    assert (good["path"], good["delimiter"], good["has_header"]) == ("a.csv", ";", True)
    assert "absent.csv: No such file" in told.err


def test_sniff_says_what_a_file_is_that_is_no_csv(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "a.csv").write_text("<!DOCTYPE html>\n<html><body>Sign in</body></html>\n")
    assert cli._code(["sniff", "a.csv", "--json"]) == 1
    told = capsys.readouterr()
    assert list(objects(told.out)[0]) == ["path", "refused"]
    assert "an HTML page" in objects(told.out)[0]["refused"]
    assert "an HTML page" in told.err


def test_sniff_answers_also_where_a_run_would_not_dare(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "a.csv").write_text("a,b;c\n1,2;3\n")
    assert cli._code(["sniff", "a.csv", "--json", "--set", "sniffer.min_confidence=1"]) == 0
    assert objects(capsys.readouterr().out)[0]["delimiter"] in (",", ";")


def test_a_name_that_is_no_text_comes_back_as_given(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "caf\udce9.csv"
    (here / name).write_text("id,name\n1,x\n2,y\n")
    assert cli._code(["sniff", name, "--json"]) == 0
    assert objects(capsys.readouterr().out)[0]["path"] == name
    assert cli._code(["sniff", name]) == 0


def test_infer_takes_options(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.csv").write_text("id,zip\n11,00501\n12,10001\n")
    assert cli._code(["infer", "a.csv", "--json"]) == 0
    (found,) = objects(capsys.readouterr().out)
    assert list(found) == ["path", "columns"]
    assert [list(c) for c in found["columns"]] == [
        ["name", "source_name", "type", "nullable", "evidence"]
    ] * 2
    assert [c["type"] for c in found["columns"]] == ["INTEGER", "VARCHAR"]
    assert all(isinstance(c["evidence"], list) for c in found["columns"])
    args = ["infer", "a.csv", "--json", "--set", "type_inferer.leading_zeros=number"]
    assert cli._code(args) == 0
    (found,) = objects(capsys.readouterr().out)
    assert [c["type"] for c in found["columns"]] == ["INTEGER", "INTEGER"]


def test_a_wrong_option_is_refused_before_anything_is_read(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "a.csv").write_text("id\n1\n")
    assert cli._code(["infer", "a.csv", "--set", "sniffer.headr=present"]) == 1
    assert "header" in capsys.readouterr().err


def test_clean_writes_rfc_4180_as_csv_reads_it(here: Path) -> None:
    written = 'id;name;note\r\n1;Müller, "Jo";"a;b"\r\n2;"two\r\nlines";\r\nragged\r\n3;\\N;""\r\n'
    (here / "a.csv").write_bytes(written.encode("cp1252"))
    assert cli._code(["clean", "a.csv", "--out", "out"]) == 0
    assert rows(here / "out/a.csv") == [
        ["id", "name", "note"],
        ["1", 'Müller, "Jo"', "a;b"],
        ["2", "two\r\nlines", ""],
        ["3", "", ""],
    ]
    head, reject = rows(here / "out/a.rejects.csv")
    assert head == ["line", "column", "reason", "text"]
    assert (reject[0], reject[3]) == ("5", "ragged")
    assert (here / "out/a.csv").read_bytes().endswith(b"\r\n")


def test_clean_keeps_odd_headers_and_rows_of_one_empty_field(here: Path) -> None:
    (here / "a.csv").write_text('a,a,""\n1,2,3\n4,5,6\n')
    (here / "b.csv").write_text("name\nAnn\n\nBob\n")
    assert cli._code(["clean", "a.csv", "b.csv", "--out", "out"]) == 0
    assert rows(here / "out/a.csv") == [["a", "a", ""], ["1", "2", "3"], ["4", "5", "6"]]
    assert rows(here / "out/b.csv")[0] == ["name"]
    assert [r for r in rows(here / "out/b.csv")[1:] if r not in ([], [""])] == [["Ann"], ["Bob"]]
    assert not (here / "out/a.rejects.csv").exists()


def test_clean_expands_archives(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.csv.gz").write_bytes(gzip.compress(b"id,name\n1,x\n"))
    assert cli._code(["clean", "a.csv.gz", "--out", "out", "--json"]) == 0
    (told,) = objects(capsys.readouterr().out)
    assert told == {
        "path": "a.csv.gz",
        "out": "out/a.csv",
        "rejects": "",
        "rows_read": 1,
        "rows_written": 1,
        "rows_rejected": 0,
        "lines_skipped": told["lines_skipped"],
        "lines_skipped_by_rule": told["lines_skipped_by_rule"],
        "formulas": 0,
    }
    assert rows(here / "out/a.csv") == [["id", "name"], ["1", "x"]]


def test_an_archive_of_one_file_is_that_file_and_of_several_is_none(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with zipfile.ZipFile(here / "a.zip", "w") as archive:
        archive.writestr("x/b.csv", "id,name\n1,x\n")
    assert cli._code(["clean", "a.zip", "--out", "out"]) == 0
    assert rows(here / "out/a.zip.csv") == [["id", "name"], ["1", "x"]]
    with zipfile.ZipFile(here / "a.zip", "a") as archive:
        archive.writestr("c.csv", "id,name\n1,x\n")
    capsys.readouterr()
    assert cli._code(["sniff", "a.zip"]) == 1
    assert "holds 2 files (x/b.csv, ...)" in " ".join(capsys.readouterr().err.split())


def test_clean_overwrites_neither_its_input_nor_another_result(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("one", "two"):
        (here / folder).mkdir()
        (here / folder / "a.csv").write_text(f"id,name\n1,{folder}\n")
    assert cli._code(["clean", "one/a.csv", "--out", "one"]) == 1
    assert "overwrite itself" in capsys.readouterr().err
    assert cli._code(["clean", "one/a.csv", "two/a.csv", "--out", "out"]) == 1
    assert "would both become" in capsys.readouterr().err
    assert rows(here / "out/a.csv")[1] == ["1", "one"]


def test_nothing_is_left_behind(here: Path) -> None:
    (here / "a.csv").write_text("id,name\n1,x\n")
    cli._code(["infer", "a.csv"])
    assert [p.name for p in here.iterdir()] == ["a.csv"]
