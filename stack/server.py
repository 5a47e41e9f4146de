"""What every server of the stack has in common."""

from __future__ import annotations

import signal
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from .errors import StackError, StoppedError
from .home import Home
from .processes import Command, Process, wait_until
from .settings import Settings


@dataclass(frozen=True, slots=True)
class Site:
    """One stack's folder and settings, and the downloads it shares with others."""

    folder: Path
    home: Home
    settings: Settings


class Server(ABC):
    """One server: how to install it, start it, and see that it is ready. No I/O to construct."""

    name: ClassVar[str]
    #: The ports it listens on; the first is the one its users talk to. None: it only asks others.
    ports: ClassVar[tuple[str, ...]]
    #: Servers that must be ready before it starts.
    needs: ClassVar[tuple[str, ...]] = ()
    ready_seconds: ClassVar[float] = 60
    stop_seconds: ClassVar[float] = 20
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, site: Site) -> None:
        self.site = site
        self.folder = site.folder / self.name
        self.process = Process(
            self.name, site.folder / f"{self.name}.pid", site.folder / "logs" / f"{self.name}.log"
        )

    @abstractmethod
    def install(self) -> None:
        """Download and prepare what all stacks share; quick when that is done."""

    @abstractmethod
    def command(self) -> Command:
        """Write its configuration for the stack's ports and say how to start it."""

    @abstractmethod
    def ready(self) -> bool:
        """Whether it answers as itself; one quick look."""

    @property
    def port(self) -> int:
        return self.site.settings.ports[self.ports[0]]

    @property
    def url(self) -> str:
        return self.site.settings.url(self.ports[0]) if self.ports else ""

    def start(self, interrupted: Callable[[], bool] = lambda: False) -> None:
        """Start it, unless it runs, and wait until it is ready.

        Raises:
            StackError: it does not get ready, with the end of its log. It is stopped then.
        """
        if self.process.identity is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.process.start(self.command())

        def broken() -> str | None:
            if interrupted():
                raise StoppedError(f"{self.name}: interrupted")
            return None if self.process.identity else "it ended"

        try:
            wait_until(self.ready, self.ready_seconds, broken=broken)
        except StoppedError:
            raise
        except StackError as error:
            self.stop()
            raise StackError(f"{self.name}: {error}\n{self.process.tail()}") from error

    def stop(self, *, kill: bool = False) -> None:
        """Stop it; with ``kill`` as a crash would."""
        how = signal.SIGKILL if kill else self.stop_signal
        self.process.stop(how, self.stop_seconds)
