"""The autoencoder: pictures in -1..1 to latents an eighth of the side and back.

Latents are held at mean 0 and variance 1 per channel by a small penalty, so the scaling factor
of the finished model is 1 or very near it.
"""

import random
from pathlib import Path

import torch
from diffusers import AutoencoderTiny
from torch import Tensor
from torch.nn import functional

from engine.training.checkpoint import start_from
from engine.training.machine import CPU, Machine
from engine.training.meter import Progress
from engine.training.muon import make_optimizers
from engine.training.presets import AutoencoderSize, Preset
from engine.training.scenes import SceneRenderer, stream_pictures
from engine.training.sprites import read_pack
from engine.training.trainer import Plan, Trainer

LATENT_NOISE = 0.06  # added while training, so that near latents mean near pictures
MOMENT_WEIGHT = 0.02


def make_autoencoder(size: AutoencoderSize) -> AutoencoderTiny:
    """An untrained autoencoder of the preset's size."""
    widths = (size.channels,) * len(size.blocks)
    return AutoencoderTiny(
        encoder_block_out_channels=widths,
        decoder_block_out_channels=widths,
        num_encoder_blocks=size.blocks[::-1],
        num_decoder_blocks=size.blocks,
        latent_channels=size.latent_channels,
    )


def encode(autoencoder: AutoencoderTiny, pictures: Tensor) -> Tensor:
    """Pictures in 0..1 to raw latents [B,C,S/8,S/8] (before the scaling factor)."""
    latents: Tensor = autoencoder.encoder(pictures * 2 - 1)
    return latents


def decode(autoencoder: AutoencoderTiny, latents: Tensor) -> Tensor:
    """Raw latents to pictures, about 0..1, not clamped."""
    pictures: Tensor = autoencoder.decoder(latents)
    return (pictures + 1) / 2


def edges(pictures: Tensor) -> Tensor:
    """Differences to the right and lower neighbour, [B,6,S-1,S-1]."""
    here = pictures[:, :, :-1, :-1]
    return torch.cat([pictures[:, :, :-1, 1:] - here, pictures[:, :, 1:, :-1] - here], 1)


def reconstruction_loss(painted: Tensor, pictures: Tensor) -> Tensor:
    """Absolute and squared error of colours plus absolute error of edges."""
    colour = functional.l1_loss(painted, pictures) + 4 * functional.mse_loss(painted, pictures)
    return colour + functional.l1_loss(edges(painted), edges(pictures))


def moment_loss(latents: Tensor) -> Tensor:
    """How far each channel is from mean 0 and standard deviation 1."""
    mean = latents.mean((0, 2, 3))
    deviation = latents.std((0, 2, 3)) + 1e-4
    return (mean.square() + deviation.log().square()).mean()


def psnr_db(painted: Tensor, pictures: Tensor) -> float:
    """Mean over pictures of 10 log10(1 / mse), values in 0..1."""
    error = (painted.clamp(0, 1) - pictures).square().mean((1, 2, 3))
    return float((-10 * error.clamp_min(1e-10).log10()).mean())


def train_autoencoder(
    preset: Preset,
    pack: Path,
    plan: Plan,
    *,
    batch: int = 8,
    lr: float = 1e-3,
    muon_lr: float | None = 0.01,
    machine: Machine = CPU,
    seed: int = 1,
) -> Progress:
    """Train on freshly composed scenes until the plan is over."""
    torch.manual_seed(seed)
    world = preset.world
    sprites = read_pack(pack, world.things, world.arts)
    renderer = SceneRenderer(sprites, preset.square, machine.device)
    autoencoder = make_autoencoder(preset.autoencoder).to(
        machine.device, memory_format=torch.channels_last
    )
    start_from(plan.start, "vae", autoencoder)
    trainer = Trainer(
        plan,
        {"autoencoder": autoencoder},
        make_optimizers([autoencoder], lr, muon_lr, weight_decay=0.0),
    )
    rng = random.Random(seed + trainer.progress.samples)
    generator = machine.generator(seed + trainer.progress.samples)
    stream = stream_pictures(renderer, world, rng, generator, batch)

    def compute_loss() -> tuple[Tensor, int]:
        pictures = next(stream)
        with machine.autocast():
            latents = encode(autoencoder, pictures)
            noise = LATENT_NOISE * torch.randn_like(latents)
            painted = decode(autoencoder, latents + noise)
        loss = reconstruction_loss(painted.float(), pictures)
        return loss + MOMENT_WEIGHT * moment_loss(latents.float()), batch

    return trainer.run(compute_loss)
