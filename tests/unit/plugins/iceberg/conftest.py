"""A lakehouse in a temporary folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from iceberg_support import Lakehouse


@pytest.fixture
def lakehouse(tmp_path: Path) -> Lakehouse:
    return Lakehouse(tmp_path)
