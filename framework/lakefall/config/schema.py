"""The JSON Schema of a pipeline file, for editors: completion, descriptions, red lines.

An option that is no text also takes ``${NAME}``, because variables are replaced before options
are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lakefall.config.document import (
    AS,
    DEFAULT_TYPES,
    OPTIONAL,
    PER_TABLE,
    REQUIRED,
    SINGLE,
    STAGES,
    TABLES,
    TYPES,
    USE,
    Settings,
)
from lakefall.contract.errors import PluginError
from lakefall.contract.plugin import Options, Stage
from lakefall.plugin_loading.catalogue import Catalogue

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_VARIABLE: Schema = {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^{}]*)?\}"}
_NO_TEXT = {"integer", "number", "boolean"}
_CONSTRAINTS = (
    *("type", "enum", "const", "pattern", "format"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minLength", "maxLength"),
)
_VERBATIM = {"default", "const", "enum", "examples"}
_STAGES: dict[Stage, str] = {
    Stage.SOURCE: "Where the files are.",
    Stage.SNIFFER: "How a file is written; the first that knows answers.",
    Stage.READER: "Reads records and converts them to typed Parquet.",
    Stage.TYPE_INFERER: "Chooses the columns' types.",
    Stage.TYPE: "Types that columns may get.",
    Stage.VALIDATOR: "Rules for the rows; all are asked.",
    Stage.SINK: "Where the tables are.",
    Stage.CATALOG_REGISTRAR: "Who is told about loaded tables; all are.",
    Stage.NOTIFIER: "Who tells `lakefall watch` that files arrived.",
}


def json_schema(catalogue: Catalogue) -> Schema:
    """Of everything that the catalogue offers; plugins that cannot be imported are left out."""
    definitions: Schema = {}
    for stage in reversed(Stage):
        names = [
            name for name in catalogue.names(stage) if _define(catalogue, stage, name, definitions)
        ]
        definitions[stage.value] = _choice(stage, names, definitions)
    fixed = _model("settings", Settings, definitions)
    stages = {stage.value: _section(stage) for stage in STAGES}
    per_table = {
        name: {"anyOf": [section, {"$ref": f"#/$defs/{name}:partial"}]}
        for name, section in stages.items()
        if name in PER_TABLE
    }
    tables = {
        "type": "object",
        "description": "Overrides for the tables whose names match; later patterns win.",
        "additionalProperties": {
            "type": "object",
            "properties": per_table,
            "additionalProperties": False,
        },
    }
    return {
        "$schema": DIALECT,
        "title": "lakefall pipeline",
        "type": "object",
        "properties": {**fixed["properties"], **stages, TABLES: tables},
        "required": sorted(stage.value for stage in REQUIRED),
        "additionalProperties": False,
        "$defs": definitions,
    }


def _define(catalogue: Catalogue, stage: Stage, name: str, definitions: Schema) -> bool:
    """Define the options of a plugin, whole and (for overrides) partial; False without it."""
    try:
        plugin = catalogue.get(stage, name)
    except PluginError:
        return False
    key = f"{stage.value}.{name}"
    options = _model(key, plugin.options_model, definitions)
    properties: Schema = {
        USE: {"const": name, "description": plugin.summary()},
        AS: {"type": "string", "description": "Another name, where one plugin is used twice."},
    }
    if stage is Stage.TYPE_INFERER:
        properties[TYPES] = {
            "type": "array",
            "items": {"$ref": f"#/$defs/{Stage.TYPE.value}"},
            "default": list(DEFAULT_TYPES),
            "description": _STAGES[Stage.TYPE],
        }
    partial = {
        "type": "object",
        "description": plugin.summary(),
        "properties": {**properties, **options.get("properties", {})},
        "additionalProperties": False,
    }
    definitions[f"{key}:partial"] = partial
    definitions[key] = {**partial, "required": [USE, *options.get("required", [])]}
    return True


def _choice(stage: Stage, names: Sequence[str], definitions: Schema) -> Schema:
    """One of the stage's plugins, told apart by ``use``, or the bare name of one."""
    keys = {name: f"{stage.value}.{name}" for name in names}
    references = {name: f"#/$defs/{key}" for name, key in keys.items()}
    definitions[f"{stage.value}:partial"] = _one_of(
        "anyOf", [{"$ref": f"{reference}:partial"} for reference in references.values()]
    )
    bare = [name for name, key in keys.items() if definitions[key]["required"] == [USE]]
    whole: list[Schema] = [{"$ref": reference} for reference in references.values()]
    choice = _one_of("oneOf", [*([{"enum": bare}] if bare else []), *whole])
    return {"description": _STAGES[stage], **choice}


def _one_of(word: str, alternatives: Sequence[Schema]) -> Schema:
    return {word: list(alternatives)} if alternatives else {"not": {}}


def _section(stage: Stage) -> Schema:
    one: Schema = {"$ref": f"#/$defs/{stage.value}"}
    if stage in SINGLE:
        return one
    return {
        "description": _STAGES[stage],
        "anyOf": [one, {"type": "array", "items": one, "minItems": int(stage not in OPTIONAL)}],
    }


def _model(key: str, model: type[Options], definitions: Schema) -> Schema:
    """The schema of a model; the models inside it become definitions of their own."""
    schema = model.model_json_schema(by_alias=True, ref_template=f"#/$defs/{key}.{{model}}")
    for inner, definition in schema.pop("$defs", {}).items():
        definitions[f"{key}.{inner}"] = _with_variables(definition)
    described: Schema = _with_variables(schema)
    return described


def _with_variables(schema: Any) -> Any:
    """The schema, taking ``${NAME}`` wherever it does not take any text."""
    if isinstance(schema, list):
        return [_with_variables(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    inside = {
        key: value if key in _VERBATIM else _with_variables(value) for key, value in schema.items()
    }
    narrow = {key: inside[key] for key in _CONSTRAINTS if not isinstance(inside.get(key, {}), dict)}
    kind = narrow.get("type")
    if kind not in _NO_TEXT and not (kind == "string" and len(narrow) > 1):
        return inside
    around = {key: value for key, value in inside.items() if key not in narrow}
    return {**around, "anyOf": [narrow, _VARIABLE]}
