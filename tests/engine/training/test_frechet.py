"""The Fréchet distance between clouds, and of pictures."""

import pytest
import torch

from engine.training.frechet import Features, distance

CLOUD = torch.randn(400, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_a_cloud_is_at_no_distance_from_itself() -> None:
    """Nor does the order of the pictures matter."""
    assert distance(CLOUD, CLOUD.flip(0)) == pytest.approx(0, abs=1e-9)


def test_moving_and_spreading_are_measured_exactly() -> None:
    """A shift counts by its square, twice the spread by the variance once more."""
    assert distance(CLOUD, CLOUD + 2) == pytest.approx(4 * 6)
    assert distance(CLOUD, CLOUD * 2) == pytest.approx(
        float(CLOUD.var(0).sum() + CLOUD.mean(0).square().sum())
    )


def test_other_pictures_are_farther_than_more_of_the_same() -> None:
    """Noise lies farther from flat colours than other flat colours do."""
    pytest.importorskip("efficientnet_lite_pytorch")
    features = Features()
    colours = (torch.rand(24, 3, 1, 1) * 255).byte().expand(24, 3, 32, 32)
    noise = (torch.rand(12, 3, 32, 32) * 255).byte()
    one, other = features.see(colours).chunk(2)
    assert one.shape == (12, 1280)
    assert distance(features.see(noise), one) > 2 * distance(other, one) > 0
