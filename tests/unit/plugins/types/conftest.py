"""An engine for the oracle tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from types_support import Parse

from lakefall.common.sql import connect
from lakefall.contract.configuration import Engine
from lakefall.contract.types import TypeCandidate


@pytest.fixture(scope="module")
def parse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parse]:
    import pyarrow as pa

    scratch: Path = tmp_path_factory.mktemp("engine")
    with connect(Engine(threads=1), scratch) as connection:

        def run(candidate: TypeCandidate, texts: Sequence[str]) -> list[Any]:
            connection.register("cells", pa.table({"x": pa.array(texts, pa.string())}))
            answer = connection.sql(f"SELECT {candidate.parse('x')} AS v FROM cells")
            return list(answer.to_arrow_table()["v"].to_pylist())

        yield run
