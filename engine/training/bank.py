"""The bank: scenes composed, encoded and captioned once, so that the denoiser never waits.

A shard is of one shape: latents fp16 [N,C,h,w] of unit variance with their captions, and, once a
text encoder is there, words fp16 [N,T,W] from it in a file of their own. So the scenes can be
composed while the text encoder still learns. Shards may be added while a training runs.
"""

import logging
import random
from pathlib import Path

import torch
from diffusers import AutoencoderTiny
from safetensors.torch import load_file
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from engine.training.autoencoder import encode
from engine.training.canvas import Size
from engine.training.captions import Captioner
from engine.training.checkpoint import read_numbers, replace_file, write_numbers
from engine.training.machine import CPU, Machine
from engine.training.presets import Preset
from engine.training.scenes import SceneRenderer
from engine.training.sprites import read_pack
from engine.training.text import tokenize

log = logging.getLogger(__name__)

BATCH = 64
SHARD_SCENES = 1024


def shape_of(preset: Preset, shard: int) -> Size:
    """Width and height of the pictures of a shard: every fourth one is not square."""
    if shard % 4 == 3 and preset.shapes:
        return preset.shapes[shard // 4 % len(preset.shapes)]
    return preset.square


@torch.no_grad()
def write_bank(
    preset: Preset,
    pack: Path,
    folder: Path,
    autoencoder: AutoencoderTiny,
    *,
    scenes: int,
    machine: Machine = CPU,
    seed: int = 4,
) -> None:
    """Write shards until ``scenes`` are there; a shard that exists is left as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    world = preset.world
    sprites = read_pack(pack, world.things, world.arts)
    autoencoder.to(machine.device)
    for shard in range((scenes + SHARD_SCENES - 1) // SHARD_SCENES):
        path = folder / f"shard-{shard:03d}.safetensors"
        if path.exists():
            continue
        renderer = SceneRenderer(sprites, shape_of(preset, shard), machine.device)
        rng = random.Random(seed * 1000 + shard)
        captioner = Captioner(rng, world.chinese_share)
        generator = machine.generator(seed * 1000 + shard)
        latents: list[Tensor] = []
        captions: list[str] = []
        size = min(SHARD_SCENES, scenes - shard * SHARD_SCENES)
        for start in range(0, size, BATCH):
            drawn = [world.draw_scene(rng) for _ in range(min(BATCH, size - start))]
            pictures = renderer.render(drawn, generator)
            with machine.autocast():
                codes = encode(autoencoder, pictures).float()
            latents.append((codes * autoencoder.config.scaling_factor).half().cpu())
            captions += [captioner.write(scene) for scene in drawn]
        write_numbers(path.with_suffix(".json"), {"captions": captions})
        replace_file(path, {"latents": torch.cat(latents)})
        log.info("bank shard=%d scenes=%d", shard, shard * SHARD_SCENES + size)


@torch.no_grad()
def write_words(
    folder: Path,
    text_encoder: CLIPTextModel,
    tokenizer: CLIPTokenizer,
    context: int,
    machine: Machine = CPU,
) -> None:
    """Encode the captions of every shard that has no words yet."""

    def embed(captions: list[str]) -> Tensor:
        ids = tokenize(tokenizer, captions, context).to(machine.device)
        words: Tensor = text_encoder(ids).last_hidden_state
        return words.half().cpu()

    text_encoder.to(machine.device)

    for path in sorted(folder.glob("shard-*.safetensors")):
        words_path = path.with_name(path.name.replace("shard", "words"))
        if words_path.exists():
            continue
        captions = read_numbers(path.with_suffix(".json"))["captions"]
        batches = [captions[start : start + BATCH] for start in range(0, len(captions), BATCH)]
        words = torch.cat([embed(batch) for batch in batches])
        replace_file(words_path, {"words": words, "nothing": embed([""])})
        log.info("words of %s", path.name)


class Bank:
    """All shards of a folder in memory; scenes come at random, a batch all of one shape."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: set[str] = set()
        self.shapes: dict[torch.Size, list[dict[str, Tensor]]] = {}
        self.take_new_shards()
        if not self.shapes:
            raise ValueError(f"the bank {folder} is empty: run the bank and words commands first")

    def take_new_shards(self) -> None:
        """Load what has been written since."""
        for path in sorted(self.folder.glob("words-*.safetensors")):
            if path.name not in self.names:
                self.names.add(path.name)
                scenes = path.with_name(path.name.replace("words", "shard"))
                shard = load_file(scenes) | load_file(path)
                self.shapes.setdefault(shard["latents"].shape[2:], []).append(shard)

    @property
    def nothing(self) -> Tensor:
        """The words of the empty prompt, fp32 [1,T,W]."""
        return next(iter(self.shapes.values()))[0]["nothing"].float()

    def _draw_shape(self) -> list[dict[str, Tensor]]:
        """The shards of one shape; a shape comes as often as there are scenes of it."""
        groups = list(self.shapes.values())
        sizes = [float(sum(len(shard["latents"]) for shard in group)) for group in groups]
        return groups[int(torch.multinomial(torch.tensor(sizes), 1))]

    def draw(self, batch: int, drop: float) -> tuple[Tensor, Tensor]:
        """Random latents and words as fp32; a share of the words is that of the empty prompt."""
        shards = self._draw_shape()
        latents, words = [], []
        for place in torch.randint(len(shards), (batch,)).tolist():
            shard = shards[place]
            row = int(torch.randint(len(shard["latents"]), ()))
            latents.append(shard["latents"][row])
            is_dropped = bool(torch.rand(()) < drop)
            words.append(shard["nothing"][0] if is_dropped else shard["words"][row])
        return torch.stack(latents).float(), torch.stack(words).float()
