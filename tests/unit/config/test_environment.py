from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakefall.config.environment import substitute
from lakefall.config.problems import Problems
from lakefall.config.yaml import parse, plain

ENVIRON = {"NAME": "value", "EMPTY": "", "TRICKY": "a: [1, 2]\n# ${NAME} $$", "NUMBER": "012"}


def read(text: str) -> tuple[object, list[str]]:
    problems = Problems()
    node = substitute(parse(text, "p.yaml"), ENVIRON, problems)
    return plain(node), [str(problem) for problem in problems.found]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${NAME}", "value"),
        ("a${NAME}b${NAME}", "avaluebvalue"),
        ("${NAME:-other}", "value"),
        ("${ABSENT:-other}", "other"),
        ("${ABSENT:-}", ""),
        ("${ABSENT:-a:-b}", "a:-b"),
        ("${EMPTY}", ""),
        ("${EMPTY:-other}", "other"),
        ("${TRICKY}", "a: [1, 2]\n# ${NAME} $$"),
        ("${NUMBER}", "012"),
        ("$${NAME}", "${NAME}"),
        ("$$${NAME}", "$value"),
        ("$$", "$"),
        ("$", "$"),
        ("^a$", "^a$"),
        ("$NAME", "$NAME"),
    ],
)
def test_substitutes(text: str, value: str) -> None:
    assert read(f"key: [{{in: '{text}'}}]") == ({"key": [{"in": value}]}, [])


def test_keys_and_other_scalars_stay() -> None:
    assert read("${NAME}: 1\nb: true") == ({"${NAME}": 1, "b": True}, [])


def test_all_problems_with_their_lines() -> None:
    _, problems = read("a: ${ABSENT}\nb:\n- x\n- c: '${1A}'\nd: '${A:-${B}}'\ne: ${\nf: ${}\n")
    how = (
        "expected ${NAME} or ${NAME:-default} without braces inside; "
        "write $${ for the two characters ${"
    )
    assert problems == [
        "p.yaml:1: a: environment variable ABSENT is not set; set it, or write ${ABSENT:-default}",
        f"p.yaml:4: b.1.c: {how}",
        f"p.yaml:5: d: {how}",
        f"p.yaml:6: e: {how}",
        f"p.yaml:7: f: {how}",
    ]


def test_remembers_which_variables_spoke() -> None:
    problems = Problems()
    node = substitute(parse("a: ${NAME}-${ABSENT:-x}-${NAME}", "p"), ENVIRON, problems)
    assert node.items["a"].variables == ("NAME", "NAME")


@given(st.text(st.characters(exclude_characters="$")))
def test_the_value_is_never_read_again(value: str) -> None:
    for shown in (value, f"${{NAME}}{value}$$"):
        node = substitute(parse("a: ${X}", "p"), {"X": shown}, Problems())
        assert node.items["a"].value == shown
