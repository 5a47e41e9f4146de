"""The source ``folder``: a directory laid out like the bucket, ``<table>/.../<file>.csv``."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import signal
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from io import BufferedReader, BufferedWriter
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from lakefall.common import json_cache, naming
from lakefall.contract.errors import (
    FileChangedError,
    FileVanishedError,
    SourceError,
    SourceMissingError,
    StorageFullError,
    UnsafeKeyError,
)
from lakefall.contract.hints import Hint
from lakefall.contract.plugin import Finding, Plugin, Stage, hookimpl
from lakefall.contract.run import Run
from lakefall.contract.values import Check, LocalFile, RegistryEntry, SourceFile
from lakefall.files.options import FileOptions
from lakefall.files.selection import NO_SPACE, Selection, own_places, warn_if_large

if TYPE_CHECKING:
    from lakefall.plugin_loading.pipeline import Pipeline

UNKNOWN = os.stat_result([0] * 16)
"""The status of what cannot be looked at."""
WRITTEN_LATELY = 10.0
"""Seconds since the last change for which an open file is not whole."""
# A pipe without a writer would block the run for ever; a link may have replaced the file.
OPEN_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class FolderOptions(FileOptions):
    """Where the files lie and which of them count."""

    path: Path
    """The directory; its first-level folders are the tables. Relative to the working directory."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that lies in the folder."""

    key: str
    path: Path
    status: os.stat_result
    """Of the file, or of the link's target once that is known to lie inside."""
    problem: str = ""
    """Why it is not read."""
    unread: bool = False
    """No pattern takes it."""


class FolderSource(Plugin[FolderOptions]):
    """Reads a directory laid out like the bucket; the change token is the content's hash.

    Hidden files, hidden folders and partial files are no input. Links are followed to files
    inside the directory and nowhere else.
    """

    name = "folder"
    stage = Stage.SOURCE

    @hookimpl
    def discover(self, run: Run) -> Iterable[SourceFile]:
        """Every file that the patterns do not exclude, oldest first.

        What cannot be read, or leads out of the directory, is listed with its ``problem``; what no
        pattern takes as unread, without a look at its content.
        """
        selection = Selection(self.options, run.pipeline.name_patterns)
        hashes = Hashes.load(run.pipeline.config.cache.dir, self._root)
        written: list[str] = []
        found = self._files(selection, self._entries(selection), hashes, written)
        for key in written:
            run.warn("another process writes it; left to the next run", key=key)
        hashes.save(f.key for f in found)
        return found

    @hookimpl
    def locate(self, run: Run, hints: Sequence[Hint]) -> Iterable[SourceFile]:
        """What lies under these keys, where listing would find it: behind no link to a folder."""
        selection = Selection(self.options, run.pipeline.name_patterns)
        hashes = Hashes.load(run.pipeline.config.cache.dir, self._root)
        keys = {hint.key for hint in hints if hint.origin in ("", self._origin)}
        with self._listable():
            entries = [entry for key in keys if (entry := self._entry_at(key, selection))]
        return self._files(selection, entries, hashes, [])

    def _files(
        self, selection: Selection, entries: Iterable[Entry], hashes: Hashes, written: list[str]
    ) -> list[SourceFile]:
        """``written`` gets the keys that are left out since another process writes them."""
        now = datetime.now(UTC)
        tables: dict[str, str] = {}
        found: list[SourceFile] = []
        for entry in entries:
            try:
                file = self._source_file(entry, hashes, tables)
            except _BeingWrittenError:
                written.append(printable(entry.key))
                continue
            if file is not None and selection.is_old_enough(file.modified, now):
                found.append(file)
        return sorted(found, key=lambda f: (f.modified, f.key))

    def _entry_at(self, key: str, selection: Selection) -> Entry | None:
        if not _is_plain(key) or (account := selection.account(key)) == "excluded":
            return None
        path = self._root / key
        status = _status(path)
        inside = os.path.realpath(path.parent) == str(path.parent)
        if status in (None, UNKNOWN) or stat.S_ISDIR(status.st_mode) or not inside:
            return None
        return Entry(key, path, status, unread=True) if account == "unread" else self._entry(key)

    @hookimpl
    def fetch(self, run: Run, file: SourceFile) -> LocalFile:
        """Copy a file into the run's scratch folder and prove that it is the listed version."""
        warn_if_large(run, file, self.options.warn_above)
        path = self._safe_path(file.key)
        run.workdir.mkdir(parents=True, exist_ok=True)
        token = hashlib.sha256(f"{file.key}\0{file.etag}".encode()).hexdigest()[:32]
        target = run.workdir / f"{token}.source"
        try:
            before, after = _copy(path, target, file.key)
            trusted = before.st_size > SOON_HASHED and stamp(before) == stamp(after)
            if trusted:
                known = Hashes.load(run.pipeline.config.cache.dir, self._root)
                trusted = known.get(file.key, before) == file.etag
            if not trusted and _hash(target) != file.etag:
                raise FileChangedError(
                    f"{file.key}: changed after it was listed; the next run takes the new content"
                )
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        return LocalFile(file, target, target.stat().st_size)

    @hookimpl
    def vanished(self, run: Run, entries: Sequence[RegistryEntry]) -> Iterable[str]:
        """Keys of this directory under which nothing lies any more, not even a broken link.

        Directories are told apart by their path: do not let two machines that share a registry
        each delete what their own directory of the same path lacks.
        """
        selection = Selection(self.options, run.pipeline.name_patterns)
        with self._listable():
            return [
                e.key
                for e in entries
                if e.origin == self._origin
                and selection.takes(e.key)
                and not _lies_there(self._root / PurePosixPath(e.key))
            ]

    @hookimpl
    def check(self) -> Iterable[Check]:
        """Whether the directory can be listed."""
        subject = f"folder {self.options.path}"
        try:
            with self._listable():
                return [Check(subject, ok=True, message="can be listed")]
        except SourceError as error:
            return [Check(subject, ok=False, message=str(error))]

    @hookimpl
    def lint(self, pipeline: Pipeline) -> Iterable[Finding]:
        """Whether the pipeline writes into the directory."""
        return own_places(pipeline, self.options, "path", self._inside)

    def _inside(self, place: str) -> str | None:
        if "://" in place:
            return None
        real = Path(os.path.realpath(Path(place).expanduser()))
        if not real.is_relative_to(self._root):
            return None
        return "/".join(real.relative_to(self._root).parts)

    # --- listing ---

    @cached_property
    def _root(self) -> Path:
        return Path(os.path.realpath(self.options.path.expanduser()))

    @cached_property
    def _origin(self) -> str:
        return self._root.as_uri()

    @contextlib.contextmanager
    def _listable(self) -> Iterator[None]:
        try:
            os.scandir(self._root).close()
        except OSError as error:
            raise self._cannot_list(error) from error
        yield

    def _entries(self, selection: Selection) -> Iterator[Entry]:
        folders = [""]
        while folders:
            prefix = folders.pop()
            try:
                with os.scandir(self._root / prefix) as scan:
                    listed = [e for e in scan if not e.name.startswith(".")]
            except OSError as error:
                if not prefix:
                    raise self._cannot_list(error) from error
                if not isinstance(error, FileNotFoundError):
                    yield from self._blocked_folder(prefix, f"cannot be listed: {error.strerror}")
                continue
            for item in listed:
                key = f"{prefix}/{item.name}" if prefix else item.name
                if _is(item, folder=True):
                    folders.append(key)
                elif _is(item, folder=False) and os.path.isdir(item.path):  # noqa: PTH112 -- never raises
                    if not selection.excludes(key):
                        yield from self._blocked_folder(key, self._link_problem(key))
                elif (account := selection.account(key)) == "unread":
                    status = _status(Path(item.path))
                    if status is not None:
                        yield Entry(key, self._root, status, unread=True)
                elif account == "taken" and (entry := self._entry(key)) is not None:
                    yield entry

    def _entry(self, key: str) -> Entry | None:
        """The file behind a key; None when it vanished meanwhile."""
        path = self._root / key
        try:
            status = path.lstat()
            if stat.S_ISLNK(status.st_mode):
                real = Path(os.path.realpath(path))
                if not real.is_relative_to(self._root):
                    return Entry(key, path, status, self._link_problem(key))
                if not real.exists():
                    return Entry(key, path, status, "a symbolic link to nothing; remove it")
                path, status = real, real.stat()
            if not stat.S_ISREG(status.st_mode):
                return Entry(key, path, status, "no regular file (a pipe, socket or device)")
        except FileNotFoundError:
            return None
        except OSError as error:
            return Entry(key, path, UNKNOWN, f"cannot be read: {error.strerror}")
        return Entry(key, path, status)

    def _blocked_folder(self, key: str, problem: str) -> Iterator[Entry]:
        path = self._root / key
        status = _status(path)
        if status is not None:
            yield Entry(f"{key}/", path, status, problem)

    def _link_problem(self, key: str) -> str:
        target = os.path.realpath(self._root / key)
        if Path(target).is_relative_to(self._root):
            return "a symbolic link to a folder is not followed; its files are loaded from there"
        return (
            f"a symbolic link that leaves {self.options.path} (to {printable(target)}) is never "
            "followed; put the file itself there"
        )

    def _source_file(
        self, entry: Entry, hashes: Hashes, tables: dict[str, str]
    ) -> SourceFile | None:
        problem, etag = entry.problem, ""
        key = printable(entry.key)
        if not (problem or entry.unread) and key != entry.key:
            problem = "the name is not UTF-8; rename the file"
        if not (problem or entry.unread):
            problem = self.options.refusal(entry.status.st_size)
        if not (problem or entry.unread):
            try:
                etag = hashes.get(key, entry.status) or self._hash_anew(entry, hashes)
            except FileNotFoundError:
                return None
            except OSError as error:
                problem = f"cannot be read: {error.strerror}; check its permissions"
        folder = key.partition("/")[0] if "/" in key else ""
        if folder not in tables:
            tables[folder] = naming.table_name(folder, transliterate=self.options.transliterate)
        if not (etag or entry.unread):
            etag = hashlib.sha256(f"{stamp(entry.status)} {problem}".encode()).hexdigest()
        return SourceFile(
            key=key,
            etag=etag,
            size=0 if entry.problem else entry.status.st_size,
            modified=datetime.fromtimestamp(entry.status.st_mtime, UTC),
            folder=folder,
            table=tables[folder],
            problem=f"{key}: {problem}" if problem else "",
            origin=self._origin,
            unread=entry.unread,
        )

    def _hash_anew(self, entry: Entry, hashes: Hashes) -> str:
        with _open(entry.path) as stream:
            before = os.fstat(stream.fileno())
            if _being_written(stream.fileno(), before):
                raise _BeingWrittenError
            digest = _digest(stream, before.st_size)
            if stamp(before) == stamp(os.fstat(stream.fileno())):
                hashes.put(entry.key, before, digest)
        return digest

    def _cannot_list(self, error: OSError) -> SourceError:
        path = self.options.path
        if isinstance(error, FileNotFoundError):
            return SourceMissingError(
                f"source folder {path} does not exist; create it, or correct source.path"
            )
        if isinstance(error, NotADirectoryError):
            return SourceMissingError(f"source {path} is a file; source.path must name a folder")
        return SourceError(f"source folder {path} cannot be listed: {error.strerror}")

    # --- fetching ---

    def _safe_path(self, key: str) -> Path:
        """The real path of a key.

        Raises:
            UnsafeKeyError: the key, or a link on its way, leads out of the directory.
            FileVanishedError: nothing is there.
        """
        if not _is_plain(key):
            raise UnsafeKeyError(f"{key!r} is no key of this source: it leads out of the folder")
        real = Path(os.path.realpath(self._root / PurePosixPath(key)))
        if not real.is_relative_to(self._root):
            raise UnsafeKeyError(f"{key}: {self._link_problem(key)}")
        return real


class _BeingWrittenError(Exception):
    """Another process has the file open for writing, and wrote lately."""


def _being_written(descriptor: int, status: os.stat_result) -> bool:
    """Whether another process writes the file; False where that cannot be told: beside Linux, on
    network file systems, of files of another user.

    The kernel grants a read lease on a file only where nobody has it open for writing (fcntl(2)).
    A file that is held open and not written to for a while, such as a log, is read as it is.
    """
    lease, number = getattr(fcntl, "F_SETLEASE", None), getattr(fcntl, "F_SETSIG", None)
    if lease is None or number is None or time.time() - status.st_mtime > WRITTEN_LATELY:
        return False
    try:
        # Who opens it meanwhile makes the kernel send a signal, which would end this process if it
        # were the usual one; this one is ignored.
        fcntl.fcntl(descriptor, number, signal.SIGURG)
        fcntl.fcntl(descriptor, lease, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, lease, fcntl.F_UNLCK)
    except OSError as error:
        return error.errno in (errno.EAGAIN, errno.EWOULDBLOCK)
    return False


def _is_plain(key: str) -> bool:
    """Whether a key leads to nothing but what lies below the directory, links apart."""
    return "\0" not in key and not any(part in ("", ".", "..") for part in key.split("/"))


def _is(item: os.DirEntry[str], *, folder: bool) -> bool:
    """Whether an entry is a folder, or else a link; False of what cannot be looked at, which the
    way of files tells."""
    with suppress(OSError):
        return item.is_dir(follow_symlinks=False) if folder else item.is_symlink()
    return False


def _status(path: Path) -> os.stat_result | None:
    """What lies under a path; None where that is gone, ``UNKNOWN`` where it cannot be told, such as
    under a path that is longer than the system takes."""
    try:
        return path.lstat()
    except FileNotFoundError:
        return None
    except OSError:
        return UNKNOWN


def _lies_there(path: Path) -> bool:
    """Whether something lies under a path; also where that cannot be told."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def printable(name: str) -> str:
    """A path with bytes that are not UTF-8 written as ``\\xNN``."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _open(path: Path) -> BufferedReader:
    return os.fdopen(os.open(path, OPEN_FLAGS), "rb")


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return _digest(stream, os.fstat(stream.fileno()).st_size)


def _digest(stream: BufferedReader, size: int) -> str:
    """SHA-256 (hex) of the first bytes: of a file that grows faster than it is read there is no
    end."""
    digest = hashlib.sha256()
    while size > 0 and (block := stream.read(min(size, 1 << 20))):
        digest.update(block)
        size -= len(block)
    return digest.hexdigest()


def _copy(path: Path, target: Path, key: str) -> tuple[os.stat_result, os.stat_result]:
    """Copy a file; its status before and after."""
    try:
        source = _open(path)
    except FileNotFoundError as error:
        raise FileVanishedError(f"{key}: deleted after it was listed") from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UnsafeKeyError(f"{key}: became a symbolic link after it was listed") from error
        raise SourceError(f"{key}: cannot be read: {error.strerror}") from error
    with source:
        before = os.fstat(source.fileno())
        try:
            with target.open("wb") as out:
                _copy_bytes(source, out, before.st_size)
        except OSError as error:
            if error.errno in NO_SPACE:
                raise StorageFullError(
                    f"{key}: cannot copy {before.st_size:,} bytes to {target.parent}: "
                    f"{error.strerror}; make room there, or set cache.dir to a roomier folder"
                ) from error
            raise SourceError(f"{key}: cannot be copied: {error.strerror}") from error
        return before, os.fstat(source.fileno())


def _copy_bytes(source: BufferedReader, out: BufferedWriter, size: int) -> None:
    """The first bytes; in the kernel where it can, which shares the blocks on file systems that
    know how."""
    copy_range = getattr(os, "copy_file_range", None)
    try:
        while copy_range is not None and size > 0:
            done = copy_range(source.fileno(), out.fileno(), min(size, 1 << 30))
            if not done:
                break
            size -= done
    except OSError as error:
        if error.errno in NO_SPACE:
            raise
    # Goes on where the kernel stopped: at the end, or at the start where it cannot copy.
    while size > 0 and (block := source.read(min(size, 1 << 20))):
        out.write(block)
        size -= len(block)


SOON_HASHED = 1 << 20
"""Bytes of a file that are hashed sooner than the remembered hashes of a directory are read."""
SETTLED_NS = 2_000_000_000
"""A file modified within two seconds (the coarsest clock of a file system, FAT's) of being hashed
may change again without its status showing it; its hash is not remembered."""


def stamp(status: os.stat_result) -> str:
    """What must be equal for the content to be taken as equal. The change time also moves when a
    program sets the modified time back."""
    return f"{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}:{status.st_ino}"


class Hashes:
    """Key -> SHA-256 (hex) of the content that the file had under a certain ``stamp``.

    Only a cache: what is missing, damaged or cannot be written costs a second hashing.
    """

    def __init__(self, path: Path, entries: dict[str, tuple[str, str]]) -> None:
        self._path = path
        self._entries = entries
        self._dirty = False

    @classmethod
    def load(cls, cache: Path, root: Path) -> Hashes:
        """The remembered hashes of one directory."""
        name = sha256(os.fsencode(root)).hexdigest()[:16]
        path = cache / f"hashes-{name}.json"
        entries: dict[str, tuple[str, str]] = {}
        with suppress(ValueError, TypeError):
            entries = {str(k): (str(s), str(h)) for k, (s, h) in json_cache.load(path).items()}
        return cls(path, entries)

    def get(self, key: str, status: os.stat_result) -> str:
        """The hash; ``''`` when it is not known for this status."""
        known, digest = self._entries.get(key, ("", ""))
        return digest if known == stamp(status) else ""

    def put(self, key: str, status: os.stat_result, digest: str) -> None:
        """Remember a hash, once the file has settled."""
        if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) >= SETTLED_NS:
            self._entries[key] = (stamp(status), digest)
            self._dirty = True

    def save(self, keys: Iterable[str]) -> None:
        """Write the entries of these keys; the others are forgotten."""
        kept = {k: self._entries[k] for k in keys if k in self._entries}
        if not self._dirty and len(kept) == len(self._entries):
            return
        json_cache.save(self._path, json.dumps(kept))
