"""What sources of files share: which keys count, and the word about large ones."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from lakefall.contract.plugin import Finding
from lakefall.contract.run import Run
from lakefall.contract.values import SourceFile
from lakefall.files.compression import ARCHIVES, SUFFIXES
from lakefall.files.options import FileOptions

if TYPE_CHECKING:
    from lakefall.plugin_loading.pipeline import Pipeline

NO_SPACE = frozenset({errno.ENOSPC, errno.EFBIG, errno.EDQUOT})

Matcher = Callable[[str], bool]
Account = Literal["taken", "excluded", "unread"]


class Selection:
    """The keys that a source's patterns let through."""

    def __init__(self, options: FileOptions, patterns: Sequence[str]) -> None:
        """``patterns`` are those of the names that the pipeline's formats read, such as
        ``*.csv``; none where a format reads any name.
        """
        self._options = options
        self._patterns = patterns

    def takes(self, key: str) -> bool:
        return self.account(key) == "taken"

    def account(self, key: str) -> Account:
        """What becomes of a key: ``excluded`` on purpose, by a pattern or as a hidden or partial
        file; ``unread`` where no pattern takes it.

        A key at the root is judged as if it lay in a folder, so that the runner can say why it
        is skipped.
        """
        hidden = any(p.startswith(".") for p in key.split("/") if p not in (".", ".."))
        if hidden or self._excluded(key) or PARTIAL(key):
            return "excluded"
        return "taken" if self._included(key if "/" in key else f"_/{key}") else "unread"

    def excludes(self, key: str) -> bool:
        return self._excluded(key)

    def is_old_enough(self, modified: datetime, now: datetime) -> bool:
        age = self._options.min_object_age
        return not age or modified <= now - timedelta(seconds=age)

    @cached_property
    def _included(self) -> Matcher:
        if self._options.include is not None:
            return matcher(self._options.include)
        names = [f"{pattern}{suffix}" for pattern in self._patterns for suffix in ("", *SUFFIXES)]
        takes = matcher([*names, *(f"*{suffix}" for suffix in ARCHIVES)] if names else ["*"])
        # Means `*/**/NAME`, in half the time.
        return lambda key: "//" not in key and takes(key.rpartition("/")[2])

    @cached_property
    def _excluded(self) -> Matcher:
        return matcher(self._options.exclude)


def matcher(patterns: Iterable[str]) -> Matcher:
    """A test whether a ``/``-separated key matches one of the patterns, in any case.

    ``*`` and ``?`` stay inside one folder, ``**/`` stands for any number of folders, also none:
    ``*/**/*.csv`` matches ``t/a.csv`` and ``t/2024/a.CSV``, but not ``a.csv``. ``[ab]`` is one of
    the characters, ``[!ab]`` any other.
    """
    # Always false without patterns: a branch that can match nothing.
    expression = "|".join(f"(?:{_translate(p)})" for p in patterns) or "(?!)"
    compiled = re.compile(expression, re.IGNORECASE | re.DOTALL)
    return lambda key: compiled.fullmatch(key) is not None


def _translate(pattern: str) -> str:
    out: list[str] = []
    rest = pattern
    while rest:
        if rest.startswith("**/"):
            out.append("(?:[^/]+/)*")
            rest = rest[3:]
        elif rest.startswith("**"):
            out.append(".*")
            rest = rest[2:]
        elif found := re.match(r"\[(!?)(\]?[^\]/]*)\]", rest):
            inside = re.sub(r"([\\^\[\]&~|])", r"\\\1", found[2])
            out.append(f"[{'^/' if found[1] else ''}{inside}]")
            rest = rest[found.end() :]
        else:
            out.append({"*": "[^/]*", "?": "[^/]"}.get(rest[0], re.escape(rest[0])))
            rest = rest[1:]
    return "".join(out)


PARTIAL = matcher(("**/*.part", "**/*.partial", "**/*.filepart", "**/*.crdownload", "**/*.tmp",
                   "**/*~", "**/~$*"))  # fmt: skip
"""What browsers, editors and copy programs call a file that is not whole yet, or a lock."""


def warn_if_large(run: Run, file: SourceFile, warn_above: int) -> None:
    """Say that a file is larger than people expect; it is loaded all the same."""
    if file.size > warn_above:
        run.emit(
            "warning",
            key=file.key,
            table=file.table,
            message=f"large file: {file.size:,} bytes, above warn_above "
            f"({warn_above:,}); it is loaded all the same",
            size=file.size,
        )


def own_places(
    pipeline: Pipeline, options: FileOptions, option: str, inside: Callable[[str], str | None]
) -> Iterator[Finding]:
    """Where a pipeline would take what it writes itself for its input.

    Args:
        option: the source's option that such a finding is about.
        inside: the key of a path or URI that lies in the source, `""` of the source itself; None
            where it lies elsewhere.
    """
    selection = Selection(options, pipeline.name_patterns)
    for name, place in pipeline.places.items():
        key = inside(place) if place else None
        if key is None or (key and selection.account(f"{key}/file") == "excluded"):
            continue
        remedy = f", or leave it out with `exclude: ['{key}/**']`" if key else ""
        yield Finding(
            (option,),
            f"{name} ({place}) lies in the source: what lakefall writes there would be listed as "
            f"input; move it{remedy}",
        )
