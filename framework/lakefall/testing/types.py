"""The laws of a type plugin."""

from __future__ import annotations

import random
import re
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from lakefall.common.sql import connect
from lakefall.contract.configuration import Engine
from lakefall.contract.plugin import Options, Stage
from lakefall.contract.types import Role, TypeCandidate, TypePlugin, TypeSettings
from lakefall.testing.contract import PluginContract, expect

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

VECTOR = 2048
"""DuckDB hands values on in pieces of this many; a longer input shows what depends on them."""
HOSTILE: tuple[str, ...] = (
    *("", " ", "\t", "\n", "\x00", "'", '"', "\\", "%", "_", "$", "é", "\U0001f600", "\ufeff", "٣"),
    *("0", "-", "+", ".", "e", "1e", "--1", "1__0", "0x1F", "00501", "-007", "1,5", "1 000", "½"),
    *(
        "9223372036854775808",
        "-9223372036854775809",
        "1e400",
        "-1e400",
        "9" * 400,
        "0." + "0" * 400,
    ),
    *("nan", "inf", "-inf", "NULL", "null", "None", "true", "t", "infinity", "epoch", "today"),
    *("2024-02-30", "0000-01-01", "99999-12-31", "2024-01-15T25:61:61", "1" * 10_000, "a" * 10_000),
)
_ICEBERG = {
    "BOOLEAN": "boolean",
    "INTEGER": "int",
    "BIGINT": "long",
    "FLOAT": "float",
    "DOUBLE": "double",
    "DATE": "date",
    "TIME": "time",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "UUID": "uuid",
    "VARCHAR": "string",
    "BLOB": "binary",
}


class TypeContract(PluginContract):
    """Subclass it and name the plugin; the laws of ``lakefall.contract.types`` are then tested::

    class TestMoney(TypeContract):
        plugin = Money
        options = {"symbol": "$"}
    """

    plugin: ClassVar[type[TypePlugin[Options]]]
    stage = Stage.TYPE
    settings: ClassVar[TypeSettings] = TypeSettings()
    _resources: ClassVar[ExitStack]
    _connection: ClassVar[duckdb.DuckDBPyConnection]

    @classmethod
    def setup_class(cls) -> None:
        cls._resources = ExitStack()
        folder = cls._resources.enter_context(tempfile.TemporaryDirectory())
        engine = connect(Engine(threads=1), Path(folder), cls().candidates())
        cls._connection = cls._resources.enter_context(engine)

    @classmethod
    def teardown_class(cls) -> None:
        cls._resources.close()
        # A closed connection that lives until the interpreter ends is reported as leaked.
        del cls._connection, cls._resources

    def candidates(self) -> list[TypeCandidate]:
        return list(self.make().candidates(self.settings))

    def parse(self, candidate: TypeCandidate, texts: Sequence[str | None]) -> list[Any]:
        """Every text as the candidate reads it, a Python value; None for "not mine"."""
        values: list[Any] = self._column(candidate.parse("x"), texts).to_pylist()
        return values

    def _column(self, expression: str, texts: Sequence[str | None]) -> pa.ChunkedArray:
        """A SQL expression over ``x`` for every text."""
        import pyarrow as pa

        self._connection.register("cells", pa.table({"x": pa.array(texts, pa.string())}))
        return self._connection.sql(f"SELECT {expression} AS v FROM cells").to_arrow_table()["v"]

    def test_it_proposes_something(self) -> None:
        expect(bool(self.candidates()), "candidates() yields nothing, so nothing is ever this type")

    def test_its_own_type_is_found_again(self) -> None:
        for candidate in self.candidates():
            found = self.make().for_type(candidate.type, candidate.format, self.settings)
            expect(
                found is not None
                and (found.type, found.format, found.duckdb)
                == (candidate.type, candidate.format, candidate.duckdb),
                f"for_type({candidate.type!r}, {candidate.format!r}) finds {found!r}",
            )

    def test_another_type_is_not_claimed(self) -> None:
        found = self.make().for_type("NO_SUCH_TYPE", "", self.settings)
        expect(found is None, "for_type claims a type that is not this plugin's")

    def test_the_catalog_stores_what_the_parser_yields(self) -> None:
        for candidate in self.candidates():
            expected = _iceberg(candidate.duckdb)
            expect(
                candidate.iceberg == expected or not expected,
                f"{candidate.type}: DuckDB's {candidate.duckdb} is {expected} in Iceberg, "
                f"not {candidate.iceberg}",
            )

    def test_every_example_parses(self) -> None:
        for candidate in self.candidates():
            expect(bool(candidate.examples), f"{candidate.type} has no examples")
            values = self.parse(candidate, candidate.examples)
            for text, value in zip(candidate.examples, values, strict=True):
                expect(value is not None, f"{candidate.type}: example {text!r} does not parse")

    def test_no_counter_example_parses(self) -> None:
        for candidate in self.candidates():
            values = self.parse(candidate, candidate.counter_examples)
            for text, value in zip(candidate.counter_examples, values, strict=True):
                expect(
                    value is None, f"{candidate.type}: counter-example {text!r} parses as {value!r}"
                )

    def test_null_stays_null(self) -> None:
        for candidate in self.candidates():
            texts = [None, *candidate.examples, None]
            values = self.parse(candidate, texts)
            expect(
                values[0] is None and values[-1] is None,
                f"{candidate.type}: NULL became {values[0]!r}, {values[-1]!r}",
            )

    def test_length_and_type_are_exact(self) -> None:
        for candidate in self.candidates():
            wanted = self._column(f"CAST(NULL AS {candidate.duckdb})", ()).type
            many = (candidate.examples + HOSTILE) * (2 * VECTOR // len(HOSTILE) + 1)
            for texts in ((), (None,), candidate.examples, many):
                found = self._column(candidate.parse("x"), texts)
                expect(
                    len(found) == len(texts),
                    f"{candidate.type}: {len(texts)} texts became {len(found)} values",
                )
                expect(
                    found.type == wanted,
                    f"{candidate.type}: {len(texts)} texts became {found.type}, not {wanted}",
                )

    def test_each_value_is_judged_alone(self) -> None:
        for candidate in self.candidates():
            texts = [*candidate.examples, *HOSTILE, *candidate.counter_examples]
            orders = [range(len(texts)), range(len(texts))[::-1], range(0, len(texts), 3)]
            seen: dict[int, Any] = {}
            for order in [*orders, *([i] for i in range(len(candidate.examples)))]:
                values = self.parse(candidate, [texts[i] for i in order])
                for i, value in zip(order, values, strict=True):
                    expect(
                        seen.setdefault(i, value) == value,
                        f"{candidate.type}: {texts[i][:80]!r} depends on the values around it",
                    )

    def test_parsing_never_raises(self) -> None:
        for candidate in self.candidates():
            texts = [*HOSTILE, *_mutations(candidate.examples)]
            try:
                self.parse(candidate, texts)
            except Exception as error:
                raise AssertionError(f"{candidate.type}: parsing raises {error!r}") from error

    def test_blanks_around_a_value_never_change_it(self) -> None:
        for candidate in self.candidates():
            if not candidate.trim:
                continue
            plain = self.parse(candidate, candidate.examples)
            for pattern in (" {}", "{} ", "\t{}", " {}  "):
                blank = self.parse(candidate, [pattern.format(text) for text in candidate.examples])
                for text, value, other in zip(candidate.examples, plain, blank, strict=True):
                    expect(
                        other is None or other == value,
                        f"{candidate.type}: {pattern.format(text)!r} is {other!r}, "
                        f"but {text!r} is {value!r}",
                    )

    def test_the_text_of_a_value_is_read_as_that_value(self) -> None:
        for candidate in self.candidates():
            if candidate.text is None:
                continue
            values = self.parse(candidate, candidate.examples)
            written = candidate.text(candidate.parse("x"))
            texts = self._column(written, candidate.examples).to_pylist()
            again = self.parse(candidate, texts)
            for text, value, other in zip(texts, values, again, strict=True):
                expect(
                    other == value,
                    f"{candidate.type}: the text of {value!r} is {text!r}, which is {other!r}",
                )

    def test_a_vetoed_value_does_not_parse(self) -> None:
        for candidate in self.candidates():
            texts = [*candidate.examples, *candidate.counter_examples, *HOSTILE]
            values = self.parse(candidate, texts)
            for sign in candidate.signs:
                expect(bool(sign.name), f"{candidate.type} has a sign without a name")
                vetoed = self._column(sign.holds("x"), texts).to_pylist()
                expect(
                    None not in vetoed, f"{candidate.type}: {sign.name} is neither true nor false"
                )
                for text, bars, value in zip(texts, vetoed, values, strict=True):
                    expect(
                        not bars or value is None or sign.role is not Role.NO_NUMBER,
                        f"{candidate.type}: {text[:80]!r} bars the column, and parses as {value!r}",
                    )

    def test_a_telltale_tells(self) -> None:
        for candidate in self.candidates():
            if candidate.telltale is None:
                continue
            texts = [*candidate.examples, *candidate.counter_examples, *HOSTILE]
            shown = self._column(candidate.telltale("x"), texts).to_pylist()
            for text, told in zip(texts, shown, strict=True):
                expect(told is not None, f"{candidate.type}: the telltale of {text[:80]!r} is NULL")
            expect(
                any(shown[: len(candidate.examples)]),
                f"{candidate.type}: no example has the telltale, so the reading is never tried",
            )

    def test_what_it_extends_it_takes_as_the_same_value(self) -> None:
        for candidate in self.candidates():
            for extended in candidate.extends:
                other = self.make().for_type(candidate.type, extended, self.settings)
                if other is None or other.format != extended:
                    continue
                for text, value, same in zip(
                    other.examples,
                    self.parse(other, other.examples),
                    self.parse(candidate, other.examples),
                    strict=True,
                ):
                    expect(
                        value == same,
                        f"{candidate.type} {candidate.written}: {text!r} is {same!r}, but "
                        f"{value!r} as {other.written}, which it extends",
                    )


def _iceberg(duckdb: str) -> str:
    decimal = re.fullmatch(r"DECIMAL\((\d+), ?(\d+)\)", duckdb)
    return f"decimal({decimal[1]},{decimal[2]})" if decimal else _ICEBERG.get(duckdb, "")


def _mutations(examples: Sequence[str], count: int = 300) -> list[str]:
    """Examples with a character taken out, doubled, or put in; the same ones every time."""
    dice = random.Random(0)  # noqa: S311 -- no secret
    strange = "0123456789+-.,:/ eETZ_x\t\n\x00é%'\"\\"
    mutations: list[str] = []
    for _ in range(count if examples else 0):
        text = dice.choice(examples)
        for _ in range(dice.randint(1, 3)):
            at = dice.randint(0, len(text))
            kept = text[at + dice.randint(0, 1) :]
            text = text[:at] + dice.choice((dice.choice(strange), text[at : at + 1], "")) + kept
        mutations.append(text)
    return mutations
