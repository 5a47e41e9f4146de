"""Looking into option models: what a dotted path leads to, and where secrets are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr

from lakefall.config.yaml import Node


def alternatives(annotation: Any) -> Iterator[Any]:
    """The members of a union, or the annotation itself."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from alternatives(get_args(annotation)[0])
    elif origin in {Union, UnionType}:
        for member in get_args(annotation):
            yield from alternatives(member)
    else:
        yield annotation


def is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def fields(model: type[BaseModel]) -> dict[str, Any]:
    """Option name as written in the file -> annotation."""
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def step(annotations: list[Any], name: str | int) -> list[Any]:
    """What the options under a key, or the elements of a list, may be."""
    found: list[Any] = []
    for annotation in annotations:
        if is_model(annotation):
            found += [a for key, a in fields(annotation).items() if key == name]
        elif _is_mapping(annotation):
            found += get_args(annotation)[1:2]
        elif isinstance(name, int):
            found += [a for a in get_args(annotation)[:1] if a is not Ellipsis]
    return [member for annotation in found for member in alternatives(annotation)]


def tagged(annotations: list[Any], tag: str) -> list[Any]:
    """Only the models that a discriminator's value chooses; all where none says so."""
    chosen = [a for a in annotations if is_model(a) and _has_literal(a, tag)]
    return chosen or annotations


def option_names(annotations: list[Any]) -> list[str]:
    """Every option that one of these models knows."""
    return [name for a in annotations if is_model(a) for name in fields(a)]


def secret_nodes(annotation: Any, node: Node) -> list[Node]:
    """The scalars that a model declares secret, wherever they stand in the node."""
    found: list[Node] = []
    for member in alternatives(annotation):
        if member in {SecretStr, SecretBytes}:
            found += _scalars(node)
        elif is_model(member):
            for name, inner in fields(member).items():
                if name in node.items:
                    found += secret_nodes(inner, node.items[name])
        elif _is_mapping(member) and len(get_args(member)) == 2:
            for child in node.items.values():
                found += secret_nodes(get_args(member)[1], child)
        elif get_args(member) and get_origin(member) is not Literal:
            for child in node.elements:
                found += secret_nodes(get_args(member)[0], child)
    return found


def holds_secret(annotation: Any) -> bool:
    """Whether a secret may stand there or anywhere below."""
    return any(
        member in {SecretStr, SecretBytes} or any(map(holds_secret, _inner(member)))
        for member in alternatives(annotation)
    )


def _inner(member: Any) -> Iterable[Any]:
    """The annotations of what a model, a mapping or a list holds."""
    if is_model(member):
        return fields(member).values()
    return () if get_origin(member) is Literal else get_args(member)


def _scalars(node: Node) -> list[Node]:
    children = [*node.items.values(), *node.elements]
    if isinstance(node.value, dict | tuple):
        return [scalar for child in children for scalar in _scalars(child)]
    return [node]


def _is_mapping(annotation: Any) -> bool:
    origin = get_origin(annotation)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _has_literal(model: type[BaseModel], tag: str) -> bool:
    return any(get_origin(a) is Literal and tag in get_args(a) for a in fields(model).values())
