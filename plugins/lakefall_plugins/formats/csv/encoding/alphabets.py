# ruff: noqa: RUF001 -- letters that look like others are the subject here
"""Letters above ASCII, by language, the most frequent first; and the encodings they come in.

Upper-case letters follow from the lower-case ones. The orders are those of common letter
frequency tables; only the rough rank matters.
"""

from __future__ import annotations

from dataclasses import dataclass

WESTERN = ("cp1252", "iso8859-15", "mac_roman", "cp850")
CENTRAL = ("cp1250", "iso8859-2", "cp852", "mac_latin2")
BALTIC = ("cp1257", "iso8859-13", "iso8859-4", "cp775")
TURKISH = ("cp1254", "cp857", "mac_turkish")
GREEK = ("cp1253", "iso8859-7", "cp737", "mac_greek")
CYRILLIC = ("cp1251", "koi8-r", "koi8-u", "iso8859-5", "cp866", "mac_cyrillic", "cp855")


@dataclass(frozen=True, slots=True)
class Alphabet:
    """The letters above ASCII of a language."""

    language: str
    encodings: tuple[str, ...]
    """The likeliest first."""
    letters: str
    mixed: bool = True
    """The language also writes ASCII letters, in the same words."""


ALPHABETS: tuple[Alphabet, ...] = (
    Alphabet("English", WESTERN, "’£–“”°\u00a0é½€‘—•…²®©™³µ×¼¾·§öüáñçèíïóä±§"),
    Alphabet("French", WESTERN, "éèàêçùâôîûëïœæÿü"),
    Alphabet("Spanish", WESTERN, "óíáéñúü¡¿ºª"),
    Alphabet("Portuguese", WESTERN, "ãçáéíóêõâàúôüºª"),
    Alphabet("Catalan", WESTERN, "àóèéíçòúïü·"),
    Alphabet("German", WESTERN, "üäößéèáàôç"),
    Alphabet("Italian", WESTERN, "àèùòéìîóíáçêü"),
    Alphabet("Dutch", WESTERN, "ëéïèöüáóêçäô"),
    Alphabet("Swedish and Finnish", WESTERN, "äöåéüáèç"),
    Alphabet("Danish and Norwegian", WESTERN, "øåæéäöüòôóèê"),
    Alphabet("Icelandic", WESTERN, "íáðóþæéúýö"),
    Alphabet("Irish", WESTERN, "áéíóú"),
    Alphabet("Estonian", (*BALTIC, "cp1252", "iso8859-15"), "äõüöšžéåáíóçñã"),
    Alphabet("Latvian", BALTIC, "āīēšūžņļģķčōŗöäüé"),
    Alphabet("Lithuanian", BALTIC, "ėųšįžčūąęóé"),
    Alphabet("Polish", CENTRAL, "łąężóśćńźéöüáíčëäô"),
    Alphabet("Czech", CENTRAL, "íáéěýřžčšůúťňďóöüäôë"),
    Alphabet("Slovak", CENTRAL, "áíýéčžúšľôťňďäóĺŕöüë"),
    Alphabet("Hungarian", CENTRAL, "áéóöőíüúűäëčšž"),
    Alphabet("Croatian and Slovene", CENTRAL, "čšžćđéáíöüóëô"),
    Alphabet("Albanian", (*WESTERN, "cp1250"), "ëç"),
    Alphabet("Romanian", (*CENTRAL, "iso8859-16"), "ăîțșâţşéáöüóíçñ"),
    Alphabet("Turkish", TURKISH, "ıüğşçöİâîûéáñ"),
    Alphabet("Vietnamese", ("cp1258",), "\u0301đ\u0300ôưâ\u0323êăơ\u0309\u0303íáàúéèóùñç"),
    Alphabet("Greek", GREEK, "ατοιεσρνηπυκλμςάίέόήώδγθφβχωξψζύϊϋΐΰ", mixed=False),
    Alphabet("Russian", CYRILLIC, "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё", mixed=False),
    Alphabet("Ukrainian", CYRILLIC, "оаинвіретслкдумпязьбгчйхцжшїюєщфґ", mixed=False),
    Alphabet("Bulgarian", CYRILLIC, "аоиетнрсвлкдпмзбугъяцчжшщхюйфь", mixed=False),
    Alphabet("Serbian", CYRILLIC, "аоеинрстујвкдпмлгзбшчћњцжљхђфџ", mixed=False),
    Alphabet("Macedonian", CYRILLIC, "аоеитнрсвкдлпмујзгбшчцњжќхљѓфџѕ", mixed=False),
    Alphabet("Belarusian", CYRILLIC, "анраісеолкяутвдмызпьбўцгчшйжхюэёф", mixed=False),
    Alphabet(
        "Hebrew", ("cp1255", "iso8859-8", "cp862"), "יוהלארתבשמםנעדחקגפכטסזןצךףץ", mixed=False
    ),
    Alphabet(
        "Arabic",
        ("cp1256", "iso8859-6"),
        "اليمونرتةبدسفعكقحجهىأطشصخإضذغثزءئؤظآ،؟ـ",
        mixed=False,
    ),
    Alphabet("Persian", ("cp1256",), "ايرندمهوتبسلشکگزفعقحخجپچطصضذغثظآكئءژ\u200c،", mixed=False),
    Alphabet(
        "Thai",
        ("cp874",),
        "านรกอเงมยลวดทสตะปบคหแจพชขใไโผถฟณซธฐษฉญภศฮฝฌฎฏฑฒฤฆ"
        "\u0e31\u0e34\u0e35\u0e36\u0e37\u0e38\u0e39\u0e47\u0e48\u0e49\u0e4a\u0e4c\u0e4d\u0e33ๆฯ",
        mixed=False,
    ),
)
