"""Sharpens the decoder against a discriminator; the encoder, and so every latent, stays as it is.

The discriminator looks at patches, and by self-attention (Zhang et al. 2018, arXiv 1805.08318) at
how they fit together. It is kept smooth by a penalty on its gradient between real and painted
pictures (Gulrajani et al. 2017, arXiv 1704.00028) and never quite sure by label smoothing. Its
share in the decoder's loss is set by the gradients of both (Esser et al. 2020, arXiv 2012.09841).
"""

import itertools
import random
from pathlib import Path

import torch
from diffusers import AutoencoderTiny
from torch import Tensor, nn
from torch.nn import functional

from engine.training.autoencoder import decode, encode, reconstruction_loss
from engine.training.machine import CPU, Machine
from engine.training.meter import Progress
from engine.training.muon import make_optimizers
from engine.training.presets import Preset
from engine.training.scenes import SceneRenderer, stream_pictures
from engine.training.sprites import read_pack
from engine.training.trainer import Plan, Trainer

WIDTHS = (3, 48, 96, 128)
CROP = 128  # pixels of the pictures that the discriminator sees
REAL = 0.9  # label smoothing
PENALTY = 1.0
SHARE = 0.3  # of the discriminator's gradient against the reconstruction's, at the last layer
CRITIC_FROM = 0.1  # of the time; before, the discriminator learns alone


class SelfAttention(nn.Module):
    """Each place of a plane [B,C,h,w] looks at all others; at first not at all.

    Written out, for fused attention has no second derivative and the penalty needs one.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = width // 4
        self.to_qk = nn.Conv2d(width, self.inner * 2, 1)
        self.to_v = nn.Conv2d(width, width, 1)
        self.gain = nn.Parameter(torch.zeros(()))

    def forward(self, plane: Tensor) -> Tensor:
        """The plane and what its places took over from each other."""
        query, key = self.to_qk(plane).flatten(2).chunk(2, 1)
        weights = (query.mT @ key / self.inner**0.5).softmax(-1)
        seen = self.to_v(plane).flatten(2) @ weights.mT
        result: Tensor = plane + self.gain * seen.view_as(plane)
        return result


class Discriminator(nn.Module):
    """Scores patches of pictures [B,3,H,W] in 0..1: real or decoded."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, now in itertools.pairwise(WIDTHS):
            layers += [nn.Conv2d(before, now, 4, 2, 1), nn.LeakyReLU(0.2)]
        last = WIDTHS[-1]
        self.layers = nn.Sequential(*layers, SelfAttention(last), nn.Conv2d(last, 1, 3, 1, 1))

    def forward(self, pictures: Tensor) -> Tensor:
        """One score per patch, [B,1,H/8,W/8]."""
        scores: Tensor = self.layers(pictures * 2 - 1)
        return scores


def gradient_penalty(critic: Discriminator, real: Tensor, fake: Tensor) -> Tensor:
    """How far the length of the score's gradient is from 1 somewhere between real and fake."""
    share = torch.rand(len(real), 1, 1, 1, device=real.device)
    between = torch.lerp(real, fake, share).requires_grad_()
    scores = critic(between).mean((1, 2, 3)).sum()
    (slope,) = torch.autograd.grad(scores, between, create_graph=True)
    penalty: Tensor = (slope.flatten(1).norm(dim=1) - 1).square().mean()
    return penalty


def critic_loss(critic: Discriminator, real: Tensor, fake: Tensor) -> Tensor:
    """What the discriminator learns from: tell them apart, smoothly."""
    scores, others = critic(real), critic(fake)
    right = functional.binary_cross_entropy_with_logits(scores, torch.full_like(scores, REAL))
    wrong = functional.binary_cross_entropy_with_logits(others, torch.zeros_like(others))
    return right + wrong + PENALTY * gradient_penalty(critic, real, fake)


def balance(loss: Tensor, doubt: Tensor, weight: Tensor) -> Tensor:
    """The factor by which doubt pulls ``SHARE`` times as hard at a weight as the loss does."""
    (pull,) = torch.autograd.grad(loss, weight, retain_graph=True)
    (other,) = torch.autograd.grad(doubt, weight, retain_graph=True)
    factor: Tensor = SHARE * pull.norm() / (other.norm() + 1e-8)
    return factor.clamp_max(1.0).detach()


def random_crops(pictures: Tensor) -> Tensor:
    """The same part of every picture of a batch, a multiple of 8 pixels from the edge."""
    spots = [8 * int(torch.randint((side - CROP) // 8 + 1, ())) for side in pictures.shape[2:]]
    top, left = spots
    return pictures[:, :, top : top + CROP, left : left + CROP]


def train_sharp(
    preset: Preset,
    pack: Path,
    plan: Plan,
    autoencoder: AutoencoderTiny,
    *,
    batch: int = 8,
    lr: float = 2e-4,
    machine: Machine = CPU,
    seed: int = 12,
) -> Progress:
    """Go on with the decoder of a trained autoencoder until the plan is over."""
    torch.manual_seed(seed)
    world = preset.world
    autoencoder.to(machine.device, memory_format=torch.channels_last)
    autoencoder.encoder.requires_grad_(requires_grad=False)
    critic = Discriminator().to(machine.device)
    critics = torch.optim.AdamW(critic.parameters(), lr=lr, betas=(0.5, 0.9))
    # The critic's optimizer starts anew when a training is resumed; it finds its feet in no time.
    trainer = Trainer(
        plan,
        {"autoencoder": autoencoder, "critic": critic},
        make_optimizers([autoencoder.decoder], lr, None, weight_decay=0.0),
    )
    sprites = read_pack(pack, world.things, world.arts)
    renderer = SceneRenderer(sprites, preset.square, machine.device)
    rng = random.Random(seed + trainer.progress.samples)
    generator = machine.generator(seed + trainer.progress.samples)
    stream = stream_pictures(renderer, world, rng, generator, batch)
    last = [module for module in autoencoder.decoder.modules() if isinstance(module, nn.Conv2d)][-1]

    def compute_loss() -> tuple[Tensor, int]:
        pictures = next(stream)
        if min(pictures.shape[2:]) > CROP:
            pictures = random_crops(pictures)
        pictures = pictures.contiguous(memory_format=torch.channels_last)
        with machine.autocast():
            with torch.no_grad():
                latents = encode(autoencoder, pictures)
            painted = decode(autoencoder, latents).float()
        critics.zero_grad(set_to_none=True)
        # why: torch leaves it untyped
        critic_loss(critic, pictures, painted.detach()).backward()  # type: ignore[no-untyped-call]
        critics.step()
        loss = reconstruction_loss(painted, pictures)
        if trainer.progress.seconds < CRITIC_FROM * plan.minutes * 60:
            return loss, batch
        doubt = -critic(painted).mean()
        return loss + balance(loss, doubt, last.weight) * doubt, batch

    return trainer.run(compute_loss)
