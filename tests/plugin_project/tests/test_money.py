"""The type keeps the laws of types, whatever the symbol."""

from __future__ import annotations

from lakefall_money.money import Money

from lakefall.testing import TypeContract


class TestMoney(TypeContract):
    plugin = Money
    options = {"symbol": "$"}


class TestEuro(TypeContract):
    plugin = Money
    options = {"symbol": "€"}
