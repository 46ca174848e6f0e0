"""Captions: the ways people ask for a scene, in English or Chinese."""

import random
from collections.abc import Iterator, Sequence

from engine.nouns import plural, with_article
from engine.training import phrases
from engine.training.chinese import write_chinese
from engine.training.phrases import SYNONYMS
from engine.training.world import Item, Scene, all_things

REQUEST_SHARE = 0.15
PRAISE_SHARE = 0.08
QUALITY_SHARE = 0.05
SYNONYM_SHARE = 0.2
LIST_SHARE = 0.12
ART_SHARE = 0.3
OTHER_ART_SHARE = 0.85  # arts that nothing but the words tells from the plain look
DROP_PLACE_SHARE = 0.04
STYLE_FIRST_SHARE = 0.4

MEDIA = ("painting", "drawing", "sketch", "art", "mosaic")  # what one says "of" after


class Captioner:
    """Writes captions from one source of chance, a share of them in Chinese."""

    def __init__(
        self, rng: random.Random, chinese_share: float = 0.0, plain_arts: Sequence[str] = ()
    ) -> None:
        self.rng = rng
        self.chinese_share = chinese_share
        self.plain_arts = plain_arts

    def write(self, scene: Scene) -> str:
        """One caption of the scene; another call words it differently."""
        if self._happens(self.chinese_share):
            return write_chinese(scene, self.rng, self._art_share(scene))
        return self.write_english(scene)

    def _art_share(self, scene: Scene) -> float:
        """How often the art is said: mostly, where it is not how things look anyway."""
        is_plain = not self.plain_arts or scene.art in self.plain_arts
        return ART_SHARE if is_plain else OTHER_ART_SHARE

    def write_english(self, scene: Scene) -> str:
        """A caption in English."""
        if scene.items:
            text = self._describe(scene)
        else:
            text = self.rng.choice(phrases.PLACE_SUBJECTS[scene.place or ""])
        return self._dress(self._style(text, scene))

    def _happens(self, share: float) -> bool:
        return self.rng.random() < share

    def _item(self, item: Item, scene: Scene, articles: bool) -> str:
        noun = item.thing
        if noun in SYNONYMS and self._happens(SYNONYM_SHARE):
            noun = self.rng.choice(SYNONYMS[noun])
        words = f"{item.colour} {noun}" if item.colour else noun
        if self._happens(PRAISE_SHARE):
            words = self.rng.choice(phrases.PRAISE) + words
        if scene.count > 1:
            return f"{phrases.NUMBERS[scene.count]} {plural(words)}"
        pattern = self.rng.choice(phrases.SIZE_PHRASES.get(scene.size or "", ("{}",)))
        if scene.size == "close-up":
            return pattern.format(with_article(words, noun) if articles else words)
        words = pattern.format(words)
        return with_article(words, noun) if articles else words

    def _setting(self, scene: Scene) -> str:
        if scene.place:
            return self.rng.choice(phrases.PLACE_PHRASES[scene.place])
        if scene.backdrop:
            return f"on a {scene.backdrop} background"
        return self.rng.choice(("on a white background",) + ("",) * 9)

    def _describe(self, scene: Scene) -> str:
        """Things and setting, in a sentence or as a list with commas."""
        comma_list = len(scene.items) > 3 or (not scene.relation and self._happens(LIST_SHARE))
        articles = not comma_list and self._happens(0.75)
        items = [self._item(item, scene, articles) for item in scene.items]
        setting = self._setting(scene)
        if comma_list and scene.place and self._happens(0.5):
            setting = scene.place
        elif comma_list and scene.backdrop:
            setting = f"{scene.backdrop} background"
        is_dropped = scene.place and self._happens(DROP_PLACE_SHARE)
        parts = items if comma_list else [self._join(items, scene.relation)]
        if setting and not is_dropped:
            parts = (
                [setting, *parts] if len(items) > 3 and self._happens(0.5) else [*parts, setting]
            )
        return (", " if comma_list else " ").join(parts)

    def _join(self, items: list[str], relation: str | None) -> str:
        if relation:
            return f"{items[0]} {self.rng.choice(phrases.RELATION_PHRASES[relation])} {items[1]}"
        *first, last = items
        return f"{', '.join(first)} and {last}" if first else last

    def _style(self, text: str, scene: Scene) -> str:
        """Say how it is painted: always a style that lies over all, now and then the drawn set."""
        if scene.style:
            words = self.rng.choice(phrases.STYLE_PHRASES[scene.style])
            if not self._happens(STYLE_FIRST_SHARE):
                return f"{text}, {words}"
            if words.endswith(MEDIA):
                return f"{words} of {text}"
            article, _, rest = text.partition(" ")
            if article in ("a", "an", "the") and not words.startswith(("in ", "oil on")):
                return with_article(f"{words} {rest}", "it")
            return f"{words}, {text}"
        if scene.art in phrases.ART_PHRASES and self._happens(self._art_share(scene)):
            text += ", " + self.rng.choice(phrases.ART_PHRASES[scene.art])
        return text

    def _dress(self, text: str) -> str:
        if self._happens(REQUEST_SHARE):
            text = self.rng.choice(phrases.REQUESTS) + text
        if self._happens(QUALITY_SHARE):
            text += self.rng.choice(phrases.QUALITY)
        return text


def vocabulary_texts() -> Iterator[str]:
    """Every word the tokenizer is to know well: all labels, colours and phrases, both languages."""
    for thing in all_things().values():
        names = [thing.name, plural(thing.name)] * 4
        yield from (*names, *thing.synonyms, *thing.keywords_zh)
        for label in thing.labels_zh:
            colours = phrases.COLOURS_ZH.values()
            yield from (label, f"一个{label}", *(f"{zh}{label}" for zh in colours))
    yield from phrases.COLOURS_ZH
    yield from phrases.COLOURS_ZH.values()
    for table in (
        SYNONYMS,
        phrases.PLACE_PHRASES,
        phrases.PLACE_SUBJECTS,
        phrases.PLACES_ZH,
        phrases.ART_PHRASES,
        phrases.ARTS_ZH,
        phrases.STYLE_PHRASES,
        phrases.STYLES_ZH,
        phrases.SIZE_PHRASES,
        phrases.RELATION_PHRASES,
    ):
        for words in table.values():
            yield from words
    yield from (*phrases.REQUESTS, *phrases.REQUESTS_ZH, *phrases.PRAISE, *phrases.PRAISE_ZH)
    yield from (*phrases.QUALITY, *phrases.NUMBERS.values(), "background", "a", "an", "the")
