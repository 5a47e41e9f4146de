"""What sources of files share: which keys count, and the word about large ones."""

from __future__ import annotations

import errno
from datetime import datetime, timedelta
from functools import cached_property

from lakefall.contract.run import Run
from lakefall.contract.values import SourceFile
from lakefall.files import globs
from lakefall.files.options import FileOptions

PARTIAL = globs.matcher(("**/*.part", "**/*.partial", "**/*.filepart", "**/*.crdownload",
                         "**/*.tmp", "**/*~", "**/~$*"))  # fmt: skip
"""What browsers, editors and copy programs call a file that is not whole yet, or a lock."""
NO_SPACE = frozenset({errno.ENOSPC, errno.EFBIG, errno.EDQUOT})


class Selection:
    """The keys that a source's patterns let through."""

    def __init__(self, options: FileOptions) -> None:
        self._options = options

    def takes(self, key: str) -> bool:
        """Whether a key counts: hidden and partial files never do.

        A key at the root is judged as if it lay in a folder, so that the runner can say why it
        is skipped.
        """
        return (
            self._included(key if "/" in key else f"_/{key}")
            and not self._excluded(key)
            and not PARTIAL(key)
            and not any(part.startswith(".") for part in key.split("/") if part not in (".", ".."))
        )

    def excludes(self, key: str) -> bool:
        return self._excluded(key)

    def is_old_enough(self, modified: datetime, now: datetime) -> bool:
        age = self._options.min_object_age
        return not age or modified <= now - timedelta(seconds=age)

    @cached_property
    def _included(self) -> globs.Matcher:
        return globs.matcher(self._options.include)

    @cached_property
    def _excluded(self) -> globs.Matcher:
        return globs.matcher(self._options.exclude)


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
