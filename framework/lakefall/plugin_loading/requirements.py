"""Whether this machine has what a pipeline's plugins import, found out without importing it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING

from lakefall.contract.values import Check

if TYPE_CHECKING:
    from lakefall.contract.configuration import PipelineConfig, Use


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
