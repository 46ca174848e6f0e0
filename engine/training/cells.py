"""The cells of the examination: kinds of scene that differ in one pair of words only.

Whole splits must not be compared: a held-out scene has more words in it on average. So a cell
holds one kind of scene, once with pairs that were trained on and once with pairs held out.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from engine.nouns import plural, with_article
from engine.training import phrases
from engine.training.chinese import MEASURES, place_in_chinese
from engine.training.world import RELATIONS, Item, Scene, World, all_things, has_held_out_pair

SPLITS = ("train", "held-out")
TRIES = 10_000  # scenes of a cell that may be of the other split, one after another


@dataclass(frozen=True)
class Cell:
    """Scenes of one kind and one split, and what is asked of them."""

    name: str
    split: str
    questions: tuple[str, ...]
    scenes: tuple[Scene, ...]

    @property
    def label(self) -> str:
        """Name and split."""
        return f"{self.name}, {self.split}"


def _coloured(world: World, rng: random.Random) -> Scene:
    return Scene((Item(rng.choice(world.things), rng.choice(world.colours)),))


def _placed(world: World, rng: random.Random) -> Scene:
    return Scene((Item(rng.choice(world.things)),), place=rng.choice(world.places))


def _styled(world: World, rng: random.Random) -> Scene:
    return Scene((Item(rng.choice(world.things)),), style=rng.choice(world.styles))


def _paired(world: World, rng: random.Random) -> Scene:
    one, other = rng.sample(world.things, 2)
    relation = rng.choice(RELATIONS) if world.related_share else None
    return Scene((Item(one), Item(other)), relation=relation)


def _counted(world: World, rng: random.Random) -> Scene:
    return replace(_coloured(world, rng), count=rng.randint(2, world.most))


KINDS: dict[str, tuple[Callable[[World, random.Random], Scene], tuple[str, ...]]] = {
    "thing x colour": (_coloured, ("thing", "colour")),
    "thing x place": (_placed, ("thing", "place")),
    "thing x style": (_styled, ("thing", "style")),
    "thing x thing": (_paired, ("thing", "relation")),
    "several x colour": (_counted, ("thing", "colour", "count")),
}


def kinds_of(world: World) -> list[str]:
    """The kinds of cells there are in a world."""
    lacks = {
        "thing x style": not world.styles,
        "thing x thing": not world.pair_share,
        "several x colour": world.most < 2 or not world.several_share,
    }
    return [name for name in KINDS if not lacks.get(name)]


def matched_cells(world: World, seed: int, count: int) -> list[Cell]:
    """Every kind of cell, trained on and held out, each of ``count`` scenes.

    The art is one in which things are painted where none is asked for.
    """
    rng = random.Random(seed)
    cells = []
    for name in kinds_of(world):
        make, questions = KINDS[name]
        if name == "thing x thing" and not world.related_share:
            questions = ("thing",)
        for split in SPLITS:
            scenes = tuple(draw_of(split, make, world, rng) for _ in range(count))
            cells.append(Cell(name, split, questions, scenes))
    return cells


def draw_of(
    split: str, make: Callable[[World, random.Random], Scene], world: World, rng: random.Random
) -> Scene:
    """A scene of a kind that is, or is not, held out."""
    for _ in range(TRIES):
        scene = make(world, rng)
        if has_held_out_pair(scene) == (split == "held-out"):
            return replace(scene, art=plain_art(world, rng))
    raise ValueError(f"this world is too small: none of {TRIES} scenes was of the split {split}")


def plain_art(world: World, rng: random.Random) -> str:
    """An art in which things are drawn where none is asked for."""
    return rng.choice(world.plain_arts or world.arts)


def near_misses(world: World, seed: int, count: int) -> list[Scene]:
    """Held-out scenes, each followed by its near misses.

    Of two things the colours are swapped, and left and right; where a world has no pairs a thing
    changes its place.
    """
    rng = random.Random(seed)
    scenes: list[Scene] = []
    while len(scenes) < count:
        scenes += _family(world, rng)
    return scenes[:count]


def _family(world: World, rng: random.Random) -> list[Scene]:
    if not world.pair_share:
        scene = draw_of("held-out", _placed, world, rng)
        others = [place for place in world.places if place != scene.place]
        return [scene, replace(scene, place=rng.choice(others))]
    scene = draw_of("held-out", _paired, world, rng)
    one, other = (
        replace(item, colour=colour)
        for item, colour in zip(scene.items, rng.sample(world.colours, 2), strict=True)
    )
    swapped = replace(one, colour=other.colour), replace(other, colour=one.colour)
    if not world.related_share:
        return [replace(scene, items=items) for items in ((one, other), swapped)]
    near, far = rng.sample(("left", "right"), 2)
    scene = replace(scene, items=(one, other), relation=near)
    return [scene, replace(scene, items=swapped), replace(scene, relation=far)]


def plain_caption(scene: Scene) -> str:
    """The plainest way to ask for a scene."""
    items = [_name(item, scene) for item in scene.items]
    text = " and ".join(items)
    if scene.relation:
        text = f"{items[0]} {phrases.RELATION_PHRASES[scene.relation][0]} {items[1]}"
    if scene.place:
        text = f"{text} {phrases.PLACE_PHRASES[scene.place][0]}"
    if scene.backdrop:
        text = f"{text} on a {scene.backdrop} background"
    return f"{text}, {phrases.STYLE_PHRASES[scene.style][0]}" if scene.style else text


def _name(item: Item, scene: Scene) -> str:
    words = f"{item.colour or ''} {item.thing}".strip()
    if scene.count > 1:
        return f"{phrases.NUMBERS[scene.count]} {plural(words)}"
    return with_article(words, item.thing)


def chinese_caption(scene: Scene) -> str:
    """The plainest way to ask for a scene in Chinese."""
    items = [_name_zh(item, scene) for item in scene.items]
    text = "和".join(items)
    if scene.relation:
        text = phrases.RELATIONS_ZH[scene.relation].format(*items)
    if scene.place:
        text = f"{place_in_chinese(scene.place)}的{text}"
    if scene.backdrop:
        text = f"{text}，{phrases.COLOURS_ZH[scene.backdrop]}背景"
    return f"{text}，{phrases.STYLES_ZH[scene.style][0]}" if scene.style else text


def _name_zh(item: Item, scene: Scene) -> str:
    thing = all_things()[item.thing]
    words = phrases.COLOURS_ZH.get(item.colour or "", "") + min(thing.labels_zh, key=len)
    if scene.count > 1:
        return f"{phrases.NUMBERS_ZH[scene.count]}{MEASURES.get(thing.group, '个')}{words}"
    return words
