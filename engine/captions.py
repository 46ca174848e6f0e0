"""What may be seen in a picture, said as in the captions that a small model learnt from; no torch.

The words are those of the model's folder: easel.json names its things, colours, places and styles,
words.json the phrases that it knows, from which the wording of a place is taken.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from engine.files import read_json
from engine.nouns import plural, with_article
from engine.vocabulary import Reading, open_vocabulary, plain_form, read_prompt

PREPOSITIONS = frozenset({"against", "among", "at", "beside", "by", "in", "on", "under"})
ARTICLES = frozenset({"a", "an", "the"})
NUMBERS = {2: "two", 3: "three", 4: "four"}
SIZES = {"tiny": "tiny {}", "huge": "huge {}", "close up of": "close-up of {}"}
"""Sizes by a phrase that is known where they are, and how they are said."""


@dataclass(frozen=True, slots=True)
class Caption:
    """What is seen: things in their colours, where, and how it is painted. Empty is not said."""

    thing: str = ""
    colour: str = ""
    count: int = 1
    size: str = ""
    other: str = ""
    other_colour: str = ""
    place: str = ""
    backdrop: str = ""
    style: str = ""

    def alike(self, other: "Caption") -> int:
        """Count what two captions say alike of their things; those may be the same."""
        mine = (self.colour, self.place or self.backdrop, self.style)
        theirs = (other.colour, other.place or other.backdrop, other.style)
        return sum(a == b for a, b in zip(mine, theirs, strict=True))


@dataclass(frozen=True)
class Words:
    """The words of one small model."""

    things: tuple[str, ...]
    colours: tuple[str, ...]
    places: tuple[str, ...]
    styles: tuple[str, ...]
    known: frozenset[str]

    @classmethod
    def read(cls, folder: Path) -> "Words":
        """Read them from a model's folder."""
        card, vocabulary = read_json(folder / "easel.json"), open_vocabulary(folder / "words.json")
        lists = ("things", "colours", "places", "styles")
        things, colours, places, styles = (tuple(card.get(name, ())) for name in lists)
        known = vocabulary.known if vocabulary else frozenset[str]()
        if vocabulary:  # the signs in a name or two keep it from being read as it is written
            things = tuple(
                name for name in things if read_prompt(name, vocabulary) == Reading(name)
            )
        return cls(things, colours, places, styles, known)

    # -- what else may be seen -------------------------------------------------------------------

    def subjects(self) -> Iterator[Caption]:
        """What may stand alone: each thing, and each place without one."""
        yield from (Caption(thing=thing) for thing in self.things)
        yield from (Caption(place=place) for place in self.places)

    def coloured(self, seen: Caption) -> Iterator[Caption]:
        """The same in each colour, and with the second thing in each."""
        if seen.thing:
            yield from (replace(seen, colour=colour) for colour in self.colours)
        if seen.other:
            yield from (replace(seen, other_colour=colour) for colour in self.colours)

    def set_somewhere(self, seen: Caption) -> Iterator[Caption]:
        """The same in each place, and before a wall of each colour."""
        if seen.thing:
            yield from (replace(seen, place=place) for place in self.places)
            yield from (replace(seen, backdrop=colour) for colour in self.colours)

    def styled(self, seen: Caption) -> Iterator[Caption]:
        """The same in each style of painting."""
        yield from (replace(seen, style=style) for style in self.styles)

    def sized(self, seen: Caption) -> Iterator[Caption]:
        """More of the same thing, or nearer or farther."""
        if seen.thing:
            numbers = [n for n, word in NUMBERS.items() if word in self.known]
            yield from (replace(seen, count=number) for number in numbers)
            yield from (replace(seen, size=size) for size in SIZES if size in self.known)

    def instead(self, seen: Caption, things: Iterable[str]) -> Iterator[Caption]:
        """The same with other things in the place of its own."""
        if seen.thing:
            yield from (replace(seen, thing=thing) for thing in things)

    def joined(self, seen: Caption, others: Iterable[str]) -> Iterator[Caption]:
        """The same with another thing beside it."""
        if seen.thing:
            yield from (replace(seen, other=other) for other in others if other != seen.thing)

    # -- how it is said --------------------------------------------------------------------------

    def write(self, seen: Caption) -> str:
        """Return the caption as a prompt."""
        if not seen.thing:
            text = self._scenes.get(seen.place, seen.place)
        else:
            text = _noun(seen.thing, seen.colour, seen.count, seen.size)
            if seen.other:
                text += f" and {_noun(seen.other, seen.other_colour)}"
            if seen.place:
                text += self._settings.get(seen.place, f", {seen.place}")
            elif seen.backdrop:
                text += f" {with_article(seen.backdrop, 'wall').join(('on ', ' background'))}"
        return f"{text}, {seen.style}" if seen.style else text

    @cached_property
    def _settings(self) -> dict[str, str]:
        """Places as something stands in them: the shortest known way to say it, with an article."""
        found = {}
        for place in self.places:
            name = plain_form(place)
            ways = [p.removesuffix(name).split() for p in self.known if p.endswith(f" {name}")]
            ways = [way for way in ways if way and way[0] in PREPOSITIONS]
            ways.sort(key=lambda way: (way[1:] not in (["a"], ["an"], ["the"]), len(way), way))
            if ways:
                found[place] = f" {' '.join(ways[0])} {place}"
        return found

    @cached_property
    def _scenes(self) -> dict[str, str]:
        """Places by themselves, in the same way."""
        found = {}
        for place in self.places:
            name = plain_form(place)
            ways = [p for p in self.known if name in p and p.split()[0] in ARTICLES]
            if ways:
                found[place] = min(ways, key=lambda way: (len(way), way))
        return found


def _noun(thing: str, colour: str, count: int = 1, size: str = "") -> str:
    words = f"{colour} {thing}".strip()
    if count > 1:
        return f"{NUMBERS[count]} {plural(words)}"
    if size == "close up of":
        return SIZES[size].format(with_article(words, thing))
    return with_article(SIZES.get(size, "{}").format(words), thing)
