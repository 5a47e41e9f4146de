"""Every way to get a pipeline file wrong, and what is said about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lakefall.config.loader import load
from lakefall.contract.errors import ConfigError
from lakefall.plugin_loading.catalogue import Catalogue

Write = Callable[[str], str]
ENVIRON = {"SECRET": "hunter2", "WORD": "many"}
GOOD = "source: {use: box, path: inbox}\nsink: {use: lake, catalog: {type: sqlite, warehouse: w}}\n"
SINK = "sink: {use: lake, catalog: {type: sqlite, warehouse: w}}\n"
SOURCE = "source: {use: box, path: inbox}\n"


def problems(text: str, write: Write, catalogue: Catalogue, *sets: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        load(write(text), catalogue=catalogue, environ=ENVIRON, sets=sets)
    for shown in (str(error.value), repr(error.value)):
        assert "hunter2" not in shown
    return list(error.value.problems)


CASES = {
    "unknown option": (
        GOOD + "sniffer:\n  use: csv\n  delimeter: ';'\n",
        ["p.yaml:5: sniffer.delimeter: unknown option; did you mean 'delimiter'?"],
    ),
    "unknown option like no other": (
        GOOD + "validator:\n- {use: rules, schema: x, xyz: 1}\n",
        ["p.yaml:4: validator.0.xyz: unknown option; known: schema"],
    ),
    "unknown option of a plugin without options": (
        GOOD + "sniffer: {use: stdlib, x: 1}\n",
        ["p.yaml:3: sniffer.x: unknown option"],
    ),
    "unknown section": (
        GOOD + "\nsnifer: csv\n",
        ["p.yaml:4: snifer: unknown section; did you mean 'sniffer'?"],
    ),
    "missing sections": (
        "version: 1\nsink:\n",
        [
            "p.yaml: source: required section is missing",
            "p.yaml:2: sink: required section is missing",
        ],
    ),
    "missing option": (
        "source:\n  use: box\n" + SINK,
        ["p.yaml:1: source.path: required option is missing"],
    ),
    "missing option in a list": (
        GOOD + "catalog_registrar:\n  - use: web\n    url: x\n  - use: web\n    as: other\n",
        ["p.yaml:6: catalog_registrar.1.url: required option is missing"],
    ),
    "missing option behind an alias": (
        GOOD + "validator: rules\n",
        ["p.yaml:3: validator.schema: required option is missing"],
    ),
    "wrong number": (
        "source:\n  use: box\n  path: x\n  max_files: many\n" + SINK,
        ["p.yaml:4: source.max_files: expected a whole number; found 'many'"],
    ),
    "number out of range": (
        GOOD + "sniffer:\n  use: csv\n  min_confidence: 1.5\n",
        ["p.yaml:5: sniffer.min_confidence: expected a value less than or equal to 1; found 1.5"],
    ),
    "fraction for a whole number": (
        "source: {use: box, path: x, max_files: 1.5}\n" + SINK,
        ["p.yaml:1: source.max_files: expected a whole number; found 1.5"],
    ),
    "text that was not quoted": (
        GOOD + "sniffer: {use: csv, delimiter: 0}\n",
        ["p.yaml:3: sniffer.delimiter: expected a text; found 0; put it in quotes"],
    ),
    "text that is true": (
        GOOD + "sniffer: {use: csv, delimiter: true}\n",
        ["p.yaml:3: sniffer.delimiter: expected a text; found true; put it in quotes"],
    ),
    "null": (
        GOOD + "sniffer:\n  use: csv\n  encoding:\n",
        ["p.yaml:5: sniffer.encoding: expected a text; found nothing (null)"],
    ),
    "boolean": (
        GOOD + "sniffer: {use: csv, strict: perhaps}\n",
        ["p.yaml:3: sniffer.strict: expected true or false; found 'perhaps'"],
    ),
    "list": (
        "source: {use: box, path: x, include: '*.csv'}\n" + SINK,
        ["p.yaml:1: source.include: expected a list; found '*.csv'"],
    ),
    "element of a list": (
        "source:\n  use: box\n  path: x\n  include:\n  - a\n  - {b: 1}\n" + SINK,
        ["p.yaml:6: source.include.1: expected a text; found a mapping"],
    ),
    "mapping": (
        GOOD + "sniffer: {use: csv, columns: [a]}\n",
        ["p.yaml:3: sniffer.columns: expected a mapping (key: value); found a list"],
    ),
    "value of a mapping": (
        GOOD + "sniffer:\n  use: csv\n  columns:\n    zip: varchar\n    nr: 1\n",
        ["p.yaml:7: sniffer.columns.nr: expected a text; found 1; put it in quotes"],
    ),
    "choice": (
        GOOD + "sniffer: {use: csv, header: no}\n",
        ["p.yaml:3: sniffer.header: expected 'detect', 'present' or 'absent'; found 'no'"],
    ),
    "size": (
        GOOD + "sniffer: {use: csv, sample_bytes: 8 parsec}\n",
        [
            "p.yaml:3: sniffer.sample_bytes: expected a size such as 8KB, 100MB or 1GiB; "
            "found '8 parsec'"
        ],
    ),
    "share": (
        SOURCE + "sink:\n  use: lake\n  catalog: {type: sqlite, warehouse: w}\n"
        "  max_rejected: 150%\n",
        [
            "p.yaml:5: sink.max_rejected: expected a share such as 50% or 0.5, at most 100%; "
            "found '150%'"
        ],
    ),
    "member of a union": (
        SOURCE + "sink:\n  use: lake\n  catalog:\n    type: sqlite\n    warehous: x\n",
        [
            "p.yaml:4: sink.catalog.warehouse: required option is missing",
            "p.yaml:6: sink.catalog.warehous: unknown option; did you mean 'warehouse'?",
        ],
    ),
    "unknown option of a member of a union": (
        SOURCE + "sink:\n  use: lake\n  catalog:\n    type: sqlite\n    warehouse: x\n"
        "    tokn: x\n",
        ["p.yaml:7: sink.catalog.tokn: unknown option; known: type, warehouse"],
    ),
    "told once, however many tables there are": (
        GOOD + "sniffer:\n  delimeter: ;\ntables:\n  a: {sink: {max_rejected: 1%}}\n"
        "  b: {sink: {max_rejected: 2%}}\n",
        ["p.yaml:3: sniffer: expected `use: NAME` with the name of a sniffer plugin (csv, stdlib)"],
    ),
    "tag of a union": (
        SOURCE + "sink:\n  use: lake\n  catalog:\n    type: glue\n",
        ["p.yaml:5: sink.catalog: expected one of 'sqlite', 'rest' as 'type'"],
    ),
    "no tag of a union": (
        SOURCE + "sink:\n  use: lake\n  catalog:\n    warehouse: glue\n",
        ["p.yaml:5: sink.catalog: required option 'type' is missing"],
    ),
    "no member of a union": (
        SOURCE + SINK.replace("}}", "}, names: {a: 1}}"),
        ["p.yaml:2: sink.names: expected a text or a list; found a mapping"],
    ),
    "inside a member of a union": (
        SOURCE + SINK.replace("}}", "}, names: [a, 1]}"),
        ["p.yaml:2: sink.names.1: expected a text; found 1; put it in quotes"],
    ),
    "unknown plugin": (
        GOOD + "sniffer: cvs\n",
        [
            "p.yaml:3: sniffer.use: there is no sniffer plugin 'cvs'; did you mean 'csv'? "
            "Known: csv, stdlib"
        ],
    ),
    "no use": (
        GOOD + "sniffer:\n  delimiter: ;\n",
        ["p.yaml:3: sniffer: expected `use: NAME` with the name of a sniffer plugin (csv, stdlib)"],
    ),
    "no mapping": (
        GOOD + "sniffer: 7\n",
        ["p.yaml:3: sniffer: expected `use: NAME` with the name of a sniffer plugin (csv, stdlib)"],
    ),
    "use twice": (
        GOOD + "catalog_registrar:\n- {use: web, url: a}\n- {use: web, url: b}\n",
        [
            "p.yaml:5: catalog_registrar.1: a second 'web' among the catalog_registrar plugins; "
            "give it another name with `as:`"
        ],
    ),
    "bad alias": (
        GOOD + "catalog_registrar:\n- {use: web, url: a, as: [x]}\n",
        ["p.yaml:4: catalog_registrar.0.as: expected a name of letters and digits"],
    ),
    "two sinks": (
        SOURCE + "sink:\n- &s {use: lake, catalog: {type: sqlite, warehouse: w}}\n"
        "- {use: lake, as: b, catalog: {type: sqlite, warehouse: w}}\n",
        ["p.yaml:2: sink: expected exactly one sink"],
    ),
    "no sources": (
        "source: []\n" + SINK,
        ["p.yaml:1: source: expected at least one source"],
    ),
    "types": (
        GOOD + "type_inferer:\n  use: threshold\n  types:\n  - integer\n  - mony\n"
        "  - {use: money, simbol: x}\n",
        [
            "p.yaml:7: type_inferer.types.1.use: there is no type plugin 'mony'; "
            "did you mean 'money'? Known: money, boolean, integer, bigint, double, date, "
            "timestamp, varchar",
            "p.yaml:8: type_inferer.types.2.simbol: unknown option; did you mean 'symbol'?",
        ],
    ),
    "types that are no list": (
        GOOD + "type_inferer: {use: threshold, types: integer}\n",
        ["p.yaml:3: type_inferer.types: expected a list of type names"],
    ),
    "version": (GOOD + "version: 2\n", ["p.yaml:3: version: expected 1; found 2"]),
    "name": (
        GOOD + "name: a b\n",
        [
            "p.yaml:3: name: expected a text that matches pattern '^[A-Za-z0-9_.-]*$'; found 'a b'",
        ],
    ),
    "schedule": (
        GOOD + "schedule:\n  cron: every day\n  start_date: yesterday\n  retry_delay: 1 fortnight\n"
        "  catch_up: no\n",
        [
            "p.yaml:4: schedule.cron: expected five fields such as */5 * * * *, or @daily; "
            "found 'every day'",
            "p.yaml:5: schedule.start_date: expected a date such as 2024-01-31; found 'yesterday'",
            "p.yaml:6: schedule.retry_delay: expected a duration such as 30s, 5m or 2h; "
            "found '1 fortnight'",
            "p.yaml:7: schedule.catch_up: unknown option; did you mean 'catchup'?",
        ],
    ),
    "engine and cache": (
        GOOD + "engine: {threads: -1, memory_limit: lots}\ncache: {dir: 5}\n",
        [
            "p.yaml:3: engine.threads: expected a value greater than or equal to 0; found -1",
            "p.yaml:3: engine.memory_limit: expected a size such as 8KB, 100MB or 1GiB; "
            "found 'lots'",
            "p.yaml:4: cache.dir: expected a path; found 5",
        ],
    ),
    "less memory than works, and more of anything than there is": (
        GOOD + "engine: {memory_limit: 64MB}\ncache: {max_size: 100000000TB}\n",
        [
            "p.yaml:3: engine.memory_limit: expected a size of at least 128MB; found '64MB'",
            "p.yaml:4: cache.max_size: expected a size of at most 1000000TB; found '100000000TB'",
        ],
    ),
    "more threads than any machine has cores": (
        GOOD + "engine: {threads: 100000}\n",
        ["p.yaml:3: engine.threads: expected a value less than or equal to 256; found 100000"],
    ),
    "environment": (
        GOOD + "sniffer:\n  use: csv\n  encoding: ${ABSENT}\n",
        [
            "p.yaml:5: sniffer.encoding: environment variable ABSENT is not set; set it, or write "
            "${ABSENT:-default}"
        ],
    ),
    "value from the environment": (
        "source: {use: box, path: x, max_files: '${WORD}'}\n" + SINK,
        ["p.yaml:1: source.max_files: expected a whole number; found the value of ${WORD}"],
    ),
    "secret of the wrong type": (
        "source:\n  use: box\n  path: x\n  password: [hunter2]\n  pasword: hunter2\n"
        "  pin: ${SECRET}\n" + SINK,
        [
            "p.yaml:4: source.password: expected a text; found a list",
            "p.yaml:5: source.pasword: unknown option; did you mean 'password'?",
            "p.yaml:6: source.pin: expected a whole number; found the value of ${SECRET}",
        ],
    ),
    "secret number": (
        SOURCE + SINK.replace("}}", "}, token: 12345}"),
        ["p.yaml:2: sink.token: expected a text; found a secret; put it in quotes"],
    ),
    "secret in a plugin's own message": (
        "source:\n  use: box\n  path: x\n  headers: {bad: hunter2}\n" + SINK,
        ["p.yaml:4: source.headers: header cannot be ***"],
    ),
    "tables": (
        GOOD + "tables:\n  a:\n    source: {path: x}\n    sniffer: {delimeter: x}\n    snifer: 1\n"
        "  My Data: {sniffer: stdlib}\n  b: 1\n  c: {sniffer: {min_confidence: 2}}\n",
        [
            "p.yaml:5: tables.a.source: 'source' cannot be set for single tables",
            "p.yaml:6: tables.a.sniffer.delimeter: unknown option; did you mean 'delimiter'?",
            "p.yaml:7: tables.a.snifer: unknown section; did you mean 'sniffer'?",
            "p.yaml:8: tables.My Data: no table matches this: names of tables are lower case "
            "letters, digits and underscores; * and ? stand for others",
            "p.yaml:9: tables.b: expected sections such as `sniffer: {...}`",
            "p.yaml:10: tables.c.sniffer.min_confidence: expected a value less than or equal to 1; "
            "found 2",
        ],
    ),
    "tables that are a list": (
        GOOD + "tables: [a]\n",
        ["p.yaml:3: tables: expected table names or patterns, each with sections"],
    ),
    "override of several": (
        GOOD + "sniffer: [csv, stdlib]\ntables:\n  a: {sniffer: {delimiter: x}}\n",
        [
            "p.yaml:5: tables.a.sniffer: the pipeline has 2 of these; write `use:`, or the whole "
            "list"
        ],
    ),
    "plugins of an override": (
        GOOD + "tables:\n  a:\n    sniffer: cvs\n    validator: [{schema: x}]\n    sink: []\n"
        "    type_inferer: {types: [x]}\n    catalog_registrar: {use: web, url: x, as: 1}\n",
        [
            "p.yaml:5: tables.a.sniffer.use: there is no sniffer plugin 'cvs'; did you mean 'csv'? "
            "Known: csv, stdlib",
            "p.yaml:6: tables.a.validator.0: expected `use: NAME` with the name of a validator "
            "plugin (rules)",
            "p.yaml:7: tables.a.sink: expected exactly one sink",
            "p.yaml:8: tables.a.type_inferer.types.0.use: there is no type plugin of the name "
            "given. Known: money, boolean, integer, bigint, double, date, timestamp, varchar",
            "p.yaml:9: tables.a.catalog_registrar.as: expected a name of letters and digits",
        ],
    ),
    "missing in an override": (
        GOOD + "tables:\n  a:\n    validator: rules\n",
        ["p.yaml:5: tables.a.validator.schema: required option is missing"],
    ),
    "everything at once, in the order of the lines": (
        "sink: lake\nsniffer: cvs\nx: 1\nsource:\n  use: box\n  y: ${ABSENT}\n",
        [
            "p.yaml:1: sink.catalog: required option is missing",
            "p.yaml:2: sniffer.use: there is no sniffer plugin 'cvs'; did you mean 'csv'? "
            "Known: csv, stdlib",
            "p.yaml:3: x: unknown section; known: cache, catalog_registrar, engine, name, "
            "notifier, plugins, reader, schedule, sink, sniffer, source, tables, type_inferer, "
            "validator, version, watch",
            "p.yaml:4: source.path: required option is missing",
            "p.yaml:6: source.y: environment variable ABSENT is not set; set it, or write "
            "${ABSENT:-default}",
            "p.yaml:6: source.y: unknown option; known: headers, include, max_files, min_age, "
            "password, path, pin",
        ],
    ),
    "no mapping at all": (
        "- a\n",
        ["p.yaml:1: expected sections such as `source:` and `sink:`"],
    ),
    "no YAML": (
        "source:\n  path: a: b\n",
        ["p.yaml:2: not valid YAML at column 10: mapping values are not allowed here"],
    ),
    "duplicate key": (
        "source: box\nsink: lake\nsource: box\n",
        ["p.yaml:3: 'source' stands here and on line 1; remove one of them"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_problem(case: str, write: Write, catalogue: Catalogue) -> None:
    text, expected = CASES[case]
    assert problems(text, write, catalogue) == expected


SETS = {
    "sniffer.delimeter=;": ("--set: sniffer.delimeter: unknown option; did you mean 'delimiter'?"),
    "snifer.delimiter=;": (
        "--set snifer.delimiter: unknown section 'snifer'; did you mean 'sniffer'?"
    ),
    "sniffer.delimiter": (
        "--set sniffer.delimiter: expected PATH=VALUE, such as sniffer.delimiter=;"
    ),
    "=x": "--set: expected PATH=VALUE, such as sniffer.delimiter=;",
    "sniffer..x=1": "--set sniffer..x: expected PATH=VALUE, such as sniffer.delimiter=;",
    "source.max_files=x": "--set: source.max_files: expected a whole number; found 'x'",
    "source.include=[a": (
        "--set source.include:1: not valid YAML at column 3: while parsing a flow sequence that "
        "starts on line 1, expected ',' or ']', but got '<stream end>'"
    ),
    "sink=lake": "--set: sink.catalog: required option is missing",
    "catalog_registrar.1.url=x": (
        "--set: catalog_registrar.1.url: '1' is no position in a list of 1; they count from 0"
    ),
    "tables.a.sniffer.delimeter=x": (
        "--set: tables.a.sniffer.delimeter: unknown option; did you mean 'delimiter'?"
    ),
}


@pytest.mark.parametrize("setting", SETS)
def test_problem_of_a_setting(setting: str, write: Write, catalogue: Catalogue) -> None:
    text = GOOD + "catalog_registrar: [{use: web, url: x}]\n"
    assert problems(text, write, catalogue, setting) == [SETS[setting]]


def test_missing_file(catalogue: Catalogue) -> None:
    with pytest.raises(ConfigError, match=r"^absent\.yaml: there is no such file$"):
        load("absent.yaml", catalogue=catalogue)


def test_folder_and_other_bytes(write: Write, tmp_path: Path, catalogue: Catalogue) -> None:
    write("")
    with pytest.raises(ConfigError, match=r"^\.: a folder without pipeline files"):
        load(".", catalogue=catalogue)
    Path("latin.yaml").write_bytes(b"a: 1\nb: M\xfcller\n")
    with pytest.raises(ConfigError, match=r"^latin\.yaml:2: not UTF-8; save the file as UTF-8$"):
        load("latin.yaml", catalogue=catalogue)
    Path("big.yaml").write_bytes(b"#" * 1_000_001)
    with pytest.raises(ConfigError, match="no pipeline file"):
        load("big.yaml", catalogue=catalogue)


PLUGINS = {
    "../up.py": "p.yaml:4: plugins.0: a plugin file lies beside or below its pipeline file",
    "/etc/x.py": "p.yaml:4: plugins.0: a plugin file lies beside or below its pipeline file",
    "link.py": "p.yaml:4: plugins.0: a plugin file lies beside or below its pipeline file",
    "my.txt": "p.yaml:4: plugins.0: 'my.txt' is no Python file (.py)",
    "os": "p.yaml:4: plugins.0: 'os' is no Python file (.py)",
    "absent.py": "p.yaml:4: plugins.0: there is no file absent.py",
    "broken.py": "p.yaml:4: plugins: broken.py:2: NameError: name 'x' is not defined",
    "empty.py": (
        "p.yaml:4: plugins: empty.py: no plugin in it; a plugin is a class derived from "
        "lakefall.contract.plugin.Plugin with a `name` and a `stage`"
    ),
}


@pytest.mark.parametrize("file", PLUGINS)
def test_problem_of_a_plugin_file(file: str, write: Write, catalogue: Catalogue) -> None:
    path = write(GOOD + f"plugins:\n- {file}\n")
    Path("my.txt").write_text("")
    Path("broken.py").write_text("\nx\n")
    Path("empty.py").write_text("")
    outside = Path("..") / f"{Path.cwd().name}_outside.py"
    outside.write_text("")
    Path("link.py").symlink_to(outside)
    with pytest.raises(ConfigError) as error:
        load(path, catalogue=catalogue)
    assert error.value.problems == (PLUGINS[file],)
