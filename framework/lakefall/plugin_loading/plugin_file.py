"""Importing a Python file that a pipeline names under ``plugins:``."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType

from lakefall.contract.errors import LakefallError, PluginError


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
