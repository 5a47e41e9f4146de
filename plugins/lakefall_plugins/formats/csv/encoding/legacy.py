# ruff: noqa: RUF001 -- letters that look like others are the subject here
"""Legacy encodings, distinguished by the words that hold bytes above ASCII.

Every encoding turns the same bytes into some text; under the right one, and under no other, the
letters are those of one language, in its order of frequency, and stand in words as letters do.
The cost of a text is counted in bits. Chinese, Japanese and Korean encodings compete on the same
scale: their common characters lie in known blocks of each code table.

Own scoring, because no library reads sparse tables well. Of 92 legacy files (CLDR names in 26
encodings, half of them with a high byte in 3 % of the cells) these decoded to the right text:

    this module                          92
    chardet 7.7, only the high words     78 (58 on the whole file)
    chardetng-py 0.3.5                   75 (it knows the web's encodings only: no DOS, no Mac)
    faust-cchardet 3.2                   71 (and MPL/GPL/LGPL)
    charset-normalizer 3.5, high words   55 (49 on the whole file)

Of 120 files made the same way from other languages (German to Japanese), none of which had been
looked at: 105 at the first try, 118 after its mistakes were mended. Of 268 of another kind (names
and towns in 36 languages, a third of them in six lines): 250 at the first try, 255 after.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from math import inf, log2
from operator import itemgetter, mul
from typing import NamedTuple
from unicodedata import combining

from lakefall_plugins.formats.csv.encoding.alphabets import ALPHABETS, WESTERN, Alphabet
from lakefall_plugins.formats.csv.encoding.pairs import SCRIPTS, Script
from lakefall_plugins.formats.csv.encoding.words import LATIN_WORDS

FOREIGN_BITS = 13.0
"""A letter that the language does not write."""
SYMBOL_BITS = 12.0
COMMON_SYMBOL_BITS = 7.0
CONTROL_BITS = 30.0
CAPITAL_BITS = 1.0
CAPITAL_NEXT_BITS = 0.25
"""A capital that begins a word, and one after another: a text in capitals is as good as any other,
its letters are those of its language."""
MOST_CAPITAL_BITS = 6.0
"""Whoever begins words with capitals, or writes nothing else, does so in the whole text."""
CAPITAL_INSIDE_BITS = 10.0
"""An upper-case letter right after a lower-case one."""
CAPITALS_END_BITS = 6.0
"""A second capital before a lower-case letter."""
WEDGED_BITS = 8.0
"""A symbol between two letters."""
STRANGER_BITS = 6.0
"""ASCII letters in one word with letters of another script."""
ALONE_BITS = 4.0
"""A letter above ASCII with no letter on either side, in a language that mixes; in any language
right before a digit, where a sign of money stands: ``£5``."""
NUMBERED_BITS = 8.0
"""The same beside a digit."""
CROWD_BITS = 5.0
"""A third letter above ASCII in a row, in a language that mixes."""
SCRIPT_BITS = 5.0
"""Another script than Latin: a word or two show it, a single character must not."""
BROKEN_BITS = 40.0
"""A byte that the encoding does not know."""
MISPLACED_BITS = 6.0
"""A letter before one that never follows it in the languages that have it."""
_CONSONANTS = "bcdfghjklmnprstvwzčćďňńřŕšśťžźżłľ"
_GREEK = "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ"
_FOLLOWERS = {
    "ñ": "aeiouáéíóúü",
    "ã": "oesi\n",
    "ą": f"{_CONSONANTS}\n",
    "ę": f"{_CONSONANTS}\n",
    "ų": "jmns\n",
    "ŕ": _CONSONANTS,
    "ĺ": _CONSONANTS,
    "ς": "\n",
    "ř": "aáeéěiíoóuúůyýbcčdďhkmnňpsštťvzž\n",
    "ø": "abcdefghijklmnopqrstuvwxyzæøå\n",
    **dict.fromkeys("βγδζθκλμξπτφχψ", _GREEK),
}
"""What may follow letters whose bytes are other letters elsewhere: Spanish ``ñ`` stands before
vowels (Polish ``ń`` ends words), Portuguese ``ã`` in ``ão`` or at the end (Romanian ``ă``
anywhere), Slovak ``ŕ`` and ``ĺ`` before consonants (Italian ``à`` ends words), Czech ``ř`` before
no ``g``, ``l`` or ``r`` (Danish ``ø``, which stands before no accent), Polish nasals before
consonants or at the end, Lithuanian ``ų`` mostly at the end (Danish ``ø`` inside). Greek words end
in vowels, ``ν``, ``ρ`` or ``ς``, which stands nowhere else."""
_LEADERS = {
    "ě": "bdfmnptv",
    "ů": "bcčdďfghjklmnpřrsštťvzž",
    "ï": "aáeéèoóuúy",
    **dict.fromkeys("ϊϋ", "αεουάέόύ"),
}
"""What may stand before such letters: Czech ``ě`` follows these consonants (Italian ``ì`` any),
``ů`` no vowel (French ``où``), ``ï`` a vowel (Slovak ``ď`` begins words), as do Greek letters with
a diaeresis (Cyrillic ``ъ`` follows consonants)."""
_WITH_TONE = frozenset("aeiouyăâêôơư")
"""Vietnamese vowels; the byte of a tone is a vowel elsewhere: Italian ``ì``."""
UNCLOSED_BITS = 5.0
"""An opening quote that no quote closes."""
USUAL_PAIR_BITS = 1.0
"""What a letter costs less in a language whose usual pairs are known."""
UNUSUAL_PAIR_BITS = 4.0
"""Two letters side by side that seldom are."""
UNUSUAL_BESIDE_BITS, UNKNOWN_BESIDE_BITS = 4.0, 2.0
"""Beside a letter above ASCII, what does not stand there in the language's usual words; and
anything beside one that does not occur in them."""
_WITHOUT_ACCENTS = str.maketrans("άέήίόύώϊϋΐΰςё", "αεηιουωιυιυσе")
_OPENERS = frozenset("“‘«‹„¿¡#§№°±µ–—•…·´\u00a0")
_COMMON_SYMBOLS = frozenset("’‘“”„«»–—…•€£°º·©®™½²³¼¾§´¨\u00a0№")
_ODD_NEIGHBOURS = frozenset("!#$%*+<=>@[\\]^_`{|}~")
"""ASCII characters that seldom touch a letter above ASCII."""
_MOST_BYTES = 1500
_ALIKE = str.maketrans("șțȘȚ", "şţŞŢ")
"""Romanian letters that are written with a comma, and in most encodings with a cedilla."""
TELLING_BITS = 1.5
"""A text that costs so much more is half as likely: the bits count more than they prove."""
DOUBTFUL_BITS = 8.0
"""A text that costs so much more is out of the question."""
SURE = 0.9
"""Less is a doubt, and is explained."""


class _Guess(NamedTuple):
    encoding: str
    letters: Alphabet | Script
    bits: float


class Guessed(NamedTuple):
    """A legacy encoding, and how sure it is."""

    encoding: str
    """A CPython codec name."""
    reason: str
    """A phrase."""
    confidence: float = 1.0
    """The share of its text among the likelihoods of all texts that the bytes may be."""
    second: str = ""
    """The likeliest encoding that gives another text, where there is a doubt."""


def guess(words: Iterable[bytes]) -> Guessed:
    """The legacy encoding of words that hold bytes above ASCII."""
    raw = _bounded(words)
    best, *others = _likeliest(raw)
    odds = [2 ** ((best.bits - other.bits) / TELLING_BITS) for other in others]
    reason = f"its letters read like {best.letters.language}"
    confidence = round(1 / (1 + sum(odds)), 3)
    if confidence >= SURE:
        return Guessed(best.encoding, reason, confidence)
    second = others[0].encoding
    reason += f"; {_told_apart(raw, best.encoding, second)}"
    return Guessed(best.encoding, reason, confidence, second)


def _told_apart(raw: bytes, encoding: str, other: str) -> str:
    """The first word that another encoding reads otherwise, both ways."""
    words = ((_decoded(w, encoding), _decoded(w, other)) for w in raw.split(b"\n"))
    one, two = next((pair for pair in words if pair[0] != pair[1]), ("", ""))
    return f"so few letters may be {other}, too: {two!r} instead of {one!r}"


def _bounded(words: Iterable[bytes]) -> bytes:
    """Distinct words, joined by line ends, up to a length that costs milliseconds."""
    return b"\n".join(some_words(words))


def some_words(words: Iterable[bytes]) -> dict[bytes, None]:
    """The first distinct words, as many as are looked at; no word after them is asked for."""
    kept: dict[bytes, None] = {}
    length = 0
    for word in words:
        if word not in kept:
            kept[word] = None
            length += len(word)
            if length > _MOST_BYTES:
                break
    return kept


def _likeliest(raw: bytes) -> list[_Guess]:
    """The best guess, and after it the best ones of all that read another text and are not much
    worse. What a text costs at least is known at once for all guesses; what it costs takes long,
    and is looked at for the few that may be among them."""
    words = _Words(raw)
    guesses = sorted((*_by_pairs(raw), *_by_letters(raw)), key=lambda found: found.bits)
    texts: dict[str, _Guess] = {}
    cheapest = inf
    for least in guesses:
        if least.bits > cheapest + DOUBTFUL_BITS:
            break
        found = least._replace(bits=words.bits(least))
        cheapest = min(cheapest, found.bits)
        text = words.text(found.encoding)
        if text not in texts or found.bits < texts[text].bits:
            texts[text] = found
    return sorted(texts.values(), key=lambda found: found.bits)


class _Words:
    """A text whose words are looked at under several encodings, under each once."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        text = b"\n" + raw + b"\n"
        places = [at for at, byte in enumerate(raw, 1) if byte > 0x7F]
        self._sides = [bytes([text[at + side] for at in places]) for side in (-1, 0, 1)]
        self._pairs = Counter(pairwise(text))
        self._high = [(a, b, n) for (a, b), n in self._pairs.items() if a > 0x7F or b > 0x7F]
        self._count = Counter(byte for byte in raw if byte > 0x7F)
        self._rows = sum(CROWD_BITS * (len(run) - 2) for run in _CROWD.findall(raw))
        self._texts: dict[str, str] = {}
        self._shapes: dict[str, tuple[float, float, float]] = {}
        self._unusual: dict[tuple[str, str], float] = {}

    def text(self, encoding: str) -> str:
        if encoding not in self._texts:
            self._texts[encoding] = _decoded(self._raw, encoding).translate(_ALIKE)
        return self._texts[encoding]

    def bits(self, least: _Guess) -> float:
        """What the text costs under a guess."""
        encoding, letters = least.encoding, least.letters
        if isinstance(letters, Script):
            return _pair_bits(_decoded(self._raw, encoding), encoding, letters)
        if encoding not in self._shapes:
            inside, alone, close = _shape_bits(self._pairs, self._sides, encoding)
            inside += _unclosed_bits(self._count, encoding)
            self._shapes[encoding] = inside, alone, close
        common, stranger, crowd = self._shapes[encoding]
        if letters.mixed:
            beside = _beside_bits(self._high, encoding, letters)
            return least.bits + common + crowd + self._rows + beside
        key = encoding, letters.words
        if key not in self._unusual:
            self._unusual[key] = _pair_of_letters_bits(self._pairs, encoding, letters.words)
        return least.bits + common + stranger + self._unusual[key]


def _by_letters(raw: bytes) -> Iterable[_Guess]:
    """What the letters cost, by alphabet and encoding."""
    times = {byte - 0x80: n for byte, n in Counter(raw).items() if byte > 0x7F}
    held, counts = itemgetter(*times, 0, 0), (*times.values(), 0, 0)
    for encoding, alphabet, prior, costs in _byte_costs():
        yield _Guess(encoding, alphabet, prior + sum(map(mul, held(costs), counts)))


@cache
def _byte_costs() -> list[tuple[str, Alphabet, float, tuple[float, ...]]]:
    """By encoding and alphabet: bits of the two, and of each byte above ASCII."""
    found = []
    for alphabet in ALPHABETS:
        costs, usual = letter_costs(alphabet), USUAL_PAIR_BITS * bool(alphabet.words)
        rare = _RARE_BITS.get(alphabet.language, 0.0)
        for encoding in alphabet.encodings:
            characters = _upper_half(encoding)
            bits = (costs[c] - usual if c in costs else _stranger_bits(c) for c in characters)
            prior = rare + _prior_bits(encoding, alphabet.mixed)
            found.append((encoding, alphabet, prior, tuple(bits)))
    return found


_ASCII = bytes(range(0x80)).decode("ascii")


@cache
def _upper_half(encoding: str) -> str:
    """The characters of the bytes above ASCII, of which each is one."""
    return _decoded(bytes(range(0x80, 0x100)), encoding)


_PRIOR_BITS = {"cp1252": 0.0, "cp1251": 0.0, "cp1257": 5.0, "cp1258": 5.0}
_PRIOR_BITS |= {
    "iso8859-13": 6.0,
    "iso8859-4": 12.0,
    "cp775": 12.0,
    "iso8859-16": 6.0,
    "iso8859-15": 3.0,
    "cp1250": 1.5,
}
_PRIOR_BITS |= {"iso8859-2": 2.0, "koi8-r": 4.5, "koi8-u": 4.5}
_RARE_BITS = {"Icelandic": 4.0, "Estonian": 3.0, "Albanian": 4.0, "Irish": 3.0}
"""Of languages of few people, whose letters are those of others in their own encodings."""


def _prior_bits(encoding: str, latin: bool) -> float:
    """Windows code pages are commoner than ISO ones, and those than DOS or Macintosh ones; Western
    and Cyrillic ones are commoner than Baltic and Vietnamese ones. The WHATWG's Encoding Standard
    has one of DOS's encodings (cp866) and two of the Macintosh's: the web needs no others."""
    script = 0.0 if latin else SCRIPT_BITS
    if encoding in _PRIOR_BITS:
        return script + _PRIOR_BITS[encoding]
    if encoding.startswith(("cp125", "cp874")):
        return script + 0.5
    if encoding.startswith("mac"):
        return script + 10.0
    return script + (1.5 if encoding.startswith("iso") else 8.0)


def _decoded(raw: bytes, encoding: str) -> str:
    """The text, with U+FFFD for what the encoding does not know: a few bytes may be damaged."""
    return raw.decode(encoding, errors="replace")


@cache
def letter_costs(alphabet: Alphabet) -> dict[str, float]:
    """Bits of each letter of a language, by Zipf's law on its rank."""
    weights = [1 / (rank + 2) for rank in range(len(alphabet.letters))]
    total = sum(weights)
    costs: dict[str, float] = {}
    for letter, weight in zip(alphabet.letters, weights, strict=True):
        costs.setdefault(letter, log2(total / weight))
    for letter, bits in list(costs.items()):
        upper = letter.upper()
        if len(upper) == 1 and upper != letter:
            costs.setdefault(upper, bits)
    return costs


def _stranger_bits(character: str) -> float:
    """What a character costs that is no letter of the language."""
    if character.isalpha():
        return FOREIGN_BITS
    if character in _COMMON_SYMBOLS:
        return COMMON_SYMBOL_BITS
    if character == "\ufffd":
        return BROKEN_BITS
    return SYMBOL_BITS if character.isprintable() else CONTROL_BITS


_CROWD = re.compile(rb"[^\x00-\x7f]{3,}")


_ROLES = " 0aA#éÉא²’·“¤\u0301"
"""One character of each kind that ``_shape_bits`` knows; of the first kind is all other ASCII."""


def _role(character: str) -> str:
    """The character of the same kind."""
    if character in "’·":
        return character
    if character.isalpha():
        lower, upper, caseless = "aAa" if character.isascii() else "éÉא"
        return lower if character.islower() else upper if character.isupper() else caseless
    if character.isascii():
        return "0" if character.isdigit() else "#" if character in _ODD_NEIGHBOURS else " "
    if combining(character):
        return "\u0301"
    return "²" if character.isdigit() else "“" if character in _OPENERS else "¤"


@cache
def _roles(encoding: str) -> bytes:
    """By byte, the index of its character's role."""
    return bytes(_ROLES.index(_role(character)) for character in _ASCII + _upper_half(encoding))


@cache
def _neighbours(encoding: str) -> tuple[dict[int, frozenset[int]], dict[int, frozenset[int]]]:
    """Bytes of characters that stand beside certain others only: what may precede and follow."""
    letters: dict[str, set[int]] = defaultdict(set)
    for byte, c in enumerate(_ASCII + _upper_half(encoding)):
        letters[c.lower() if c.isalpha() else "\n"].add(byte)

    def allowed(rules: Mapping[str, Iterable[str]]) -> dict[int, frozenset[int]]:
        return {
            byte: frozenset().union(*(letters[c] for c in rules[small] if c in letters))
            for small in rules
            for byte in letters.get(small, ())
        }

    return allowed(_LEADERS), allowed(_FOLLOWERS)


@cache
def _tones(encoding: str) -> tuple[frozenset[int], frozenset[int]]:
    """Bytes of combining characters, and those of the letters that have them."""
    characters = list(enumerate(_ASCII + _upper_half(encoding)))
    tones = frozenset(byte for byte, c in characters if combining(c))
    return tones, frozenset(byte for byte, c in characters if c.lower() in _WITH_TONE)


def _shape_bits(
    pairs: Mapping[tuple[int, int], int], sides: Sequence[bytes], encoding: str
) -> tuple[float, float, float]:
    """What is unlikely in a text of any language: capitals inside words and wedged symbols,
    ASCII letters beside others, and letters above ASCII that stand alone.

    Args:
        pairs: how often each byte stands before each other one.
        sides: the bytes before those above ASCII, themselves, and the bytes after them.
        encoding: in which each byte is a character.
    """
    inside = stranger = crowd = capitals = 0.0
    leaders, followers = _neighbours(encoding)
    tones, vowels = _tones(encoding)
    for (one, other), times in pairs.items():
        if one in followers and other not in followers[one]:
            inside += MISPLACED_BITS * times
        if other in leaders and one not in leaders[other]:
            inside += MISPLACED_BITS * times
        if other in tones and one not in vowels:
            inside += BROKEN_BITS * times
    roles = _roles(encoding)
    kinds = Counter(zip(*(side.translate(roles) for side in sides), strict=True))
    for place, times in kinds.items():
        before, here, after = _ROLES[place[0]], _ROLES[place[1]], _ROLES[place[2]]
        if here.isalpha():
            if (before.islower() and here.isupper()) or (here.islower() and after.isupper()):
                inside += CAPITAL_INSIDE_BITS * times
            elif here.isupper():
                turns = before.isupper() and after.islower()
                capital = CAPITAL_BITS if not before.isalpha() else CAPITAL_NEXT_BITS
                inside += CAPITALS_END_BITS * turns * times
                capitals += capital * (not turns) * times
            if before == "#" or after == "#":
                inside += WEDGED_BITS * times
            if before in "aA" or after in "aA":
                stranger += STRANGER_BITS * times
            elif not before.isalpha() and not after.isalpha():
                numbered = before.isdigit() or after.isdigit()
                crowd += (NUMBERED_BITS if numbered else ALONE_BITS) * times
                stranger += ALONE_BITS * (1 + after.isdigit()) * times
        elif after.isalpha() and not combining(here):
            allowed = "’·" if before.isalpha() else "“·"
            inside += WEDGED_BITS * (here not in allowed) * times
    return inside + min(capitals, MOST_CAPITAL_BITS), stranger, crowd


_CLOSERS = {"‘": "’", "“": "”", "„": "“”", "«": "»", "‹": "›"}


@cache
def _quotes(encoding: str) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """The bytes of opening quotes, and those of the quotes that close each."""
    characters = _upper_half(encoding)
    return tuple(
        (0x80 + characters.index(c), tuple(0x80 + characters.index(d) for d in closers))
        for c, closers in _CLOSERS.items()
        if c in characters and all(d in characters for d in closers)
    )


def _unclosed_bits(counts: Mapping[int, int], encoding: str) -> float:
    """What opening quotes cost that nothing closes: there, capitals stand in other encodings."""
    return UNCLOSED_BITS * sum(
        max(0, counts[opener] - sum(counts[c] for c in closers))
        for opener, closers in _quotes(encoding)
        if counts[opener]
    )


def _pair_of_letters_bits(pairs: Mapping[tuple[int, int], int], encoding: str, words: str) -> float:
    """What pairs of letters cost that are not usual side by side; nothing where none is known."""
    if not words:
        return 0.0
    usual, table = _usual_pairs(words), _plain_letters(encoding)
    return UNUSUAL_PAIR_BITS * sum(
        n
        for (a, b), n in pairs.items()
        if (one := table[a]) and (other := table[b]) and one + other not in usual
    )


def _beside_bits(pairs: Sequence[tuple[int, int, int]], encoding: str, letters: Alphabet) -> float:
    """What is unusual beside letters above ASCII, the ends of words included."""
    usual, known = _usual_beside(letters.language)
    table = _small_letters(encoding)
    bits = 0.0
    for a, b, n in pairs:
        one, other = table[a], table[b]
        if one + other not in usual:
            for c in (one, other):
                if not c.isascii():
                    bits += n * (UNUSUAL_BESIDE_BITS if c in known else UNKNOWN_BESIDE_BITS)
    return bits


@cache
def _small_letters(encoding: str) -> tuple[str, ...]:
    """By byte, its small letter; a line end for what is none."""
    characters = _ASCII + _upper_half(encoding)
    return tuple(
        c.lower() if c.lower() != c.upper() and c not in "µİ" else "\n" for c in characters
    )


@cache
def _usual_beside(language: str) -> tuple[frozenset[str], frozenset[str]]:
    """Pairs of a letter above ASCII and the one beside it, and the letters above ASCII of them."""
    languages = _WESTERN if language in _OF_MANY else (language,)
    words = [w for name in languages for w in LATIN_WORDS.get(name, "").split()]
    pairs = {a + b for a, b in pairwise("\n".join(["", *words, ""])) if not (a + b).isascii()}
    return frozenset(pairs), frozenset(c for c in "".join(pairs) if not c.isascii())


_OF_MANY = frozenset({"English", "several languages"})
_WESTERN = tuple(a.language for a in ALPHABETS if a.encodings == WESTERN)


@cache
def _plain_letters(encoding: str) -> tuple[str, ...]:
    """By byte, its letter as ``_plain`` writes it; ``''`` for what is none."""
    characters = map(_plain, _ASCII + _upper_half(encoding))
    return tuple(character if character.isalpha() else "" for character in characters)


@cache
def _usual_pairs(words: str) -> frozenset[str]:
    return frozenset(a + b for word in _plain(words).split() for a, b in pairwise(word))


def _plain(text: str) -> str:
    """Small letters without accents: capitals are written without in Greek."""
    return text.lower().translate(_WITHOUT_ACCENTS)


# --- Chinese, Japanese, Korean: two bytes a character ---

COMMON_BITS = 7.0
"""A frequent character; of the others, those in the first part of a code table are commoner."""
STRANGE_BITS = 60.0
"""A character of more than two bytes."""
_HALF_KANA_BITS = 9.0
_KANA_ALONE = re.compile("(?<![\uff61-\uff9f])[\uff61-\uff9f](?![\uff61-\uff9f])")
"""A kana of half width with no other one beside it."""
_LEAST_PAIR_BITS = 6.5
"""No character costs less."""


def _by_pairs(raw: bytes) -> Iterable[_Guess]:
    """What the characters cost at least, under every encoding of pairs."""
    for script in SCRIPTS:
        for encoding in script.encodings:
            text = _decoded(raw, encoding)
            broken = text.count("\ufffd")
            others = len(text) - len(text.encode("ascii", "ignore")) - broken
            least = SCRIPT_BITS + BROKEN_BITS * broken + _LEAST_PAIR_BITS * others
            yield _Guess(encoding, script, least)
            if not broken:
                break


def _pair_bits(text: str, encoding: str, script: Script) -> float:
    bits = SCRIPT_BITS + STRANGER_BITS * len(_KANA_ALONE.findall(text))
    for character, count in Counter(text).items():
        if character.isascii():
            continue
        if character == "\ufffd":
            bits += BROKEN_BITS * count
        elif not character.isprintable():
            bits += CONTROL_BITS * count
        elif character in script.common:
            bits += COMMON_BITS * count
        else:
            code = character.encode(encoding, errors="replace")
            if len(code) == 2:
                bits += script.cost(code[0], code[1]) * count
            else:
                bits += (_HALF_KANA_BITS if len(code) == 1 else STRANGE_BITS) * count
    return bits
