"""Notifiers of object stores: their laws, and what they make of messages that are no good."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from e2e.queues import BUCKET, client, counted, queue, s3_event, send, server, until

from lakefall.config.loader import open_pipeline
from lakefall.contract.hints import Hint, Hints
from lakefall.contract.values import Status
from lakefall.run.report import RunReport
from lakefall.run.runner import Runner
from lakefall.run.watch import Watcher
from lakefall.testing import NotifierContract
from lakefall.testing.contract import Beside
from lakefall_plugins.notifiers.events import MessageError, hints_of
from lakefall_plugins.notifiers.sqs import Sqs, SqsOptions
from lakefall_plugins.notifiers.webhook import Webhook
from lakefall_plugins.sources.s3.source import S3Source

TOKEN = "0123456789abcdef"


def seaweedfs_event(path: str, kind: str = "create", **message: Any) -> dict[str, Any]:
    new = {"name": path.rpartition("/")[2], "is_directory": False}
    return {"event_type": kind, "key": path, "message": {"new_entry": new, **message}}


def eventbridge_event(key: str, kind: str = "Object Created") -> dict[str, Any]:
    detail = {"bucket": {"name": BUCKET}, "object": {"key": key}}
    return {"detail-type": kind, "source": "aws.s3", "detail": detail}


def by_sns(event: dict[str, Any]) -> dict[str, Any]:
    return {"Type": "Notification", "MessageId": "1", "Message": json.dumps(event)}


AWKWARD = "t/a b+c%20d=é&.csv"
S3 = f"s3://{BUCKET}"


@pytest.mark.parametrize(
    ("event", "keys"),
    [
        (s3_event(AWKWARD), [AWKWARD]),
        ({"EventName": "s3:ObjectCreated:Put", "Key": "files/t/a.csv",
          **s3_event("t/a.csv", name="s3:ObjectCreated:Put")}, ["t/a.csv"]),
        (s3_event("t/a.csv", name="ObjectCreated:CompleteMultipartUpload"), ["t/a.csv"]),
        ({"Records": [*s3_event("t/a.csv")["Records"], *s3_event("t/b.csv")["Records"],
                      *s3_event("t/a.csv")["Records"]]}, ["t/a.csv", "t/b.csv"]),
        (s3_event("t/a.csv", name="ObjectRemoved:Delete"), []),
        (s3_event("t/a.csv", bucket="other"), []),
        (s3_event("t/folder/"), []),
        ({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET}, []),
        (by_sns(s3_event(AWKWARD)), [AWKWARD]),
        (by_sns(by_sns(eventbridge_event(AWKWARD))), [AWKWARD]),
        (eventbridge_event(AWKWARD), [AWKWARD]),
        (eventbridge_event("t/a.csv", "Object Deleted"), []),
        (seaweedfs_event(f"/buckets/files/{AWKWARD}"), [AWKWARD]),
        (seaweedfs_event("/buckets/files/t/a.csv", "update"), ["t/a.csv"]),
        (seaweedfs_event("/buckets/files/t/a.csv", "delete", new_entry=None), []),
        (seaweedfs_event("/buckets/files/t", new_entry={"is_directory": True}), []),
        (seaweedfs_event("/buckets/files/t/.uploads/0/0001.part"), []),
        (seaweedfs_event("/buckets/filesystem/t/a.csv"), []),
        (seaweedfs_event("/etc/t/a.csv"), []),
        (seaweedfs_event("/buckets/files/t/old.csv", "rename", new_entry={"name": "new.csv"},
                         new_parent_path="/buckets/files/u"), ["u/new.csv"]),
    ],
)  # fmt: skip
def test_what_an_event_is_about(event: dict[str, Any], keys: list[str]) -> None:
    assert hints_of(json.dumps(event), {BUCKET}) == [Hint(key, S3) for key in keys]


MALFORMED = [
    *(b"", b"\xff\xfe", b"nothing", b"null", b"7", b'"text"', b"[]", b"{}", b"[" * 100_000),
    *(b"9" * 5000, b'{"Records": 7}', b'{"Records": [7]}', b'{"Records": [{}]}'),
    *(json.dumps(e).encode() for e in (
        {"keys": ["a\ud800"]},
        {"keys": "t/a.csv"},
        {"keys": [["t/a.csv"]]},
        {"detail-type": "Object Created", "detail": None},
        {"event_type": "create", "key": 7, "message": {}},
        {"event_type": "create", "key": "/buckets/files/t/a.csv", "message": []},
        {"Type": "Notification", "Message": "no JSON"},
        {"Type": "SubscriptionConfirmation", "SubscribeURL": "http://127.0.0.1:1/"},
        by_sns(by_sns(by_sns(by_sns(s3_event("t/a.csv"))))),
        {"Records": [{**s3_event("x")["Records"][0],
                      "s3": {"bucket": {"name": BUCKET}, "object": {"key": "%ff"}}}]},
    )),
]  # fmt: skip


@pytest.mark.parametrize("body", MALFORMED, ids=lambda b: repr(b[:24]))
def test_what_is_no_event_is_an_error(body: bytes) -> None:
    with pytest.raises(MessageError):
        hints_of(body, {BUCKET})


@cache
def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def post(body: bytes, *, token: str = TOKEN, headers: dict[str, str] | None = None) -> int:
    """The status of the answer; 0 where the receiver hangs up on a request that it refuses."""
    connection = http.client.HTTPConnection("127.0.0.1", free_port(), timeout=10)
    try:
        given = {"Authorization": f"Bearer {token}"} if token else {}
        connection.request("POST", "/", body, {**given, **(headers or {})})
        return connection.getresponse().status
    except ConnectionError:
        return 0
    finally:
        connection.close()


class OfBucket(NotifierContract):
    def beside(self) -> list[Beside]:
        return [(S3Source, {"bucket": BUCKET})]


class TestWebhook(OfBucket):
    plugin = Webhook
    options = {"port": 1, "token": TOKEN}

    def configured(self) -> dict[str, object]:
        return {"port": free_port(), "token": TOKEN, "max_rate": 40, "max_body": "10KB"}

    def arrive(self, key: str) -> None:
        assert post(json.dumps(s3_event(key)).encode()) == 200

    def test_who_has_no_token_is_refused(self) -> None:
        event = json.dumps(s3_event("t/a.csv")).encode()
        with self.listening() as (hints, _):
            for token in ("", "wrong", TOKEN[:-1], TOKEN + "x", "\xe9" * 16):
                assert post(event, token=token) == 401
            assert post(event, headers={"Authorization": TOKEN}) == 401
            assert hints.take(9) == {}
            assert post(event) == 200

    def test_what_is_large_malformed_or_without_length_is_refused(self) -> None:
        with self.listening() as (hints, _):
            assert post(b"x" * 1_000_000) in (413, 0)
            assert post(b"", headers={"Content-Length": "99999999999999999999"}) == 411
            assert post(b"", headers={"Content-Length": "-1"}) == 411
            assert post(b"{}") == 400
            assert hints.take(9) == {}
            self.arrive("t/a.csv")
            assert [hint.key for hint in hints.take(9)] == ["t/a.csv"]

    def test_too_many_requests_are_refused_for_a_while(self) -> None:
        with self.listening():
            statuses = [post(b'{"keys": []}') for _ in range(80)]
            assert {200, 429} == set(statuses)
            time.sleep(0.2)
            assert post(b'{"keys": []}') == 200

    def test_a_taken_port_is_told(self) -> None:
        with self.listening(), pytest.raises(Exception, match="cannot listen"):
            run = self.run()
            ((_, notify),) = run.pipeline.notifiers()
            notify(run=run, hints=Hints())


class TestSqs(OfBucket):
    plugin = Sqs
    options = {"queue_url": "http://127.0.0.1:1/1/q"}

    def setup_method(self) -> None:
        super().setup_method()
        self.given = queue()

    def configured(self) -> dict[str, object]:
        return self.given

    def arrive(self, key: str) -> None:
        send(self.given, json.dumps(s3_event(key)))


@pytest.mark.slow
def test_a_message_is_deleted_when_its_files_are_recorded_and_hidden_until_then() -> None:
    """And one that is no event is left to the dead letter queue."""
    dead = queue()["queue_url"]
    arn = client("sqs").get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])
    policy = {"deadLetterTargetArn": arn["Attributes"]["QueueArn"], "maxReceiveCount": "2"}
    given = queue(RedrivePolicy=json.dumps(policy))
    url = given["queue_url"]
    # Shorter than the options allow: so that it is prolonged within a test.
    options = SqsOptions.model_construct(**SqsOptions.model_validate(
        {**given, "visibility": 10}).model_dump() | {"visibility": 1.0, "wait": 0.0})  # fmt: skip

    class Case(TestSqs):
        def run(self) -> Any:
            run = super().run()
            ((_, notify),) = run.pipeline.notifiers()
            notify.args[0].__self__.options = options
            return run

    case = Case()
    case.setup_method()
    case.given = given
    try:
        with case.listening() as (hints, _):
            send(given, json.dumps(s3_event("t/a.csv")), "no event")
            send(given, json.dumps(s3_event("t/a.csv", name="ObjectRemoved:Delete")))
            until(lambda: len(hints) == 1)
            taken = hints.take(9)
            until(lambda: counted(dead) == (1, 0))
            time.sleep(1.5)  # beyond the time for which it was hidden at first
            assert counted(url) == (0, 1)
            assert len(hints) == 0
            hints.done(taken)
            until(lambda: counted(url) == (0, 0))
    finally:
        case.teardown_method()


PIPELINE = """
source: {{use: s3, bucket: {bucket}, endpoint_url: {server}, access_key_id: any,
          secret_access_key: any-secret}}
sink: {{use: iceberg, catalog: {{type: sqlite, warehouse: {folder}/lake}}}}
cache: {{dir: {folder}/cache}}
notifier: {notifier}
watch: {{settle: 20ms}}
"""


@contextmanager
def watching(folder: Path, bucket: str, notifier: Any) -> Iterator[list[RunReport]]:
    reports: list[RunReport] = []
    watcher = Watcher(pipeline(folder, bucket, notifier), reports.append)
    thread = threading.Thread(target=watcher.watch)
    thread.start()
    try:
        until(lambda: watcher.health()["listed_at"])
        yield reports
    except AssertionError:
        print(watcher.health(), [report.warnings for report in reports])
        raise
    finally:
        watcher.stop()
        thread.join(20)
        assert not thread.is_alive()


def pipeline(folder: Path, bucket: str, notifier: Any) -> Any:
    path = folder / "p.yaml"
    said = json.dumps(notifier)
    path.write_text(PIPELINE.format(folder=folder, bucket=bucket, server=server(), notifier=said))
    return open_pipeline(path)


def loaded(reports: list[RunReport]) -> list[str]:
    every = [outcome for report in tuple(reports) for outcome in report.outcomes]
    return sorted(o.file.key for o in every if o.status is Status.SUCCESS)


@pytest.mark.slow
def test_from_the_event_to_the_row_without_a_listing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also: what arrives while nobody listens; a message whose files are loaded already, as after
    a watcher died between the load and the deletion."""
    import botocore.client

    bucket = f"b-{uuid.uuid4().hex}"
    s3 = client("s3")
    s3.create_bucket(Bucket=bucket)
    given = queue()
    url = given["queue_url"]

    def put(key: str) -> None:
        s3.put_object(Bucket=bucket, Key=key, Body=b"id,name\n11,ann\n")

    put("t/before.csv")
    send(given, *[json.dumps(s3_event("t/before.csv", bucket))] * 3)
    Runner(pipeline(tmp_path, bucket, [])).run()
    put("t/while_down.csv")
    hook = {"use": "webhook", "port": free_port(), "token": TOKEN}
    # Where an answer of the server is lost, its messages come again after so many seconds.
    given["visibility"] = 10
    with watching(tmp_path, bucket, [{"use": "sqs", **given}, hook]) as reports:
        assert loaded(reports) == ["t/while_down.csv"]
        until(lambda: counted(url) == (0, 0))
        calls: list[tuple[str, str]] = []
        call = botocore.client.BaseClient._make_api_call

        def noted(self: Any, operation: str, given: Any) -> Any:
            if self.meta.service_model.service_name == "s3":
                calls.append((operation, given.get("Prefix") or given.get("Key", "")))
            return call(self, operation, given)

        monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", noted)
        s3.put_object(Bucket=bucket, Key=AWKWARD, Body=b"id,name\n12,bob\n")
        send(given, json.dumps(s3_event(AWKWARD, bucket)))
        until(lambda: AWKWARD in loaded(reports))
        until(lambda: counted(url) == (0, 0))
        asked = ["PutObject", "ListObjectsV2", "GetObject"]
        assert calls == [(name, AWKWARD) for name in asked]
        put("t/hooked.csv")
        assert post(json.dumps(seaweedfs_event(f"/buckets/{bucket}/t/hooked.csv")).encode()) == 200
        until(lambda: "t/hooked.csv" in loaded(reports))
        for key in ("../../etc/passwd", "t/../../x.csv", "/t/a.csv", "t//a.csv", "t/gone.csv"):
            send(given, json.dumps(s3_event(key, bucket)))
        until(lambda: counted(url) == (0, 0))
    assert loaded(reports) == sorted(["t/while_down.csv", AWKWARD, "t/hooked.csv"])
    every = [outcome for report in reports for outcome in report.outcomes]
    assert {o.status for o in every} <= {Status.SUCCESS, Status.UNCHANGED}
