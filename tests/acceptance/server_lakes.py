"""Lakes on real servers: production pipelines, each test in a bucket and a namespace of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import yaml
from e2e.servers import Servers

from .lakes import REPOSITORY, Lake, Row, merged


@dataclass
class ServerLake(Lake):
    """An S3 bucket as the inbox, tables in the REST catalog."""

    file: ClassVar[str]
    """The pipeline's file in ``pipelines/``."""
    servers: Servers = field(default_factory=lambda: Servers({}))
    bucket: str = ""
    registrars: bool = False
    """Whether Trino and Superset are told, as the pipeline's file says."""

    @classmethod
    @contextmanager
    def on(cls, servers: Servers, folder: Path, *, registrars: bool = False) -> Iterator[Self]:
        """An empty lake; what it leaves on the servers is removed."""
        with servers.bucket() as bucket, servers.namespace() as namespace:
            yield cls(
                folder,
                servers=servers,
                bucket=bucket,
                namespace=namespace,
                registrars=registrars,
            )

    def __post_init__(self) -> None:
        self.pipeline = self.folder / "pipeline.yaml"
        (self.folder / "tmp").mkdir()
        self._s3 = self.servers.s3()
        self._client = self.servers.catalog()
        self.configure()

    def catalog(self) -> Any:
        return self._client

    def environment(self) -> dict[str, str]:
        return {
            **self.servers.env,
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder / "tmp"),
            "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
            "COLUMNS": "200",
            "LC_ALL": "C.UTF-8",
            "S3_INGEST_BUCKET": self.bucket,
        }

    def configure(self, **sections: Any) -> None:
        self._sections = merged(self._sections, sections)
        self.pipeline.write_text(self._document(self.file))

    def _document(self, file: str) -> str:
        base = yaml.safe_load((REPOSITORY / "pipelines" / file).read_text())
        if not self.registrars:
            base["catalog_registrar"] = []
        own = {
            "cache": {"dir": str(self.folder / "cache")},
            "sink": {"namespace": self.namespace},
        }
        document = merged(base, merged(own, self._sections))
        return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)

    def put(self, key: str, data: bytes | str) -> None:
        body = data.encode() if isinstance(data, str) else data
        self._s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def delete(self, key: str) -> None:
        self._s3.delete_object(Bucket=self.bucket, Key=key)

    def drop(self, table: str) -> None:
        self._client.drop_table((self.namespace, table))
        self.expected = {k: n for k, n in self.expected.items() if k[0] != table}

    def exists(self, table: str) -> bool:
        return bool(self._client.table_exists((self.namespace, table)))

    def tables(self) -> set[str]:
        """Names of all tables of the namespace."""
        if not self._client.namespace_exists((self.namespace,)):
            return set()
        return {name for *_, name in self._client.list_tables((self.namespace,))}

    def snapshots(self, table: str) -> list[Any]:
        if not self.exists(table):
            return []
        return [s.snapshot_id for s in self._client.load_table((self.namespace, table)).snapshots()]

    def query(self, sql: str) -> list[Row]:
        return super().query(sql.replace("lakehouse.", f"{self.namespace}."))


class IcebergLake(ServerLake):
    """``pipelines/csv_auto_ingest.yaml``."""

    file = "csv_auto_ingest.yaml"


class TrinoLake(ServerLake):
    """``pipelines/csv_auto_ingest_trino.yaml``; questions go to the catalog, which speaks DuckDB's
    SQL as those of the other lakes do."""

    file = "csv_auto_ingest_trino.yaml"
    many_rows = 1_000
    longest_cell = 900_000

    def query(self, sql: str) -> list[Row]:
        sections, self._sections = self._sections, {}
        reader = self.folder / "reader.yaml"
        reader.write_text(self._document(IcebergLake.file))
        self._sections = sections
        result = self.cli(
            "query", reader, sql.replace("lakehouse.", f"{self.namespace}."), "--json"
        )
        assert result.code == 0, result.stderr
        return result.objects
