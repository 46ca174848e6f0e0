"""Parked calls: which of a job's arguments make its next call another kind than its last."""

import pytest
import torch

from engine.policy import Claim, Lane
from engine.site import Site, park


class Net(torch.nn.Module):
    """Takes what denoisers take."""

    def forward(self, sample, timestep, words, img_ids=None, more=None, scale=1.0):
        """Give the rows back."""
        return sample


@pytest.fixture
def park_next():
    """Park one call of a job after the other: `park_next(words=...)`; the rest stays alike."""
    site, forms = Site(Net(), "net", "forward", is_denoiser=True, ignored=()), {}
    words, ids, pooled = torch.ones(2, 7, 3), torch.zeros(2, 3), torch.ones(2, 5)

    def park_one(sample=None, timestep=None, **changes):
        sample = torch.rand(2, 4) if sample is None else sample
        timestep = torch.rand(()) if timestep is None else timestep
        named = {"words": words, "img_ids": ids, "more": {"pooled": pooled}} | changes
        named = site.name_arguments((sample, timestep), named)
        call = park(site, named, Claim(Lane.FAST, "a", 0.0), None, torch.sum, forms)
        assert call.per_row["sample"] is sample
        return call

    return park_one


def test_a_jobs_next_step_is_of_the_same_key(park_next):
    """Other latents at another time are the same kind of call; each row gets its time."""
    first, second = park_next(), park_next(timestep=torch.tensor(0.5))
    assert second.key == first.key
    assert second.kind == first.kind
    assert second.shared == first.shared
    assert second.per_row["timestep"].tolist() == [0.5, 0.5]
    assert park_next(timestep=torch.tensor(7)).per_row["timestep"].tolist() == [7.0, 7.0]


@pytest.mark.parametrize(
    "changes",
    [
        {"sample": torch.zeros(2, 5)},
        {"sample": torch.zeros(2, 4, dtype=torch.float64)},
        {"words": torch.ones(2, 9, 3)},
        {"words": torch.ones(5, 7, 3)},
        {"img_ids": torch.ones(2, 3)},
        {"more": {"pooled": torch.ones(2, 6)}},
        {"more": {"pooled": torch.ones(2, 5), "ids": torch.ones(2, 1)}},
        {"more": None},
        {"scale": 0.5},
    ],
    ids=str,
)
def test_arguments_that_look_otherwise_are_another_key(park_next, changes):
    """A job's call is told anew as soon as anything but the numbers in its rows changes."""
    first = park_next()
    other = park_next(**changes)
    assert other.key != first.key
    assert park_next().key == first.key


def test_the_rows_may_change_between_steps(park_next):
    """A job that goes on with fewer pictures parks as many rows as it has."""
    park_next()
    call = park_next(sample=torch.zeros(1, 4), words=torch.ones(1, 7, 3), more=None)
    assert call.rows == 1
    assert len(call.per_row["timestep"]) == 1
