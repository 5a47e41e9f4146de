"""What is laid over a pipeline's sections: ``tables:`` and ``--set``.

Maps merge, everything else replaces. A plugin that is replaced by another (``use`` differs) takes
none of the old one's options along.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from lakefall.config.document import (
    DEFAULT_USES,
    PER_TABLE,
    SECTIONS,
    STAGES,
    TABLES,
    USE,
)
from lakefall.config.validation import Problems, closest, did_you_mean, join
from lakefall.config.yaml import Mark, Node, parse, resolve
from lakefall.contract.errors import ConfigError

_PATTERN = re.compile(r"[a-z0-9_*?\[\]!-]+")
_NAMES = re.compile(r"[a-z_.*?-]+")
_ON_COMMAND_LINE = Mark("--set")


def normalise(section: Node) -> Node:
    """A stage's section with every ``NAME`` written out as ``{use: NAME}``."""
    if isinstance(section.value, str):
        return dataclasses.replace(section, value={USE: dataclasses.replace(section, key=None)})
    if isinstance(section.value, tuple):
        return dataclasses.replace(section, value=tuple(map(normalise, section.value)))
    return section


def normalise_document(document: Node) -> Node:
    """The document with every stage's section normalised, and the defaults put in."""
    sections = dict(document.items)
    for stage in STAGES:
        section = sections.get(stage.value)
        if section is not None and section.value is not None:
            sections[stage.value] = normalise(section)
        elif stage in DEFAULT_USES:
            nowhere = Mark(document.mark.file)
            sections[stage.value] = normalise(Node(DEFAULT_USES[stage], nowhere))
    return dataclasses.replace(document, value=sections)


# --- tables ----------------------------------------------------------------------------------


def check_tables(document: Node, problems: Problems) -> tuple[str, ...]:
    """The patterns of ``tables:`` in file order, those left out that cannot be used."""
    section = document.items.get(TABLES)
    if section is None or section.value is None:
        return ()
    if not isinstance(section.value, dict):
        problems.add(section.start, TABLES, "expected table names or patterns, each with sections")
        return ()
    usable = []
    for pattern, override in section.value.items():
        path = join(TABLES, pattern)
        if not _PATTERN.fullmatch(pattern):
            problems.add(
                override.start,
                path,
                "no table matches this: names of tables are lower case letters, digits and "
                "underscores; * and ? stand for others",
            )
        elif not isinstance(override.value, dict):
            problems.add(override.start, path, "expected sections such as `sniffer: {...}`")
        else:
            usable.append(pattern)
            _check_override(override, path, problems)
    return tuple(usable)


def _check_override(override: Node, path: str, problems: Problems) -> None:
    for name, section in override.items.items():
        if name in PER_TABLE:
            continue
        if name in SECTIONS:
            problems.add(
                section.start, join(path, name), f"{name!r} cannot be set for single tables"
            )
        else:
            hint = did_you_mean(name, PER_TABLE)
            problems.add(section.start, join(path, name), f"unknown section{hint}")


def matching(patterns: Iterable[str], table: str) -> tuple[str, ...]:
    """The patterns that a table's name matches."""
    return tuple(pattern for pattern in patterns if fnmatchcase(table, pattern))


def merge_tables(document: Node, patterns: Sequence[str], problems: Problems) -> Node:
    """The normalised document with these patterns' overrides laid over it, one after another."""
    sections = dict(document.items)
    for pattern in patterns:
        for name, written in document.items[TABLES].items[pattern].items.items():
            if name in PER_TABLE:
                override = normalise(_stamped(written, pattern))
                base = sections.get(name)
                path = join(TABLES, pattern, name)
                sections[name] = _merge_stage(base, override, path, problems)
    return dataclasses.replace(document, value=sections)


def _stamped(node: Node, pattern: str) -> Node:
    value = node.value
    if isinstance(value, dict):
        value = {key: _stamped(child, pattern) for key, child in value.items()}
    elif isinstance(value, tuple):
        value = tuple(_stamped(child, pattern) for child in value)
    return dataclasses.replace(node, value=value, pattern=pattern)


def _merge_stage(base: Node | None, override: Node, path: str, problems: Problems) -> Node:
    if not isinstance(override.value, dict) or base is None:
        return override
    named = _place(base, override.value.get(USE))
    if named is not None:
        elements = list(base.elements)
        elements[named] = _merge(elements[named], override)
        return dataclasses.replace(base, value=tuple(elements))
    if USE not in override.value and len(base.elements) != 1 and isinstance(base.value, tuple):
        problems.add(
            override.start,
            path,
            f"the pipeline has {len(base.elements)} of these; write `use:`, or the whole list",
        )
        return base
    if len(base.elements) == 1:
        merged = _merge_stage(base.elements[0], override, path, problems)
        return dataclasses.replace(base, value=(merged,))
    use = override.value.get(USE)
    if use is not None and (USE not in base.items or use.value != base.items[USE].value):
        return override
    return _merge(base, override)


def _place(section: Node, use: Node | None) -> int | None:
    """Where a list has the one plugin of a name; None where it is no list, or has not one."""
    names = [element.items.get(USE) for element in section.elements]
    found = [i for i, name in enumerate(names) if use and name and name.value == use.value]
    return found[0] if len(found) == 1 else None


def _merge(base: Node, override: Node) -> Node:
    if not (isinstance(base.value, dict) and isinstance(override.value, dict)):
        return override
    merged = dict(base.value)
    for key, child in override.value.items():
        merged[key] = _merge(merged[key], child) if key in merged else child
    return dataclasses.replace(base, value=merged)


# --- the command line --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Setting:
    """One ``--set a.b=c``."""

    steps: tuple[str, ...]
    value: Node

    @property
    def path(self) -> str:
        return ".".join(self.steps)

    @property
    def about_tables(self) -> bool:
        """Whether it changes ``tables:`` itself, and so comes before tables are merged."""
        return self.steps[0] == TABLES


def parse_settings(texts: Iterable[str]) -> tuple[Setting, ...]:
    """Read what ``--set`` was given.

    Raises:
        ConfigError: not ``path=value``, an unknown section, or a value that is no YAML.
    """
    return tuple(map(_parse_setting, texts))


def _parse_setting(text: str) -> Setting:
    path, equals, value = text.partition("=")
    steps = tuple(path.strip().split("."))
    # What resembles no path may be a secret that was given in the wrong place: it is not shown.
    known = steps[0] in SECTIONS or closest(steps[0], SECTIONS)
    where = f"--set {path}" if known and _NAMES.fullmatch(path) else "--set"
    if not equals or not all(steps):
        raise ConfigError(f"{where}: expected PATH=VALUE, such as sniffer.delimiter=;")
    if steps[0] not in SECTIONS:
        name = f" {steps[0]!r}" if known else ""
        raise ConfigError(f"{where}: unknown section{name}{did_you_mean(steps[0], SECTIONS)}")
    # Only what looks like a flow or a quoted text is YAML: `,`, `|` and `*` are delimiters.
    if value[:1] in {"[", "{", '"', "'"}:
        node = parse(value, where)
        return Setting(steps, _at_command_line(node))
    return Setting(steps, Node(value if value == "" else resolve(value), _ON_COMMAND_LINE))


def _at_command_line(node: Node) -> Node:
    value = node.value
    if isinstance(value, dict):
        value = {key: _at_command_line(child) for key, child in value.items()}
    elif isinstance(value, tuple):
        value = tuple(map(_at_command_line, value))
    return Node(value, _ON_COMMAND_LINE)


def apply(document: Node, settings: Iterable[Setting], problems: Problems) -> Node:
    """The document with these settings put in.

    A table that brings its own plugin for a stage does not take the options meant for the
    pipeline's.
    """
    for setting in settings:
        section = document.items.get(setting.steps[0])
        if section is not None and section.pattern and len(setting.steps) > 1:
            continue
        document = _put(document, setting.steps, setting, problems)
    return document


def _put(node: Node, steps: Sequence[str], setting: Setting, problems: Problems) -> Node:
    if not steps:
        return setting.value
    step, rest = steps[0], steps[1:]
    if isinstance(node.value, tuple):
        named = _place(node, Node(step, _ON_COMMAND_LINE))
        if named is not None:
            step = str(named)
        elif not step.isdecimal() and node.value:
            # Without a name, the first of them.
            step, rest = "0", steps
        if not step.isdecimal() or int(step) >= len(node.value):
            problems.add(
                _ON_COMMAND_LINE,
                setting.path,
                f"{step!r} is no position in a list of {len(node.value)}; they count from 0",
            )
            return node
        elements = list(node.value)
        elements[int(step)] = _put(elements[int(step)], rest, setting, problems)
        return dataclasses.replace(node, value=tuple(elements))
    mapping = dict(node.items)
    mapping[step] = _put(mapping.get(step, Node({}, _ON_COMMAND_LINE)), rest, setting, problems)
    return dataclasses.replace(node, value=mapping)
