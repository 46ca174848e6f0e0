"""Chaos and weird: where each tile's reading of the prompt is pushed, by that tile's own seed."""

import random
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from engine.request import MOST_CHAOS, MOST_WEIRD, Request

FARTHEST = 0.7
"""How far chaos goes at most, in standard deviations of the embedding."""
ODDEST = 0.5
"""The largest share of what a tile paints that weird takes from words that nobody asked for."""
STRANGERS = 2
"""So many words join the prompt, out of the model's own vocabulary."""
LONG_ENOUGH = 4
"""Letters of a word that is likely to mean something."""

Embed = Callable[[str], dict[str, Tensor]]


def push(tokenizer: Any, request: Request, wanted: dict[str, Tensor], embed: Embed) -> Any:
    """Return a prompt's embeddings once for each tile, pushed as the request says.

    A tile's direction is drawn from its own seed, so that it is the same alone and in a grid.
    """
    tiles = [_push_one(tokenizer, request, seed, wanted, embed) for seed in request.seeds]
    return {name: torch.cat([tile[name] for tile in tiles]) for name in wanted}


def _push_one(
    tokenizer: Any, request: Request, seed: int, wanted: dict[str, Tensor], embed: Embed
) -> dict[str, Tensor]:
    found = dict(wanted)
    if request.weird:
        share = ODDEST * (request.weird / MOST_WEIRD) ** 0.5
        other = embed(_strangers(tokenizer, seed))
        found = {name: _mix(found[name], other[name], share) for name in found}
    if request.chaos:
        noise = torch.Generator("cpu").manual_seed(seed)
        far = FARTHEST * request.chaos / MOST_CHAOS
        found = {name: _astray(tensor, far, noise) for name, tensor in sorted(found.items())}
    return found


def _mix(tensor: Tensor, other: Tensor, share: float) -> Tensor:
    """Mix two texts; the shorter one is said as often as the longer one has pieces."""
    if tensor.dim() == 3:
        other = other.repeat(1, -(-tensor.shape[1] // other.shape[1]), 1)[:, : tensor.shape[1]]
    return torch.lerp(tensor, other, share)


def _astray(tensor: Tensor, far: float, noise: torch.Generator) -> Tensor:
    """Move all words of a text one way; its first token, the same for every text, stays."""
    way = torch.randn(tensor.shape[-1], generator=noise).to(tensor)
    moved = tensor + far * tensor.float().std().to(tensor) * way
    if tensor.dim() == 3:
        moved[:, :1] = tensor[:, :1]
    return moved


def _strangers(tokenizer: Any, seed: int) -> str:
    words = _vocabulary(tokenizer)
    return " ".join(random.Random(seed).sample(words, min(STRANGERS, len(words))))


@cache
def _vocabulary(tokenizer: Any) -> tuple[str, ...]:
    """Whole words that a tokenizer knows, always in the same order."""
    ends = (token.removesuffix("</w>") for token in tokenizer.get_vocab() if token.endswith("</w>"))
    words = {word for word in ends if word.isascii() and word.isalpha()}
    return tuple(sorted(word for word in words if len(word) >= LONG_ENOUGH) or sorted(words))
