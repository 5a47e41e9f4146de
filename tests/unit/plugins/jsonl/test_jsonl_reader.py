"""What the reader ``jsonl`` makes of a file: columns, types, rejects and their places."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonl_support import read, sniff, write

from lakefall.contract.errors import EmptyFileError, EncodingError, StructureError
from lakefall_plugins.formats.jsonl import records as blocks


def test_keys_in_order_of_appearance_over_all_records(tmp_path: Path) -> None:
    found = read(tmp_path, '{"b":1}\n{"a":2,"b":3}\n{}\n{"c":null,"a":4}\n')
    assert found.records.header == ("b", "a", "c")
    assert found.rows == [{"b": 1}, {"a": 2, "b": 3}, {}, {"a": 4}]
    assert found.records.nulls == {0: 2, 1: 2, 2: 4}


def test_numbers_keep_their_text(tmp_path: Path) -> None:
    texts = [
        *("123456789012345678901234567890", "0.1234567890123456789", "1e400"),
        *("-0", "1.0", "1", "1.10", "-1.5E+3"),
    ]
    found = read(tmp_path, "".join(f'{{"n": {text}}}\n' for text in texts))
    assert [row["n"] for row in found.rows] == texts
    assert found.types == {"n": ""}


@pytest.mark.parametrize(
    ("values", "type_name", "cells"),
    [
        ("true false null", "BOOLEAN", [True, False, None]),
        ("0 1 null -0", "INTEGER", [0, 1, None, 0]),
        ("2147483647 -2147483648", "INTEGER", [2147483647, -2147483648]),
        ("1 2147483648", "BIGINT", [1, 2147483648]),
        ("-9223372036854775808", "BIGINT", [-9223372036854775808]),
        ("1 9223372036854775808", "", ["1", "9223372036854775808"]),
        ("1 1.0", "", ["1", "1.0"]),
        ("null null", "", [None, None]),
        ('"1" ""', "", ["1", ""]),
        ('1 "x" true', "", ["1", "x", "true"]),
        ("1 true", "VARCHAR", ["1", "true"]),
        ('{"b":1.50} []', "JSON", ['{"b":1.50}', "[]"]),
        (r'"q\"" [1] 2.0 null', "JSON", [r'"q\""', "[1]", "2.0", None]),
    ],
)
def test_types_of_json_are_declared_types(
    tmp_path: Path, values: str, type_name: str, cells: list[object]
) -> None:
    found = read(tmp_path, "".join(f'{{"a":{value}}}\n' for value in values.split()))
    assert found.types == {"a": type_name}
    assert [row.get("a") for row in found.rows] == cells


def test_strings_are_not_inferred_where_an_option_says_so(tmp_path: Path) -> None:
    data = '{"s":"1","n":1.5,"m":2}\n{"s":"2","n":2,"m":"x"}\n'
    assert read(tmp_path, data).types == {"s": "", "n": "", "m": ""}
    found = read(tmp_path, data, infer_strings=False)
    assert found.types == {"s": "VARCHAR", "n": "", "m": "VARCHAR"}


def test_flatten_makes_columns_of_so_many_levels(tmp_path: Path) -> None:
    data = (
        '{"a":{"b":1,"c":{"d":[1, 2]}},"z":1}\n{"a":{"e":2}}\n{"a":null}\n'
        '{"a":{"b":1,"b":2}}\n{"a":{"c":{"d":{"x":1,}}}}\n'
    )
    found = read(tmp_path, data, flatten=1)
    assert found.types == {"a.b": "INTEGER", "a.c": "JSON", "z": "INTEGER", "a.e": "INTEGER"}
    assert found.rows == [{"a.b": 1, "a.c": '{"d":[1, 2]}', "z": 1}, {"a.e": 2}, {}]
    assert [line for line, _, _ in found.rejects] == [4, 5]
    found = read(tmp_path, data, flatten=2)
    assert list(found.types) == ["a.b", "a.c.d", "z", "a.e"]
    # What is no object with keys stays in the column of its own key.
    found = read(tmp_path, '{"a":{"b":1}}\n{"a":{}}\n{"a":"x"}\n', flatten=1)
    assert found.types == {"a.b": "INTEGER", "a": "JSON"}
    assert found.rows == [{"a.b": 1}, {"a": "{}"}, {"a": '"x"'}]


def test_rejects_have_line_reason_and_text(tmp_path: Path) -> None:
    lines = [
        *(b'{"a":1}', b'{"a":1,"\\u0061":2}', b'{"a":"\xe9"}', b"[1]", b"3", b'"x"', b"null"),
        *(b'{"a":NaN}', b'{"a":1,}', b'{"a":"\\ud800"}', b'{"a":1} {"a":2}', b'{"a":', b"1}"),
        *(b'{"a":[0,]}', b'{"a":{"b":-inf}}', b'\xef\xbb\xbf{"a":2}'),
    ]
    found = read(tmp_path, b"\r\n".join(lines))
    assert (found.rows, found.lines) == ([{"a": 1}], [1])
    assert [line for line, _, _ in found.rejects] == list(range(2, 17))
    assert [text.encode() for _, _, text in found.rejects if "\\x" not in text] == [
        line for line in lines[1:] if b"\xe9" not in line
    ]
    reasons = [reason for _, reason, _ in found.rejects]
    assert reasons[:7] == [
        'the key "a" stands there twice',
        "not UTF-8: byte 0xe9 at position 7",
        *("no object, but an array", "no object, but a number", "no object, but a string"),
        "no object, but null",
        "not JSON: NaN is no value of it; write null",
    ]
    assert reasons[8] == "half of a surrogate pair in a string"
    assert "one object a line" in reasons[10]
    # A key that only rejected records have is no column.
    assert found.records.header == ("a",)


def test_blank_lines_are_skipped_and_counted(tmp_path: Path) -> None:
    found = read(tmp_path, b'\xef\xbb\xbf\n{"a":1}\r\n\r\n \t\n{"a":2}\n\n{"a":3}')
    assert (len(found.rows), found.lines) == (3, [2, 5, 7])
    assert [(each.rule, each.lines) for each in found.records.skipped] == [("blank", 4)]
    assert found.records.format.encoding == "utf-8-sig"


def test_an_array_is_read_with_the_lines_of_its_objects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = '\n[\n  {"a": 1,\n   "b": [1,\n    2]},\n\n  {"a": "]"}, 3,\n'
    data += '  {"a": tru},\n  {"a": 4}\n]\n\n'
    for size in (1 << 20, 3):
        monkeypatch.setattr(blocks, "BLOCK_BYTES", size)
        found = read(tmp_path, data)
        assert found.rows == [{"a": "1", "b": "[1,\n    2]"}, {"a": "]"}, {"a": "4"}]
        assert found.lines == [3, 7, 9]
        assert [line for line, _, _ in found.rejects] == [7, 8]
        assert read(tmp_path, '[{"a":1},{"a":2}]').rows == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ('[{"a":1},\n\n {"a":', "line 3; the file is cut off"),
        ('[{"a":1}]\n[{"a":2}]', "line 1: text after the end of the array"),
        ('[\n{"a":1}}\n]', "line 2: a bracket closes what none has opened"),
        ("[]", "no column in 0 records"),
        ('[1,\n"x"]', "no column in 2 records; the first: line 1: no object, but a number"),
        ("{}\n{}", "no column in 2 records; objects without keys"),
        ('{"a":1 "b":2}\n', "line 1: not JSON: Expecting ',' delimiter at character 8"),
    ],
)
def test_damaged_files_fail_with_the_place(tmp_path: Path, data: str, words: str) -> None:
    with pytest.raises(StructureError) as error:
        read(tmp_path, data)
    assert words in str(error.value)


def test_too_many_keys_fail_with_the_place(tmp_path: Path) -> None:
    data = "".join(f'{{"k{n}":{n}}}\n' for n in range(51))
    with pytest.raises(StructureError, match="more than 50 different keys up to line 51"):
        read(tmp_path, data, columns=50)
    fits = read(tmp_path, data.rpartition('{"k50')[0], columns=50)
    assert len(fits.records.columns) == 50


def test_a_record_larger_than_memory_allows_fails_with_the_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 64)
    monkeypatch.setattr(blocks, "MOST_BYTES", 1000)
    assert len(read(tmp_path, '{"a":1}\n{"a":"' + "x" * 900 + '"}\n').rows) == 2
    with pytest.raises(StructureError, match="begins on line 2 is larger than 1,000 bytes"):
        read(tmp_path, '{"a":1}\n{"a":"' + "x" * 3000 + '"}\n')


def test_many_brackets_inside_each_other_are_one_value(tmp_path: Path) -> None:
    deep = "[" * 100_000 + "]" * 100_000
    found = read(tmp_path, f'{{"b":1}}\n{{"a":{deep}}}\n{{"a":{deep},"a":1}}\n')
    assert found.rows == [{"b": 1}, {"a": deep}]
    assert [line for line, _, _ in found.rejects] == [3]


@pytest.mark.parametrize(
    ("data", "layout"),
    [
        ('{"a":1}\n{"a":2}\n', "lines"),
        ('{"a":1}', "lines"),
        ('{"a":1}\n{"a":\n{"a":[\n{"a"', "lines"),
        ('nope\n{"a":1}\n{"a":2}\n', "lines"),
        ("[]", "array"),
        ('[{"a":1},\n{"a":2}]\n', "array"),
        ('[\n{"a":1}\n]', "array"),
        ('{\n "a": [\n  {"b": 1}\n ]\n}\n', "objects"),
        ("a,b\n1,2\n", None),
        ("1\n2\n", None),
    ],
)
def test_the_sniffer_knows_the_layout_by_the_content(
    tmp_path: Path, data: str, layout: str | None
) -> None:
    found = sniff(write(tmp_path, data, "file.json"))
    assert (found and found.layout) == layout


def test_the_sniffer_refuses_what_is_no_text_of_json(tmp_path: Path) -> None:
    with pytest.raises(EmptyFileError):
        sniff(write(tmp_path, b"\xef\xbb\xbf \r\n\n"))
    with pytest.raises(EncodingError, match="UTF-16"):
        sniff(write(tmp_path, '{"a":1}'.encode("utf-16")))


def test_a_record_is_shown_as_an_object(tmp_path: Path) -> None:
    import duckdb

    data = r'{"n":1.50,"s":"q\"é","j":[1, 2],"b":true,"x":null}' + '\n{"m":1}\n{"m":"2"}\n'
    records = read(tmp_path, data).records
    text = records.format.record_text([f"c{n}" for n in range(len(records.columns))])
    shown = duckdb.sql(f"SELECT {text} FROM {records.sql}").fetchall()
    assert shown == [
        (r'{"n": 1.50, "s": "q\"é", "j": [1, 2], "b": true}',),
        ('{"m": "1"}',),
        ('{"m": "2"}',),
    ]
