"""The notifier ``folder``: the operating system tells of files in the pipeline's directories."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lakefall.contract.errors import SourceMissingError
from lakefall.contract.hints import Hint, Hints
from lakefall.contract.plugin import Finding, Options, Plugin, Stage, hookimpl
from lakefall.contract.run import Run

if TYPE_CHECKING:
    from lakefall.plugin_loading.pipeline import Pipeline

_TOGETHER = 300
"""Milliseconds of changes that are told at once, at most."""
_QUIET = 50
"""Milliseconds without a change after which those before are told."""
_LOOK = 250
"""Milliseconds after which it is looked whether the watcher ends."""


class FolderNotifierOptions(Options):
    """How the directories are watched."""

    polling: bool = False
    """Look at every file again and again: for network file systems and other places of whose
    changes the operating system does not tell."""


class FolderNotifier(Plugin[FolderNotifierOptions]):
    """Tells of new and changed files in the directories of the sources that have a `path`.

    Through watchfiles (inotify, FSEvents). What a writer wrote into a directory before that was
    watched itself is found by listing the new directory.
    """

    name = "folder"
    stage = Stage.NOTIFIER
    packages = ("watchfiles",)
    extra = "watch"

    @hookimpl
    def notify(self, run: Run, hints: Hints) -> None:
        """Watch until the end, or until a directory is another one.

        Raises:
            SourceMissingError: a directory is not there, or was replaced: nothing would be told.
        """
        from watchfiles import Change, watch

        roots = {root: _identity(root) for root in _roots(run.pipeline)}
        begun = False
        for changes in watch(
            *roots,
            watch_filter=None,
            debounce=_TOGETHER,
            step=_QUIET,
            stop_event=hints.stopped,
            rust_timeout=_LOOK,
            yield_on_timeout=True,
            raise_interrupt=False,
            force_polling=self.options.polling,
            ignore_permission_denied=True,
        ):
            if not begun:
                begun = True
                hints.begun()
            if any(_identity(root) != known for root, known in roots.items()):
                raise SourceMissingError("a folder of the source was replaced by another one")
            paths = sorted({path for change, path in changes if change is not Change.deleted})
            # In this order the files of a table are loaded together.
            hints.tell(dict.fromkeys(hint for path in paths for hint in _hints(roots, path)))

    @hookimpl
    def lint(self, pipeline: Pipeline) -> Iterable[Finding]:
        """Whether there is a directory to watch."""
        if not _roots(pipeline):
            yield Finding((), "no source of this pipeline is a folder; nothing can be watched")


def _roots(pipeline: Pipeline) -> list[Path]:
    options = (use.options for use in pipeline.config.uses.get(Stage.SOURCE, ()))
    paths = (path for o in options if isinstance(path := getattr(o, "path", None), Path))
    return [Path(os.path.realpath(path.expanduser())) for path in paths]


def _identity(root: Path) -> tuple[int, int]:
    try:
        status = root.stat()
    except OSError as error:
        raise SourceMissingError(f"{root}: {error.strerror}") from error
    return status.st_dev, status.st_ino


def _hints(roots: Iterable[Path], text: str) -> Iterator[Hint]:
    """The file that changed; of a folder all that lie in it."""
    path = Path(text)
    for root in roots:
        if not path.is_relative_to(root) or (path.is_symlink() and path.is_dir()):
            continue
        if path.is_dir():
            inside = [Path(folder, name) for folder, _, names in os.walk(path) for name in names]
        else:
            # A file that was renamed meanwhile is told under its new name.
            inside = [path] if os.path.lexists(path) else []
        for file in inside:
            yield Hint(file.relative_to(root).as_posix(), root.as_uri())
