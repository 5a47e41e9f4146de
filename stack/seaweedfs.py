"""SeaweedFS: the object store, and a second Iceberg REST catalog with S3 Tables' rules."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from .http import put, status
from .processes import Command
from .server import Server

BUCKETS = ("csv-uploads", "lakehouse", "lakehouse-warehouse")
INGEST_BUCKET = BUCKETS[0]
TABLE_BUCKET = "lakehouse-tables"
REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class TableBucket:
    """SeaweedFS' own catalog: it wants credentials, and refuses names that start with ``_``."""

    uri: str
    warehouse: str
    #: OAuth2 client credentials, ``id:secret``.
    credential: str

    @property
    def oauth2_server_uri(self) -> str:
        return f"{self.uri}/v1/oauth/tokens"


class SeaweedFS(Server):
    name = "seaweedfs"
    ports = (
        "s3",
        "s3_iceberg",
        "s3_grpc",
        "filer",
        "filer_grpc",
        "master",
        "master_grpc",
        "volume",
        "volume_grpc",
        "admin",
        "admin_grpc",
    )

    def install(self) -> None:
        self.site.home.weed()

    def command(self) -> Command:
        settings, ports = self.site.settings, self.site.settings.ports
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        identity = {
            "name": "lakefall",
            "credentials": [
                {
                    "accessKey": settings.secrets["s3_key"],
                    "secretKey": settings.secrets["s3_secret"],
                }
            ],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        config = self.folder / "s3.json"
        config.touch(0o600)
        config.write_text(json.dumps({"identities": [identity]}), "utf-8")
        options = {
            "dir": data,
            "ip": "127.0.0.1",
            "ip.bind": "127.0.0.1",
            "bucket": ",".join(BUCKETS),
            "tableBucket": TABLE_BUCKET,
            "s3.config": config,
            # Else a misspelt bucket springs into being.
            "s3.autoCreateBucket": "false",
            "master.telemetry": "false",
            "admin.ui": "false",
            "webdav": "false",
            "s3.port": ports["s3"],
            "s3.port.grpc": ports["s3_grpc"],
            "s3.port.iceberg": ports["s3_iceberg"],
            "s3.port.lance": 0,
            "filer.port": ports["filer"],
            "filer.port.grpc": ports["filer_grpc"],
            "master.port": ports["master"],
            "master.port.grpc": ports["master_grpc"],
            "volume.port": ports["volume"],
            "volume.port.grpc": ports["volume_grpc"],
            "admin.port": ports["admin"],
            "admin.port.grpc": ports["admin_grpc"],
        }
        arguments = [f"-{name}={value}" for name, value in options.items()]
        weed = self.site.home.weed()
        return Command([weed, "-logtostderr=true", "mini", *arguments], self.folder)

    def ready(self) -> bool:
        """S3 refuses a visitor without a key, every bucket is there (seen past S3), and files can
        be written: the volumes come last."""
        filer = self.site.settings.url("filer")
        return (
            status(self.url) == 403
            and all(
                status(f"{filer}/buckets/{bucket}/") == 200 for bucket in (*BUCKETS, TABLE_BUCKET)
            )
            and put(f"{filer}/ready", str(os.getpid())) == 201
            and status(f"{filer}/ready") == 200
        )

    def stop(self, *, kill: bool = False) -> None:
        """Stop it; sockets that it leaves in the system's folder for them go too."""
        super().stop(kill=kill)
        for port in map(self.site.settings.ports.__getitem__, self.ports):
            for socket in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                socket.unlink(missing_ok=True)

    def table_bucket(self) -> TableBucket:
        secrets = self.site.settings.secrets
        return TableBucket(
            self.site.settings.url("s3_iceberg"),
            f"s3://{TABLE_BUCKET}",
            f"{secrets['s3_key']}:{secrets['s3_secret']}",
        )
