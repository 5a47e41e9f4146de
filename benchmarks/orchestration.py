"""Airflow on Celery: many files with each granularity, and what parsing DAGs costs.

    python benchmarks/orchestration.py [--files 25 200] [--workers 2] [--pipelines 1 100]

Starts a stack of its own (S3, REST catalog, Trino, Superset, Airflow on PostgreSQL and Redis),
loads so many files of 10 KB into 10 tables with one run of a DAG for each granularity, without
registrars, and stops it again. Beside them runs a DAG of as many empty tasks as `step` has: what
Airflow itself takes for them. Seconds are those of the run, as Airflow tells them. CPU is that of
the whole machine meanwhile, servers and Airflow's own processes included, less what the same
machine uses while Airflow has nothing to do.

Parsing is timed in Airflow's Python, as in its DAG processor: that forks for every file, so the
first parse counts, with every import of lakefall's. Those of Airflow are left out, by making
another DAG before; bytecode lies on disk, as pip leaves it. The figure is the median of 5
processes.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "airflow")]
sys.path.insert(0, str(ROOT / "benchmarks"))

from celery_support import Api, until  # noqa: E402
from e2e.servers import Servers  # noqa: E402
from measuring import busy  # noqa: E402

from stack import Stack  # noqa: E402
from stack.settings import CELERY, Deployment  # noqa: E402

GRANULARITIES = ("step", "file", "table")
TABLES = 10
LIMIT = 3600
PIPELINE = """
version: 1
name: {name}
source: {{use: s3, bucket: {bucket}, endpoint_url: "${{S3_ENDPOINT_URL}}"}}
sink:
  use: iceberg
  namespace: {namespace}
  catalog:
    type: rest
    uri: ${{ICEBERG_REST_URI}}
    s3: {{endpoint_url: "${{S3_ENDPOINT_URL}}"}}
cache: {{dir: "${{LAKEFALL_CACHE}}"}}
schedule: {{cron: "0 0 29 2 *", start_date: {today}, granularity: {granularity}}}
"""
EMPTY = """
from datetime import datetime
from airflow.sdk import DAG, task, task_group
for count in {counts}:
    with DAG(f"empty_{{count}}", schedule=None, start_date=datetime(2024, 1, 1)):
        @task
        def begin(count=count):
            return list(range(count))

        @task_group(group_id="files")
        def chain(n):
            for step in range({steps}):
                n = task(lambda n: n, task_id=f"step_{{step}}")(n)

        chain.expand(n=begin())
"""
"""A chain of mapped tasks a file, like that of ``step``; each hands on one number."""
STEPS = 8
PROCESSES = 5
PARSE = """
import gc, json, sys, time
from datetime import datetime
from pathlib import Path
import airflow.dag_processing.manager, airflow.dag_processing.processor
from airflow.sdk import DAG, task, task_group
with DAG("another", schedule="@daily", start_date=datetime(2024, 1, 1), auto_register=False) as dag:
    @task_group
    def group(n):
        task(lambda n: n, task_id="one")(n)
    group.expand(n=task(lambda: [1], task_id="many")())
dag.validate()
gc.freeze()  # as the manager does before it forks
taken = []
for _ in range(2):
    began = time.perf_counter()
    from lakefall.airflow import build
    dags = build(Path(sys.argv[1]))
    taken.append(time.perf_counter() - began)
print(json.dumps([len(dags), taken]))
"""


def pipeline(name: str, granularity: str) -> str:
    return PIPELINE.format(
        name=name,
        bucket=name.replace("_", "-"),
        namespace=name,
        today=time.strftime("%Y-%m-%d"),
        granularity=granularity,
    )


def content(number: int) -> bytes:
    line = "{n},name {n},{n}.25,2024-01-{d:02d},some words that fill a line to eighty characters\n"
    rows = (line.format(n=number * 1000 + i, d=1 + i % 28) for i in range(120))
    return ("id,name,amount,day,note\n" + "".join(rows)).encode()


def name_of(granularity: str, files: int) -> str:
    return f"by_{granularity}_{files}"


def measure(api: Api, name: str, idle: float) -> tuple[float, float]:
    """Seconds of a run, and of CPU."""
    began, before = time.monotonic(), busy()
    ran = api.finished(name, api.trigger(name), LIMIT)
    wall = time.monotonic() - began
    if ran.state != "success":
        raise SystemExit(f"{name}: {ran.summary}")
    return wall, busy() - before - idle * wall


def runs(counts: Sequence[int], workers: int, folder: Path) -> None:
    pipelines = folder / "pipelines"
    pipelines.mkdir()
    names = {(g, n): name_of(g, n) for n in counts for g in GRANULARITIES}
    for (granularity, _), name in names.items():
        (pipelines / f"{name}.yaml").write_text(pipeline(name, granularity))
    dags = folder / "dags"
    shutil.copytree(ROOT / "airflow" / "dags", dags)
    (dags / "empty.py").write_text(EMPTY.format(counts=list(counts), steps=STEPS))
    stack = Stack(folder / "stack")
    try:
        given = {
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "LAKEFALL_PIPELINES": str(pipelines),
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
        }
        stack.up(airflow=Deployment(CELERY, workers, given))
        upload(Servers(stack.env()), names)
        api = Api(stack.env()["AIRFLOW_URL"])
        made = len(names) + len(counts)
        until(lambda: len(api.call("GET", "dags")["dags"]) == made, 120, "every DAG")
        time.sleep(20)
        before = busy()
        time.sleep(20)
        idle = (busy() - before) / 20
        cores = os.cpu_count()
        print(f"{workers} Celery workers of 4 processes, {cores} cores; idle: {idle:.2f} cores\n")
        print("| files | granularity | tasks | seconds | a file | CPU s | CPU s a file |")
        print("|---|---|---|---|---|---|---|")
        measured = {("empty", n): f"empty_{n}" for n in counts} | names
        for (granularity, files), name in measured.items():
            wall, cpu = measure(api, name, idle)
            tasks = {
                "empty": 1 + STEPS * files,
                "step": 3 + STEPS * files,
                "file": 3 + files,
                "table": 3 + TABLES,
            }[granularity]
            print(
                f"| {files} | {granularity} | {tasks} | {wall:.0f} | {wall / files:.2f} "
                f"| {cpu:.0f} | {cpu / files:.2f} |",
                flush=True,
            )
    finally:
        stack.remove()


def upload(servers: Servers, names: Mapping[tuple[str, int], str]) -> None:
    client = servers.s3()
    for (_, files), name in names.items():
        bucket = name.replace("_", "-")
        client.create_bucket(Bucket=bucket)

        def put(number: int, bucket: str = bucket) -> None:
            key = f"t{number % TABLES}/f{number:04d}.csv"
            client.put_object(Bucket=bucket, Key=key, Body=content(number))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(put, range(files)))


def parsing(counts: Iterable[int], folder: Path) -> None:
    stack = Stack(folder / "parse", say=lambda _: None)
    python = stack.home.airflow()
    environ = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "framework"), str(ROOT / "plugins")]),
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
        "AIRFLOW_HOME": str(folder / "home"),
    }
    print("\n| pipelines | first parse, ms a DAG | again, ms a DAG |\n|---|---|---|")
    for number in counts:
        pipelines = folder / f"pipelines-{number}"
        pipelines.mkdir()
        text = (ROOT / "pipelines" / "csv_auto_ingest.yaml").read_text()
        for n in range(number):
            (pipelines / f"p{n}.yaml").write_text(text.replace("csv_auto_ingest\n", f"p{n}\n", 1))
        parse(python, pipelines, number, environ)  # writes the bytecode
        taken = [parse(python, pipelines, number, environ) for _ in range(PROCESSES)]
        first, again = (
            1000 * statistics.median(times) / number for times in zip(*taken, strict=True)
        )
        print(f"| {number} | {first:.1f} | {again:.1f} |", flush=True)


def parse(python: Path, pipelines: Path, number: int, environ: Mapping[str, str]) -> list[float]:
    """Seconds of the first and the second parse in a process of its own."""
    done = subprocess.run(
        [python, "-c", PARSE, pipelines],
        env=environ,
        cwd=pipelines.parent,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    made, taken = json.loads(done.stdout.splitlines()[-1])
    if made != number:
        raise SystemExit(f"{made} DAGs of {number} pipelines")
    seconds: list[float] = taken
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--files", type=int, nargs="*", default=[25, 200])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pipelines", type=int, nargs="*", default=[1, 100])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        parsing(given.pipelines, Path(name))
        if given.files:
            print()
            runs(given.files, given.workers, Path(name))


if __name__ == "__main__":
    main()
