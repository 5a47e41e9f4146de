"""Conformance suites for plugin authors: subclass one in a test file and name your plugin.

They need pytest only to be collected; a broken law is an ``AssertionError`` whose message says
which value broke it.
"""

from lakefall.testing.contract import PluginContract
from lakefall.testing.inferer import InfererContract
from lakefall.testing.notifier import NotifierContract
from lakefall.testing.reader import Example, ReaderContract
from lakefall.testing.registrar import RegistrarContract
from lakefall.testing.sink import SinkContract
from lakefall.testing.sniffer import SnifferContract
from lakefall.testing.source import SourceContract
from lakefall.testing.types import TypeContract
from lakefall.testing.validator import ValidatorContract

__all__ = [
    "Example",
    "InfererContract",
    "NotifierContract",
    "PluginContract",
    "ReaderContract",
    "RegistrarContract",
    "SinkContract",
    "SnifferContract",
    "SourceContract",
    "TypeContract",
    "ValidatorContract",
]
