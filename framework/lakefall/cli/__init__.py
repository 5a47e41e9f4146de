"""The command ``lakefall``."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress

INTERRUPTED = 130
"""Exit code after Ctrl-C."""
TRACEBACK = "LAKEFALL_TRACEBACK"
"""Environment variable: set, foreseen errors show where they were raised."""


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code.

    0 is success, 1 an error (wrong usage too), 130 an interruption; ``plan`` leaves with 2 when
    there is something to do.
    """
    from lakefall.common import interrupts

    code = _code(args)
    if args is None and (code == INTERRUPTED or interrupts.ever(signal.SIGTERM)):
        # The process is ours: nobody called this from a program of their own.
        _leave(code)
    sys.exit(code)


def _leave(code: int) -> None:
    """After an interruption: what was left under way may be inside the engine, where the end of
    the interpreter would abort the whole process, with another exit code."""
    import threading

    if threading.active_count() > 1:
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _code(args: Sequence[str] | None) -> int:
    for stream in (sys.stdout, sys.stderr):
        # File names need not be text; a terminal need not know every character.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        from lakefall.cli.app import app
        from lakefall.common import interrupts

        interrupts.watch()
        code = app(args=args, prog_name="lakefall", standalone_mode=False)
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python would complain again at its end.
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
        return 1
    except Exception as error:  # noqa: BLE001 -- raised again where nobody foresaw it
        if not interrupts.settle():
            return _failed(error)
        code = INTERRUPTED
    if code == INTERRUPTED:
        _complain("interrupted")
    return code if isinstance(code, int) else 0


def _failed(error: Exception) -> int:
    message = None if os.environ.get(TRACEBACK) else _foreseen(error)
    if message is None:
        raise error
    _complain(message)
    return 1


def _foreseen(error: Exception) -> str | None:
    """What to say about an error that a user can cause; None for a defect of ours."""
    from lakefall.contract.errors import LakefallError

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
    from lakefall.common.printable import visible

    sys.stdout.flush()
    print(f"lakefall: {visible(message)}", file=sys.stderr)  # noqa: T201
