"""What stands in data, keys, headers and names steers no terminal, whichever command shows it.

That no output holds a control character is asserted after every command of every acceptance test
(``commands.Command.wait``); here each command is given some.
"""

from __future__ import annotations

from pathlib import Path

from lakefall.cli.app import app

from .lakes import EmbeddedLake

TITLE, CLEAR, REVERSED, DELETE = "\x1b]0;owned\x07", "\x1b[2J", "\u202e", "\x7f"
HOSTILE = f"{TITLE}{CLEAR}{REVERSED}{DELETE}\x9b31m"
KEY = f"t/a{HOSTILE.replace('/', '')}.csv"
TABLE = f"id,na{HOSTILE}me,n{HOSTILE}\n" + "".join(
    f"{n},te{HOSTILE}xt {n},{n}.5\n" for n in range(1, 31)
)
DAMAGED = TABLE + f"31,x,not a number {HOSTILE}\n32,too,many,{HOSTILE}\n"


def commands(lake: EmbeddedLake, file: Path) -> dict[str, list[list[str]]]:
    """Ways to call each command that show names, cells and errors; by command."""
    yaml, where = str(lake.pipeline), f"SELECT '{HOSTILE}' AS \"a{HOSTILE}\""
    return {
        "plan": [
            ["plan", yaml],
            ["plan", yaml, "--set", f"name={HOSTILE}"],
            ["plan", yaml, "--set", HOSTILE],
        ],
        "run": [["run", yaml], ["run", yaml, "--dry-run"], ["run", yaml, "--file", KEY]],
        "sniff": [["sniff", str(file)], ["sniff", f"absent{HOSTILE}"]],
        "infer": [["infer", str(file)]],
        "clean": [["clean", str(file), "--out", str(file.parent / "out")]],
        "lint": [["lint", f"absent{HOSTILE}.yaml"], ["lint", yaml]],
        "schema": [["schema"]],
        "explain": [["explain", yaml, "t"], ["explain", yaml, HOSTILE]],
        "check": [["check", yaml], ["check", yaml, "--connect"]],
        "status": [["status", yaml], ["status", yaml, "--all"]],
        "rejects": [["rejects", yaml], ["rejects", yaml, "--file", KEY]],
        "retry": [["retry", yaml, KEY]],
        "rebuild": [["rebuild", yaml, "t"], ["rebuild", yaml, HOSTILE]],
        "maintain": [["maintain", yaml]],
        "repair": [["repair", yaml, "t", "--dry-run"], ["repair", yaml, HOSTILE]],
        "query": [["query", yaml, where], ["query", yaml, f"SELECT {HOSTILE}"]],
        "registry": [["registry", "rebuild", yaml]],
        "plugins": [["plugins", "list"], ["plugins", "describe", HOSTILE]],
        "watch": [["watch", yaml, "--once"]],
        "forget": [["forget", yaml, KEY]],
    }


def test_no_command_writes_what_steers_a_terminal(embedded: EmbeddedLake, tmp_path: Path) -> None:
    embedded.put(KEY, DAMAGED)
    embedded.put(f"{HOSTILE.replace('/', '')}/b.csv", TABLE)
    embedded.put("t/empty\x1b[0m.csv", "")
    file = tmp_path / "c\x1b[31m.csv"
    file.write_text(DAMAGED, encoding="utf-8")
    calls = commands(embedded, file)
    known = {str(info.name or info.callback.__name__) for info in app.registered_commands}  # type: ignore[union-attr]
    known |= {str(info.name) for info in app.registered_groups}
    assert known <= set(calls), "a command is not tried here"
    spelt: set[str] = set()
    for words in [words for name in calls for words in calls[name]]:
        for extra in ([], ["--json"]):
            result = embedded.cli(*words, *extra)
            if "No such option" in result.stderr:
                result = embedded.cli(*words)
            assert result.code in (0, 1, 2), (words, result)
            if "\\x1b" in result.output:
                spelt.add(words[0])
    silent = {"check", "clean", "schema", "plugins", "maintain", "registry", "repair", "explain"}
    assert spelt >= known - silent, "what is hostile was not shown at all"
