"""What `lakefall maintain` is worth: tables that grew, before and after it, on real servers.

    eval "$(make stack-env)"; python benchmarks/maintenance.py [--only replaced|registry|large]

- ``replaced``: a table of 200 source files of which 1,000 were replaced, one commit each.
- ``registry``: 100,000 rows in 1,000 commits; deciding about 10,000 files.
- ``large``: 2,000 source files and 100 million rows, written straight as Parquet; replacing a file
  of 130 MB beside the same in a table of its own, and one of those in the middle.

Everything lies in the REST catalog and on S3, in namespaces of their own. What is timed runs in a
process of its own, from the end of the imports, one load with its rejects and its registry row;
``peak`` is that process's resident memory. Snapshots expire at once but for the last 10, and files
without a grace period, so that one maintenance shows what many bring.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "benchmarks")]

from e2e.servers import Servers, running  # noqa: E402
from e2e.trino_support import House, source  # noqa: E402
from measuring import child, peak_mib  # noqa: E402
from throughput import TABLE, generate  # noqa: E402

ID = [("id", "INTEGER"), ("name", "VARCHAR")]
EAGER = {"keep_snapshots_for": 0, "keep_snapshots": 10, "grace": 0}
SOURCES, REPLACED, ROWS = 200, 1_000, 100
COMMITS, PER_COMMIT, ASKED = 1_000, 100, 10_000
FILE = "events/rows.csv"
CEILING = 667
"""MiB that loading a file of any size may take: 700 MB."""
Figures = dict[str, float]


def servers() -> Servers:
    found = running()
    if found is None:
        raise SystemExit('no servers in the environment: make stack-up; eval "$(make stack-env)"')
    return found


def house(namespace: str, folder: Path) -> House:
    from lakefall_plugins.sinks.iceberg.sink import IcebergSink

    env = servers().env
    catalog = {
        "type": "rest",
        "uri": env["ICEBERG_REST_URI"],
        "s3": {"endpoint_url": env["S3_ENDPOINT_URL"]},
    }
    options = {"catalog": catalog, "namespace": namespace, "maintenance": EAGER}
    return House(folder, options, IcebergSink)


def load(lake: House, i: int, version: int) -> None:
    file = source(f"events/{i:04d}.csv", f"e{version}", minute=version)
    lake.load(file, ID, f"SELECT i, 'name ' || i FROM range({i}, {i + ROWS}) r(i)")


def listed(i: int) -> Any:
    return source(f"events/{i:06d}.csv", "e1")


# --- in processes of their own ---


def imports() -> None:
    import duckdb  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import pyiceberg.catalog.rest
    import pyiceberg.io.pyarrow  # noqa: F401

    from lakefall.plugin_loading.catalogue import Catalogue

    Catalogue.default().entries()  # imports every plugin


def timed(work: Callable[[], object]) -> None:
    """Tell how long ``work`` takes, and the process's peak memory."""
    began = perf_counter()
    work()
    seconds = perf_counter() - began
    print(json.dumps({"seconds": seconds, "peak": peak_mib()}))


def child_main(words: list[str]) -> None:
    what, namespace, *more = words
    imports()
    from lakefall_plugins.sinks.iceberg.catalog import RestHome

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lake = house(namespace, folder)
        if what == "replace":
            number, version = map(int, more)
            timed(lambda: load(lake, number, version))
        elif what == "decide":
            files = [listed(i) for i in range(ASKED)]
            timed(lambda: lake.sink.pending(lake.run(), files))
        elif what == "maintain":
            RestHome.settles = 0.0  # the snapshots of the last ten minutes are what is measured
            chosen = more or lake.sink.tables()
            timed(lambda: [lake.sink.maintain(lake.run(), table) for table in chosen])
        elif what == "csv":
            run_csv(namespace, folder, Path(more[0]), more[1])


def run_csv(namespace: str, folder: Path, path: Path, key: str) -> None:
    """One run of the production pipeline from a folder with one file."""
    from lakefall.config.loader import open_pipeline
    from lakefall.run.runner import Runner

    target = folder / "inbox" / key
    target.parent.mkdir(parents=True)
    target.hardlink_to(path)
    pipeline = open_pipeline(
        ROOT / "pipelines" / "csv_auto_ingest.yaml",
        sets=[
            f"source={{use: folder, path: {folder / 'inbox'}}}",
            f"sink.namespace={namespace}",
            f"cache.dir={folder / 'cache'}",
            "catalog_registrar=[]",
        ],
    )

    def run() -> None:
        report = Runner(pipeline).run(force=True)
        if any(o.status != "success" for o in report.outcomes):
            raise SystemExit(f"{report.outcomes[0].file.key}: {report.outcomes[0].error}")

    timed(run)


def median(*figures: Figures) -> Figures:
    return {k: statistics.median(f[k] for f in figures) for k in figures[0]}


# --- what a table is like ---


@dataclass(frozen=True)
class State:
    """A table's weight."""

    files: int
    snapshots: int
    manifests: int
    document: int
    """Bytes of the metadata file that every commit writes anew."""
    objects: int
    """Objects beside the data files."""
    bytes: int
    """Of those."""


def state(namespace: str, table: str) -> State:
    env = servers()
    found = env.catalog().load_table((namespace, table))
    bucket, _, prefix = found.location().removeprefix("s3://").partition("/")
    pages = env.s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/")
    sizes = {f["Key"]: f["Size"] for page in pages for f in page.get("Contents", ())}
    beside = {k: n for k, n in sizes.items() if not k.endswith((".parquet", "/"))}
    snapshot = found.current_snapshot()
    return State(
        int(snapshot.summary["total-data-files"]),
        len(found.metadata.snapshots),
        len(snapshot.manifests(found.io)),
        sizes[found.metadata_location.removeprefix(f"s3://{bucket}/")],
        len(beside),
        sum(beside.values()),
    )


def asked(namespace: str, table: str, runs: int) -> tuple[float, float]:
    """Seconds of a count of all rows, and of one source file's rows, in Trino."""
    name = f'iceberg."{namespace}"."{table}"'
    taken: list[list[float]] = [[], []]
    for _ in range(runs):
        for number, where in enumerate(("", " WHERE _source_file = 'events/0007.csv'")):
            began = perf_counter()
            servers().trino(f"SELECT count(*), count(DISTINCT _source_file) FROM {name}{where}")
            taken[number].append(perf_counter() - began)
    return statistics.median(taken[0]), statistics.median(taken[1])


COLUMNS = (
    *("data files", "snapshots", "manifests", "metadata, kB", "other objects", "their MB"),
    *("seconds", "peak MiB"),
)


def head(title: str, *more: str) -> None:
    names = ("", *COLUMNS, *more)
    print(f"\n## {title}\n\n| {' | '.join(names)} |\n|{'---|' * len(names)}")


def line(name: str, found: State, work: Figures, *more: str) -> None:
    cells = (
        *(f"{found.files:,}", f"{found.snapshots:,}", f"{found.manifests:,}"),
        *(f"{found.document / 1e3:,.0f}", f"{found.objects:,}", f"{found.bytes / 1e6:,.1f}"),
        *(f"{work['seconds']:.2f}", f"{work['peak']:.0f}", *more),
    )
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


def told(maintenance: Figures) -> None:
    seconds, peak = maintenance["seconds"], maintenance["peak"]
    print(f"\n`maintain` took {seconds:.1f} s, with {peak:.0f} MiB at most.", flush=True)


# --- the three tables ---


def replaced(runs: int) -> None:
    head(
        f"Replacing one of {SOURCES} source files of {ROWS} rows",
        *("Trino counts all, s", "one file, s"),
    )
    with servers().namespace() as namespace, tempfile.TemporaryDirectory() as name:
        lake = house(namespace, Path(name))
        version = 1

        def measure(words: str) -> None:
            nonlocal version
            found = state(namespace, "events")
            taken = []
            for i in range(runs):
                version += 1
                taken.append(child(__file__, "replace", namespace, i, version))
            counts = (f"{n:.2f}" for n in asked(namespace, "events", runs))
            line(words, found, median(*taken), *counts)

        for i in range(SOURCES):
            load(lake, i, version)
        measure("when new")
        for n in range(REPLACED):
            version += 1
            load(lake, n % SOURCES, version)
        measure(f"after {REPLACED:,} replacements")
        maintenance = child(__file__, "maintain", namespace)
        measure("after `maintain`")
        told(maintenance)


def registry(runs: int) -> None:
    from lakefall.contract.values import Outcome, Status

    head(f"Deciding about {ASKED:,} files: the registry, {PER_COMMIT} rows a commit")
    with servers().namespace() as namespace, tempfile.TemporaryDirectory() as name:
        lake = house(namespace, Path(name))
        run = lake.run()

        def measure(words: str) -> None:
            table = lake.options.get("registry_table", "_ingest_registry")
            taken = [child(__file__, "decide", namespace) for _ in range(runs)]
            line(words, state(namespace, table), median(*taken))

        for commit in range(COMMITS):
            files = [listed(commit * PER_COMMIT + i) for i in range(PER_COMMIT)]
            lake.sink.record(run, [Outcome(f, Status.SUCCESS, rows_loaded=1) for f in files])
            if commit + 1 in (COMMITS // 10, COMMITS // 2, COMMITS):
                measure(f"after {commit + 1:,} commits")
        maintenance = child(__file__, "maintain", namespace, "_ingest_registry")
        measure("after `maintain`")
        told(maintenance)


def large(runs: int, sources: int, rows: int) -> None:
    with (
        tempfile.TemporaryDirectory() as name,
        servers().namespace() as alone,
        servers().namespace() as namespace,
    ):
        folder = Path(name)
        csv, small = folder / "rows.csv", folder / "small.csv"
        generate(csv, 1_000_000)
        generate(small, rows)
        megabytes, few = (round(path.stat().st_size / 1e6) for path in (csv, small))
        for each in (alone, namespace):
            child(__file__, "csv", each, csv, FILE)
        write_straight(namespace, folder, sources, rows)
        head(
            f"Replacing {megabytes} MB beside {sources:,} source files of {rows:,} rows",
            *(f"a file of {few} MB among them, s", "its peak MiB", "Trino counts all, s"),
        )
        promised: list[str] = []

        def measure(words: str) -> None:
            sides: list[list[Figures]] = [[], []]
            for _ in range(runs):
                for side, each in zip(sides, (namespace, alone), strict=True):
                    side.append(child(__file__, "csv", each, csv, FILE))
            big, bare = (median(*side) for side in sides)
            found = state(namespace, "events")
            keys = [f"events/{number:04d}.csv" for number in range(7, 7 + runs)]
            one = median(*(child(__file__, "csv", namespace, small, key) for key in keys))
            count = asked(namespace, "events", 1)[0]
            line(words, found, big, f"{one['seconds']:.2f}", f"{one['peak']:.0f}", f"{count:.2f}")
            more = big["seconds"] - bare["seconds"]
            promised.append(
                f"| {words}: {megabytes} MB replaced / in a table of its own | {more:+.2f} s: "
                f"{big['seconds']:.2f} s / {bare['seconds']:.2f} s; {big['peak']:.0f} MiB / "
                f"{bare['peak']:.0f} MiB | at most 1 s more, {CEILING} MiB "
                f"| {'yes' if more <= 1 and big['peak'] <= CEILING else '**no**'} |"
            )

        measure("before `maintain`")
        maintenance = child(__file__, "maintain", namespace, "events")
        measure("after `maintain`")
        told(maintenance)
        print("\n| work | measured | promised | kept |\n|---|---|---|---|")
        print("\n".join(promised), flush=True)


def write_straight(namespace: str, folder: Path, sources: int, rows: int) -> None:
    """Add data files of other source files to the table, in a few commits."""
    import duckdb

    from lakefall_plugins.sinks.iceberg.own_tables import OwnTable
    from lakefall_plugins.sinks.iceberg.reading import Removal

    lake = house(namespace, folder).sink.lake
    lake.cache = folder
    schema = lake.find("events").schema()
    ids = ", ".join(f"'{f.name}': {f.field_id}" for f in schema.fields)
    path = folder / "part.parquet"

    def stage(staging: Any) -> bool:
        added = []
        for number in some:
            key = f"events/{number:04d}.csv"
            text = TABLE.format(rows=f"{number * rows}, {(number + 1) * rows}")
            part = path.with_name(f"{number}.parquet")
            with duckdb.connect() as connection:
                connection.execute(
                    f"COPY (SELECT id::INTEGER AS id, name, amount::DOUBLE AS amount, day, "
                    f"seen_at::TIMESTAMP AS seen_at, active, big::BIGINT AS big, score, colour, "
                    f"digest, '{key}' AS _source_file, TIMESTAMP '2024-01-01' AS _ingested_at "
                    f"FROM ({text})) TO '{part}' (FORMAT parquet, COMPRESSION zstd, "
                    f"FIELD_IDS {{{ids}}})"
                )
            added.append(staging.copy(part, {"_source_file": key}))
            part.unlink()
        staging.stage(Removal(), added)
        return True

    for begin in range(0, sources, 200):
        some = range(begin, min(begin + 200, sources))
        OwnTable(lake, "events", ()).change(stage, make=False)


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        child_main(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", choices=("replaced", "registry", "large"), action="append")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--sources", type=int, default=2_000, help="of the large table")
    parser.add_argument("--rows", type=int, default=50_000, help="of each of its sources")
    given = parser.parse_args()
    chosen = given.only or ("replaced", "registry", "large")
    servers()
    if "replaced" in chosen:
        replaced(given.runs)
    if "registry" in chosen:
        registry(given.runs)
    if "large" in chosen:
        large(given.runs, given.sources, given.rows)


if __name__ == "__main__":
    main()
