"""From sections to configured plugins."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lakefall.config.document import (
    AS,
    DEFAULT_TYPES,
    FALLBACK_TYPE,
    OPTIONAL,
    REQUIRED,
    SINGLE,
    STAGES,
    TYPES,
    USE,
)
from lakefall.config.overrides import normalise
from lakefall.config.validation import Problems, join, located, validate
from lakefall.config.yaml import Mark, Node
from lakefall.contract.configuration import Use
from lakefall.contract.errors import PluginError
from lakefall.contract.plugin import Finding, Options, Plugin, Stage
from lakefall.plugin_loading.catalogue import Catalogue

_ALIAS = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class Placed:
    """A configured plugin, and where it was written."""

    use: Use
    node: Node
    path: str

    def report(self, finding: Finding, problems: Problems) -> None:
        """Tell what the plugin found, with the line of the option that it is about."""
        node, path = self.node, self.path
        for step in finding.option:
            child = node.child(step)
            if child is None:
                break
            node, path = child, join(path, step)
        problems.add(node.mark, located(node, path), finding.message)


@dataclass(frozen=True, slots=True)
class _Written:
    """One ``{use: ...}`` that is still to be configured."""

    stage: Stage
    node: Node
    path: str


def configure(
    document: Node, catalogue: Catalogue, problems: Problems, folder: Path, outline: bool
) -> dict[Stage, tuple[Placed, ...]]:
    """Every stage's plugins, types included; what is wrong is reported and left out.

    ``document`` is normalised. ``folder`` is the pipeline file's own. An ``outline`` imports no
    built-in plugin, only its options.
    """
    written = {stage: list(_of_stage(document, stage, problems)) for stage in STAGES}
    written[Stage.TYPE] = list(_types(written[Stage.TYPE_INFERER], problems))
    placed: dict[Stage, tuple[Placed, ...]] = {
        stage: tuple(_configured(written[stage], catalogue, problems, folder, outline))
        for stage in Stage
        if stage is not Stage.READER
    }
    needed = [getattr(one.use.options, "reader", "") for one in placed[Stage.SNIFFER]]
    readers = _readers(written[Stage.READER], list(filter(None, dict.fromkeys(needed))), document)
    placed[Stage.READER] = tuple(_configured(readers, catalogue, problems, folder, outline))
    return {stage: placed[stage] for stage in Stage}


def other_types(catalogue: Catalogue, used: Sequence[Placed]) -> list[type[Plugin[Options]]]:
    """The type plugins that a pipeline does not name; broken ones left out."""
    names = {placed.use.name for placed in used}
    found: list[type[Plugin[Options]]] = []
    for name in catalogue.names(Stage.TYPE):
        if name not in names:
            with suppress(PluginError):
                found.append(catalogue.get(Stage.TYPE, name))
    return found


def _of_stage(document: Node, stage: Stage, problems: Problems) -> Iterator[_Written]:
    section = document.items.get(stage.value)
    if section is None or section.value is None:
        if stage in REQUIRED:
            mark = section.start if section else Mark(document.mark.file)
            problems.add(mark, stage.value, "required section is missing")
        return
    if not isinstance(section.value, tuple):
        yield _Written(stage, section, stage.value)
        return
    if stage in SINGLE and len(section.value) != 1:
        problems.add(
            section.start, located(section, stage.value), f"expected exactly one {stage.value}"
        )
    elif not section.value and stage not in OPTIONAL:
        problems.add(
            section.start, located(section, stage.value), f"expected at least one {stage.value}"
        )
    for number, element in enumerate(section.value):
        yield _Written(stage, element, join(stage.value, number))


def _readers(written: Sequence[_Written], needed: Sequence[str], document: Node) -> list[_Written]:
    """The readers that the file names, and those that its sniffers need beside them."""
    nowhere = Mark(document.mark.file)
    named = [one.node.items[USE].value for one in written if USE in one.node.items]
    given = [
        one
        for one in written
        # What the file does not say itself is there for the sniffers alone.
        if one.node.start.line or not needed or one.node.items[USE].value in needed
    ]
    missing = [name for name in needed if name not in named]
    return [
        *given,
        *(_Written(Stage.READER, normalise(Node(n, nowhere)), Stage.READER.value) for n in missing),
    ]


def _types(inferers: Sequence[_Written], problems: Problems) -> Iterator[_Written]:
    """What ``types:`` names, and the fallback last."""
    fallback: _Written | None = None
    for inferer in inferers:
        path = join(inferer.path, TYPES)
        nowhere = Mark(inferer.node.mark.file)
        default = Node(tuple(Node(name, nowhere) for name in DEFAULT_TYPES), nowhere)
        section = inferer.node.items.get(TYPES, default)
        if not isinstance(section.value, tuple):
            problems.add(section.mark, located(section, path), "expected a list of type names")
            continue
        last = Node(FALLBACK_TYPE, nowhere)
        for number, element in enumerate((*section.value, last)):
            one = _Written(Stage.TYPE, normalise(element), join(path, number))
            use = one.node.items.get(USE)
            if use is None or use.value != FALLBACK_TYPE:
                yield one
            elif fallback is None:
                fallback = one
    if fallback is not None:
        yield fallback


def _configured(
    written: Sequence[_Written],
    catalogue: Catalogue,
    problems: Problems,
    folder: Path,
    outline: bool,
) -> Iterator[Placed]:
    taken: set[str] = set()
    for one in written:
        use = _use(one, catalogue, problems, folder, outline)
        if use is None:
            continue
        if use.alias in taken:
            problems.add(
                one.node.start,
                located(one.node, one.path),
                f"a second {use.alias!r} among the {use.stage} plugins; "
                "give it another name with `as:`",
            )
            continue
        taken.add(use.alias)
        yield Placed(use, one.node, one.path)


def _use(
    one: _Written, catalogue: Catalogue, problems: Problems, folder: Path, outline: bool
) -> Use | None:
    name = one.node.items.get(USE)
    if name is None or not isinstance(name.value, str) or not name.value:
        known = ", ".join(catalogue.names(one.stage))
        problems.add(
            name.mark if name else one.node.start,
            located(name or one.node, one.path),
            f"expected `use: NAME` with the name of a {one.stage} plugin ({known})",
        )
        return None
    alias = one.node.items.get(AS)
    if alias is not None and not (isinstance(alias.value, str) and _ALIAS.fullmatch(alias.value)):
        problems.add(
            alias.mark, located(alias, join(one.path, AS)), "expected a name of letters and digits"
        )
        return None
    try:
        model = (
            catalogue.options(one.stage, name.value)
            if outline
            else catalogue.get(one.stage, name.value).options_model
        )
    except PluginError as error:
        problems.add(name.mark, located(name, join(one.path, USE)), str(error))
        return None
    options = validate(model, options_node(one.node, one.stage), one.path, problems, folder)
    if options is None:
        return None
    find = partial(catalogue.get, one.stage, name.value)
    return Use(one.stage, name.value, str(alias.value) if alias else name.value, find, options)


def options_node(node: Node, stage: Stage) -> Node:
    """What is left for the plugin."""
    ours = {USE, AS} | ({TYPES} if stage is Stage.TYPE_INFERER else set())
    return dataclasses.replace(
        node, value={key: child for key, child in node.items.items() if key not in ours}
    )
