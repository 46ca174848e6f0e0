"""The LoRA for few steps."""

import warnings
from pathlib import Path

import pytest
import torch
from diffusers import LCMScheduler, StableDiffusionPipeline
from safetensors.torch import save_file

from engine.training.autoencoder import make_autoencoder
from engine.training.checkpoint import replace_file
from engine.training.denoiser import SCHEDULE, NoiseSchedule, make_denoiser
from engine.training.distil import Leap, train_distilled
from engine.training.export import make_pipeline
from engine.training.presets import Preset
from engine.training.text import make_text_encoder
from engine.training.tokenizer import train_tokenizer
from engine.training.trainer import Plan


@pytest.fixture
def work(preset: Preset, tmp_path: Path) -> Path:
    """A denoiser and a bank with hardly anything in them."""
    denoiser = make_denoiser(preset.denoiser, 4, 4, preset.text.width)
    (tmp_path / "denoiser").mkdir()
    (tmp_path / "bank").mkdir()
    replace_file(tmp_path / "denoiser" / "ema.safetensors", denoiser.state_dict())
    shard = {
        "latents": torch.randn(8, 4, 4, 4),
        "ids": torch.randint(600, (8, 1, 77)).short(),
        "views": torch.randn(8, 32),
        "nothing": torch.zeros(1, 77).short(),
    }
    save_file(shard, tmp_path / "bank" / "shard-0.safetensors")
    return tmp_path


def test_the_lora_learns_resumes_and_opens_in_stock_diffusers(preset: Preset, work: Path) -> None:
    """A few steps lower the loss, it resumes, and the stock pipeline paints with all of it."""

    tokenizer = train_tokenizer(preset.text)
    encoder = make_text_encoder(preset.text, tokenizer)

    def train(steps: int, *, resume: bool = False) -> float:
        plan = Plan(work / "distil", 60, resume, warmup=2, max_steps=steps)
        return train_distilled(
            preset, work / "bank", plan, work / "denoiser", encoder, batch=4, lr=0.01
        ).loss

    assert train(40) < train(1)
    assert train(3, resume=True) is not None
    pipeline: StableDiffusionPipeline = make_pipeline(
        make_autoencoder(preset.autoencoder),
        encoder,
        tokenizer,
        make_denoiser(preset.denoiser, 4, 4, preset.text.width),
    )
    pipeline.scheduler = LCMScheduler(**SCHEDULE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # peft warns where a part of the LoRA is missing
        pipeline.load_lora_weights(work / "distil", weight_name="few-steps.safetensors")
    pipeline.set_progress_bar_config(disable=True)
    assert pipeline("a fox", num_inference_steps=2, guidance_scale=1.0).images[0].size == (32, 32)


def test_a_leap_with_the_true_v_ends_at_the_picture() -> None:
    """Known noise is taken away whole, in one leap or after a step nearer."""
    schedule = NoiseSchedule()
    leap = Leap(schedule)
    latents, noise = torch.randn(3, 2, 4, 4), torch.randn(3, 2, 4, 4)
    steps, nearer = torch.tensor([999, 500, 99]), torch.tensor([979, 480, 79])
    noisy, v = schedule.mix(latents, noise, steps)
    assert torch.allclose(leap.answer(noisy, v, steps), latents, atol=1e-3)
    moved, _ = schedule.mix(latents, noise, nearer)
    assert torch.allclose(leap.move(noisy, v, steps, nearer), moved, atol=1e-4)
