"""``python -m lakefall``."""

from __future__ import annotations

from lakefall.cli import main

main()
