"""The servers answer, each as itself."""

from __future__ import annotations

from .servers import Servers


def test_every_server_answers(servers: Servers, bucket: str, namespace: str) -> None:
    servers.s3().put_object(Bucket=bucket, Key="t/a.csv", Body=b"a\n1\n")
    listed = servers.s3().list_objects_v2(Bucket=bucket)
    assert [found["Key"] for found in listed["Contents"]] == ["t/a.csv"]
    servers.catalog().create_namespace((namespace,))
    assert [namespace] in servers.trino("SHOW SCHEMAS")
