"""The text encoder, trained by contrast: a caption and its picture end up near each other.

The same idea as CLIP (Radford et al. 2021, arXiv 2103.00020): in a batch, each caption must find
its own picture among all and each picture its own caption. The image tower is kept for later use.
"""

import itertools
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)
from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

from engine.training.captions import Captioner
from engine.training.checkpoint import load_weights, start_from
from engine.training.feed import feed
from engine.training.machine import CPU, Machine
from engine.training.meter import Progress
from engine.training.muon import make_optimizers
from engine.training.presets import Preset, TextSize, TowerSize
from engine.training.scenes import SceneRenderer
from engine.training.sprites import SpritePack, read_pack
from engine.training.tokenizer import load_tokenizer, save_tokenizer, train_tokenizer
from engine.training.trainer import Plan, Trainer
from engine.training.world import Scene, World, has_held_out_pair

CAPTION_TOKENS = 40  # the training captions are short; attention is causal, so the rest can wait
LARGEST_SCALE = 100.0
TURNING_BATCHES = 24  # pairs for a tower's first look at another encoder's words
RIDGE = 1e-3  # a share of the features' squares, which are near one


def make_text_encoder(size: TextSize, tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """An untrained text encoder for the tokenizer."""
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=size.width,
        intermediate_size=size.width * 4,
        projection_dim=size.width,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        max_position_embeddings=size.context,
        hidden_act="gelu",
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return CLIPTextModel(config)


def make_tower(size: TowerSize, width: int) -> CLIPVisionModelWithProjection:
    """An untrained image tower whose vectors are ``width`` wide, as the text encoder's are."""
    return CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=size.width,
            intermediate_size=size.width * 4,
            projection_dim=width,
            num_hidden_layers=size.layers,
            num_attention_heads=size.heads,
            image_size=size.side,
            patch_size=size.patch,
            hidden_act="gelu",
        )
    )


def see(tower: CLIPVisionModelWithProjection, pictures: Tensor) -> Tensor:
    """What the tower sees in pictures [B,3,H,W] in 0..1 of any size: vectors [B,W]."""
    vectors: Tensor = tower.visual_projection(look(tower, pictures).pooler_output)
    return vectors


def look(tower: CLIPVisionModelWithProjection, pictures: Tensor) -> Any:
    """The output of the tower before its projection."""
    side = tower.config.image_size
    if pictures.shape[2:] != (side, side):
        pictures = functional.interpolate(
            pictures, (side, side), mode="bilinear", antialias=True, align_corners=False
        )
    mean, deviation = (
        torch.tensor(numbers, device=pictures.device)[None, :, None, None]
        for numbers in (OPENAI_CLIP_MEAN, OPENAI_CLIP_STD)
    )
    return tower.vision_model(pixel_values=(pictures - mean) / deviation)


class Scale(nn.Module):
    """The temperature of the contrast; exp(2.66) = 14.3 = 1 / 0.07, as CLIP begins."""

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(2.66))

    def similarity(self, captions: Tensor, views: Tensor) -> Tensor:
        """Scaled cosines, [captions, pictures]."""
        words = functional.normalize(captions, dim=-1)
        scale = self.log_scale.exp().clamp_max(LARGEST_SCALE)
        return scale * words @ functional.normalize(views, dim=-1).T


def tokenize(tokenizer: CLIPTokenizer, captions: list[str], length: int) -> Tensor:
    """Token ids [B,length], padded with the end mark as stock pipelines do."""
    ids: Tensor = tokenizer(
        captions, padding="max_length", truncation=True, max_length=length, return_tensors="pt"
    ).input_ids
    return ids


def contrast_loss(similarity: Tensor, same: Tensor) -> Tensor:
    """Cross-entropy both ways; ``same`` [B,B] marks pairs that mean the same, shared evenly."""
    target = same.float() / same.sum(1, keepdim=True)
    rows = functional.cross_entropy(similarity, target)
    columns = functional.cross_entropy(similarity.T, target)
    return (rows + columns) / 2


def same_meaning(scenes: Sequence[Scene]) -> Tensor:
    """Which scenes of a batch show the same, whatever the art: bool [B,B]."""
    numbers: dict[Scene, int] = {}
    kinds = [numbers.setdefault(replace(scene, art=""), len(numbers)) for scene in scenes]
    rows = torch.tensor(kinds)
    return rows[:, None] == rows[None]


def near_miss(scene: Scene, world: World, rng: random.Random) -> Scene:
    """The scene with one word of another one in it, or its two things changed about."""
    other = world.draw_scene(rng)
    choices = ["place"]
    if len(scene.items) == len(other.items):
        choices += ["things", "colours"]
    if len(scene.items) == 2:
        choices += ["order", "order"] if scene.relation else ["colours about"]
    if scene.style:
        choices.append("style")
    if scene.count > 1:
        choices.append("count")
    choice = rng.choice(choices)
    items = scene.items
    if choice == "place" and (scene.items or other.place):
        return replace(scene, place=other.place, backdrop=other.backdrop, art=other.art)
    if choice == "things":
        items = tuple(
            replace(one, thing=another.thing)
            for one, another in zip(items, other.items, strict=True)
        )
    elif choice == "colours":
        items = tuple(
            replace(one, colour=another.colour)
            for one, another in zip(items, other.items, strict=True)
        )
    elif choice == "order":
        items = items[::-1]
    elif choice == "colours about":
        one, another = items
        items = (replace(one, colour=another.colour), replace(another, colour=one.colour))
    elif choice == "style":
        return replace(scene, style=rng.choice(world.styles), art=other.art)
    elif choice == "count":
        return replace(scene, count=rng.randint(2, world.most), art=other.art)
    return replace(scene, items=items, art=other.art)


def draw_batch(world: World, rng: random.Random, batch: int) -> list[Scene]:
    """Scenes at random, each followed by a near miss of it where one may be trained on."""
    scenes: list[Scene] = []
    while len(scenes) < batch:
        scene = world.draw_scene(rng)
        near = near_miss(scene, world, rng)
        scenes += [scene] if has_held_out_pair(near) else [scene, near]
    return scenes[:batch]


@dataclass(frozen=True)
class Pairs:
    """Makes batches of scenes with the token ids [B,T] of a caption of each."""

    world: World
    sprites: SpritePack
    tokenizer: CLIPTokenizer
    batch: int

    def __call__(self, rng: random.Random) -> tuple[list[Scene], Tensor]:
        """The next batch."""
        world = self.world
        captioner = Captioner(rng, world.chinese_share, world.plain_arts)
        drawn = draw_batch(world, rng, self.batch)
        scenes = [self.sprites.settle(scene, world.plain_arts) for scene in drawn]
        captions = [captioner.write(scene) for scene in scenes]
        return scenes, tokenize(self.tokenizer, captions, CAPTION_TOKENS)


def train_text(
    preset: Preset,
    pack: Path,
    plan: Plan,
    *,
    batch: int = 128,
    lr: float = 5e-4,
    muon_lr: float | None = 0.01,
    machine: Machine = CPU,
    feeders: int = 0,
    is_tower_only: bool = False,
    seed: int = 2,
) -> Progress:
    """Train tokenizer (at once), text encoder and image tower; all are kept in the folder.

    With ``is_tower_only`` the text encoder of the start stays as it is, so that a denoiser which
    knows it goes on with it, and the tower learns to see in its words.
    """
    torch.manual_seed(seed)
    world = preset.world
    tokenizer = open_tokenizer(preset, plan)
    encoder = make_text_encoder(preset.text, tokenizer)
    start_from(plan.start, "text_encoder", encoder)
    encoder.to(machine.device)
    tower = make_tower(preset.tower, preset.text.width)
    if plan.start and (plan.start / "adapters" / "image_encoder").exists():
        start_from(plan.start / "adapters", "image_encoder", tower)
    tower.to(machine.device)
    encoder.requires_grad_(requires_grad=not is_tower_only)
    scale = Scale().to(machine.device)
    side = preset.tower.side
    sprites = read_pack(pack, world.things, world.arts, side)
    renderer = SceneRenderer(sprites, (side, side), machine.device)
    trainer = Trainer(
        plan,
        {"text_encoder": encoder, "tower": tower, "scale": scale},
        make_optimizers([tower, scale] if is_tower_only else [encoder, tower, scale], lr, muon_lr),
    )
    generator = machine.generator(seed + trainer.progress.samples)
    batches = feed(
        Pairs(world, sprites, tokenizer, batch), seed + trainer.progress.samples, feeders
    )

    if is_tower_only and trainer.progress.steps == 0:
        pairs = ((renderer.render(scenes, generator), ids) for scenes, ids in batches)
        turn_towards(encoder, tower, itertools.islice(pairs, TURNING_BATCHES), machine)

    def compute_loss() -> tuple[Tensor, int]:
        scenes, ids = next(batches)
        pictures = renderer.render(scenes, generator)
        with machine.autocast():
            captions = encoder(input_ids=ids.to(machine.device)).pooler_output
            views = see(tower, pictures)
        similarity = scale.similarity(captions.float(), views.float())
        return contrast_loss(similarity, same_meaning(scenes).to(machine.device)), batch

    return trainer.run(compute_loss)


@torch.no_grad()
def turn_towards(
    encoder: CLIPTextModel,
    tower: CLIPVisionModelWithProjection,
    pairs: Iterable[tuple[Tensor, Tensor]],
    machine: Machine,
) -> None:
    """Let the tower's projection say what the encoder says, as well as a straight map can.

    Least squares over pairs of pictures and token ids: a tower that learnt beside another encoder
    has seen the things already, and only names them otherwise.
    """
    seen, said = [], []
    for pictures, ids in pairs:
        seen.append(look(tower, pictures).pooler_output)
        said.append(encoder(input_ids=ids.to(machine.device)).pooler_output)
    features, wanted = torch.cat(seen), torch.cat(said)
    ridge = RIDGE * len(features) * torch.eye(features.shape[1], device=machine.device)
    weight = torch.linalg.solve(features.T @ features + ridge, features.T @ wanted)
    tower.visual_projection.weight.copy_(weight.T)


def open_tokenizer(preset: Preset, plan: Plan) -> CLIPTokenizer:
    """The tokenizer of the folder; where there is none yet, that of the start, or a new one."""
    folder = plan.folder / "tokenizer"
    if not (folder / "tokenizer.json").exists():
        there = plan.start and load_tokenizer(plan.start / "tokenizer")
        save_tokenizer(there or train_tokenizer(preset.text), folder)
    return load_tokenizer(folder)


def load_tower(
    preset: Preset, folder: Path, start: Path | None = None
) -> CLIPVisionModelWithProjection:
    """The image tower of a checkpoint, or of a model folder where none was trained since."""
    tower = make_tower(preset.tower, preset.text.width)
    if start and not (folder / "tower.safetensors").exists():
        start_from(start / "adapters", "image_encoder", tower)
    else:
        load_weights(folder, "tower", tower)
    return tower.eval()
