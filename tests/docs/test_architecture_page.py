"""What the page of the architecture names is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PLACES = ("", "framework/lakefall", "plugins/lakefall_plugins")


def test_every_file_that_it_names_exists() -> None:
    named = set(re.findall(r"`([a-z_.]+(?:/[a-z_.]+)+)`", PAGE))
    assert len(named) > 30
    missing = [n for n in named if not any((ROOT / place / n).exists() for place in PLACES)]
    assert missing == []


def test_every_package_of_the_core_has_its_line() -> None:
    core = ROOT / "framework" / "lakefall"
    packages = {p.parent.name for p in core.glob("*/__init__.py")}
    assert packages <= set(re.findall(r"`framework/lakefall/(\w+)`", PAGE))
