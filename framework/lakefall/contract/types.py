"""The contract of a type plugin: text in, a value or NULL out.

The laws, tested by ``lakefall.testing.TypeContract``: length is kept; the result has the exact
type also for empty input; NULL stays NULL; each value is judged alone; parsing never raises;
every example parses and no counter-example does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic

from pydantic import ValidationError

from lakefall.contract.plugin import O_co, Options, Plugin, Stage, hookimpl
from lakefall.contract.values import TypeSettings as TypeSettings  # noqa: PLC0414 -- part of it


@dataclass(frozen=True, slots=True)
class Udf:
    """An Arrow function that parses where SQL cannot."""

    name: str
    """Unique; the SQL of ``parse`` calls it by this name."""
    function: Callable[[Any], Any]
    """``pyarrow.ChunkedArray`` or ``Array`` of text -> array of the same length."""
    result: str
    """DuckDB type of the result."""


class Role(StrEnum):
    """What values with a sign mean for their column."""

    NEEDED = "needed"
    """Without one the reading is not chosen, however many values it parses."""
    AGAINST = "against"
    """With one the reading is not chosen."""
    NO_NUMBER = "no number"
    """With one no numeric reading is chosen."""
    SAID = "said"
    """The evidence counts them."""


@dataclass(frozen=True, slots=True)
class Sign:
    """Something that values may show beyond parsing, counted over a column. Options and tables
    that give a column its type ask for no signs."""

    name: str
    """Signs of one name are counted once. For ``NO_NUMBER`` what such a value is, for people:
    ``with a leading zero``."""
    holds: Callable[[str], str]
    """SQL of a non-null, trimmed text -> SQL boolean."""
    role: Role
    meaning: str = ""
    """For people: why a column without it (``NEEDED``) or with it (``AGAINST``) is not of this
    type, or what becomes of such values (``SAID``)."""


@dataclass(frozen=True, slots=True)
class TypeCandidate:
    """One way to read text as values of one type."""

    type: str
    """In the specification's words: ``INTEGER``, ``DECIMAL(18,2)``."""
    order: int
    """Smaller is more specific and wins ties. Built-ins use 100 (BOOLEAN) to 900 (VARCHAR)."""
    iceberg: str
    """Iceberg's name: ``int``, ``decimal(18,2)``, ``timestamp``."""
    duckdb: str
    """DuckDB's name of the exact result type."""
    parse: Callable[[str], str]
    """SQL of a non-null, trimmed text -> SQL of the value, NULL meaning "not mine"."""
    format: str = ""
    """Which of several layouts this candidate parses, such as ``%d/%m/%Y``."""
    layout: str = ""
    """What people call the layout; the format where nothing is said."""
    family: str = ""
    """What else may read the same text as another value: readings of one family whose formats
    contradict each other never share a column. ``''`` for none."""
    extends: tuple[str, ...] = ()
    """Formats of the family whose every text it reads too, as the same value: they do not
    contradict it."""
    telltale: Callable[[str], str] | None = None
    """SQL of a non-null, trimmed text -> SQL boolean, cheap: a text that this candidate reads and
    more specific ones do not. In a column without one it is not tried at all."""
    numeric: bool = False
    """Whether signs of the role ``NO_NUMBER`` bar it."""
    signs: tuple[Sign, ...] = ()
    """What inference looks for before it chooses this reading."""
    trim: bool = True
    """Whether blanks around a value are ignored."""
    udf: Udf | None = None
    """What ``parse`` calls."""
    text: Callable[[str], str] | None = None
    """SQL of a value -> SQL of the text that is most often written for it; None where nobody needs
    it. A file whose every text is the one of its value can be told from its typed values."""
    examples: tuple[str, ...] = field(default=())
    counter_examples: tuple[str, ...] = field(default=())

    @property
    def written(self) -> str:
        """The layout in words for people; ``''`` where there is only one."""
        return self.layout or self.format


def contradict(one: TypeCandidate, other: TypeCandidate) -> bool:
    """Whether some text may be read by both, as different values."""
    return (
        bool(one.family)
        and one.family == other.family
        and one.format != other.format
        and one.format not in other.extends
        and other.format not in one.extends
    )


class TypePlugin(Plugin[O_co], Generic[O_co]):
    """Base class of types: implement ``candidates``; ``for_type`` where the name has parameters."""

    stage = Stage.TYPE

    def candidates(self, settings: TypeSettings) -> Iterable[TypeCandidate]:
        """The readings that inference may propose, most preferred first."""
        raise NotImplementedError

    def for_type(self, type_name: str, format: str, settings: TypeSettings) -> TypeCandidate | None:
        """The reading for a column whose type is given; None when the type is not this plugin's.

        One in another format where the type does not know this one.

        Raises:
            ValueError: the format can be none of the type's; the message says what to write.
        """
        found = [c for c in self.candidates(settings) if c.type == type_name]
        exact = [c for c in found if c.format == format]
        return next(iter(exact or found), None)

    @hookimpl
    def types(self, settings: TypeSettings) -> Iterable[TypeCandidate]:
        return self.candidates(settings)

    @hookimpl
    def type_for(self, type_name: str, format: str, settings: TypeSettings) -> TypeCandidate | None:
        return self.for_type(type_name, format, settings)


def without_options(plugins: Iterable[type[Plugin[Options]]]) -> Iterator[TypePlugin[Options]]:
    """The types among these plugins, but for those that cannot do without options."""
    for plugin in plugins:
        if issubclass(plugin, TypePlugin):
            with suppress(ValidationError):
                yield plugin(plugin.options_model())
