"""The sink `trino` on a real Trino: schemas, values, replacement in one commit."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from lakefall.contract.errors import CommitConflictError, PlanOutdatedError, TableError, UsageError
from lakefall.contract.values import Outcome, Status
from lakefall_plugins.sinks.lake.names import STAGING_PREFIX
from lakefall_plugins.sinks.trino import load as loading
from lakefall_plugins.sinks.trino import replace

from .servers import Servers
from .trino_support import House, convert, schema, source

FILE = source("orders/a.csv")
ID = [("id", "INTEGER")]


@pytest.fixture
def house(servers: Servers, namespace: str, tmp_path: Path) -> House:
    return House(tmp_path, {"url": servers.env["TRINO_URL"], "namespace": namespace})


def snapshots(house: House, table: str) -> list[tuple[str, int]]:
    """Operation and total of rows of every snapshot, oldest first."""
    return [
        (op, int(total))
        for op, total in house.ask(
            "SELECT operation, element_at(summary, 'total-records') "
            f'FROM "{table}$snapshots" ORDER BY committed_at'
        )
    ]


def test_a_small_file_takes_few_statements(house: House) -> None:
    house.load(source("first/a.csv"), ID, "SELECT 1")
    house.sink.pending(house.run(), [FILE])
    sent = house.listen()
    house.load(FILE, ID, "SELECT 1")
    assert len(sent) <= 5, sent
    sent.clear()
    house.load(source("orders/a.csv", "e2", minute=1), ID, "SELECT 2")
    assert len(sent) <= 6, sent
    assert sum(s.startswith(("CREATE", "INSERT", "MERGE", "COMMENT")) for s in sent) <= 3, sent
    assert house.ask("SELECT id FROM orders") == [(2,)]


def test_every_type_comes_back_as_it_was(house: House) -> None:
    columns = [
        ("b", "BOOLEAN"),
        ("i", "INTEGER"),
        ("l", "BIGINT"),
        ("d", "DOUBLE"),
        ("n", "DECIMAL(38,38)"),
        ("m", "DECIMAL(18,2)"),
        ("day", "DATE"),
        ("at", "TIMESTAMP(6)"),
        ("u", "UUID"),
        ("t", "VARCHAR"),
    ]
    uuid = "12345678-1234-1234-1234-123456789abc"
    house.load(
        FILE,
        columns,
        f"""VALUES
        (true, -2147483648, -9223372036854775808, 1e300, '0.{"9" * 38}', '-1234567890123456.78',
         '0001-01-01', '1969-12-31 23:59:59.999999', '{uuid}', 'x'),
        (false, 2147483647, 9223372036854775807, 5e-324, '0', '0.01',
         '9999-12-31', '9999-12-31 00:00:00', '{uuid}', ''),
        (NULL, NULL, NULL, 'nan', NULL, NULL, NULL, NULL, NULL, NULL),
        (NULL, NULL, NULL, '-inf', NULL, NULL, NULL, NULL, NULL, NULL)""",
    )
    rows = house.ask("SELECT b, i, l, d, n, m, day, at, u, t FROM orders ORDER BY i, d")
    assert rows[0] == (
        True,
        -(2**31),
        -(2**63),
        1e300,
        Decimal("0." + "9" * 38),
        Decimal("-1234567890123456.78"),
        date(1, 1, 1),
        datetime(1969, 12, 31, 23, 59, 59, 999999),
        uuid,
        "x",
    )
    assert rows[1][:4] == (False, 2**31 - 1, 2**63 - 1, 5e-324)
    assert rows[1][9] == ""
    assert rows[2] == (None, None, None, float("-inf"), *[None] * 6)
    assert rows[3][3] != rows[3][3]
    state = house.sink.describe("orders")
    assert state is not None
    assert [(c.name, c.type) for c in state.columns] == [
        (n, "TIMESTAMP" if t == "TIMESTAMP(6)" else t) for n, t in columns
    ]


def test_a_table_evolves_and_its_columns_widen(house: House) -> None:
    house.load(FILE, [("n", "INTEGER"), ("m", "DECIMAL(4,2)")], "SELECT 1, 1.5")
    outcome = house.load(
        source("orders/b.csv"),
        [("n", "BIGINT"), ("m", "DECIMAL(10,2)"), ("new", "DATE", "%d/%m/%Y")],
        "SELECT 9999999999, 12345678.25, DATE '2024-02-01'",
    )
    assert outcome.columns_added == ("new",)
    assert house.ask('SELECT n, m, "new" FROM orders ORDER BY n') == [
        (1, Decimal("1.50"), None),
        (9999999999, Decimal("12345678.25"), date(2024, 2, 1)),
    ]
    state = house.sink.describe("orders")
    assert state is not None
    assert [(c.name, c.type, c.format) for c in state.columns] == [
        ("n", "BIGINT", ""),
        ("m", "DECIMAL(10,2)", ""),
        ("new", "DATE", "%d/%m/%Y"),
    ]


def test_the_format_of_a_new_tables_column_is_kept(house: House) -> None:
    house.load(FILE, [("d", "DATE", "%d/%m/%Y")], "SELECT DATE '2024-01-02'")
    state = house.sink.describe("orders")
    assert state is not None
    assert state.columns[0].format == "%d/%m/%Y"
    assert house.ask("SELECT d FROM orders") == [(date(2024, 1, 2),)]


HOSTILE = (
    "it's",
    '"',
    "a\nb\r\nc",
    "back\\slash",
    "; DROP TABLE orders --",
    "\U0001f600 ü \x00 \u2028",
)


def test_names_and_values_are_quoted(house: House) -> None:
    keys = {text: f"orders/{text}.csv" for text in HOSTILE}
    for etag in ("e1", "e2"):
        run = house.run()
        plan = house.sink.prepare(run, "orders", schema(('a column\'s "name" ü', "VARCHAR")), False)
        files = {text: source(key, etag, minute=int(etag[1])) for text, key in keys.items()}
        loads = [
            convert(run, plan, file, f"SELECT '{quoted(text)}'") for text, file in files.items()
        ]
        loaded = house.sink.load(run, plan, loads)
        house.sink.record(
            run, [dataclasses.replace(o, digest="options-1") for o in loaded.outcomes]
        )
    rows = house.ask("SELECT * FROM orders")
    assert sorted((row[0], row[1]) for row in rows) == sorted(keys.items())
    found = house.sink.pending(house.run(), list(files.values()))
    assert [each.pending for each in found] == [False] * len(HOSTILE)
    assert house.sink.forget(house.run(), list(keys.values())) == len(HOSTILE)


def quoted(text: str) -> str:
    return text.replace("'", "''").replace("\x00", "' || chr(0) || '")


def test_many_rows_come_in_one_snapshot(house: House) -> None:
    house.load(FILE, ID, "SELECT 1")
    sent = house.listen()
    outcome = house.load(
        source("orders/a.csv", "e2", minute=1), ID, "SELECT i FROM range(1200) t(i)"
    )
    assert outcome.rows_deleted == 1
    assert sum(s.startswith("INSERT") and STAGING_PREFIX in s for s in sent) == 3
    assert len(snapshots(house, "orders")) == 2
    assert house.ask("SELECT count(*), count(DISTINCT id), sum(id) FROM orders") == [
        (1200, 1200, 1200 * 1199 // 2)
    ]
    assert not [t for t in house.sink.lake.tables(fresh=True) if t.startswith(STAGING_PREFIX)]


def test_statements_stay_within_the_servers_limit(house: House) -> None:
    small = house.with_options(max_statement_chars=20_000)
    sent = small.listen()
    small.load(FILE, [("t", "VARCHAR")], "SELECT repeat('x', 3000) FROM range(20)")
    assert max(map(len, sent)) <= 20_000
    assert small.ask("SELECT count(*), sum(length(t)) FROM orders") == [(20, 60_000)]


def test_a_row_longer_than_a_statement_is_told(house: House) -> None:
    small = house.with_options(max_statement_chars=20_000)
    with pytest.raises(TableError, match=r"orders/a\.csv: the 2\. of its rows .* 20,000"):
        small.load(FILE, [("t", "VARCHAR")], "VALUES ('x'), (repeat('y', 30000))")
    assert not small.sink.lake.tables(fresh=True)


def test_an_empty_file_empties_its_rows(house: House) -> None:
    house.load(source("orders/b.csv"), ID, "SELECT 7")
    house.load(FILE, ID, "SELECT 1")
    outcome = house.load(source("orders/a.csv", "e2", minute=1), ID, "SELECT 1 WHERE false")
    assert (outcome.rows_deleted, outcome.rows_loaded) == (1, 0)
    assert house.ask("SELECT id FROM orders") == [(7,)]


def test_the_letter_deletes_and_inserts(house: House) -> None:
    letter = house.with_options(replace="delete_insert", batch_rows=2)
    letter.load(FILE, ID, "SELECT i FROM range(5) t(i)")
    sent = letter.listen()
    outcome = letter.load(source("orders/a.csv", "e2", minute=1), ID, "VALUES (10), (11), (12)")
    assert outcome.rows_deleted == 5
    table = letter.sink.lake.name("orders")
    assert [s.split()[0] for s in sent if f" {table} " in s and s[0] in "DI"] == [
        "DELETE",
        "INSERT",
        "INSERT",
    ]
    assert letter.ask("SELECT id FROM orders ORDER BY 1") == [(10,), (11,), (12,)]


def test_rejects_are_replaced_with_their_version(house: House) -> None:
    bad = [(3, "", "too few fields", "it's"), (9, "n", "no number", "x")]
    house.load(FILE, ID, "SELECT 1", rejects=bad)
    found = [(r.line, r.column, r.reason, r.text) for r in house.sink.stored_rejects("", "")]
    assert found == bad
    house.load(FILE, ID, "SELECT 1", rejects=bad)
    assert len(list(house.sink.stored_rejects("orders", ""))) == 2
    house.load(source("orders/a.csv", "e2", minute=1), ID, "SELECT 1")
    assert not list(house.sink.stored_rejects("", ""))
    assert house.ask("SELECT count(*) FROM _ingest_rejects") == [(0,)]


def test_rebuilding_swaps_columns_and_rows_in_one_commit(house: House) -> None:
    house.load(FILE, [("n", "VARCHAR"), ("gone", "DATE")], "SELECT 'x', NULL")
    house.load(source("orders/b.csv"), [("n", "VARCHAR")], "SELECT 'y'")
    before = len(snapshots(house, "orders"))
    house.load(FILE, [("n", "INTEGER")], "SELECT 5", rebuild=True)
    assert house.ask("SELECT * FROM orders")[0][:2] == (5, "orders/a.csv")
    assert len(snapshots(house, "orders")) == before + 1
    assert [e.key for e in house.sink.history()] == ["orders/a.csv"]


def test_a_file_that_came_during_a_rebuild_is_loaded_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Committed after the rebuild's check and before its swap: the one moment nothing refuses."""
    house.load(FILE, ID, "SELECT 1")
    monkeypatch.setattr(loading, "_SETTLE", 0.1)
    late = source("orders/b.csv")
    real = loading._Load._refuse_newer

    def refuse_newer(task: object, *arguments: str) -> None:
        real(task, *arguments)  # type: ignore[arg-type]
        House(house.folder, house.options).load(late, ID, "SELECT 2")

    monkeypatch.setattr(loading._Load, "_refuse_newer", refuse_newer)
    house.load(FILE, ID, "SELECT 1", rebuild=True)
    warned = [e for e in house.pipeline.events if e.name == "warning"]
    assert "during the rebuild" in warned[0].detail["message"]
    assert house.sink.pending(house.run(), [late])[0].pending


def test_the_check_says_what_is_there(house: House) -> None:
    assert "not there yet" in list(house.sink.check())[1].message
    house.load(FILE, ID, "SELECT 1")
    first, second = house.sink.check()
    assert first.message.startswith("Trino 4")
    assert second.message.startswith("1 tables in iceberg.test_")


def test_a_newer_version_is_never_overwritten(house: House) -> None:
    listed = house.run(datetime.now(UTC) - timedelta(seconds=5))
    house.load(source("orders/a.csv", "new", minute=5), ID, "SELECT 2")
    outcome = house.load(FILE, ID, "SELECT 1", run=listed)
    assert outcome.status is Status.SUPERSEDED
    assert house.ask("SELECT id FROM orders") == [(2,)]


def test_rows_replaced_between_look_and_merge_are_seen(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run commits a newer version after this one has looked, before its MERGE."""
    house.load(source("orders/b.csv"), ID, "SELECT 7")
    listed = house.run()
    look, done = loading.read_state, []

    def late(*arguments: object) -> object:
        seen = look(*arguments)  # type: ignore[arg-type]
        if not done:
            done.append(1)
            other = House(house.folder, house.options)
            other.load(source("orders/a.csv", "new", minute=5), ID, "SELECT 2")
        return seen

    monkeypatch.setattr(loading, "read_state", late)
    outcome = house.load(FILE, ID, "SELECT 1", run=listed)
    assert outcome.status is Status.SUPERSEDED
    assert house.ask("SELECT id FROM orders ORDER BY 1") == [(2,), (7,)]


def test_two_runs_at_the_same_time_load_a_file_once(house: House) -> None:
    house.load(source("orders/b.csv"), ID, "SELECT 7")
    houses = [House(house.folder, house.options) for _ in range(2)]
    failed: list[BaseException] = []

    def work(mine: House) -> None:
        try:
            mine.load(FILE, ID, "SELECT i FROM range(10) t(i)")
        except CommitConflictError:
            pass
        except BaseException as error:  # noqa: BLE001 -- looked at below
            failed.append(error)

    threads = [threading.Thread(target=work, args=(h,)) for h in houses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert house.ask("SELECT count(*) FROM orders WHERE _source_file = 'orders/a.csv'") == [(10,)]


def test_what_was_loaded_but_not_recorded_is_loaded_again(house: House) -> None:
    """A run died after its commit; then the source went back to the version before."""
    house.load(FILE, ID, "SELECT 1")
    house.load(source("orders/a.csv", "e2", minute=1), ID, "SELECT 2", record=False)
    decision = house.sink.pending(house.run(), [FILE])[0]
    assert (decision.pending, decision.reason) == (True, "another version was loaded, not recorded")


def test_the_registry_is_rebuilt_from_the_tables(house: House) -> None:
    house.load(FILE, ID, "VALUES (1), (2)")
    house.load(source("orders/b.csv"), ID, "SELECT 3")
    house.load(source("orders/b.csv", "e2", minute=1), ID, "SELECT 4")
    house.sink.lake.drop("_ingest_registry")
    again = House(house.folder, house.options)
    assert again.sink.rebuild_registry(again.run()) == 2
    entries = [(e.key, e.etag, e.row_count) for e in again.sink.history()]
    assert entries == [("orders/a.csv", "e1", 2), ("orders/b.csv", "e2", 1)]


def test_released_and_failed_files(house: House) -> None:
    file = source("orders/bad.csv")
    failed = Outcome(file, Status.FAILED, error="no header", digest="options-1")
    house.sink.record(house.run(), [failed])
    assert not house.sink.pending(house.run(), [file])[0].pending
    assert house.sink.release(house.run(), ["orders/bad.csv", "no/such.csv"]) == 1
    assert house.sink.pending(house.run(), [file])[0].pending


def test_an_older_registry_gains_columns(house: House, servers: Servers) -> None:
    """The specification's own table, as another system would have made it."""
    name = house.sink.lake.name("_ingest_registry")
    house.sink.lake.make_namespace()
    servers.trino(
        f"CREATE TABLE {name} (file_key VARCHAR NOT NULL, etag VARCHAR NOT NULL, table_name "
        "VARCHAR NOT NULL, row_count INTEGER, status VARCHAR NOT NULL, error_message VARCHAR, "
        "ingested_at TIMESTAMP(6) NOT NULL, dag_run_id VARCHAR NOT NULL)"
    )
    house.sink.lake.tables(fresh=True)
    house.load(FILE, ID, "SELECT 1")
    house.load(source("orders/a.csv", "e2", minute=1), ID, "SELECT 2")
    assert [(e.etag, e.size) for e in house.sink.history()] == [("e2", 100)]


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM orders", "/* SELECT */ DROP TABLE orders", "SELECT 1; DROP TABLE orders", ""],
)
def test_a_query_changes_nothing(house: House, statement: str) -> None:
    with pytest.raises(UsageError):
        house.sink.query(sql=statement)


def test_a_query_answers_in_arrows_types(house: House) -> None:
    table = house.sink.query(
        sql="-- a comment\nSELECT 1 AS i, DECIMAL '1.50' AS m, ARRAY[1] AS a, NULL AS n, "
        "TIMESTAMP '2024-01-01 00:00:00 UTC' AS z;"
    )
    assert [str(f.type) for f in table.schema] == [
        "int32",
        "decimal128(3, 2)",
        "list<item: int64>",
        "null",
        "timestamp[us, tz=UTC]",
    ]


def test_files_that_come_together_are_replaced_together(house: House) -> None:
    keys = ("orders/a.csv", "orders/b.csv", "orders/c.csv")
    for number, key in enumerate(keys):
        house.load(source(key), ID, f"SELECT i FROM range({number + 1}) t(i)")
    run, before = house.run(), len(snapshots(house, "orders"))
    plan = house.sink.prepare(run, "orders", schema(*ID), rebuild=False)
    files = [
        convert(run, plan, source(key, "e2", minute=1), f"SELECT {10 * at}", [(at, "", "bad", key)])
        for at, key in enumerate(keys[1:], start=1)
    ]
    loaded = house.sink.load(run, plan, files)
    assert [o.rows_deleted for o in loaded.outcomes] == [2, 3]
    assert loaded.snapshot
    house.sink.record(run, loaded.outcomes)
    assert len(snapshots(house, "orders")) == before + 1
    assert house.ask("SELECT id, _source_file FROM orders ORDER BY id") == [
        (0, keys[0]),
        (10, keys[1]),
        (20, keys[2]),
    ]
    rejects = [(r.key, r.line, r.text) for r in house.sink.stored_rejects("", "")]
    assert rejects == [(keys[1], 1, keys[1]), (keys[2], 2, keys[2])]


def test_rejects_of_a_version_go_with_it_in_one_process(house: House) -> None:
    house.load(source("orders/b.csv"), ID, "SELECT 1")
    house.load(FILE, ID, "SELECT 1", rejects=[(3, "", "too few fields", "x")])
    house.load(source("orders/a.csv", "e2", minute=1), ID, "SELECT 2")
    assert house.ask("SELECT count(*) FROM _ingest_rejects") == [(0,)]


def test_a_column_that_came_meanwhile_is_planned_for_again(house: House) -> None:
    house.load(FILE, ID, "SELECT 1")
    run, new = house.run(), [*ID, ("x", "INTEGER")]
    plan = house.sink.prepare(run, "orders", schema(*new), rebuild=False)
    file = convert(run, plan, source("orders/b.csv"), "SELECT 2, 3")
    House(house.folder, house.options).load(
        source("orders/c.csv"), [*ID, ("x", "VARCHAR")], "SELECT 4, 'four'"
    )
    with pytest.raises(PlanOutdatedError, match="'x'"):
        house.sink.load(run, plan, [file])
    assert house.ask("SELECT id FROM orders ORDER BY id") == [(1,), (4,)]


def test_a_table_that_came_meanwhile_is_planned_for_again(house: House) -> None:
    run = house.run()
    plan = house.sink.prepare(run, "orders", schema(*ID), rebuild=False)
    file = convert(run, plan, FILE, "SELECT 2")
    House(house.folder, house.options).load(source("orders/c.csv"), ID, "SELECT 4")
    with pytest.raises(PlanOutdatedError):
        house.sink.load(run, plan, [file])


KILLED = """
import sys, time
from pathlib import Path
from e2e.trino_support import House
from lakefall_plugins.sinks.trino import replace
house = House(Path(sys.argv[1]), {"url": sys.argv[2], "namespace": sys.argv[3]})
house.sink.lake.make_namespace()
with replace.staging_table(house.sink.lake, house.run()) as name:
    house.sink.lake.execute(f"CREATE TABLE {house.sink.lake.name(name)} (i INTEGER)")
    print(name, flush=True)
    time.sleep(60)
"""


def test_a_killed_runs_staging_table_goes_with_the_next_load(house: House) -> None:
    options = house.options
    arguments = [str(house.folder), options["url"], options["namespace"]]
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    assert process.stdout is not None
    name = process.stdout.readline().strip()
    process.kill()
    process.wait()
    assert name in house.sink.lake.tables(fresh=True)
    house.load(FILE, ID, "SELECT 1")
    assert house.sink.lake.tables(fresh=True) == {"orders", "_ingest_registry"}


def test_staging_tables_of_dead_runs_go(house: House, servers: Servers) -> None:
    house.load(FILE, ID, "SELECT 1")
    lake, run = house.sink.lake, house.run()
    old, young = (
        f"{STAGING_PREFIX}20200101000000_{'a' * 12}",
        f"{STAGING_PREFIX}29990101000000_{'b' * 12}",
    )
    with pytest.raises(KeyboardInterrupt), replace.staging_table(lake, run) as dead:
        for name in (dead, old, young):
            servers.trino(f"CREATE TABLE {lake.name(name)} (_source_file VARCHAR)")
        raise KeyboardInterrupt
    lake.tables(fresh=True)
    with replace.staging_table(lake, run) as living:
        servers.trino(f"CREATE TABLE {lake.name(living)} (i INTEGER)")
        assert set(replace.sweep(lake, run)) == {dead, old}
        assert lake.data_tables() == ["orders"]
        assert {t for t in lake.tables(fresh=True) if t.startswith(STAGING_PREFIX)} == {
            living,
            young,
        }
    assert not list((house.folder / "cache" / "trino-staging").iterdir())


def test_the_comments_of_a_person_stay(house: House, servers: Servers) -> None:
    house.load(FILE, ID, "SELECT 1")
    table = house.sink.lake.name("orders")
    servers.trino(f"COMMENT ON TABLE {table} IS 'Orders of all shops'")
    house.load(source("orders/b.csv"), ID, "SELECT 2")
    found = house.ask('SELECT "value" FROM "orders$properties" WHERE key = \'comment\'')
    words, _, said = found[0][0].partition("\nlakefall: ")
    assert words == "Orders of all shops"
    assert list(json.loads(said)["versions"]) == ["orders/b.csv"]
