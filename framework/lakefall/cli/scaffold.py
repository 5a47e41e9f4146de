"""A small installable project for a plugin of one's own (``lakefall plugins new``)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from string import Template

from lakefall.contract.errors import UsageError
from lakefall.contract.plugin import Stage
from lakefall.plugin_loading.catalogue import Catalogue

KINDS: Mapping[str, tuple[Stage, tuple[str, ...]]] = {
    "source": (Stage.SOURCE, ("Source",)),
    "format": (Stage.SNIFFER, ("Sniffer", "Reader")),
    "type": (Stage.TYPE, ("Type",)),
    "inferer": (Stage.TYPE_INFERER, ("Inferer",)),
    "validator": (Stage.VALIDATOR, ("Validator",)),
    "sink": (Stage.SINK, ("Sink",)),
    "registrar": (Stage.CATALOG_REGISTRAR, ("Registrar",)),
}
"""Kind -> its stage in a pipeline file, and how the names of its classes end. ``templates`` holds
a file for each: the module, and behind a line of its own the test."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_TESTS = "--- tests ---\n"

_PROJECT = """\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "$distribution"
version = "0.1.0"
description = "The $kind $name for lakefall."
requires-python = ">=3.11"
dependencies = ["lakefall"]

[project.optional-dependencies]
test = ["lakefall[all]", "pytest"]

[project.entry-points.lakefall]
$name = "$package"

[tool.hatch.build.targets.wheel]
packages = ["src/$package"]

[tool.pytest.ini_options]
pythonpath = ["src"]
"""
_README = """\
# $distribution

The $kind `$name` for lakefall.

```shell
pip install -e '.[test]'
pytest
lakefall plugins check $name
```

`lakefall plugins list` shows it once it is installed; a pipeline file names it:

```yaml
$stage: {use: $name}
```

`tests/test_$name.py` holds the suite that lakefall ships for plugins of this kind, which knows the
laws. `docs/hooks.md` of lakefall says what each hook is given, and what it may answer and raise.
"""
_PACKAGE = '''\
"""What the entry point names: which plugins this package brings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lakefall.contract.plugin import Plugin, hookimpl

from $package.plugin import $classes


@hookimpl
def lakefall_plugins() -> Iterable[type[Plugin[Any]]]:
    return [$classes]
'''


def write(kind: str, name: str, out: Path) -> tuple[Path, list[Path]]:
    """Write the project ``lakefall-NAME`` into ``out``; its folder, and the files in it.

    Raises:
        UsageError: no such kind, no usable name, or the folder exists.
    """
    if kind not in KINDS:
        raise UsageError(f"there is no kind {kind!r} of plugin; choose {', '.join(KINDS)}")
    stage, endings = KINDS[kind]
    _check_name(name, stage)
    folder = out / f"lakefall-{name.replace('_', '-')}"
    if folder.exists():
        raise UsageError(f"{folder} exists; choose another name or another folder with --out")
    stem = "".join(part.capitalize() for part in name.split("_"))
    classes = [f"{stem}{ending}" for ending in endings]
    words = {
        "name": name,
        "kind": kind,
        "stage": stage.value,
        "package": f"lakefall_{name}",
        "distribution": folder.name,
        "classes": ", ".join(sorted(classes)),
        # Those of a format share the stem.
        "cls": stem if len(classes) > 1 else classes[0],
    }
    written = []
    for path, text in _texts(kind):
        target = folder / Template(path).substitute(words)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(Template(text).substitute(words), encoding="utf-8")
        written.append(target)
    return folder, written


def _check_name(name: str, stage: Stage) -> None:
    if not _NAME.fullmatch(name) or name == "plugins":
        raise UsageError(
            f"{name!r} is no name for a plugin: it begins with a letter and has at most 40 "
            "characters of a-z, 0-9 and _, such as money; `plugins` is lakefall's own"
        )
    if name in Catalogue.default().names(stage):
        raise UsageError(f"there is a {stage} {name!r} already; `lakefall plugins list` shows all")


def _texts(kind: str) -> Iterator[tuple[str, str]]:
    """Path and text of each file, as templates."""
    text = files("lakefall.cli").joinpath("templates", f"{kind}.txt").read_text("utf-8")
    module, tests = text.split(_TESTS)
    yield "pyproject.toml", _PROJECT
    yield "README.md", _README
    yield "src/$package/__init__.py", _PACKAGE
    yield "src/$package/plugin.py", module
    yield "tests/test_$name.py", tests
