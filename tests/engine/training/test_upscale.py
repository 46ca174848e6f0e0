"""The upscaler learns, and is measured against Lanczos."""

from pathlib import Path

import pytest
import torch

from engine.training.autoencoder import make_autoencoder
from engine.training.presets import Preset
from engine.training.trainer import Plan
from engine.training.upscale import (
    ARTS,
    compose_pairs,
    draw_crops,
    measure_upscaler,
    train_upscaler,
)
from engine.upscaler import Upscaler


@pytest.fixture
def large_pack(pack: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny pack in the place of one with large sprites."""
    monkeypatch.setattr("engine.training.upscale.ARTS", (*ARTS, "fluent-3d"))
    return pack


def test_pairs_show_the_same_scene(preset: Preset, large_pack: Path) -> None:
    """The small picture is the large one made smaller; crops of both are of one place."""
    autoencoder = make_autoencoder(preset.autoencoder)
    pairs = compose_pairs(preset, large_pack, autoencoder, 2, "train", seed=1)
    assert pairs["large"].shape == (2, 3, 128, 128)
    assert pairs["small"].shape == pairs["painted"].shape == (2, 3, 32, 32)
    small, large = draw_crops({**pairs, "painted": pairs["small"]}, 6)
    reduced = torch.nn.functional.avg_pool2d(large, 4)
    assert (reduced - small).abs().max() < 0.01


def test_the_upscaler_learns_and_meets_its_critic(
    preset: Preset, large_pack: Path, tmp_path: Path
) -> None:
    """A few steps lower the loss, and the critic joins in after half of the time."""
    autoencoder = make_autoencoder(preset.autoencoder)

    def train(name: str, steps: int, minutes: float) -> float:
        plan = Plan(tmp_path / name, minutes, warmup=2, max_steps=steps)
        return train_upscaler(preset, large_pack, plan, autoencoder, batch=2, pairs=4).loss

    assert train("later", 20, 60) < train("first", 1, 60)
    assert train("judged", 3, 1e-9 + 0.001) is not None
    assert (tmp_path / "judged" / "critic.safetensors").exists()


def test_an_untrained_upscaler_is_about_as_good_as_lanczos(
    preset: Preset, large_pack: Path
) -> None:
    """The measure compares like with like: bicubic and Lanczos are within a decibel or two."""
    autoencoder = make_autoencoder(preset.autoencoder)
    pairs = compose_pairs(preset, large_pack, autoencoder, 3, "held-out", seed=2)
    scores = measure_upscaler(Upscaler(), pairs)
    assert scores.keys() == {"small x2", "small x4", "painted x2", "painted x4"}
    assert abs(scores["small x2"]["upscaler"] - scores["small x2"]["lanczos"]) < 2
