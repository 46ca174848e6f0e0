"""Models of random weights, built in code: speed does not depend on what the weights are."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from engine.card import ModelCard
from engine.control_folder import ControlFolder
from engine.device import choose_dtype
from engine.honours import EVERYTHING
from engine.loras import LoraFolder
from engine.models import Model, equip
from engine.reference_folder import ReferenceFolder
from engine.samplers import samplers_for
from engine.untrained import byte_tokenizer

BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


@dataclass(frozen=True, slots=True)
class Preset:
    """A model and the side of its tiles in pixels; `few_steps` without guidance for all kinds."""

    name: str
    family: str
    side: int
    build: Callable[[], dict[str, Any]]
    few_steps: bool = False


def open_preset(
    preset: Preset, device: torch.device, seed: int = 0, most_bytes: float = math.inf
) -> Model:
    """Build the model on the device, with the weights that this seed gives.

    With `most_bytes` they wait in main memory, as `equip` says, if they are more than that.
    """
    kind = StableDiffusionXLPipeline if preset.family == "sdxl" else StableDiffusionPipeline
    options: dict[str, Any] = {"safety_checker": None, "feature_extractor": None}
    options |= {"requires_safety_checker": False}
    if preset.family == "sdxl":
        options = {"add_watermarker": False}
    with torch.random.fork_rng(devices=[]), device:
        torch.manual_seed(seed)
        parts = preset.build()
    for part in parts.values():
        if isinstance(part, torch.nn.Module):
            part.to(choose_dtype(device)).eval().requires_grad_(requires_grad=False)
            if most_bytes < math.inf:
                part.to("cpu")
    scheduler = EulerDiscreteScheduler(**BETAS, steps_offset=1)
    pipeline = kind(**parts, scheduler=scheduler, **options)
    card = ModelCard(
        name=preset.name,
        title=preset.name,
        family=preset.family,
        width=preset.side,
        height=preset.side,
        default_steps=20,
        default_guidance=7.0,
        samplers=samplers_for(dict(scheduler.config)),
        honours=EVERYTHING,
    )
    folders = LoraFolder(None), ControlFolder(None), ReferenceFolder(None)
    return equip(pipeline, card, device, *folders, most_bytes)


def _encoder(kind: Any, tokenizer: Any, width: int, layers: int, heads: int, **more: Any) -> Any:
    return kind(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=4 * width,
            projection_dim=width,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            max_position_embeddings=77,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            **more,
        )
    )


def _autoencoder(widths: tuple[int, ...], layers: int, groups: int = 32) -> Any:
    return AutoencoderKL(
        block_out_channels=widths,
        down_block_types=("DownEncoderBlock2D",) * len(widths),
        up_block_types=("UpDecoderBlock2D",) * len(widths),
        latent_channels=4,
        layers_per_block=layers,
        norm_num_groups=groups,
        force_upcast=False,
    )


def _tiny(widths: tuple[int, ...], context: int, heads: int) -> dict[str, Any]:
    """Stable Diffusion 1.5 in miniature."""
    tokenizer = byte_tokenizer()
    return {
        "tokenizer": tokenizer,
        "text_encoder": _encoder(CLIPTextModel, tokenizer, context, 2, 4),
        "vae": _autoencoder((8, 16, 16, 16), 1, 8),
        "unet": UNet2DConditionModel(
            sample_size=8,
            block_out_channels=widths,
            down_block_types=("CrossAttnDownBlock2D", *("DownBlock2D",) * (len(widths) - 1)),
            up_block_types=(*("UpBlock2D",) * (len(widths) - 1), "CrossAttnUpBlock2D"),
            layers_per_block=1,
            norm_num_groups=8,
            cross_attention_dim=context,
            attention_head_dim=heads,
        ),
    }


def _sd15() -> dict[str, Any]:
    tokenizer = byte_tokenizer()
    return {
        "tokenizer": tokenizer,
        "text_encoder": _encoder(CLIPTextModel, tokenizer, 768, 12, 12),
        "vae": _autoencoder((128, 256, 512, 512), 2),
        "unet": UNet2DConditionModel(
            sample_size=64,
            block_out_channels=(320, 640, 1280, 1280),
            layers_per_block=2,
            cross_attention_dim=768,
            attention_head_dim=8,
        ),
    }


def _sdxl() -> dict[str, Any]:
    tokenizer = byte_tokenizer()
    second = _encoder(CLIPTextModelWithProjection, tokenizer, 1280, 32, 20, hidden_act="gelu")
    return {
        "tokenizer": tokenizer,
        "tokenizer_2": tokenizer,
        "text_encoder": _encoder(CLIPTextModel, tokenizer, 768, 12, 12),
        "text_encoder_2": second,
        "vae": _autoencoder((128, 256, 512, 512), 2),
        "unet": UNet2DConditionModel(
            sample_size=128,
            block_out_channels=(320, 640, 1280),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            layers_per_block=2,
            cross_attention_dim=2048,
            attention_head_dim=(5, 10, 20),
            transformer_layers_per_block=(1, 2, 10),
            addition_embed_type="text_time",
            addition_time_embed_dim=256,
            projection_class_embeddings_input_dim=2816,
            use_linear_projection=True,
        ),
    }


PRESETS = {
    "launch": Preset("launch", "sd1", 64, lambda: _tiny((16, 32), 32, 4)),
    "compute": Preset("compute", "sd1", 128, lambda: _tiny((48, 96), 48, 8)),
    "sd15": Preset("sd15", "sd1", 512, _sd15),
    "sdxl": Preset("sdxl", "sdxl", 1024, _sdxl),
    "turbo": Preset("turbo", "sdxl", 512, _sdxl, few_steps=True),
}
"""By name; `launch` and `compute` are the two regimes of `tiny`: small rows and large ones."""
