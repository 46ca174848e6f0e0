"""Captions: the ways people ask for a scene, in English (and the words of Chinese)."""

import random
from collections.abc import Iterator

from engine.training.world import Item, Scene, all_things

PLACE_PHRASES: dict[str, tuple[str, ...]] = {
    "beach": ("on a beach", "on the beach", "at the beach"),
    "underwater": ("underwater", "under water", "under the sea"),
    "meadow": ("in a meadow", "on the grass", "in a green field"),
    "forest": ("in a forest", "in the forest", "in the woods"),
    "desert": ("in a desert", "in the desert"),
    "snow": ("in the snow", "in snow", "in a snowy landscape"),
    "night sky": ("under a starry night sky", "at night", "under the stars"),
    "space": ("in space", "in outer space"),
    "city": ("in a city", "in the city", "in front of skyscrapers"),
    "sunset": ("at sunset", "in the sunset", "in front of a sunset"),
}
PLACE_SUBJECTS: dict[str, tuple[str, ...]] = {
    "beach": ("a beach", "a sandy beach"),
    "underwater": ("the sea floor", "an underwater scene"),
    "meadow": ("a meadow", "a green meadow"),
    "forest": ("a forest", "the woods"),
    "desert": ("a desert", "sand dunes"),
    "snow": ("a snowy landscape", "snow"),
    "night sky": ("a starry night", "a night sky"),
    "space": ("outer space", "the stars in space"),
    "city": ("a city", "a cityscape"),
    "sunset": ("a sunset", "the sunset"),
}
ART_PHRASES: dict[str, tuple[str, ...]] = {
    "fluent-3d": ("3d render", "3d", "3d style"),
    "fluent-emoji": ("glossy style", "glossy vector art", "illustration"),
    "fluent-emoji-flat": ("flat design", "flat illustration"),
    "noto": ("emoji style", "emoji"),
    "twemoji": ("minimal vector art", "simple flat icon"),
}
SYNONYMS: dict[str, tuple[str, ...]] = {
    "airplane": ("plane", "aeroplane"),
    "alarm clock": ("clock",),
    "automobile": ("car",),
    "birthday cake": ("cake",),
    "car": ("automobile",),
    "cat": ("kitten", "kitty"),
    "crescent moon": ("moon",),
    "crocodile": ("alligator",),
    "dog": ("puppy",),
    "doughnut": ("donut",),
    "earth": ("globe", "world"),
    "fire": ("flame",),
    "flying saucer": ("ufo",),
    "gift box": ("present", "gift"),
    "hamburger": ("burger",),
    "light bulb": ("lamp",),
    "motorcycle": ("motorbike",),
    "planet": ("saturn",),
    "rabbit": ("bunny",),
    "rocket": ("spaceship",),
    "sailboat": ("boat",),
    "soccer ball": ("football",),
    "t-rex": ("dinosaur",),
    "t-shirt": ("shirt",),
    "top hat": ("hat",),
    "turtle": ("tortoise",),
}
COLOURS_ZH = {
    "red": "红色",
    "orange": "橙色",
    "yellow": "黄色",
    "green": "绿色",
    "teal": "青色",
    "blue": "蓝色",
    "purple": "紫色",
    "pink": "粉色",
    "brown": "棕色",
    "black": "黑色",
    "white": "白色",
    "gray": "灰色",
}
REQUESTS = ("draw me ", "draw ", "paint ", "a picture of ", "a photo of ", "an image of ")
PRAISE = ("cute ", "beautiful ", "big ", "little ", "nice ")  # words that change nothing
QUALITY = (", high quality", ", best quality", ", 4k", ", masterpiece", ", detailed")
NUMBERS = {2: "two"}

REQUEST_SHARE = 0.15
PRAISE_SHARE = 0.08
QUALITY_SHARE = 0.05
SYNONYM_SHARE = 0.2
LIST_SHARE = 0.12
ART_SHARE = 0.3
DROP_PLACE_SHARE = 0.04

_SINGULAR_IN_S = {
    "bus", "glass", "dress", "compass", "cactus", "octopus", "hippopotamus", "hourglass", "lotus",
    "abacus", "minibus", "trolleybus", "walrus", "rhinoceros",
}  # fmt: skip


def is_plural(noun: str) -> bool:
    """Whether the last word names several, as in "grapes"."""
    word = noun.split()[-1]
    return word.endswith("s") and not word.endswith("ss") and word not in _SINGULAR_IN_S


def with_article(words: str, noun: str) -> str:
    """ "an orange fox", "a fox", and plain "grapes"."""
    if is_plural(noun):
        return words
    return ("an " if words[0] in "aeiou" else "a ") + words


def plural(words: str) -> str:
    """The plural by the rules of spelling."""
    if is_plural(words):
        return words
    if words.endswith("y") and words[-2] not in "aeiou":
        return words[:-1] + "ies"
    return words + ("es" if words.endswith(("s", "x", "ch", "sh")) else "s")


class Captioner:
    """Writes captions from one source of chance."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def _happens(self, share: float) -> bool:
        return self.rng.random() < share

    def _item(self, item: Item, count: int, articles: bool) -> str:
        noun = item.thing
        if noun in SYNONYMS and self._happens(SYNONYM_SHARE):
            noun = self.rng.choice(SYNONYMS[noun])
        words = f"{item.colour} {noun}" if item.colour else noun
        if self._happens(PRAISE_SHARE):
            words = self.rng.choice(PRAISE) + words
        if count > 1:
            return f"{NUMBERS[count]} {plural(words)}"
        return with_article(words, noun) if articles else words

    def _setting(self, scene: Scene) -> str:
        if scene.place:
            return self.rng.choice(PLACE_PHRASES[scene.place])
        if scene.backdrop:
            return f"on a {scene.backdrop} background"
        return self.rng.choice(("on a white background",) + ("",) * 9)

    def write(self, scene: Scene) -> str:
        """One caption of the scene; another call words it differently."""
        if not scene.items:
            text = self.rng.choice(PLACE_SUBJECTS[scene.place or ""])
            return self._dress(text)
        comma_list = self._happens(LIST_SHARE)
        articles = not comma_list and self._happens(0.75)
        text = " and ".join(self._item(item, scene.count, articles) for item in scene.items)
        setting = self._setting(scene)
        if comma_list and scene.place and self._happens(0.5):
            setting = scene.place
        elif comma_list and scene.backdrop:
            setting = f"{scene.backdrop} background"
        if setting and not (scene.place and self._happens(DROP_PLACE_SHARE)):
            text += (", " if comma_list else " ") + setting
        if self._happens(ART_SHARE) and scene.art in ART_PHRASES:
            text += ", " + self.rng.choice(ART_PHRASES[scene.art])
        return self._dress(text)

    def _dress(self, text: str) -> str:
        if self._happens(REQUEST_SHARE):
            text = self.rng.choice(REQUESTS) + text
        if self._happens(QUALITY_SHARE):
            text += self.rng.choice(QUALITY)
        return text


def vocabulary_texts() -> Iterator[str]:
    """Every word the tokenizer is to know well: all labels, colours and phrases, both languages."""
    for thing in all_things().values():
        names = [thing.name, plural(thing.name)] * 4
        yield from (*names, *thing.synonyms, *thing.keywords_zh)
        for label in thing.labels_zh:
            yield from (label, f"一个{label}", *(f"{zh}{label}" for zh in COLOURS_ZH.values()))
    for synonyms in SYNONYMS.values():
        yield from synonyms
    yield from COLOURS_ZH
    yield from COLOURS_ZH.values()
    for phrases in (*PLACE_PHRASES.values(), *PLACE_SUBJECTS.values(), *ART_PHRASES.values()):
        yield from phrases
    yield from (*REQUESTS, *PRAISE, *QUALITY, *NUMBERS.values(), "background", "a", "an", "the")
