"""Objects that no format reads: counted, listed, warned of once, and never in the way."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from steps_support import Lake

from lakefall import cli
from lakefall.contract.errors import UsageError
from lakefall.contract.values import SourceFile, Status
from lakefall.files.options import FileOptions
from lakefall.files.selection import Selection
from lakefall.run import outcomes
from lakefall.run.planning import plan
from lakefall_plugins.sources import folder as folder_source

CSV = "id,name\n1,ann\n2,bob\n"
SENTENCE = "3 objects that no format of this pipeline reads: 2 .docx, 1 .7z"


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    made = Lake(tmp_path)
    monkeypatch.setenv("CACHE", str(tmp_path / "hosts" / "cli"))
    made.put("t/a.csv", CSV)
    for key in ("t/a.docx", "t/2024/B.DOCX", "u/c.7z"):
        made.put(key, b"PK")
    for key in ("t/.hidden", "t/a.csv.part", "t/~$a.docx"):
        made.put(key, b"x")
    return made


def told(warnings: tuple[str, ...]) -> list[str]:
    return [w for w in warnings if "no format" in w]


def file(key: str, origin: str = "file:///in") -> SourceFile:
    folder = key.partition("/")[0]
    return SourceFile(
        key, "", 1, datetime(2024, 1, 1, tzinfo=UTC), folder, folder, origin=origin, unread=True
    )


def test_the_run_counts_them_by_suffix_and_loads_the_rest(lake: Lake) -> None:
    report = lake.runner().run()
    assert [(o.file.key, o.status) for o in report.outcomes] == [("t/a.csv", Status.SUCCESS)]
    assert report.unread == {".docx": 2, ".7z": 1}
    assert outcomes.unread_sentence(report.unread) == SENTENCE
    planned = plan(lake.runner())
    assert (planned.unread, len(planned.files)) == (report.unread, 1)


def test_their_content_is_not_read(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    real = folder_source._open
    monkeypatch.setattr(
        folder_source, "_open", lambda path: (opened.append(path.name), real(path))[1]
    )
    lake.runner().run()
    assert set(opened) == {"a.csv"}


def test_a_warning_only_where_something_new_came(lake: Lake) -> None:
    # A dry run remembers nothing: the run after it has to warn as well.
    for how in ({"dry_run": True}, {}):
        (first,) = told(lake.runner().run(**how).warnings)
        assert "3 new objects that no format of this pipeline reads: 2 .docx, 1 .7z" in first
    assert told(lake.runner().run().warnings) == []
    lake.put("t/d.7z", b"7z")
    (second,) = told(lake.runner().run().warnings)
    assert "1 new object that no format of this pipeline reads: 1 .7z, first 't/d.7z'" in second
    (lake.folder / "inbox" / "t" / "d.7z").unlink()
    assert told(lake.runner().run().warnings) == []
    # Of a run over one table nothing can be said about the others.
    lake.put("u/e.7z", b"7z")
    limited = lake.runner().run(tables=["t"])
    assert (limited.unread, told(limited.warnings)) == ({".docx": 2}, [])
    assert len(told(lake.runner().run().warnings)) == 1


def test_more_than_are_remembered_by_key(monkeypatch: pytest.MonkeyPatch, lake: Lake) -> None:
    monkeypatch.setattr(outcomes, "MAX_KEYS", 2)
    assert len(told(lake.runner().run().warnings)) == 1
    assert told(lake.runner().run().warnings) == []
    lake.put("t/d.7z", b"7z")
    (warning,) = told(lake.runner().run().warnings)
    assert "4 new objects" in warning
    (remembered,) = (lake.folder / "hosts" / "cli").glob("unread-*.json")
    assert json.loads(remembered.read_text())["keys"] == ""


def test_a_damaged_memory_only_warns_again(lake: Lake) -> None:
    lake.runner().run()
    (remembered,) = (lake.folder / "hosts" / "cli").glob("unread-*.json")
    for text in ("{", "[]", '{"digest": 1, "objects": [], "keys": 2}'):
        remembered.write_text(text)
        assert len(told(lake.runner().run().warnings)) == 1
    assert told(lake.runner().run().warnings) == []


def test_a_key_that_is_asked_for_is_refused_by_name(lake: Lake) -> None:
    with pytest.raises(UsageError, match=r"no format of this pipeline reads 't/a\.docx'"):
        lake.runner().run(keys=["t/a.docx"])


def test_a_file_that_was_loaded_keeps_its_rows_when_no_pattern_takes_it_any_more(
    tmp_path: Path,
) -> None:
    lake = Lake(tmp_path, extra_source=", on_source_deleted: delete, max_delete_fraction: 1.0")
    lake.put("t/a.csv", CSV)
    lake.put("t/b.csv", CSV.replace("ann", "eve"))
    lake.put("t/c.csv", CSV.replace("ann", "joe"))
    assert not lake.runner().run().failed
    lake.yaml.write_text(
        lake.yaml.read_text().replace(", on_source", ", include: ['*/a.csv', '*/c.csv'], on_source")
    )
    (tmp_path / "inbox/t/c.csv").unlink()
    report = lake.runner().run()
    assert {o.file.key: o.status for o in report.outcomes} == {
        "t/a.csv": Status.UNCHANGED,
        "t/c.csv": Status.DELETED,
    }
    assert report.unread == {".csv": 1}
    assert {row[0] for row in lake.rows("t")[1:]} == {"t/a.csv", "t/b.csv"}


def test_the_commands_end_with_the_sentence(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    for command, code in (("plan", 2), ("run", 0), ("run", 0)):
        for options in ([], ["--json"]):
            assert cli._code([command, str(lake.yaml), *options]) in (code, 0)
            answer = capsys.readouterr()
            assert answer.err.splitlines()[-1] == SENTENCE
            if options:
                assert [json.loads(line)["key"] for line in answer.out.splitlines()] == ["t/a.csv"]


def test_status_lists_them(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    lake.runner().run()

    def status(*options: str) -> list[dict[str, object]]:
        assert cli._code(["status", str(lake.yaml), "--json", *options]) == 0
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    (loaded,) = status()
    first, *others = status("--all")
    assert first == loaded
    assert [o["key"] for o in others] == ["t/2024/B.DOCX", "t/a.docx", "u/c.7z"]
    for each in others:
        assert [*each] == [*loaded, "modified"]
        assert (each["status"], each["size"], each["ingested_at"]) == ("unread", 2, None)
        modified = datetime.fromisoformat(str(each["modified"]))
        found = (lake.folder / "inbox" / str(each["key"])).stat().st_mtime
        assert modified.timestamp() == pytest.approx(found, abs=1e-3)
    assert [o["key"] for o in status("--all", "--table", "u")] == ["u/c.7z"]
    assert cli._code(["status", str(lake.yaml), "--all"]) == 0
    assert "t/2024/B.DOCX" in capsys.readouterr().out


def test_they_do_not_travel_between_the_tasks_of_a_scheduler(lake: Lake) -> None:
    found = lake.travel(lake.steps().scan())
    assert found.found is not None and [f.key for f in found.found] == ["t/a.csv"]
    assert (found.files, found.unread) == (1, {".docx": 2, ".7z": 1})
    assert ".docx" not in json.dumps(lake.said).replace('\\".docx\\": 2', "")
    assert lake.run("table").counts == {"success": 1}


def test_another_source_of_the_same_place_may_read_it(lake: Lake) -> None:
    inbox = f"path: {lake.folder / 'inbox'}"
    both = f"""source:
    - {{use: folder, {inbox}, include: ['*/*.csv']}}
    - {{use: folder, as: other, {inbox}, include: ['*/*.7z']}}
"""
    kept = (line for line in lake.yaml.read_text().splitlines(True) if "source:" not in line)
    lake.yaml.write_text("".join(kept) + both)
    with lake.runner().start() as run:
        listed = run.pipeline.discover(run)
    assert {f.key for f in listed if not f.unread} == {"t/a.csv", "u/c.7z"}
    assert sorted(f.key for f in listed if f.unread) == ["t/2024/B.DOCX", "t/a.docx"]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["t/a.docx"], "1 object that no format of this pipeline reads: 1 .docx"),
        (
            ["README", "t/.x/b", "t/a.b c", "t/a." + "x" * 11],
            "4 objects that no format of this pipeline reads: 4 without a suffix",
        ),
        (
            [f"t/{n}.s{n}" for n in range(12)],
            "12 objects that no format of this pipeline reads: 1 .s0, 1 .s1, 1 .s10, 1 .s11, "
            "1 .s2, 1 .s3, 1 .s4, 1 .s5, 1 .s6, 1 .s7, 2 of other kinds",
        ),
    ],
)  # fmt: skip
def test_the_sentence(keys: list[str], expected: str) -> None:
    assert outcomes.unread_sentence(outcomes.by_suffix(map(file, keys))) == expected


@pytest.mark.parametrize(
    ("key", "account"),
    [
        ("t/a.csv", "taken"),
        ("a.csv", "taken"),
        ("t/a.docx", "unread"),
        ("README.md", "unread"),
        ("t/old/a.docx", "excluded"),
        ("t/.a.docx", "excluded"),
        (".git/a.docx", "excluded"),
        ("t/a.docx.part", "excluded"),
    ],
)
def test_what_is_left_out_on_purpose_is_not_counted(key: str, account: str) -> None:
    selection = Selection(FileOptions(exclude=("*/old/**",)), ("*.csv",))
    assert selection.account(key) == account
    assert selection.takes(key) is (account == "taken")


def test_an_unread_object_survives_a_round_trip() -> None:
    from lakefall.contract.values import from_json, to_json

    one = file("t/a.docx")
    assert from_json(SourceFile, to_json(one)) == one
    assert dataclasses.replace(one, unread=False) != one
