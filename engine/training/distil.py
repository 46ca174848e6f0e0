"""Few steps: a LoRA by which the denoiser leaps to the end from anywhere, guidance included.

Latent consistency distillation (Luo et al. 2023, arXiv 2310.04378 and 2311.05556): what the
student makes of a noisy picture is to be what it makes of the same picture one teacher's step
nearer to the end. The teacher's step is guided, so the student needs no second look.
"""

from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from peft import LoraConfig
from peft.utils.save_and_load import get_peft_model_state_dict
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextModel

from engine.training.bank import Bank
from engine.training.denoiser import PROMPT_DROP, STEPS, NoiseSchedule, load_denoiser
from engine.training.machine import CPU, Machine
from engine.training.meter import Progress
from engine.training.muon import make_optimizers
from engine.training.painter import Painter
from engine.training.presets import Preset
from engine.training.trainer import Plan, Trainer

GRID = 50  # teacher's steps over the whole schedule
RANK = 16
GUIDANCE = 4.0  # as the pipeline's default
TARGETS = ("to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "conv1", "conv2")
TIMESTEP_SCALING, SIGMA = 10.0, 0.5  # as LCMScheduler has them
HUBER = 0.03


def add_lora(denoiser: UNet2DConditionModel, rank: int = RANK) -> None:
    """Give a denoiser a LoRA that learns while its own weights rest."""
    denoiser.requires_grad_(requires_grad=False)
    config = LoraConfig(r=rank, lora_alpha=rank, target_modules=list(TARGETS))
    denoiser.add_adapter(config, "default")


class Lora(nn.Module):
    """The LoRA's weights of a denoiser alone, for checkpoints."""

    def __init__(self, denoiser: UNet2DConditionModel) -> None:
        super().__init__()
        named = [(name, p) for name, p in denoiser.named_parameters() if p.requires_grad]
        for name, parameter in named:
            self.register_parameter(name.replace(".", "-"), parameter)


class Leap:
    """The arithmetic between noisy latents, predicted v and clean latents, at given steps."""

    def __init__(self, schedule: NoiseSchedule) -> None:
        self.schedule = schedule

    def _parts(self, steps: Tensor) -> tuple[Tensor, Tensor]:
        shape = (-1, 1, 1, 1)
        return self.schedule.signal[steps].view(shape), self.schedule.noise[steps].view(shape)

    def clean(self, noisy: Tensor, v: Tensor, steps: Tensor) -> Tensor:
        """What the latents are without noise, by a predicted v."""
        signal, spread = self._parts(steps)
        return signal * noisy - spread * v

    def move(self, noisy: Tensor, v: Tensor, steps: Tensor, to: Tensor) -> Tensor:
        """One step of DDIM, from one noise level to another."""
        signal, spread = self._parts(steps)
        to_signal, to_spread = self._parts(to)
        noise = spread * noisy + signal * v
        return to_signal * self.clean(noisy, v, steps) + to_spread * noise

    def answer(self, noisy: Tensor, v: Tensor, steps: Tensor) -> Tensor:
        """The student's answer: clean latents, and at step 0 the latents as they are."""
        scaled = (steps.float() * TIMESTEP_SCALING).view(-1, 1, 1, 1)
        skip = SIGMA**2 / (scaled**2 + SIGMA**2)
        out = scaled / (scaled**2 + SIGMA**2).sqrt()
        return skip * noisy + out * self.clean(noisy, v, steps)


def distillation_loss(
    denoiser: UNet2DConditionModel, leap: Leap, latents: Tensor, words: Tensor, nothing: Tensor
) -> Tensor:
    """How far the student's answer is from its own, one guided teacher's step nearer the end."""
    stride = STEPS // GRID
    place = torch.randint(1, GRID + 1, (len(latents),), device=latents.device)
    steps, nearer = place * stride - 1, ((place - 1) * stride - 1).clamp_min(0)
    noisy, _ = leap.schedule.mix(latents, torch.randn_like(latents), steps)
    with torch.no_grad():
        denoiser.disable_adapters()
        both = torch.cat([words, nothing.expand_as(words)])
        v, v_nothing = denoiser(noisy.repeat(2, 1, 1, 1), steps.repeat(2), both).sample.chunk(2)
        guided = v_nothing + GUIDANCE * (v - v_nothing)
        moved = leap.move(noisy, guided, steps, nearer)
        denoiser.enable_adapters()
        wanted = leap.answer(moved, denoiser(moved, nearer, words).sample, nearer)
    given = leap.answer(noisy, denoiser(noisy, steps, words).sample, steps)
    return (functional.mse_loss(given, wanted, reduction="none") + HUBER**2).sqrt().mean() - HUBER


def train_distilled(
    preset: Preset,
    bank_folder: Path,
    plan: Plan,
    denoiser_folder: Path,
    text_encoder: CLIPTextModel,
    *,
    batch: int = 32,
    lr: float = 5e-4,
    muon_lr: float | None = None,
    machine: Machine = CPU,
    seed: int = 10,
) -> Progress:
    """Train the LoRA until the plan is over; the folder then holds it in diffusers' form too."""
    torch.manual_seed(seed)
    bank = Bank(bank_folder, machine)
    painter = Painter(load_denoiser(preset, denoiser_folder, plan.start), text_encoder, machine)
    denoiser = painter.denoiser
    add_lora(denoiser)
    lora = Lora(denoiser)
    trainer = Trainer(plan, {"lora": lora}, make_optimizers([lora], lr, muon_lr, 0.0))
    torch.manual_seed(seed + trainer.progress.samples)
    leap = Leap(painter.schedule)
    nothing = painter.read(bank.nothing)

    def compute_loss() -> tuple[Tensor, int]:
        drawn = bank.draw(batch, PROMPT_DROP)
        words = painter.read(drawn.ids)
        with machine.autocast():
            loss = distillation_loss(denoiser, leap, drawn.latents, words, nothing)
        return loss, batch

    return trainer.run(compute_loss, on_save=lambda: save_lora(denoiser, plan.folder))


def save_lora(denoiser: UNet2DConditionModel, folder: Path) -> None:
    """Write the LoRA as `few-steps.safetensors`, in the form that stock pipelines read."""
    tensors = get_peft_model_state_dict(denoiser)
    StableDiffusionPipeline.save_lora_weights(
        folder,
        unet_lora_layers={name: tensor.half() for name, tensor in tensors.items()},
        weight_name="few-steps.safetensors",
    )
