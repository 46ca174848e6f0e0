"""The painter at rest: a finished denoiser and text encoder, beside which a small part learns."""

from collections.abc import Callable
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor
from transformers import CLIPTextModel

from engine.training.bank import Drawn
from engine.training.denoiser import NoiseSchedule, denoising_loss, read_words
from engine.training.machine import CPU, Machine


class Painter:
    """A denoiser and the text encoder it was taught with; their weights stay as they are."""

    def __init__(
        self, denoiser: UNet2DConditionModel, text_encoder: CLIPTextModel, machine: Machine = CPU
    ) -> None:
        self.machine = machine
        self.denoiser = denoiser.to(machine.device, memory_format=torch.channels_last)
        self.text_encoder = text_encoder.to(machine.device)
        for module in (self.denoiser, self.text_encoder):
            module.eval().requires_grad_(requires_grad=False)
        if machine.is_cpu:
            # On a CPU the fused attention's way back takes three times as long as the plain one's.
            self.denoiser.set_attn_processor(AttnProcessor())
        self.schedule = NoiseSchedule(machine.device)

    def loss(self, led: Callable[..., Any], drawn: Drawn) -> Tensor:
        """The denoiser's own loss over a batch, where something else leads it beside the words."""
        words = read_words(self.text_encoder, drawn.ids, self.machine)
        return denoising_loss(led, self.schedule, drawn.latents, words, self.machine)
