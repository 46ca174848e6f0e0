"""Words a server does not want in prompts: found through disguises, never inside innocent words.

Pure. A rule is a word or a phrase, which is found as a whole word (with a plural s); `*` at its end
lets it go on (`gore*` finds gorefest). Text is first made plain (`plain`): width, case, accents,
hidden signs and look-alike letters go. What is left of the tricks is in the pattern of each rule:
figures and signs for letters, letters drawn out, stars over letters, signs or spaces between all of
them. Rules in scripts without spaces are found anywhere.
"""

import functools
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

LONGEST = 60
MOST = 500
"""Words of one server."""


class Weight(StrEnum):
    """What a word does, from nothing to most; `allow` takes a word of the default list away."""

    ALLOW = "allow"
    WARN = "warn"
    REFUSE = "refuse"
    LOG = "log"


WEIGHTS = tuple(Weight)
DEFAULTS: Mapping[str, Weight] = {
    "child porn": Weight.LOG,
    "child nude": Weight.LOG,
    "jailbait": Weight.LOG,
    "lolicon": Weight.LOG,
    "shotacon": Weight.LOG,
    "nigger": Weight.LOG,
    "faggot": Weight.LOG,
    "porn*": Weight.REFUSE,
    "hentai": Weight.REFUSE,
    "儿童色情": Weight.LOG,
    "色情": Weight.REFUSE,
    "gore": Weight.WARN,
}
"""What holds on every server that has not said otherwise."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule that found something, and what it found in the plain text."""

    word: str
    weight: Weight
    found: str


# -- making plain ---------------------------------------------------------------------------------

_LOOK_ALIKE = {
    "a": "аαɑᴀ𐌀Ꭺꭺ🅰🄰",
    "b": "вьʙᏏƀ🅱",
    "c": "сϲᴄⅽ¢©ƈ🅲",
    "d": "ԁᴅđɗ🅳",
    "e": "еєεҽᴇɛəɘ🅴",
    "f": "ꜰƒϝ🅵",
    "g": "ɡɢԍցǥ🅶",
    "h": "һнʜħհ🅷",
    "i": "іıɪιɩӏ🅸",
    "j": "јᴊɉ🅹",
    "k": "кκᴋқҡƙ🅺",
    "l": "ʟłⅼǀ🅻",
    "m": "мᴍɱ🅼",
    "n": "пոɴηŋɲ🅽",
    "o": "оοσөᴏøօ🅾",
    "p": "рρᴘþ🅿",
    "q": "ԛɋ🆀",
    "r": "гʀɾя🆁",
    "s": "ѕꜱʂ🆂",
    "t": "тτᴛŧƭ🆃",
    "u": "υᴜʊцս🆄",
    "v": "ѵνᴠ🆅",
    "w": "ѡωᴡɯ🆆",
    "x": "хχ×🆇",
    "y": "уүʏγ🆈",
    "z": "ᴢʐƶ🆉",
}
_PLAIN = {ord(sign): letter for letter, signs in _LOOK_ALIKE.items() for sign in signs}
_PLAIN |= {0x1F1E6 + place: chr(ord("a") + place) for place in range(26)}  # 🇦 …
_GONE = {"Mn", "Me", "Cf", "Cc"}
_NO_SPACES = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uac00-\ud7af\U00020000-\U0003ffff]")


def plain(text: str) -> str:
    """Return the text without case, width, accents, hidden signs and look-alikes."""
    spaced = "".join(" " if sign.isspace() else sign for sign in text)
    wide = unicodedata.normalize("NFKC", spaced).casefold()
    bare = unicodedata.normalize("NFD", wide.translate(_PLAIN))
    kept = "".join(sign for sign in bare if unicodedata.category(sign) not in _GONE)
    return unicodedata.normalize("NFC", kept.translate(_PLAIN))


# -- patterns -------------------------------------------------------------------------------------

_ALSO = {
    "a": "4@",
    "b": "8",
    "c": "(",
    "e": "3€",
    "g": "9",
    "i": "1!|",
    "l": "1|",
    "o": "0",
    "s": "5$",
    "t": "7+",
    "u": "vµ",
    "z": "2",
}
_JOINT = r"[._\-~·•/\\]{0,2}"
_APART = r"[\W_]{1,3}"
_BEFORE = r"(?<![^\W_])(?<![^\W_]['’])"
_AFTER = r"(?:e?s)?(?![^\W_])(?!['’](?!s\b)[^\W_])"
_SOLITARY = frozenset("aiouy")
"""Letters that are words, or endings of words, of their own."""
_HIDDEN = "*#%"
_WEIGHTS_OF_PARTS = re.compile(r":{1,2}-?[0-9]*\.?[0-9]+|[()]")
"""What a prompt may weigh its parts with, as in `(fox:1.2)`: it hides no word either."""


def _letter(sign: str, times: int) -> str:
    """Match one letter of a rule, as often as it stands there."""
    return f"[{re.escape(sign + _ALSO.get(sign, '') + _HIDDEN)}]" * times


def _runs(word: str, *, long: bool) -> list[str]:
    """The letters of a word, equal neighbours together, each as it is or drawn out.

    Drawn out is three times and more: `good` is not `god`. In longer words two vowels are enough.
    """
    runs = []
    for run in (match[0] for match in re.finditer(r"(.)\1*", word)):
        sign, times = run[0], len(run)
        ways = [_letter(sign, times)]
        if sign.isalpha():
            least = times + 1 if times > 1 or (long and sign in "aeiou") else 3
            ways.append(f"{sign}{{{least},}}")
        if run == "f":
            ways.append("ph")
        runs.append(f"(?:{'|'.join(ways)})")
    return runs


def _word(word: str) -> str:
    """Match a word whole, with joints, with every letter apart, or with an end letter apart."""
    long = len(word) > 3
    solid = _JOINT.join(_runs(word, long=long))
    ways = [solid]
    if len(word) > 2:
        ways.append(_APART.join(_letter(sign, 1) for sign in word))
    if long and word.isalpha():
        if word[0] not in _SOLITARY:
            ways.append(rf"{word[0]}\s+{''.join(_runs(word[1:], long=long))}")
        if word[-1] not in _SOLITARY | {"s", word[-2]}:
            ways.append(rf"{''.join(_runs(word[:-1], long=long))}\s+{word[-1]}")
    return f"(?:{'|'.join(ways)})"


@functools.lru_cache(maxsize=4096)
def _pattern(rule: str) -> re.Pattern[str]:
    goes_on = rule.endswith("*")
    words = plain(rule.rstrip("*")).split()
    if any(_NO_SPACES.search(word) for word in words):
        return re.compile(r"[\W_]*".join(re.escape(sign) for sign in "".join(words)))
    body = r"[\W_]*".join(_word(word) for word in words)
    after = r"\w{0,30}" if goes_on else ""
    return re.compile(f"{_BEFORE}{body}{after}{_AFTER}")


def _meant(found: str, rule: str) -> bool:
    """Say whether enough real letters are left to mean the word: A55 is a road."""
    if _NO_SPACES.search(rule):
        return True
    letters = sum(sign.isalpha() for sign in found)
    signs = sum(sign.isalnum() or sign in "@$!|€+(*#%µ" for sign in found)
    return letters * 2 >= signs and found[0] not in _HIDDEN


# -- lists ----------------------------------------------------------------------------------------


def check_rule(text: str) -> str:
    """Return a word or phrase as it is kept, or "" if it could not be found in anything."""
    rule = " ".join(text.split()).casefold()
    letters = plain(rule.rstrip("*"))
    if len(rule) > LONGEST or "*" in rule.rstrip("*"):
        return ""
    useful = sum(sign.isalnum() for sign in letters)
    least = 1 if _NO_SPACES.search(letters) else 2
    return rule if useful >= least else ""


def effective(own: Mapping[str, Weight], *, defaults: bool = True) -> dict[str, Weight]:
    """Return what holds: the default list under a server's own words."""
    merged = {**(DEFAULTS if defaults else {}), **own}
    return {word: weight for word, weight in merged.items() if weight is not Weight.ALLOW}


def find(text: str, rules: Mapping[str, Weight]) -> list[Hit]:
    """Return what the rules find, the heaviest first."""
    readings = dict.fromkeys((plain(text), plain(_WEIGHTS_OF_PARTS.sub("", text))))
    hits = []
    for rule, weight in rules.items():
        pattern = _pattern(rule)
        found = (match[0] for bare in readings for match in pattern.finditer(bare))
        if (first := next((text for text in found if _meant(text, rule)), None)) is not None:
            hits.append(Hit(rule, weight, first.strip()))
    return sorted(hits, key=lambda hit: -WEIGHTS.index(hit.weight))


def read_list(lines: Iterable[str]) -> tuple[dict[str, Weight], list[str]]:
    """Read lines of `word` or `weight: word`; return them and the lines that make no sense."""
    words: dict[str, Weight] = {}
    wrong = []
    for line in lines:
        text = line.split("#", 1)[0].strip()
        if not text:
            continue
        head, colon, rest = text.partition(":")
        known = colon and head.strip().casefold() in {str(weight) for weight in Weight}
        weight = Weight(head.strip().casefold()) if known else Weight.REFUSE
        if rule := check_rule(rest if known else text):
            words[rule] = weight
        else:
            wrong.append(line.strip())
    return words, wrong
