"""Prompt text → weighted words: `(word:1.2)`, `((word))`, `[word]`, `one::2 other::1`. No torch.

Every text parses; what is no weight (a bracket without its partner, an escaped one) is text.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from engine.errors import Sentence

STRONGER = 1.1
"""What one pair of round brackets does; a square pair does the reverse."""
MOST_WEIGHT = 10.0
MOST_SHARE = 100.0
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)"
_ESCAPED = r"\\[()\[\]\\:]"
_TOKENS = re.compile(rf"{_ESCAPED}|[()\[\]]|:\s*({_NUMBER})\s*\)|[^\\()\[\]:]+|.", re.DOTALL)
_PARTS = re.compile(rf"{_ESCAPED}|::({_NUMBER})?")
_SPECIAL = re.compile(r"[()\[\]\\:]")
_LORA = re.compile(r"<lora:([^<>]*)>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Words:
    """A run of text and how much it counts; 1 is as always."""

    text: str
    weight: float = 1.0

    def __str__(self) -> str:
        text = _SPECIAL.sub(r"\\\g<0>", self.text)
        return text if self.weight == 1 else f"({text}:{_plain(self.weight)})"


@dataclass(frozen=True, slots=True)
class Part:
    """One of the prompts that `::` parts, and its share before they are normalised."""

    words: tuple[Words, ...]
    share: float = 1.0

    def __str__(self) -> str:
        return "".join(map(str, self.words))


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt understood; `str` writes it so that it parses to the same again."""

    parts: tuple[Part, ...]

    def __str__(self) -> str:
        if len(self.parts) == 1 and self.parts[0].share == 1:
            return str(self.parts[0])
        return " ".join(f"{part}::{_plain(part.share)}" for part in self.parts)

    @property
    def plain(self) -> str | None:
        """The text, if nothing in it has a weight."""
        if len(self.parts) > 1 or any(words.weight != 1 for words in self.parts[0].words):
            return None
        return "".join(words.text for words in self.parts[0].words)

    @property
    def has_negatives(self) -> bool:
        """Whether some of it is to lead away."""
        words = (words for part in self.parts for words in part.words)
        return any(one.share < 0 for one in self.parts) or any(one.weight < 0 for one in words)

    def shares(self) -> tuple[float, ...]:
        """Return the shares of the parts, which add up to 1.

        Raises:
            ValueError: they add up to nothing or less, with a sentence.

        """
        total = sum(part.share for part in self.parts)
        if total < 1e-3:
            raise ValueError(
                Sentence(
                    "The weights after :: must add up to more than 0, as in `fox::2 snow::-0.5`; "
                    "these add up to {total}.",
                    total=_plain(round(total, 4)),
                )
            )
        return tuple(part.share / total for part in self.parts)


@lru_cache(256)
def parse_prompt(text: str) -> Prompt:
    """Understand a prompt's weights."""
    parts = [
        Part(words, share) for piece, share in _split_parts(text) if (words := _parse_words(piece))
    ]
    if len(parts) == 1 and parts[0].share > 0:
        parts = [Part(parts[0].words)]
    return Prompt(tuple(parts) or (Part(()),))


def take_loras(text: str) -> tuple[str, tuple[tuple[str, float], ...]]:
    """Take `<lora:name:0.8>` out of a prompt: the rest of it, and (name, weight) of each.

    Raises:
        ValueError: one is written wrong, with a sentence.

    """
    loras = []
    for match in _LORA.finditer(text):
        name, _, weight = match[1].partition(":")
        if not name.strip() or not re.fullmatch(rf"\s*(?:{_NUMBER})?\s*", weight):
            raise ValueError(
                Sentence("`{found}` should be written `<lora:name:0.8>`.", found=match[0])
            )
        loras.append((name.strip(), float(weight) if weight.strip() else 1.0))
    rest = _LORA.sub(" ", text) if loras else text
    return " ".join(rest.split()) if loras else rest, tuple(loras)


def _split_parts(text: str) -> Iterator[tuple[str, float]]:
    """Yield the texts between `::` and their shares."""
    start = 0
    for match in _PARTS.finditer(text):
        if match[0].startswith("::"):
            yield text[start : match.start()], _limit(match[1], MOST_SHARE)
            start = match.end()
    yield text[start:], 1.0


def _parse_words(text: str) -> tuple[Words, ...]:
    """Read brackets, innermost first; each frame is an open one and what stands in it."""
    frames: list[tuple[str, list[Words]]] = [("", [])]
    for match in _TOKENS.finditer(text):
        sign, (opener, inside) = match[0], frames[-1]
        if sign in ("(", "["):
            frames.append((sign, []))
        elif (sign == ")" or match[1]) and opener == "(":
            frames.pop()
            factor = _limit(match[1], MOST_WEIGHT) if match[1] else STRONGER
            frames[-1][1].extend(_scale(inside, factor))
        elif sign == "]" and opener == "[":
            frames.pop()
            frames[-1][1].extend(_scale(inside, 1 / STRONGER))
        else:
            inside.append(Words(sign[1:] if sign[0] == "\\" and sign[1:] else sign))
    flat = [words for opener, inside in frames for words in (Words(opener), *inside)]
    return _merge(flat)


def _scale(inside: Iterable[Words], factor: float) -> Iterator[Words]:
    for words in inside:
        weight = max(-MOST_WEIGHT, min(MOST_WEIGHT, words.weight * factor))
        yield Words(words.text, weight)


def _merge(flat: Iterable[Words]) -> tuple[Words, ...]:
    """Join neighbours of one weight and drop the space at both ends."""
    merged: list[Words] = []
    for words in flat:
        weight = round(words.weight, 4) + 0.0
        if merged and merged[-1].weight == weight:
            merged[-1] = Words(merged[-1].text + words.text, weight)
        elif words.text:
            merged.append(Words(words.text, weight))
    while merged and not merged[0].text.strip():
        del merged[0]
    while merged and not merged[-1].text.strip():
        del merged[-1]
    if merged:
        merged[0] = Words(merged[0].text.lstrip(), merged[0].weight)
        merged[-1] = Words(merged[-1].text.rstrip(), merged[-1].weight)
    return tuple(merged)


def _limit(number: str | None, most: float) -> float:
    return round(max(-most, min(most, float(number))), 4) + 0.0 if number else 1.0


def _plain(number: float) -> str:
    return f"{number:.4f}".rstrip("0").rstrip(".")
