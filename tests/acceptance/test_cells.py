"""The table of what runs on the servers is true, and leaves out no word of the specification."""

from __future__ import annotations

import ast
import re
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

from .cells import NOT_ON_SERVERS, ON_SERVERS
from .commands import LIBRARIES, ours

OF_THE_SPECIFICATION = re.compile(r"test_(ac|fr|nfr|row)_")
CRITERIA = {2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15}
"""Of the fifteen; AC-1 (buckets) and AC-10 (Superset) are in ``e2e``, where there is no other."""


def on_any_lake() -> list[str]:
    """Names of the tests that take a lake of any kind."""
    names = []
    for path in Path(__file__).parent.glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                arguments = {argument.arg for argument in node.args.args}
                names += [node.name] if arguments & {"lake", "columns"} else []
    return names


def test_cells_name_tests_that_exist_once() -> None:
    there = Counter(on_any_lake())
    assert {name: there[name] for name in ON_SERVERS} == dict.fromkeys(ON_SERVERS, 1)
    assert {name: there[name] for name in NOT_ON_SERVERS} == dict.fromkeys(NOT_ON_SERVERS, 1)
    assert not ON_SERVERS.keys() & NOT_ON_SERVERS.keys()


def test_cells_have_a_reason_for_each_test_of_the_specification() -> None:
    wanted = {name for name in on_any_lake() if OF_THE_SPECIFICATION.match(name)}
    assert wanted <= ON_SERVERS.keys() | NOT_ON_SERVERS.keys()


def test_cells_hold_each_acceptance_criterion_on_both_sinks() -> None:
    both = [name for name, cells in ON_SERVERS.items() if len(cells.lakes) == 2]
    found = {int(m.group(1)) for name in both if (m := re.match(r"test_ac_(\d+)_", name))}
    assert found == CRITERIA


def test_commands_are_forked_with_everything_imported() -> None:
    """A name that is gone would be left out in silence, and each command import it anew."""
    assert [name for name in LIBRARIES if find_spec(name) is None] == []
    assert {"lakefall.cli.app", "lakefall_plugins.catalogue"} <= set(ours())
