"""The words a small model knows, and how a prompt is read with them; plain data, no torch.

A model folder may hold words.json: what the model was trained on (`known`), what means the same in
another language (`same`), what may be said and changes nothing (`silent`), what stands near a
known word (`near`), and what is a word but near to nothing (`foreign`). A prompt is read word by
word, longest phrases first: what is near is painted as its known neighbour, what is neither is
left out, and both can be told to the painter.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from engine.request import Request
from engine.source import EMBEDDED

LONGEST_PHRASE = 7  # words of English; characters of Chinese are looked at up to twice as many
ARTICLES = ("a", "an", "the")
_TAG = r"<[^<>]*>"
_HAN = "\u3400-\u4dbf\u4e00-\u9fff"
_LETTER = rf"[^\W\d_{_HAN}]"
_PIECE = re.compile(
    rf"({_TAG})|([A-Za-z]*[{_HAN}][A-Za-z{_HAN}]*)"
    rf"|((?:\d+-)?\d*{_LETTER}(?:{_LETTER}|\d)*(?:['\u2019]{_LETTER}+)?)"
)
"""A tag, a run of Chinese (T\u6064 is a word of it), or a word: 3d and 8-bit are, 16:9 is none."""
_BREAK = re.compile(r"[()\[\]]|::")
_BETWEEN = re.compile(r"[\s\-]*")


@dataclass(frozen=True, slots=True)
class Reading:
    """A prompt as the model paints it; what was painted as something near; what was left out."""

    text: str
    drawn_as: tuple[tuple[str, str], ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Phrases in lower case, words parted by single spaces.

    What a phrase is painted as may begin with a comma: then it is a setting, and said last, as in
    the captions the model learnt from.
    """

    known: frozenset[str]
    same: dict[str, str]
    silent: frozenset[str]
    near: dict[str, str]
    foreign: frozenset[str]

    def find(self, phrase: str) -> str | None:
        """The form of the phrase that is in one of the tables, or None."""
        tables = (self.known, self.same, self.silent, self.near, self.foreign)
        forms = tuple(_forms(phrase))
        return next((form for table in tables for form in forms if form in table), None)

    def paint(self, phrase: str) -> str | None:
        """What the phrase is painted as: itself, a neighbour, or None for nothing."""
        form = self.find(phrase)
        if form in self.known or form in self.silent:
            return phrase
        return None if form is None else self.same.get(form, self.near.get(form))

    def is_silent(self, phrase: str) -> bool:
        """Whether nothing is seen of it."""
        return plain_form(phrase) in self.silent or self.paint(phrase) == ""

    def is_near(self, phrase: str) -> bool:
        """Whether something else is painted in its place."""
        return self.find(phrase) in self.near


@cache
def open_vocabulary(path: Path) -> Vocabulary | None:
    """Read words.json, or None where a model has none."""
    if not path.exists():
        return None
    words = json.loads(path.read_text(encoding="utf-8"))
    known, silent, foreign = (frozenset(words[table]) for table in ("known", "silent", "foreign"))
    return Vocabulary(known, words["same"], silent, words["near"], foreign)


def read_request(request: Request) -> Reading:
    """Read a request's prompt as its model does; most models know every word."""
    vocabulary = open_vocabulary(EMBEDDED / "words.json") if request.model == "embedded" else None
    return read_prompt(request.prompt, vocabulary) if vocabulary else Reading(request.prompt)


def read_prompt(prompt: str, vocabulary: Vocabulary) -> Reading:
    """Read a prompt. Where no word of it is known it stays as it is: then anything may come."""
    pieces: list[str] = []
    settings: list[str] = []
    drawn_as: dict[str, str] = {}
    unknown: dict[str, None] = {}
    end, is_any_known = 0, False
    for start, stop in _spans(prompt, vocabulary):
        word, gap = prompt[start:stop], prompt[end:start]
        end = stop
        painted = vocabulary.paint(word)
        if settings and _BREAK.search(gap):
            pieces += settings
            settings = []
        if painted is None:
            unknown[word] = None
            if pieces and pieces[-1].lower() in ARTICLES:
                pieces[-1] = ""
        elif not vocabulary.is_silent(word):
            is_any_known = True
            if vocabulary.is_near(word):
                drawn_as[word] = painted.strip(" ,")
        if painted and painted.startswith(","):
            settings += [] if painted in settings else [painted]
            painted = ""
        pieces += [gap, painted or ""]
    tail = prompt[end:]
    pieces += [tail, *settings] if not _BREAK.search(tail) else [*settings, tail]
    is_changed = is_any_known and "".join(pieces) != prompt
    text = _tidy("".join(pieces)) if is_changed else prompt
    return Reading(text, tuple(drawn_as.items()), tuple(unknown))


def _spans(prompt: str, vocabulary: Vocabulary) -> Iterator[tuple[int, int]]:
    """Where the words of the prompt are, each of them as long as the vocabulary knows it."""
    words: list[tuple[int, int]] = []
    for piece in _PIECE.finditer(prompt):
        start, stop = piece.span()
        if piece[3] and words and _BETWEEN.fullmatch(prompt, words[-1][1], start):
            words.append((start, stop))
            continue
        yield from _longest(prompt, words, vocabulary)
        words = [(start, stop)] if piece[3] else []
        if piece[2]:
            yield from _characters(prompt, start, stop, vocabulary)
    yield from _longest(prompt, words, vocabulary)


def _longest(
    prompt: str, words: list[tuple[int, int]], vocabulary: Vocabulary
) -> Iterator[tuple[int, int]]:
    """Words that stand together, cut into the longest phrases of the vocabulary."""
    place = 0
    while place < len(words):
        start = words[place][0]
        counts = range(min(LONGEST_PHRASE, len(words) - place), 0, -1)
        ends = [words[place + count - 1][1] for count in counts]
        found = (
            (end, count)
            for end, count in zip(ends, counts, strict=True)
            if vocabulary.find(prompt[start:end])
        )
        end, count = next(found, (ends[-1], 1))
        yield start, end
        place += count


def _characters(
    prompt: str, start: int, stop: int, vocabulary: Vocabulary
) -> Iterator[tuple[int, int]]:
    """Chinese, where no space parts the words: the longest known ones, and what is between."""
    lost = place = start
    while place < stop:
        ends = range(min(place + 2 * LONGEST_PHRASE, stop), place, -1)
        words = (end for end in ends if vocabulary.find(prompt[place:end]))
        whole = (end for end in words if not _cuts(prompt, place, end, stop, vocabulary))
        end = next(whole, None)
        if end is None:
            place += 1
            continue
        if lost < place:
            yield lost, place
        yield place, end
        lost = place = end
    if lost < stop:
        yield lost, stop


def _cuts(prompt: str, start: int, end: int, stop: int, vocabulary: Vocabulary) -> bool:
    """Whether a word that is not painted ends within one that is: 画笔 in 画笔记本电脑."""
    return vocabulary.paint(prompt[start:end]) is None and any(
        vocabulary.paint(prompt[inner:outer])
        for inner in range(start + 1, end)
        for outer in range(end + 1, min(inner + 2 * LONGEST_PHRASE, stop) + 1)
    )


def plain_form(phrase: str) -> str:
    """Lower case, single spaces for spaces and hyphens."""
    return re.sub(r"[\s\-]+", " ", phrase.lower()).replace("\u2019", "'")


def _forms(phrase: str) -> Iterator[str]:
    """The phrase, and what it may be the plural or the possessive of."""
    plain = plain_form(phrase)
    yield plain
    for ending, instead in (("'s", ""), ("ies", "y"), ("ves", "f"), ("es", ""), ("s", "")):
        if plain.endswith(ending) and len(plain) > len(ending) + 2:
            yield plain.removesuffix(ending) + instead


def _tidy(text: str) -> str:
    """Without the gaps that left-out words leave behind."""
    text = re.sub(r"\(\s*:[\d.]+\s*\)|\(\s*\)|\[\s*\]", "", text)
    text = re.sub(r"\s+([,\uff0c.])", r"\1", text)
    text = re.sub(r"([,\uff0c])(?:\s*[,\uff0c])+", r"\1", text)
    text = re.sub(r"(?<=[(\[])[\s,]+|[\s,]+(?=[:)\]])", "", text)
    return re.sub(r"\s{2,}", " ", text).strip(" ,\uff0c")
