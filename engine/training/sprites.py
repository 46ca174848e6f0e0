"""The sprite pack: every drawn thing as a transparent WebP, and its index.

NAME.bin holds the pictures one after another; NAME.json lists
[thing, art set, colour word or null, offset, length, width, height] for each.
"""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from engine.training.world import Scene

SPRITE_SIDE = 128  # pixels; the longer side of a drawing in the pack


@dataclass(frozen=True)
class SpritePack:
    """Decoded sprites: ``pixels`` uint8 [N,4,P,P], ``rows`` maps (thing, art set) to a row."""

    pixels: Tensor
    rows: dict[tuple[str, str], int]

    def row(self, thing: str, art: str) -> int:
        """The sprite of a thing; where its art set never drew it, another set lends its own."""
        if (thing, art) in self.rows:
            return self.rows[thing, art]
        return next(row for (name, _), row in self.rows.items() if name == thing)

    def settle(self, scene: Scene, arts: Sequence[str]) -> Scene:
        """The scene in its art, or in the first of ``arts`` that drew all its things.

        So a caption never names an art that another one stood in for, unless none drew them all.
        """
        for art in (scene.art, *arts):
            if all((item.thing, art) in self.rows for item in scene.items):
                return replace(scene, art=art)
        return scene


def _decode(data: bytes, side: int) -> np.ndarray:
    """One sprite centred on a transparent square, uint8 [side,side,4]."""
    picture = Image.open(io.BytesIO(data)).convert("RGBA")
    picture.thumbnail((side, side))
    square = Image.new("RGBA", (side, side))
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return np.asarray(square)


def list_things(path: Path) -> set[str]:
    """The things a pack has a drawing of."""
    return {entry[0] for entry in json.loads(path.with_suffix(".json").read_text())}


def read_pack(
    path: Path, things: Sequence[str], arts: Sequence[str], side: int = SPRITE_SIDE
) -> SpritePack:
    """Read the first drawing of each wanted thing in each wanted art set.

    ``path`` is without suffix. The first drawing only: a thing that changes its shape from one
    picture to the next is the hardest thing to learn.
    """
    index = json.loads(path.with_suffix(".json").read_text())
    pictures = path.with_suffix(".bin").read_bytes()
    wanted_things, wanted_arts = set(things), set(arts)
    rows: dict[tuple[str, str], int] = {}
    decoded: list[np.ndarray] = []
    for thing, art, _colour, offset, length, _width, _height in index:
        if thing not in wanted_things or art not in wanted_arts or (thing, art) in rows:
            continue
        rows[thing, art] = len(decoded)
        decoded.append(_decode(pictures[offset : offset + length], side))
    missing = sorted(wanted_things - {thing for thing, _ in rows})
    if missing:
        raise ValueError(f"the sprite pack {path} does not hold: {', '.join(missing[:9])}")
    pixels = torch.from_numpy(np.stack(decoded)).permute(0, 3, 1, 2).contiguous()
    return SpritePack(pixels, rows)
