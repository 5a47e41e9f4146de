"""The specification's table "Failure Scenarios", row by row, where no server is needed.

Trino and Superset have no place in the embedded pipeline; a catalog that cannot be opened and a
registrar that raises stand for them. "Concurrent DAG runs" is Airflow's; here two runs at once
must simply lose nothing.
"""

from __future__ import annotations

from .lakes import EmbeddedLake, Lake

HEADERLESS = "11,2.5,2024-01-15\n12,3.5,2024-01-16\n13,4.5,2024-01-17\n"


def test_row_no_header_fails_the_file_and_is_recorded(lake: Lake) -> None:
    lake.put("t/a.csv", HEADERLESS)
    outcome = lake.run(ok=False).of("t/a.csv")
    assert outcome["status"] == "failed" and "header" in outcome["error"]
    (row,) = lake.registry("t/a.csv")
    assert row["status"] == "failed" and "header" in row["error_message"]
    assert not lake.exists("t")


def test_row_inconsistent_column_count_skips_the_rows_and_names_their_lines(lake: Lake) -> None:
    good = [f"{n},n{n},x\n" for n in range(10, 30)]
    lines = ["id,name,note\n", *good]
    lines.insert(5, "99,short\n")
    lines.insert(12, "99,one,two,three\n")
    lake.put("t/a.csv", "".join(lines))
    run = lake.run()
    outcome = run.of("t/a.csv")
    assert (outcome["rows_loaded"], outcome["rows_rejected"]) == (20, 2)
    rejects = lake.rejects()
    assert [(r["line"], r["column"], r["text"].rstrip()) for r in rejects] == [
        (6, "", "99,short"),
        (13, "", "99,one,two,three"),
    ]
    warning = next(w for w in run.stderr.splitlines() if "t/a.csv" in w)
    assert "6" in warning and "13" in warning, run.stderr


def test_row_inconsistent_column_count_after_quoted_line_breaks(lake: Lake) -> None:
    """Lines are physical ones, also after records that take several."""
    lake.put(
        "t/a.csv",
        'id,name\n11,"two\nlines"\n12\n13,"three\n\nlines"\n14,x,y\n15,end\n16,"a\nb"\n',
    )
    run = lake.run()
    assert [(r["line"], r["text"].rstrip()) for r in lake.rejects()] == [(4, "12"), (8, "14,x,y")]
    assert lake.rows("t", "id") == [
        ["11", "two\nlines"],
        ["13", "three\n\nlines"],
        ["15", "end"],
        ["16", "a\nb"],
    ]
    warning = next(w for w in run.stderr.splitlines() if "t/a.csv" in w)
    assert "4" in warning and "8" in warning, run.stderr


def test_row_inconsistent_column_count_many_rows_stay_one_warning(lake: Lake) -> None:
    """Hundreds of ragged rows give a warning that a person can read, and all rejects."""
    good = "".join(f"{n},x\n" for n in range(1000))
    lake.put("t/a.csv", "id,name\n" + good + "ragged\n" * 400)
    run = lake.run()
    rejects = lake.rejects()
    assert [r["line"] for r in rejects] == list(range(1002, 1402))
    assert len(run.stderr) < 4000


def test_row_unreachable_catalog_fails_and_the_next_run_recovers(embedded: EmbeddedLake) -> None:
    embedded.put("t/a.csv", "id,name\n11,x\n")
    embedded.lakehouse.write_text("a file where the folder should be")
    run = embedded.cli("run", embedded.pipeline, "--json")
    assert run.code == 1
    assert str(embedded.lakehouse) in run.stdout + run.stderr
    embedded.lakehouse.unlink()
    assert embedded.run().statuses() == {"t/a.csv": "success"}


def test_row_unreachable_registrar_is_a_warning_and_data_is_loaded(embedded: EmbeddedLake) -> None:
    (embedded.folder / "listener.py").write_text(
        "from lakefall.contract.errors import SinkError\n"
        "from lakefall.contract.plugin import NoOptions, Plugin, Stage, hookimpl\n\n\n"
        "class Portal(Plugin[NoOptions]):\n"
        '    """Registers nothing."""\n\n'
        '    name = "portal"\n'
        "    stage = Stage.CATALOG_REGISTRAR\n\n"
        "    @hookimpl\n"
        "    def register(self, run, loaded):\n"
        '        raise SinkError("portal does not answer at http://127.0.0.1:1")\n'
    )
    embedded.configure(plugins=["./listener.py"], catalog_registrar=[{"use": "portal"}])
    embedded.put("t/a.csv", "id,name\n11,x\n")
    run = embedded.run()
    assert run.of("t/a.csv")["status"] == "success"
    assert "portal does not answer" in run.stderr
    assert embedded.column("t", "name") == ["x"]


def test_row_file_deleted_between_scan_and_download_is_recorded_failed(
    embedded: EmbeddedLake,
) -> None:
    embedded.put("t/a.csv", "id,name\n11,x\n")
    embedded.put("t/b.csv", "id,name\n12,y\n")
    embedded.listen(
        'victim = FOLDER / "inbox" / "t" / "a.csv"\n'
        'if event.name == "pending.finished" and victim.exists():\n'
        "    victim.unlink()"
    )
    run = embedded.run(ok=False)
    assert run.statuses() == {"t/a.csv": "failed", "t/b.csv": "success"}
    (row,) = embedded.registry("t/a.csv")
    assert row["status"] == "failed" and row["error_message"]
    assert embedded.column("t", "name") == ["y"]


def test_row_file_changed_between_scan_and_download_is_left_to_the_next_run(
    embedded: EmbeddedLake,
) -> None:
    """Never the new content under the old ETag."""
    embedded.put("t/a.csv", "id,name\n11,x\n")
    embedded.listen(
        'done = FOLDER / "done"\n'
        'if event.name == "pending.finished" and not done.exists():\n'
        "    done.touch()\n"
        '    (FOLDER / "inbox" / "t" / "a.csv").write_text("id,name\\n11,changed\\n")'
    )
    embedded.run(ok=False)
    assert not embedded.exists("t")
    assert embedded.run().of("t/a.csv")["status"] == "success"
    assert embedded.column("t", "name") == ["changed"]


def test_row_conflicting_schemas_in_one_folder(lake: Lake) -> None:
    """The second file adds columns; a value that does not fit the existing type becomes NULL, by
    the letter of the specification."""
    lake.configure(sink={"on_type_conflict": "null"})
    lake.put("t/a.csv", "id,amount\n11,5\n12,6\n")
    lake.run()
    lake.put("t/b.csv", "id,amount,extra\n13,7,e\n14,much,f\n")
    outcome = lake.run().of("t/b.csv")
    assert outcome["columns_added"] == ["extra"]
    assert (outcome["rows_loaded"], outcome["cells_nulled"]) == (2, 1)
    assert lake.types("t") == {"id": "INTEGER", "amount": "INTEGER", "extra": "VARCHAR"}
    assert lake.rows("t", "id") == [
        ["11", "5", None],
        ["12", "6", None],
        ["13", "7", "e"],
        ["14", None, "f"],
    ]
    (reject,) = lake.rejects()
    assert (reject["key"], reject["line"], reject["column"], reject["text"]) == (
        "t/b.csv",
        3,
        "amount",
        "much",
    )


def test_row_concurrent_runs_lose_nothing(embedded: EmbeddedLake) -> None:
    """Two runs that start together, over the same files and the same table."""
    embedded.listen(
        'mine = FOLDER / f"at-{os.getpid()}"\n'
        'if event.name == "load.started" and not mine.exists():\n'
        "    mine.touch()\n"
        "    end = time.monotonic() + 20\n"
        '    while len(list(FOLDER.glob("at-*"))) < 2 and time.monotonic() < end:\n'
        "        time.sleep(0.01)"
    )
    for number in range(4):
        rows = f"1{number},x\n" * 5
        embedded.put(f"t/f{number}.csv", f"id,name\n{rows}2{number},bad,row\n")
    runs = [embedded.start_run(), embedded.start_run()]
    results = [run.wait() for run in runs]
    assert [r.code for r in results] == [0, 0], [r.stdout + r.stderr for r in results]
    assert embedded.row_counts("t") == {f"t/f{n}.csv": 5 for n in range(4)}
    assert len(embedded.rejects()) == 4
    embedded.unlisten()
    assert set(embedded.run().statuses().values()) == {"unchanged"}


def test_row_concurrent_runs_on_different_files_of_one_table(embedded: EmbeddedLake) -> None:
    """Different columns too: both commits evolve the table, and both survive."""
    embedded.listen(
        'mine = FOLDER / f"at-{os.getpid()}"\n'
        'if event.name == "load.started" and not mine.exists():\n'
        "    mine.touch()\n"
        "    end = time.monotonic() + 20\n"
        '    while len(list(FOLDER.glob("at-*"))) < 2 and time.monotonic() < end:\n'
        "        time.sleep(0.01)"
    )
    embedded.put("t/a.csv", "id,west\n11,x\n")
    embedded.put("t/b.csv", "id,east\n12,y\n")
    runs = [embedded.start_run("--file", "t/a.csv"), embedded.start_run("--file", "t/b.csv")]
    results = [run.wait() for run in runs]
    assert [r.code for r in results] == [0, 0], [r.stdout + r.stderr for r in results]
    rows = embedded.query("SELECT id, west, east FROM lakehouse.t ORDER BY id")
    assert rows == [
        {"id": 11, "west": "x", "east": None},
        {"id": 12, "west": None, "east": "y"},
    ]


def test_row_source_does_not_exist_is_a_clear_error(embedded: EmbeddedLake) -> None:
    embedded.inbox.rmdir()
    run = embedded.cli("run", embedded.pipeline, "--json")
    assert (run.code, run.stdout) == (1, "")
    assert str(embedded.inbox) in run.stderr
    assert not embedded.exists("_ingest_registry")


def test_row_non_utf_8_encoding_is_detected(lake: Lake) -> None:
    names = ["Müller", "Šimek", "œuvre", "garçon", "naïve café", "100 €"]
    text = "id,name\n" + "".join(f"{i},{n}\n" for i, n in enumerate(names, start=11))
    lake.put("cp1252/a.csv", text.encode("cp1252"))
    lake.put("utf16/a.csv", text.encode("utf-16"))
    run = lake.run()
    assert set(run.statuses().values()) == {"success"}
    assert lake.column("cp1252", "name") == names
    assert lake.column("utf16", "name") == names


def test_row_undetectable_encoding_fails_the_file(lake: Lake) -> None:
    noise = bytes((i * 89 + 17) % 256 for i in range(4096))
    lake.put("t/a.csv", b"id,name\n" + noise)
    outcome = lake.run(ok=False).of("t/a.csv")
    assert outcome["status"] == "failed" and outcome["error"]
    (row,) = lake.registry("t/a.csv")
    assert row["status"] == "failed"
