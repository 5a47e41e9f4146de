"""One namespace of one catalog: how it is opened, what it has, and whether it can be used.

Opened on first use, and asked no more often than it has to be.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lakefall.contract.errors import CatalogLostError, MissingExtraError, StorageDamagedError
from lakefall.contract.values import Check
from lakefall_plugins.sinks.iceberg.damage import damaged, metadata_named
from lakefall_plugins.sinks.iceberg.errors import is_garbled
from lakefall_plugins.sinks.iceberg.metadata import schema_of
from lakefall_plugins.sinks.iceberg.options import RestCatalog
from lakefall_plugins.sinks.iceberg.reading import Manifests
from lakefall_plugins.sinks.lake import registry, rejects
from lakefall_plugins.sinks.lake.names import is_staging

if TYPE_CHECKING:
    from pydantic import SecretStr
    from pyiceberg.catalog import Catalog
    from pyiceberg.io import FileIO
    from pyiceberg.table import Table

    from lakefall_plugins.sinks.iceberg.options import IcebergOptions, SqliteCatalog

CATALOG_FILE = "catalog.db"
_FOLDER = ".lakefall"
_BUSY_SECONDS = 30


class SqliteHome:
    """A catalog for one machine: an SQLite file beside the tables."""

    remembers = 0.0
    settles = 0.0
    takes_turns = False
    secrets: tuple[str, ...] = ()

    def __init__(self, options: SqliteCatalog) -> None:
        self.folder = Path(os.path.abspath(options.warehouse))  # noqa: PTH100 -- keeps links
        self.name = str(self.folder)

    @property
    def exists(self) -> bool:
        """Whether there is a catalog.

        Raises:
            CatalogLostError: there is none, and its tables are still there.
        """
        self._refuse_lost()
        return (self.folder / CATALOG_FILE).exists()

    def _refuse_lost(self) -> None:
        file = self.folder / CATALOG_FILE
        if file.exists() and file.stat().st_size:
            return
        left = next(self.folder.glob("*/*/metadata/*.metadata.json"), None)
        if left is not None:
            state = "empty" if file.exists() else "missing"
            raise CatalogLostError(
                f"{file} is {state}, but tables of it are there, such as {left.parent.parent}; "
                "bring the file back from a backup, or point sink.catalog.warehouse to a new folder"
            )

    def local(self, cache: Path) -> Path:  # noqa: ARG002 -- the warehouse is local itself
        return self.folder / _FOLDER

    def connect(self) -> Catalog:
        from pyiceberg.catalog.sql import SqlCatalog
        from sqlalchemy import URL
        from sqlalchemy.exc import OperationalError

        self.folder.mkdir(parents=True, exist_ok=True)
        self._refuse_lost()
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


_LOCAL_REGION = "us-east-1"
"""What servers other than AWS sign with unless a region is given."""


class RestHome:
    """A catalog behind the Iceberg REST protocol."""

    remembers = 5.0
    settles = 600.0
    takes_turns = True
    exists = True

    def __init__(self, options: RestCatalog) -> None:
        self.options = options
        self.name = options.uri

    @property
    def secrets(self) -> tuple[str, ...]:
        options, s3 = self.options, self.options.s3
        given = (options.credential, options.token, s3.secret_access_key, s3.session_token)
        plain = [_plain(secret) for secret in (*given, *options.headers.values())]
        # A server may repeat the secret half of `id:secret` alone.
        halves = [_plain(options.credential).partition(":")[2]]
        return tuple(secret for secret in (*plain, *halves) if secret)

    def local(self, cache: Path) -> Path:
        """One folder a catalog: what one host keeps about it."""
        where = f"{self.options.uri}\n{self.options.warehouse or ''}"
        return cache / "iceberg" / hashlib.sha256(where.encode()).hexdigest()[:16]

    def connect(self) -> Catalog:
        if self.options.sigv4 is not None:
            _require_boto3()
        from lakefall_plugins.sinks.iceberg.rest_client import Client, Transport

        options = self.options
        verify = options.verify if isinstance(options.verify, bool) else str(options.verify)
        return Client(self._properties(), Transport(options.timeout, verify))

    def _properties(self) -> dict[str, str]:
        options = self.options
        found = {
            "uri": options.uri,
            "warehouse": options.warehouse,
            "credential": _plain(options.credential),
            "token": "" if options.credential else _plain(options.token),
            "oauth2-server-uri": options.oauth2_server_uri,
            "scope": options.scope,
            **{f"header.{name}": _plain(value) for name, value in options.headers.items()},
            **self._storage(),
        }
        if options.sigv4 is not None:
            found |= {
                "rest.sigv4-enabled": "true",
                "rest.signing-name": options.sigv4.service,
                "rest.signing-region": options.sigv4.region or found["s3.region"],
            }
            found |= {
                f"client.{name}": found[f"s3.{name}"]
                for name in ("access-key-id", "secret-access-key", "session-token", "region")
            }
        return {name: value for name, value in found.items() if value}

    def _storage(self) -> dict[str, str | None]:
        options, s3 = self.options, self.options.s3
        region = (
            s3.region
            or os.environ.get("AWS_REGION")
            or os.environ.get("AWS_DEFAULT_REGION")
            # AWS tells a bucket's region when asked, others do not.
            or (_LOCAL_REGION if s3.endpoint_url else None)
        )
        return {
            "s3.endpoint": s3.endpoint_url,
            "s3.region": region,
            "s3.access-key-id": s3.access_key_id,
            "s3.secret-access-key": _plain(s3.secret_access_key),
            "s3.session-token": _plain(s3.session_token),
            "s3.force-virtual-addressing": "true" if s3.path_style is False else None,
            "s3.connect-timeout": f"{options.timeout:g}",
            "s3.request-timeout": f"{options.timeout:g}",
        }


def _plain(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret is not None else ""


def _require_boto3() -> None:
    try:
        import boto3  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            "catalog.sigv4 needs the package boto3; pip install 'lakefall[s3]'"
        ) from error


class Lake:
    """One namespace of one catalog."""

    def __init__(self, options: IcebergOptions) -> None:
        self.options = options
        self.namespace = options.namespace
        catalog = options.catalog
        self.home: RestHome | SqliteHome = (
            RestHome(catalog) if isinstance(catalog, RestCatalog) else SqliteHome(catalog)
        )
        self.cache = Path(".lakefall")
        """Where a run keeps what only this host needs; each hook that writes says it anew."""
        self.manifests = Manifests()
        self._connecting = threading.Lock()
        """One table may be planned while another one is loaded."""
        self._seen: dict[str, tuple[float, Table | None]] = {}
        self._has_namespace = False

    @property
    def exists(self) -> bool:
        """Whether there is a catalog; looking for a table must not make one."""
        return self.home.exists

    @property
    def local(self) -> Path:
        """Folder on this host for journals and locks."""
        return self.home.local(self.cache)

    @property
    def doubt(self) -> float:
        """Seconds that a load on any host may look for the snapshot of a commit of which it got no
        answer; 0 where the answer is certain."""
        settles = self.home.settles
        return max(settles, self.options.commit_timeout) if settles else 0.0

    @property
    def catalog(self) -> Catalog:
        """The catalog; a local one is made where there is none."""
        with self._connecting:
            return self._catalog

    @cached_property
    def _catalog(self) -> Catalog:
        return self.home.connect()

    def identifier(self, table: str) -> tuple[str, str]:
        return (self.namespace, table)

    def find(self, table: str) -> Table | None:
        """The table as it is now, None where there is none."""
        from pyiceberg.exceptions import NoSuchNamespaceError, NoSuchTableError

        if not self.exists:
            return None
        try:
            found = self.catalog.load_table(self.identifier(table))
        except (NoSuchTableError, NoSuchNamespaceError):
            return self.remember(table, None)
        except Exception as error:
            path = self.unreadable(table, error)
            if path:
                why = f"is not readable ({type(error).__name__})"
                raise damaged(path, table, why) from error
            raise
        return self.remember(table, found)

    def unreadable(self, table: str, error: Exception) -> str:
        """The metadata file because of which a table cannot be loaded; ``''`` where it is another
        matter."""
        from pyiceberg.exceptions import ServerError

        from lakefall_plugins.sinks.iceberg.pyiceberg_internals import metadata_location

        if isinstance(error, ServerError):
            # A server reads it itself, and says which it could not.
            return metadata_named(str(error))
        if isinstance(self.home, SqliteHome) and (
            isinstance(error, FileNotFoundError) or is_garbled(error)
        ):
            return metadata_location(self.catalog, self.identifier(table))
        return ""

    def is_lost(self, table: str, error: Exception) -> bool:
        """Whether a table cannot be read because of its own files, not of the way to them."""
        from pyiceberg.exceptions import NoSuchTableError, RESTError, ServerError
        from requests.exceptions import RequestException

        if type(error) is ServerError or isinstance(error, RequestException):
            # A server that cannot read a table's metadata has many words for it, or tries for so
            # long that nobody waits: then it answers what else it is asked.
            return table in self.tables()
        if isinstance(error, RESTError):
            return False
        known = isinstance(error, StorageDamagedError | FileNotFoundError | NoSuchTableError)
        return known or is_garbled(error)

    def drop(self, table: str) -> None:
        """Take a table out of the catalog; its files stay."""
        self.catalog.drop_table(self.identifier(table))
        self.remember(table, None)

    def seen(self, table: str) -> Table | None:
        """The table as it was moments ago: for plans, which every commit checks again."""
        at, found = self._seen.get(table, (float("-inf"), None))
        if time.monotonic() - at < self.home.remembers:
            return found
        return self.find(table)

    def since(self, table: str, changed: float) -> Table | None:
        """The table as it is now, as far as this host knows.

        What was seen after the last change by this host (seconds since 1970) is good enough to
        begin with: a commit that another host made meanwhile makes ours fail. It is good for one
        commit only.
        """
        at, found = self._seen.pop(table, (float("-inf"), None))
        age = time.monotonic() - at
        if age < self.home.remembers and time.time() - age > changed:
            return found
        return self.find(table)

    def remember(self, table: str, found: Table | None) -> Table | None:
        """Keep what a commit, or the catalog, has just said about a table; the table to work on."""
        from lakefall_plugins.sinks.iceberg.pyiceberg_internals import as_loaded

        kept = None if found is None else as_loaded(found)
        self._seen[table] = (time.monotonic(), kept)
        self._has_namespace = self._has_namespace or found is not None
        return kept

    def tables(self) -> set[str]:
        """Names of all tables of the namespace."""
        from pyiceberg.exceptions import NoSuchNamespaceError

        if not self.exists:
            return set()
        try:
            found = self.catalog.list_tables((self.namespace,))
        except NoSuchNamespaceError:
            return set()
        self._has_namespace = self._has_namespace or bool(found)
        return {name for *_, name in found}

    def data_tables(self) -> list[str]:
        """Tables that files may feed."""
        options = self.options
        own = {options.registry_table, options.rejects_table, *options.protected_tables}
        return sorted(name for name in self.tables() - own if not is_staging(name))

    def make_namespace(self) -> None:
        from sqlalchemy.exc import IntegrityError

        if self._has_namespace:
            return
        try:
            self.catalog.create_namespace_if_not_exists((self.namespace,))
        except IntegrityError:
            # Another process may have made it at the same moment.
            if not self.catalog.namespace_exists((self.namespace,)):
                raise
        self._has_namespace = True

    def storage(self, location: str) -> FileIO:
        """Files at a location of which no table is known any more."""
        from lakefall_plugins.sinks.iceberg.pyiceberg_internals import storage_at

        return storage_at(self.catalog, location)


def check(lake: Lake) -> Iterator[Check]:
    """The catalog, the names of our own tables, and the storage, each as far as it can be seen.

    Raises:
        CatalogUnreachableError, CatalogDeniedError: nothing else can be checked then.
    """
    subject = f"sink iceberg ({lake.home.name})"
    if not lake.exists:
        yield Check(subject, ok=True, message="no catalog yet; the first load makes it")
        return
    there = lake.tables()
    if there or lake.catalog.namespace_exists((lake.namespace,)):
        message = f"{len(lake.data_tables())} tables in namespace {lake.namespace}"
    else:
        message = f"no namespace {lake.namespace} yet; the first load makes it"
    if isinstance(lake.home, RestHome):
        yield Check(subject, ok=True, message=f"{message}; {_endpoints(lake.catalog)}")
        yield from _check_served(lake, there)
    else:
        yield Check(subject, ok=True, message=message)


def _endpoints(catalog: Any) -> str:
    from lakefall_plugins.sinks.iceberg.pyiceberg_internals import count_endpoints

    return f"the catalog offers {count_endpoints(catalog)} operations"


def _check_served(lake: Lake, there: set[str]) -> Iterator[Check]:
    from lakefall_plugins.sinks.iceberg.pyiceberg_internals import table_of

    options = lake.options
    own = (
        ("registry_table", options.registry_table, registry.COLUMNS),
        ("rejects_table", options.rejects_table, rejects.COLUMNS),
    )
    storage: tuple[str, dict[str, str]] | None = None
    for option, name, columns in own:
        if name in there:
            found = lake.find(name)
            if found is not None:
                storage = found.metadata.location, found.io.properties
            continue
        try:
            # Staged, the table exists nowhere: only a commit would make it.
            staged = table_of(
                lake.catalog.create_table_transaction(lake.identifier(name), schema_of(columns))
            )
            storage = staged.metadata.location, staged.io.properties
        except Exception as error:
            refused = _refused(error, option, name)
            if refused is None:
                raise
            yield refused
    if storage is not None:
        yield _check_storage(*storage)


def _refused(error: Exception, option: str, name: str) -> Check | None:
    """What a refusal to stage a table means; None where it is another matter."""
    from pyiceberg.exceptions import NoSuchNamespaceError, RESTError

    subject = f"sink iceberg, {option}"
    if isinstance(error, NoSuchNamespaceError):
        return Check(
            subject, ok=True, message=f"whether {name!r} may be made shows with the namespace"
        )
    if not isinstance(error, RESTError) or type(error).__name__ != "BadRequestError":
        return None
    remedy = f"set sink.{option} to a name that it takes"
    if name.startswith("_"):
        remedy += f", such as {name.lstrip('_')!r}: some catalogs take none that starts with _"
    return Check(
        subject, ok=False, message=f"the catalog refuses the table {name!r} ({error}); {remedy}"
    )


def _check_storage(location: str, properties: dict[str, str]) -> Check:
    """Whether objects may be written: an upload is begun, and given up before anything is sent."""
    parts = urlsplit(location)
    subject = f"storage {parts.scheme}://{parts.netloc}"
    if parts.scheme not in ("s3", "s3a", "s3n"):
        return Check(subject, ok=True, message="is no S3; not tried")
    try:
        import boto3
        from botocore.config import Config
    except ImportError:
        return Check(
            subject,
            ok=True,
            message="writing was not tried: that needs boto3 (pip install 'lakefall[s3]')",
        )
    from botocore.exceptions import BotoCoreError, ClientError

    virtual = properties.get("s3.force-virtual-addressing") == "true"
    path_style = bool(properties.get("s3.endpoint")) and not virtual
    client: Any = boto3.client(
        "s3",
        endpoint_url=properties.get("s3.endpoint"),
        region_name=properties.get("s3.region"),
        aws_access_key_id=properties.get("s3.access-key-id"),
        aws_secret_access_key=properties.get("s3.secret-access-key"),
        aws_session_token=properties.get("s3.session-token"),
        config=Config(
            connect_timeout=float(properties.get("s3.connect-timeout", 10)),
            read_timeout=float(properties.get("s3.request-timeout", 30)),
            retries={"total_max_attempts": 2},
            s3={"addressing_style": "path" if path_style else "auto"},
        ),
    )
    place = {"Bucket": parts.netloc, "Key": f"{parts.path.strip('/')}/lakefall-check"}
    try:
        upload = client.create_multipart_upload(**place)
        client.abort_multipart_upload(**place, UploadId=upload["UploadId"])
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code == "NoSuchBucket":
            message = f"there is no bucket {parts.netloc!r}; make it"
        else:
            message = f"writing is refused ({code}); check catalog.s3 or the AWS keys"
        return Check(subject, ok=False, message=message)
    except BotoCoreError as error:
        return Check(subject, ok=False, message=f"cannot be reached ({error})")
    return Check(subject, ok=True, message="can be written")
