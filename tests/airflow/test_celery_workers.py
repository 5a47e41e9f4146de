"""Many files over two Celery workers, and runs that meet."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import product

from celery_support import Celery, until

DAG = BUCKET = NAMESPACE = "many"


def rows(first: int, number: int = 50) -> str:
    return "id,name\n" + "".join(f"{n},n{n}\n" for n in range(first, first + number))


def test_fr_9_thirty_files_run_in_parallel_on_two_workers(celery: Celery) -> None:
    keys = [f"t{n % 5}/f{n:02d}.csv" for n in range(30)]
    for number, key in enumerate(keys):
        celery.put(BUCKET, key, rows(number * 1000))
    ran = celery.api.run(DAG)
    assert ran.state == "success"
    tasks = ran.of("load_file")
    assert {t["rendered_map_index"]: t["state"] for t in tasks} == dict.fromkeys(keys, "success")
    spans: dict[str, list[tuple[datetime, datetime]]] = {}
    for task in tasks:
        span = (
            datetime.fromisoformat(task["start_date"]),
            datetime.fromisoformat(task["end_date"]),
        )
        spans.setdefault(task["hostname"], []).append(span)
    assert set(spans) == {"airflow-worker-1", "airflow-worker-2"}
    overlaps = [
        (one, other)
        for one, other in product(*spans.values())
        if one[0] < other[1] and other[0] < one[1]
    ]
    assert len(overlaps) >= 5
    for number in range(5):
        table = f"t{number}"
        mine = [key for key in keys if key.startswith(f"{table}/")]
        assert celery.counts(NAMESPACE, table) == dict.fromkeys(mine, 50)
    assert ran.summary["rows_loaded"] == 1500


def test_row_concurrent_runs_a_second_trigger_is_queued(celery: Celery) -> None:
    celery.put(BUCKET, "queued/a.csv", rows(1))
    first, second = celery.api.trigger(DAG), celery.api.trigger(DAG)
    until(lambda: celery.api.state(DAG, first) == "running", 60, "the first run")
    assert celery.api.state(DAG, second) == "queued"
    done = celery.api.finished(DAG, first)
    assert done.summary["counts"] == {"success": 1}
    after = celery.api.finished(DAG, second)
    assert (after.state, after.summary["counts"]) == ("success", {})
    ended = max(t["end_date"] for t in done.tasks)
    began = min(t["start_date"] for t in after.tasks if t["start_date"])
    assert ended <= began, "two runs never overlap"


def test_a_run_on_the_command_line_beside_the_dag_loses_nothing(celery: Celery) -> None:
    keys = [f"beside/f{n}.csv" for n in range(8)]
    for number, key in enumerate(keys):
        celery.put(BUCKET, key, rows(number * 1000))
    run_id = celery.api.trigger(DAG)
    told = celery.command("run", str(celery.pipelines / f"{DAG}.yaml"), "--json")
    ran = celery.api.finished(DAG, run_id)
    outcomes = [json.loads(line) for line in told.stdout.splitlines()]
    assert told.returncode == 0, told.stderr
    assert {o["status"] for o in outcomes} <= {"success", "superseded", "unchanged"}
    assert ran.state == "success"
    assert celery.counts(NAMESPACE, "beside") == dict.fromkeys(keys, 50)
    assert celery.api.run(DAG).summary["counts"] == {}


def test_what_is_above_the_limit_waits_for_the_next_run_oldest_first(celery: Celery) -> None:
    path = celery.pipelines / f"{DAG}.yaml"
    text = path.read_text()
    for number in range(3):
        celery.put(BUCKET, f"limited/f{number}.csv", rows(number * 1000, 2))
    # Tasks read the file anew: the DAG's shape stays.
    path.write_text(text.replace("max_files_per_run: 1000", "max_files_per_run: 2"))
    try:
        ran = celery.api.run(DAG)
        assert ran.states("load_file") == dict.fromkeys(
            ("limited/f0.csv", "limited/f1.csv"), "success"
        )
        ran = celery.api.run(DAG)
        assert ran.states("load_file") == {"limited/f2.csv": "success"}
    finally:
        path.write_text(text)


def test_row_bucket_does_not_exist_fails_the_scan_which_is_tried_again(celery: Celery) -> None:
    path = celery.pipelines / f"{DAG}.yaml"
    text = path.read_text()
    path.write_text(text.replace("bucket: many", "bucket: nowhere-to-be-found"))
    try:
        ran = celery.api.run(DAG)
    finally:
        path.write_text(text)
    assert ran.state == "failed"
    (scan,) = ran.of("scan_bucket")
    assert (scan["state"], scan["try_number"]) == ("failed", 3)
    log = celery.api.log(DAG, ran.run_id, "scan_bucket")
    assert "SourceMissingError: s3://nowhere-to-be-found" in log
