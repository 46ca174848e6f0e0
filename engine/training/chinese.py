"""Captions in Chinese: the same scenes as people write them there."""

import random

from engine.training import phrases
from engine.training.world import Item, Scene, all_things

MEASURES = {"animals-nature": "只", "people-body": "个"}  # any other thing: 个
# These begin to sound wrong with "里" or "上" behind them; anything else takes "里".
ON_TOP = ("beach", "meadow", "snow", "ocean", "table", "road", "stage", "farm")
BEFORE = ("sunset", "brick wall", "mountains", "night sky")
ENDS_AT_A_SPOT = ("下", "底", "边", "景", "天")


def place_in_chinese(place: str, name: int = 0) -> str:
    """ "在海滩上", "在森林里", "在日落前"."""
    word = phrases.PLACES_ZH[place][name]
    if word.endswith(ENDS_AT_A_SPOT) and place not in BEFORE:
        return f"在{word}"
    spot = "上" if place in ON_TOP else "前" if place in BEFORE else "里"
    return f"在{word}{'下' if place == 'night sky' else spot}"


def _item(item: Item, scene: Scene, rng: random.Random) -> str:
    """A thing with its number, colour and size."""
    thing = all_things()[item.thing]
    noun = rng.choice(thing.labels_zh)
    if item.colour:
        colour = phrases.COLOURS_ZH[item.colour]
        noun = f"{colour}{'的' if rng.random() < 0.5 else ''}{noun}"
    if rng.random() < 0.08:
        noun = rng.choice(phrases.PRAISE_ZH) + noun
    noun = phrases.SIZES_ZH.get(scene.size or "", "{}").format(noun)
    if scene.count == 1 and (scene.relation or len(scene.items) > 3 or rng.random() < 0.5):
        return noun
    measure = MEASURES.get(thing.group, "个") if rng.random() < 0.7 else "个"
    return f"{phrases.NUMBERS_ZH[scene.count]}{measure}{noun}"


def _things(scene: Scene, rng: random.Random) -> str:
    items = [_item(item, scene, rng) for item in scene.items]
    if scene.relation:
        return phrases.RELATIONS_ZH[scene.relation].format(*items)
    if len(items) > 3:
        return "，".join(items)
    return rng.choice(("和", "与")).join(items)


def _setting(text: str, scene: Scene, rng: random.Random) -> str:
    """Say where it is: before or behind the things."""
    if scene.backdrop:
        return f"{text}，{phrases.COLOURS_ZH[scene.backdrop]}背景"
    if scene.place is None:
        return text
    if len(scene.items) > 3 or rng.random() < 0.15:
        return f"{text}，{rng.choice(phrases.PLACES_ZH[scene.place])}"
    names = phrases.PLACES_ZH[scene.place]
    place = place_in_chinese(scene.place, rng.randrange(len(names)))
    kind = rng.random()
    if kind < 0.3:
        return f"{place.removeprefix('在')}的{text}"
    return f"{text}{place}" if kind < 0.65 else f"{place}的{text}"


def _style(text: str, scene: Scene, rng: random.Random, art_share: float) -> str:
    if scene.style:
        word = rng.choice(phrases.STYLES_ZH[scene.style])
        kind = rng.random()
        if kind < 0.4:
            return f"{text}，{word}"
        return f"{word}风格的{text}" if kind < 0.7 else f"{word}的{text}"
    if scene.art in phrases.ARTS_ZH and rng.random() < art_share:
        return f"{text}，{rng.choice(phrases.ARTS_ZH[scene.art])}"
    return text


def write_chinese(scene: Scene, rng: random.Random, art_share: float = 0.2) -> str:
    """One caption of the scene in Chinese."""
    if scene.items:
        text = _setting(_things(scene, rng), scene, rng)
    else:
        text = rng.choice(phrases.PLACES_ZH[scene.place or ""])
        text = text + rng.choice(("", "", "风景", "景观"))
    text = _style(text, scene, rng, art_share)
    if rng.random() < 0.15:
        text = rng.choice(phrases.REQUESTS_ZH) + text
    return text + rng.choice(phrases.QUALITY_ZH) if rng.random() < 0.05 else text
