"""Unusual input, row by row: no traceback, nothing half done, exit code 1 where something failed.

``Command.wait`` refuses tracebacks, ``Lake.run`` asserts exit codes and conservation.
"""

from __future__ import annotations

import csv
import gzip
import io
import struct
import zipfile
import zlib
from pathlib import Path

import pytest
import yaml

from .lakes import EmbeddedLake, Lake

GOOD = "id,name\n11,x\n12,y\n13,z\n"
ROWS = [["11", "x"], ["12", "y"], ["13", "z"]]


# --- YAML ---


def refused(lake: EmbeddedLake, text: str, line: int, *words: str) -> None:
    """The pipeline is refused naming file, line and words, on every command that reads it."""
    lake.put("t/a.csv", GOOD)
    path = lake.folder / "broken.yaml"
    path.write_text(text)
    commands: tuple[tuple[str | Path, ...], ...] = (
        ("run", path, "--json"),
        ("lint", path),
        ("plan", path),
    )
    for command in commands:
        result = lake.cli(*command)
        assert result.code == 1, result
        assert f"broken.yaml:{line}" in result.output, result.output
        for word in words:
            assert word in result.output, result.output
    assert not list(lake.lakehouse.rglob("*.parquet"))
    assert not lake.exists("t")


def local(lake: EmbeddedLake, **sections: object) -> tuple[str, dict[str, object]]:
    lake.configure(**sections)
    text = lake.pipeline.read_text()
    return text, yaml.safe_load(text)


def line_of(text: str, start: str, after: str = "") -> int:
    """The number of the first line that starts so (blanks aside), after another one."""
    lines = text.splitlines()
    first = next(i for i, x in enumerate(lines) if x.startswith(after)) if after else 0
    return next(i for i, x in enumerate(lines) if i >= first and x.strip().startswith(start)) + 1


def test_unusual_yaml_unknown_key_is_refused_with_a_suggestion(embedded: EmbeddedLake) -> None:
    text, _ = local(embedded, type_inferer={"treshold": 0.8})
    refused(embedded, text, line_of(text, "treshold"), "treshold", "did you mean", "threshold")


def test_unusual_yaml_unknown_section_is_refused_with_a_suggestion(embedded: EmbeddedLake) -> None:
    text, _ = local(embedded, snifer={"use": "csv"})
    refused(embedded, text, line_of(text, "snifer"), "snifer", "did you mean", "sniffer")


def test_unusual_yaml_wrong_type_is_refused(embedded: EmbeddedLake) -> None:
    text, _ = local(embedded, type_inferer={"threshold": "many"})
    refused(embedded, text, line_of(text, "threshold: many"), "threshold", "many")


def test_unusual_yaml_value_out_of_range_is_refused(embedded: EmbeddedLake) -> None:
    text, _ = local(embedded, type_inferer={"threshold": 1.5})
    refused(embedded, text, line_of(text, "threshold: 1.5"), "threshold")


def test_unusual_yaml_duplicate_key_is_refused(embedded: EmbeddedLake) -> None:
    text, _ = local(embedded, type_inferer={"threshold": 0.8})
    line = line_of(text, "threshold")
    lines = text.splitlines()
    lines.insert(line, lines[line - 1].replace("0.8", "0.7"))
    refused(embedded, "\n".join(lines) + "\n", line + 1, "threshold", f"line {line}")


def test_unusual_yaml_unset_variable_is_refused(embedded: EmbeddedLake) -> None:
    text, _ = local(embedded, sink={"namespace": "${LAKEFALL_NO_SUCH_NAME}"})
    line = line_of(text, "namespace")
    refused(embedded, text, line, "LAKEFALL_NO_SUCH_NAME", "LAKEFALL_NO_SUCH_NAME:-")


def test_unusual_yaml_unknown_plugin_is_refused_with_a_suggestion(embedded: EmbeddedLake) -> None:
    text, _ = local(embedded, sink={"use": "icberg"})
    refused(embedded, text, line_of(text, "use: icberg"), "icberg", "did you mean", "iceberg")


def test_unusual_yaml_plugin_that_fails_to_import_is_refused(embedded: EmbeddedLake) -> None:
    (embedded.folder / "my_types.py").write_text("import no_such_module_anywhere\n")
    text, _ = local(embedded, plugins=["./my_types.py"])
    line = line_of(text, "- ./my_types.py")
    refused(embedded, text, line, "my_types.py", "no_such_module_anywhere")


def test_unusual_yaml_plugin_file_that_is_missing_is_refused(embedded: EmbeddedLake) -> None:
    text, _ = local(embedded, plugins=["./my_types.py"])
    refused(embedded, text, line_of(text, "- ./my_types.py"), "my_types.py")


def test_unusual_yaml_that_is_no_yaml_is_refused(embedded: EmbeddedLake) -> None:
    refused(embedded, "version: 1\nname: [unclosed\nsource: {\n", 3)


def test_unusual_yaml_missing_pipeline_file_is_a_clear_error(embedded: EmbeddedLake) -> None:
    result = embedded.cli("run", embedded.folder / "absent.yaml", "--json")
    assert (result.code, result.stdout) == (1, "")
    assert "absent.yaml" in result.stderr


def test_unusual_yaml_all_problems_are_told_at_once(embedded: EmbeddedLake) -> None:
    text, _ = local(embedded, type_inferer={"treshold": 0.8}, sink={"nmespace": "x"})
    path = embedded.folder / "broken.yaml"
    path.write_text(text)
    result = embedded.cli("lint", path)
    assert result.code == 1
    assert "treshold" in result.output and "nmespace" in result.output


# --- the source ---


def test_unusual_source_folder_missing_is_a_clear_error(embedded: EmbeddedLake) -> None:
    embedded.inbox.rmdir()
    for command in ("run", "plan"):
        result = embedded.cli(command, embedded.pipeline)
        assert result.code == 1
        assert str(embedded.inbox) in result.output.replace(" ", "")


def test_unusual_source_that_is_a_file_is_a_clear_error(embedded: EmbeddedLake) -> None:
    embedded.inbox.rmdir()
    embedded.inbox.write_text(GOOD)
    result = embedded.cli("run", embedded.pipeline)
    assert result.code == 1
    assert str(embedded.inbox) in result.output.replace(" ", "")


def test_unusual_empty_source_is_nothing_to_do(lake: Lake) -> None:
    result = lake.cli("run", lake.pipeline)
    assert result.code == 0
    assert "nothing to do" in result.output.lower()
    assert lake.plan().code == 0
    assert lake.run().objects == []


# --- empty files ---


@pytest.mark.parametrize(
    "content", [b"", b"\n\n\r\n   \n", b"\xef\xbb\xbf"], ids=["empty", "blank-lines", "only-a-bom"]
)
def test_unusual_empty_file_fails_for_good(lake: Lake, content: bytes) -> None:
    lake.put("t/a.csv", content)
    assert_permanent(lake, "t/a.csv", "no bytes")


def test_unusual_header_only_is_a_table_without_rows(lake: Lake) -> None:
    lake.put("t/a.csv", "id,name,note\n")
    outcome = lake.run().of("t/a.csv")
    assert (outcome["status"], outcome["rows_read"], outcome["rows_loaded"]) == ("success", 0, 0)
    assert lake.types("t") == {"id": "VARCHAR", "name": "VARCHAR", "note": "VARCHAR"}
    assert lake.rows("t") == []
    (row,) = lake.registry("t/a.csv")
    assert (row["status"], row["row_count"]) == ("success", 0)
    assert lake.run().statuses() == {"t/a.csv": "unchanged"}


def test_unusual_header_only_replaces_the_rows_of_the_version_before(lake: Lake) -> None:
    lake.put("t/a.csv", GOOD)
    lake.run()
    lake.put("t/a.csv", "id,name\n")
    assert lake.run().of("t/a.csv")["rows_deleted"] == 3
    assert lake.rows("t") == []


# --- encodings and line ends: loaded, nothing lost ---


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + GOOD.encode(),
        GOOD.encode("utf-16"),
        b"\xff\xfe" + GOOD.encode("utf-16-le"),
        b"\xfe\xff" + GOOD.encode("utf-16-be"),
        GOOD.replace("\n", "\r\n").encode(),
        GOOD.replace("\n", "\r").encode(),
        b"id,name\r\n11,x\n12,y\r\n13,z\n",
        GOOD.rstrip("\n").encode(),
        b"sep=,\n" + GOOD.encode(),
        b"sep=;\r\n" + GOOD.replace(",", ";").replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbfsep=;\n" + GOOD.replace(",", ";").encode(),
        GOOD.replace("\n", "\n\n").encode(),
        GOOD.replace("\n", ",\n").encode(),
    ],
    ids=[
        "bom",
        "utf-16",
        "utf-16-le-bom",
        "utf-16-be-bom",
        "crlf",
        "cr",
        "mixed",
        "no-final-line-end",
        "sep-comma",
        "sep-semicolon",
        "bom-and-sep",
        "blank-lines-between",
        "trailing-delimiters",
    ],
)
def test_unusual_line_ends_and_marks_lose_nothing(lake: Lake, content: bytes) -> None:
    lake.put("t/a.csv", content)
    outcome = lake.run().of("t/a.csv")
    rows = lake.query("SELECT id::VARCHAR AS id, name FROM lakehouse.t ORDER BY id")
    assert [[r["id"], r["name"]] for r in rows] == ROWS
    assert (outcome["rows_read"], outcome["rows_rejected"]) == (3, 0)


def test_unusual_cp1252_loses_nothing(lake: Lake) -> None:
    names = ["Müller", "Façade", "Ångström", "“quoted”", "5 €", "naïve yes"]
    text = "id;name\r\n" + "".join(f"{i};{n}\r\n" for i, n in enumerate(names, start=11))
    lake.put("t/a.csv", text.encode("cp1252"))
    lake.run()
    assert lake.column("t", "name") == names


def test_unusual_mixed_line_ends_inside_quotes_stay_as_they_are(lake: Lake) -> None:
    data = 'id,name\r\n11,"a\r\nb"\n12,"c\nd"\r\n13,e\n'
    lake.put("t/a.csv", data)
    lake.run()
    expected = list(csv.reader(io.StringIO(data, newline="")))[1:]
    assert lake.rows("t", "id") == expected


def test_unusual_gz_and_zst_files_are_loaded(lake: Lake) -> None:
    import zstandard

    lake.put("g/a.csv.gz", gzip.compress(GOOD.encode()))
    lake.put("z/a.csv.zst", zstandard.ZstdCompressor().compress(GOOD.encode()))
    lake.run()
    assert lake.rows("g", "id") == lake.rows("z", "id") == ROWS


def test_unusual_damaged_gz_fails(lake: Lake) -> None:
    whole = gzip.compress(GOOD.encode() * 1000)
    lake.put("t/cut.csv.gz", whole[: len(whole) // 2])
    lake.put("t/plain.csv.gz", GOOD.encode())
    lake.put("t/good.csv", GOOD)
    run = lake.run(ok=False)
    assert run.statuses() == {
        "t/cut.csv.gz": "failed",
        "t/plain.csv.gz": "failed",
        "t/good.csv": "success",
    }


# --- archives ---


def zipped(**members: str) -> bytes:
    """A zip whose members are called as the keywords, ``__`` standing for ``/``."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name.replace("__", "/"), text)
    return buffer.getvalue()


def csv_zip(**members: str) -> bytes:
    return zipped(**{f"{name}.csv": text for name, text in members.items()})


def test_archive_members_feed_one_table_and_are_replaced_as_one(lake: Lake) -> None:
    south, west = "id,name,more\n21,x,1\n", "id,name\n22,x\n"
    lake.put("t/a.zip", csv_zip(north__may=GOOD, south__may=south, west__may=west))
    lake.put("t/b.csv", "id,name\n31,x\n")
    outcome = lake.run().of("t/a.zip")
    assert (outcome["rows_read"], outcome["rows_loaded"], outcome["table"]) == (5, 5, "t")
    assert lake.column("t", "id") == ["11", "12", "13", "21", "22", "31"]
    sources = lake.query("SELECT DISTINCT _source_file AS f FROM lakehouse.t ORDER BY f")
    assert [r["f"].rpartition("t/")[2] for r in sources] == ["a.zip", "b.csv"]
    lake.put("t/a.zip", csv_zip(west="id,name\n41,x\n"))
    lake.run()
    assert lake.column("t", "id") == ["31", "41"]
    assert lake.run().statuses() == {"t/a.zip": "unchanged", "t/b.csv": "unchanged"}


def test_archive_rejects_and_what_is_left_out_name_the_member(lake: Lake) -> None:
    lake.put("t/a.zip", zipped(**{"may.csv": GOOD, "x__june.csv": f"{GOOD}14,z,9\n", "a.docx": ""}))
    run = lake.run()
    assert run.of("t/a.zip")["rows_rejected"] == 1
    (reject,) = lake.rejects("--table", "t")
    assert (reject["line"], reject["text"]) == (5, "14,z,9")
    assert "x/june.csv" in reject["reason"]
    assert "member a.docx is left out: no format of this pipeline reads it" in run.stderr


def test_archive_that_cannot_be_trusted_or_read_fails_as_one(lake: Lake) -> None:
    good = csv_zip(may=GOOD)
    bomb = zipped(**{"a.csv": "id\n" + "1" * 70_000_000, "b.csv": GOOD})
    lake.put("t/hostile.zip", zipped(**{"may.csv": GOOD, "..__..__june.csv": GOOD}))
    lake.put("t/cut.zip", good[:-30])
    lake.put("t/bomb.zip", bomb)
    lake.put("t/nothing.zip", zipped(**{"a.docx": "", "b.docx": "", "c.zip": ""}))
    lake.put("t/damaged_member.zip", zipped(**{"may.csv": GOOD, "june.csv": ""}))
    lake.put("t/good.zip", good)
    run = lake.run(ok=False)
    assert {k for k, v in run.statuses().items() if v == "success"} == {"t/good.zip"}
    assert lake.rows("t", "id") == ROWS
    assert "t/bomb.zip: " in run.of("t/bomb.zip")["error"]
    assert "max_archive_ratio" in run.of("t/bomb.zip")["error"]
    assert run.of("t/nothing.zip")["error"].endswith("reads: 2 .docx, 1 .zip")
    assert "../../june.csv leads out of the archive" in run.of("t/hostile.zip")["error"]
    assert "june.csv" in run.of("t/damaged_member.zip")["error"]


# --- damage ---


def many(count: int = 100) -> list[bytes]:
    rows = (f'{i},"näme, {i}",ö\n'.encode() for i in range(11, 11 + count))
    return [b"id,name,note\n", *rows]


@pytest.mark.parametrize(
    "damaged",
    [b"99,a\x00b,c\n", b'99,"never closed,c\n', b"99,\x81\xfe\xff,c\n", b'99,"a"b,c\n'],
    ids=["nul", "unclosed-quote", "invalid-utf-8", "text-after-quote"],
)
@pytest.mark.parametrize("place", [1, 50, 101], ids=["first", "middle", "last"])
def test_unusual_damaged_record_is_rejected_alone(lake: Lake, damaged: bytes, place: int) -> None:
    """Lossless: one line is set aside under its number, the others are all there."""
    lines = many()
    lines.insert(place, damaged)
    lake.put("t/a.csv", b"".join(lines))
    outcome = lake.run().of("t/a.csv")
    assert (outcome["rows_read"], outcome["rows_loaded"], outcome["rows_rejected"]) == (101, 100, 1)
    assert lake.column("t", "id") == [str(i) for i in range(11, 111)]
    assert lake.column("t", "name") == [f"näme, {i}" for i in range(11, 111)]
    (reject,) = lake.rejects()
    assert (reject["line"], reject["column"]) == (place + 1, "")
    assert reject["text"].startswith("99,")


@pytest.mark.parametrize(
    ("damaged", "byte"),
    [(b"99,a\x00b,c\n", True), (b"99,\x81\xfe\xff,c\n", True), (b"99,ragged\n", False)],
    ids=["nul", "invalid-utf-8", "ragged"],
)
def test_unusual_mostly_damaged_file_fails_naming_line_and_byte(
    lake: Lake, damaged: bytes, byte: bool
) -> None:
    lake.configure(sniffer={"encoding": "utf-8"})
    lines = many()
    lake.put("t/a.csv", b"".join([*lines, *[damaged] * 150]))
    outcome = lake.run(ok=False).of("t/a.csv")
    assert outcome["status"] == "failed"
    assert "102" in outcome["error"], outcome["error"]
    assert "max_rejected" in outcome["error"]
    assert not byte or "byte" in outcome["error"].lower() or "0x" in outcome["error"].lower()
    assert not lake.exists("t")


def test_unusual_too_many_rejects_leave_the_old_rows(lake: Lake) -> None:
    good = "id,name,note\n" + "".join(f"{i},x,y\n" for i in range(11, 41))
    lake.put("t/a.csv", good)
    lake.run()
    lake.put("t/a.csv", good + "ragged\n" * 40)
    assert lake.run(ok=False).of("t/a.csv")["status"] == "failed"
    assert lake.row_counts("t") == {"t/a.csv": 30}
    lake.configure(sink={"max_rejected": "90%"})
    assert lake.run().of("t/a.csv")["rows_rejected"] == 40


# --- shapes ---


def test_unusual_duplicate_and_empty_headers_are_loaded(lake: Lake) -> None:
    lake.put("t/a.csv", "id,name,Name,,name_2,\n11,a,b,c,d,e\n12,f,g,h,i,j\n")
    lake.run()
    names = list(lake.types("t"))
    assert len(set(names)) == 6
    assert names[:2] == ["id", "name"]
    assert names[3::2] == ["col_4", "col_6"]
    assert "name_2" in names
    assert lake.rows("t", "id") == [["11", *"abcde"], ["12", *"fghij"]]


def test_unusual_header_named_like_an_audit_column_is_loaded(lake: Lake) -> None:
    """A sanitised name never starts with ``_``, so a file's own ``_source_file`` is kept apart."""
    lake.put("t/a.csv", "id,_source_file,_ingested_at\n11,mine,2024-01-15\n12,mine,2024-01-16\n")
    lake.run()
    assert list(lake.types("t")) == ["id", "source_file", "ingested_at"]
    assert lake.row_counts("t") == {"t/a.csv": 2}


def test_unusual_300_character_headers_are_loaded(lake: Lake) -> None:
    """Two names that differ only after their 300th character stay two columns."""
    long = "very_" * 60
    lake.put("t/a.csv", f"id,{long},{long}a,{long}b\n11,x,y,z\n12,u,v,w\n")
    lake.run()
    assert len(lake.types("t")) == 4
    assert lake.rows("t", "id") == [["11", "x", "y", "z"], ["12", "u", "v", "w"]]


def test_unusual_2000_columns_are_loaded(lake: Lake) -> None:
    header = ",".join(f"c{i}" for i in range(2000))
    rows = ["\n".join(",".join(str(r * 3000 + i) for i in range(2000)) for r in range(1, 6))]
    lake.put("t/a.csv", header + "\n" + rows[0] + "\n")
    lake.run()
    assert len(lake.types("t")) == 2000
    assert lake.query("SELECT sum(c1999) AS s FROM lakehouse.t") == [
        {"s": sum(r * 3000 + 1999 for r in range(1, 6))}
    ]


@pytest.mark.parametrize("quoted", [True, False], ids=["quoted", "unquoted"])
def test_unusual_5_mb_cell_is_loaded(lake: Lake, quoted: bool) -> None:
    """Where a statement of SQL cannot hold it, the file fails, and says what would help."""
    body = ('say ""hi"",\n' * 500_000)[:5_000_000] if quoted else "x" * 5_000_000
    body = body.rstrip('"')
    cell = f'"{body}"' if quoted else body
    lake.put("t/a.csv", f"id,v,n\n11,a,b\n12,{cell},c\n13,d,e\n")
    if len(cell) > lake.longest_cell:
        outcome = lake.run(ok=False).of("t/a.csv")
        assert outcome["status"] == "failed" and "max_statement_chars" in outcome["error"]
        return
    lake.run()
    length = len(body.replace('""', '"'))
    assert lake.query("SELECT id, length(v) AS n FROM lakehouse.t ORDER BY id") == [
        {"id": 11, "n": 1},
        {"id": 12, "n": length},
        {"id": 13, "n": 1},
    ]


def test_unusual_all_text_columns_with_a_header_are_loaded(lake: Lake) -> None:
    """``csv.Sniffer.has_header`` votes by type and would refuse this file."""
    lake.put(
        "t/a.csv",
        "name,city,country\nAnn,Oslo,Norway\nBob,Turku,Finland\nCy,Lund,Sweden\nDee,Riga,Latvia\n",
    )
    assert lake.run().of("t/a.csv")["rows_loaded"] == 4
    assert list(lake.types("t")) == ["name", "city", "country"]


def png() -> bytes:
    """A small, valid picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)
    noise = bytes((i * 7919 + i // 3) % 251 for i in range(64 * (64 * 3 + 1)))
    image = chunk(b"IDAT", zlib.compress(noise))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + image + chunk(b"IEND", b"")


def test_unusual_png_named_csv_fails_for_good(lake: Lake) -> None:
    lake.put("t/a.csv", png())
    assert_permanent(lake, "t/a.csv", "text")


def test_unusual_no_header_fails_for_good(lake: Lake) -> None:
    lake.put("t/a.csv", "11,2.5\n12,3.5\n13,4.5\n")
    assert_permanent(lake, "t/a.csv", "header", "on_missing_header")


def test_unusual_no_header_gets_generated_names_where_told(lake: Lake) -> None:
    lake.configure(sniffer={"on_missing_header": "generate"})
    lake.put("t/a.csv", "11,2.5\n12,3.5\n13,4.5\n")
    assert lake.run().of("t/a.csv")["rows_loaded"] == 3
    assert lake.rows("t", "col_1") == [["11", "2.5"], ["12", "3.5"], ["13", "4.5"]]


@pytest.mark.parametrize(
    "delimiter", [",", ";", "\t", "|"], ids=["comma", "semicolon", "tab", "pipe"]
)
def test_unusual_three_rows_are_enough_for_each_delimiter(lake: Lake, delimiter: str) -> None:
    lake.put("t/a.csv", "id,name\n11,x\n12,y\n".replace(",", delimiter))
    lake.run()
    assert lake.rows("t", "id") == ROWS[:2]


def test_unusual_single_column_file_is_loaded(lake: Lake) -> None:
    lake.put("t/a.csv", "value\n11\n12\n13\n")
    lake.put("u/a.csv", 'city\nOslo\nNew York\n"Turku, Åbo"\n')
    lake.run()
    assert lake.rows("t", "value") == [["11"], ["12"], ["13"]]
    assert lake.rows("u") == [["New York"], ["Oslo"], ["Turku, Åbo"]]


def test_unusual_two_columns_of_equal_numbers_are_two_columns(lake: Lake) -> None:
    """``7,7`` could be a decimal comma; under the header ``id,v`` it is not."""
    lake.put("t/a.csv", "id,v\n" + "".join(f"{i},{i}\n" for i in range(11, 311)))
    lake.run()
    assert lake.types("t") == {"id": "INTEGER", "v": "INTEGER"}


def test_unusual_key_at_the_root_is_skipped_with_a_warning(lake: Lake) -> None:
    lake.put("root.csv", GOOD)
    lake.put("t/a.csv", GOOD)
    run = lake.run()
    assert run.statuses() == {"root.csv": "skipped", "t/a.csv": "success"}
    assert run.of("root.csv")["table"] == ""
    assert "root.csv" in run.stderr
    assert lake.registry("root.csv") == []


@pytest.mark.parametrize(
    ("folder", "table"),
    [("9lives", "_9lives"), ("My Data!", "my_data"), ("ünïcode", "unicode")],
)
def test_unusual_folder_names_become_tables(lake: Lake, folder: str, table: str) -> None:
    lake.put(f"{folder}/a.csv", GOOD)
    assert lake.run().of(f"{folder}/a.csv")["table"] == table
    assert lake.rows(table, "id") == ROWS
    assert lake.row_counts(table) == {f"{folder}/a.csv": 3}


@pytest.mark.parametrize("folder", ["sales", "_ingest_registry", "_ingest_rejects", "!!!"])
def test_unusual_folder_names_that_no_table_may_have_fail_for_good(lake: Lake, folder: str) -> None:
    lake.put(f"{folder}/a.csv", GOOD)
    key = f"{folder}/a.csv"
    outcome = lake.run(ok=False).of(key)
    assert (outcome["status"], outcome["table"]) == ("failed", "")
    assert folder in outcome["error"]
    (row,) = lake.registry(key)
    assert (row["status"], row["table_name"]) == ("failed", "")
    assert lake.run().of(key)["status"] == "skipped"
    assert len(lake.registry(key)) == 1


def test_unusual_key_with_odd_characters_is_loaded(lake: Lake) -> None:
    keys = ["t/o'brien; DROP TABLE t.csv", 't/"quoted" %41 {x} $HOME.csv', "t/été [1] 雪.csv"]
    for number, key in enumerate(keys, start=11):
        lake.put(key, "id,name\n" + f"{number},x\n" * 5 + f"{number},ragged,row\n")
    lake.run()
    assert lake.row_counts("t") == dict.fromkeys(keys, 5)
    assert sorted(r["key"] for r in lake.rejects()) == sorted(keys)
    assert set(lake.run().statuses().values()) == {"unchanged"}


def test_unusual_cache_folder_named_like_a_partition_adds_no_column(lake: Lake) -> None:
    lake.configure(cache={"dir": str(lake.folder / "env=prod" / "o'ne [1]")})
    for number in (11, 12):
        lake.put(f"t/f{number}.csv", "id,name\n" + f"{number},x\n" * 5 + f"{number},ragged,row\n")
    lake.run()
    assert len(lake.snapshots("t")) == 1
    assert lake.rows("t", "id") == [["11", "x"]] * 5 + [["12", "x"]] * 5
    assert [(r["key"], r["line"]) for r in lake.rejects()] == [("t/f11.csv", 7), ("t/f12.csv", 7)]


# --- leaving the folder ---


def test_unusual_dot_dot_in_a_name_is_refused(embedded: EmbeddedLake) -> None:
    (embedded.folder / "x.csv").write_text(GOOD)
    embedded.put("t/a.csv", GOOD)
    for name in ("../x.csv", "t/../../x.csv"):
        result = embedded.cli("run", embedded.pipeline, "--json", "--file", name)
        assert result.code == 1, result
        assert "x.csv" in result.output
    assert not embedded.exists("t") and not embedded.exists("x")


def test_unusual_symbolic_link_that_leaves_the_folder_is_refused(embedded: EmbeddedLake) -> None:
    outside = embedded.folder / "outside"
    outside.mkdir()
    (outside / "secret.csv").write_text(GOOD)
    embedded.put("t/a.csv", GOOD)
    embedded.path("t/link.csv").symlink_to(outside / "secret.csv")
    embedded.path("linked").symlink_to(outside, target_is_directory=True)
    run = embedded.run(ok=False)
    assert run.of("t/a.csv")["status"] == "success"
    others = {k: s for k, s in run.statuses().items() if k != "t/a.csv"}
    assert set(others.values()) <= {"failed", "skipped"}
    assert run.code == 1
    assert "t/link.csv" in run.output and "linked" in run.output
    assert embedded.row_counts("t") == {"t/a.csv": 3}
    assert not embedded.exists("linked")


def test_unusual_symbolic_link_to_nothing_does_not_stop_the_others(embedded: EmbeddedLake) -> None:
    embedded.put("t/a.csv", GOOD)
    embedded.path("t/gone.csv").symlink_to(embedded.inbox / "t" / "absent.csv")
    assert embedded.run(ok=False).of("t/a.csv")["status"] == "success"


def assert_permanent(lake: Lake, key: str, *words: str) -> None:
    """Failed, recorded once, not tried again until content, options or a person ask for it."""
    outcome = lake.run(ok=False).of(key)
    assert outcome["status"] == "failed"
    for word in words:
        assert word in outcome["error"], outcome["error"]
    (row,) = lake.registry(key)
    assert row["status"] == "failed"
    again = lake.run().of(key)
    assert again["status"] == "skipped"
    assert again["error"]
    assert len(lake.registry(key)) == 1
    assert not lake.exists("t")
    lake.put(key, GOOD)
    assert lake.run().of(key)["status"] == "success"


def test_unusual_text_without_an_upper_bound_loads(lake: Lake) -> None:
    """U+D7FF is the last character before the surrogates: no text of that length is greater."""
    lake.put("t/a.csv", "id,name\n1," + "\ud7ff" * 20 + "\n")
    assert lake.run().of("t/a.csv")["status"] == "success"
    assert lake.query("SELECT length(name) AS n FROM t") == [{"n": 20}]


def test_unusual_second_source_loads_its_own_files(lake: Lake) -> None:
    other = lake.folder / "other"
    (other / "u").mkdir(parents=True)
    (other / "u" / "b.csv").write_text("id\n1\n2\n")
    lake.put("t/a.csv", "id\n3\n4\n")
    lake.configure(
        source=[
            yaml.safe_load(lake.pipeline.read_text())["source"],
            {"use": "folder", "as": "other", "path": str(other)},
        ]
    )
    assert lake.run().statuses() == {"t/a.csv": "success", "u/b.csv": "success"}
