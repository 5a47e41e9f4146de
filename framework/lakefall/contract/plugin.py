"""What a plugin is, and the catalogue of those that exist.

The core knows plugin classes only through the catalogue: built-ins are announced by one package
in one tuple, third parties by the entry point group ``lakefall``, and a pipeline's own by the
files that its YAML names under ``plugins:``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar, get_args, get_origin

import pluggy
from pydantic import BaseModel, ConfigDict, Field

from lakefall.contract import docstrings
from lakefall.contract.units import Share

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic_core import CoreSchema

PROJECT = "lakefall"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Stage(StrEnum):
    """Where in a pipeline a plugin works; the words of the YAML."""

    SOURCE = "source"
    SNIFFER = "sniffer"
    READER = "reader"
    TYPE_INFERER = "type_inferer"
    TYPE = "type"
    VALIDATOR = "validator"
    SINK = "sink"
    CATALOG_REGISTRAR = "catalog_registrar"
    NOTIFIER = "notifier"


class Options(docstrings.Described, BaseModel):
    """Base of every plugin's options: strict, frozen, described.

    ``lakefall.contract.units`` has types for what people write: ``Size`` (``8KB``), ``Duration``
    (``30s``), ``Share`` (``50%``), and ``ConfigPath`` for a file that lies beside the pipeline
    file; a plain ``Path`` is relative to the current directory. A pipeline file is validated
    under the context ``{"folder": Path}``, its own folder. Secrets are ``SecretStr``.
    """

    connection: ClassVar[frozenset[str]] = frozenset()
    """Options that say where, not what: left out of the digest that decides whether a failed
    file is tried again."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    @classmethod
    def descriptions(cls) -> dict[str, str]:
        """Field -> what ``Field(description=)`` or the docstring under it says."""
        written = docstrings.of_attributes(cls)
        return {n: f.description or written.get(n, "") for n, f in cls.model_fields.items()}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for name, field in cls.model_fields.items():
            text = cls.descriptions()[name]
            for key in {name, field.alias or name} & properties.keys():
                if text:
                    properties[key].setdefault("description", text)
        return schema


class NoOptions(Options):
    """For plugins that have none."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a plugin says about one of its options, see the hook ``lint``."""

    option: tuple[str | int, ...]
    """Keys, and positions in lists, that lead from the plugin's options to it."""
    message: str
    """What is wrong, and what to write instead."""


class SourceOptions(Options):
    """What the runner asks of every source's options."""

    max_files_per_run: int = Field(default=1000, ge=0, le=10_000_000)
    """Files that one run loads, oldest first; the rest wait for the next run. 0: no limit."""
    transliterate: bool = True
    """Letters outside ASCII in folder names become their ASCII likeness before anything else;
    `false` turns them into underscores (the letter of the specification)."""
    on_source_deleted: Literal["keep", "delete"] = "keep"
    """When a file that was loaded is gone from the source: `keep` its rows, or `delete` them with
    its rejects and the memory of it. Only a run over the whole source deletes, and only files that
    came from this very source and match its patterns; a file that comes back is loaded as new."""
    max_delete_fraction: Share = 0.5
    """Share of a table's files that one run may delete. When more are gone, nothing of that table
    is deleted and a warning says so: an inbox emptied by accident empties no table."""


class SnifferOptions(Options):
    """What the core asks of every sniffer's options."""

    reader: ClassVar[str] = ""
    """The reader plugin that opens what the sniffer recognises; the pipeline has it with its
    default options where ``reader:`` does not name it."""
    patterns: ClassVar[tuple[str, ...]] = ()
    """Patterns of the names of files that this sniffer is asked about, such as ``*.csv``, in any
    case. They are the default of a source's ``include``."""


class InfererOptions(Options):
    """What the core asks of every type inferer's options."""

    columns: Mapping[str, Any] = Field(default_factory=dict)
    """Columns, by name or as in the header, whose type the options set; also where the file
    declares one."""


OnMisfit = Literal["null", "reject", "fail"]


class ReaderOptions(Options):
    """What the core asks of every reader's options."""

    on_misfit: OnMisfit = "null"
    """What becomes of a cell that does not parse into its column's type: NULL, its record is
    rejected, or the file fails. The cell is kept among the rejects."""


@dataclass(frozen=True, slots=True)
class HeaderLimits:
    """Beyond these a file's header is taken for something else than names."""

    columns: int = 4_000
    name: int = 1_000
    """Characters of a column's name."""


class SinkOptions(Options):
    """What the runner asks of every sink's options."""

    namespace: str = "lakehouse"
    """Namespace (schema) of the tables."""
    protected_tables: tuple[str, ...] = ("sales",)
    """Tables that no folder may feed."""
    max_rejected: Share = 0.5
    """Share of rejected records above which a file of 20 records or more fails; its old rows
    stay then."""
    max_columns: int = Field(default=HeaderLimits().columns, ge=1, le=100_000)
    """Columns (of JSON: different keys) above which a file fails before its rows are read. Each
    costs about half a megabyte of memory."""
    max_name_length: int = Field(default=HeaderLimits().name, ge=1, le=1_000_000)
    """Characters of a column's name in the file above which the file fails."""

    def places(self) -> Mapping[str, str]:
        """Where the sink writes, as far as its options say: option -> path or URI."""
        return {}


O_co = TypeVar("O_co", bound=Options, covariant=True)


class Plugin(Generic[O_co]):
    """Base class: ``class Money(Plugin[MoneyOptions])``.

    The class's docstring is its line in ``lakefall plugins list``; ``name`` is what ``use:``
    says. The constructor stores options and does nothing else: linting a pipeline and parsing a
    DAG are offline.
    """

    name: ClassVar[str]
    stage: ClassVar[Stage]
    options_model: ClassVar[type[Options]] = NoOptions
    packages: ClassVar[tuple[str, ...]] = ()
    """Names that must be importable, beside lakefall's own requirements."""
    extra: ClassVar[str] = ""
    """The extra of lakefall that brings them; ``''`` where they come from elsewhere."""

    def __init__(self, options: O_co) -> None:
        self.options = options

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for base in getattr(cls, "__orig_bases__", ()):
            origin = get_origin(base)
            if isinstance(origin, type) and issubclass(origin, Plugin):
                chosen = get_args(base)[0]
                if isinstance(chosen, type) and issubclass(chosen, Options):
                    cls.options_model = chosen

    @classmethod
    def summary(cls) -> str:
        """The first line of the docstring."""
        return (cls.__doc__ or "").strip().partition("\n")[0]
