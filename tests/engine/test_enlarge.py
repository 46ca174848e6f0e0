"""Finished pictures leave larger than they were painted."""

import io
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from engine.enlarge import enlarge, enlarged
from engine.upscaler import Upscaler


def png(width: int = 24, height: int = 16) -> bytes:
    """A picture with an edge in it."""
    picture = Image.new("RGB", (width, height), "teal")
    picture.paste("orange", (width // 3, height // 4, width, height))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """An upscaler that has learnt nothing: it enlarges as bicubic does."""
    path = tmp_path / "model.safetensors"
    save_file({name: tensor.half() for name, tensor in Upscaler().state_dict().items()}, path)
    return path


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_a_picture_grows_by_the_factor(factor: int, weights: Path, tmp_path: Path) -> None:
    """With the network's weights or without them, for any factor."""
    for path in (weights, tmp_path / "missing.safetensors"):
        with Image.open(io.BytesIO(enlarge(png(), factor, path))) as larger:
            assert larger.size == (24 * factor, 16 * factor)


def test_once_is_the_picture_itself(weights: Path) -> None:
    """Nothing is done to a picture that leaves as large as it is."""
    assert enlarge(png(), 1, weights) == png()


def test_less_than_twice_is_left_to_others(weights: Path) -> None:
    """A picture that starts a painting hardly larger is not enlarged here."""
    with Image.open(io.BytesIO(png())) as picture:
        assert enlarged(picture, 0, weights) is picture
        assert enlarged(picture.convert("RGB"), 2, weights).size == (48, 32)


def test_the_same_picture_is_enlarged_the_same(weights: Path) -> None:
    """A tile taken out twice is the same file."""
    assert enlarge(png(), 2, weights) == enlarge(png(), 2, weights)


def test_colours_keep_their_places(weights: Path) -> None:
    """A large flat patch keeps its colour when it is enlarged."""
    with Image.open(io.BytesIO(enlarge(png(), 4, weights))) as larger:
        assert larger.getpixel((6, 30)) == (0, 128, 128)
        assert larger.getpixel((80, 48)) == (255, 165, 0)


def test_the_network_starts_from_bicubic() -> None:
    """Untrained it adds nothing, so training begins where plain enlarging ends."""
    picture = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(picture, scale_factor=2, mode="bicubic")
    assert torch.allclose(Upscaler()(picture, 2), smooth, atol=1e-5)
