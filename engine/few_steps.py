"""Few steps: what paints by a model's LoRA for that, without guidance, and what by its own sampler.

Here alone that is decided, and what is decided stands in `Request.few_steps`. No torch.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.prompt import parse_prompt

if TYPE_CHECKING:
    from engine.card import ModelCard

FILE = "few-steps.safetensors"
"""What the LoRA is called in the folder of a model that brings one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FewSteps:
    """How a model paints by its LoRA for few steps; such were taught without guidance."""

    steps: int = 4
    most: int = 8
    guidance: float = 1.0
    sampler: str = "lcm"


def few_steps_for(
    card: "ModelCard",
    *,
    steps: int | None = None,
    guidance: float | None = None,
    sampler: str = "",
    negative_prompt: str = "",
    prompt: str = "",
    quality: float = 1.0,
    stop: float = 1.0,
) -> FewSteps | None:
    """Return how few steps paint what is asked for, or None where the ordinary sampler does.

    None is what does not stand there. What wants guidance, another sampler, more steps or more
    work takes the ordinary one, and so does what ends early: it has more steps to end at.
    """
    few = card.few_steps
    if few is None or guidance is not None or negative_prompt:
        return None
    if sampler not in ("", few.sampler) or parse_prompt(prompt).has_negatives:
        return None
    is_little = steps <= few.most if steps is not None else quality <= 1 and stop >= 1
    return few if is_little else None
