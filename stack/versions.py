"""The versions of the servers, read from the one place that pins each.

Maven's are properties of ``pom.xml``, PyPI's are in the lock files with their hashes.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from xml.etree import ElementTree

HERE = Path(__file__).parent
POM = HERE / "pom.xml"
TOOLS = HERE / "requirements-tools.lock"
SUPERSET = HERE / "requirements-superset.lock"
AIRFLOW = HERE / "requirements-airflow.lock"


def maven(name: str) -> str:
    """The version of ``trino``, ``iceberg``, ``postgresql`` (the driver) ..."""
    found = ElementTree.parse(POM).find(f".//{{*}}properties/{{*}}{name}.version")
    if found is None or not found.text:
        raise KeyError(f"{POM} has no property {name}.version")
    return found.text


def locked(lock: Path, name: str) -> str:
    """The version of a package of PyPI."""
    found = re.search(rf"^{re.escape(name)}==(\S+)", lock.read_text("utf-8"), re.MULTILINE)
    if found is None:
        raise KeyError(f"{lock} has no {name}")
    return found[1]


def digest(*paths: Path) -> str:
    """Names a folder made from these files, so that a changed pin makes a new one."""
    found = hashlib.sha256()
    for path in paths:
        found.update(path.read_bytes())
    return found.hexdigest()[:10]
