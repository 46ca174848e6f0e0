"""What every folder of tests may use: tiny real models to paint with, and a playground."""

import contextlib
import importlib.util
import json
import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("easel", deadline=None)  # a slow machine is no failure
settings.load_profile("easel")

SCHEDULE = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "steps_offset": 1,
}


def tiny_text_encoder(kind, tokenizer, width):
    """A two-layer CLIP text encoder."""
    from transformers import CLIPTextConfig

    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=2 * width,
        projection_dim=width,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=77,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return kind(config)


def tiny_vae():
    """An AutoencoderKL that shrinks by 8, as Stable Diffusion's."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(8, 16, 16, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        layers_per_block=1,
        norm_num_groups=8,
        sample_size=64,
    )


def tiny_unet(width, **more):
    """A two-level U-Net for 8x8 latents."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        **{
            "sample_size": 8,
            "block_out_channels": (16, 32),
            "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
            "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
            "layers_per_block": 1,
            "norm_num_groups": 8,
            "cross_attention_dim": width,
            "attention_head_dim": 4,
        }
        | more
    )


def save_tiny_sd15(folder: Path, seed: int = 0) -> Path:
    """Save a Stable Diffusion 1.5 in miniature: 64x64 tiles, 8x8 latents."""
    import torch
    from diffusers import EulerDiscreteScheduler, StableDiffusionPipeline
    from transformers import CLIPTextModel

    from engine.untrained import byte_tokenizer

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tokenizer = byte_tokenizer()
        pipeline = StableDiffusionPipeline(
            tokenizer=tokenizer,
            text_encoder=tiny_text_encoder(CLIPTextModel, tokenizer, 32),
            vae=tiny_vae(),
            unet=tiny_unet(32),
            scheduler=EulerDiscreteScheduler(**SCHEDULE),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
    pipeline.save_pretrained(folder, safe_serialization=True)
    (folder / "easel.json").write_text(json.dumps({"default_steps": 4, "title": "tiny"}))
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Path:
    """A folder with a tiny SD 1.5 of random weights: a 64x64 grid of 4 steps is a moment's work."""
    from engine.quiet import hush

    hush()
    return save_tiny_sd15(tmp_path_factory.mktemp("models") / "tiny")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Where EASEL_NO_SKIPS is set, as in CI, a skipped test is a failed one."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("EASEL_NO_SKIPS"):
        report.outcome = "failed"
        report.longrepr = f"Skipped where nothing may be: {report.longrepr}"
    return report


# The playground ----------------------------------------------------------------------------------

BOT_TOKEN = "MTEwMDAwMDAwMDAwMDAwMDEwMA.playground.token"  # noqa: S105  # why: opens nothing


def load_helper(path: str):
    """A module beside this file: under importlib mode tests cannot import one another."""
    name = f"easel_tests_{Path(path).stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / path)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="session")
def ip_adapters():
    """Makes tiny IP-Adapters: `ip_adapters.save_adapter(unet, path)`."""
    return load_helper("ip_adapters.py")


@pytest.fixture(scope="session")
def write_control():
    """Write a ControlNet for a U-Net, whose last layers are not zero as before training."""
    import torch
    from diffusers import ControlNetModel

    def write(unet, folder) -> None:
        torch.manual_seed(3)
        net = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(8, 8, 16, 16))
        with torch.no_grad():
            for name, weight in net.named_parameters():
                if name.startswith(("controlnet_down", "controlnet_mid", "controlnet_cond")):
                    weight.normal_(0, 0.1)
        net.save_pretrained(folder, safe_serialization=True)

    return write


@pytest.fixture(scope="session")
def save_few_steps():
    """Save a LoRA for few steps: `save_few_steps(unet, folder)`."""
    return load_helper("few_steps.py").save_few_steps


@pytest.fixture(scope="session")
def bring_everything(save_few_steps, write_control, ip_adapters):
    """Put beside a model's weights all that may come with them, of random weights."""

    def bring(unet, folder, projection=24) -> None:
        adapters = folder / "adapters"
        save_few_steps(unet, folder)
        write_control(unet, folder / "controls" / "canny")
        ip_adapters.save_encoder(adapters / "image_encoder", projection=projection)
        ip_adapters.save_adapter(unet, adapters / "pictures.safetensors", projection=projection)

    return bring


@pytest.fixture(scope="session")
def captioners():
    """Makes a tiny captioner: `captioners.save_captioner(folder)`."""
    return load_helper("captioners.py")


@pytest.fixture
def wire():
    """Checks recorded traffic: `wire.check(loopback.traffic)` lists its faults."""
    return load_helper("playground/wire.py")


@pytest.fixture
def events():
    """Checks recorded gateway events: `events.check(loopback.gateway.sent, wire.description())`."""
    return load_helper("playground/events.py")


@pytest.fixture
async def make_loopback(tmp_path, wire, events):
    """Start playground servers in this process; `folder=` reopens an old one's world.

    After the test none may have had a bug of its own, and what went over the wire must be as
    Discord's description says: clear `errors` or `traffic` where a test breaks them by intent.
    """
    from bot.playground.clock import Clock
    from bot.playground.server import Playground

    started = []

    async def make(folder=None, *, scale=1.0, port=0, **options):
        options = {"token": BOT_TOKEN, "record": True, **options}
        server = Playground(folder or tmp_path / "playground", clock=Clock(scale), **options)
        await server.start(port)
        started.append(server)
        return server

    yield make
    for server in reversed(started):
        await server.close()
    for server in started:
        assert not server.errors, "\n".join(server.errors)
        wire.assert_valid(server.traffic)
        events.assert_valid(server.gateway.sent, wire.description())


@pytest.fixture
async def loopback(make_loopback):
    """One playground server: `.url`, `.token`, `.clock`, `.traffic`, `.world`, `.gateway`."""
    return await make_loopback()


@pytest.fixture
async def make_painter(request):
    """Enter the playground as somebody: `await make_painter("moderator")`."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(name="painter", server=None):
            url = (server or request.getfixturevalue("loopback")).url
            painter = load_helper("painter.py").Painter(url, name)
            return await stack.enter_async_context(painter)

        yield make


@pytest.fixture
def point_discord(monkeypatch):
    """Point discord.py at a playground for this test: `point_discord(server)`."""
    import discord.gateway
    import discord.http
    import yarl

    def point(server):
        monkeypatch.setattr(discord.http.Route, "BASE", f"{server.url}/api/v10")
        gateway = yarl.URL(server.world.gateway_url)
        monkeypatch.setattr(discord.gateway.DiscordWebSocket, "DEFAULT_GATEWAY", gateway)

    return point
