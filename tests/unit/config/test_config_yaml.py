from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lakefall.config.yaml import Mark, Node, parse, plain, resolve
from lakefall.contract.errors import ConfigError

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
    | st.sampled_from(["no", "012", "12:30", "2024-01-01", "1e3", "~", "null", "true", "0x1f"])
)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
)


@given(DOCUMENTS, st.sampled_from([None, True, False]))
def test_agrees_with_safe_load_on_what_safe_dump_writes(document: Any, flow: bool | None) -> None:
    text = yaml.safe_dump(document, default_flow_style=flow, allow_unicode=True)
    assert plain(parse(text, "x")) == yaml.safe_load(text)


@given(st.text("0123456789.+-eE_xntrual~", min_size=1, max_size=8))
def test_plain_scalars_are_those_of_safe_load_or_text(text: str) -> None:
    ours = resolve(text)
    if isinstance(ours, str):
        assert ours == text
    else:
        theirs = yaml.safe_load(f"[{text}]")[0]
        assert (ours, type(ours)) == (theirs, type(theirs))


@pytest.mark.parametrize(
    "text",
    (
        "no yes on off 012 -012 1_000 0x1F 0o17 12:30 12:30:00 True NULL Null 2024-01-01 "
        "2024-01-01T00:00:00Z .inf -.inf .nan 1e3 1.0e+400 00.5 05.3 -.5 . - + e5 .e5 1.0e5 "
        f"{'1' * 101} 1.2.3 5% 8KB = <<"
    ).split(),
)
def test_stays_text(text: str) -> None:
    assert resolve(text) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("true", True), ("false", False), ("null", None), ("~", None), ("", None)),
        *(("12", 12), ("-3", -3), ("+3", 3), ("0", 0)),
        *(("0.5", 0.5), (".5", 0.5), ("1.", 1.0), ("-1.5e+3", -1500.0)),
    ],
)
def test_resolves(text: str, value: object) -> None:
    assert (resolve(text), type(resolve(text))) == (value, type(value))


def test_quoted_and_block_scalars_are_text_and_keys_always_are() -> None:
    node = parse("a: \"12\"\nb: 'null'\nc: |\n  7\n12: x\ntrue: y\nnull: z\n", "x")
    assert plain(node) == {
        "a": "12", "b": "null", "c": "7\n", "12": "x", "true": "y", "null": "z"
    }  # fmt: skip


def test_marks() -> None:
    node = parse("a: 1\nsniffer:\n  delimiter: ';'\n  list:\n  - x\n  - y: 2\n", "p.yaml")
    sniffer = node.items["sniffer"]
    assert (sniffer.key, sniffer.mark) == (Mark("p.yaml", 2, 1), Mark("p.yaml", 3, 3))
    assert sniffer.items["delimiter"].mark == Mark("p.yaml", 3, 14)
    assert [n.mark.line for n in sniffer.items["list"].elements] == [5, 6]
    assert str(Mark("--set")) == "--set"


def test_alias_is_the_value_again() -> None:
    assert plain(parse("a: &x {b: 1}\nc: *x\n", "x")) == {"a": {"b": 1}, "c": {"b": 1}}


TAGS = (
    "not valid YAML at column 4: tags (words that begin with !) are not allowed; put a text that "
    "begins with ! in quotes"
)
REFUSED = {
    "a: 1\nb: 2\na: 3\n": "p:3: 'a' stands here and on line 1; remove one of them",
    "a: {x: 1,\n x: 2}": "p:2: 'x' stands here and on line 1; remove one of them",
    "a: !!python/object:os.system x": f"p:1: {TAGS}",
    "x: 1\na: !!int '1'": f"p:2: {TAGS}",
    "a: !env X": f"p:1: {TAGS}",
    "a: &x 1\nb: {<<: *x}": "p:2: merge keys (<<) are not supported; write it out",
    "? [a]\n: 1": "p:1: a key must be a text",
    "a: &x [*x]": "p:1: an alias (*) stands inside its own anchor (&)",
    "": "p:1: the file is empty",
    "# nothing\n": "p:1: the file is empty",
    "a: 1\n---\nb: 2": (
        "p:2: not valid YAML at column 1: expected a single document in the stream that starts on "
        "line 1, but found another document"
    ),
    "sink:\n  catalog: {uri: ${URI}}": (
        "p:2: not valid YAML at column 19: while parsing a flow mapping that starts on line 2, "
        "expected ',' or '}', but got '{'; inside {...} and [...] write quotes around ${...}"
    ),
    "a:\n\tb: 1": (
        "p:2: not valid YAML at column 1: found character "
        "'\\t' that cannot start any token; indent with blanks, not with tabs"
    ),
    "a: b: c": "p:1: not valid YAML at column 5: mapping values are not allowed here",
    "a: *x": (
        "p:1: not valid YAML at column 4: no anchor (&) has this alias's name; put a text that "
        "begins with * in quotes"
    ),
    "a: x\nb: \x01": (
        "p:2: character U+0001 is not allowed in YAML; write it as an escape in double quotes, "
        'such as "\\u0001"'
    ),
    "a: " + "[" * 60: "p:1: not valid YAML at column 53: nested more than 50 levels deep",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:20])
def test_refused(text: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(text, "p")
    assert str(error.value) == REFUSED[text]


def test_every_refusal_is_told() -> None:
    with pytest.raises(ConfigError) as error:
        parse("a: 1\na: 2\nb: 3\nb: 4\n", "p")
    assert [problem[:4] for problem in error.value.problems] == ["p:2:", "p:4:"]


def test_aliases_that_multiply_are_stopped() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(ConfigError, match="more than 20,000 values"):
        parse("\n".join(lines), "p")


@given(st.text(max_size=60) | st.text("ab:-[]{}&*!|>'\"#%@`\n\t ,?", max_size=40))
def test_any_text_parses_or_is_refused_with_its_line(text: str) -> None:
    try:
        assert isinstance(parse(text, "p"), Node)
    except ConfigError as error:
        assert all(problem.startswith("p:") for problem in error.problems)
