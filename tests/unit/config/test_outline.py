"""Looking at a pipeline file where its secrets are not at hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lakefall.config.loader import lint, load, open_pipeline, read
from lakefall.contract.errors import ConfigError
from lakefall.contract.plugin import Stage
from lakefall.plugin_loading.catalogue import Catalogue

Write = Callable[[str], str]
PIPELINE = """
    version: 1
    name: ${NAME_OF_IT:-p}
    source: {use: box, path: "${INBOX:-inbox}", max_files: "${MOST}", password: "${PASSWORD}"}
    sink: {use: lake, catalog: {type: rest, uri: "${URI}", token: "${airflow_conn:lake.password}"}}
    schedule: {cron: "${CRON:-@daily}", start_date: 2024-01-01}
    """
ENVIRON = {"PASSWORD": "hunter2", "CRON": "@hourly", "INBOX": "real"}


def test_an_outline_takes_only_what_a_scheduler_needs(write: Write, catalogue: Catalogue) -> None:
    file = read(write(PIPELINE), catalogue=catalogue, environ=ENVIRON, outline=True)
    config = file.config()
    assert config.schedule is not None
    assert (config.name, config.schedule.cron) == ("p", "@hourly")
    assert "hunter2" not in repr(file) + repr(config) + repr(file.document.items["source"].items)
    origin = config.origins["sink.catalog.uri"]
    assert (origin.value, origin.where) == ("${URI}", "p.yaml:4 from ${URI}")
    assert not config.uses[Stage.SOURCE], "max_files is no number as it stands"


def test_an_outline_still_finds_mistakes(write: Write, catalogue: Catalogue) -> None:
    path = write(PIPELINE.replace("max_files", "max_fils").replace("type: rest, ", ""))
    with pytest.raises(ConfigError) as caught:
        read(path, catalogue=catalogue, environ=ENVIRON, outline=True)
    assert len(caught.value.problems) == 2
    assert "p.yaml:3: source.max_fils: unknown option" in caught.value.problems[0]
    assert "p.yaml:4: sink.catalog" in caught.value.problems[1]


def test_a_schedule_needs_its_variables_now(write: Write, catalogue: Catalogue) -> None:
    path = write(PIPELINE.replace(":-@daily", ""))
    with pytest.raises(ConfigError, match="environment variable CRON is not set"):
        read(path, catalogue=catalogue, environ={}, outline=True)


def test_lint_accepts_references_and_running_needs_them(write: Write, catalogue: Catalogue) -> None:
    environ = {**ENVIRON, "MOST": "7", "URI": "http://x"}
    path = write(PIPELINE)
    assert lint([path], catalogue=catalogue, environ=environ) == []
    with pytest.raises(ConfigError, match=r"p.yaml:4: sink.catalog.token: .* a task of Airflow"):
        open_pipeline(path, catalogue=catalogue, environ=environ)
    pipeline = open_pipeline(
        path,
        catalogue=catalogue,
        environ=environ,
        lookups={"airflow_conn": {"lake.password": "s3cret"}.__getitem__},
    )
    (sink,) = pipeline.config.uses[Stage.SINK]
    assert sink.options.catalog.token.get_secret_value() == "s3cret"  # type: ignore[attr-defined]
    assert "s3cret" not in repr(pipeline.config)


def test_a_reference_where_a_number_belongs_is_judged_later(
    write: Write, catalogue: Catalogue
) -> None:
    text = PIPELINE.replace("${MOST}", "${airflow_conn:lake.port}")
    path = write(text)
    environ = {**ENVIRON, "URI": "http://x"}
    assert load(path, catalogue=catalogue, environ=environ).name == "p"
    lookups = {"airflow_conn": {"lake.password": "x", "lake.port": "many"}.__getitem__}
    with pytest.raises(ConfigError, match=r"found the value of \$\{airflow_conn:lake\.port\}"):
        open_pipeline(path, catalogue=catalogue, environ=environ, lookups=lookups)
