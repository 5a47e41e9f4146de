"""Whether the catalog and the storage can be used; nothing is written or left anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from lakefall.contract.values import Check
from lakefall_plugins.sinks.iceberg import upkeep
from lakefall_plugins.sinks.iceberg.own_tables import OwnTable
from lakefall_plugins.sinks.iceberg.rest_catalog import RestHome
from lakefall_plugins.sinks.lake import registry, rejects

if TYPE_CHECKING:
    from lakefall_plugins.sinks.iceberg.catalog import Lake


def check(lake: Lake) -> Iterator[Check]:
    """The catalog, the names of our own tables, and the storage, each as far as it can be told.

    Raises:
        CatalogUnreachableError, CatalogDeniedError: nothing else can be told then.
    """
    subject = f"sink iceberg ({lake.home.name})"
    if not lake.exists:
        yield Check(subject, ok=True, message="no catalog yet; the first load makes it")
        return
    there = lake.tables()
    if there or lake.catalog.namespace_exists((lake.namespace,)):
        message = f"{len(upkeep.data_tables(lake))} tables in namespace {lake.namespace}"
    else:
        message = f"no namespace {lake.namespace} yet; the first load makes it"
    if isinstance(lake.home, RestHome):
        yield Check(subject, ok=True, message=f"{message}; {_endpoints(lake.catalog)}")
        yield from _check_served(lake, there)
    else:
        yield Check(subject, ok=True, message=message)


def _endpoints(catalog: Any) -> str:
    return f"the catalog offers {len(catalog._supported_endpoints)} operations"


def _check_served(lake: Lake, there: set[str]) -> Iterator[Check]:
    options = lake.options
    own = (
        ("registry_table", options.registry_table, registry.COLUMNS),
        ("rejects_table", options.rejects_table, rejects.COLUMNS),
    )
    storage: tuple[str, dict[str, str]] | None = None
    for option, name, columns in own:
        table = OwnTable(lake, name, columns)
        if name in there:
            found = table.find()
            if found is not None:
                storage = found.metadata.location, found.io.properties
            continue
        try:
            # Staged, the table exists nowhere: only a commit would make it.
            staged = lake.catalog.create_table_transaction(
                lake.identifier(name), table.schema()
            )._table
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
