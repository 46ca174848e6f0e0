"""What is trained beside the finished denoiser learns, resumes and opens in stock diffusers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    AutoencoderTiny,
    ControlNetModel,
    StableDiffusionControlNetPipeline,
    StableDiffusionPipeline,
)
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from engine.edges import draw_canny
from engine.reference_folder import ReferenceFolder
from engine.second_attention import attention_shapes_of
from engine.training.adapter import FILE, Adapter, look, train_adapter
from engine.training.autoencoder import decode, make_autoencoder
from engine.training.bank import Bank, Drawn
from engine.training.checkpoint import load_weights
from engine.training.control import FOLDER, Led, draw_edges, make_control, train_control
from engine.training.denoiser import Banks, load_denoiser, make_denoiser, train_denoiser
from engine.training.export import export_additions, make_pipeline
from engine.training.painter import Painter
from engine.training.presets import STAGE_A, Preset, stage_b
from engine.training.text import make_text_encoder, make_tower, tokenize
from engine.training.tokenizer import train_tokenizer
from engine.training.trainer import Plan

Text = tuple[CLIPTokenizer, CLIPTextModel]


def plan_for(folder: Path, steps: int, *, resume: bool = False) -> Plan:
    """A plan that ends after some steps."""
    return Plan(folder, minutes=60, resume=resume, warmup=2, max_steps=steps)


@pytest.fixture(scope="module")
def text(preset: Preset) -> Text:
    """An untrained tokenizer and text encoder."""
    torch.manual_seed(0)
    tokenizer = train_tokenizer(preset.text)
    return tokenizer, make_text_encoder(preset.text, tokenizer).eval()


@pytest.fixture(scope="module")
def work(preset: Preset, text: Text, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bank of two pictures, seen in the space of the words, and a denoiser of both."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("work")
    (folder / "bank").mkdir()
    ids = tokenize(text[0], ["a fox in the snow", "two red apples"], 77)
    with torch.no_grad():
        views = text[1](ids).pooler_output
    shard = {
        "latents": torch.randn(2, 4, 4, 4).sign().repeat(8, 1, 1, 1),
        "ids": ids[:, None].repeat(8, 1, 1).short(),
        "views": views.repeat(8, 1),
        "nothing": tokenize(text[0], [""], 77).short(),
    }
    save_file(shard, folder / "bank" / "shard-0.safetensors")
    banks = Banks(folder / "bank")
    train_denoiser(preset, banks, plan_for(folder / "denoiser", 150), text[1], batch=16)
    return folder


def make_stock(preset: Preset, work: Path, text: Text) -> StableDiffusionPipeline:
    """A stock pipeline of the tiny parts."""
    parts = (make_autoencoder(preset.autoencoder), text[1], text[0])
    pipeline = make_pipeline(*parts, load_denoiser(preset, work / "denoiser").eval())
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.fixture
def autoencoder(preset: Preset) -> AutoencoderTiny:
    """An untrained autoencoder whose pictures are as light and dark as pictures are."""
    autoencoder = make_autoencoder(preset.autoencoder)
    with torch.no_grad():
        pictures = decode(autoencoder, torch.randn(16, 4, 4, 4))
        spread, mean = pictures.std((0, 2, 3)), pictures.mean((0, 2, 3))
        last = autoencoder.decoder.layers[-1]
        last.weight *= (0.4 / spread)[:, None, None, None]
        last.bias.copy_((last.bias - mean) * 0.4 / spread + 0.5)
    return autoencoder


@pytest.fixture
def painter(preset: Preset, work: Path, text: Text) -> Painter:
    """The denoiser that knows both pictures."""
    return Painter(load_denoiser(preset, work / "denoiser"), text[1])


@pytest.fixture
def wordless(work: Path) -> Drawn:
    """Samples of both pictures without words."""
    torch.manual_seed(4)
    return Bank(work / "bank").draw(64, drop=1.0)


def lost(painter: Painter, led: Callable[..., Any], drawn: Drawn) -> float:
    """The loss over a batch with always the same noise."""
    torch.manual_seed(5)
    with torch.no_grad():
        return float(painter.loss(led, drawn))


def test_the_adapter_learns_and_resumes(
    preset: Preset, work: Path, text: Text, painter: Painter, wordless: Drawn, tmp_path: Path
) -> None:
    """A picture says what no words say; a resumed run goes on with the same weights."""

    def train(steps: int, *, resume: bool = False) -> int:
        plan = plan_for(tmp_path, steps, resume=resume)
        return train_adapter(preset, work, plan, text[1], batch=16).steps

    train(60)
    adapter = Adapter(painter.denoiser, wordless.views.shape[1])
    without = lost(painter, painter.denoiser, wordless)
    load_weights(tmp_path, "adapter", adapter)
    adapter.put_into(painter.denoiser)
    right = lost(painter, look(painter.denoiser, wordless.views), wordless)
    wrong = lost(painter, look(painter.denoiser, wordless.views.flip(0)), wordless)
    assert right < 0.8 * without < wrong

    before = load_file(tmp_path / FILE)
    assert train(60, resume=True) == 60
    after = load_file(tmp_path / FILE)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert train(62, resume=True) == 62


def test_a_picture_leads_the_stock_pipeline(
    preset: Preset, work: Path, text: Text, tmp_path: Path
) -> None:
    """Trained on two pictures, either view paints its own one, from the same noise, unprompted."""
    folder = tmp_path / "adapters"
    train_adapter(preset, work, plan_for(folder, 60), text[1], batch=16)
    tower = make_tower(preset.tower, preset.text.width)
    tower.save_pretrained(folder / "image_encoder")
    pipeline = make_stock(preset, work, text)
    pipeline.load_ip_adapter(
        str(folder), subfolder="", weight_name=FILE, image_encoder_folder="image_encoder"
    )
    shard = load_file(work / "bank" / "shard-0.safetensors")

    def paint(view: Tensor) -> Tensor:
        painted: Tensor = pipeline(
            "",
            num_inference_steps=8,
            guidance_scale=1.0,
            ip_adapter_image_embeds=[view[None, None]],
            generator=torch.Generator().manual_seed(3),
            output_type="latent",
        ).images
        return painted[0]

    for own, other in ((0, 1), (1, 0)):
        painted = paint(shard["views"][own])
        far = [(painted - shard["latents"][row]).square().mean() for row in (own, other)]
        assert far[0] < 0.3 * far[1]
    seen = pipeline("", ip_adapter_image=Image.new("RGB", (96, 96)), num_inference_steps=2)
    assert seen.images[0].size == (32, 32)


def test_easel_takes_the_adapter_as_it_is(
    preset: Preset, work: Path, text: Text, tmp_path: Path
) -> None:
    """The engine's folder of IP-Adapters finds file and image encoder, and that they fit."""
    train_adapter(preset, work, plan_for(tmp_path, 1), text[1], batch=4)
    for checkpoint in set(tmp_path.glob("*.safetensors")) - {tmp_path / FILE}:
        checkpoint.unlink()
    make_tower(preset.tower, preset.text.width).save_pretrained(tmp_path / "image_encoder")
    shapes = attention_shapes_of(load_denoiser(preset, work / "denoiser"))
    (found,) = ReferenceFolder(tmp_path).fitting(shapes)
    assert found.is_whole
    assert found.encoder == tmp_path / "image_encoder"


def test_edges_lead_the_stock_pipeline(
    preset: Preset,
    work: Path,
    text: Text,
    painter: Painter,
    autoencoder: AutoencoderTiny,
    wordless: Drawn,
    tmp_path: Path,
) -> None:
    """Edges say what no words say; stock diffusers paints by them; a resumed run goes on."""

    def train(steps: int, *, resume: bool = False) -> int:
        plan = plan_for(tmp_path, steps, resume=resume)
        return train_control(preset, work, plan, text[1], autoencoder, batch=16).steps

    train(60)
    net = make_control(painter.denoiser)
    load_weights(tmp_path, "control", net)
    edges = draw_edges(autoencoder, wordless.latents)
    without = lost(painter, painter.denoiser, wordless)
    assert lost(painter, Led(painter.denoiser, net, edges), wordless) < 0.8 * without
    assert train(62, resume=True) == 62

    control = ControlNetModel.from_pretrained(tmp_path / FOLDER, use_safetensors=True)
    parts = make_stock(preset, work, text).components
    pipeline = StableDiffusionControlNetPipeline(
        **parts, controlnet=control.float(), requires_safety_checker=False
    )
    pipeline.set_progress_bar_config(disable=True)

    def paint(edges: Image.Image, scale: float) -> Tensor:
        painted: Tensor = pipeline(
            "",
            edges,
            num_inference_steps=2,
            controlnet_conditioning_scale=scale,
            generator=torch.Generator().manual_seed(3),
            output_type="latent",
        ).images
        return painted

    one, other = Image.new("RGB", (32, 32)), Image.effect_noise((32, 32), 99).convert("RGB")
    assert not torch.allclose(paint(one, 1.0), paint(other, 1.0), atol=1e-3)
    assert torch.equal(paint(one, 0.0), paint(other, 0.0))


def test_a_new_control_changes_nothing(painter: Painter, wordless: Drawn) -> None:
    """Before its training a ControlNet leaves the denoiser as it is."""
    led = Led(painter.denoiser, make_control(painter.denoiser), torch.rand(64, 3, 32, 32))
    assert lost(painter, led, wordless) == lost(painter, painter.denoiser, wordless)


def test_training_sees_the_edges_that_painters_will_give(autoencoder: AutoencoderTiny) -> None:
    """Edges of latents are those that the engine draws of the picture that is decoded of them."""
    latents = 2 * torch.randn(3, 4, 4, 4)
    edges = draw_edges(autoencoder, latents)
    assert edges.shape == (3, 3, 32, 32)
    assert 0.05 < edges.mean() < 0.5
    with torch.no_grad():
        pictures = decode(autoencoder, latents / autoencoder.config.scaling_factor)
    for given, pixels in zip(edges, pictures.clamp(0, 1), strict=True):
        numbers = (pixels * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
        drawn = torch.tensor(list(draw_canny(Image.fromarray(numbers)).convert("L").tobytes()))
        same = (given[0] > 0) == (drawn.view(32, 32) > 0)
        assert same.float().mean() > 0.98


@pytest.mark.parametrize("stage", [STAGE_A, stage_b()], ids=lambda stage: stage.name)
def test_a_control_is_small(stage: Preset) -> None:
    """The edge ControlNet of the shipped sizes takes 5 MB in fp16, less than half of a copy."""
    shape = (stage.autoencoder.latent_channels, stage.side // 8, stage.text.width)
    with torch.device("meta"):
        denoiser = make_denoiser(stage.denoiser, *shape)
        copied = ControlNetModel.from_unet(denoiser, load_weights_from_unet=False).num_parameters()
        count = make_control(denoiser).num_parameters()
    assert 2 * count <= 5e6
    assert count < copied / 2


def test_the_export_keeps_what_is_newest(tmp_path: Path) -> None:
    """What was trained goes into the model folder, else what the old one has, else nothing."""
    work, start, new = (tmp_path / name for name in ("work", "start", "new"))
    for path, text in (
        (work / "adapter" / FILE, "trained"),
        (start / "adapters" / FILE, "old"),
        (start / "controls" / FOLDER / "config.json", "old"),
    ):
        path.parent.mkdir(parents=True)
        path.write_text(text)
    new.mkdir()
    export_additions(work, new, start)
    found = {path.relative_to(new).as_posix(): path for path in new.rglob("*") if path.is_file()}
    assert {name: path.read_text() for name, path in found.items()} == {
        f"adapters/{FILE}": "trained",
        f"controls/{FOLDER}/config.json": "old",
    }
