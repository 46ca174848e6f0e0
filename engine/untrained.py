"""The embedded model's architecture with random weights: what paints while weights are missing."""

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderTiny,
    DPMSolverMultistepScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

CONTEXT = 77
WIDTH = 256
LATENT_CHANNELS = 8


def make_untrained(folder: Path | None) -> Any:
    """Build the pipeline from the folder's configurations, else from the architecture in code.

    The weights are random but the same every time, so that a seed still means one picture.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        parts = _from_folder(folder) if folder else _from_code()
        return StableDiffusionPipeline(
            **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
        )


def _from_folder(folder: Path) -> dict[str, Any]:
    def build(kind: Any, part: str) -> Any:
        return kind.from_config(kind.load_config(folder / part))

    return {
        "tokenizer": CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True),
        "text_encoder": CLIPTextModel(CLIPTextConfig.from_pretrained(folder / "text_encoder")),
        "vae": build(AutoencoderTiny, "vae"),
        "unet": build(UNet2DConditionModel, "unet"),
        "scheduler": build(DPMSolverMultistepScheduler, "scheduler"),
    }


def _from_code() -> dict[str, Any]:
    tokenizer = byte_tokenizer()
    return {
        "tokenizer": tokenizer,
        "text_encoder": CLIPTextModel(_text_config(tokenizer)),
        "vae": AutoencoderTiny(
            encoder_block_out_channels=(32,) * 4,
            decoder_block_out_channels=(32,) * 4,
            latent_channels=LATENT_CHANNELS,
        ),
        "unet": UNet2DConditionModel(
            sample_size=16,
            in_channels=LATENT_CHANNELS,
            out_channels=LATENT_CHANNELS,
            block_out_channels=(64, 128, 192),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            layers_per_block=1,
            cross_attention_dim=WIDTH,
            attention_head_dim=(2, 4, 6),
            norm_num_groups=8,
        ),
        "scheduler": DPMSolverMultistepScheduler(
            beta_schedule="squaredcos_cap_v2",
            prediction_type="v_prediction",
            rescale_betas_zero_snr=True,
            timestep_spacing="trailing",
            steps_offset=1,
        ),
    }


def byte_tokenizer() -> Any:
    """CLIP's tokenizer with the bytes as its only words: reads any text, needs no file."""
    letters = sorted(ByteLevel.alphabet())
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: row for row, word in enumerate(words)}
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=CONTEXT)


def _text_config(tokenizer: Any) -> Any:
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=4 * WIDTH,
        projection_dim=WIDTH,
        num_hidden_layers=4,
        num_attention_heads=4,
        max_position_embeddings=CONTEXT,
        hidden_act="gelu",
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
