"""The catalog: opened on first use, its errors told in our own words."""

from __future__ import annotations

import errno
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lakefall.errors import CatalogUnreachableError, LakefallError, SinkError, StorageFullError

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table

    from lakefall_plugins.iceberg.options import IcebergOptions

CATALOG_FILE = "catalog.db"
_BUSY_SECONDS = 30
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FULL_WORDS = (*map(os.strerror, _FULL), "disk is full", "disk I/O error")
"""SQLite says "disk I/O error" where a file-size limit is reached."""


class Lake:
    """One namespace of one catalog."""

    def __init__(self, options: IcebergOptions) -> None:
        self.options = options
        self.namespace = options.namespace

    @property
    def folder(self) -> Path:
        """The warehouse on this machine."""
        return Path(os.path.abspath(self.options.catalog.warehouse))  # noqa: PTH100 -- keeps links

    @property
    def exists(self) -> bool:
        """Whether there is a catalog; looking for a table must not make one."""
        return (self.folder / CATALOG_FILE).exists()

    @cached_property
    def catalog(self) -> Catalog:
        """The catalog, made where there is none."""
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

    def identifier(self, table: str) -> tuple[str, str]:
        return (self.namespace, table)

    def find(self, table: str) -> Table | None:
        """The table as it is now, None where there is none."""
        from pyiceberg.exceptions import NoSuchTableError

        if not self.exists:
            return None
        try:
            found = self.catalog.load_table(self.identifier(table))
        except NoSuchTableError:
            return None
        # Our own loop retries: it also checks again what PyIceberg's would not.
        found.metadata.properties["commit.retry.num-retries"] = "0"
        return found

    def tables(self) -> set[str]:
        """Names of all tables of the namespace."""
        if not self.exists:
            return set()
        if not self.catalog.namespace_exists((self.namespace,)):
            return set()
        return {name for *_, name in self.catalog.list_tables((self.namespace,))}

    def make_namespace(self) -> None:
        from sqlalchemy.exc import IntegrityError

        try:
            self.catalog.create_namespace_if_not_exists((self.namespace,))
        except IntegrityError:
            # Another process may have made it at the same moment.
            if not self.catalog.namespace_exists((self.namespace,)):
                raise


@contextmanager
def foreseen(subject: str) -> Iterator[None]:
    """Turn errors of the catalog and the storage into ours, and keep PyIceberg's log off stderr.

    Raises:
        CatalogUnreachableError, StorageFullError, SinkError.
    """
    log = logging.getLogger("pyiceberg")
    if not log.handlers:
        # Without any handler, Python's last resort would print its warnings.
        log.addHandler(logging.NullHandler())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"pyiceberg(\.|$)")
        warnings.filterwarnings("ignore", message="Delete operation did not match any records")
        try:
            yield
        except LakefallError:
            raise
        except Exception as error:
            known = _translate(error, subject)
            if known is None:
                raise
            raise known from error


def _translate(error: Exception, subject: str) -> LakefallError | None:
    from pyiceberg.exceptions import NoSuchTableError
    from sqlalchemy.exc import SQLAlchemyError

    # Arrow and DuckDB give the system's words in the text only, SQLite has its own.
    text = str(getattr(error, "orig", None) or error)
    engine = type(error).__module__.partition(".")[0] in ("duckdb", "_duckdb")
    if isinstance(error, OSError | SQLAlchemyError) or engine:
        if getattr(error, "errno", None) in _FULL or any(words in text for words in _FULL_WORDS):
            return StorageFullError(
                f"{subject}: no room in the warehouse ({text}); make room, the next run tries again"
            )
        if isinstance(error, SQLAlchemyError):
            return CatalogUnreachableError(
                f"{subject}: the catalog does not answer ({text}); the next run tries again"
            )
        if isinstance(error, OSError):
            return SinkError(f"{subject}: the warehouse cannot be used ({text})")
    if isinstance(error, NoSuchTableError):
        return SinkError(f"{subject}: the table was dropped meanwhile; the next run tries again")
    return None
