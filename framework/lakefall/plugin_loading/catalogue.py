"""Which plugin classes exist, and where each comes from.

Built-ins are announced as strings by one package and imported when asked for; so are their options
alone, which is all that reading a pipeline file needs. Third parties announce classes through the
entry point group ``lakefall``; a pipeline's own lie in the Python files that its YAML names under
``plugins:``. A provider that cannot be imported is kept with its error and hurts only those who
ask for what it may have brought.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import pluggy

from lakefall.contract.errors import LakefallError, PluginError
from lakefall.contract.plugin import PROJECT, NoOptions, Options, Plugin, Stage
from lakefall.contract.results import Check

if TYPE_CHECKING:
    from pluggy import HookimplOpts

    from lakefall.contract.configuration import PipelineConfig, Use

BUILTIN_PACKAGE = "lakefall_plugins"
Builtin = tuple[str, str, str, str]
"""Stage, name, ``module:Class`` of the plugin and of its options; ``''`` for one without."""


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
class Provided:
    """A plugin class that somebody brings."""

    origin: str
    plugin: type[Plugin[Options]]


@dataclass(frozen=True, slots=True)
class _Announced:
    """What the installed packages bring."""

    provided: tuple[Provided, ...]
    broken: tuple[Entry, ...]


class _Installed:
    """The entry points of the installed packages, looked for when somebody asks for them."""

    def __iter__(self) -> Iterator[EntryPoint]:
        return iter(installed())


@cache
def installed() -> tuple[EntryPoint, ...]:
    """The entry points of plugins. All packages are looked through for them, once a process."""
    return tuple(entry_points(group=PROJECT))


class Catalogue:
    """The plugin classes that a pipeline may name. Nothing is imported before it is asked for."""

    def __init__(
        self,
        builtins: Sequence[Builtin] = (),
        points: Iterable[EntryPoint] = (),
        brought: Sequence[Provided] = (),
    ) -> None:
        self._builtins = tuple(builtins)
        self._targets = {(Stage(stage), name): target for stage, name, target, _ in builtins}
        self._options = {(Stage(stage), name): options for stage, name, _, options in builtins}
        self._points = points
        self._brought = tuple(brought)

    @classmethod
    def default(cls) -> Catalogue:
        """The built-ins and what the installed packages announce."""
        builtins: Sequence[Builtin] = ()
        # The core knows the package of built-ins by name only, and works without it.
        if importlib.util.find_spec(BUILTIN_PACKAGE) is not None:
            builtins = importlib.import_module(f"{BUILTIN_PACKAGE}.catalogue").BUILTINS
        return cls(builtins, _Installed())

    def with_files(self, paths: Iterable[Path]) -> Catalogue:
        """This catalogue and the plugins of Python files, which are run to find them.

        Raises:
            PluginError: a file cannot be imported, or brings no plugin.
        """
        brought = [
            Provided(str(path), plugin)
            for path in paths
            for plugin in _plugins_of_file(import_file(path), path)
        ]
        return Catalogue(self._builtins, self._points, (*self._brought, *brought))

    def get(self, stage: Stage, name: str) -> type[Plugin[Options]]:
        """The plugin class that ``use: name`` means.

        Raises:
            PluginError: nobody, or more than one, provides it, or it cannot be imported.
        """
        target = self._targets.get((stage, name))
        others = self._others.get((stage, name), ())
        origins = ([_builtin_origin(target)] if target else []) + [p.origin for p in others]
        if len(origins) > 1:
            raise PluginError(
                f"{stage} plugin {name!r} is provided by {' and by '.join(origins)}; "
                "remove one of them, or rename it"
            )
        if target:
            return _import_builtin(stage, name, target)
        if others:
            return others[0].plugin
        raise PluginError(self._unknown(stage, name))

    def options(self, stage: Stage, name: str) -> type[Options]:
        """The options that ``use: name`` takes.

        Where a built-in has the name it is not imported, nor looked for who else has it.

        Raises:
            PluginError: as for ``get``.
        """
        target = self._options.get((stage, name))
        if target is None:
            return self.get(stage, name).options_model
        model: type[Options] = _import(stage, name, target) if target else NoOptions
        return model

    def names(self, stage: Stage) -> tuple[str, ...]:
        """Every name that a stage offers, built-ins first."""
        found = [*self._targets, *self._others]
        return tuple(dict.fromkeys(name for where, name in found if where is stage))

    def entries(self) -> list[Entry]:
        """Everything that is there, in the order of the stages; broken providers last."""
        entries = [self._entry(stage, name) for stage in Stage for name in self.names(stage)]
        return [*entries, *self._announced.broken]

    def _entry(self, stage: Stage, name: str) -> Entry:
        target = self._targets.get((stage, name))
        origin = _builtin_origin(target) if target else self._others[stage, name][0].origin
        try:
            plugin = self.get(stage, name)
        except PluginError as error:
            return Entry(stage, name, "", origin, str(error))
        return Entry(stage, name, plugin.summary(), origin)

    def _unknown(self, stage: Stage, name: str) -> str:
        from difflib import get_close_matches

        names = self.names(stage)
        close = get_close_matches(name, names, n=1)
        # What resembles no name may be a secret that was given in the wrong place.
        message = f"there is no {stage} plugin "
        message += f"{name!r}; did you mean {close[0]!r}?" if close else "of the name given."
        message += f" Known: {', '.join(names) or 'none'}"
        for entry in self._announced.broken:
            message += f"; {entry.origin} could not be loaded: {entry.error}"
        return message

    @cached_property
    def _others(self) -> dict[tuple[Stage, str], tuple[Provided, ...]]:
        """Everything but the built-ins. One class announced twice is no clash."""
        others: dict[tuple[Stage, str], tuple[Provided, ...]] = {}
        for provided in (*self._announced.provided, *self._brought):
            key = (provided.plugin.stage, provided.plugin.name)
            known = others.get(key, ())
            if all(provided.plugin is not other.plugin for other in known):
                others[key] = (*known, provided)
        return others

    @cached_property
    def _announced(self) -> _Announced:
        provided: list[Provided] = []
        broken: list[Entry] = []
        for point in self._points:
            origin = _point_origin(point)
            try:
                provided += [Provided(origin, p) for p in _plugins_of(point.load(), point.name)]
            except Exception as error:  # noqa: BLE001 -- foreign code; kept and shown, hurts nobody
                broken.append(Entry(None, point.name, "", origin, describe(error)))
        return _Announced(tuple(provided), tuple(broken))


def _import_builtin(stage: Stage, name: str, target: str) -> type[Plugin[Options]]:
    plugin = _import(stage, name, target)
    try:
        plugin = _checked(plugin)
    except PluginError as error:
        raise _unusable(stage, name, target, error) from error
    if (plugin.stage, plugin.name) != (stage, name):
        raise PluginError(
            f"{target} calls itself {plugin.stage} plugin {plugin.name!r}, "
            f"but is announced as {stage} plugin {name!r}"
        )
    return plugin


def _import(stage: Stage, name: str, target: str) -> Any:
    """What ``module:attribute`` means."""
    module, _, attribute = target.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise _unusable(stage, name, target, error) from error


def _unusable(stage: Stage, name: str, target: str, error: Exception) -> PluginError:
    return PluginError(f"{stage} plugin {name!r} ({target}) cannot be imported: {describe(error)}")


def _plugins_of(announced: Any, name: str) -> list[type[Plugin[Options]]]:
    """The classes that an entry point or a module stands for.

    A plugin class itself, or anything with a hook implementation ``lakefall_plugins``.
    """
    if isinstance(announced, type) and issubclass(announced, Plugin):
        return [_checked(announced)]
    from lakefall.contract.hooks import CatalogueHooks

    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(CatalogueHooks)
    manager.register(announced, name=name)
    manager.check_pending()
    answers = manager.hook.lakefall_plugins()
    if not answers:
        raise PluginError(
            f"{name} has no hook implementation `lakefall_plugins` and is no plugin class"
        )
    return [_checked(plugin) for some in answers for plugin in some]


def _plugins_of_file(module: ModuleType, path: Path) -> list[type[Plugin[Options]]]:
    """What the file's ``lakefall_plugins`` answers, or every plugin class written in it."""
    if hasattr(module, "lakefall_plugins"):
        return _plugins_of(module, path.name)
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Plugin)
        and value.__module__ == module.__name__
        and "name" in vars(value)
    ]
    if not found:
        raise PluginError(
            f"{path}: no plugin in it; a plugin is a class derived from "
            "lakefall.contract.plugin.Plugin with a `name` and a `stage`"
        )
    return [_checked(plugin) for plugin in found]


def _checked(plugin: Any) -> type[Plugin[Options]]:
    """The class itself.

    Raises:
        PluginError: it is no usable plugin class.
    """
    if not (isinstance(plugin, type) and issubclass(plugin, Plugin)):
        raise PluginError(f"{plugin!r} is no class derived from lakefall.contract.plugin.Plugin")
    if not isinstance(getattr(plugin, "name", None), str) or not plugin.name:
        raise PluginError(f"plugin class {plugin.__qualname__} has no `name`")
    if not isinstance(getattr(plugin, "stage", None), Stage):
        raise PluginError(
            f"plugin class {plugin.__qualname__} has no `stage`, one of "
            "lakefall.contract.plugin.Stage"
        )
    return plugin


def _builtin_origin(target: str) -> str:
    return f"lakefall ({target})"


def _point_origin(point: EntryPoint) -> str:
    owner = f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown package"
    return f"{owner} ({point.value})"


def import_file(path: Path) -> ModuleType:
    """Run a Python file as a module of its own, under a name that nothing else has.

    Raises:
        PluginError: the file cannot be read, or raises; the message has its line.
    """
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()
    name = f"_lakefall_file_{path.stem}_{digest[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pydantic look annotations up in sys.modules while the classes are made.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise PluginError(f"{_where(error, path)}: {describe(error)}") from error
    return module


def describe(error: BaseException) -> str:
    """An error of foreign code in one line."""
    if isinstance(error, LakefallError):
        return str(error)
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {' '.join(message.split())}".rstrip(": ")


def _where(error: Exception, path: Path) -> str:
    # The import system makes the name absolute.
    file = str(path.absolute())
    if isinstance(error, SyntaxError) and error.filename == file:
        return f"{path}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == file]
    return f"{path}:{lines[-1]}" if lines else str(path)


def check(config: PipelineConfig) -> list[Check]:
    """One line for the pipeline file, one for each plugin that needs packages of its own."""
    uses = [use for some in config.uses.values() for use in some]
    resolved = Check(
        f"pipeline {config.name}",
        ok=True,
        message=f"{config.path.name}: options of {len(uses)} plugins resolve",
    )
    return [resolved, *(_check(use) for use in uses if use.plugin.packages)]


def _check(use: Use) -> Check:
    subject = f"{use.stage} {use.alias}"
    missing = [name for name in use.plugin.packages if find_spec(name) is None]
    if not missing:
        told = ", ".join(_versions(use.plugin.packages))
        return Check(subject, ok=True, message=f"can be imported: {told}")
    names, extra = ", ".join(missing), use.plugin.extra
    remedy = f"pip install 'lakefall[{extra}]'" if extra else f"install {names}"
    return Check(subject, ok=False, message=f"needs {names}, not installed; {remedy}")


def _versions(packages: tuple[str, ...]) -> Iterator[str]:
    for name in packages:
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            # The distribution has another name.
            yield name


# --- what calls their hooks ---


class Manager(pluggy.PluginManager):
    """Looks for hooks once a class: a pipeline and its tables have many plugins of one."""

    def parse_hookimpl_opts(self, plugin: object, name: str) -> HookimplOpts | None:
        kind = type(plugin)
        if name not in hooks_of(kind) and hasattr(kind, name):
            return None
        return super().parse_hookimpl_opts(plugin, name)


_HOOKS: WeakKeyDictionary[type, frozenset[str]] = WeakKeyDictionary()


def hooks_of(kind: type) -> frozenset[str]:
    """What a class implements, by name."""
    if kind not in _HOOKS:
        found = pluggy.PluginManager(PROJECT).parse_hookimpl_opts
        _HOOKS[kind] = frozenset(name for name in dir(kind) if found(kind, name) is not None)
    return _HOOKS[kind]
