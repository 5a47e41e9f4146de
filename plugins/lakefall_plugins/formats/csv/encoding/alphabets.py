# ruff: noqa: RUF001 -- letters that look like others are the subject here
"""Letters above ASCII, by language, the most frequent first; and the encodings they come in.

Upper-case letters follow from the lower-case ones. The orders are those of common letter
frequency tables; only the rough rank matters. Of Chinese, Japanese and Korean the most frequent
characters are listed.
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

SIMPLIFIED = (
    "的一是不了人我在有他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可里后小么心多天"
    "而能好都然没日于起还发成事只作当想看文无开手十用主行方又如前所本见经头面公同三已老从动两长知民样现分将外但身"
    "些与高意进把法此实回二理美点月明其种声全工己话儿者向情部正名定女问力机给等几很业最间新什打便位因重被走电四第"
    "门相次东政海口使教西再平真北少并内加由军产先山五太水市场师书比住员九华报立万张原车白路期期京务江区县省城街号"
    "王李刘陈杨赵黄周吴徐孙胡朱林何郭马罗梁宋郑谢韩唐冯董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘"
)
TRADITIONAL = (
    "的一是不了人我在有他這中大來上國個到說們為子和你地出道也時年得就那要下以生會自著去之過家學對可裡後小麼心多天"
    "而能好都然沒日於起還發成事只作當想看文無開手十用主行方又如前所本見經頭面公同三已老從動兩長知民樣現分將外但身"
    "些與高意進把法此實回二理美點月明其種聲全工己話兒者向情部正名定女問力機給等幾很業最間新什打便位因重被走電四第"
    "門相次東政海口使教西再平真北少並內加由軍產先山五太水市場師書比住員九華報立萬張原車白路期京務江區縣省城街號臺"
    "灣王李劉陳楊趙黃周吳徐孫胡朱林何郭馬羅梁宋鄭謝韓唐馮董蕭程曹袁鄧許傅沈曾彭呂蘇盧蔣蔡賈丁魏薛葉閻余潘高雄臺南"
)
JAPANESE = (
    "日一国人年大十二本中長出三時行見月後前生五間上東四今金九入学高円子外八六下来気小七山話女北午百書先名川千水半"
    "男西電校語土木聞食車何南万毎白天母火右読友左休父雨会同事自社発者地業方新場員立開手力問代明動京目通言理体田主"
    "題意不作用度強公持野以思家世多正安院心界教文元重近考画海売知道集別物使品計死特私始朝運終台広住無真有口少町料"
    "工建空急止送切転研足究楽起着店病質待試族銀早映親験英医仕去味写字答夜音注帰古歌買悪図週室歩風紙黒花春赤青館屋"
    "色走秋夏習駅洋旅服夕借曜飲肉貸堂鳥飯勉冬昼茶弟牛魚兄犬妹姉漢村市島県区府都郡原井林森石橋松池藤佐伊加和福岡"
    "名古神奈崎津浜宮城阪良美吉岩平浦辺斎渡清内沢谷江成永坂阿部丸徳尾熊鹿児愛媛香茨栃埼群馬富潟梨岐阜静重滋賀兵庫"
)
KOREAN = (
    "이다가는의에을를하고지한도로서기사자인시나리일아어대해정수전부그보들장주제공원동생구과경상무관연성선화우문신만국"
    "있라오소게세미안조유니여용비위방개분실학면중거내마간회등모진년없조당것교적민물저입재물체심러차산려운스말점결계"
    "감치판단본활양음호역트드김박최강윤임권황송홍고손배백허남노하곽차구군시읍동로길번가남북서울부산대구인천광주대전"
)
