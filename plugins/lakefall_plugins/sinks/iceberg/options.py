"""What a pipeline file says about an Iceberg sink."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, SecretStr

from lakefall.contract.plugin import Options
from lakefall.contract.units import Duration
from lakefall_plugins.sinks.lake.options import LakeOptions, Maintenance


def _unset(value: object) -> object:
    """``${NAME:-}`` leaves an empty text where nothing is set."""
    return None if value == "" else value


def _off(value: object) -> object:
    """YAML reads a bare ``off`` as false."""
    return None if value in (False, "off", "") else value


def _checked(value: object) -> object:
    return True if value in ("", None) else value


def _with_type(value: object) -> object:
    """A catalog that does not say its type is the one for one machine."""
    if isinstance(value, dict) and "type" not in value:
        return {"type": "sqlite", **value}
    return value


Text = Annotated[str | None, BeforeValidator(_unset)]
Secret = Annotated[SecretStr | None, BeforeValidator(_unset)]


class SqliteCatalog(Options):
    """A catalog for one machine: an SQLite file in the folder that holds the tables."""

    type: Literal["sqlite"] = "sqlite"
    """Which kind of catalog: `sqlite`, for one machine, or `rest`, a server."""
    warehouse: Path
    """Folder of the catalog file and the tables; made on the first load."""


class SigV4(Options):
    """Requests to the catalog signed with AWS keys, as AWS Glue and S3 Tables ask for."""

    region: Text = None
    """Region of the catalog; that of the storage where it is not given."""
    service: str = "execute-api"
    """Name that the catalog's service signs under: `glue`, `s3tables`, `execute-api`."""


class Storage(Options):
    """The S3 storage of the tables. A catalog that hands out credentials of its own wins."""

    endpoint_url: Text = None
    """Where the storage answers; AWS itself where it is not given."""
    region: Text = None
    """Region; AWS_REGION or AWS_DEFAULT_REGION where it is not given."""
    access_key_id: Text = None
    """Access key; the standard AWS chain where it is not given."""
    secret_access_key: Secret = None
    """Secret of the access key."""
    session_token: Secret = None
    """Token of temporary keys."""
    path_style: Annotated[bool | None, BeforeValidator(_unset)] = None
    """Whether a bucket is part of the path and not of the host's name; found out where it is not
    given: yes where there is an `endpoint_url`."""


class RestCatalog(Options):
    """A catalog behind the Iceberg REST protocol, with the tables on S3."""

    type: Literal["rest"]
    """Which kind of catalog."""
    uri: str = Field(pattern=r"^https?://[^/\s@]+(/\S*)?$")
    """Where the catalog answers, without `/v1`."""
    warehouse: Text = None
    """The warehouse to use, where the catalog has several."""
    credential: Secret = None
    """OAuth2 client credentials, `id:secret`."""
    token: Secret = None
    """Bearer token, where there are no client credentials."""
    oauth2_server_uri: Text = None
    """Where tokens are given out; the catalog's own `/v1/oauth/tokens` where it is not given."""
    scope: Text = None
    """OAuth2 scope; `catalog` where it is not given."""
    sigv4: Annotated[SigV4 | None, BeforeValidator(_off)] = None
    """Sign requests with AWS keys; `off` for no signature."""
    verify: Annotated[bool | Path, BeforeValidator(_checked)] = True
    """Check TLS certificates: `true`, `false`, or a file with certificates of authorities."""
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    """More headers for every request to the catalog."""
    s3: Storage = Storage()
    """The S3 storage of the tables."""
    timeout: Duration = Field(default=30.0, gt=0, le=86_400)
    """How long the catalog or the storage may be silent."""


class IcebergMaintenance(Maintenance):
    """What `lakefall maintain` does to a table."""

    keep_snapshots_for: Duration = Field(default=7 * 86_400.0, ge=0)
    """How long a snapshot can be read after another one took its place. In a REST catalog never
    less than 10 minutes, nor than `commit_timeout`: a load that got no answer to its commit may
    look for its snapshot until then."""
    grace: Duration = Field(default=3600.0, ge=0)
    """How long files that only expired snapshots named stay, for readers that loaded the table's
    metadata before. The next maintenance after that deletes them. Manifests and metadata files of
    processes that died before their commit stay as long; in a REST catalog at least 10 minutes."""


class IcebergOptions(LakeOptions):
    """Options of the sink `iceberg`."""

    connection: ClassVar[frozenset[str]] = frozenset({"catalog", "commit_timeout", "maintenance"})

    catalog: Annotated[
        SqliteCatalog | RestCatalog, BeforeValidator(_with_type), Field(discriminator="type")
    ]
    """Where the tables are."""
    commit_timeout: Duration = Field(default=120.0, ge=0, le=86_400)
    """How long a commit is tried again while other writers win."""
    table_properties: dict[str, str] = Field(default_factory=dict)
    """Iceberg table properties of new tables, over the built-in ones."""
    maintenance: IcebergMaintenance = IcebergMaintenance()
    """How `lakefall maintain` compacts tables and expires their snapshots."""

    def places(self) -> Mapping[str, str]:
        """The warehouse; that of a REST catalog may be a name, whose place the catalog knows."""
        return {"catalog.warehouse": str(self.catalog.warehouse or "")}
