"""Stylize, the house style: light, colour and detail of a picture are worked out while it forms.

Over the second half of the steps, what the picture is becoming (its clean-latent estimate) is
drawn away from its own blur and its own mean; the model goes on from there, so that the result is
still a picture of its own, only richer. Nothing is added to the prompt.
"""

import functools
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from engine.request import MOST_STYLIZE
from engine.steps import estimate_clean

STRONGEST = 0.45
"""By how much contrast grows at the largest value, were the model not to answer."""
BEGINS = 0.5
"""The share of the steps after which things have found their places."""
RADIUS = 3
"""Of the blur, in latent pixels."""


def enrich(scheduler: Any, stylize: int, steps: int, *, is_tile: bool) -> None:
    """Let a job's scheduler paint in the house style; call it before `watch_steps`."""
    real = scheduler.step
    amounts = _amounts(steps * scheduler.order, STRONGEST * stylize / MOST_STYLIZE)
    calls = 0

    @functools.wraps(real)
    def step(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        output = real(*args, **kwargs)
        amount = amounts[min(calls, len(amounts) - 1)]
        calls += 1
        if not amount:
            return output
        named = dict(zip(("model_output", "timestep", "sample"), args, strict=False)) | kwargs
        clean = estimate_clean(scheduler, output, named)
        parts = output if isinstance(output, tuple) else tuple(output.values())
        is_end = calls == len(amounts)
        if clean is None or (clean is parts[0] and not is_end):
            return output  # noise is not to be enriched
        richer = parts[0] + amount * _richness(clean, is_tile=is_tile).to(parts[0])
        if isinstance(output, tuple):
            return (richer, *parts[1:])
        output.prev_sample = richer
        return output

    scheduler.step = step


def _amounts(calls: int, total: float) -> list[float]:
    """How much each call adds: nothing at first, then more and more, `total` in all."""
    ramp = [max(0.0, (call + 1) / calls - BEGINS) for call in range(calls)]
    whole = sum(ramp)
    return [total * part / whole for part in ramp]


def _richness(clean: Tensor, *, is_tile: bool) -> Tensor:
    """What makes the picture itself rather than grey: its detail, and its light and colour."""
    radius = max(0, min(RADIUS, *(side - 1 for side in clean.shape[-2:])))
    mode = "circular" if is_tile else "replicate"
    blurred = avg_pool2d(pad(clean.float(), (radius,) * 4, mode=mode), 2 * radius + 1, 1)
    mean = clean.float().mean((2, 3), keepdim=True)
    return torch.lerp(clean - blurred, clean - mean, 0.5)
