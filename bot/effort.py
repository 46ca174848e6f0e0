"""How large a painting is and how many steps it takes, and by which sampler: `--ar`, `--steps`,
`--quality`, `--draft`, `--hd`, and which parameters do not go together."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from bot.errors import UserError
from bot.language import _
from bot.readers import Setting, Size, plain
from engine import ModelCard, few_steps_for

DRAFT_STEPS = 0.4
"""A draft takes so many of the usual steps, at so much of the usual sides."""
DRAFT_SIDE = 0.75
RIVALS = (("steps", "quality"), ("draft", "hd"), ("strength", "iw"))
"""They say the same thing in two ways, so one prompt has one of them."""
OVERRULED: dict[str, tuple[str, ...]] = {
    "steps": ("quality",),
    "draft": ("hd",),
    "hd": ("draft",),
    "strength": ("iw",),
    "iw": ("strength",),
    "raw": ("stylize",),
    "style": ("stylize",),
}
"""What is typed, and which of a place's defaults it takes the place of."""


def check_rivals(typed: Iterable[str]) -> None:
    """Refuse two parameters that do not go together.

    Raises:
        UserError: there are two such.

    """
    names = set(typed)
    for one, other in RIVALS:
        if {one, other} <= names:
            raise UserError(
                _("`--{one}` and `--{other}` do not go together: leave one of the two out.").format(
                    one=one, other=other
                ),
                title=_("Invalid parameter"),
            )


def settle(
    defaults: Mapping[str, Any], typed: Mapping[str, Any], setting: Setting, prompt: str
) -> dict[str, Any]:
    """Return what holds of what was typed and of a place's defaults: `steps`, `guidance`,
    `sampler` and whether it is painted in `few_steps` are among it.

    Raises:
        UserError: that would be more steps than are allowed here.

    """
    gone = {name for one in typed for name in OVERRULED.get(one, ())}
    known = {name: value for name, value in defaults.items() if name not in gone} | dict(typed)
    factor = known.get("quality", 1) * (DRAFT_STEPS if known.get("draft") else 1)
    if "steps" in typed:
        factor = 1
    card, asked = setting.card, known.get("steps")
    few = few_steps_for(
        card,
        steps=None if asked is None else _times(asked, factor),
        guidance=known.get("guidance"),
        sampler=known.get("sampler", ""),
        negative_prompt=", ".join(known.get("no", ())),
        prompt=prompt,
        quality=known.get("quality", 1),
        stop=known.get("stop", 100) / 100,
    )
    usual = asked or (few.steps if few else card.default_steps)
    steps = _times(min(usual, setting.max_steps), factor)
    if steps > setting.max_steps:
        raise UserError(
            _("`--quality {quality}` takes {steps} steps here; {most} are the most.").format(
                quality=plain(known["quality"]), steps=steps, most=setting.max_steps
            ),
            title=_("Invalid parameter"),
        )
    return {
        "guidance": few.guidance if few else card.default_guidance,
        "sampler": few.sampler if few else "",
        **known,
        "steps": steps,
        "few_steps": few is not None,
    }


def _times(steps: int, factor: float) -> int:
    return max(1, round(steps * factor))


def measure(values: Mapping[str, Any], setting: Setting, shape: Size | None) -> Size:
    """Return the sides of a tile, of the shape of `--ar` or else of `shape`.

    Raises:
        UserError: hd would be larger than is allowed here.

    """
    card, most = setting.card, setting.limits.max_side
    ratio = values.get("ar") or shape or (card.width, card.height)
    if not values.get("hd"):
        side = DRAFT_SIDE if values.get("draft") else 1.0
        return size_for(card, ratio, most, side)
    width, height = size_for(card, ratio)
    if most is not None and 2 * max(width, height) > most:
        raise UserError(
            _("`--hd` paints {side} pixels here; {most} are the most.").format(
                side=2 * max(width, height), most=most
            ),
            title=_("Invalid parameter"),
        )
    return 2 * width, 2 * height


def size_for(card: ModelCard, ratio: Size, max_side: int | None = None, scale: float = 1.0) -> Size:
    """The sides of a tile of this shape: the model's own area, in the model's multiples.

    The longer side stays within the model's and the server's largest one, the shorter side is at
    least a quarter of the model's own; inside these bounds the shape is kept.
    """
    unit = card.size_multiple
    longest = max(min(card.max_side, max_side or card.max_side) // unit, 1) * unit
    shortest = min(max(min(card.width, card.height) // 4, unit), longest)
    width = scale * math.sqrt(card.width * card.height * ratio[0] / ratio[1])
    height = width * ratio[1] / ratio[0]
    shrink = min(1.0, longest / max(width, height))

    def side(length: float) -> int:
        rounded = round(length * shrink / unit) * unit
        return min(max(rounded, -(-shortest // unit) * unit), longest)

    return side(width), side(height)
