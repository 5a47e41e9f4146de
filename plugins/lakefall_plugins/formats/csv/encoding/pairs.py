"""Encodings of two bytes a character: Chinese, Japanese, Korean.

What a character costs depends on how common it is: the most frequent ones are listed, and of the
others those are commoner that a code table has in its first part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

COMMON_BITS = 7.0
BROKEN_BITS = 40.0
"""A byte that the encoding does not know."""
STRANGE_BITS = 60.0
"""A character of more than two bytes."""
_HALF_KANA_BITS = 9.0

_SIMPLIFIED = (
    "的一是不了人我在有他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可里后小么心多天"
    "而能好都然没日于起还发成事只作当想看文无开手十用主行方又如前所本见经头面公同三已老从动两长知民样现分将外但身"
    "些与高意进把法此实回二理美点月明其种声全工己话儿者向情部正名定女问力机给等几很业最间新什打便位因重被走电四第"
    "门相次东政海口使教西再平真北少并内加由军产先山五太水市场师书比住员九华报立万张原车白路期期京务江区县省城街号"
    "王李刘陈杨赵黄周吴徐孙胡朱林何郭马罗梁宋郑谢韩唐冯董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘"
)
_TRADITIONAL = (
    "的一是不了人我在有他這中大來上國個到說們為子和你地出道也時年得就那要下以生會自著去之過家學對可裡後小麼心多天"
    "而能好都然沒日於起還發成事只作當想看文無開手十用主行方又如前所本見經頭面公同三已老從動兩長知民樣現分將外但身"
    "些與高意進把法此實回二理美點月明其種聲全工己話兒者向情部正名定女問力機給等幾很業最間新什打便位因重被走電四第"
    "門相次東政海口使教西再平真北少並內加由軍產先山五太水市場師書比住員九華報立萬張原車白路期京務江區縣省城街號臺"
    "灣王李劉陳楊趙黃周吳徐孫胡朱林何郭馬羅梁宋鄭謝韓唐馮董蕭程曹袁鄧許傅沈曾彭呂蘇盧蔣蔡賈丁魏薛葉閻余潘高雄臺南"
)
_JAPANESE = (
    "日一国人年大十二本中長出三時行見月後前生五間上東四今金九入学高円子外八六下来気小七山話女北午百書先名川千水半"
    "男西電校語土木聞食車何南万毎白天母火右読友左休父雨会同事自社発者地業方新場員立開手力問代明動京目通言理体田主"
    "題意不作用度強公持野以思家世多正安院心界教文元重近考画海売知道集別物使品計死特私始朝運終台広住無真有口少町料"
    "工建空急止送切転研足究楽起着店病質待試族銀早映親験英医仕去味写字答夜音注帰古歌買悪図週室歩風紙黒花春赤青館屋"
    "色走秋夏習駅洋旅服夕借曜飲肉貸堂鳥飯勉冬昼茶弟牛魚兄犬妹姉漢村市島県区府都郡原井林森石橋松池藤佐伊加和福岡"
    "名古神奈崎津浜宮城阪良美吉岩平浦辺斎渡清内沢谷江成永坂阿部丸徳尾熊鹿児愛媛香茨栃埼群馬富潟梨岐阜静重滋賀兵庫"
)
_KOREAN = (
    "이다가는의에을를하고지한도로서기사자인시나리일아어대해정수전부그보들장주제공원동생구과경상무관연성선화우문신만국"
    "있라오소게세미안조유니여용비위방개분실학면중거내마간회등모진년없조당것교적민물저입재물체심러차산려운스말점결계"
    "감치판단본활양음호역트드김박최강윤임권황송홍고손배백허남노하곽차구군시읍동로길번가남북서울부산대구인천광주대전"
)


@dataclass(frozen=True, slots=True)
class _Script:
    encodings: tuple[str, ...]
    """From the narrowest to the widest; the first that decodes is taken."""
    language: str
    common: frozenset[str]
    cost: Callable[[int, int], float]
    """Bits of a pair whose character is not among the common ones."""


def pair_guesses(raw: bytes) -> Iterable[tuple[str, str, float]]:
    """Encoding, language and bits of the text under every encoding of pairs."""
    for script in _SCRIPTS:
        for encoding in script.encodings:
            text = raw.decode(encoding, errors="replace")
            yield encoding, script.language, sum(_bits(text, encoding, script))
            if "\ufffd" not in text:
                break


def _bits(text: str, encoding: str, script: _Script) -> Iterable[float]:
    for character, count in Counter(c for c in text if c > "\x7f").items():
        if character == "\ufffd":
            yield BROKEN_BITS * count
            continue
        if character in script.common:
            yield COMMON_BITS * count
            continue
        code = character.encode(encoding, errors="replace")
        if len(code) == 2:
            yield script.cost(code[0], code[1]) * count
        else:
            yield (_HALF_KANA_BITS if len(code) == 1 else STRANGE_BITS) * count


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


_SCRIPTS = (
    _Script(("gbk", "gb18030"), "simplified Chinese", frozenset(_SIMPLIFIED), _gb),
    _Script(("big5", "cp950", "big5hkscs"), "traditional Chinese", frozenset(_TRADITIONAL), _big5),
    _Script(("cp949",), "Korean", frozenset(_KOREAN), _korean),
    _Script(("euc_jp",), "Japanese", frozenset(_JAPANESE), _euc_jp),
    _Script(("cp932",), "Japanese", frozenset(_JAPANESE), _shift_jis),
)
