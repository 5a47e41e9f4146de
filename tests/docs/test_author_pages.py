"""The example of each page for plugin authors is run, and is one of the sample plugins."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from acceptance.commands import start_command

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "tests" / "plugin_project" / "src" / "lakefall_samples"
PAGES = {"write-a-format": ["ann", "bob"], "write-a-source": ["ann", "bob"],
         "write-a-sink": ["ann", "bob"]}  # fmt: skip


@pytest.mark.slow
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
            if line.startswith("lakefall "):
                out, err = tmp_path / "out", tmp_path / "err"
                words = tuple(shlex.split(line)[1:])
                done = start_command(words, environment, tmp_path, out, err).wait()
                assert done.code in (0, 2), f"{line}\n{done.stdout}{done.stderr}"
                printed[line] = done.stdout
            else:
                subprocess.run(["/bin/sh", "-c", line], cwd=tmp_path, check=True)
    (rows,) = [out for line, out in printed.items() if " query " in line]
    assert [json.loads(row)["name"] for row in rows.splitlines()] == PAGES[page]
    rejects = [out for line, out in printed.items() if " rejects " in line]
    assert [json.loads(out)["line"] for out in rejects] == ([3] if rejects else [])
