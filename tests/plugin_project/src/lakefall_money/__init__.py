"""What the entry point names: which plugins this package brings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lakefall.contract.plugin import Plugin, hookimpl
from lakefall_money.money import Money


@hookimpl
def lakefall_plugins() -> Iterable[type[Plugin[Any]]]:
    return [Money]
