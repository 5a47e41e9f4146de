"""Trino with the Iceberg connector, and nothing else."""

from __future__ import annotations

import os
import shutil
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .http import get_json
from .processes import Command
from .seaweedfs import REGION
from .server import Server
from .versions import POM, digest, maven

CATALOG = "iceberg"
USER = "lakefall"
JVM = (
    "-server",
    "-Xmx2G",
    "-XX:+UseG1GC",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djdk.attach.allowAttachSelf=true",
    "-Dfile.encoding=UTF-8",
    "--sun-misc-unsafe-memory-access=allow",
)
# Half the processor time until the first answers, and as fast as ever in small statements; what
# scans millions of rows, or is measured against something else, wants the second compiler too.
QUICK_START = ("-XX:TieredStopAtLevel=1",)
FULL_JIT = "LAKEFALL_STACK_FULL_JIT"


class Trino(Server):
    name = "trino"
    ports = ("trino",)
    ready_seconds = 120
    stop_seconds = 30

    def install(self) -> None:
        self.site.home.java()
        self._programs()

    def _programs(self) -> Path:
        version = maven("trino")
        return self.site.home.once(
            f"trino-{version}-{digest(POM)}", f"Trino {version}", self._unpack
        )

    def _unpack(self, folder: Path) -> None:
        archives = folder / "archives"
        self.site.home.maven("trino", archives)
        for archive in archives.glob("trino-server-core-*.tar.gz"):
            with tarfile.open(archive) as tar:
                tar.extractall(folder, filter="data")
            unpacked = folder / archive.name.removesuffix(".tar.gz")
            (unpacked / "lib").rename(folder / "lib")
            # Only this connector: every other plugin costs time at each start.
            shutil.rmtree(unpacked)
        for archive in archives.glob("trino-iceberg-*.zip"):
            with zipfile.ZipFile(archive) as packed:
                packed.extractall(folder / "plugin")
            unpacked = folder / "plugin" / archive.name.removesuffix(".zip")
            unpacked.rename(folder / "plugin" / "iceberg")
        shutil.rmtree(archives)

    def command(self) -> Command:
        etc, settings, programs = self.folder / "etc", self.site.settings, self._programs()
        (etc / "catalog").mkdir(parents=True, exist_ok=True)
        _properties(
            etc / "config.properties",
            {
                "coordinator": "true",
                "node-scheduler.include-coordinator": "true",
                "http-server.http.port": self.port,
                "discovery.uri": self.url,
                "catalog.config-dir": etc / "catalog",
                "plugin.dir": programs / "plugin",
                "node.environment": "lakefall",
                "node.internal-address": "127.0.0.1",
                "node.bind-ip": "127.0.0.1",
            },
        )
        _properties(
            etc / "catalog" / f"{CATALOG}.properties",
            {
                "connector.name": "iceberg",
                "iceberg.catalog.type": "rest",
                "iceberg.rest-catalog.uri": settings.url("rest"),
                "fs.native-s3.enabled": "true",
                "s3.endpoint": settings.url("s3"),
                "s3.region": REGION,
                "s3.path-style-access": "true",
                "s3.aws-access-key": settings.secrets["s3_key"],
                "s3.aws-secret-key": settings.secrets["s3_secret"],
                # A quarter of what a small MERGE costs; none of it is asked for here.
                "iceberg.extended-statistics.collect-on-write": "false",
            },
        )
        arguments: list[str | Path] = [
            self.site.home.java(),
            "-cp",
            f"{programs / 'lib'}/*",
            *JVM,
            *(() if os.environ.get(FULL_JIT) else QUICK_START),
            f"-Dconfig={etc / 'config.properties'}",
            "io.trino.server.TrinoServer",
        ]
        return Command(arguments, self.folder)

    def ready(self) -> bool:
        info: Any = get_json(f"{self.url}/v1/info")
        return isinstance(info, dict) and info.get("starting") is False


def _properties(path: Path, values: Mapping[str, object]) -> None:
    path.touch(0o600)
    path.write_text("".join(f"{name}={value}\n" for name, value in values.items()), "utf-8")
