"""What can be painted: things, colours, places, and the scenes made of them.

The split holds out *combinations*: a thing and a colour, a place, a style or another thing that
never meet in training although each of them is seen with others.
"""

import hashlib
import itertools
import json
import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

THINGS_FILE = Path(__file__).with_name("things.json")
HELD_OUT_SHARE = 0.1
SIZES = ("tiny", "huge", "close-up")
RELATIONS = ("left", "right", "above", "below", "behind", "in front")

Split = Literal["train", "held-out", "all"]


@dataclass(frozen=True)
class Thing:
    """One thing of Unicode's picture alphabet with its words in English and Chinese.

    ``codes`` are its code points in hexadecimal, each with the colour its drawing has by name;
    ``kind`` is Unicode's finer group, such as animal-mammal.
    """

    name: str
    group: str
    kind: str
    codes: tuple[tuple[str, str | None], ...]
    synonyms: tuple[str, ...]
    labels_zh: tuple[str, ...]
    keywords_zh: tuple[str, ...]


@cache
def all_things() -> dict[str, Thing]:
    """Every thing there are labels for, by name."""
    entries = json.loads(THINGS_FILE.read_text(encoding="utf-8"))
    return {
        entry["name"]: Thing(
            entry["name"],
            entry["group"],
            entry["kind"],
            tuple((code, colour) for code, colour in entry["codes"]),
            tuple(entry["synonyms"]),
            tuple(entry["labels_zh"]),
            tuple(entry["keywords_zh"]),
        )
        for entry in entries
    }


@dataclass(frozen=True)
class Item:
    """A thing in a scene, in a colour or as it is by nature."""

    thing: str
    colour: str | None = None


@dataclass(frozen=True)
class Scene:
    """What a picture shows. Without a place it is a plain wall, of ``backdrop`` if given.

    ``relation`` says where the first of two items is seen from the second; ``style`` is a way of
    painting that lies over the whole picture.
    """

    items: tuple[Item, ...]
    count: int = 1
    place: str | None = None
    backdrop: str | None = None
    art: str = ""
    size: str | None = None
    relation: str | None = None
    style: str | None = None


def is_held_out(*combination: str) -> bool:
    """Whether a combination is kept from training: decided by its words alone, for ever."""
    digest = hashlib.sha256("|".join(combination).encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32 < HELD_OUT_SHARE


def has_held_out_pair(scene: Scene) -> bool:
    """Whether a thing of the scene meets what it is not to meet in training.

    That is a colour, a place, a style, or the other one of two things. Among four and more small
    things the pairs are not looked at: hardly a scene would be left.
    """
    for item in scene.items:
        if item.colour and is_held_out("colour", item.thing, item.colour):
            return True
        if scene.place and is_held_out("place", item.thing, scene.place):
            return True
        if scene.style and is_held_out("style", item.thing, scene.style):
            return True
    names = sorted({item.thing for item in scene.items})
    return len(names) in (2, 3) and any(
        is_held_out("pair", *pair) for pair in itertools.combinations(names, 2)
    )


@dataclass(frozen=True)
class World:
    """The words a model is trained on, and how often kinds of scene come."""

    things: tuple[str, ...]
    colours: tuple[str, ...]
    places: tuple[str, ...]
    arts: tuple[str, ...]
    styles: tuple[str, ...] = ()
    favoured: tuple[str, ...] = ()  # things that come twice as often: new, or asked for most
    plain_arts: tuple[str, ...] = ()  # how things look where no art is asked for; any if empty
    plain_share: float = 0.6  # of the scenes without a style; one with a style is always plain
    coloured_share: float = 0.5
    place_share: float = 0.6
    backdrop_share: float = 0.4  # of the scenes without a place
    several_share: float = 0.04
    most: int = 2  # of one thing
    pair_share: float = 0.03
    triple_share: float = 0.0
    many_share: float = 0.0  # four to eight small things
    empty_share: float = 0.03  # the place by itself
    related_share: float = 0.0  # of the pairs: left, right, above, below, behind, in front
    sized_share: float = 0.0  # of the scenes of one thing: tiny, huge, close-up
    styled_share: float = 0.0
    chinese_share: float = 0.0  # of the captions

    def draw_scene(self, rng: random.Random, split: Split = "train") -> Scene:
        """A random scene of the split; every pair of a training scene may be trained on."""
        while True:
            scene = self._any_scene(rng)
            if split == "all" or has_held_out_pair(scene) == (split == "held-out"):
                return scene

    def _draw_names(self, rng: random.Random) -> tuple[int, list[str]]:
        """How many of which things; no thing for a place by itself."""
        pool = self.things + self.favoured
        kinds = {
            "empty": self.empty_share,
            "several": self.several_share,
            "pair": self.pair_share,
            "triple": self.triple_share,
            "many": self.many_share,
        }
        single = 1 - sum(kinds.values())
        kind = rng.choices([*kinds, "single"], [*kinds.values(), single])[0]
        if kind == "empty":
            return 1, []
        if kind == "several":
            return rng.randint(2, self.most), [rng.choice(pool)]
        sizes = {"single": 1, "pair": 2, "triple": 3, "many": rng.randint(4, 8)}
        return 1, rng.sample(self.things, sizes[kind]) if sizes[kind] > 1 else [rng.choice(pool)]

    def _any_scene(self, rng: random.Random) -> Scene:
        count, names = self._draw_names(rng)
        is_set = rng.random() < self.place_share or not names
        place = rng.choice(self.places) if is_set else None
        backdrop = None
        if place is None and rng.random() < self.backdrop_share:
            backdrop = rng.choice(self.colours)
        allowed = [colour for colour in self.colours if colour != backdrop]
        items = tuple(
            Item(name, rng.choice(allowed) if rng.random() < self.coloured_share else None)
            for name in names
        )
        size = relation = style = None
        if len(items) * count == 1 and rng.random() < self.sized_share:
            size = rng.choice(SIZES)
        if len(items) == 2 and rng.random() < self.related_share:
            relation = rng.choice(RELATIONS)
        if self.styles and rng.random() < self.styled_share:
            style = rng.choice(self.styles)
        is_plain = bool(self.plain_arts) and (style or rng.random() < self.plain_share)
        art = rng.choice(self.plain_arts if is_plain else self.arts)
        return Scene(items, count, place, backdrop, art, size, relation, style)
