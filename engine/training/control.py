"""Edges that lead: a small ControlNet, which tells the denoiser where the lines of a picture are.

After Zhang et al. 2023 (arXiv 2302.05543), without the copy's attention: where a line is needs no
words, and so it is less than half as large. It begins as a copy of the denoiser's convolutions.
"""

import copy
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderTiny, ControlNetModel, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextModel

from engine.edges import find_canny
from engine.training.autoencoder import decode
from engine.training.bank import Bank
from engine.training.denoiser import load_denoiser
from engine.training.machine import CPU, Machine
from engine.training.meter import Progress
from engine.training.muon import make_optimizers
from engine.training.painter import Painter
from engine.training.presets import Preset
from engine.training.trainer import Plan, Trainer

FOLDER = "canny"  # by this word in its name Easel knows how to draw its control pictures
WORDS_DROP = 1 / 3  # share of the samples
EDGE_CHANNELS = (8, 16, 32, 48)  # while the drawn edges shrink to the size of the latents
DECODED_TOGETHER = 64  # pictures; whole ones need far more memory than latents
GREY = (0.299, 0.587, 0.114)  # of red, green and blue, as Pillow has them


def make_control(denoiser: UNet2DConditionModel) -> ControlNetModel:
    """An untrained ControlNet for a denoiser: at first it changes nothing."""
    config = denoiser.config
    control = ControlNetModel(
        in_channels=config.in_channels,
        down_block_types=("DownBlock2D",) * len(config.block_out_channels),
        mid_block_type="UNetMidBlock2D",
        block_out_channels=config.block_out_channels,
        layers_per_block=config.layers_per_block,
        norm_num_groups=config.norm_num_groups,
        cross_attention_dim=config.cross_attention_dim,
        attention_head_dim=config.attention_head_dim,
        conditioning_embedding_out_channels=EDGE_CHANNELS,
    )
    # What it has beside the copy stays as it was made, what only the denoiser has is left out.
    control.load_state_dict(denoiser.state_dict(), strict=False)
    for layer in control.controlnet_cond_embedding.modules():
        if isinstance(layer, nn.Conv2d):
            # As made, eight layers let a thousandth of the edges through, and the last nothing;
            # the layers that lead out of the ControlNet are zero, which is enough.
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return control.to(denoiser.device, memory_format=torch.channels_last)


@torch.no_grad()
def draw_edges(autoencoder: AutoencoderTiny, latents: Tensor, machine: Machine = CPU) -> Tensor:
    """Edges [B,3,H,W], 0 or 1, of the pictures that latents stand for, as of a photograph's."""
    latents = latents / autoencoder.config.scaling_factor
    weights = torch.tensor(GREY, device=latents.device).view(1, 3, 1, 1)
    edges = []
    for part in torch.split(latents, DECODED_TOGETHER):
        with machine.autocast():
            pictures = decode(autoencoder, part)
        grey = (pictures.float().clamp(0, 1) * weights).sum(1, keepdim=True)
        edges.append(find_canny((grey * 255).round() / 255))
    return torch.cat(edges).float().expand(-1, 3, -1, -1)


class Led:
    """A denoiser with a ControlNet beside it, to be called as the denoiser alone."""

    def __init__(
        self, denoiser: UNet2DConditionModel, control: ControlNetModel, edges: Tensor
    ) -> None:
        self.denoiser = denoiser
        self.control = control
        self.edges = edges

    def __call__(self, noisy: Tensor, steps: Tensor, words: Tensor, **options: Any) -> Any:
        """Predict v, led by the edges."""
        down, mid = self.control(noisy, steps, words, self.edges, return_dict=False)
        return self.denoiser(
            noisy,
            steps,
            words,
            down_block_additional_residuals=down,
            mid_block_additional_residual=mid,
            **options,
        )


def train_control(
    preset: Preset,
    work: Path,
    plan: Plan,
    text_encoder: CLIPTextModel,
    autoencoder: AutoencoderTiny,
    *,
    batch: int = 32,
    lr: float = 1e-3,
    muon_lr: float | None = 0.01,
    machine: Machine = CPU,
    seed: int = 12,
) -> Progress:
    """Train on the bank until the plan is over; the folder then holds it as pipelines read it."""
    torch.manual_seed(seed)
    bank = Bank(work / "bank", machine)
    denoiser = load_denoiser(preset, work / "denoiser", plan.start)
    painter = Painter(denoiser, text_encoder, machine)
    control = make_control(painter.denoiser)
    autoencoder.to(machine.device).eval().requires_grad_(requires_grad=False)
    trainer = Trainer(plan, {"control": control}, make_optimizers([control], lr, muon_lr, 0.0))
    torch.manual_seed(seed + trainer.progress.samples)

    def compute_loss() -> tuple[Tensor, int]:
        drawn = bank.draw(batch, WORDS_DROP)
        edges = draw_edges(autoencoder, drawn.latents, machine)
        return painter.loss(Led(painter.denoiser, control, edges), drawn), batch

    return trainer.run(compute_loss, on_save=lambda: save_control(control, plan.folder / FOLDER))


def save_control(control: ControlNetModel, folder: Path) -> None:
    """Write the ControlNet in diffusers' format, fp16."""
    half = copy.deepcopy(control).half()
    half.save_pretrained(folder, safe_serialization=True)
