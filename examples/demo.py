"""Real files become Iceberg tables: ``make demo``.

Every line that starts with ``$`` is a command that you can type yourself. The files are those of
``examples/data`` (``SOURCES.md`` says who wrote them); everything happens in a temporary folder.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shlex
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from contextlib import redirect_stdout
from datetime import date
from pathlib import Path
from time import perf_counter

from lakefall.cli import main

HERE = Path(__file__).parent
PIPELINE = "pipelines/local.yaml"
FILES = "*/*.csv"
ELECTRICITY = "electricity/iowa-electricity.csv"


class Demo:
    """A temporary folder with an inbox and a lakehouse, and the commands run over it."""

    def __init__(self, folder: Path) -> None:
        self.inbox = folder / "inbox"
        shutil.copytree(HERE / "data", self.inbox, ignore=shutil.ignore_patterns("*.md"))
        os.environ["LAKEFALL_INBOX"] = str(self.inbox)
        os.environ["LAKEFALL_LAKEHOUSE"] = str(folder / "lakehouse")
        os.environ.setdefault("COLUMNS", str(shutil.get_terminal_size((140, 24)).columns))
        os.chdir(HERE.parent)

    def lakefall(self, *args: str) -> None:
        """Show a command and run it; stop the demo where it fails."""
        print("$ lakefall " + " ".join(map(_quoted, args)), flush=True)
        inbox = {f"$LAKEFALL_INBOX/{FILES}": sorted(map(str, self.inbox.glob(FILES)))}
        self._run([word for arg in args for word in inbox.get(arg, [arg])])

    def _run(self, args: Sequence[str]) -> None:
        # In this process: what a command imports is imported once.
        try:
            main(args)
        except SystemExit as end:
            if end.code:
                sys.exit(f"demo: lakefall {args[0]} left with exit code {end.code}")

    def expect(self, what: str, sql: str, *values: object) -> None:
        """Prove with a query what the demo just claimed."""
        with redirect_stdout(io.StringIO()) as out:
            self._run(["query", PIPELINE, sql, "--json"])
        found = tuple(json.loads(out.getvalue()).values())
        if found != values:
            sys.exit(f"demo: {what}: expected {values}, found {found}")
        print(f"proved: {what}\n", flush=True)


def _quoted(word: str) -> str:
    if word.startswith("$"):
        return word
    return f'"{word}"' if "'" in word and '"' not in word else shlex.quote(word)


def say(text: str) -> None:
    print(f"\n--- {text}\n", flush=True)


def tour() -> None:
    """The whole of it."""
    began = perf_counter()
    with tempfile.TemporaryDirectory(prefix="lakefall_demo_") as folder:
        demo = Demo(Path(folder))
        first_run(demo)
        second_run(demo)
        changed_file(demo)
        new_column(demo)
        other_formats(demo)
    print(f"done in {perf_counter() - began:.0f} s; the temporary folder is gone")


def first_run(demo: Demo) -> None:
    say("Seven files: six real ones, and a damaged copy. How are they written?")
    demo.lakefall("sniff", f"$LAKEFALL_INBOX/{FILES}")
    say("Each becomes a table; nobody defined a schema.")
    demo.lakefall("run", PIPELINE)
    say("Which types were chosen, and why?")
    demo.lakefall("infer", f"$LAKEFALL_INBOX/{FILES}")
    say("Ask the tables. (Windows-1252 in the file, UTF-8 in the table.)")
    sql = (
        "SELECT n_station, count(*) AS points, max(puiss_max) AS kw FROM charging_points "
        "WHERE ad_station LIKE '%Allée%' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 5"
    )
    demo.lakefall("query", PIPELINE, sql)
    say("The penguins come from R, which writes NA where nothing is known: no values, and told.")
    demo.lakefall("infer", "examples/data/penguins/penguins-raw.csv")
    say("The registry knows every file.")
    demo.lakefall("status", PIPELINE)
    say("Nothing is lost silently: what did not reach the table, and the line it stands on.")
    demo.lakefall("rejects", PIPELINE, "--table", "damaged")
    demo.expect(
        "344 records of the damaged file are 340 rows and 4 rejects",
        "SELECT (SELECT count(*) FROM damaged) AS n, "
        "count(*) FILTER (column_name = '') AS r FROM _ingest_rejects "
        "WHERE table_name = 'damaged'",
        340,
        4,
    )


def second_run(demo: Demo) -> None:
    say("Run again: nothing has changed, nothing is loaded twice.")
    demo.lakefall("run", PIPELINE)
    demo.expect("airports still has 3,376 rows", "SELECT count(*) AS n FROM airports", 3376)


def changed_file(demo: Demo) -> None:
    say("Change one file: the three rows of 2017 leave it.")
    path = demo.inbox / ELECTRICITY
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("2017")))
    demo.lakefall("run", PIPELINE, "--table", "electricity")
    demo.expect("its 51 rows were replaced by 48", "SELECT count(*) AS n FROM electricity", 48)


def new_column(demo: Demo) -> None:
    say("They come back in a file of their own, with a column that the table does not have.")
    rows = (HERE / "data" / ELECTRICITY).read_text().splitlines()
    kept = [f"{row},thousand MWh" for row in rows if row.startswith("2017")]
    text = "\n".join([f"{rows[0]},unit", *kept]) + "\n"
    (demo.inbox / "electricity" / "iowa-2017.csv").write_text(text)
    demo.lakefall("run", PIPELINE, "--table", "electricity")
    recent = "SELECT * FROM electricity WHERE year >= '2016-01-01' ORDER BY year, source"
    demo.lakefall("query", PIPELINE, recent)
    demo.expect(
        "51 rows again, the older 48 without a unit",
        "SELECT count(*) AS n, count(unit) AS u FROM electricity",
        51,
        3,
    )


def other_formats(demo: Demo) -> None:
    say("The same rows as JSON lines, Parquet and Excel, one source of power each: one table.")
    with (HERE / "data" / ELECTRICITY).open(newline="") as file:
        rows = list(csv.DictReader(file))
    folder = demo.inbox / "power"
    folder.mkdir()
    fossil, nuclear, renewable = (
        [row for row in rows if row["source"].startswith(name)] for name in ("F", "N", "R")
    )
    numbers = [{**row, "net_generation": int(row["net_generation"])} for row in fossil]
    (folder / "fossil.jsonl").write_text("".join(json.dumps(row) + "\n" for row in numbers))
    parquet(nuclear, folder / "nuclear.parquet")
    workbook(renewable, folder / "renewables.xlsx")
    say("And the airports, in two files of one archive.")
    airports = (HERE / "data" / "airports" / "airports.csv").read_text().splitlines(keepends=True)
    (demo.inbox / "airfields").mkdir()
    with zipfile.ZipFile(demo.inbox / "airfields" / "airports.zip", "w") as archive:
        archive.writestr("west/first.csv", "".join(airports[:1001]))
        archive.writestr("east/rest.csv", "".join([airports[0], *airports[1001:]]))
    demo.lakefall("run", PIPELINE, "--table", "power", "--table", "airfields")
    total = (
        "SELECT source, count(*) AS n, sum(net_generation) AS gwh FROM power GROUP BY 1 ORDER BY 1"
    )
    demo.lakefall("query", PIPELINE, total)
    demo.expect(
        "three formats give the rows and the sum of the one CSV file",
        "SELECT count(*) AS n, sum(net_generation) = (SELECT sum(net_generation) FROM electricity) "
        "AS same FROM power",
        51,
        True,
    )
    demo.expect("the archive has 3,376 airports", "SELECT count(*) AS n FROM airfields", 3376)


def parquet(rows: list[dict[str, str]], path: Path) -> None:
    """Rows as a Parquet file with types of its own."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {
        "year": pa.array([date.fromisoformat(row["year"]) for row in rows], pa.date32()),
        "source": pa.array([row["source"] for row in rows]),
        "net_generation": pa.array([int(row["net_generation"]) for row in rows], pa.int32()),
    }
    pq.write_table(pa.table(columns), path)


def workbook(rows: list[dict[str, str]], path: Path) -> None:
    """Rows as an Excel workbook, below a title."""
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    sheet.append(["Electricity in Iowa"])
    sheet.append([])
    sheet.append(list(rows[0]))
    for row in rows:
        year, amount = date.fromisoformat(row["year"]), int(row["net_generation"])
        sheet.append([year, row["source"], amount])
    book.save(path)


if __name__ == "__main__":
    tour()
