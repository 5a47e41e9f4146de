"""The registrar ``superset`` against the real one, with Trino behind it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import pytest

from lakefall.contract.run import Run
from lakefall.contract.values import Column, Registered, TableState
from lakefall_plugins.registrars.superset import datasets as superset_api
from lakefall_plugins.registrars.superset.datasets import Api
from lakefall_plugins.registrars.superset.registrar import SupersetRegistrar
from lakefall_plugins.registrars.superset.session import Session

from .registrars import T0, TrinoTables, loaded, register, run_of
from .servers import Servers
from .superset_api import SupersetApi, superset, trino_database
from .way import Way

LATER = T0 + timedelta(days=1)


@pytest.fixture(scope="module")
def tables(servers: Servers) -> Iterator[TrinoTables]:
    with servers.namespace() as namespace:
        yield TrinoTables(servers, namespace)


@pytest.fixture(scope="module")
def api(servers: Servers) -> Iterator[SupersetApi]:
    with superset(servers) as api:
        yield api


@pytest.fixture(scope="module")
def options(servers: Servers) -> Iterator[Mapping[str, Any]]:
    with trino_database(servers) as database:
        yield {
            "url": servers.env["SUPERSET_URL"],
            "username": servers.env["SUPERSET_USERNAME"],
            "password": servers.env["SUPERSET_PASSWORD"],
            "database": database,
        }


@pytest.fixture
def run(tables: TrinoTables, options: Mapping[str, Any]) -> Iterator[Run]:
    with run_of(tables, SupersetRegistrar, **options) as run:
        yield run


def session_of(run: Run) -> Session:
    """The session that the run's registrar has open."""
    plugin = run.pipeline._manager.get_plugin("catalog_registrar:superset")
    assert isinstance(plugin, SupersetRegistrar)
    return plugin._state(run).api.session


# --- datasets ---


def test_a_new_table_becomes_a_dataset_that_answers(
    run: Run, tables: TrinoTables, api: SupersetApi
) -> None:
    # Of every type that lakefall makes.
    table = tables.make(
        "id integer, name varchar, b boolean, n bigint, x double, d decimal(18,2), day date, "
        "at timestamp(6), u uuid"
    )
    rest = "null, null, null, null, null, null, null, 'k', null"
    tables.insert(table, f"(1, 'Zoë', {rest}), (2, null, {rest})")
    answer = register(run, loaded(table))
    assert answer == Registered("superset", table, ok=True, message=answer.message)
    dataset = api.dataset(table, tables.namespace)
    assert answer.message == f"dataset {dataset['id']} made"
    assert dataset["catalog"] == "iceberg"
    assert api.rows(dataset["id"], ["id", "name"]) == [
        {"id": 1, "name": "Zoë"},
        {"id": 2, "name": None},
    ]
    # Again: nothing to do.
    assert register(run, loaded(table)).message == ""


def test_new_columns_come_and_what_users_set_stays(
    run: Run, tables: TrinoTables, api: SupersetApi
) -> None:
    table, schema = tables.make("id integer, region varchar, day varchar"), tables.namespace
    register(run, loaded(table))
    dataset = api.dataset(table, schema)
    ids = {c["column_name"]: c["id"] for c in dataset["columns"]}
    set_by_user = {
        "region": {
            "verbose_name": "Sales region",
            "description": "as billed",
            "filterable": False,
            "groupby": False,
            "extra": '{"certification": {"certified_by": "us"}}',
        },
        "day": {"is_dttm": True, "python_date_format": "%Y-%m-%d"},
    }
    columns = [
        {"id": number, "column_name": name, **set_by_user.get(name, {})}
        for name, number in ids.items()
    ]
    # Calculated columns; the table will get one of the same name.
    columns += [
        {"column_name": "twice", "expression": "id * 2", "type": "INTEGER"},
        {"column_name": "region_code", "expression": "upper(region)", "verbose_name": "Code"},
    ]
    metrics = [*dataset["metrics"], {"metric_name": "largest", "expression": "max(id)"}]
    kept = ("id", "metric_name", "expression", "verbose_name")
    sent = [{k: m[k] for k in kept if k in m} for m in metrics]
    api.change(dataset["id"], columns=columns, metrics=sent)
    before = api.dataset(table, schema)

    tables.sql(f"ALTER TABLE {schema}.{table} ADD COLUMN region_code varchar")
    tables.sql(f"ALTER TABLE {schema}.{table} ADD COLUMN amount double")
    tables.sql(f"ALTER TABLE {schema}.{table} ALTER COLUMN id SET DATA TYPE bigint")
    answer = register(run, loaded(table, added=("region_code", "amount")))
    assert answer.ok and "refreshed" in answer.message

    after = api.dataset(table, schema)
    old = {c["column_name"]: c for c in before["columns"]}
    new = {c["column_name"]: c for c in after["columns"]}
    assert new.keys() == old.keys() | {"amount"}
    assert (new["id"]["type"], new["amount"]["type"]) == ("BIGINT", "DOUBLE")
    for name, wanted in set_by_user.items():
        assert {k: new[name][k] for k in wanted} == wanted
    for name in ("twice", "region_code"):
        assert new[name]["expression"] == old[name]["expression"] != ""
    assert new["region_code"]["verbose_name"] == "Code"
    assert new["amount"]["filterable"] and new["amount"]["groupby"]
    assert {m["metric_name"]: m["expression"] for m in after["metrics"]} == {
        m["metric_name"]: m["expression"] for m in before["metrics"]
    }


def test_reconciling_makes_up_for_a_superset_that_was_down(
    tables: TrinoTables, options: Mapping[str, Any], api: SupersetApi, tmp_path: Path
) -> None:
    missed, evolved, gone, plain = tables.make(), tables.make(), "gone_table", tables.make()
    schema = tables.namespace

    def reconcile(**when: Any) -> tuple[list[Registered], int]:
        with run_of(tables, SupersetRegistrar, tmp_path, **options) as run:
            names = dict.fromkeys((missed, evolved, gone, plain), T0)
            answers = run.pipeline.reconcile(run, {**names, **when})
            return answers, session_of(run).requests

    with run_of(tables, SupersetRegistrar, tmp_path, **options) as run:
        register(run, loaded(evolved))
        register(run, loaded(plain))
    reconcile()
    api.drop_dataset(api.dataset(missed, schema)["id"])
    tables.sql(f"ALTER TABLE {schema}.{evolved} ADD COLUMN more integer")

    answers, _ = reconcile(**{evolved: LATER})
    # A table that is gone from the catalog too is no news.
    assert {(a.table, a.ok) for a in answers} == {(missed, True), (evolved, True)}
    assert "more" in api.columns(evolved, schema)
    assert api.dataset(missed, schema)
    answers, _ = reconcile(**{evolved: LATER})
    assert answers == []

    # Nothing new: a login, the database, the datasets; here one more try for the table that
    # is gone (CSRF token, POST, two looks at the dataset, Trino's schemas).
    answers, sent = reconcile(**{evolved: LATER})
    assert (answers, sent) == ([], 8)


def test_columns_that_compare_unequal_for_ever_are_refreshed_once(
    tables: TrinoTables, options: Mapping[str, Any], tmp_path: Path
) -> None:
    """The names of types that lakefall does not make are no contract."""
    table = tables.make("id integer, odd array(row(a integer))")
    odd = TableState(table, (Column("odd", "odd", "LIST<STRUCT>", nullable=True),))
    sent = []
    for _ in range(3):
        with run_of(tables, SupersetRegistrar, tmp_path, describe=odd, **options) as run:
            assert [a.ok for a in run.pipeline.reconcile(run, {table: T0})] in ([], [True])
            sent.append(session_of(run).requests)
    assert sent[2] == 3


def test_what_lakefall_makes_is_not_refreshed_for_its_types_names(
    tables: TrinoTables,
    options: Mapping[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = {
        "a": ("boolean", "BOOLEAN"),
        "b": ("integer", "INTEGER"),
        "c": ("bigint", "BIGINT"),
        "d": ("real", "REAL"),
        "e": ("double", "DOUBLE"),
        "f": ("decimal(38,10)", "DECIMAL(38,10)"),
        "g": ("date", "DATE"),
        "h": ("time(6)", "TIME"),
        "i": ("timestamp(6)", "TIMESTAMP"),
        "j": ("timestamp(6) with time zone", "TIMESTAMP WITH TIME ZONE"),
        "k": ("uuid", "UUID"),
        "l": ("varchar", "JSON"),
        "m": ("varchar", "VARCHAR"),
        "n": ("varbinary", "VARBINARY"),
    }
    table = tables.make(", ".join(f"{name} {kind}" for name, (kind, _) in made.items()))
    columns = tuple(Column(n, n, kind, nullable=True) for n, (_, kind) in made.items())
    refreshed: list[int] = []
    refresh = Api.refresh

    def seen(api: Api, dataset: int) -> None:
        refreshed.append(dataset)
        refresh(api, dataset)

    monkeypatch.setattr(Api, "refresh", seen)
    for state, times in (
        (columns, 0),
        (columns, 0),
        ((*columns, Column("o", "o", "TIME", nullable=True)), 1),
    ):
        described = TableState(table, state)
        with run_of(tables, SupersetRegistrar, tmp_path, describe=described, **options) as run:
            assert register(run, loaded(table)).ok
        assert len(refreshed) == times


def test_listings_have_pages(
    run: Run, tables: TrinoTables, options: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {tables.make(), tables.make()}
    for name in names:
        register(run, loaded(name))
    monkeypatch.setattr(superset_api, "PAGE", 1)
    listed = Api(session_of(run), tables.namespace)
    assert listed.datasets().keys() >= names


def test_what_this_run_registered_is_not_compared_twice(
    run: Run, tables: TrinoTables, options: Mapping[str, Any]
) -> None:
    table = tables.make()
    register(run, loaded(table))
    before = session_of(run).requests
    assert run.pipeline.reconcile(run, {table: T0}) == []
    assert session_of(run).requests - before == 1


# --- sessions ---


@pytest.mark.parametrize("lost", ["token of another key", "no token", "cookie", "csrf"])
def test_a_lost_session_is_opened_again(
    run: Run, tables: TrinoTables, api: SupersetApi, lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tables.make()
    session = session_of(run)
    session.write("POST", "/api/v1/dataset/", {"database": 0, "table_name": "x"}, expect=(422,))
    if lost == "token of another key":
        session._token = session._token[:-6] + "AAAAAA"
    elif lost == "no token":
        # Answered with 401, as an expired one is.
        authorize, calls = session._authorize, []

        def once(request: Any) -> Any:
            calls.append(request)
            return request if len(calls) == 1 else authorize(request)

        monkeypatch.setattr(session, "_authorize", once)
    elif lost == "cookie":
        assert session._http is not None
        session._http.cookies.clear()
    else:
        session._csrf = "stale"
    assert register(run, loaded(table)).ok
    assert api.dataset(table, tables.namespace)["id"]


def test_a_stale_token_cannot_make_a_refresh_look_done(
    run: Run, tables: TrinoTables, api: SupersetApi
) -> None:
    table, schema = tables.make(), tables.namespace
    register(run, loaded(table))
    tables.sql(f"ALTER TABLE {schema}.{table} ADD COLUMN more integer")
    session = session_of(run)
    session._token = session._token[:-6] + "AAAAAA"
    assert register(run, loaded(table, added=("more",))).ok
    assert "more" in api.columns(table, schema)


def test_registrars_that_race_make_one_dataset(
    tables: TrinoTables, options: Mapping[str, Any], api: SupersetApi
) -> None:
    table = tables.make()
    barrier = threading.Barrier(3)
    answers: list[Registered] = []

    def work() -> None:
        with run_of(tables, SupersetRegistrar, **options) as run:
            session_of(run).login()
            barrier.wait(30)
            answers.append(register(run, loaded(table)))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert [(a.ok, a.message) for a in answers if not a.ok] == []
    assert len(answers) == 3
    assert len(api.datasets(table, tables.namespace)) == 1


# --- what is amiss, in words ---


def refusal(tables: TrinoTables, options: Mapping[str, Any], **other: Any) -> str:
    """What the registrar says under these options, which cannot work."""
    with run_of(tables, SupersetRegistrar, **{**options, **other}) as run:
        answer = register(run, loaded("any_table"))
        reconciled = run.pipeline.reconcile(run, {"any_table": T0})
        checks = run.pipeline.check(run)
    assert (answer.ok, answer.wrong) == (False, ())
    assert all(not r.ok for r in reconciled)
    assert not checks[-1].ok
    told = f"{answer} {reconciled} {checks}"
    assert options["password"] not in told.replace(options["username"], "")
    assert "eyJ" not in told
    return answer.message


@pytest.fixture
def secret(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options with a password that can be looked for."""
    return {**options, "password": "s3cret-and-long"}


def test_a_wrong_password(tables: TrinoTables, secret: Mapping[str, Any]) -> None:
    message = refusal(tables, secret)
    assert f"refuses user {secret['username']!r} (HTTP 401)" in message


def test_nobody_there(tables: TrinoTables, secret: Mapping[str, Any]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    message = refusal(tables, secret, url=url)
    reason = "Failed to establish a new connection: [Errno 111] Connection refused"
    assert f"Superset at {url} cannot be reached ({reason})" in message


@contextmanager
def answering(status: int, body: str = "", location: str = "", wait: float = 0) -> Iterator[str]:
    """A server that is no Superset, or a sick one."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            sleep(wait)
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST = do_PUT = _answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "location", "said"),
    [
        (500, "oops", "", "fails at the login (HTTP 500)"),
        (503, "", "", "cannot answer now (HTTP 503"),
        (302, "", "https://elsewhere/login?next=%2F", "redirects to 'https://elsewhere/login'"),
        (200, "<html>hello</html>", "", "answers, but not as Superset does"),
        (404, "<html>no</html>", "", "answers, but not as Superset does"),
    ],
)
def test_a_sick_server(
    tables: TrinoTables,
    secret: Mapping[str, Any],
    status: int,
    body: str,
    location: str,
    said: str,
) -> None:
    with answering(status, body, location) as url:
        assert said in refusal(tables, secret, url=url)


def test_a_hanging_server_is_waited_for_once_a_run(
    tables: TrinoTables, secret: Mapping[str, Any]
) -> None:
    with (
        answering(200, wait=2) as url,
        run_of(tables, SupersetRegistrar, **{**secret, "url": url, "timeout": "300ms"}) as run,
    ):
        began = perf_counter()
        answers = [register(run, loaded(f"t{n}")) for n in range(100)]
        # Each for itself would be half a minute; the machine may be busy.
        assert perf_counter() - began < 15
    assert all("did not answer within 0.3 s" in a.message for a in answers)


def test_a_database_that_is_not_there(tables: TrinoTables, options: Mapping[str, Any]) -> None:
    message = refusal(tables, {**options, "password": options["password"]}, database="Trino nope")
    assert "has no database 'Trino nope'" in message
    assert options["database"] in message


def test_a_table_that_trino_does_not_show(
    run: Run, tables: TrinoTables, options: Mapping[str, Any]
) -> None:
    tables.make()
    message = register(run, loaded("no_such_table")).message
    assert f"iceberg.{tables.namespace}.no_such_table" in message
    assert "Trino answers, the table is not there" in message
    with run_of(tables, SupersetRegistrar, **{**options, "schema": "no_such_schema"}) as other:
        message = register(other, loaded("any_table")).message
    assert "the schema 'no_such_schema' is not there" in message


def test_trino_down_behind_superset(
    servers: Servers, tables: TrinoTables, options: Mapping[str, Any]
) -> None:
    way = Way(servers.env["TRINO_URL"])
    with way, trino_database(servers, port=way.port) as database:
        way.close()
        message = refusal(tables, options, database=database)
    assert "gets no answer from Trino through database" in message


def test_a_name_that_is_taken_on_a_superset_with_sqlite(
    servers: Servers, run: Run, tables: TrinoTables, options: Mapping[str, Any]
) -> None:
    table = tables.make()
    register(run, loaded(table))
    with servers.namespace() as namespace:
        other = TrinoTables(servers, namespace)
        other.make(name=table)
        with run_of(other, SupersetRegistrar, **options) as second:
            answer = register(second, loaded(table))
    # Other metadata databases have room for both.
    assert answer.ok or (
        f"of schema {tables.namespace!r}" in answer.message
        and "allows a name once on the whole server" in answer.message
    )


def test_check_says_what_is_there(run: Run, options: Mapping[str, Any]) -> None:
    checks = run.pipeline.check(run)
    assert [c.ok for c in checks] == [True] * 4
    assert checks[0].version[0].isdigit()
    assert options["database"] in checks[2].subject
    assert "Trino answers" in checks[3].message
