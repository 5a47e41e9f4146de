"""A bucket behind boto3: opened on first use, its errors told in our own words."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, cached_property
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from lakefall.common.waiting import Backoff
from lakefall.contract.errors import (
    FileChangedError,
    FileVanishedError,
    MissingExtraError,
    SourceTlsError,
    SourceUnreachableError,
)
from lakefall_plugins.sources.s3.errors import translated
from lakefall_plugins.sources.s3.listing import parsers

if TYPE_CHECKING:
    from botocore.loaders import Loader
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import (
        GetObjectOutputTypeDef,
        GetObjectRequestTypeDef,
        ObjectTypeDef,
    )
    from pydantic import SecretStr

    from lakefall_plugins.sources.s3.options import S3Options

T = TypeVar("T")
CONNECTIONS = 16
"""Requests that are under way at one time."""
LONGEST_KEY = 1024
"""Bytes (Amazon S3 User Guide, "Naming Amazon S3 objects")."""
DEFAULT_REGION = "us-east-1"
_CHUNK = 1 << 20
_LEAST_PART, _LARGEST_PART = 16 << 20, 64 << 20
"""Bytes of an object that one request asks for, where it is larger than two of the least."""
_PARTS_AT_ONCE = 4
_ALIGNED = 8 << 20
"""What parts begin at a multiple of: stores keep objects in pieces of such sizes, and read and
unpack a piece whole whatever a request wants of it."""
_LONGEST_PAUSE = 20.0
_MD5 = re.compile(r"[0-9a-f]{32}")
"""An ETag that is the content's MD5, where no key encrypts the object and it came in one upload."""


class Bucket:
    """One bucket of one object store."""

    def __init__(self, options: S3Options) -> None:
        self.options = options
        self.name = options.bucket

    @property
    def origin(self) -> str:
        """Which bucket a file came from; a store that moved to another address is the same."""
        return f"s3://{self.name}"

    @property
    def endpoint(self) -> str:
        return self.options.endpoint_url or "AWS"

    @property
    def region(self) -> str:
        """The region that requests are signed for."""
        return self.client.meta.region_name

    @property
    def where(self) -> str:
        """The bucket for people."""
        return f"{self.origin} at {self.endpoint}"

    @cached_property
    def client(self) -> S3Client:
        """A client that tries again by itself.

        Raises:
            MissingExtraError: boto3 is not installed.
            SourceCredentialsError: the profile does not exist.
            SourceTlsError: the file of certificate authorities does not exist.
        """
        try:
            import boto3
            import botocore.session
            from botocore.config import Config
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                "the source s3 needs boto3: pip install 'lakefall[s3]'"
            ) from error
        given = self.options
        if isinstance(given.verify, Path) and not given.verify.exists():
            raise SourceTlsError(f"{self.where}: source.verify: no such file: {given.verify}")
        core = botocore.session.Session()
        if given.profile:
            core.set_config_variable("profile", given.profile)
        core.register_component("response_parser_factory", parsers())
        with self._foreseen():
            core.register_component("data_loader", models(core.get_config_variable("data_path")))
            session = boto3.Session(
                botocore_session=core,
                aws_access_key_id=_shown(given.access_key_id),
                aws_secret_access_key=_shown(given.secret_access_key),
                aws_session_token=_shown(given.session_token),
            )
            # boto3 alone among the AWS libraries does not read AWS_REGION.
            region = given.region or os.environ.get("AWS_REGION") or session.region_name
            return session.client(
                "s3",
                region_name=region or DEFAULT_REGION,
                endpoint_url=given.endpoint_url,
                verify=given.verify if isinstance(given.verify, bool) else str(given.verify),
                config=Config(
                    connect_timeout=given.connect_timeout,
                    read_timeout=given.read_timeout,
                    retries={"mode": "standard", "total_max_attempts": given.max_attempts},
                    max_pool_connections=CONNECTIONS,
                    s3={"addressing_style": "path" if given.by_path else "auto"},
                    user_agent_extra="lakefall",
                ),
            )

    def list(self) -> Iterator[ObjectTypeDef]:
        """Every object, by key, a page of 1,000 at a time."""
        with self._foreseen():
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
            for page in pages:
                yield from page.get("Contents", ())

    def find(self, key: str) -> ObjectTypeDef | None:
        """One object as ``list`` has it, None where it is not; HEAD would cut the time of its
        change to seconds."""
        if not 0 < len(key.encode("utf-8", "surrogatepass")) <= LONGEST_KEY:
            return None
        with self._foreseen(key):
            answer = self.client.list_objects_v2(Bucket=self.name, Prefix=key, MaxKeys=1)
        return next((item for item in answer.get("Contents", ()) if item["Key"] == key), None)

    def reach(self) -> str:
        """Do what listing needs, once; what the server calls itself, ``''`` where it does not.

        Raises:
            SourceError: it cannot be done, and why.
        """
        with self._foreseen():
            answer = self.client.list_objects_v2(Bucket=self.name, MaxKeys=1)
        return answer["ResponseMetadata"]["HTTPHeaders"].get("server", "")

    def has(self, key: str) -> bool:
        """Whether an object is there; False also where the bucket is not.

        Raises:
            SourceError: it cannot be told.
        """
        from botocore.exceptions import ClientError

        with self._foreseen(key):
            try:
                self.client.head_object(Bucket=self.name, Key=key)
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                    return False
                raise
        return True

    def download(self, key: str, etag: str, size: int, out: BinaryIO) -> None:
        """Write an object's bytes, if it is still the version of the ETag.

        A large one comes in parts over several connections: one alone gets a fraction of what a
        store has to give.

        Raises:
            FileVanishedError, FileChangedError, SourceError.
        """
        out.truncate(size)
        try:
            with self._foreseen(key):
                parts = _parts(size)
                if len(parts) == 1:
                    # To wait for another thread costs a small file as much as its request.
                    self._bring_whole(key, etag, size, out.fileno())
                else:
                    self._bring_parts(key, etag, size, out, parts)
        except FileVanishedError:
            self.reach()  # some stores say of a missing bucket that the key is missing
            raise

    def _bring_whole(self, key: str, etag: str, size: int, target: int) -> None:
        self._tried(lambda: self._bring(key, etag, range(size), target, size))

    def _bring_parts(
        self, key: str, etag: str, size: int, out: BinaryIO, parts: Sequence[range]
    ) -> None:
        """Bring the parts at once; the whole by one request where that gives no proven object."""
        target, path = out.fileno(), Path(out.name)

        def bring(part: range) -> None:
            self._tried(lambda: self._bring(key, etag, part, target, size))

        pool = ThreadPoolExecutor(min(_PARTS_AT_ONCE, len(parts)))
        try:
            list(pool.map(bring, parts))
        except _NoPartError:
            self._bring_whole(key, etag, size, target)
            return
        finally:
            pool.shutdown(cancel_futures=True)
        if not _MD5.fullmatch(etag) or (digest := _digest(path)) == etag:
            return
        # Either a part is wrong, or the ETag is no digest of the content (encryption by a key).
        self._bring_whole(key, etag, size, target)
        if _digest(path) not in (etag, digest):
            raise SourceUnreachableError(
                f"{key}: {self.where} sent other bytes each time, and none whose MD5 is the ETag; "
                "the next run tries again"
            )

    def _bring(self, key: str, etag: str, part: range, target: int, size: int) -> None:
        """Write some bytes of an object of ``size`` where they belong.

        Raises:
            _NoPartError: the store answered with the whole object, as RFC 9110 (14.2) allows.
        """
        wanted: GetObjectRequestTypeDef = {
            "Bucket": self.name,
            "Key": key,
            "IfMatch": f'"{etag}"',
        }
        if len(part) < size:
            wanted["Range"] = f"bytes={part.start}-{part.stop - 1}"
        at = part.start
        answer = self.client.get_object(**wanted)
        with answer["Body"] as body:
            self._check(key, etag, part, size, answer)
            while chunk := body.read(_CHUNK):
                if at + len(chunk) > part.stop:
                    raise SourceUnreachableError(
                        f"{key}: {self.where} sent more than the {len(part):,} bytes asked for; "
                        "the next run tries again"
                    )
                os.pwrite(target, chunk, at)
                at += len(chunk)
        if at != part.stop:
            raise SourceUnreachableError(
                f"{key}: {self.where} sent {at - part.start:,} bytes of {len(part):,}; "
                "the next run tries again"
            )

    def _check(
        self, key: str, etag: str, part: range, size: int, answer: GetObjectOutputTypeDef
    ) -> None:
        """Whether an answer is about these bytes of this version, before one of them is written."""
        if answer.get("ETag", f'"{etag}"').removeprefix("W/").strip('"') != etag:
            raise FileChangedError(f"{key}: changed in {self.where} after it was listed")
        status = answer["ResponseMetadata"]["HTTPStatusCode"]
        told = answer.get("ContentRange", "")
        if len(part) < size:
            if status == HTTPStatus.OK:
                raise _NoPartError
            wanted = f"bytes {part.start}-{part.stop - 1}/"
            if not told.startswith(wanted) or told.removeprefix(wanted) not in ("*", str(size)):
                raise SourceUnreachableError(
                    f"{key}: {self.where} was asked for {wanted}{size} and sent {told or status}; "
                    "the next run tries again"
                )
        length = answer.get("ContentLength", len(part))
        if length != len(part):
            raise SourceUnreachableError(
                f"{key}: {self.where} has {length:,} bytes for {len(part):,} that were listed; "
                "the next run tries again"
            )

    def _tried(self, work: Callable[[], T]) -> T:
        """botocore tries requests again, but not the reading of an answer's body."""
        from botocore.exceptions import (
            FlexibleChecksumError,
            IncompleteReadError,
            ReadTimeoutError,
            ResponseStreamingError,
        )

        cut = (
            FlexibleChecksumError,
            IncompleteReadError,
            ReadTimeoutError,
            ResponseStreamingError,
            SourceUnreachableError,
        )
        backoff = Backoff(1.0, _LONGEST_PAUSE)
        for _ in range(1, self.options.max_attempts):
            try:
                return work()
            except cut:
                backoff.pause()
        return work()

    @contextmanager
    def _foreseen(self, key: str = "") -> Iterator[None]:
        try:
            yield
        except Exception as error:
            known = translated(error, self.where, key)
            if known is None:
                raise
            raise known from error


@cache
def models(path: str | None) -> Loader:
    """What reads botocore's descriptions of services, and keeps them: a client takes five times as
    long to make without.

    ``path``: folders with more of them, as botocore is configured.
    """
    from botocore.loaders import create_loader

    return create_loader(path)


class _NoPartError(Exception):
    """A request for a part was answered with the whole object."""


def _digest(path: Path) -> str:
    """The MD5 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _parts(size: int) -> list[range]:
    """Which bytes each request asks for: few and large ones cost a store least."""
    share = -(-size // (_PARTS_AT_ONCE * _ALIGNED)) * _ALIGNED
    step = max(size, 1)
    if size > 2 * _LEAST_PART:
        step = min(max(share, _LEAST_PART), _LARGEST_PART)
    return [range(at, min(at + step, size)) for at in range(0, size, step)] or [range(0)]


def _shown(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
