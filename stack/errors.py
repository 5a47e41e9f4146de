"""What can go wrong with the stack, in the words that its user reads."""

from __future__ import annotations


class StackError(Exception):
    """A server cannot be installed, started or stopped; the message says why and what to do."""


class MissingProgramError(StackError):
    """A program of the system is not installed."""

    def __init__(self, program: str, purpose: str) -> None:
        super().__init__(f"no {program} found, which {purpose}; `stack/bootstrap` installs it")


class StoppedError(StackError):
    """The user interrupted a start."""
