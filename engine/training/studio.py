"""The pipeline as the examination uses it: captions to pictures in batches, on any machine."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from diffusers import LCMScheduler, StableDiffusionImg2ImgPipeline, StableDiffusionPipeline
from torch import Tensor

from engine.training.denoiser import SCHEDULE
from engine.training.export import DEFAULT_GUIDANCE, DEFAULT_STEPS
from engine.training.machine import CPU, Machine

FEW_STEPS = 4


class Studio:
    """Paints one picture per caption; picture and seed belong together on every machine."""

    def __init__(
        self, pipeline: StableDiffusionPipeline, machine: Machine = CPU, batch: int | None = None
    ) -> None:
        self.machine = machine
        self.batch = batch or (20 if machine.is_cpu else 160)
        self.pipeline = pipeline.to(machine.device)
        self.pipeline.set_progress_bar_config(disable=True)

    def paint(
        self,
        captions: Sequence[str],
        *,
        first_seed: int = 0,
        steps: int | None = None,
        guidance: float = DEFAULT_GUIDANCE,
    ) -> Tensor:
        """Pictures uint8 [N,3,S,S] on the CPU, with seeds from the first on."""
        painted = []
        for start in range(0, len(captions), self.batch):
            some = list(captions[start : start + self.batch])
            pictures = self.pipeline(
                some,
                num_inference_steps=steps or DEFAULT_STEPS,
                guidance_scale=guidance,
                generator=_generators(first_seed + start, len(some)),
                output_type="pt",
            ).images
            painted.append(as_bytes(pictures))
        return torch.cat(painted)

    def vary(
        self, captions: Sequence[str], parents: Tensor, strength: float, first_seed: int
    ) -> Tensor:
        """Variations uint8 [N,3,S,S] of pictures uint8, each with its caption."""
        pipeline = StableDiffusionImg2ImgPipeline(
            **self.pipeline.components, requires_safety_checker=False
        )
        pipeline.set_progress_bar_config(disable=True)
        painted = []
        for start in range(0, len(captions), self.batch):
            some = list(captions[start : start + self.batch])
            pictures = pipeline(
                some,
                image=parents[start : start + len(some)].float() / 255,
                strength=strength,
                num_inference_steps=round(DEFAULT_STEPS / strength),
                guidance_scale=DEFAULT_GUIDANCE,
                generator=_generators(first_seed + start, len(some)),
                output_type="pt",
            ).images
            painted.append(as_bytes(pictures))
        return torch.cat(painted)

    @contextmanager
    def hurrying(self, lora: Path) -> Iterator[None]:
        """Paint with the LoRA for few steps; ``paint`` is then to be called without guidance."""
        scheduler = self.pipeline.scheduler
        self.pipeline.load_lora_weights(lora.parent, weight_name=lora.name)
        self.pipeline.scheduler = LCMScheduler(**SCHEDULE)
        try:
            yield
        finally:
            self.pipeline.unload_lora_weights()
            self.pipeline.scheduler = scheduler


def _generators(first_seed: int, count: int) -> list[torch.Generator]:
    """On the CPU, whose chance is the same beside every GPU."""
    return [torch.Generator().manual_seed(first_seed + row) for row in range(count)]


def as_bytes(pictures: Tensor) -> Tensor:
    """Pictures in 0..1 as a picture file holds them, on the CPU."""
    return (pictures.float().clamp(0, 1) * 255).round().byte().cpu()
