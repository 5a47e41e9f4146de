"""From a pipeline file to a pipeline."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lakefall.config import explain, overrides
from lakefall.config.document import SECTIONS, Settings
from lakefall.config.environment import Lookup, Variables, substitute
from lakefall.config.overrides import Setting
from lakefall.config.uses import Placed, configure, other_types
from lakefall.config.validation import Problems, did_you_mean, join, unresolved, validate
from lakefall.config.yaml import Mark, Node, parse
from lakefall.contract.configuration import PipelineConfig
from lakefall.contract.errors import ConfigError, PluginError
from lakefall.contract.plugin import Stage
from lakefall.plugin_loading.catalogue import Catalogue

if TYPE_CHECKING:
    from lakefall.plugin_loading.pipeline import Pipeline

MAX_BYTES = 1_000_000
ALWAYS = frozenset(Settings.model_fields)
"""Sections whose variables an outline replaces too."""


@dataclass(frozen=True, slots=True)
class PipelineFile:
    """A pipeline file that was read once and can be configured for any table."""

    path: Path
    document: Node
    """Variables replaced, stages normalised."""
    patterns: tuple[str, ...]
    settings: tuple[Setting, ...]
    catalogue: Catalogue
    """With the file's own plugins."""
    plugin_files: tuple[Path, ...]
    outline: bool = False
    """Read to be looked at, not to be run."""

    def config(self, table: str = "") -> PipelineConfig:
        """The configuration, with a table's overrides where one is given.

        Raises:
            ConfigError: overrides that fit one by one do not fit together.
        """
        problems = Problems()
        patterns = overrides.matching(self.patterns, table)
        # Up to one pattern `check` has asked the plugins.
        config = self._configured(patterns, table, problems, ask=len(patterns) > 1)
        problems.raise_if_any()
        return config

    def check(self, problems: Problems) -> None:
        """Report what is wrong with the pipeline, and with every table's override alone."""
        for patterns in ((), *((pattern,) for pattern in self.patterns)):
            self._configured(patterns, "", problems, ask=True)

    def _configured(
        self, patterns: Sequence[str], table: str, problems: Problems, *, ask: bool
    ) -> PipelineConfig:
        document = overrides.merge_tables(self.document, patterns, problems)
        later = [setting for setting in self.settings if not setting.about_tables]
        document = overrides.normalise_document(overrides.apply(document, later, problems))
        folder = self.path.parent
        placed = configure(document, self.catalogue, problems, folder, self.outline)
        fixed = {
            name: section
            for name, section in document.items.items()
            if name in Settings.model_fields and section.value is not None
        }
        own = Node(fixed, document.mark)
        settings = validate(Settings, own, "", problems, folder) or Settings()
        everything = [one for stage in placed.values() for one in stage]
        config = PipelineConfig(
            path=self.path,
            name=settings.name or self.path.stem,
            uses={stage: tuple(one.use for one in some) for stage, some in placed.items()},
            engine=settings.engine_settings(),
            cache=settings.cache_settings(),
            schedule=settings.schedule_settings(),
            watch=settings.watch_settings(),
            patterns=self.patterns,
            origins=explain.origins(everything, settings, own),
            other_types=partial(other_types, self.catalogue, placed[Stage.TYPE]),
            digest=explain.digest((one.use for one in everything), self.plugin_files),
            table=table,
        )
        # Where a type's options are not known, nobody can say which types there are.
        known = not unresolved(document.items[Stage.TYPE_INFERER.value])
        if ask and known and not (self.outline or problems.found):
            self._lint(config, everything, problems)
        return config

    def _lint(self, config: PipelineConfig, placed: Sequence[Placed], problems: Problems) -> None:
        """Report what the plugins find wrong with options that are right by themselves."""
        from lakefall.plugin_loading.pipeline import Pipeline

        for stage, alias, finding in Pipeline(config, self.config).lint():
            one = next(p for p in placed if (p.use.stage, p.use.alias) == (stage, alias))
            one.report(finding, problems)


def read(
    path: Path | str,
    *,
    catalogue: Catalogue | None = None,
    environ: Mapping[str, str] | None = None,
    lookups: Mapping[str, Lookup] | None = None,
    sets: Iterable[str] = (),
    outline: bool = False,
) -> PipelineFile:
    """Read and check a pipeline file. Opens no connection; runs the plugin files that it names.

    ``lookups`` resolve references such as ``${airflow_conn:NAME.password}``; without them they
    stay as they stand, which is enough to look at the file. An ``outline`` also leaves the
    variables in plugins' options, and imports no built-in plugin, only its options: a scheduler
    that plans runs needs to hold no secrets, and reads its files again and again.

    Raises:
        ConfigError: with every problem of the file, one ``file:line: option: what`` each.
    """
    path = Path(path)
    settings = overrides.parse_settings(sets)
    problems = Problems()
    written = parse(_text(path), str(path))
    if not isinstance(written.value, dict):
        raise ConfigError(f"{written.mark}: expected sections such as `source:` and `sink:`")
    variables = Variables(os.environ if environ is None else environ, lookups)
    hidden = Variables(None) if outline else variables
    sections = {
        name: substitute(section, variables if name in ALWAYS else hidden, problems, name)
        for name, section in written.items.items()
    }
    document = dataclasses.replace(written, value=sections)
    for name, section in document.items.items():
        if name not in SECTIONS:
            problems.add(section.start, name, f"unknown section{did_you_mean(name, SECTIONS)}")
    document = overrides.normalise_document(document)
    document = overrides.apply(document, [s for s in settings if s.about_tables], problems)
    files = _plugin_files(document, path, problems)
    file = PipelineFile(
        path=path,
        document=document,
        patterns=overrides.check_tables(document, problems),
        settings=settings,
        catalogue=_with_files(catalogue or Catalogue.default(), files, problems),
        plugin_files=tuple(files),
        outline=outline,
    )
    file.check(problems)
    problems.raise_if_any()
    return file


def load(
    path: Path | str,
    *,
    catalogue: Catalogue | None = None,
    environ: Mapping[str, str] | None = None,
    sets: Iterable[str] = (),
    table: str = "",
) -> PipelineConfig:
    """The configuration of a pipeline, or of one table of it.

    Raises:
        ConfigError: with every problem of the file.
    """
    return read(path, catalogue=catalogue, environ=environ, sets=sets).config(table)


def open_pipeline(
    path: Path | str,
    *,
    catalogue: Catalogue | None = None,
    environ: Mapping[str, str] | None = None,
    lookups: Mapping[str, Lookup] | None = None,
    sets: Iterable[str] = (),
    listeners: Sequence[object] = (),
) -> Pipeline:
    """A pipeline ready to run. Opens no connection but those that ``lookups`` open.

    Raises:
        ConfigError: with every problem of the file.
    """
    from lakefall.plugin_loading.pipeline import Pipeline

    file = read(path, catalogue=catalogue, environ=environ, lookups=lookups or {}, sets=sets)
    return Pipeline(file.config(), file.config, listeners)


def lint(
    paths: Iterable[Path | str],
    *,
    catalogue: Catalogue | None = None,
    environ: Mapping[str, str] | None = None,
) -> list[str]:
    """Every problem of these pipeline files (of all in a folder); empty when they are fine."""
    problems: list[str] = []
    names: dict[str, Path] = {}
    for path in _yaml_files(paths):
        try:
            name = load(path, catalogue=catalogue, environ=environ).name
        except ConfigError as error:
            problems += error.problems
            continue
        if name in names:
            problems.append(f"{path}: name: {names[name]} is called {name!r} too; rename one")
        names.setdefault(name, path)
    return problems


def _yaml_files(paths: Iterable[Path | str]) -> list[Path]:
    """The files, and those in the folders; a folder without any stands for itself."""
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        if path.is_dir():
            inside = [p for p in sorted(path.iterdir()) if p.suffix in {".yaml", ".yml"}]
            found |= dict.fromkeys(inside or [path])
        else:
            found[path] = None
    return list(found)


def _text(path: Path) -> str:
    if path.is_dir():
        raise ConfigError(f"{path}: a folder without pipeline files (.yaml)")
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"{path}: larger than {MAX_BYTES:,} bytes; this is no pipeline file")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8; save the file as UTF-8") from None


def _plugin_files(document: Node, path: Path, problems: Problems) -> dict[Path, Mark]:
    """The files under ``plugins:`` that may be run: Python, beside or below the pipeline file."""
    section = document.items.get("plugins")
    files: dict[Path, Mark] = {}
    home = path.parent.resolve()
    for number, element in enumerate(section.elements if section else ()):
        where = join("plugins", number)
        if not isinstance(element.value, str):
            continue
        file = path.parent / element.value
        if not file.resolve().is_relative_to(home):
            problems.add(
                element.mark, where, "a plugin file lies beside or below its pipeline file"
            )
        elif file.suffix != ".py":
            problems.add(element.mark, where, f"{element.value!r} is no Python file (.py)")
        elif not file.is_file():
            problems.add(element.mark, where, f"there is no file {file}")
        else:
            files[file] = element.mark
    return files


def _with_files(catalogue: Catalogue, files: Mapping[Path, Mark], problems: Problems) -> Catalogue:
    for file, mark in files.items():
        try:
            catalogue = catalogue.with_files([file])
        except PluginError as error:
            problems.add(mark, "plugins", str(error))
    return catalogue
