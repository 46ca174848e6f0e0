"""Attention that makes the keys and values of a prompt once for all rows which have it.

A grid of four with guidance is eight rows of two prompts, and jobs that share a forward bring more
such rows: in place of eight, two go through the layers of keys and values.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

PROMPTS = "encoder_hidden_states"
"""The argument of denoisers and ControlNets that has the prompts."""
MARK = "prompts"
"""The attribute of such a tensor that says which of its rows are the same. What is computed from a
marked tensor has no mark, so a layer that finds one may rely on it."""
PLAIN = {
    "norm_cross": None,
    "norm_q": None,
    "norm_k": None,
    "group_norm": None,
    "spatial_norm": None,
    "residual_connection": False,
    "rescale_output_factor": 1.0,
}
"""How the layers of Stable Diffusion's U-Nets are: queries, keys, values, and nothing beside."""


@dataclass(frozen=True, slots=True)
class Prompts:
    """Rows without their repetitions, and where each row is among them (on the same device)."""

    distinct: Tensor
    places: Tensor


class PromptAttention(Attention):  # type: ignore[misc]  # why: diffusers' classes are Any to us
    """Diffusers' attention, with the same weights, for less.

    A marked prompt's keys and values are made once; nothing is divided by one, and the processor's
    signature is not read anew at each call.
    """

    def forward(
        self,
        hidden_states: Tensor,
        encoder_hidden_states: Any = None,
        attention_mask: Tensor | None = None,
        **more: Any,
    ) -> Tensor:
        """Attend as `Attention.forward` does: the same bit for bit where no prompt is marked."""
        is_usual = type(self.processor) is AttnProcessor2_0 and hidden_states.dim() == 3
        if more or attention_mask is not None or not is_usual:
            usual: Tensor = super().forward(
                hidden_states, encoder_hidden_states, attention_mask, **more
            )
            return usual
        seen = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        prompts: Prompts | None = getattr(seen, MARK, None)
        if prompts is None:
            key, value = self.to_k(seen), self.to_v(seen)
        else:
            key, value = (side(prompts.distinct)[prompts.places] for side in (self.to_k, self.to_v))
        query, key, value = map(self._by_head, (self.to_q(hidden_states), key, value))
        found = scaled_dot_product_attention(query, key, value)
        attended: Tensor = self.to_out[0](found.transpose(1, 2).flatten(2))
        return attended

    def _by_head(self, rows: Tensor) -> Tensor:
        """(rows, tokens, width) → (rows, heads, tokens, width of a head)."""
        return rows.view(len(rows), -1, self.heads, rows.shape[-1] // self.heads).transpose(1, 2)


def ease(module: nn.Module) -> None:
    """Let the attention layers of a module that are plain ones be `PromptAttention`."""
    for layer in module.modules():
        if type(layer) is Attention and all(
            getattr(layer, name) == value for name, value in PLAIN.items()
        ):
            layer.__class__ = PromptAttention


def mark(rows: Any) -> None:
    """Mark the rows (rows, tokens, width) of a job's prompts, if some of them are repeated.

    Only on a CPU: there a step of the embedded model takes a tenth less. On cards nobody has
    measured it yet.
    """
    if not isinstance(rows, Tensor) or rows.dim() != 3 or rows.device.type != "cpu":
        return
    is_new = torch.ones(len(rows), dtype=torch.bool)
    is_new[1:] = (rows[1:] != rows[:-1]).flatten(1).any(1)
    if not is_new.all():
        vars(rows)[MARK] = Prompts(rows[is_new], is_new.cumsum(0) - 1)


def mark_joined(parts: Sequence[Any], joined: Any) -> None:
    """Mark what several jobs' prompts were joined to, if any of them is marked."""
    marks = [getattr(part, MARK, None) for part in parts]
    if not any(marks):
        return
    distinct, places, start = [], [], 0
    for part, known in zip(parts, marks, strict=True):
        rows = known.distinct if known else part
        distinct.append(rows)
        places.append((known.places if known else torch.arange(len(part))) + start)
        start += len(rows)
    vars(joined)[MARK] = Prompts(torch.cat(distinct), torch.cat(places))
