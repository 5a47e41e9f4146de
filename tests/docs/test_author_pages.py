"""The example of each page for plugin authors is run, and is one of the sample plugins."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "tests" / "plugin_project" / "src" / "lakefall_samples"
PAGES = {"write-a-format": ["ann", "bob"], "write-a-source": ["ann", "bob"],
         "write-a-sink": ["ann", "bob"]}  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_the_example_works(page: str, tmp_path: Path) -> None:
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    printed: dict[str, str] = {}
    paths = os.pathsep.join([str(ROOT / "framework"), str(ROOT / "plugins")])
    environment = {**os.environ, "PYTHONPATH": paths}
    for language, block in re.findall(r"^```(\w+)\n(.*?)^```$", text, re.S | re.M):
        if language != "sh":
            first, _, content = block.partition("\n")
            (tmp_path / first.removeprefix("# file: ")).write_text(content)
            if language == "python":
                assert content == (SAMPLES / first.removeprefix("# file: ")).read_text()
            continue
        for line in block.splitlines():
            command = line.replace("lakefall ", f"{sys.executable} -m lakefall ", 1)
            shell = ["/bin/sh", "-c", command if line.startswith("lakefall ") else line]
            done = subprocess.run(
                shell, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode in (0, 2), f"{line}\n{done.stdout}{done.stderr}"
            printed[line] = done.stdout
    (rows,) = [out for line, out in printed.items() if " query " in line]
    assert [json.loads(row)["name"] for row in rows.splitlines()] == PAGES[page]
    rejects = [out for line, out in printed.items() if " rejects " in line]
    assert [json.loads(out)["line"] for out in rejects] == ([3] if rejects else [])
