# ruff: noqa: RUF001 -- letters that look like others are the subject here
"""Encodings, from a byte order mark to a single high byte after megabytes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lakefall.contract.errors import EmptyFileError, EncodingError, NotTextError
from lakefall_plugins.formats.csv.encoding.detection import detect_encoding

FRENCH = "Département;élève;français\nÎle-de-France;Zoë;où\nRhône;Gaël;déjà\nCôte-d’Or;naïf;forêt\n"
GERMAN = "Straße;Größe;Mädchen\nKönigsstraße;fünf;Lübeck\nMünchen;schön;Käse\n"
POLISH = "województwo;łódź;święto\nŚląsk;część;źródło\nMałopolska;być może;piątek\n"
CZECH = "příjmení;město;čtvrť\nDvořák;Plzeň;žlutý kůň\nNěmcová;Třebíč;šťastný\n"
TURKISH = "ülke;şehir;gün\nTürkiye;İstanbul;çarşamba\nIğdır;Muğla;öğle\n"
RUSSIAN = "город;страна;язык\nМосква;Россия;русский\nКазань;Татарстан;татарский\n"
UKRAINIAN = "місто;країна;мова\nКиїв;Україна;українська\nЇжакове;Європа;перша\n"
GREEK = "πόλη;χώρα;γλώσσα\nΑθήνα;Ελλάδα;ελληνικά\nΘεσσαλονίκη;Μακεδονία;ώρα\n"
HEBREW = "עיר;מדינה;שפה\nירושלים;ישראל;עברית\nחיפה;צפון;ערבית\n"
ARABIC = "مدينة;بلد;لغة\nالقاهرة;مصر;العربية\nبغداد;العراق;الكردية\n"
THAI = "เมือง;ประเทศ;ภาษา\nกรุงเทพ;ไทย;ไทย\nเชียงใหม่;ไทย;เหนือ\n"
JAPANESE = "都市;国;言語\n東京;日本;日本語\nニューヨーク;アメリカ;えいご\n大阪;にほん;ひらがな\n"
CHINESE = "城市;国家;语言\n北京;中国;中文\n上海;中国;上海话\n广州;中国;粤语\n"
TAIWAN = "城市;國家;語言\n臺北;臺灣;中文\n高雄;臺灣;閩南語\n臺中;臺灣;客家話\n"
KOREAN = "도시;나라;언어\n서울;대한민국;한국어\n부산;대한민국;영어\n"

LEGACY = [
    *((FRENCH, e) for e in ("cp1252", "mac_roman")),
    *((GERMAN, e) for e in ("cp1252", "latin-1", "cp850", "mac_roman")),
    *((POLISH, e) for e in ("cp1250", "iso8859-2", "cp852")),
    *((CZECH, e) for e in ("cp1250", "iso8859-2", "cp852")),
    *((TURKISH, e) for e in ("cp1254", "iso8859-9")),
    *((RUSSIAN, e) for e in ("cp1251", "koi8-r", "iso8859-5", "cp866", "mac_cyrillic")),
    *((UKRAINIAN, e) for e in ("cp1251", "koi8-u", "iso8859-5")),
    *((GREEK, e) for e in ("cp1253", "iso8859-7")),
    (HEBREW, "cp1255"),
    (ARABIC, "cp1256"),
    (THAI, "cp874"),
    *((JAPANESE, e) for e in ("shift_jis", "euc_jp")),
    *((CHINESE, e) for e in ("gb2312", "gbk", "gb18030")),
    (TAIWAN, "big5"),
    *((KOREAN, e) for e in ("euc_kr", "cp949")),
]


def write(folder: Path, raw: bytes) -> Path:
    path = folder / "file.csv"
    path.write_bytes(raw)
    return path


def read_back(folder: Path, raw: bytes) -> str:
    return raw.decode(detect_encoding(write(folder, raw)).name)


@pytest.mark.parametrize(("text", "encoding"), LEGACY, ids=lambda value: value.strip()[:6])
def test_legacy_text_is_read_back(tmp_path: Path, text: str, encoding: str) -> None:
    assert read_back(tmp_path, text.encode(encoding)) == text


def test_many_amounts_are_no_greek(tmp_path: Path) -> None:
    text = "".join(f"{n};£{n * n * 37}\n" for n in range(200))
    assert read_back(tmp_path, text.encode("cp1252")) == text


@pytest.mark.parametrize(
    "text", ["£1,200.50", "5°C", "“so”", "don’t", "café", "10 €", "½", "25–30"]
)
def test_a_few_western_signs_in_english_are_cp1252(tmp_path: Path, text: str) -> None:
    assert read_back(tmp_path, f"a;b\n1;{text}\n".encode("cp1252")) == f"a;b\n1;{text}\n"


KINDS = {
    "Cyrillic in capitals": ("1|ИВАНОВ|МОСКВА\n2|ПЕТРОВ|КАЗАНЬ\n", "cp1251"),
    "Cyrillic in capitals, DOS": ("1;СМИРНОВА;ВОРОНЕЖ\n2;ФЁДОРОВ;УФА\n", "cp866"),
    "Greek in capitals": ("1;ΠΑΠΑΔΟΠΟΥΛΟΣ;ΑΘΗΝΑ\n2;ΓΕΩΡΓΙΟΥ;ΠΑΤΡΑ\n", "cp1253"),
    "Bulgarian": ("1,Иванов,Търново\n2,Щъркел,Русе\n", "cp1251"),
    "several western languages": ("Søren\nMálaga\nBrûlée\nGröße\nInês\nPeña\n", "cp1252"),
    "a caron that is a sign elsewhere": ("Škoda\nŽák\nPlzeň\nTřebíč\n", "iso8859-2"),
    "Slovak, whose letters are Latvian elsewhere": ("Tóth\nŠimko\nĎurica\n", "iso8859-2"),
    "Slovak, whose letters are French elsewhere": ("Tóth\nĎurica\nBanská\nKováč\n", "cp1250"),
    "Slovak, whose letters are signs elsewhere": ("Tóth\nĽubica\nNováková\n", "iso8859-2"),
    "Czech that could be Danish": ("Dvořák\nČeské\n", "cp1250"),
    "Hungarian that could be Estonian": ("LŐRINC\nGYŐR\nSZABÓ\n", "cp1250"),
    "Hungarian that could be Portuguese": ("Tóth\nLőrinc\n", "cp1250"),
    "Danish that could be Czech": ("Køge\nOù\nNoël\n", "cp1252"),
    "Italian that could be Czech": ("Gaëlle\nCosì\nCrème\n", "cp1252"),
    "Italian that could be Vietnamese": ("Muñoz\nLunedì\nSimões\nCittà\n", "cp1252"),
    "Russian capitals that could be Greek": ("ПЕРМЬ\nСАМАРА\nМОСКВА\nВОРОНЕЖ\n", "koi8-r"),
    "Greek capitals without accents": ("ΒΟΛΟΣ\nΝΙΚΟΛΑΟΥ\nΧΑΝΙΑ\n", "cp1253"),
    "capitals with carons": ("ŠIMKO\nŽILINA\nPREŠOV\n", "cp1250"),
    "Turkish capitals": ("ESKİŞEHİR\nMUĞLA\nÇELİK\n", "cp1254"),
    "one Turkish letter that is Macintosh's": ("Şahin\nİstanbul\nİzmir\n", "cp1254"),
    "one Portuguese letter that is Romanian elsewhere": ("Guimarães\nGöteborg\n", "cp1252"),
    "one Slovak letter that is Macintosh's": ("Šimko\nŠtefan\n", "cp1250"),
    "Croatian ends that are Danish elsewhere": ("Jurić\nGrgić\n", "iso8859-2"),
    "Polish that could be Portuguese": ("Kraków\nCzęstochowa\n", "cp1250"),
    "Bulgarian that could be Greek": ("Русе\nГълъб\n", "cp1251"),
    "Macintosh's capitals that are opening quotes": ("Самара\nСидоров\n", "mac_cyrillic"),
    "Bulgarian capitals that could be small": ("ПЛЕВЕН\nЯМБОЛ\nГЪЛЪБ\n", "cp1251"),
}


@pytest.mark.parametrize(("text", "encoding"), KINDS.values(), ids=KINDS)
def test_names_in_any_case_are_read_back(tmp_path: Path, text: str, encoding: str) -> None:
    assert read_back(tmp_path, text.encode(encoding)) == text


def test_letters_that_may_be_those_of_two_encodings_are_a_doubt(tmp_path: Path) -> None:
    raw = "id,name\n1,Örebro\n2,Köln\n3,Simões\n4,Belém\n".encode("cp1252")
    found = detect_encoding(write(tmp_path, raw))
    assert found.confidence < 0.9
    assert {found.name, found.second} == {"cp1252", "cp1250"}
    assert "'Simões'" in found.evidence[-1]
    assert "'Simőes'" in found.evidence[-1]


@pytest.mark.parametrize(("text", "encoding"), LEGACY, ids=lambda value: value.strip()[:6])
def test_a_dozen_words_leave_no_doubt(tmp_path: Path, text: str, encoding: str) -> None:
    found = detect_encoding(write(tmp_path, text.encode(encoding)))
    assert found.confidence >= 0.9
    assert not found.second


@pytest.mark.parametrize(
    ("codec", "name"), [("iso2022_jp", "ISO-2022-JP"), ("iso2022_kr", "ISO-2022-KR")]
)
def test_escape_sequences_are_refused_by_name(tmp_path: Path, codec: str, name: str) -> None:
    text = "id,name\n" + "1,plain\n" * 20 + ("2,東京\n" if codec.endswith("jp") else "2,서울\n")
    with pytest.raises(EncodingError, match=f"{name}.*not supported"):
        detect_encoding(write(tmp_path, text.encode(codec)))


@pytest.mark.parametrize(
    "encoding",
    ["utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"],
)
@pytest.mark.parametrize("text", [FRENCH, RUSSIAN, CHINESE, "a,b\n1,2\n"], ids=lambda t: t[:3])
def test_unicode_with_and_without_mark(tmp_path: Path, text: str, encoding: str) -> None:
    assert read_back(tmp_path, text.encode(encoding)) == text


def test_the_mark_is_named(tmp_path: Path) -> None:
    assert detect_encoding(write(tmp_path, b"\xef\xbb\xbfa,b\n")).name == "utf-8-sig"
    assert detect_encoding(write(tmp_path, b"\xfe\xff\0a\0,\0b")).name == "utf-16"


def test_ascii_is_utf8(tmp_path: Path) -> None:
    assert detect_encoding(write(tmp_path, b"a,b\n1,2\n")).name == "utf-8"


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_the_first_high_byte_may_come_late(tmp_path: Path, encoding: str) -> None:
    raw = b"a,b\n" + b"1,2\n" * 600_000 + "Zoë,déjà\n".encode(encoding)
    assert detect_encoding(write(tmp_path, raw)).name == encoding


def test_bytes_that_come_late_may_change_the_answer(tmp_path: Path) -> None:
    """The first high bytes read like cp1252, which does not know the last ones."""
    head = "dort,café,káva,čaj\n".replace("č", "c") * 40_000
    tail = "Ťažký,Šťastný,Źródło\n" * 2_000
    raw = head.encode("cp1250") + tail.encode("cp1250")
    assert detect_encoding(write(tmp_path, head.encode("cp1250"))).name == "cp1252"
    found = detect_encoding(write(tmp_path, raw))
    assert raw.decode(found.name) == head + tail
    assert "does not know" in found.evidence[-1]


def test_a_byte_that_no_likely_encoding_knows_changes_nothing(tmp_path: Path) -> None:
    raw = FRENCH.encode("cp1252") * 2000 + b"\x81\x8d\x8f\x90\x9d,x\n"
    assert detect_encoding(write(tmp_path, raw)).name == "cp1252"


def test_a_sequence_across_blocks_is_whole(tmp_path: Path) -> None:
    for shift in range(4):
        raw = b"x" * ((1 << 20) - shift) + "€uro\n".encode() * 3
        assert detect_encoding(write(tmp_path, raw)).name == "utf-8"


def test_a_few_damaged_bytes_leave_it_utf8(tmp_path: Path) -> None:
    found = detect_encoding(write(tmp_path, "é,ü\n".encode() * 50 + b"\xff,\xe9x\n"))
    assert found.name == "utf-8"
    assert "damage" in found.evidence[0]


NO_TEXT = {
    "PNG": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "workbook": b"PK\x03\x04" + bytes(range(256)),
    "Parquet": b"PAR1" + bytes(range(64)),
    "gzip": b"\x1f\x8b\x08" + bytes(20),
    "zero": bytes(1000),
    "are zero": b"\x00\x01\x02",
    "of the first 6 bytes": b"\x00\x00\x00\x01\x02\x03",
    "control": bytes(range(32)) * 40,
}


@pytest.mark.parametrize(("word", "raw"), NO_TEXT.items())
def test_binary_data_is_refused_by_name(tmp_path: Path, word: str, raw: bytes) -> None:
    with pytest.raises(NotTextError, match=rf"file\.csv: .*{word}"):
        detect_encoding(write(tmp_path, raw))


@pytest.mark.parametrize("text", ["PAR1,ORC\n1,2\n", "%PDF-,x\n", "MZ,BZh\n1,2\n"])
def test_a_column_may_be_named_like_a_signature(tmp_path: Path, text: str) -> None:
    assert detect_encoding(write(tmp_path, text.encode())).name == "utf-8"


def test_single_zero_bytes_are_text(tmp_path: Path) -> None:
    assert detect_encoding(write(tmp_path, b"a,b\n1,x\x00y\n" * 20)).name == "utf-8"


def test_a_given_encoding_is_checked_by_name_only(tmp_path: Path) -> None:
    path = write(tmp_path, b"a,\xe9\n")
    assert detect_encoding(path, "koi8-r").name == "koi8-r"
    with pytest.raises(EncodingError, match=r"orders/a\.csv: .*'foo'"):
        detect_encoding(path, "foo", "orders/a.csv")


def test_no_bytes(tmp_path: Path) -> None:
    with pytest.raises(EmptyFileError):
        detect_encoding(write(tmp_path, b""))


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(text=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=200))
def test_any_utf8_is_utf8(tmp_path: Path, text: str) -> None:
    assert detect_encoding(write(tmp_path, f"a,b\n{text}".encode())).name in ("utf-8", "utf-8-sig")


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(raw=st.binary(min_size=1, max_size=300))
def test_any_bytes_get_a_codec_or_a_reason(tmp_path: Path, raw: bytes) -> None:
    try:
        found = detect_encoding(write(tmp_path, raw))
    except NotTextError:
        return
    raw.decode(found.name, errors="replace")
    assert found.evidence
