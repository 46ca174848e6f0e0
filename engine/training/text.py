"""The text encoder, trained by contrast: a caption and its picture end up near each other.

The same idea as CLIP (Radford et al. 2021, arXiv 2103.00020): in a batch, each caption must find
its own picture among all and each picture its own caption. The image tower is kept for later use.
"""

import random
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from engine.training.captions import Captioner
from engine.training.checkpoint import start_from
from engine.training.machine import CPU, Machine
from engine.training.meter import Progress
from engine.training.muon import make_optimizers
from engine.training.presets import Preset, TextSize
from engine.training.scenes import SceneRenderer
from engine.training.sprites import read_pack
from engine.training.tokenizer import load_tokenizer, save_tokenizer, train_tokenizer
from engine.training.trainer import Plan, Trainer
from engine.training.world import Scene, World, has_held_out_pair

TOWER_SIDE = 64  # pixels; enough to tell things apart
CAPTION_TOKENS = 24  # the training captions are short; attention is causal, so the rest can wait
LARGEST_SCALE = 100.0


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


class ImageTower(nn.Module):
    """Pictures [B,3,64,64] in 0..1 to vectors [B,width]: five convolutions and a mean."""

    def __init__(self, width: int, channels: tuple[int, ...] = (32, 64, 128, 256)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for now in channels:
            layers += [
                nn.Conv2d(before, now, 3, stride=2, padding=1),
                nn.GroupNorm(8, now),
                nn.SiLU(),
            ]
            before = now
        layers += [nn.Conv2d(before, before, 3, padding=1), nn.GroupNorm(8, before), nn.SiLU()]
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(before * 4, width)

    def forward(self, pictures: Tensor) -> Tensor:
        """One vector per picture; the four quarters are pooled apart, so that places count."""
        features = functional.adaptive_avg_pool2d(self.layers(pictures * 2 - 1), 2)
        vectors: Tensor = self.head(features.flatten(1))
        return vectors


class Matcher(nn.Module):
    """What contrast needs beside the encoder: the image tower, a projection, a temperature."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.tower = ImageTower(width)
        self.projection = nn.Linear(width, width, bias=False)
        self.log_scale = nn.Parameter(torch.tensor(2.66))  # exp(2.66) = 14.3 = 1 / 0.07, as CLIP

    def similarity(self, captions: Tensor, pictures: Tensor) -> Tensor:
        """Scaled cosines, [captions, pictures]."""
        words = functional.normalize(self.projection(captions), dim=-1)
        views = functional.normalize(pictures, dim=-1)
        return self.log_scale.exp().clamp_max(LARGEST_SCALE) * words @ views.T


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


def same_meaning(scenes: list[Scene]) -> Tensor:
    """Which scenes of a batch show the same, whatever the art: bool [B,B]."""
    keys = [replace(scene, art="") for scene in scenes]
    return torch.tensor([[one == other for other in keys] for one in keys])


def draw_batch(world: World, rng: random.Random, batch: int) -> list[Scene]:
    """Half the batch at random, half near misses: one word of a neighbour's scene is changed."""
    scenes: list[Scene] = []
    while len(scenes) < batch:
        scene = world.draw_scene(rng)
        scenes.append(scene)
        other = world.draw_scene(rng)
        if len(scene.items) == 1 and len(other.items) == 1 and len(scenes) < batch:
            keep_items = rng.random() < 0.5
            near = replace(
                scene,
                items=scene.items if keep_items else other.items,
                place=other.place if keep_items else scene.place,
                backdrop=other.backdrop if keep_items else scene.backdrop,
                art=other.art,
            )
            if not has_held_out_pair(near):
                scenes.append(near)
    return scenes


def train_text(
    preset: Preset,
    pack: Path,
    plan: Plan,
    *,
    batch: int = 128,
    lr: float = 5e-4,
    muon_lr: float | None = 0.01,
    machine: Machine = CPU,
    seed: int = 2,
) -> Progress:
    """Train tokenizer (at once), text encoder and image tower; all are kept in the folder."""
    torch.manual_seed(seed)
    world = preset.world
    tokenizer = open_tokenizer(preset, plan)
    encoder = make_text_encoder(preset.text, tokenizer)
    start_from(plan.start, "text_encoder", encoder)
    encoder.to(machine.device)
    matcher = Matcher(preset.text.width).to(machine.device)
    renderer = SceneRenderer(
        read_pack(pack, world.things, world.arts, TOWER_SIDE), (TOWER_SIDE,) * 2, machine.device
    )
    trainer = Trainer(
        plan,
        {"text_encoder": encoder, "matcher": matcher},
        make_optimizers([encoder, matcher], lr, muon_lr),
    )
    rng = random.Random(seed + trainer.progress.samples)
    captioner = Captioner(rng, world.chinese_share)
    generator = machine.generator(seed + trainer.progress.samples)

    def compute_loss() -> tuple[Tensor, int]:
        scenes = draw_batch(world, rng, batch)
        pictures = renderer.render(scenes, generator)
        ids = tokenize(tokenizer, [captioner.write(scene) for scene in scenes], CAPTION_TOKENS)
        with machine.autocast():
            captions = encoder(input_ids=ids.to(machine.device)).pooler_output
            views = matcher.tower(pictures)
        similarity = matcher.similarity(captions.float(), views.float())
        return contrast_loss(similarity, same_meaning(scenes).to(machine.device)), batch

    return trainer.run(compute_loss)


def open_tokenizer(preset: Preset, plan: Plan) -> CLIPTokenizer:
    """The tokenizer of the folder; where there is none yet, that of the start, or a new one."""
    folder = plan.folder / "tokenizer"
    if not (folder / "tokenizer.json").exists():
        there = plan.start and load_tokenizer(plan.start / "tokenizer")
        save_tokenizer(there or train_tokenizer(preset.text), folder)
    return load_tokenizer(folder)
