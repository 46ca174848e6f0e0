"""The compositor: scenes to pictures [B,3,H,W] in 0..1, batched, on the CPU or a GPU."""

import math
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from engine.training.backgrounds import paint_place
from engine.training.canvas import Size
from engine.training.colours import repaint
from engine.training.layout import place_items
from engine.training.sprites import SpritePack
from engine.training.styles import STYLES
from engine.training.world import Item, Scene, World

SHADOW = 0.25  # how much darker the ground is under a thing
SHADOW_DROP = 0.05  # in shorter sides of the picture
TILT_RAD = math.radians(5)
GPU_BATCHES = 8
CHANCES = 64  # numbers a scene may take to arrange itself, drawn at once


class SceneRenderer:
    """Paints scenes with the sprites of one pack; the same generator state, the same pictures."""

    def __init__(self, pack: SpritePack, size: Size, device: str | torch.device = "cpu") -> None:
        self.sprites = pack.pixels.to(device)
        self.pack = pack
        self.width, self.height = size
        self.short = min(size)
        self.device = torch.device(device)

    @torch.no_grad()
    def render(self, scenes: Sequence[Scene], generator: torch.Generator) -> Tensor:
        """Pictures [B,3,H,W] in 0..1, in the order of the scenes."""
        pictures = self._paint_places(scenes, generator)
        chances = torch.rand(len(scenes), CHANCES, generator=generator, device=generator.device)
        positions = [
            self._arrange(scene, iter(row))
            for scene, row in zip(scenes, chances.tolist(), strict=True)
        ]
        for layer in range(max(len(spots) for spots in positions) if positions else 0):
            rows = [row for row, spots in enumerate(positions) if len(spots) > layer]
            items = [positions[row][layer][0] for row in rows]
            spots = torch.tensor([positions[row][layer][1] for row in rows], device=self.device)
            arts = [scenes[row].art for row in rows]
            pictures[rows] = self._paste(pictures[rows], items, arts, spots)
        for style in {scene.style for scene in scenes if scene.style}:
            rows = [row for row, scene in enumerate(scenes) if scene.style == style]
            pictures[rows] = STYLES[style](pictures[rows].clamp(0, 1), generator)
        return pictures.clamp(0, 1)

    def _paint_places(self, scenes: Sequence[Scene], generator: torch.Generator) -> Tensor:
        pictures = torch.empty(len(scenes), 3, self.height, self.width, device=self.device)
        settings: dict[tuple[str | None, str | None], list[int]] = defaultdict(list)
        for row, scene in enumerate(scenes):
            settings[scene.place, scene.backdrop].append(row)
        for (place, colour), rows in settings.items():
            pictures[rows] = paint_place(
                place, colour, len(rows), (self.width, self.height), generator
            )
        return pictures

    def _arrange(
        self, scene: Scene, chances: Iterator[float]
    ) -> list[tuple[Item, tuple[float, float, float, float]]]:
        """Each item with its centre x and y (0..1), side (in shorter sides) and tilt (radians).

        Later items lie over earlier ones.
        """

        def chance(low: float, high: float) -> float:
            return low + next(chances) * (high - low)

        items = list(scene.items) * scene.count
        spots = place_items(items, scene, chance)
        return [(item, (*spot, chance(-TILT_RAD, TILT_RAD))) for item, spot in spots]

    def _paste(
        self, pictures: Tensor, items: Sequence[Item], arts: Sequence[str], spots: Tensor
    ) -> Tensor:
        """Lay one item with a soft shadow over each picture; spots [B,4] as in ``_arrange``."""
        rows = [self.pack.row(item.thing, art) for item, art in zip(items, arts, strict=True)]
        sprites = self.sprites[rows].float() / 255
        sprites = repaint(sprites, [item.colour for item in items])
        sprites = torch.cat([sprites[:, :3] * sprites[:, 3:], sprites[:, 3:]], 1)
        grid = self._grid(spots)
        pasted = functional.grid_sample(sprites, grid, align_corners=False)
        cover = pasted[:, 3:]
        drop = torch.tensor([0.0, 2 * SHADOW_DROP], device=self.device) / spots[:, 2, None]
        shadow = functional.grid_sample(
            sprites[:, 3:], grid - drop[:, None, None], align_corners=False
        )
        shadow = functional.avg_pool2d(shadow, 7, 1, 3, count_include_pad=False)
        shaded = pictures * (1 - SHADOW * shadow * (1 - cover))
        return shaded * (1 - cover) + pasted[:, :3]

    def _grid(self, spots: Tensor) -> Tensor:
        """Where each pixel of the picture looks in the sprite, [B,H,W,2] in -1..1."""
        wide, tall = self.width / self.short, self.height / self.short
        x, y = (spots[:, 0] * 2 - 1) * wide, (spots[:, 1] * 2 - 1) * tall
        cosine, sine = torch.cos(spots[:, 3]) / spots[:, 2], torch.sin(spots[:, 3]) / spots[:, 2]
        across = torch.stack([cosine * wide, sine * tall, -(cosine * x + sine * y)], 1)
        down = torch.stack([-sine * wide, cosine * tall, sine * x - cosine * y], 1)
        theta = torch.stack([across, down], 1)
        size = [len(spots), 4, self.height, self.width]
        return functional.affine_grid(theta, size, align_corners=False)


def stream_pictures(
    renderer: SceneRenderer,
    world: World,
    rng: random.Random,
    generator: torch.Generator,
    batch: int,
) -> Iterator[Tensor]:
    """Pictures [batch,3,H,W] of fresh scenes without end, as convolutions like them best.

    A GPU paints hundreds nearly as fast as one, so several batches are painted at once there.
    """
    at_once = batch if renderer.device.type == "cpu" else batch * GPU_BATCHES
    while True:
        scenes = [world.draw_scene(rng) for _ in range(at_once)]
        pictures = renderer.render(scenes, generator)
        yield from torch.split(pictures.contiguous(memory_format=torch.channels_last), batch)
