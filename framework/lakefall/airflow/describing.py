"""The page that Airflow shows for a DAG."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from lakefall.config.document import STAGES, USE
from lakefall.config.explain import MASK, render
from lakefall.config.loader import PipelineFile
from lakefall.config.shape import secret_nodes
from lakefall.config.uses import options_node
from lakefall.config.validation import join
from lakefall.config.yaml import Node
from lakefall.contract.configuration import Schedule
from lakefall.contract.plugin import Stage

URL = "LAKEFALL_PIPELINES_URL"
"""Environment variable with the address under which people read the pipeline files."""
LONG = 120

GRANULARITIES = {
    "auto": "one task for each step of a file; where a run brings many, one a file or a table",
    "step": "one task for each step of a file",
    "file": "one task a file",
    "table": "one task a table, which commits the table's files together",
}


def documentation(file: PipelineFile, schedule: Schedule) -> str:
    """What the pipeline does, its options as they are written, where its file is.

    Options hold variables by name, never by value: the file is read as an outline.
    """
    lines = [
        *_comment(file.path),
        "",
        f"Pipeline {_link(file.path)}, {GRANULARITIES[schedule.granularity]}. Trigger it with "
        "`table`, `key` or `keys` to load only these, with `force` to load what has not changed, "
        "with `retry_failed` to load what failed. Each table that gets rows is an asset, "
        "`CATALOG.NAMESPACE.TABLE`.",
        "",
        "| option | value |",
        "|---|---|",
        *(f"| `{path}` | {_value(node, secret)} |" for path, node, secret in _options(file)),
    ]
    return "\n".join(lines).strip() + "\n"


def _options(file: PipelineFile) -> Iterator[tuple[str, Node, bool]]:
    """Path, value and whether it is secret, of every option that the file gives to a plugin."""
    for stage in STAGES:
        section = file.document.items.get(stage.value)
        if section is None:
            continue
        several = isinstance(section.value, tuple)
        for number, node in enumerate(section.elements if several else (section,)):
            secrets = {id(each) for each in _secrets(file, stage, node)}
            path = join(stage.value, number) if several else stage.value
            for name, child in _scalars(node, path):
                if child.mark.line:
                    yield name, child, id(child) in secrets


def _secrets(file: PipelineFile, stage: Stage, node: Node) -> list[Node]:
    name = node.items.get(USE)
    if name is None:
        return []
    model = file.catalogue.options(stage, str(name.value))
    return secret_nodes(model, options_node(node, stage))


def _scalars(node: Node, path: str) -> Iterator[tuple[str, Node]]:
    children = {**node.items, **{str(n): child for n, child in enumerate(node.elements)}}
    if isinstance(node.value, dict | tuple):
        for name, child in children.items():
            yield from _scalars(child, join(path, name))
    else:
        yield path, node


def _comment(path: Path) -> list[str]:
    """The comment at the top of the file."""
    found: list[str] = []
    for line in path.read_text(encoding="utf-8-sig").splitlines():
        if not line.startswith("#"):
            break
        found.append(line.removeprefix("#").removeprefix(" "))
    # Lines set in further are shown as they stand.
    return [f"    {line.strip()}" if line.startswith("  ") else line for line in found]


def _link(path: Path) -> str:
    address = os.environ.get(URL, "").rstrip("/")
    return f"[{path.name}]({address}/{path.name})" if address else f"`{path}`"


def _value(node: Node, secret: bool) -> str:
    value = MASK if secret and not node.unresolved else str(render(node.value))
    short = value if len(value) <= LONG else f"{value[:LONG]}..."
    text = " ".join(short.split()).replace("`", "'").replace("|", "\\|")
    shown = f"`{text}`" if text else ""
    if node.unresolved or not node.variables:
        return shown
    return f"{shown} (or what {', '.join(node.variables)} says)".strip()
