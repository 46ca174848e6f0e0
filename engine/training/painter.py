"""The painter at rest: a finished denoiser and text encoder, beside which a small part learns."""

from collections.abc import Callable
from typing import Any

from diffusers import UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel

from engine.training.bank import Drawn
from engine.training.denoiser import NoiseSchedule, denoising_loss, place, read_words
from engine.training.machine import CPU, Machine


class Painter:
    """A denoiser and the text encoder it was taught with; their weights stay as they are."""

    def __init__(
        self, denoiser: UNet2DConditionModel, text_encoder: CLIPTextModel, machine: Machine = CPU
    ) -> None:
        self.machine = machine
        self.denoiser = place(denoiser, machine)
        self.text_encoder = text_encoder.to(machine.device)
        for module in (self.denoiser, self.text_encoder):
            module.eval().requires_grad_(requires_grad=False)
        self.schedule = NoiseSchedule(machine.device)

    def read(self, ids: Tensor) -> Tensor:
        """What the text encoder says of token ids [B,T]: words [B,T,W]."""
        return read_words(self.text_encoder, ids, self.machine)

    def loss(self, led: Callable[..., Any], drawn: Drawn) -> Tensor:
        """The denoiser's own loss over a batch, where something else leads it beside the words."""
        words = self.read(drawn.ids)
        return denoising_loss(led, self.schedule, drawn.latents, words, self.machine)
