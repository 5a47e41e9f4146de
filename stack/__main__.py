"""``python -m stack``: up, down, status, env, run."""

from __future__ import annotations

import argparse
import os
import shlex
import sys

from . import airflow
from .errors import StackError
from .run import with_stack
from .settings import CELERY, EXECUTORS, Deployment
from .stack import NAMES, Stack, complain


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m stack", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start the servers and wait until they are ready")
    up.add_argument("only", nargs="*", metavar="SERVER", help=f"of {', '.join(NAMES)}")
    up.add_argument(
        "--airflow",
        choices=EXECUTORS,
        help="Airflow too: with Celery workers, or with tasks in the scheduler's own processes",
    )
    up.add_argument("--workers", type=int, default=2, help="Celery workers (default: 2)")
    commands.add_parser("down", help="stop the servers; their data stay")
    commands.add_parser("remove", help="stop the servers and delete their data")
    commands.add_parser("status", help="a table of the servers; exit 1 unless all are ready")
    commands.add_parser("env", help="export lines for a shell")
    run = commands.add_parser("run", help="run a command with servers of its own: run -- COMMAND")
    run.add_argument("--only", action="append", default=[], metavar="SERVER", choices=NAMES)
    run.add_argument("arguments", nargs=argparse.REMAINDER, metavar="COMMAND")
    given = parser.parse_args()
    try:
        return _answer(given, parser)
    except StackError as error:
        complain(str(error))
        return 1
    except KeyboardInterrupt:
        return 130


def _answer(given: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    stack = Stack()
    if given.command == "up":
        if given.workers < 1:
            parser.error(f"--workers {given.workers}: Celery needs at least one")
        stack.up(given.only, airflow=_deployment(given))
        _table(stack)
    elif given.command == "down":
        stack.down()
    elif given.command == "remove":
        stack.remove()
    elif given.command == "status":
        return _table(stack)
    elif given.command == "env":
        for name, value in stack.env().items():
            print(f"export {name}={shlex.quote(value)}")
    else:
        arguments = given.arguments[given.arguments[:1] == ["--"] :]
        if not arguments:
            parser.error("run: no command; write: run -- COMMAND")
        return with_stack(arguments, given.only)
    return 0


def _deployment(given: argparse.Namespace) -> Deployment | None:
    if given.airflow is None:
        return None
    workers = given.workers if given.airflow == CELERY else 0
    return Deployment(given.airflow, workers, airflow.given(os.environ))


def _table(stack: Stack) -> int:
    found = stack.status()
    if not found:
        complain(f"no stack in {stack.folder}; `make stack-up` starts one")
        return 1
    rows = [("server", "state", "pid", "address", "log")]
    for each in found:
        state = "ready" if each.ready else "not ready" if each.running else "down"
        rows.append((each.name, state, str(each.pid or "-"), each.url, str(each.log)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )
    return 0 if all(each.ready for each in found) else 1


sys.exit(main())
