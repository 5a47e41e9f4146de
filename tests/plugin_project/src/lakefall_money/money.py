"""The type ``money``: amounts with a currency symbol and thousands separators."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pydantic import Field

from lakefall.contract.plugin import Options
from lakefall.contract.types import TypeCandidate, TypePlugin, TypeSettings, Udf

if TYPE_CHECKING:
    import pyarrow as pa

STORED = "DECIMAL(18,2)"


class MoneyOptions(Options):
    """What an amount looks like."""

    symbol: str = Field(default="$", min_length=1)
    """The currency symbol, before the amount."""


class Money(TypePlugin[MoneyOptions]):
    """Amounts of money, such as $1,234.50."""

    name = "money"

    def candidates(self, settings: TypeSettings) -> Iterable[TypeCandidate]:
        symbol = self.options.symbol
        # Each symbol is another function to the engine.
        function = f"money_{symbol.encode().hex()}"
        yield TypeCandidate(
            type=STORED,
            order=350,
            iceberg="decimal(18,2)",
            duckdb=STORED,
            parse=lambda text: f"{function}({text})",
            udf=Udf(function, self._parse, STORED),
            examples=(f"{symbol}5", f"-{symbol}1,234.50", f"{symbol}0.05", f"{symbol}1234"),
            counter_examples=("5", symbol, f"{symbol}1,23", f"{symbol}1.234", f"{symbol}05", ""),
        )

    def _parse(self, texts: pa.Array) -> Any:
        """Text to DECIMAL(18,2); NULL for what is no amount."""
        import pyarrow as pa
        import pyarrow.compute as pc

        whole = r"(0|[1-9][0-9]{0,2}(,[0-9]{3}){1,4}|[1-9][0-9]{0,15})"
        pattern = rf"^-?{re.escape(self.options.symbol)}{whole}(\.[0-9]{{1,2}})?$"
        known = pc.if_else(pc.match_substring_regex(texts, pattern), texts, None)
        plain = pc.replace_substring(pc.replace_substring(known, self.options.symbol, ""), ",", "")
        return pc.cast(plain, pa.decimal128(18, 2))
