"""What PyIceberg's own REST client and file access lack."""

from __future__ import annotations

from lakefall_plugins.sinks.iceberg.rest_client import _S3FileIO


def test_an_upload_does_not_queue_its_file_in_memory() -> None:
    io = _S3FileIO({"s3.endpoint": "http://127.0.0.1:1", "s3.region": "us-east-1"}, True)
    _, (arguments,) = io._initialize_s3_fs(None).__reduce__()
    assert arguments["background_writes"] is False
    assert arguments["allow_delayed_open"] is True
