"""Text from data, keys, servers and errors on its way to a terminal or a log."""

from __future__ import annotations

import logging
from typing import Any


def visible(text: str) -> str:
    """Text with control characters spelt out: a cell must not steer the terminal.

    Line feeds stay; what Unicode calls a format character (writing direction, zero width) is
    spelt out too.
    """
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text
    )


class VisibleLog(logging.LoggerAdapter[logging.Logger]):
    """A logger whose messages hold no control characters."""

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        if self.isEnabledFor(level):
            text = str(msg) % args if args else str(msg)
            super().log(level, "%s", visible(text), **kwargs)
