"""Prompt text to Request.

Parameters stand after the text. Given twice, the first `--seed` counts, `--no` adds up, and of
every other parameter the last one counts.
"""

import dataclasses
import logging
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.errors import UserError
from bot.grammar import evaluate, normalise, read_value, sentence, split, written
from bot.habits import added, naming_the_suffix, write_out
from bot.parameters import PARAMETERS, Parameter
from bot.preferences import NOTHING_CHOSEN, Preferences
from bot.readers import Limits, Setting, Size, plain, whole
from engine import (
    SEEDS,
    LoraFolder,
    ModelCard,
    PaintError,
    Request,
    parse_prompt,
    refusal,
    take_loras,
)

__all__ = [
    "ATTACHMENT",
    "LONGEST_PROMPT",
    "STRENGTH",
    "Limits",
    "Wish",
    "check_defaults",
    "compose",
    "describe",
    "parse",
    "reroll",
    "size_for",
    "vary",
]

log = logging.getLogger(__name__)

LONGEST_PROMPT = 4000
"""Characters of a prompt, parameters included."""
ATTACHMENT = "attachment"
"""What stands in `Request.image` while the attached picture has not been fetched."""
STRENGTH = 0.6
"""How far an attached picture is left where the painter does not say."""
NOTHING = (
    "There is nothing to paint: write what you want to see, and parameters after it, "
    "as in `a red fox --seed 7`."
)
NO_LORAS = LoraFolder(None)
NO_LIMITS = Limits()
"""A server that has set nothing."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A prompt understood: what to paint, and the normalised text that stands over the grid."""

    request: Request
    shown: str


def parse(
    text: str,
    cards: Sequence[ModelCard],
    limits: Limits = NO_LIMITS,
    *,
    seed: int | None = None,
    image: bool | Size = False,
    loras: LoraFolder = NO_LORAS,
    preferences: Preferences = NOTHING_CHOSEN,
) -> Wish:
    """Understand a prompt, or raise a UserError that names what is wrong and what is allowed.

    `seed` is taken where the painter gives none (else a random one). `image` says that a picture
    is attached; with its size in pixels, the painting takes its shape unless `--ar` says another.
    The first of `cards` is the default model; `<lora:name:0.8>` is looked for in `loras`. What the
    painter's `preferences` add stands in the text over the grid, too.
    """

    def understand(preferences: Preferences) -> Wish:
        prompt, given = split(normalise(write_out(text, preferences)))
        given += added(given, preferences, cards)
        return _wish(prompt, given, cards, limits, seed=seed, image=image, loras=loras)

    return naming_the_suffix(understand, preferences)


def _wish(
    prompt: str,
    given: Sequence[tuple[Parameter, str]],
    cards: Sequence[ModelCard],
    limits: Limits,
    *,
    seed: int | None,
    image: bool | Size,
    loras: LoraFolder,
) -> Wish:
    if not prompt:
        raise UserError(NOTHING)
    setting = _setting(given, cards, limits)
    values = evaluate(given, setting)
    if "strength" in values and not image:
        raise UserError(
            "`--strength` only goes with a picture: attach one as `picture`, or leave it out."
        )
    shown = f"{prompt} {written(values)}".rstrip()
    if len(shown) > LONGEST_PROMPT:
        raise UserError(
            f"The prompt is {len(shown):,} characters long; {LONGEST_PROMPT:,} is the most."
        )
    values = {**_defaults(setting), **values}
    try:
        parse_prompt(prompt).shares()
        request = _request(prompt, values, setting, seed=seed, image=image)
        for name, _ in request.loras:
            loras.find(name)
    except (ValueError, PaintError) as error:
        raise UserError(sentence(str(error))) from error
    if not request.prompt:
        raise UserError(NOTHING)
    if refused := refusal(setting.card, request):
        raise UserError(refused)
    return Wish(request, shown)


def compose(prompt: str, negative: str | None = None, strength: float | None = None) -> str:
    """Say in one text what the options of `/imagine` said apart."""
    parts = [prompt]
    if negative and negative.strip():
        parts.append(f"--no {negative}")
    if strength is not None:
        parts.append(f"--strength {plain(strength)}")
    return " ".join(parts)


def reroll(request: Request) -> Request:
    """The same wish with another seed, even where the painter had chosen one."""
    return dataclasses.replace(request, seed=_random_seed(request.seed))


def vary(request: Request, image: str, strength: float) -> Request:
    """The same wish, starting from a picture, with another seed."""
    return dataclasses.replace(
        request, image=image, strength=strength, seed=_random_seed(request.seed)
    )


def check_defaults(text: str, cards: Sequence[ModelCard], limits: Limits) -> str:
    """Return a server's default parameters normalised, or raise a UserError."""
    prompt, given = split(normalise(text))
    if prompt:
        raise UserError(f"Default parameters are parameters only, without text; found `{prompt}`.")
    limits = dataclasses.replace(limits, defaults="")  # the new ones take their place
    values = evaluate(given, _setting(given, cards, limits))
    return written(values)


def describe(cards: Sequence[ModelCard], limits: Limits = NO_LIMITS) -> tuple[str, ...]:
    """The table for people: one line of markdown per parameter, for `/help` and the README."""
    setting = Setting(card=cards[0], cards=cards, limits=limits)
    return tuple(
        f"`{row}`"
        + "".join(f" (or `--{alias}`)" for alias in row.aliases)
        + f": {row.help}; {row.allowed(setting)}"
        for row in PARAMETERS
    )


def size_for(card: ModelCard, ratio: Size, max_side: int | None = None) -> Size:
    """The sides of a tile of this shape: the model's own area, in the model's multiples.

    The longer side stays within the model's and the server's largest one, the shorter side is at
    least a quarter of the model's own; inside these bounds the shape is kept.
    """
    unit = card.size_multiple
    longest = max(min(card.max_side, max_side or card.max_side) // unit, 1) * unit
    shortest = min(max(min(card.width, card.height) // 4, unit), longest)
    width = math.sqrt(card.width * card.height * ratio[0] / ratio[1])
    height = width * ratio[1] / ratio[0]
    shrink = min(1.0, longest / max(width, height))

    def side(length: float) -> int:
        rounded = round(length * shrink / unit) * unit
        return min(max(rounded, -(-shortest // unit) * unit), longest)

    return side(width), side(height)


# -- completing -----------------------------------------------------------------------------------


def _setting(
    given: Sequence[tuple[Parameter, str]],
    cards: Sequence[ModelCard],
    limits: Limits,
) -> Setting:
    """Ranges depend on the model, so the model is read first."""
    card = _default_model(cards, limits)
    for row, text in given:
        if row.name == "model":
            setting = Setting(card=card, cards=cards, limits=limits)
            name = evaluate([(row, text)], setting)["model"]
            card = next(card for card in cards if card.name == name)
    return Setting(card=card, cards=cards, limits=limits)


def _given_defaults(limits: Limits) -> list[tuple[Parameter, str]]:
    """A server's defaults; a mistake in them is not the painter's, so it is only logged."""
    try:
        return split(normalise(limits.defaults))[1]
    except UserError as error:
        log.warning("default parameters %r are passed over: %s", limits.defaults, error)
        return []


def _default_model(cards: Sequence[ModelCard], limits: Limits) -> ModelCard:
    wanted = [text.casefold() for row, text in _given_defaults(limits) if row.name == "model"]
    return next((card for card in cards if card.name.casefold() in wanted), cards[0])


def _defaults(setting: Setting) -> dict[str, Any]:
    """The server's default values, as far as this model can take them."""
    values: dict[str, Any] = {}
    for row, text in _given_defaults(setting.limits):
        if row.name == "steps" and (steps := whole(text)):
            text = str(min(steps, setting.max_steps))
        try:
            values[row.name] = read_value(row, text, setting)
        except UserError as error:
            log.debug("a default parameter is passed over: %s", error)
    return values


def _request(
    prompt: str,
    values: dict[str, Any],
    setting: Setting,
    *,
    seed: int | None,
    image: bool | Size,
) -> Request:
    card = setting.card
    shape = image if isinstance(image, tuple) and all(image) else (card.width, card.height)
    width, height = size_for(card, values.get("ar", shape), setting.limits.max_side)
    fallback = _random_seed() if seed is None else seed
    words, loras = take_loras(prompt)
    return Request(
        prompt=words,
        loras=loras,
        negative_prompt=", ".join(values.get("no", ())),
        seed=values.get("seed", fallback),
        num_inference_steps=values.get("steps", min(card.default_steps, setting.max_steps)),
        guidance_scale=float(values.get("guidance", card.default_guidance)),
        width=width,
        height=height,
        model=card.name,
        image=ATTACHMENT if image else None,
        strength=values.get("strength", STRENGTH) if image else None,
        sampler=values.get("sampler", ""),
        tile=values.get("tile", False),
        stop=values.get("stop", 100) / 100,
    )


def _random_seed(other_than: int | None = None) -> int:
    while (seed := random.randrange(SEEDS)) == other_than:
        pass
    return seed
