"""Fixtures of the engine's tests: more tiny models, and engines that paint with them."""

import re
from pathlib import Path

import pytest

from engine import Engine, EngineOptions, Request


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Tests share a small machine: torch computes with one thread."""
    from engine.quiet import hush

    hush()
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_sdxl(tmp_path_factory) -> Path:
    """A folder with SDXL in miniature: two text encoders, 64x64 tiles."""
    import torch
    from diffusers import (
        AutoencoderKL,
        EulerDiscreteScheduler,
        StableDiffusionXLPipeline,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    from engine.untrained import byte_tokenizer

    torch.manual_seed(1)
    tokenizer = byte_tokenizer()
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        projection_dim=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    pipeline = StableDiffusionXLPipeline(
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        text_encoder=CLIPTextModel(text),
        text_encoder_2=CLIPTextModelWithProjection(text),
        vae=AutoencoderKL(
            block_out_channels=(8, 16, 16, 16),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            norm_num_groups=8,
        ),
        unet=UNet2DConditionModel(
            sample_size=8,
            block_out_channels=(16, 32),
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            layers_per_block=1,
            norm_num_groups=8,
            cross_attention_dim=64,
            attention_head_dim=(2, 4),
            transformer_layers_per_block=(1, 2),
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=32 + 6 * 8,
            use_linear_projection=True,
        ),
        scheduler=EulerDiscreteScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
        ),
        add_watermarker=False,
    )
    folder = tmp_path_factory.mktemp("models") / "tiny-sdxl"
    pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


@pytest.fixture(scope="session")
def single_file(tiny_model, tmp_path_factory) -> Path:
    """The tiny SD 1.5 as one .safetensors file with the names that other tools give the weights."""
    from safetensors.torch import load_file, save_file

    weights = {}
    for part, rename, prefix in (
        ("unet", unet_name, "model.diffusion_model."),
        ("vae", vae_name, "first_stage_model."),
        ("text_encoder", text_name, "cond_stage_model.transformer."),
    ):
        (path,) = (tiny_model / part).glob("*.safetensors")
        for name, tensor in load_file(path).items():
            weights[prefix + rename(name)] = tensor.clone()
    path = tmp_path_factory.mktemp("models") / "Single.safetensors"
    save_file(weights, path)
    return path


def text_name(name):
    """The older name of a text encoder's weight."""
    return name if name.startswith("text_model.") else f"text_model.{name}"


RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
OUTER = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}


def unet_name(name):
    """The original name of a weight in a two-level U-Net with one layer per block."""
    for new, old in OUTER.items():
        if name.startswith(f"{new}."):
            return name.replace(new, old, 1)
    if "resnets" in name:
        for new, old in RESNET.items():
            name = name.replace(f".{new}.", f".{old}.")
    places = (
        (r"down_blocks\.(\d)\.resnets\.0", lambda m: f"input_blocks.{2 * int(m[1]) + 1}.0"),
        (r"down_blocks\.(\d)\.attentions\.0", lambda m: f"input_blocks.{2 * int(m[1]) + 1}.1"),
        (r"down_blocks\.0\.downsamplers\.0\.conv", lambda _: "input_blocks.2.0.op"),
        (r"mid_block\.resnets\.(\d)", lambda m: f"middle_block.{2 * int(m[1])}"),
        (r"mid_block\.attentions\.0", lambda _: "middle_block.1"),
        (
            r"up_blocks\.(\d)\.resnets\.(\d)",
            lambda m: f"output_blocks.{2 * int(m[1]) + int(m[2])}.0",
        ),
        (
            r"up_blocks\.(\d)\.attentions\.(\d)",
            lambda m: f"output_blocks.{2 * int(m[1]) + int(m[2])}.1",
        ),
        (r"up_blocks\.0\.upsamplers\.0", lambda _: "output_blocks.1.2"),
    )
    for pattern, place in places:
        name = re.sub(f"^{pattern}", place, name)
    return name


def vae_name(name):
    """The original name of a weight in a four-level AutoencoderKL."""
    changes = (
        (r"conv_norm_out", lambda _: "norm_out"),
        (r"conv_shortcut", lambda _: "nin_shortcut"),
        (r"down_blocks\.(\d)\.resnets\.", lambda m: f"down.{m[1]}.block."),
        (r"down_blocks\.(\d)\.downsamplers\.0", lambda m: f"down.{m[1]}.downsample"),
        (r"up_blocks\.(\d)\.resnets\.", lambda m: f"up.{3 - int(m[1])}.block."),
        (r"up_blocks\.(\d)\.upsamplers\.0", lambda m: f"up.{3 - int(m[1])}.upsample"),
        (r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}"),
        (r"mid_block\.attentions\.0", lambda _: "mid.attn_1"),
        (r"attn_1\.group_norm", lambda _: "attn_1.norm"),
        (r"attn_1\.to_([qkv])", lambda m: f"attn_1.{m[1]}"),
        (r"attn_1\.to_out\.0", lambda _: "attn_1.proj_out"),
    )
    for pattern, place in changes:
        name = re.sub(pattern, place, name)
    return name


@pytest.fixture
def ask():
    """A maker of small requests: `ask(seed=3)`."""

    def make(**fields) -> Request:
        known = {
            "prompt": "a red fox",
            "seed": 7,
            "num_inference_steps": 4,
            "guidance_scale": 5.0,
            "width": 64,
            "height": 64,
            "model": "tiny",
        }
        return Request(**known | fields)

    return make


@pytest.fixture(scope="session")
def open_tiny(tiny_model):
    """The tiny SD 1.5, opened once for tests that paint without a thread."""
    from engine.models import open_model
    from engine.source import find_source

    return open_model(find_source(str(tiny_model)), "cpu")


@pytest.fixture(scope="session")
def family_source(tiny_model, tiny_sdxl):
    """Where a model of each family is: `family_source("sdxl")`; the embedded one untrained."""
    from engine.source import Kind, Source, find_source

    sources = {
        "sd15": find_source(str(tiny_model)),
        "sdxl": find_source(str(tiny_sdxl)),
        "embedded": Source(Kind.EMBEDDED, "embedded", "embedded", None, has_weights=False),
    }
    return sources.__getitem__


@pytest.fixture
async def make_engine(tiny_model):
    """A maker of started engines, all closed when the test ends."""
    engines = []

    async def make(**options) -> Engine:
        known = {"model": str(tiny_model), "device": "cpu", "threads": 1}
        engine = Engine(EngineOptions(**known | options))
        engines.append(engine)
        await engine.start()
        return engine

    yield make
    for engine in engines:
        await engine.close()


@pytest.fixture
def paint_all():
    """Collect a job's events to its end."""

    async def collect(engine, job_id, request):
        return [event async for event in engine.submit(job_id, request)]

    return collect


@pytest.fixture
def picture(tmp_path) -> Path:
    """A photograph-like picture to start from, larger and wider than a tile."""
    from PIL import Image

    path = tmp_path / "start.png"
    Image.linear_gradient("L").resize((150, 90)).convert("RGB").save(path)
    return path
