"""Shares, their intervals, and what share of the ceiling they are."""

import pytest
import torch

from engine.training.shares import Share, by_ceiling


def test_what_was_not_asked_is_not_counted() -> None:
    """Marks below zero are no answers."""
    assert Share.of(torch.tensor([1, 0, -1, 1])) == Share(2, 3)


def test_few_pictures_never_prove_perfection() -> None:
    """All of ten right still leaves a good part of doubt, all of a thousand hardly any."""
    assert Share(10, 10).interval == (pytest.approx(0.722, abs=0.001), 1.0)
    assert Share(1000, 1000).interval[0] > 0.995
    assert Share(0, 0).interval == (0.0, 1.0)


def test_a_share_is_measured_by_its_ceiling() -> None:
    """Half of what the judge gets right at best, with an interval around it."""
    ratio = by_ceiling(Share(90, 200), Share(540, 600))
    assert ratio is not None
    assert ratio.value == pytest.approx(0.5)
    assert 0.4 < ratio.low < 0.45 < 0.55 < ratio.high < 0.6


def test_no_doubt_of_the_ceiling_leaves_that_of_the_share() -> None:
    """Against a ceiling of one the interval is hardly wider than the share's own."""
    share = Share(150, 200)
    ratio = by_ceiling(share, Share(100_000, 100_000))
    assert ratio is not None
    assert (ratio.low, ratio.high) == pytest.approx(share.interval, abs=0.005)


def test_a_judge_that_is_often_wrong_is_not_asked() -> None:
    """Below a ceiling of 85 percent nothing is counted."""
    assert by_ceiling(Share(80, 100), Share(84, 100)) is None
    assert by_ceiling(Share(80, 100), Share(85, 100)) is not None
