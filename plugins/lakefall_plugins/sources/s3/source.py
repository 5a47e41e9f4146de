"""The source ``s3``: a bucket, ``<table>/.../<file>.csv``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from lakefall.common import naming
from lakefall.contract.errors import LakefallError, StorageFullError, UnsafeKeyError
from lakefall.contract.hints import Hint
from lakefall.contract.plugin import Finding, Plugin, Stage, hookimpl
from lakefall.contract.run import Run
from lakefall.contract.values import Check, LocalFile, RegistryEntry, SourceFile
from lakefall.files.selection import NO_SPACE, Selection, own_places, warn_if_large
from lakefall_plugins.sources.s3.cache import ObjectCache
from lakefall_plugins.sources.s3.client import CONNECTIONS, Bucket
from lakefall_plugins.sources.s3.keys import folder_of, printable, problem_of
from lakefall_plugins.sources.s3.options import S3Options

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectTypeDef

    from lakefall.plugin_loading.pipeline import Pipeline


class S3Source(Plugin[S3Options]):
    """Reads a bucket of an S3-compatible store; the change token is the listed ETag.

    Hidden and partial files are no input, as in the source `folder`. Fetched objects are kept in
    the cache until it is full.
    """

    name = "s3"
    stage = Stage.SOURCE
    packages = ("boto3",)
    extra = "s3"

    def __init__(self, options: S3Options) -> None:
        super().__init__(options)
        self._bucket = Bucket(options)

    @hookimpl
    def discover(self, run: Run) -> Iterable[SourceFile]:
        """Every object that the patterns do not exclude, oldest first; no request for any of them.

        A key that is not safe as a path is listed with its ``problem``, an object that no pattern
        takes as unread.
        """
        return self._files(run, self._bucket.list())

    @hookimpl
    def locate(self, run: Run, hints: Sequence[Hint]) -> Iterable[SourceFile]:
        """The objects under these keys, each asked for by itself.

        No store is asked for a key that is not safe: only a listing tells of it.
        """
        selection = Selection(self.options, run.pipeline.name_patterns)
        ours = {h.key for h in hints if h.origin in ("", self._bucket.origin)}
        keys = [key for key in ours if not problem_of(key) and selection.account(key) != "excluded"]
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            return self._files(run, filter(None, pool.map(self._bucket.find, keys)))

    def _files(self, run: Run, items: Iterable[ObjectTypeDef]) -> list[SourceFile]:
        # What many files have in common is one object of each listing.
        shared: dict[str, tuple[str, str]] = {}
        origin = self._bucket.origin
        now = datetime.now(UTC)
        selection = Selection(self.options, run.pipeline.name_patterns)
        found: list[SourceFile] = []
        for item in items:
            if item["Key"].endswith("/") and not item["Size"]:
                continue  # how consoles write an empty folder
            account = selection.account(item["Key"])
            if account != "excluded" and selection.is_old_enough(item["LastModified"], now):
                unread = account == "unread"
                found.append(self._source_file(item, shared, origin, unread=unread))
        return sorted(found, key=lambda f: (f.modified, f.key))

    @hookimpl
    def fetch(self, run: Run, file: SourceFile) -> LocalFile:
        """Bring the listed version into the run's scratch folder, from the cache if it is there."""
        warn_if_large(run, file, self.options.warn_above)
        if problem := problem_of(file.key):
            raise UnsafeKeyError(f"{printable(file.key)}: {problem}")
        cache = self._cache(run)
        entry = cache.entry(f"{self._bucket.endpoint}/{self._bucket.name}", file.key, file.etag)
        token = sha256(f"{file.key}\0{file.etag}".encode()).hexdigest()[:32]
        target = run.workdir / f"{token}.source"
        try:
            run.workdir.mkdir(parents=True, exist_ok=True)
            # A second fetch in one run must not write into a file that the cache names too.
            target.unlink(missing_ok=True)
            if not cache.take(entry, file.size, target):
                self._download(file, target)
                cache.put(target, entry)
        except OSError as error:
            if error.errno in NO_SPACE:
                raise StorageFullError(
                    f"{file.key}: cannot write {file.size:,} bytes to {run.workdir}: "
                    f"{error.strerror}; make room there, or set cache.dir to a roomier folder"
                ) from error
            raise
        return LocalFile(file, target, file.size)

    @hookimpl
    def vanished(self, run: Run, entries: Sequence[RegistryEntry]) -> Iterable[str]:
        """Keys of this bucket that answer 404, each asked for by itself."""
        selection = Selection(self.options, run.pipeline.name_patterns)
        keys = [
            e.key for e in entries if e.origin == self._bucket.origin and selection.takes(e.key)
        ]
        if not keys:
            return []
        pool = ThreadPoolExecutor(CONNECTIONS)
        try:
            there = list(pool.map(self._bucket.has, keys))
        finally:
            pool.shutdown(cancel_futures=True)
        # Where the bucket is gone, its keys answer 404 as well.
        self._bucket.reach()
        return [key for key, found in zip(keys, there, strict=True) if not found]

    @hookimpl
    def check(self) -> Iterable[Check]:
        """Whether the bucket can be listed, how fast it answers, and where it is."""
        subject = f"source s3 ({self._bucket.origin})"
        try:
            region = self._bucket.region
            began = perf_counter()
            version = self._bucket.reach()
        except LakefallError as error:
            return [Check(subject, ok=False, message=str(error))]
        message = f"can be listed; endpoint {self._bucket.endpoint}, region {region}"
        return [Check(subject, True, message, version, perf_counter() - began)]

    @hookimpl
    def lint(self, pipeline: Pipeline) -> Iterable[Finding]:
        """Whether the pipeline's tables lie in the bucket."""
        return own_places(pipeline, self.options, "bucket", self._inside)

    def _inside(self, place: str) -> str | None:
        scheme, _, rest = place.partition("://")
        bucket, _, key = rest.partition("/")
        ours = scheme in ("s3", "s3a", "s3n") and bucket == self.options.bucket
        return key.strip("/") if ours else None

    def _cache(self, run: Run) -> ObjectCache:
        settings = run.pipeline.config.cache
        return ObjectCache(settings.dir, settings.max_size)

    def _source_file(
        self,
        item: ObjectTypeDef,
        shared: dict[str, tuple[str, str]],
        origin: str,
        *,
        unread: bool,
    ) -> SourceFile:
        key = item["Key"]
        folder = folder_of(key)
        problem = "" if unread else problem_of(key) or self.options.refusal(item["Size"])
        if folder not in shared:
            table = naming.table_name(folder, transliterate=self.options.transliterate)
            shared[folder] = folder, table
        folder, table = shared[folder]
        return SourceFile(
            key=key,
            # Without HTTP's quotes: the MD5 hash, as people compare it.
            etag=item["ETag"].strip('"'),
            size=item["Size"],
            modified=item["LastModified"].astimezone(UTC),
            folder=folder,
            table=table,
            source=self.name,
            problem=f"{printable(key)}: {problem}" if problem else "",
            origin=origin,
            unread=unread,
        )

    def _download(self, file: SourceFile, target: Path) -> None:
        try:
            with target.open("wb") as out:
                self._bucket.download(file.key, file.etag, file.size, out)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
