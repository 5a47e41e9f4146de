"""Small plugins of every other stage: one complete example of each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lakefall.contract.plugin import Plugin, hookimpl
from lakefall_samples.fixed_width import FixedReader, FixedSniffer
from lakefall_samples.inline import InlineSource
from lakefall_samples.parquet_folder import ParquetFolder
from lakefall_samples.steps import Filled, JsonFile, Lines, TextInferer


@hookimpl
def lakefall_plugins() -> Iterable[type[Plugin[Any]]]:
    formats = [FixedSniffer, FixedReader]
    return [*formats, InlineSource, TextInferer, Filled, ParquetFolder, JsonFile, Lines]
