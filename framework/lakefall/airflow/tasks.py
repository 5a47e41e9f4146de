"""What the tasks do: one step of ``lakefall.airflow.steps`` each, in Airflow's words."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from airflow.sdk import Asset, AssetAlias, conf, get_current_context
from airflow.sdk.exceptions import AirflowFailException, AirflowRuntimeError

from lakefall.airflow import under_way
from lakefall.airflow.chain import (
    COMMITS,
    FILE_STEPS,
    RECORDS,
    REGISTERS,
    TOGETHER,
    granularity_of,
)
from lakefall.airflow.closing import silence
from lakefall.airflow.connections import LOOKUPS
from lakefall.airflow.step_values import (
    Ingested,
    Listing,
    Registration,
    Result,
    Work,
    as_plain,
    of_plain,
)
from lakefall.airflow.steps import (
    Steps,
    timed,
    unfinished,
    worth_retrying,
)
from lakefall.airflow.telling import Told, told_of
from lakefall.common.interrupts import ended_after
from lakefall.common.printable import VisibleLog
from lakefall.config.validation import did_you_mean
from lakefall.contract.errors import LakefallError, SinkError
from lakefall.contract.values import Outcome, Status
from lakefall.run import outcomes
from lakefall.run.outcomes import with_key

P = ParamSpec("P")
T = TypeVar("T")

FAILURE = "failure"
"""XCom of a step that failed: the file's ``Result``."""
RESULTS = "results"
"""XCom of a task that does all steps, also where it failed."""
GRACE = 60
"""Seconds that a task has to end after Airflow told it to."""
MOST_FILES = 50
"""Files that an asset event names."""

log = VisibleLog(logging.getLogger("lakefall"))


def _bounded(task: Callable[P, T]) -> Callable[P, T]:
    """Airflow ends a task that takes too long by an exception, which one that hangs in a library
    does not see: some time later its process ends."""

    @wraps(task)
    def bounded(*args: P.args, **kwargs: P.kwargs) -> T:
        limit = get_current_context()["ti"].task.execution_timeout
        with ended_after(limit.total_seconds() + GRACE):
            return task(*args, **kwargs)

    return bounded


# --- the whole run ---


@_bounded
def scan(path: str) -> Any:
    """List the source."""
    _refuse_unknown()
    try:
        listing = _steps(path).scan(**_only())
    except LakefallError as error:
        raise _airflow_error(error) from None
    log.info("%s files, %s bytes", f"{listing.files:,}", f"{listing.bytes:,}")
    if listing.unread:
        log.info("%s", outcomes.unread_sentence(listing.unread))
    return as_plain(listing)


@_bounded
def filter_files(path: str, listing: Any, granularity: str, auto_step_files: int) -> Any:
    """What the run has to load; with ``auto``, what is loaded step by step of it.

    The rest is left for ``group_files``: Airflow maps tasks over what a task returns, and nothing
    else.
    """
    params = get_current_context()["params"]
    most = conf.getint("core", "max_map_length", fallback=1024)
    try:
        works = _steps(path).filter(
            of_plain(Listing, listing),
            **_only(),
            force=bool(params.get("force")),
            retry_failed=bool(params.get("retry_failed")),
            # A task may have many files of one table.
            at_most=most if granularity in ("step", "file") else 0,
            granularity=granularity,
            auto_step_files=auto_step_files,
        )[:most]
    except LakefallError as error:
        raise _airflow_error(error) from None
    if _may_overlap():
        works = _not_under_way(works, force=bool(params.get("force")))
    log.info("%s to load", ", ".join(w.label for w in works[:MOST_FILES]) or "nothing")
    plain = [as_plain(w) for w in works]
    files = sum(len(w.files) for w in works)
    if granularity != "auto" or granularity_of(granularity, files, auto_step_files) == "step":
        return plain
    get_current_context()["ti"].xcom_push(key=TOGETHER, value=plain)
    return []


def _may_overlap() -> bool:
    """Whether another run of the DAG may be loading files meanwhile."""
    return bool(get_current_context()["dag"].max_active_runs != 1)


def _not_under_way(works: list[Work], *, force: bool) -> list[Work]:
    """What no other run is loading; with ``force`` that is loaded too."""
    context = get_current_context()
    ti, dag, run_id = context["ti"], context["dag"].dag_id, str(context["run_id"])

    def is_running(other: str) -> bool:
        try:
            return ti.get_dagrun_state(dag, other) in ("running", "queued")
        except AirflowRuntimeError:
            return False  # it was deleted

    mine, others = under_way.taken(dag, run_id, works, is_running)
    if others and not force:
        some = ", ".join(others[:MOST_FILES])
        log.info("%s files are left to other runs that load them: %s", f"{len(others):,}", some)
    return works if force else mine


@_bounded
def group_files() -> Any:
    """What the run loads with all steps in one task."""
    return get_current_context()["ti"].xcom_pull(task_ids="filter_new_files", key=TOGETHER) or []


@_bounded
def summary(path: str, branches: dict[str, Any]) -> Any:
    """Close the run; fail it where it failed.

    ``branches``: the last task of files or tables -> their works; None where there was no answer.
    """
    ti = get_current_context()["ti"]
    works: list[Work] = []
    results: list[Result] = []
    for worker, some in branches.items():
        works += [of_plain(Work, w) for w in some or ()]
        key = "return_value" if worker == RECORDS else RESULTS
        # One answer a task: a list of results, or a single one.
        for answer in (ti.xcom_pull(task_ids=[worker], key=key) if some else None) or ():
            several = answer if isinstance(answer, list) else [answer]
            results += [of_plain(Result, each) for each in several if each is not None]
    if _may_overlap():
        under_way.ended(get_current_context()["dag"].dag_id, str(get_current_context()["run_id"]))
    only = _only()
    known = None not in branches.values()
    try:
        closing = _steps(path).close(works, results, whole=known and not any(only.values()))
    except LakefallError as error:
        raise _airflow_error(error) from None
    plain = as_plain(closing)
    ti.xcom_push(key="return_value", value=plain)
    for line in told_of(closing):
        log.info(line)
    if not known:
        raise AirflowFailException(
            "a task failed that finds out what to load (scan_bucket, filter_new_files, "
            "group_files); its log says why"
        )
    if closing.failures:
        raise AirflowFailException(
            f"{closing.failures} files failed: "
            + "; ".join(with_key(key, reason) for key, reason in closing.failed.items())
        )
    return plain


# --- one file, step by step ---


@_bounded
def file_step(path: str, name: str, task_id: str, work: Any, before: Any) -> Any:
    """One step of one file. What went wrong is left for ``update_registry``."""
    item = of_plain(Work, work)
    spent = float((before or {}).get("seconds", 0.0))
    steps = _steps(path)
    try:
        if task_id == REGISTERS:
            ingested = of_plain(Ingested, before)
            answer: Any = timed(lambda: steps.register(item, ingested))
        else:
            answer = timed(lambda: getattr(steps, FILE_STEPS[task_id][0])(item))
    except Exception as error:
        get_current_context()["ti"].xcom_push(
            key=FAILURE, value=as_plain(steps.failure(item, error))
        )
        if isinstance(error, LakefallError):
            raise _airflow_error(error) from None
        raise
    if task_id == COMMITS:
        _emit(name, answer.loaded.snapshot, [answer.result.outcome], steps)
        _tell([answer.result])
    return as_plain(replace(answer, seconds=round(spent + answer.seconds, 3)))


@_bounded
def record(path: str, work: Any) -> Any:
    """Write what became of a file, as its steps left it."""
    item = of_plain(Work, work)
    try:
        steps = _steps(path)
        result, seconds = _left_by_steps(steps, item)
        recorded = steps.record(item, result, seconds)
    except LakefallError as error:
        raise _airflow_error(error) from None
    _tell([recorded])
    return as_plain(recorded)


def _left_by_steps(steps: Steps, work: Work) -> tuple[Result, float]:
    """The file's result, and the seconds spent on it."""
    registered = _left(REGISTERS)
    if registered is not None:
        told = of_plain(Registration, registered)
        return told.result, told.seconds
    ingested = _left(COMMITS)
    if ingested is not None:
        done = of_plain(Ingested, ingested)
        return done.result, done.seconds
    for task_id in FILE_STEPS:
        failure = _left(task_id, FAILURE)
        if failure is not None:
            return of_plain(Result, failure), 0.0
    return steps.failure(work, silence(work.file)), 0.0


def _left(task_id: str, key: str = "return_value") -> Any:
    ti = get_current_context()["ti"]
    return ti.xcom_pull(task_ids=f"files.{task_id}", key=key, map_indexes=ti.map_index)


# --- all steps at once ---


@_bounded
def load(path: str, name: str, work: Any) -> None:
    """All steps for a table's files, or for one."""
    ti = get_current_context()["ti"]
    item = of_plain(Work, work)
    last = ti.try_number > ti.max_tries
    try:
        steps = _steps(path)
        results = steps.load(item, last_try=last)
    except LakefallError as error:
        raise _airflow_error(error) from None
    plain = [as_plain(r) for r in results]
    ti.xcom_push(key=RESULTS, value=plain)
    _tell(results)
    _emit(name, "", [r.outcome for r in results], steps)
    if unfinished(results) and not last:
        raise SinkError(_reasons(results))
    # Airflow forgets the assets of a task that fails: one with rows to announce leaves it to
    # ``summary`` to fail for the files that brought none.
    if all(r.outcome.status is Status.FAILED for r in results):
        raise AirflowFailException(_reasons(results))


def _reasons(results: Iterable[Result]) -> str:
    return "; ".join(
        with_key(r.outcome.file.key, r.outcome.error)
        for r in results
        if r.outcome.status is Status.FAILED
    )[:2000]


# --- parts ---


def _steps(path: str) -> Steps:
    run_id = str(get_current_context()["run_id"])
    try:
        return Steps.open(path, run_id, listeners=[Told(log)], lookups=LOOKUPS)
    except LakefallError as error:
        raise _airflow_error(error) from None


def _only() -> dict[str, list[str]]:
    """What somebody who triggered the run by hand asked for."""
    params = get_current_context()["params"]
    keys = dict.fromkeys([params.get("key"), *(params.get("keys") or ())])
    return {
        "tables": [params["table"]] if params.get("table") else [],
        "keys": [key for key in keys if key],
    }


def _refuse_unknown() -> None:
    """Airflow takes any word of a trigger; one that nobody reads would load what was not meant."""
    context = get_current_context()
    known = list(context["dag"].params)
    if unknown := [name for name in context["params"] if name not in known]:
        raise AirflowFailException(
            f"this DAG has no parameter {unknown[0]!r}{did_you_mean(unknown[0], known)}. "
            "Nothing was loaded; trigger it again"
        )


def _airflow_error(error: LakefallError) -> Exception:
    """The error itself where another try may help; else one that Airflow does not try again."""
    return error if worth_retrying(error) else AirflowFailException(str(error))


def _tell(results: Sequence[Result]) -> None:
    for result in results:
        outcome = result.outcome
        log.info(
            "%s: %s: %s rows read, %s loaded, %s rejected, %s cells became NULL",
            outcome.file.key,
            outcome.status.value,
            f"{outcome.rows_read:,}",
            f"{outcome.rows_loaded:,}",
            f"{outcome.rows_rejected:,}",
            f"{outcome.cells_nulled:,}",
        )
        if outcome.error:
            log.error("%s", with_key(outcome.file.key, outcome.error))


def _emit(name: str, snapshot: str, outcomes: Sequence[Outcome], steps: Steps) -> None:
    """Tell Airflow which tables have new rows, so that other DAGs can wait for them."""
    loaded = [o for o in outcomes if o.status is Status.SUCCESS]
    if not loaded:
        return
    event = get_current_context()["outlet_events"][AssetAlias(name)]
    event.add(
        Asset(steps.asset(loaded[0].file.table)),
        extra={
            "files": [o.file.key for o in loaded[:MOST_FILES]],
            "rows_loaded": sum(o.rows_loaded for o in loaded),
            "rows_rejected": sum(o.rows_rejected for o in loaded),
            "cells_nulled": sum(o.cells_nulled for o in loaded),
            "rows_replaced": sum(o.rows_deleted for o in loaded),
            **({"snapshot": snapshot} if snapshot else {}),
        },
    )
