"""Laws of reading JSON, on made and damaged files, with CPython's json module as the oracle."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
from jsonl_support import Number, Pairs, oracle, read

from lakefall_plugins.formats.jsonl import records as blocks

SCALARS = (
    *("0", "-0", "1", "1.0", "1.10", "1e400", "-1E-7", "0.1234567890123456789", "true", "false"),
    *("null", "123456789012345678901234567890", "9007199254740993", '"12"', '"true"', '""'),
    *(r'"a\"b"', r'"\\"', r'"\\\""', r'"\u00e9\ud83d\ude00"', r'"\u0000"', '"é€😀"', '"a,b:{[}]"'),
    *('"nan: nan, inf"', '" "', '"\u2028\x7f"', r'"\/\n\t"'),
)
WRONG = (
    *("NaN", "-Infinity", "nan", "01", "+1", ".5", "1.", "1e", "tru", r'"\ud800"', r'"\x"', "'a'"),
    *('"a', "[1,]", '{"b":1,}', '[{"x":nan}]', "[", "}", "", '"\t"', "1 2", '"\x00"'),
)
KEYS = ('"a"', '"b"', '"c d"', r'"\u0061b"', '"ab"', '""', '"é"', r'"q\""')
BLANKS = ("", "", " ", "\t ", " \r")


SEEDS = range(int(os.environ.get("JSONL_SEEDS", "6")))


class Maker:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def value(self, depth: int = 0) -> str:
        draw = self.random.random()
        if depth < 4 and draw < 0.15:
            return self.object(depth + 1)
        if depth < 4 and draw < 0.3:
            return f"[{self.joined([self.value(depth + 1) for _ in range(self.few())])}]"
        return self.random.choice(WRONG if draw > 0.99 else SCALARS)

    def object(self, depth: int = 0) -> str:
        keys = self.random.sample(KEYS, self.few())
        if keys and self.random.random() < 0.02:
            keys.append(keys[0])
        members = [f"{k}{self.blank()}:{self.blank()}{self.value(depth)}" for k in keys]
        return f"{{{self.joined(members)}}}"

    def record(self) -> str:
        text = self.object() if self.random.random() < 0.97 else self.value()
        if self.random.random() < 0.02:
            cut = self.random.randrange(len(text) + 1)
            text = text[:cut] + self.random.choice(("", '"', "\\", ",", "}")) + text[cut + 1 :]
        return f"{self.blank()}{text}{self.blank()}"

    def joined(self, parts: list[str]) -> str:
        return self.blank() + f"{self.blank()},".join(parts)

    def few(self) -> int:
        return self.random.randrange(4)

    def blank(self) -> str:
        return self.random.choice(BLANKS)


def expected(value: Any, column: str) -> Any:
    """A value as a column of this type has it."""
    if isinstance(value, bool):
        return value if column == "BOOLEAN" else str(value).lower()
    if column in ("INTEGER", "BIGINT"):
        return int(value)
    if isinstance(value, str) and not isinstance(value, Number) and column == "JSON":
        return Pairs(["text", value])
    return value


def compare(cell: Any, value: Any) -> None:
    if isinstance(value, Pairs) and value[:1] == ["text"]:
        assert json.loads(cell) == value[1]
    elif isinstance(value, list):
        assert oracle(f'{{"x":{cell}}}') == {"x": value}
    else:
        assert cell == (str(value) if isinstance(value, Number) else value)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_every_line_is_what_the_oracle_says(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", (64, 300, 5000)[seed % 3])
    maker = Maker(seed)
    lines = [maker.record() for _ in range((60, 150, 600)[seed % 3])]
    ends = ["\r\n" if maker.random.random() < 0.3 else "\n" for _ in lines]
    content = "".join(line + end for line, end in zip(lines, ends, strict=True))
    found = read(tmp_path, content.rstrip("\n") if seed % 2 else content, "lines")

    good, keys, bad = [], [], []
    for number, line in enumerate(lines, 1):
        value = oracle(line)
        if value is not None:
            good.append((number, line, value))
            keys += [key for key in value if key not in keys]
        elif line.strip(" \t\r\n"):
            bad.append(number)
    assert found.lines == [number for number, _, _ in good]
    assert [line for line, _, _ in found.rejects] == bad
    assert [text for _, _, text in found.rejects if "\x00" not in text] == [
        lines[n - 1].strip(" \t\r\n") for n in bad if "\x00" not in lines[n - 1]
    ]
    assert list(found.records.header) == keys
    for row, (_, _, value) in zip(found.rows, good, strict=True):
        wanted = {k: expected(v, found.types[k]) for k, v in value.items() if v is not None}
        assert row.keys() == wanted.keys()
        for key, each in wanted.items():
            compare(row[key], each)


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["array", "objects"])
def test_other_layouts_have_the_same_rows_as_lines(
    layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 200)
    maker = Maker(99)
    lines = [line for _ in range(300) if oracle(line := maker.record()) is not None]
    pretty = [line + "\n" * maker.few() for line in lines]
    text = f" \n[{','.join(pretty)}\n]\n" if layout == "array" else "\n".join(pretty)
    one = read(tmp_path, "\n".join(lines), "lines")
    other = read(tmp_path, text, layout)
    assert other.types == one.types
    assert other.rows == one.rows
    starts = [text[: text.index(lines[0].strip())].count("\n") + 1]
    for before in pretty[:-1]:
        starts.append(starts[-1] + before.count("\n") + (layout == "objects"))
    assert other.lines == starts


def flattened(value: list[Any], levels: int, above: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, each in value:
        if levels and isinstance(each, Pairs) and each:
            found |= flattened(each, levels - 1, f"{above}{key}.")
        elif each is not None:
            found[above + key] = each
    return found


@pytest.mark.parametrize("levels", [1, 3])
def test_flattening_is_what_the_oracle_says(levels: int, tmp_path: Path) -> None:
    maker = Maker(levels)
    lines = [line for _ in range(300) if oracle(line := maker.record()) is not None]
    found = read(tmp_path, "\n".join(lines), "lines", flatten=levels)
    twice = {line for line, _, _ in found.rejects}
    rows = iter(found.rows)
    for number, line in enumerate(lines, 1):
        if number not in twice:
            value = oracle(line)
            assert value is not None
            assert next(rows).keys() == flattened(list(value.items()), levels).keys()
    assert next(rows, None) is None
    assert all("twice" in reason for _, reason, _ in found.rejects)
