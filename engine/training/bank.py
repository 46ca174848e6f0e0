"""The bank: scenes composed, encoded and captioned once, so that the denoiser never waits.

A shard is of one shape: latents fp16 [N,C,h,w] of unit variance, the token ids int16 [N,K,T] of
several captions of each, and what the image tower saw, fp16 [N,W]. Shards may be added while a
training runs, by several processes.
"""

import logging
import random
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderTiny
from safetensors.torch import load_file
from torch import Tensor
from transformers import CLIPTokenizer, CLIPVisionModelWithProjection

from engine.training.autoencoder import encode
from engine.training.canvas import Size
from engine.training.captions import Captioner
from engine.training.checkpoint import replace_file, write_numbers
from engine.training.machine import CPU, Machine
from engine.training.presets import Preset
from engine.training.scenes import SceneRenderer
from engine.training.sprites import read_pack
from engine.training.text import see, tokenize

log = logging.getLogger(__name__)

SHARD_SCENES = 1024
CAPTIONS = 4  # of each scene


@dataclass(frozen=True)
class Part:
    """Which of the shards this process writes, of so many processes."""

    rank: int = 0
    count: int = 1


def shape_of(preset: Preset, shard: int, *, is_first: bool = False) -> Size:
    """Width and height of the pictures of a shard: every fourth one is not square.

    Those that the denoiser begins with are all square.
    """
    if is_first:
        return preset.first_side, preset.first_side
    if shard % 4 == 3 and preset.shapes:
        return preset.shapes[shard // 4 % len(preset.shapes)]
    return preset.square


@dataclass(frozen=True)
class Composer:
    """What turns scenes into rows of a shard."""

    preset: Preset
    autoencoder: AutoencoderTiny
    tokenizer: CLIPTokenizer
    tower: CLIPVisionModelWithProjection
    machine: Machine
    batch: int = 64

    @torch.no_grad()
    def write_shard(self, path: Path, renderer: SceneRenderer, count: int, seed: int) -> None:
        """Compose ``count`` scenes into a file, with their first captions beside it to read."""
        world = self.preset.world
        rng = random.Random(seed)
        captioner = Captioner(rng, world.chinese_share, world.plain_arts)
        generator = self.machine.generator(seed)
        rows: dict[str, list[Tensor]] = {"latents": [], "ids": [], "views": []}
        first: list[str] = []
        for start in range(0, count, self.batch):
            drawn = [
                renderer.pack.settle(world.draw_scene(rng), world.plain_arts)
                for _ in range(min(self.batch, count - start))
            ]
            captions = [captioner.write(scene) for scene in drawn for _ in range(CAPTIONS)]
            first += captions[::CAPTIONS]
            ids = tokenize(self.tokenizer, captions, self.preset.text.context)
            pictures = renderer.render(drawn, generator)
            with self.machine.autocast():
                codes = encode(self.autoencoder, pictures).float()
                views = see(self.tower, pictures).float()
            rows["latents"].append((codes * self.autoencoder.config.scaling_factor).half().cpu())
            rows["ids"].append(ids.view(len(drawn), CAPTIONS, -1).short())
            rows["views"].append(views.half().cpu())
        write_numbers(path.with_suffix(".json"), {"captions": first})
        nothing = tokenize(self.tokenizer, [""], self.preset.text.context).short()
        replace_file(
            path, {name: torch.cat(some) for name, some in rows.items()} | {"nothing": nothing}
        )


def write_bank(
    composer: Composer,
    pack: Path,
    folder: Path,
    *,
    scenes: int,
    part: Part = Part(),
    is_first: bool = False,
    seed: int = 4,
) -> None:
    """Write this part's shards until ``scenes`` are there; one that exists is left as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    preset, machine = composer.preset, composer.machine
    sprites = read_pack(pack, preset.world.things, preset.world.arts)
    composer.autoencoder.to(machine.device)
    composer.tower.to(machine.device)
    renderers: dict[Size, SceneRenderer] = {}
    for shard in range(part.rank, (scenes + SHARD_SCENES - 1) // SHARD_SCENES, part.count):
        path = folder / f"shard-{shard:03d}.safetensors"
        if path.exists():
            continue
        shape = shape_of(preset, shard, is_first=is_first)
        if shape not in renderers:
            renderers[shape] = SceneRenderer(sprites, shape, machine.device)
        count = min(SHARD_SCENES, scenes - shard * SHARD_SCENES)
        composer.write_shard(path, renderers[shape], count, seed * 100_000 + shard)
        log.info("bank shard=%d scenes=%d", shard, shard * SHARD_SCENES + count)


@dataclass(frozen=True)
class Drawn:
    """A batch of one shape: latents fp32 [B,C,h,w], token ids [B,T], views fp32 [B,W]."""

    latents: Tensor
    ids: Tensor
    views: Tensor


class Bank:
    """All shards of a folder in the device's memory; scenes come at random."""

    def __init__(self, folder: Path, machine: Machine = CPU) -> None:
        self.folder = folder
        self.machine = machine
        self.names: set[str] = set()
        self.shapes: dict[torch.Size, dict[str, Tensor]] = {}
        self.take_new_shards()
        if not self.shapes:
            raise ValueError(f"the bank {folder} is empty: run the bank command first")

    def take_new_shards(self) -> None:
        """Load what has been written since."""
        fresh: dict[torch.Size, list[dict[str, Tensor]]] = {}
        for path in sorted(self.folder.glob("shard-*.safetensors")):
            if path.name not in self.names:
                self.names.add(path.name)
                shard = load_file(path, device=str(self.machine.device))
                fresh.setdefault(shard["latents"].shape[2:], []).append(shard)
        for shape, shards in fresh.items():
            known = [self.shapes[shape]] if shape in self.shapes else []
            self.shapes[shape] = {
                name: torch.cat([shard[name] for shard in (*known, *shards)]) for name in shards[0]
            }

    @property
    def nothing(self) -> Tensor:
        """The token ids of the empty prompt, [1,T]."""
        return next(iter(self.shapes.values()))["nothing"][:1].long()

    def _draw_shape(self) -> dict[str, Tensor]:
        """The shards of one shape; a shape comes as often as there are scenes of it."""
        groups = list(self.shapes.values())
        sizes = [float(len(group["latents"])) for group in groups]
        return groups[int(torch.multinomial(torch.tensor(sizes), 1))]

    def draw(self, batch: int, drop: float = 0.0) -> Drawn:
        """Random scenes, all of one shape; a share of the captions is the empty prompt."""
        group = self._draw_shape()
        device = self.machine.device
        rows = torch.randint(len(group["latents"]), (batch,), device=device)
        which = torch.randint(group["ids"].shape[1], (batch,), device=device)
        is_dropped = torch.rand(batch, 1, device=device) < drop
        ids = torch.where(is_dropped, self.nothing, group["ids"][rows, which].long())
        return Drawn(group["latents"][rows].float(), ids, group["views"][rows].float())
