"""What can be painted: things, colours, places, and the scenes made of them.

The split holds out *combinations*: a thing and a colour, or a thing and a place, that never meet
in training although each of them is seen with others.
"""

import hashlib
import json
import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

THINGS_FILE = Path(__file__).with_name("things.json")
HELD_OUT_SHARE = 0.1

Split = Literal["train", "held-out", "all"]


@dataclass(frozen=True)
class Thing:
    """One thing of Unicode's picture alphabet with its words in English and Chinese.

    ``codes`` are its code points in hexadecimal, each with the colour its drawing has by name.
    """

    name: str
    group: str
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
    """What a picture shows. Without a place it is a plain wall, of ``backdrop`` if given."""

    items: tuple[Item, ...]
    count: int = 1
    place: str | None = None
    backdrop: str | None = None
    art: str = ""


def is_held_out(*combination: str) -> bool:
    """Whether a combination is kept from training: decided by its words alone, for ever."""
    digest = hashlib.sha256("|".join(combination).encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32 < HELD_OUT_SHARE


def has_held_out_pair(scene: Scene) -> bool:
    """Whether any thing of the scene meets a colour or place it is not to meet in training."""
    for item in scene.items:
        if item.colour and is_held_out("colour", item.thing, item.colour):
            return True
        if scene.place and is_held_out("place", item.thing, scene.place):
            return True
    return False


@dataclass(frozen=True)
class World:
    """The words a model is trained on, and how often kinds of scene come."""

    things: tuple[str, ...]
    colours: tuple[str, ...]
    places: tuple[str, ...]
    arts: tuple[str, ...]
    coloured_share: float = 0.5
    place_share: float = 0.6
    backdrop_share: float = 0.4  # of the scenes without a place
    several_share: float = 0.04
    pair_share: float = 0.03
    empty_share: float = 0.03  # the place by itself

    def draw_scene(self, rng: random.Random, split: Split = "train") -> Scene:
        """A random scene of the split; every pair of a training scene may be trained on."""
        while True:
            scene = self._any_scene(rng)
            if split == "all" or has_held_out_pair(scene) == (split == "held-out"):
                return scene

    def _any_scene(self, rng: random.Random) -> Scene:
        art = rng.choice(self.arts)
        kind = rng.random()
        if kind < self.empty_share:
            return Scene((), place=rng.choice(self.places), art=art)
        count, names = 1, [rng.choice(self.things)]
        if kind < self.empty_share + self.several_share:
            count = 2
        elif kind < self.empty_share + self.several_share + self.pair_share:
            names = rng.sample(self.things, 2)
        place = rng.choice(self.places) if rng.random() < self.place_share else None
        backdrop = None
        if place is None and rng.random() < self.backdrop_share:
            backdrop = rng.choice(self.colours)
        allowed = [colour for colour in self.colours if colour != backdrop]
        items = tuple(
            Item(name, rng.choice(allowed) if rng.random() < self.coloured_share else None)
            for name in names
        )
        return Scene(items, count, place, backdrop, art)
