"""What object stores and queues say about objects, as hints."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from lakefall.contract.errors import LakefallError
from lakefall.contract.hints import Hint
from lakefall.contract.plugin import Stage

if TYPE_CHECKING:
    from lakefall.plugin_loading.pipeline import Pipeline

_DEEPEST = 3
"""Wrappers around an event: SNS in SQS, EventBridge in SNS."""
_BUCKETS = "/buckets/"
"""Where SeaweedFS keeps the buckets in its tree of files."""


class MessageError(LakefallError):
    """A message that is no event of a known format."""


def buckets_of(pipeline: Pipeline) -> frozenset[str]:
    """The names of the pipeline's buckets."""
    options = (use.options for use in pipeline.config.uses.get(Stage.SOURCE, ()))
    return frozenset(name for o in options if isinstance(name := getattr(o, "bucket", None), str))


def hints_of(text: str | bytes, buckets: Collection[str]) -> list[Hint]:
    """Which files of these buckets a message is about.

    Formats: S3 (MinIO's is the same), alone or inside SNS; EventBridge; SeaweedFS' webhook; and
    ``{"keys": ["orders/a.csv"]}``. Of other buckets, folders, parts of uploads, deletions and
    tests nothing is told.

    Raises:
        MessageError: it is none of these.
    """
    try:
        # Numbers beyond what Python reads, and nesting beyond its stack, are errors too.
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MessageError(f"no JSON: {type(error).__name__}") from error
    try:
        found = dict.fromkeys(_objects(body, _DEEPEST))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise MessageError("JSON, but no event of S3, EventBridge or SeaweedFS") from error
    return [
        Hint(key, bucket and f"s3://{bucket}")
        for bucket, key in found
        if (not bucket or bucket in buckets) and not key.endswith("/") and not _is_part(key)
    ]


def _objects(body: Mapping[str, object], depth: int) -> Iterator[tuple[str, str]]:
    """Bucket and key of each object that the event says is new or changed."""
    if "Records" in body:
        for record in _list(body["Records"]):
            name = _text(record["eventName"]).removeprefix("s3:")
            bucket, key = record["s3"]["bucket"]["name"], record["s3"]["object"]["key"]
            if name.startswith(("ObjectCreated:", "ObjectRestore:")):
                yield _text(bucket), unquote_plus(_text(key), errors="strict")
    elif "detail-type" in body:
        detail = body["detail"]
        bucket, key = detail["bucket"]["name"], detail["object"]["key"]  # type: ignore[index]
        if body["detail-type"] in ("Object Created", "Object Restore Completed"):
            # Unlike in S3's own events, the key is as it is.
            yield _text(bucket), _text(key)
    elif body.get("Type") == "Notification" and depth:
        yield from _objects(json.loads(_text(body["Message"])), depth - 1)
    elif "event_type" in body:
        yield from _of_seaweedfs(body)
    elif "keys" in body:
        yield from (("", _text(key)) for key in _list(body["keys"]))
    elif body.get("Event") != "s3:TestEvent":
        raise KeyError


def _of_seaweedfs(body: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    message: Mapping[str, dict[str, object]] = body["message"]  # type: ignore[assignment]
    entry = message.get("new_entry") or {}
    path = _text(body["key"])
    if body["event_type"] == "rename":
        path = f"{message['new_parent_path']}/{_text(entry['name'])}"
    if body["event_type"] == "delete" or entry.get("is_directory") or not entry:
        return
    bucket, slash, key = path.removeprefix(_BUCKETS).partition("/")
    if path.startswith(_BUCKETS) and slash:
        yield bucket, key


def _is_part(key: str) -> bool:
    """Whether it is a part of an upload, as SeaweedFS stores it."""
    return "/.uploads/" in f"/{key}"


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    value.encode()  # half a surrogate pair is no text
    return value


def _list(value: object) -> list[dict[str, dict[str, dict[str, object]]]]:
    if not isinstance(value, list):
        raise TypeError
    return value
