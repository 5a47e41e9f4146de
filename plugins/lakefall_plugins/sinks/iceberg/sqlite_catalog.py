"""A catalog for one machine: an SQLite file beside the tables."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog

    from lakefall_plugins.sinks.iceberg.options import SqliteCatalog

CATALOG_FILE = "catalog.db"
_FOLDER = ".lakefall"
_BUSY_SECONDS = 30


class SqliteHome:
    """Where the catalog is, and how it is opened."""

    remembers = 0.0
    settles = 0.0
    takes_turns = False
    secrets: tuple[str, ...] = ()

    def __init__(self, options: SqliteCatalog) -> None:
        self.folder = Path(os.path.abspath(options.warehouse))  # noqa: PTH100 -- keeps links
        self.name = str(self.folder)

    @property
    def exists(self) -> bool:
        return (self.folder / CATALOG_FILE).exists()

    def local(self, cache: Path) -> Path:  # noqa: ARG002 -- the warehouse is local itself
        return self.folder / _FOLDER

    def connect(self) -> Catalog:
        from pyiceberg.catalog.sql import SqlCatalog
        from sqlalchemy import URL
        from sqlalchemy.exc import OperationalError

        self.folder.mkdir(parents=True, exist_ok=True)
        url = URL.create(
            "sqlite",
            database=str(self.folder / CATALOG_FILE),
            query={"timeout": str(_BUSY_SECONDS)},
        )
        properties = {
            "uri": url.render_as_string(hide_password=False),
            "warehouse": str(self.folder),
        }
        try:
            return SqlCatalog("lakefall", **properties)
        except OperationalError as error:
            if "already exists" not in str(error):
                raise
            # Another process made the catalog's own tables at the same moment.
            return SqlCatalog("lakefall", **properties)
