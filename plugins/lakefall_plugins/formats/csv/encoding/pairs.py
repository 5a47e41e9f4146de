"""Encodings of two bytes a character: Chinese, Japanese and Korean ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lakefall_plugins.formats.csv.encoding.alphabets import (
    JAPANESE,
    KOREAN,
    SIMPLIFIED,
    TRADITIONAL,
)


@dataclass(frozen=True, slots=True)
class Script:
    encodings: tuple[str, ...]
    """From the narrowest to the widest; the first that decodes is taken."""
    language: str
    common: frozenset[str]
    cost: Callable[[int, int], float]
    """Bits of a pair whose character is not among the common ones."""


def _gb(lead: int, trail: int) -> float:
    if 0xB0 <= lead <= 0xD7 and trail >= 0xA1:
        return 11.5
    if 0xD8 <= lead <= 0xF7 and trail >= 0xA1:
        return 15.0
    if 0xA1 <= lead <= 0xA9 and trail >= 0xA1:
        return 12.0
    return 20.0


def _big5(lead: int, _trail: int) -> float:
    if 0xA4 <= lead <= 0xC6:
        return 11.0
    if 0xA1 <= lead <= 0xA3:
        return 12.0
    return 15.5 if 0xC9 <= lead <= 0xF9 else 24.0


def _korean(lead: int, trail: int) -> float:
    if 0xB0 <= lead <= 0xC8 and trail >= 0xA1:
        return 9.5
    if 0xA1 <= lead <= 0xAC and trail >= 0xA1:
        return 14.0
    return 18.0 if lead >= 0xCA and trail >= 0xA1 else 20.0


def _euc_jp(lead: int, _trail: int) -> float:
    if lead in (0xA4, 0xA5):
        return 6.5
    if 0xB0 <= lead <= 0xCF:
        return 11.0
    return 12.0 if lead == 0xA1 else 16.0


def _shift_jis(lead: int, trail: int) -> float:
    if (lead == 0x82 and trail >= 0x9F) or (lead == 0x83 and trail <= 0x96):
        return 6.5
    if 0x88 <= lead <= 0x98:
        return 11.0
    return 12.0 if lead == 0x81 else 16.0


SCRIPTS = (
    Script(("gbk", "gb18030"), "simplified Chinese", frozenset(SIMPLIFIED), _gb),
    Script(("big5", "cp950", "big5hkscs"), "traditional Chinese", frozenset(TRADITIONAL), _big5),
    Script(("cp949",), "Korean", frozenset(KOREAN), _korean),
    Script(("euc_jp",), "Japanese", frozenset(JAPANESE), _euc_jp),
    Script(("cp932",), "Japanese", frozenset(JAPANESE), _shift_jis),
)
