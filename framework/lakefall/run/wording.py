"""Values in words, for people who read a terminal or a log."""

from __future__ import annotations

from lakefall.contract.values import Dialect, Reading


def dialect_words(dialect: Dialect) -> str:
    """The dialect in one line for people."""
    parts = [
        f"delimiter {dialect.delimiter!r}" if dialect.delimiter else "a single column",
        f"quote {dialect.quotechar or 'none'}",
        *([f"escape {dialect.escapechar}"] if dialect.escapechar else []),
        dialect.encoding,
        f"lines end in {dialect.line_terminator!r}",
        "with header" if dialect.has_header else "no header",
        *([f"{dialect.preamble_lines} lines before it"] if dialect.preamble_lines else []),
        f"confidence {dialect.confidence:.2f}",
    ]
    if dialect.runner_up:
        parts.append(f"runner-up {_reading(dialect.runner_up)}")
    return ", ".join(parts)


def _reading(reading: Reading) -> str:
    delimiter = repr(reading.delimiter) if reading.delimiter else "a single column"
    return f"{delimiter} with quote {reading.quotechar or 'none'} ({reading.score:.2f})"


def with_key(key: str, reason: str) -> str:
    """A reason that names its file, once."""
    return reason if reason.startswith(f"{key}:") else f"{key}: {reason}"
