"""Which plugin classes exist, and where each comes from.

Built-ins are announced as strings by one package and imported when asked for. Third parties
announce classes through the entry point group ``lakefall``; a pipeline's own lie in the Python
files that its YAML names under ``plugins:``. A provider that cannot be imported is kept with its
error and hurts only those who ask for what it may have brought.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import pluggy

from lakefall.errors import PluginError
from lakefall.hookspecs import CatalogueHooks
from lakefall.plugin import PROJECT, Options, Plugin, Stage
from lakefall.pluginfile import import_file

BUILTIN_PACKAGE = "lakefall_plugins"
Builtin = tuple[str, str, str]
"""Stage, name, ``module:Class``."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of ``lakefall plugins list``."""

    stage: Stage | None
    """None when the provider could not be loaded, so that nobody knows."""
    name: str
    summary: str
    origin: str
    """Which distribution or file brings it, and where in it."""
    error: str = ""
    """Why it cannot be used; ``''`` when it can."""


@dataclass(frozen=True, slots=True)
class _Provider:
    """A plugin class that was found, and who brought it."""

    origin: str
    plugin: type[Plugin[Options]]


@dataclass(frozen=True, slots=True)
class _Providers:
    """What entry points and files bring."""

    found: dict[tuple[Stage, str], tuple[_Provider, ...]]
    broken: tuple[Entry, ...]


class Catalogue:
    """The plugin classes that a pipeline may name. Nothing is imported before it is asked for."""

    def __init__(
        self,
        builtins: Sequence[Builtin] = (),
        points: Iterable[EntryPoint] = (),
        files: Sequence[Path] = (),
    ) -> None:
        self._builtins = {(Stage(stage), name): target for stage, name, target in builtins}
        self._points = tuple(points)
        self._files = tuple(files)

    @classmethod
    def default(cls) -> Catalogue:
        """The built-ins and what the installed packages announce."""
        builtins: Sequence[Builtin] = ()
        # The core knows the package of built-ins by name only, and works without it.
        if importlib.util.find_spec(BUILTIN_PACKAGE) is not None:
            builtins = importlib.import_module(f"{BUILTIN_PACKAGE}.catalogue").BUILTINS
        return cls(builtins, entry_points(group=PROJECT))

    def with_files(self, files: Sequence[Path]) -> Catalogue:
        """This catalogue and the plugins of Python files, which are imported when asked for."""
        return Catalogue(
            [(stage, name, target) for (stage, name), target in self._builtins.items()],
            self._points,
            (*self._files, *files),
        )

    def get(self, stage: Stage, name: str) -> type[Plugin[Options]]:
        """The plugin class that ``use: name`` means.

        Raises:
            PluginError: nobody, or more than one, provides it, or it cannot be imported.
        """
        target = self._builtins.get((stage, name))
        others = self._others.found.get((stage, name), ())
        origins = [_builtin_origin(target)] if target else []
        origins += [provider.origin for provider in others]
        if len(origins) > 1:
            raise PluginError(_clash(stage, name, origins))
        if target:
            return _import_builtin(stage, name, target)
        if others:
            return others[0].plugin
        raise PluginError(self._unknown(stage, name))

    def names(self, stage: Stage) -> tuple[str, ...]:
        """Every name that a stage offers, built-ins first."""
        found = [*self._builtins, *self._others.found]
        return tuple(dict.fromkeys(name for where, name in found if where is stage))

    def entries(self) -> list[Entry]:
        """Everything that is there, in the order of the stages; broken providers last."""
        entries = [self._entry(stage, name) for stage in Stage for name in self.names(stage)]
        return [*entries, *self._others.broken]

    def _entry(self, stage: Stage, name: str) -> Entry:
        target = self._builtins.get((stage, name))
        others = self._others.found.get((stage, name), ())
        origin = _builtin_origin(target) if target else others[0].origin
        try:
            plugin = self.get(stage, name)
        except PluginError as error:
            return Entry(stage, name, "", origin, str(error))
        return Entry(stage, name, plugin.summary(), origin)

    def _unknown(self, stage: Stage, name: str) -> str:
        names = self.names(stage)
        close = get_close_matches(name, names, n=1)
        message = f"there is no {stage} plugin {name!r}"
        if close:
            message += f"; did you mean {close[0]!r}?"
        message += f"; known: {', '.join(names) or 'none'}"
        for entry in self._others.broken:
            message += f"; {entry.origin} could not be loaded: {entry.error}"
        return message

    @cached_property
    def _others(self) -> _Providers:
        found: dict[tuple[Stage, str], tuple[_Provider, ...]] = {}
        broken: list[Entry] = []
        for name, origin, load in [*map(_of_point, self._points), *map(_of_file, self._files)]:
            try:
                for plugin in load():
                    key = _checked(plugin)
                    found[key] = (*found.get(key, ()), _Provider(origin, plugin))
            except Exception as error:  # noqa: BLE001 -- foreign code; its error is kept and shown
                broken.append(Entry(None, name, "", origin, _short(error)))
        return _Providers(found, tuple(broken))
