"""A plugin class as people and scripts see it: summary, hooks, options, and what is wrong."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pluggy
from pydantic import SecretStr
from pydantic_core import PydanticUndefined, to_jsonable_python

from lakefall.config.document import option_name
from lakefall.config.shape import alternatives, is_model
from lakefall.contract.hooks import StepHooks
from lakefall.contract.plugin import PROJECT, Options, Plugin


@dataclass(frozen=True, slots=True)
class DescribedOption:
    """One option of a plugin."""

    name: str
    type: str
    default: str
    """As YAML would say it; ``required`` when there is none."""
    description: str


@dataclass(frozen=True, slots=True)
class Described:
    """A plugin class, without an instance."""

    stage: str
    name: str
    description: str
    hooks: tuple[str, ...]
    options: tuple[DescribedOption, ...]
    schema: dict[str, Any]

    def as_object(self) -> dict[str, Any]:
        """One line of ``plugins describe --json``."""
        return {
            "stage": self.stage,
            "name": self.name,
            "description": self.description,
            "hooks": list(self.hooks),
            "options": self.schema,
        }


def described(plugin: type[Plugin[Options]]) -> Described:
    """What a plugin class says about itself."""
    return Described(
        stage=plugin.stage.value,
        name=plugin.name,
        description=" ".join((plugin.__doc__ or "").split()),
        hooks=hooks_of(plugin),
        options=tuple(options_of(plugin.options_model)),
        schema=plugin.options_model.model_json_schema(),
    )


def hooks_of(plugin: type[Plugin[Options]]) -> tuple[str, ...]:
    """The hooks that a plugin class implements, in the contract's order."""
    marked = set(_marked(plugin))
    known = [name for name in vars(StepHooks) if name in marked]
    return (*known, *sorted(marked.difference(known)))


def problems_of(plugin: type[Plugin[Options]]) -> Iterator[str]:
    """What breaks the contract, found without making an instance."""
    if not plugin.summary():
        yield "the class has no docstring, which is its line in `plugins list`"
    yield from (
        f"option {o.name} is not described"
        for o in options_of(plugin.options_model)
        if not o.description
    )
    if not hooks_of(plugin):
        yield "it implements no hook; mark methods with @hookimpl"
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(StepHooks)
    try:
        manager.register(plugin)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        yield " ".join(str(error).split())


def _marked(plugin: type[Plugin[Options]]) -> Iterator[str]:
    for name in dir(plugin):
        if hasattr(inspect.getattr_static(plugin, name), f"{PROJECT}_impl"):
            yield name


def options_of(model: type[Options], prefix: str = "") -> Iterator[DescribedOption]:
    """Every option of a model; those of a section inside it as ``section.option``."""
    properties = model.model_json_schema()["properties"] if model.model_fields else {}
    descriptions = model.descriptions()
    for field, info in model.model_fields.items():
        name = option_name(model, field)
        inner = [a for a in alternatives(info.annotation) if is_model(a)]
        yield DescribedOption(
            name=f"{prefix}{name}",
            type="section" if inner else _type_words(properties.get(name, {})),
            default="" if inner else _default(info.get_default(call_default_factory=True)),
            description=" ".join(descriptions[field].split()),
        )
        for section in inner:
            yield from options_of(section, f"{prefix}{name}.")


def _default(value: Any) -> str:
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, SecretStr):
        return "a secret"
    return json.dumps(to_jsonable_python(value), ensure_ascii=False)


def _type_words(schema: dict[str, Any]) -> str:
    """A JSON Schema in a word or two."""
    parts = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
    if parts:
        return " or ".join(dict.fromkeys(_type_words(p) for p in parts))
    if fixed := schema.get("enum", [schema["const"]] if "const" in schema else []):
        return " or ".join(str(v) for v in fixed)
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    kind = str(schema.get("type", "anything"))
    if inner := schema.get("items") or schema.get("additionalProperties"):
        return f"{'list of' if kind == 'array' else 'map to'} {_type_words(inner)}"
    return "text" if kind == "string" else kind
