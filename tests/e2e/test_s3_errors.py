"""Each fault of the source s3 has its own error, with bucket, key, endpoint and remedy."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from lakefall.contract.errors import (
    FileChangedError,
    FileVanishedError,
    SourceCredentialsError,
    SourceDeniedError,
    SourceError,
    SourceMissingError,
    SourceTlsError,
    SourceUnreachableError,
)
from lakefall.contract.values import SourceFile

from .faults import Fault, Faulty, faulty, times
from .s3_support import Inbox
from .servers import Servers

SECRET = "swordfish-never-shown"
LARGE = bytes(range(256)) * 4096 * 40
"""40 MiB: three parts."""


@pytest.fixture
def inbox(servers: Servers, bucket: str, tmp_path: Path) -> Inbox:
    made = Inbox(servers, bucket, tmp_path)
    made.put("t/a.csv", b"a\n1\n" * 1000)
    return made


@pytest.fixture
def proxy(servers: Servers) -> Any:
    with faulty(servers.env["S3_ENDPOINT_URL"]) as made:
        yield made


def refused(inbox: Inbox, error: type[SourceError], *words: str, **options: Any) -> str:
    """Listing raises exactly this error, whose words say all of these."""
    with pytest.raises(SourceError) as caught:
        inbox.list(**options)
    told = str(caught.value)
    assert type(caught.value) is error, told
    assert caught.value.retryable
    where = f"s3://{options.get('bucket', inbox.bucket)} at "
    where += str(options.get("endpoint_url", inbox.servers.env["S3_ENDPOINT_URL"]))
    for word in (where, *words):
        assert word in told, told
    for secret in (SECRET, inbox.servers.env["AWS_SECRET_ACCESS_KEY"]):
        assert secret not in told
    run = inbox.run(**options)
    (check,) = run.pipeline.check(run)
    assert (check.ok, check.message) == (False, told)
    return told


def test_bucket_missing(inbox: Inbox) -> None:
    refused(inbox, SourceMissingError, "does not exist", "source.bucket", bucket="no-such-bucket")


def test_unknown_key(inbox: Inbox) -> None:
    keys = {"access_key_id": "AKNOBODY", "secret_access_key": SECRET}
    told = refused(inbox, SourceCredentialsError, "access key is not known", **keys)
    assert "InvalidAccessKeyId" in told


def test_wrong_secret(inbox: Inbox) -> None:
    keys = {
        "access_key_id": inbox.servers.env["AWS_ACCESS_KEY_ID"],
        "secret_access_key": SECRET,
    }
    refused(inbox, SourceCredentialsError, "secret does not fit the access key", **keys)


def test_no_credentials_at_all(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(inbox.folder / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(inbox.folder / "none"))
    refused(inbox, SourceCredentialsError, "no credentials", "AWS_ACCESS_KEY_ID")
    refused(inbox, SourceCredentialsError, "(nobody)", "source.profile", profile="nobody")


def test_keys_and_region_come_from_a_profile(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    env = inbox.servers.env
    shared = inbox.folder / "credentials"
    shared.write_text(
        f"[lake]\naws_access_key_id = {env['AWS_ACCESS_KEY_ID']}\n"
        f"aws_secret_access_key = {env['AWS_SECRET_ACCESS_KEY']}\nregion = eu-west-9\n"
    )
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(shared))
    run = inbox.run(profile="lake")
    assert len(run.pipeline.discover(run)) == 1
    (check,) = run.pipeline.check(run)
    assert "region eu-west-9" in check.message


def test_endpoint_closed(inbox: Inbox) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound, not listening: refused, and nobody else's
        closed = f"http://127.0.0.1:{held.getsockname()[1]}"
        refused(inbox, SourceUnreachableError, "does not answer", endpoint_url=closed)


def test_endpoint_that_never_answers(inbox: Inbox) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        refused(
            inbox, SourceUnreachableError, "does not answer", "ReadTimeout",
            endpoint_url=url, read_timeout=0.3, max_attempts=1,
        )  # fmt: skip


def test_endpoint_without_tls(inbox: Inbox) -> None:
    url = inbox.servers.env["S3_ENDPOINT_URL"].replace("http:", "https:")
    refused(inbox, SourceTlsError, "no secure connection", "source.verify", endpoint_url=url)


def test_missing_file_of_authorities(inbox: Inbox) -> None:
    gone = inbox.folder / "ca.pem"
    refused(inbox, SourceTlsError, "no such file", str(gone), verify=str(gone))


def test_access_denied(inbox: Inbox, proxy: Faulty) -> None:
    proxy.fault = times(9, Fault(403, "AccessDenied"))
    refused(inbox, SourceDeniedError, "s3:ListBucket", endpoint_url=proxy.url)


def test_wrong_region(inbox: Inbox, proxy: Faulty) -> None:
    # AWS alone has regions. The SDK follows one such answer, and gives up on the second.
    elsewhere = (("x-amz-bucket-region", "eu-central-1"),)
    proxy.fault = lambda *_: Fault(301, "PermanentRedirect", headers=elsewhere)
    refused(inbox, SourceError, "source.region: eu-central-1", endpoint_url=proxy.url)


def test_throttling_is_waited_for(inbox: Inbox, proxy: Faulty) -> None:
    proxy.fault = times(2, Fault(503, "SlowDown"))
    assert inbox.keys(endpoint_url=proxy.url, max_attempts=3) == ["t/a.csv"]
    assert len(proxy.seen) == 3


@pytest.mark.parametrize(("status", "code"), [(503, "SlowDown"), (500, "InternalError")])
def test_tries_are_bounded(inbox: Inbox, proxy: Faulty, status: int, code: str) -> None:
    proxy.fault = times(99, Fault(status, code))
    refused(inbox, SourceUnreachableError, f"{code} after 2 tries", endpoint_url=proxy.url)
    assert len(proxy.seen) == 4  # listing and check


def test_object_deleted_between_scan_and_download(inbox: Inbox) -> None:
    file = inbox.file("t/a.csv")
    inbox.remove("t/a.csv")
    with pytest.raises(FileVanishedError, match=r"^t/a\.csv: deleted from s3://") as caught:
        inbox.fetch(file)
    assert not caught.value.retryable
    assert inbox.cached() == []


def test_object_overwritten_between_scan_and_download(inbox: Inbox) -> None:
    file = inbox.file("t/a.csv")
    inbox.put("t/a.csv", b"other")
    with pytest.raises(FileChangedError, match=r"^t/a\.csv: changed in s3://") as caught:
        inbox.fetch(file)
    assert caught.value.retryable
    assert inbox.cached() == []


def test_bucket_deleted_between_scan_and_download(inbox: Inbox) -> None:
    file = inbox.file("t/a.csv")
    with pytest.raises(SourceMissingError, match="does not exist"):
        inbox.fetch(file, bucket="no-such-bucket")


def test_a_broken_download_is_tried_again(inbox: Inbox, proxy: Faulty) -> None:
    file = inbox.file("t/a.csv")
    proxy.fault = times(1, Fault(cut_after=1500), path="a.csv")
    local = inbox.fetch(file, endpoint_url=proxy.url, max_attempts=3)
    assert local.path.read_bytes() == b"a\n1\n" * 1000
    assert len(proxy.seen) == 2


def test_a_download_that_always_breaks_leaves_nothing(inbox: Inbox, proxy: Faulty) -> None:
    file = inbox.file("t/a.csv")
    proxy.fault = times(99, Fault(cut_after=1500), path="a.csv")
    run = inbox.run(endpoint_url=proxy.url)
    with pytest.raises(
        SourceUnreachableError, match=r"^t/a\.csv: s3://.* sent 1,500 bytes of 4,000"
    ):
        run.pipeline.fetch(run, file)
    assert list(run.workdir.iterdir()) == []
    assert inbox.cached() == []
    assert len(proxy.seen) == 2


@pytest.fixture
def large(inbox: Inbox) -> SourceFile:
    """An object that comes in parts."""
    inbox.put("t/large.csv", LARGE)
    return inbox.file("t/large.csv")


def test_a_large_object_comes_in_parts(inbox: Inbox, proxy: Faulty, large: SourceFile) -> None:
    local = inbox.fetch(large, endpoint_url=proxy.url)
    assert local.path.read_bytes() == LARGE
    assert len(proxy.seen) == 3


def test_a_part_that_breaks_is_brought_again_alone(
    inbox: Inbox, proxy: Faulty, large: SourceFile
) -> None:
    proxy.fault = times(1, Fault(cut_after=100_000), path="large.csv")
    local = inbox.fetch(large, endpoint_url=proxy.url, max_attempts=3)
    assert local.path.read_bytes() == LARGE
    assert len(proxy.seen) == 4


def test_a_large_object_overwritten_between_two_parts(
    inbox: Inbox, proxy: Faulty, large: SourceFile
) -> None:
    """Never the head of one version and the tail of another."""

    def overwrite(*_: str) -> None:
        if len(proxy.seen) == 2:
            inbox.put("t/large.csv", LARGE[::-1])

    proxy.fault = overwrite
    with pytest.raises(FileChangedError, match=r"^t/large\.csv: changed in s3://"):
        inbox.fetch(large, endpoint_url=proxy.url)
    assert inbox.cached() == []


def test_a_good_check_says_how_long_where_and_which_region(inbox: Inbox) -> None:
    run = inbox.run(region="eu-north-1")
    (check,) = run.pipeline.check(run)
    assert check.ok
    assert check.subject == f"source s3 (s3://{inbox.bucket})"
    assert check.message.startswith("can be listed; endpoint http://")
    assert check.version
    assert 0 < check.seconds < 30
    assert check.message.endswith("region eu-north-1")
