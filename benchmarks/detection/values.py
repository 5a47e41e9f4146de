"""Values that stand in cells: what the made-up files of ``habits`` are written with."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

_WORDS = """
    river stone amber window garden paper silver north engine market bottle yellow forest
    ladder copper mirror pocket island candle bridge summer winter kettle harbor needle
    pepper saddle tunnel velvet walnut anchor basket canyon dagger falcon goblet hammer
    insect jacket kernel
"""
WORDS = _WORDS.split()
_NAMES = """
    Ann Bob Carla Dmitri Elena Farid Grace Hiro Ines Jonas Kofi Lena Mara Nils Olga Pedro
    Quinn Rosa Sven Tara Uma Viktor Wanda Ximena Yusuf Zoe
"""
NAMES = _NAMES.split()
_PLACES = """
    Rome Paris Bonn Lima Oslo Kyiv Bern Riga Baku Cork Accra Delhi Quito Tunis Perth
"""
PLACES = _PLACES.split()
_FIELDS = """
    id name city country amount price day status comment code category weight height score
    email phone region owner title created updated rate volume level kind source target
    address notes total share unit depth speed
"""
FIELDS = _FIELDS.split()

Value = Callable[[Random], str]


def integer(chance: Random) -> str:
    return str(chance.randrange(10 ** chance.randrange(1, 7)))


def decimal(chance: Random) -> str:
    return f"{chance.uniform(-1000, 1000):.{chance.randrange(1, 5)}f}"


def decimal_comma(chance: Random) -> str:
    return f"{chance.uniform(0, 10000):.2f}".replace(".", ",")


def scientific(chance: Random) -> str:
    return f"{chance.uniform(-1, 1):.5e}"


def day(chance: Random) -> str:
    return f"20{chance.randrange(10, 26)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}"


def slashed_day(chance: Random) -> str:
    return f"{chance.randrange(1, 29):02}/{chance.randrange(1, 13):02}/20{chance.randrange(10, 26)}"


def moment(chance: Random) -> str:
    return f"{day(chance)} {clock(chance)}"


def clock(chance: Random) -> str:
    return f"{chance.randrange(24):02}:{chance.randrange(60):02}:{chance.randrange(60):02}"


def word(chance: Random) -> str:
    return chance.choice(WORDS)


def place(chance: Random) -> str:
    return chance.choice(PLACES)


def full_name(chance: Random) -> str:
    return f"{chance.choice(NAMES)} {chance.choice(WORDS).title()}"


def turned_name(chance: Random) -> str:
    return f"{chance.choice(WORDS).title()}, {chance.choice(NAMES)}"


def phrase(chance: Random) -> str:
    return " ".join(chance.choice(WORDS) for _ in range(chance.randrange(2, 9)))


def sentence(chance: Random) -> str:
    clauses = [phrase(chance) for _ in range(chance.randrange(1, 4))]
    return ", ".join(clauses).capitalize() + chance.choice([".", "!", "?", "; maybe.", ""])


def code(chance: Random) -> str:
    return f"{chance.choice('ABCDEFG')}{chance.randrange(1000):03}"


def truth(chance: Random) -> str:
    return chance.choice(["true", "false"])


def email(chance: Random) -> str:
    return f"{chance.choice(NAMES).lower()}.{chance.choice(WORDS)}@example.org"


def url(chance: Random) -> str:
    return f"https://example.org/{chance.choice(WORDS)}/{integer(chance)}?q={chance.choice(WORDS)}"


def path(chance: Random) -> str:
    return "/" + "/".join(chance.choice(WORDS) for _ in range(chance.randrange(2, 5)))


def money(chance: Random) -> str:
    return f"${chance.uniform(0, 90000):,.2f}"


def percent(chance: Random) -> str:
    return f"{chance.uniform(0, 100):.1f}%"


def listed(chance: Random) -> str:
    return "|".join(chance.choice(WORDS) for _ in range(chance.randrange(2, 6)))


def comma_list(chance: Random) -> str:
    return ",".join(chance.choice(WORDS) for _ in range(chance.randrange(2, 6)))


def place_on_the_map(chance: Random) -> str:
    return f"{chance.uniform(-90, 90):.4f}, {chance.uniform(-180, 180):.4f}"


def document(chance: Random) -> str:
    return f'{{"{word(chance)}": {integer(chance)}, "{word(chance)}": "{word(chance)}"}}'


PLAIN: tuple[Value, ...] = (integer, decimal, day, word, place, full_name, code, truth, moment)
TYPED: tuple[Value, ...] = (integer, decimal, day, moment, scientific)
TEXTS: tuple[Value, ...] = (word, place, full_name, phrase, email)


def columns(chance: Random, kinds: tuple[Value, ...], least: int = 2, most: int = 8) -> list[Value]:
    return [chance.choice(kinds) for _ in range(chance.randrange(least, most + 1))]


def names(chance: Random, count: int) -> list[str]:
    """Distinct column names, in one of the styles of headers."""
    found = chance.sample(FIELDS, min(count, len(FIELDS)))
    found += [f"{chance.choice(FIELDS)}{n}" for n in range(count - len(found))]
    style = chance.randrange(5)
    if style == 0:
        return [name.upper() for name in found]
    if style == 1:
        return [name.title() for name in found]
    if style == 2:
        return [f"{name}_{chance.choice(FIELDS)}" for name in found]
    if style == 3:
        return [f"{name.title()} {chance.choice(FIELDS)}" for name in found]
    return found


def rows(chance: Random, makers: list[Value], count: int) -> list[list[str]]:
    return [[make(chance) for make in makers] for _ in range(count)]
