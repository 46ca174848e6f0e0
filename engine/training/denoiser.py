"""The denoiser: a U-Net that learns to take noise away from latents, led by a caption.

v-prediction (Salimans & Ho 2022, arXiv 2202.00512) on a cosine schedule whose last step is pure
noise (Lin et al. 2023, arXiv 2305.08891), weighted by clipped signal-to-noise (Hang et al. 2023,
arXiv 2303.09556).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor
from transformers import CLIPTextModel

from engine.training.bank import Bank, Drawn
from engine.training.checkpoint import load_weights, start_from
from engine.training.machine import CPU, Machine
from engine.training.meter import Progress
from engine.training.muon import make_optimizers
from engine.training.presets import DenoiserSize, Preset
from engine.training.trainer import Ema, Plan, Trainer
from engine.training.workers import Workers

STEPS = 1000
PROMPT_DROP = 0.1
SNR_CLIP = 5.0
EMA_DECAY = 0.9995

SCHEDULE = {
    "num_train_timesteps": STEPS,
    "beta_schedule": "squaredcos_cap_v2",
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "timestep_spacing": "trailing",
    "steps_offset": 1,  # not used in trailing order; the stock pipelines warn without it
}


def make_denoiser(size: DenoiserSize, latent_channels: int, latent_side: int, text_width: int,
                  ) -> UNet2DConditionModel:  # fmt: skip
    """An untrained U-Net; cross-attention on all levels but the largest."""
    lower = len(size.channels) - 1
    return UNet2DConditionModel(
        sample_size=latent_side,
        in_channels=latent_channels,
        out_channels=latent_channels,
        block_out_channels=size.channels,
        down_block_types=("DownBlock2D", *("CrossAttnDownBlock2D",) * lower),
        up_block_types=(*("CrossAttnUpBlock2D",) * lower, "UpBlock2D"),
        layers_per_block=1,
        cross_attention_dim=text_width,
        attention_head_dim=tuple(width // size.head_width for width in size.channels),
        norm_num_groups=8,
    )


def place(denoiser: UNet2DConditionModel, machine: Machine) -> UNet2DConditionModel:
    """Bring a denoiser onto a machine, in the forms that are learnt with fastest there."""
    denoiser.to(machine.device, memory_format=torch.channels_last)
    if machine.is_cpu:
        # On a CPU the fused attention's way back takes three times as long as the plain one's.
        denoiser.set_attn_processor(AttnProcessor())
    return denoiser


class NoiseSchedule:
    """How much signal and noise there is at each of the training steps."""

    def __init__(self, device: torch.device | None = None) -> None:
        scheduler = DDPMScheduler(**{**SCHEDULE, "timestep_spacing": "leading"})
        kept = scheduler.alphas_cumprod.to(device or "cpu")
        self.signal = kept.sqrt()
        self.noise = (1 - kept).sqrt()
        snr = kept / (1 - kept)
        # In v-prediction 1 is the weight at pure noise; only nearly clean steps are held back.
        self.weight = (snr.clamp_max(SNR_CLIP) + 1) / (snr + 1)

    def mix(self, latents: Tensor, noise: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
        """Noisy latents and the v to predict: signal * noise - noise share * latents."""
        signal = self.signal[steps][:, None, None, None]
        spread = self.noise[steps][:, None, None, None]
        return signal * latents + spread * noise, signal * noise - spread * latents


def draw_steps(batch: int) -> Tensor:
    """One step from each of ``batch`` equal stretches of the schedule: less chance, same mean."""
    places = (torch.arange(batch) + torch.rand(batch)) / batch
    return (places * STEPS).long().clamp_max(STEPS - 1)


def read_words(encoder: CLIPTextModel, ids: Tensor, machine: Machine) -> Tensor:
    """What the text encoder says of token ids [B,T]: words [B,T,W]; it does not learn."""
    with torch.no_grad(), machine.autocast():
        words: Tensor = encoder(ids).last_hidden_state
    return words


def denoising_loss(
    denoiser: Callable[..., Any],
    schedule: NoiseSchedule,
    latents: Tensor,
    words: Tensor,
    machine: Machine = CPU,
) -> Tensor:
    """Weighted squared error of the predicted v; latents of unit variance, words [B,T,W]."""
    steps = draw_steps(len(latents)).to(machine.device)
    noisy, target = schedule.mix(latents, torch.randn_like(latents), steps)
    noisy = noisy.contiguous(memory_format=torch.channels_last)
    with machine.autocast():
        predicted = denoiser(noisy, steps, words, return_dict=False)[0]
    error = (predicted.float() - target).square().mean((1, 2, 3))
    loss: Tensor = (error * schedule.weight[steps]).mean()
    return loss


@dataclass(frozen=True)
class Banks:
    """The scenes to learn from: of the native size, and smaller ones for the first part.

    Small pictures cost a fraction; what words and shapes are is learnt on them, and the native
    size is learnt from there.
    """

    native: Path
    first: Path | None = None
    first_share: float = 0.45  # of the planned time


def train_denoiser(
    preset: Preset,
    banks: Banks,
    plan: Plan,
    text_encoder: CLIPTextModel,
    *,
    batch: int = 64,
    lr: float = 1e-3,
    muon_lr: float | None = 0.01,
    machine: Machine = CPU,
    is_compiled: bool = False,
    seed: int = 3,
    workers: Workers | None = None,
) -> Progress:
    """Train until the plan is over; the folder keeps last and averaged weights.

    ``batch`` is of native squares; of smaller pictures as many more as make up the same area.
    """
    workers = workers or Workers()
    torch.manual_seed(seed)  # the same first weights in every worker
    shape = (preset.autoencoder.latent_channels, preset.side // 8, preset.text.width)
    denoiser = place(make_denoiser(preset.denoiser, *shape), machine)
    start_from(plan.start, "unet", denoiser)
    slow = make_denoiser(preset.denoiser, *shape)
    ema = Ema(slow.to(machine.device, memory_format=torch.channels_last), EMA_DECAY)
    ema.copy.load_state_dict(denoiser.state_dict())
    trainer = Trainer(
        plan,
        {"denoiser": denoiser, "ema": ema.copy},
        make_optimizers([denoiser], lr, muon_lr),
        workers,
    )
    ema.updates = trainer.progress.steps
    torch.manual_seed(seed + trainer.progress.samples + workers.rank)
    schedule = NoiseSchedule(machine.device)
    text_encoder.to(machine.device)
    source = _Source(preset, banks, plan, machine, batch)
    # Each shape is compiled apart, so only squares are: wide and tall ones come too seldom.
    square: Callable[..., Any] = denoiser
    if is_compiled:
        square = torch.compile(denoiser, dynamic=False)

    def compute_loss() -> tuple[Tensor, int]:
        drawn = source.draw(trainer.progress)
        words = read_words(text_encoder, drawn.ids, machine)
        height, width = drawn.latents.shape[2:]
        net = square if height == width else denoiser
        return denoising_loss(net, schedule, drawn.latents, words, machine), len(words)

    return trainer.run(compute_loss, lambda: ema.update(denoiser), source.take_new_shards)


class _Source:
    """Batches by the time: small pictures first, if there are any."""

    def __init__(
        self, preset: Preset, banks: Banks, plan: Plan, machine: Machine, batch: int
    ) -> None:
        self.banks = banks
        self.machine = machine
        self.first_until_s = banks.first_share * plan.minutes * 60 if banks.first else 0.0
        self.open: dict[Path, Bank] = {}
        self.batch = batch
        self.first_batch = batch * (preset.side // (preset.first_side or preset.side)) ** 2

    def draw(self, progress: Progress) -> Drawn:
        is_first = self.banks.first is not None and progress.seconds < self.first_until_s
        folder = self.banks.first if is_first and self.banks.first else self.banks.native
        if folder not in self.open:
            self.open = {folder: Bank(folder, self.machine)}
        return self.open[folder].draw(self.first_batch if is_first else self.batch, PROMPT_DROP)

    def take_new_shards(self) -> None:
        for bank in self.open.values():
            bank.take_new_shards()


def load_denoiser(preset: Preset, folder: Path, start: Path | None = None) -> UNet2DConditionModel:
    """The averaged denoiser of a checkpoint, or that of a model folder where there is none."""
    shape = (preset.autoencoder.latent_channels, preset.side // 8, preset.text.width)
    denoiser = make_denoiser(preset.denoiser, *shape)
    if start and not (folder / "ema.safetensors").exists():
        start_from(start, "unet", denoiser)
    else:
        load_weights(folder, "ema", denoiser)
    return denoiser
