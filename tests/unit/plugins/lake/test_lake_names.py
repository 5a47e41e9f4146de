"""Names that tables of earlier versions have in their metadata, which stay what they are."""

from __future__ import annotations

from datetime import UTC, datetime

from lakefall_plugins.sinks.lake import names


def test_names_in_tables_never_change() -> None:
    found = {n: v for n, v in vars(names).items() if n.isupper() and isinstance(v, str)}
    assert found == {
        "SOURCE_FILE": "_source_file",
        "INGESTED_AT": "_ingested_at",
        "COMMIT_ID": "lakefall.commit",
        "RUN_ID": "lakefall.run-id",
        "FILES": "lakefall.files",
        "FILES_LOCATION": "lakefall.files-location",
        "KEPT": "lakefall.kept",
        "KEPT_LOCATION": "lakefall.kept-location",
        "EXPIRED_LOCATION": "lakefall.expired-location",
        "STAGING_PREFIX": "_lakefall_staging_",
    } | {n: v for n, v in found.items() if n.startswith("_")}
    assert names.format_property("day") == "lakefall.format.day"
    assert names.type_property("day") == "lakefall.type.day"


def test_the_name_of_a_staging_table_tells_when_it_was_made() -> None:
    now = datetime(2024, 2, 29, 12, 30, 1, tzinfo=UTC)
    name = names.new_staging_name(now)
    assert name != names.new_staging_name(now)
    assert names.is_staging(name)
    assert names.staged_at(name) == now
    assert names.staged_at("orders") is None
