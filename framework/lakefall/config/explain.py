"""Where every effective option came from, and the digest of those that change what is loaded."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic_core import to_jsonable_python

from lakefall.config.document import USE, option_name
from lakefall.config.uses import Placed, options_node
from lakefall.config.validation import join
from lakefall.config.yaml import Node
from lakefall.contract.configuration import Origin, Use
from lakefall.contract.plugin import Options, Stage

MASK = "***"
DIGESTED = (
    Stage.SNIFFER,
    Stage.READER,
    Stage.TYPE_INFERER,
    Stage.TYPE,
    Stage.VALIDATOR,
    Stage.SINK,
)
_PASSWORD_IN_URL = re.compile(r"(://[^/\s:@]*):[^/\s@]+@")


def origins(placed: Iterable[Placed], settings: BaseModel, document: Node) -> dict[str, Origin]:
    """Dotted path -> effective value and where it came from."""
    found = dict(_of_model(settings, document, ""))
    for one in placed:
        name = one.node.items[USE]
        found[join(one.path, USE)] = Origin(one.use.name, _where(name))
        found |= _of_model(one.use.options, options_node(one.node, one.use.stage), one.path)
    return found


def _of_model(model: BaseModel, node: Node | None, path: str) -> Iterator[tuple[str, Origin]]:
    for field in type(model).model_fields:
        name = option_name(type(model), field)
        child = node.items.get(name) if node else None
        yield from _of_value(getattr(model, field), child, join(path, name))


def _of_value(value: Any, node: Node | None, path: str) -> Iterator[tuple[str, Origin]]:
    if isinstance(value, BaseModel):
        yield from _of_model(value, node, path)
    elif isinstance(value, Mapping) and value:
        for key, inner in value.items():
            child = node.items.get(str(key)) if node else None
            yield from _of_value(inner, child or node, join(path, str(key)))
    else:
        yield path, Origin(render(value), _where(node))


def _where(node: Node | None) -> str:
    if node is None or (not node.mark.line and node.mark.file != "--set"):
        return "default"
    where = f"tables: {node.pattern} ({node.mark})" if node.pattern else str(node.mark)
    variables = dict.fromkeys(_variables(node))
    return where + (f" from {', '.join(f'${{{name}}}' for name in variables)}" if variables else "")


def _variables(node: Node) -> Iterator[str]:
    yield from node.variables
    for child in (*node.items.values(), *node.elements):
        yield from _variables(child)


def render(value: Any) -> Any:
    """A value as JSON knows it, secrets masked."""
    if isinstance(value, SecretStr | SecretBytes):
        return MASK if value.get_secret_value() else ""
    if isinstance(value, BaseModel):
        return {
            option_name(type(value), field): render(getattr(value, field))
            for field in type(value).model_fields
        }
    if isinstance(value, Mapping):
        return {str(key): render(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        rendered = [render(inner) for inner in value]
        return sorted(rendered, key=repr) if isinstance(value, set | frozenset) else rendered
    if isinstance(value, str):
        return _PASSWORD_IN_URL.sub(rf"\1:{MASK}@", value)
    return to_jsonable_python(value, fallback=repr)


def digest(uses: Iterable[Use], files: Iterable[Path]) -> str:
    """A token of everything that changes what is loaded.

    Left out: secrets, addresses, and what a plugin's options call ``connection``. A file that an
    option names counts with its content, so do the pipeline's own plugin ``files``.
    """
    parts = [
        [use.stage.value, use.name, _digestible(use.options)]
        for use in uses
        if use.stage in DIGESTED
    ]
    content = [parts, [_content(path) for path in files]]
    text = json.dumps(content, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _digestible(value: Any) -> Any:
    if isinstance(value, SecretStr | SecretBytes) or (isinstance(value, str) and "://" in value):
        return None
    if isinstance(value, BaseModel):
        left_out = value.connection if isinstance(value, Options) else frozenset()
        return {
            field: _digestible(getattr(value, field))
            for field in type(value).model_fields
            if field not in left_out
        }
    if isinstance(value, Mapping):
        return {str(key): _digestible(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_digestible(inner) for inner in value]
    if isinstance(value, Path):
        return _content(value) if value.is_file() else value.name
    return render(value)


def _content(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
