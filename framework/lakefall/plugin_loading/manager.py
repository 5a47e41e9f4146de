"""What calls the hooks of plugins, and finds them quickly."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import pluggy

from lakefall.contract.plugin import PROJECT

if TYPE_CHECKING:
    from pluggy import HookimplOpts


class Manager(pluggy.PluginManager):
    """Looks for hooks once a class: a pipeline and its tables have many plugins of one."""

    def parse_hookimpl_opts(self, plugin: object, name: str) -> HookimplOpts | None:
        kind = type(plugin)
        if name not in hooks_of(kind) and hasattr(kind, name):
            return None
        return super().parse_hookimpl_opts(plugin, name)


_HOOKS: WeakKeyDictionary[type, frozenset[str]] = WeakKeyDictionary()


def hooks_of(kind: type) -> frozenset[str]:
    """What a class implements, by name."""
    if kind not in _HOOKS:
        found = pluggy.PluginManager(PROJECT).parse_hookimpl_opts
        _HOOKS[kind] = frozenset(name for name in dir(kind) if found(kind, name) is not None)
    return _HOOKS[kind]
