"""What a person sees in Superset, in a real browser."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest
from acceptance.server_lakes import IcebergLake

from .browser import CHROMIUM, DRIVER, browser, picture, superset_login, until_shown
from .servers import Servers
from .superset_api import superset

MISSING = "no chromium or no chromedriver: `stack/bootstrap` installs them"


def test_ac_10_the_datasets_page_shows_its_name_and_columns(
    servers: Servers, tmp_path: Path
) -> None:
    if not (CHROMIUM and DRIVER):
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    table, url = f"orders_{uuid.uuid4().hex[:8]}", servers.env["SUPERSET_URL"]
    with IcebergLake.on(servers, tmp_path, registrars=True) as lake, superset(servers) as api:
        lake.put(f"{table}/a.csv", "order_number,customer_name\n11,Ann\n12,Bob\n")
        lake.run()
        dataset = api.dataset(table, lake.namespace)["id"]
        try:
            with browser() as driver:
                env = servers.env
                superset_login(driver, url, env["SUPERSET_USERNAME"], env["SUPERSET_PASSWORD"])
                driver.get(f"{url}/explore/?datasource_type=table&datasource_id={dataset}")
                text = until_shown(driver, table, "customer_name")
                assert picture(driver, "superset-dataset").stat().st_size > 10_000
        finally:
            api.drop_dataset(dataset)
    shown = text.splitlines()
    assert f"{lake.namespace}.{table}" in shown
    assert {"order_number", "customer_name", "_source_file", "_ingested_at"} <= set(shown)
