"""``watch``: what arrives is loaded within seconds, until the command is told to stop."""

from __future__ import annotations

import json as jsonlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakefall.cli import INTERRUPTED
from lakefall.cli.parameters import Json, PipelineFile, Set
from lakefall.common import interrupts
from lakefall.common.waiting import Done

if TYPE_CHECKING:
    from lakefall.run.report import RunReport

PROMISED = 9.0
"""Seconds after which the process ends whatever it does; what it had under way then is no worse
than after `kill -9`: a later run finds out."""
LOOPBACK = "127.0.0.1"


def watch(
    pipeline: PipelineFile,
    once: Annotated[
        bool, typer.Option("--once", help="List, load all that is there, and end.")
    ] = False,
    health_port: Annotated[
        int,
        typer.Option(
            "--health-port", metavar="PORT", min=0, max=65_535, help="Answer /healthz there."
        ),
    ] = 0,
    sets: Set = [],
    json: Json = False,
) -> None:
    """Load what arrives, within seconds, until it is told to stop.

    Lists the source at the start and every `watch.reconcile_every` (10 minutes); in between, the
    plugins under `notifier` tell which files may have arrived, and only these are looked at. A
    notification is a hint: one that is lost, late, doubled or wrong loses no file and loads none
    twice, since the listing finds what no hint told. Without a notifier, the listing alone finds
    files. A file that fails for a passing reason is tried again after pauses that grow to 5
    minutes. Files that another process still writes are left until they are whole (Linux; elsewhere
    write under a hidden name or one that ends in .tmp, and rename).

    \b
    notifier: [{use: folder}]          or webhook, or sqs: `lakefall plugins list`
    watch: {settle: 200ms, max_batch: 1000, reconcile_every: 10m}

    Several watchers, and `run` or Airflow beside them, lose and double nothing. SIGTERM and Ctrl-C
    end it within 10 s: what is under way is finished or leaves no trace; exit code 0 or 130. With
    --json, a line for each file that was loaded, deleted, skipped or failed, as `run` has it, at
    once. /healthz (on 127.0.0.1 alone) answers 200, or 503 while whole runs fail or no listing
    succeeds.

    \b
    Example: lakefall watch pipelines/local.yaml
    Example: lakefall watch pipelines/local.yaml --json --health-port 8790 >> loads.jsonl
    """
    from lakefall.cli.output import Told
    from lakefall.cli.parameters import open_pipeline
    from lakefall.run.watch import Watcher

    interrupts.watch(signal.SIGTERM)
    told = Told()

    def tell(report: RunReport) -> None:
        _tell(report, json=json)
        # What is amiss for hours is told again with every listing, not once for ever.
        told.forget()

    watcher = Watcher(open_pipeline(pipeline, sets, told), tell)
    with _promise(), _health(health_port, watcher.health):
        watcher.watch(once=once)
    if watcher.busy:
        # Not through the interpreter's end, where a thread in the engine could crash it.
        sys.stdout.flush()
        os._exit(INTERRUPTED if interrupts.ever(signal.SIGINT) else 0)
    if interrupts.ever(signal.SIGINT):
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(1 if once and watcher.failed else 0)


def _tell(report: RunReport, *, json: bool) -> None:
    """What became of the files that did not stay as they were."""
    from lakefall.cli.output import emit, say
    from lakefall.cli.reports import outcome_object
    from lakefall.common.printable import visible
    from lakefall.contract.values import Status
    from lakefall.run.outcomes import with_key
    from lakefall.run.runner import LEFT_OVER

    for outcome in report.outcomes:
        if outcome.status is Status.UNCHANGED or outcome.error.startswith(LEFT_OVER):
            continue
        if json:
            emit(outcome_object(outcome))
        elif not outcome.error:
            rows = outcome.rows_deleted if outcome.status is Status.DELETED else outcome.rows_loaded
            where = f"{outcome.file.key} -> {outcome.file.table}"
            typer.echo(visible(f"{outcome.status}: {where}: {rows:,} rows"))
        if outcome.error:
            say(f"{outcome.status}: {with_key(outcome.file.key, outcome.error)}")
    sys.stdout.flush()


@contextmanager
def _promise() -> Iterator[None]:
    """Work that ends in time after a signal, if need be with the process."""
    done = Done()

    def keep() -> None:
        while not (interrupts.ever(signal.SIGTERM) or interrupts.ever(signal.SIGINT)):
            if done.wait(0.25):
                return
        if not done.wait(PROMISED):
            os._exit(INTERRUPTED if interrupts.ever(signal.SIGINT) else 0)

    threading.Thread(target=keep, daemon=True).start()
    try:
        yield
    finally:
        done.set()


@contextmanager
def _health(port: int, ask: Callable[[], dict[str, Any]]) -> Iterator[None]:
    """``/healthz`` on a port of loopback; none where it is 0."""
    if not port:
        yield
        return

    from http import HTTPStatus
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Answer(BaseHTTPRequestHandler):
        timeout = 5.0

        def do_GET(self) -> None:
            found = ask() if self.path == "/healthz" else {"ok": False}
            known = HTTPStatus.OK if found["ok"] else HTTPStatus.SERVICE_UNAVAILABLE
            self.send_response(known if self.path == "/healthz" else HTTPStatus.NOT_FOUND)
            body = jsonlib.dumps(found).encode()
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Standard error is for people."""

    with ThreadingHTTPServer((LOOPBACK, port), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()
