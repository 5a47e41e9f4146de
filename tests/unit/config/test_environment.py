from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakefall.config.environment import Lookup, Variables, substitute
from lakefall.config.validation import Problems
from lakefall.config.yaml import parse, plain

ENVIRON = {"NAME": "value", "EMPTY": "", "TRICKY": "a: [1, 2]\n# ${NAME} $$", "NUMBER": "012"}


def read(text: str) -> tuple[object, list[str]]:
    problems = Problems()
    node = substitute(parse(text, "p.yaml"), Variables(ENVIRON), problems)
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
    node = substitute(parse("a: ${NAME}-${ABSENT:-x}-${NAME}", "p"), Variables(ENVIRON), problems)
    assert node.items["a"].variables == ("NAME", "NAME")


@given(st.text(st.characters(exclude_characters="$")))
def test_the_value_is_never_read_again(value: str) -> None:
    for shown in (value, f"${{NAME}}{value}$$"):
        node = substitute(parse("a: ${X}", "p"), Variables({"X": shown}), Problems())
        assert node.items["a"].value == shown


# --- references ---


def look(text: str, **lookups: Lookup) -> tuple[object, list[str]]:
    problems = Problems()
    variables = Variables(ENVIRON, lookups)
    return plain(substitute(parse(text, "p.yaml"), variables, problems)), [
        str(problem) for problem in problems.found
    ]


def test_a_reference_is_looked_up_by_who_runs_the_pipeline() -> None:
    found = look(
        "a: x-${airflow_conn:lake/1.password}-${NAME}", airflow_conn={"lake/1.password": "$s{"}.get
    )
    assert found == ({"a": "x-$s{-value"}, [])


def test_a_reference_stays_for_who_only_looks() -> None:
    assert read("a: ${airflow_conn:lake.password}") == ({"a": "${airflow_conn:lake.password}"}, [])


def test_a_reference_outside_its_system_says_what_to_do() -> None:
    _, problems = look("a: ${airflow_conn:lake.password}")
    assert problems == [
        "p.yaml:1: a: ${airflow_conn:lake.password} names an Airflow connection, which only a "
        "task of Airflow can read; run the pipeline there, or write an environment variable such "
        "as ${PASSWORD}"
    ]


def test_what_a_lookup_does_not_find_is_told_with_its_line() -> None:
    def nothing(what: str) -> str:
        raise LookupError(f"there is no {what.partition('.')[0]}")

    _, problems = look("a: 1\nb: ${airflow_conn:lake.password}", airflow_conn=nothing)
    assert problems == ["p.yaml:2: b: ${airflow_conn:lake.password}: there is no lake"]


@pytest.mark.parametrize("text", ["${airflw_conn:a.b}", "${airflow_conn:}", "${airflow_conn: a}"])
def test_what_is_no_reference_is_a_mistake(text: str) -> None:
    assert "expected ${NAME}" in read(f"a: '{text}'")[1][0]
