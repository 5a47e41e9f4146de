"""Files, read by the real reader, in front of the inferer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

from lakefall.contract.configuration import CacheSettings, Engine, PipelineConfig, Use
from lakefall.contract.plugin import Options, Plugin, Stage
from lakefall.contract.run import Run
from lakefall.contract.values import Column, LocalFile, Schema, SourceFile, TableState
from lakefall.plugin_loading.pipeline import Pipeline
from lakefall_plugins.formats.csv.dialect import Dialect
from lakefall_plugins.formats.csv.reader import CsvReader
from lakefall_plugins.inference.threshold import ThresholdInferer
from lakefall_plugins.types.boolean import Boolean
from lakefall_plugins.types.date import Date
from lakefall_plugins.types.numbers import Bigint, Double, Integer
from lakefall_plugins.types.timestamp import Timestamp
from lakefall_plugins.types.varchar import Varchar

DEFAULT = (Boolean, Integer, Bigint, Double, Date, Timestamp, Varchar)
Infer = Callable[..., Schema]


def use(stage: Stage, plugin: type[Plugin[Any]], **options: Any) -> Use:
    found: Options = plugin.options_model.model_validate(options)
    return Use(stage, plugin.name, plugin.name, lambda: plugin, found)


def pipeline(
    folder: Path,
    types: Sequence[type[Plugin[Any]] | tuple[type[Plugin[Any]], dict[str, Any]]] = DEFAULT,
    **options: Any,
) -> Pipeline:
    """``types`` are classes, or classes with their options."""
    pairs = [t if isinstance(t, tuple) else (t, {}) for t in types]
    uses = dict.fromkeys(Stage, ()) | {
        Stage.READER: (use(Stage.READER, CsvReader),),
        Stage.TYPE_INFERER: (use(Stage.TYPE_INFERER, ThresholdInferer, **options),),
        Stage.TYPE: tuple(use(Stage.TYPE, t, **given) for t, given in pairs),
    }
    config = PipelineConfig(
        folder / "p.yaml", "p", uses, Engine(1), CacheSettings(folder, 1), None, (), {}, ""
    )
    return Pipeline(config, lambda _: config)


def inferer(root: Path) -> Infer:
    """``infer(text, text, ..., table=, types=, quick=, **options)``: files a.csv, b.csv, ..."""

    def run(
        *texts: str, table: TableState | None = None, quick: bool = False, **options: Any
    ) -> Schema:
        folder = root / f"run{len(list(root.iterdir()))}"
        folder.mkdir()
        each_run = Run(pipeline(folder, **options), "r", datetime.now(UTC), folder)
        records = []
        for name, text in zip("abcdef", texts, strict=False):
            path = folder / f"{name}.csv"
            path.write_text(text, encoding="utf-8")
            file = SourceFile(f"t/{name}.csv", "e", len(text), datetime.now(UTC), "t", "t")
            dialect = Dialect(",", '"', "", "utf-8", True, "\n")
            records.append(
                each_run.pipeline.open(each_run, LocalFile(file, path, len(text)), dialect)
            )
        return each_run.pipeline.infer(each_run, records, table, quick=quick)

    return run


def column(infer: Infer, *values: str, **options: Any) -> Column:
    """The one interesting column of a file; another one keeps empty lines records."""
    text = "v,k\n" + "".join(f"{v},k\n" for v in values)
    return infer(text, **options).columns[0]


def table(**types: str) -> TableState:
    """A table; ``day="DATE %d/%m/%Y"`` gives a format."""
    parts = {name: text.partition(" ") for name, text in types.items()}
    return TableState("t", tuple(Column(n, n, p[0], True, p[2]) for n, p in parts.items()))


def side_by_side(columns: list[list[str]]) -> str:
    """A file with these columns, the shorter ones filled up with empty cells."""
    lines = zip_longest(*columns, fillvalue="")
    header = ",".join(f"c{i}" for i in range(len(columns)))
    return "\n".join([header, *map(",".join, lines), ""])
