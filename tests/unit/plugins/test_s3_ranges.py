"""What a store, or a cache before it, may answer to a request for a part of an object."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lakefall.contract.errors import FileChangedError, SourceUnreachableError
from lakefall_plugins.sources.s3 import client
from lakefall_plugins.sources.s3.client import Bucket
from lakefall_plugins.sources.s3.options import S3Options

CONTENT = bytes(range(256)) * 4_000
ETAG = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


class Store(ThreadingHTTPServer):
    """One object; ``how`` says what is wrong with the answers to requests for a part."""

    daemon_threads = True

    def __init__(self, how: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.how = how
        self.asked: list[str] = []


class Handler(BaseHTTPRequestHandler):
    server: Store

    def do_GET(self) -> None:
        asked, how = self.headers.get("Range", ""), self.server.how
        self.server.asked.append(asked)
        begin, end = 0, len(CONTENT)
        if asked:
            first, last = asked.removeprefix("bytes=").split("-")
            begin, end = int(first), int(last) + 1
        data, etag = CONTENT[begin:end], ETAG
        if asked and how == "whole":
            begin, data, asked = 0, CONTENT, ""
        if asked and how == "elsewhere":
            begin, data = begin + 1, CONTENT[begin + 1 : end + 1]
        if asked and how == "garbled":
            data = b"x" * len(data)
        if how == "short":
            data = data[:-1]
        if how == "changed":
            etag = "0" * 32
        self.send_response(206 if asked else 200)
        self.send_header("ETag", f'"{etag}"')
        self.send_header("Content-Length", str(len(data)))
        if asked:
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{len(CONTENT)}")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_LEAST_PART", 100_000)
    monkeypatch.setattr(client, "_LARGEST_PART", 300_000)
    monkeypatch.setattr(client, "_ALIGNED", 100_000)


@pytest.fixture
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    server = Store(request.param)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def download(store: Store, folder: Path) -> bytes:
    options = S3Options(
        bucket="bucket",
        endpoint_url=f"http://127.0.0.1:{store.server_port}",
        access_key_id="a",
        secret_access_key="b",
        max_attempts=1,
    )
    path = folder / "object"
    with path.open("wb") as out:
        Bucket(options).download("t/a.csv", ETAG, len(CONTENT), out)
    return path.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("store", ["right", "whole", "garbled"], indirect=True)
def test_the_object_is_whole_whatever_parts_are_answered(store: Store, tmp_path: Path) -> None:
    """RFC 9110 allows an answer of 200 with the whole object; wrong bytes are not the MD5."""
    assert download(store, tmp_path) == CONTENT
    assert len([r for r in store.asked if r]) > 1
    assert [r for r in store.asked if not r] == ([] if store.how == "right" else [""])


@pytest.mark.parametrize("store", ["elsewhere", "short"], indirect=True)
def test_bytes_of_another_place_or_length_are_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachableError, match="next run tries again"):
        download(store, tmp_path)


@pytest.mark.parametrize("store", ["changed"], indirect=True)
def test_another_version_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(FileChangedError, match=r"t/a.csv: changed"):
        download(store, tmp_path)
