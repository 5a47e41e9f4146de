"""Messages of a queue start runs: SQS's protocol, Airflow's own trigger and triggerer."""

from __future__ import annotations

import json
import time
from itertools import pairwise
from typing import Any

from celery_support import Celery, until

DAG = NAMESPACE = "by_event"
BUCKET = "by-event"


def upload(celery: Celery, key: str, *, tell: bool = True) -> None:
    """A file of two rows, and what S3 says about it."""
    celery.put(BUCKET, key, "id,name\n1,x\n2,y\n")
    record = {"eventName": "ObjectCreated:Put", "s3": {"object": {"key": key}}}
    if tell:
        body = json.dumps({"Records": [record]})
        celery.queue.send_message(QueueUrl=celery.queue_url, MessageBody=body)


def loaded(celery: Celery, keys: set[str]) -> list[dict[str, Any]]:
    """The runs that messages started, newest first, once these keys are recorded."""

    def there() -> list[dict[str, Any]] | None:
        runs = [r for r in celery.api.runs(DAG) if r["run_type"] == "asset_triggered"]
        if not runs or any(r["state"] not in ("success", "failed") for r in runs):
            return None
        return runs if keys <= set(celery.registry(NAMESPACE)) else None

    return until(there, 120, f"runs that loaded {sorted(keys)}")


def test_a_message_starts_a_run_that_takes_all_files_that_are_there(celery: Celery) -> None:
    upload(celery, "quiet/a.csv", tell=False)
    began = time.monotonic()
    upload(celery, "told/b.csv")
    runs = loaded(celery, {"quiet/a.csv", "told/b.csv"})
    print(f"{time.monotonic() - began:.1f} s from the message to the registry")
    assert [r["state"] for r in runs] == ["success"]
    assert celery.api.ran(DAG, runs[0]["dag_run_id"]).summary["tables"] == {"quiet": 2, "told": 2}
    assert celery.counts(NAMESPACE, "told") == {"told/b.csv": 2}


def test_messages_that_come_together_are_a_few_runs_one_after_the_other(celery: Celery) -> None:
    keys = {f"burst/f{n:02d}.csv" for n in range(25)}
    before = len(celery.api.runs(DAG))
    for key in sorted(keys):
        upload(celery, key)
    runs = loaded(celery, keys)
    fresh = sorted(runs[: len(runs) - before], key=lambda run: run["start_date"])
    assert 1 <= len(fresh) < 10, "25 messages"
    assert all(one["end_date"] <= other["start_date"] for one, other in pairwise(fresh))
    assert celery.counts(NAMESPACE, "burst") == dict.fromkeys(keys, 2)
