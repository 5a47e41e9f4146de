"""The sample plugins and their tests, as if they were installed."""

import sys
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "plugin_project"
sys.path[:0] = [str(PROJECT / "src"), str(PROJECT / "tests")]
