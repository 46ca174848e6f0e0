"""Trains the upscaler: large scenes, their small copies as the autoencoder leaves them, a critic.

Half of the small pictures went through the autoencoder, for those are the pictures Easel paints.
For the first part of the time the network learns to be right; then a discriminator that looks at
patches is added, for what is merely right is soft.
"""

import itertools
import logging
import random
from pathlib import Path

import torch
from diffusers import AutoencoderTiny
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from engine.training.autoencoder import decode, encode, psnr_db, reconstruction_loss
from engine.training.checkpoint import load_weights, replace_file, write_numbers
from engine.training.machine import CPU, Machine
from engine.training.meter import Progress
from engine.training.muon import make_optimizers
from engine.training.presets import Preset
from engine.training.scenes import SceneRenderer
from engine.training.sprites import read_pack
from engine.training.trainer import Plan, Trainer
from engine.training.world import Split
from engine.upscaler import SCALES, Upscaler

log = logging.getLogger(__name__)

LARGE = 4  # times the side the model paints
SPRITE_SIDE = 384
ARTS = ("fluent-emoji", "noto", "twemoji")  # drawn with lines and curves, sharp at any size
CROP = 40  # pixels of the small picture
CRITIC_FROM = 0.5  # of the time
CRITIC_WEIGHT = 0.004
REAL = 0.9  # label smoothing: a critic that is never quite sure


class Critic(nn.Module):
    """Scores patches of pictures [B,3,H,W]: real or enlarged."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        widths = (3, width, width * 2, width * 2)
        layers: list[nn.Module] = []
        for before, now in itertools.pairwise(widths):
            layers += [spectral_norm(nn.Conv2d(before, now, 4, 2, 1)), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, spectral_norm(nn.Conv2d(width * 2, 1, 3, 1, 1)))

    def forward(self, pictures: Tensor) -> Tensor:
        """One score per patch."""
        scores: Tensor = self.layers(pictures - 0.5)
        return scores


@torch.no_grad()
def compose_pairs(
    preset: Preset, pack: Path, autoencoder: AutoencoderTiny, count: int, split: Split, seed: int
) -> dict[str, Tensor]:
    """Large scenes uint8 [N,3,4S,4S], small copies, and those once through the latents."""
    world = preset.world
    side = preset.side * LARGE
    renderer = SceneRenderer(read_pack(pack, world.things, ARTS, SPRITE_SIDE), (side, side))
    rng = random.Random(seed)
    generator = torch.Generator().manual_seed(seed)
    large, small, painted = [], [], []
    for _ in range(count):
        scene = world.draw_scene(rng, split)
        picture = renderer.render([scene], generator)
        reduced = functional.avg_pool2d(picture, LARGE)
        large.append((picture * 255).round().byte())
        small.append((reduced * 255).round().byte())
        again = decode(autoencoder, encode(autoencoder, reduced)).clamp(0, 1)
        painted.append((again * 255).round().byte())
    return {"large": torch.cat(large), "small": torch.cat(small), "painted": torch.cat(painted)}


def open_pairs(
    path: Path, preset: Preset, pack: Path, autoencoder: AutoencoderTiny, count: int
) -> dict[str, Tensor]:
    """The pairs of a file, composed first where there is none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, compose_pairs(preset, pack, autoencoder, count, "train", seed=5))
        log.info("pairs=%d", count)
    pairs: dict[str, Tensor] = load_file(path)
    return pairs


def draw_crops(pairs: dict[str, Tensor], batch: int) -> tuple[Tensor, Tensor]:
    """Small and large crops of the same places, floats in 0..1; mirrored half of the time."""
    small, large = [], []
    side = pairs["small"].shape[2]
    crop = min(CROP, side)
    for row in torch.randint(len(pairs["small"]), (batch,)).tolist():
        kind = "painted" if torch.rand(()) < 0.5 else "small"
        top, left = torch.randint(side - crop + 1, (2,)).tolist()
        one = pairs[kind][row, :, top : top + crop, left : left + crop]
        up, across, span = top * LARGE, left * LARGE, crop * LARGE
        other = pairs["large"][row, :, up : up + span, across : across + span]
        flip = bool(torch.rand(()) < 0.5)
        small.append(one.flip(2) if flip else one)
        large.append(other.flip(2) if flip else other)
    return torch.stack(small).float() / 255, torch.stack(large).float() / 255


def train_upscaler(
    preset: Preset,
    pack: Path,
    plan: Plan,
    autoencoder: AutoencoderTiny,
    *,
    batch: int = 8,
    lr: float = 1e-3,
    muon_lr: float | None = 0.01,
    pairs: int = 300,
    machine: Machine = CPU,
    seed: int = 6,
) -> Progress:
    """Train both scales at once until the plan is over."""
    torch.manual_seed(seed)
    known = open_pairs(plan.folder / "pairs.safetensors", preset, pack, autoencoder, pairs)
    upscaler, critic = Upscaler().to(machine.device), Critic().to(machine.device)
    # The critic's optimizer starts anew when a training is resumed; it finds its feet in no time.
    critics = torch.optim.AdamW(critic.parameters(), lr=2e-4, betas=(0.5, 0.9))
    trainer = Trainer(
        plan,
        {"upscaler": upscaler, "critic": critic},
        make_optimizers([upscaler], lr, muon_lr, weight_decay=0.0),
    )

    def compute_loss() -> tuple[Tensor, int]:
        small, large = (crops.to(machine.device) for crops in draw_crops(known, batch))
        features = upscaler.look(small)
        wanted = {4: large, 2: functional.avg_pool2d(large, 2)}
        drawn = {scale: upscaler.enlarge(small, features, scale) for scale in SCALES}
        losses = [reconstruction_loss(drawn[scale], wanted[scale]) for scale in SCALES]
        loss = torch.stack(losses).sum()
        if trainer.progress.seconds > CRITIC_FROM * plan.minutes * 60:
            _teach(critic, critics, drawn, wanted)
            loss = loss - CRITIC_WEIGHT * sum(critic(drawn[scale]).mean() for scale in SCALES)
        return loss, batch

    return trainer.run(compute_loss)


def _teach(
    critic: Critic,
    critics: torch.optim.Optimizer,
    drawn: dict[int, Tensor],
    wanted: dict[int, Tensor],
) -> None:
    """One step of the critic on real and enlarged pictures of both scales."""
    losses = []
    for scale in SCALES:
        real, fake = critic(wanted[scale]), critic(drawn[scale].detach())
        losses += [
            functional.binary_cross_entropy_with_logits(real, torch.full_like(real, REAL)),
            functional.binary_cross_entropy_with_logits(fake, torch.zeros_like(fake)),
        ]
    critics.zero_grad(set_to_none=True)
    torch.stack(losses).sum().backward()  # type: ignore[no-untyped-call]  # why: torch's own
    critics.step()


def _lanczos(picture: Tensor, scale: int) -> Tensor:
    pixels = Image.fromarray(picture.movedim(0, -1).numpy())
    size = (pixels.width * scale, pixels.height * scale)
    larger = pixels.resize(size, Image.Resampling.LANCZOS)
    return torch.frombuffer(bytearray(larger.tobytes()), dtype=torch.uint8).view(
        larger.height, larger.width, 3
    ).movedim(-1, 0).float() / 255  # fmt: skip


@torch.no_grad()
def measure_upscaler(upscaler: Upscaler, pairs: dict[str, Tensor]) -> dict[str, dict[str, float]]:
    """PSNR in dB of the network and of Lanczos, on clean small pictures and on painted ones."""
    scores: dict[str, dict[str, float]] = {}
    large = pairs["large"].float() / 255
    for kind in ("small", "painted"):
        for scale in SCALES:
            wanted = functional.avg_pool2d(large, LARGE // scale) if scale < LARGE else large
            small = pairs[kind]
            ours = torch.cat([upscaler(one[None].float() / 255, scale) for one in small])
            plain = torch.stack([_lanczos(one, scale) for one in small])
            scores[f"{kind} x{scale}"] = {
                "upscaler": psnr_db(ours, wanted),
                "lanczos": psnr_db(plain, wanted),
            }
    return scores


def score_upscaler(
    preset: Preset, pack: Path, folder: Path, autoencoder: AutoencoderTiny, count: int = 24
) -> dict[str, dict[str, float]]:
    """Measure the checkpoint of a folder on held-out scenes; scores.json beside it."""
    upscaler = Upscaler()
    load_weights(folder, "upscaler", upscaler)
    pairs = compose_pairs(preset, pack, autoencoder.cpu(), count, "held-out", seed=77)
    scores = measure_upscaler(upscaler, pairs)
    write_numbers(folder / "scores.json", scores)
    log.info("upscaler %s", scores)
    return scores
