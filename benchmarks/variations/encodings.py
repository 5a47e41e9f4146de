"""Kinds of files in legacy encodings."""
# ruff: noqa: RUF001 -- letters and marks that look like others are the subject here

from __future__ import annotations

from random import Random

from benchmarks.detection import values as v
from benchmarks.variations.running import Variation, kind
from benchmarks.variations.values import count_of, table

NAMES = {
    "Russian": """
        Иванов Петрова Сидоров Кузнецова Смирнов Васильев Михайлова Фёдоров Соколова Лебедев
        Москва Казань Омск Самара Екатеринбург Новосибирск Челябинск Воронеж Пермь Уфа
    """,
    "Ukrainian": """
        Шевченко Коваленко Бойко Ткаченко Мельник Київ Львів Одеса Харків Дніпро Вінниця Полтава
    """,
    "Bulgarian": """
        Иванов Георгиева Димитров Петрова Николов Тодорова Ангелов Стоянова София Пловдив Варна
        Бургас Русе Плевен Сливен Добрич Ямбол Хасково Велико Търново Щъркел Къща Гълъб Връх
    """,
    "Serbian": """
        Јовановић Петровић Николић Ђорђевић Марковић Београд Ниш Суботица Крагујевац Чачак Шабац
    """,
    "Greek": """
        Παπαδόπουλος Γεωργίου Ιωάννου Δημητρίου Αθήνα Θεσσαλονίκη Πάτρα Ηράκλειο Λάρισα Βόλος
        Ιωάννινα Χανιά Κωνσταντίνου Νικολάου
    """,
    "French": """
        Brûlée Hélène François Benoît Gaëlle Noël Orléans Besançon Périgueux Nîmes Crème Où
        Leçon
    """,
    "Spanish": """
        Málaga Peña Muñoz Núñez García Ibáñez Córdoba León Mérida Logroño Jaén Ávila Señor
    """,
    "Portuguese": """
        Inês João Conceição Gonçalves Simões Évora Setúbal Guimarães São Paulo Belém Açores
    """,
    "German": """
        Größe Müller Jäger Schröder Weiß Köln Düsseldorf München Lübeck Göttingen Straße Übung
    """,
    "Danish": """
        Søren Jørgensen Sørensen Kjær Åse Ærø Århus København Tønder Køge Næstved Møller
    """,
    "Swedish": """
        Åsa Björn Göran Märta Sjöberg Malmö Göteborg Västerås Örebro Linköping Gävle
    """,
    "Italian": """
        Nicolò Città Università Perché Forlì Cantù Libertà Qualità Caffè Così Lunedì
    """,
    "Czech": """
        Dvořák Černý Růžička Němec Šimek Žák Plzeň Ústí Šumperk Žďár Třebíč Písek České Škoda
    """,
    "Slovak": """
        Kováč Tóth Šimko Žilina Košice Prešov Ľubica Ďurica Nováková Piešťany Banská Štefan
    """,
    "Polish": """
        Wójcik Kowalczyk Zieliński Kamiński Dąbrowska Łódź Kraków Gdańsk Częstochowa Śląsk
        Świątek Żak
    """,
    "Croatian": """
        Kovačević Babić Jurić Šimić Žagar Đurić Šibenik Varaždin Požega Čakovec Grgić Škoro
    """,
    "Hungarian": """
        Nagy Tóth Szabó Kovács Győr Szűcs Lőrinc Pécs Székesfehérvár Kőbánya Fűzfő Örkény Ágnes
    """,
    "Turkish": """
        Yılmaz Şahin Çelik Öztürk Güneş İzmir İstanbul Muğla Eskişehir Şanlıurfa Kırıkkale Ağrı
    """,
}
CYRILLIC = ("Russian", "Ukrainian", "Bulgarian", "Serbian")
WESTERN = ("French", "Spanish", "Portuguese", "German", "Danish", "Swedish", "Italian")
LATIN_2 = ("Czech", "Slovak", "Polish", "Croatian", "Hungarian")
QUOTED = ("“{}”", "‘{}’", "it’s {}", "don’t {} it", "{}…", "{} – {}", "{} — {}", "({}™)", "{}’s {}")
UNITS = (
    *(
        "5 µm",
        "20 × 30",
        "€ 15",
        "15 €",
        "£512",
        "£23,705",
        "§ 12",
        "12°",
        "±5 %",
        "5\u00a0kg",
        "½ {}",
        "25 m²",
    ),
    *("© {}", "{}®"),
)


def words(chance: Random, *languages: str) -> list[str]:
    every = [word for language in languages for word in NAMES[language].split()]
    few = chance.sample(every, min(len(every), chance.randrange(3, 16)))
    return [chance.choice(few) for _ in range(max(4, count_of(chance)))]


def names_in(chance: Random, encoding: str, *languages: str, upper: bool = False) -> Variation:
    cells = words(chance, *languages)
    if upper:
        cells = [c.upper() for c in cells]
    return file_of(chance, cells, encoding)


def file_of(chance: Random, cells: list[str], encoding: str) -> Variation:
    return table(chance, {"name": cells}, encoding=encoding)


@kind
def punctuation_in_english(chance: Random) -> Variation:
    patterns = (*QUOTED, *UNITS)
    share = chance.choice([0.1, 0.5, 1.0])
    cells = []
    for n in range(max(3, count_of(chance))):
        pattern = chance.choice(patterns) if not n or chance.random() < share else "{}"
        cells.append(pattern.format(v.word(chance), v.word(chance)) + " " + v.word(chance))
    return file_of(chance, cells, "cp1252")


@kind
def one_mark(chance: Random) -> Variation:
    mark = chance.choice(
        [*QUOTED[:3], "5 µm {}", "{} × 3", "€ 5", "§ 5", "{}™", "{}…", "5\u00a0kg"]
    )
    cells = [
        mark.format(v.word(chance)) if not n else v.phrase(chance) for n in range(count_of(chance))
    ]
    return file_of(chance, cells, "cp1252")


@kind
def cyrillic(chance: Random) -> Variation:
    return names_in(chance, "cp1251", chance.choice(CYRILLIC))


@kind
def cyrillic_capitals(chance: Random) -> Variation:
    return names_in(chance, "cp1251", chance.choice(CYRILLIC), upper=True)


@kind
def cyrillic_of_other_systems(chance: Random) -> Variation:
    encoding = chance.choice(["koi8-r", "cp866", "iso8859-5", "mac_cyrillic"])
    return names_in(chance, encoding, "Russian", upper=chance.random() < 0.5)


@kind
def bulgarian(chance: Random) -> Variation:
    return names_in(chance, chance.choice(["cp1251", "cp1251", "iso8859-5"]), "Bulgarian")


@kind
def greek(chance: Random) -> Variation:
    return names_in(chance, chance.choice(["cp1253", "iso8859-7"]), "Greek")


@kind
def greek_capitals(chance: Random) -> Variation:
    cells = words(chance, "Greek")
    plain = str.maketrans("ΆΈΉΊΌΎΏ", "ΑΕΗΙΟΥΩ")
    return file_of(chance, [c.upper().translate(plain) for c in cells], "cp1253")


@kind
def western_names(chance: Random) -> Variation:
    return names_in(chance, "cp1252", *chance.sample(WESTERN, chance.randrange(1, 6)))


@kind
def latin_2(chance: Random) -> Variation:
    return names_in(chance, "iso8859-2", chance.choice(LATIN_2))


@kind
def central_european_windows(chance: Random) -> Variation:
    return names_in(chance, "cp1250", chance.choice(LATIN_2), upper=chance.random() < 0.3)


@kind
def turkish(chance: Random) -> Variation:
    return names_in(chance, "cp1254", "Turkish", upper=chance.random() < 0.3)


@kind
def escapes_of_iso_2022(chance: Random) -> Variation:
    cells = [chance.choice(["東京", "大阪", "山田太郎", "名古屋"]) for _ in range(count_of(chance))]
    made = table(chance, {"name": cells}, encoding="iso2022_jp")
    return Variation(made.data, made.header, made.rows, refused="(?i)iso-2022-jp")
