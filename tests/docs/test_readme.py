"""Everything that the README shows is run."""

from __future__ import annotations

import glob
import io
import json
import os
import re
import shlex
import shutil
import subprocess
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from lakefall import cli

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block."""

    language: str
    text: str
    section: str
    """The heading it stands under."""

    @property
    def file(self) -> str:
        found = re.match(r"# file: (\S+)\n", self.text)
        return found[1] if found else ""


ON_SERVERS = "The whole system"
"""The section whose commands need servers: e2e/test_readme.py runs them."""


def blocks() -> list[Block]:
    """The page's blocks in their order."""
    found, section = [], ""
    pattern = r"^## (?P<heading>[^\n]*)$|^```(?P<language>\w+)\n(?P<text>.*?)^```$"
    for match in re.finditer(pattern, README, re.S | re.M):
        if match["heading"]:
            section = match["heading"]
        else:
            found.append(Block(match["language"], match["text"], section))
    return found


BLOCKS = blocks()
MAKE = [w for b in BLOCKS for w in re.findall(r"^make ([\w-]+)", b.text, re.M)]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a reader has before them: the checkout."""
    for folder in ("examples", "pipelines"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for name in [n for n in os.environ if n.startswith("LAKEFALL_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(line: str) -> tuple[int, str]:
    """A line as the shell would run it; ``lakefall`` in this process, which has imported it."""
    if not line.startswith("lakefall "):
        done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr
    words, _, target = line.partition(" > ")
    given = shlex.split(words)[1:]
    args = [w for word in given for w in sorted(glob.glob(word)) or [word]]  # noqa: PTH207
    with redirect_stdout(io.StringIO()) as out:
        code = cli._code(args)
    if target:
        Path(target).write_text(out.getvalue())
    return code, out.getvalue()


@pytest.mark.slow
def test_every_block_works_in_the_order_of_the_page(place: Path) -> None:
    printed: dict[str, str] = {}
    for block in BLOCKS:
        if block.section == ON_SERVERS:
            continue
        if block.file:
            (place / block.file).write_text(block.text)
            continue
        assert block.language == "sh", f"a {block.language} block without `# file: NAME`"
        for line in block.text.splitlines():
            if line.startswith("make "):
                continue
            code, printed[line] = run(line)
            expected = 2 if line.startswith("lakefall plan") else 0
            assert code == expected, f"{line}\n{printed[line]}"
    (rates,) = [text for line, text in printed.items() if "SELECT * FROM rates" in line]
    assert [json.loads(row)["rate"] for row in rates.splitlines()] == ["0.0450", "0.0375"]
    (query,) = [text for line, text in printed.items() if "FROM airports" in line]
    assert "AK" in query
    assert len((place / "cleaned" / "penguins-raw.csv").read_bytes().splitlines()) == 341
    assert "$schema" in json.loads((place / "pipeline.schema.json").read_text())


def test_every_target_of_make_exists() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)
    assert {"demo", "test"} <= set(MAKE) <= set(targets)
    mentioned = set(re.findall(r"`make ([\w-]+)`", README))
    assert mentioned <= set(targets)


def test_ci_calls_what_the_page_says() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert "make test" in script
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_example_file_has_its_source_told() -> None:
    told = (ROOT / "examples/data/SOURCES.md").read_text(encoding="utf-8")
    data = ROOT / "examples" / "data"
    files = [p.relative_to(data).as_posix() for p in data.rglob("*.csv")]
    assert len(files) >= 6
    assert [f for f in files if f"`{f}`" not in told] == []
