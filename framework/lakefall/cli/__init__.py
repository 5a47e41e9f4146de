"""The command ``lakefall``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

TRACEBACK = "LAKEFALL_TRACEBACK"
"""Environment variable: set, foreseen errors show where they were raised."""


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code.

    0 is success, 1 an error (wrong usage too), 130 an interruption; ``plan`` leaves with 2 when
    there is something to do.
    """
    sys.exit(_code(args))


def _code(args: Sequence[str] | None) -> int:
    for stream in (sys.stdout, sys.stderr):
        # File names need not be text; a terminal need not know every character.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        from lakefall.cli.app import app

        code = app(args=args, prog_name="lakefall", standalone_mode=False)
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python would complain again at its end.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
        return 1
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        message = _foreseen(error)
        if message is None:
            raise
        _complain(message)
        return 1
    if code == 130:
        _complain("interrupted")
    return code if isinstance(code, int) else 0


def _foreseen(error: Exception) -> str | None:
    """What to say about an error that a user can cause; None for a defect of ours."""
    from lakefall.errors import LakefallError

    if isinstance(error, LakefallError):
        return str(error)
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}"
    # Typer's usage errors; its versions disagree on where the class lives.
    say = getattr(error, "format_message", None)
    if say is None:
        return None
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "lakefall"
    if type(error).__name__ == "NoArgsIsHelpError":
        return f"a command is missing\n{context.get_help() if context else ''}".rstrip()
    return f"{say()}\nSee `{path} --help`."


def _complain(message: str) -> None:
    sys.stdout.flush()
    print(f"lakefall: {message}", file=sys.stderr)  # noqa: T201
