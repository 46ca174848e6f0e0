"""A tiny world with a drawn pack, so that every part can be trained in a second."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageDraw

from engine.training.presets import AutoencoderSize, DenoiserSize, Preset, TextSize, TowerSize
from engine.training.world import World

SHAPES = {"apple": "ellipse", "fox": "polygon", "house": "rectangle"}


def _draw(shape: str) -> Image.Image:
    picture = Image.new("RGBA", (32, 32))
    pen = ImageDraw.Draw(picture)
    if shape == "polygon":
        pen.polygon([(2, 30), (16, 2), (30, 30)], fill="orange")
    else:
        getattr(pen, shape)((2, 2, 29, 29), fill="red")
    return picture


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Let untrained networks begin the same, whichever tests ran before."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack of three things in one art set."""
    path = tmp_path_factory.mktemp("pack") / "pack"
    index = []
    with path.with_suffix(".bin").open("wb") as pictures:
        for thing, shape in SHAPES.items():
            start = pictures.tell()
            _draw(shape).save(pictures, "webp")
            index.append([thing, "fluent-3d", None, start, pictures.tell() - start, 32, 32])
    path.with_suffix(".json").write_text(json.dumps(index))
    return path


@pytest.fixture(scope="session")
def preset() -> Preset:
    """Networks of a few thousand parameters, pictures of 32 pixels."""
    world = World(
        things=tuple(SHAPES),
        colours=("red", "green", "blue"),
        places=("beach", "snow", "space"),
        arts=("fluent-3d",),
    )
    return Preset(
        name="tiny",
        world=world,
        side=32,
        autoencoder=AutoencoderSize(channels=8, latent_channels=4, blocks=(1, 1, 1, 1)),
        text=TextSize(vocabulary=700, context=77, width=32, layers=1, heads=2),
        tower=TowerSize(side=32, patch=8, width=32, layers=1, heads=2),
        denoiser=DenoiserSize(channels=(16, 32), head_width=8),
        judge=(8, 16, 24, 24),
        bank_scenes=16,
    )
