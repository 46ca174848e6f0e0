"""The denoiser: a U-Net that learns to take noise away from latents, led by a caption.

v-prediction (Salimans & Ho 2022, arXiv 2202.00512) on a cosine schedule whose last step is pure
noise (Lin et al. 2023, arXiv 2305.08891), weighted by clipped signal-to-noise (Hang et al. 2023,
arXiv 2303.09556).
"""

from pathlib import Path

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor

from engine.training.bank import Bank
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


def denoising_loss(
    denoiser: UNet2DConditionModel,
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
        predicted = denoiser(noisy, steps, words).sample
    error = (predicted.float() - target).square().mean((1, 2, 3))
    loss: Tensor = (error * schedule.weight[steps]).mean()
    return loss


def train_denoiser(
    preset: Preset,
    bank_folder: Path,
    plan: Plan,
    *,
    batch: int = 64,
    lr: float = 1e-3,
    muon_lr: float | None = 0.01,
    machine: Machine = CPU,
    seed: int = 3,
    workers: Workers | None = None,
) -> Progress:
    """Train on the bank until the plan is over; the folder keeps last and averaged weights."""
    workers = workers or Workers()
    torch.manual_seed(seed)  # the same first weights in every worker
    bank = Bank(bank_folder)
    shape = (preset.autoencoder.latent_channels, preset.side // 8, preset.text.width)
    denoiser = make_denoiser(preset.denoiser, *shape).to(
        machine.device, memory_format=torch.channels_last
    )
    start_from(plan.start, "unet", denoiser)
    if machine.is_cpu:
        # On a CPU the fused attention's way back takes three times as long as the plain one's.
        denoiser.set_attn_processor(AttnProcessor())
    ema = Ema(make_denoiser(preset.denoiser, *shape).to(machine.device), EMA_DECAY)
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

    def compute_loss() -> tuple[Tensor, int]:
        latents, words = (drawn.to(machine.device) for drawn in bank.draw(batch, PROMPT_DROP))
        loss = denoising_loss(denoiser, schedule, latents, words, machine)
        return loss, batch

    return trainer.run(compute_loss, lambda: ema.update(denoiser), bank.take_new_shards)


def load_denoiser(preset: Preset, folder: Path, start: Path | None = None) -> UNet2DConditionModel:
    """The averaged denoiser of a checkpoint, or that of a model folder where there is none."""
    shape = (preset.autoencoder.latent_channels, preset.side // 8, preset.text.width)
    denoiser = make_denoiser(preset.denoiser, *shape)
    if start and not (folder / "ema.safetensors").exists():
        start_from(start, "unet", denoiser)
    else:
        load_weights(folder, "ema", denoiser)
    return denoiser
