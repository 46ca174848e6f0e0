"""What a painter's preferences add to what they typed: options written out, suffix, settings.

What is typed counts before the suffix, the suffix before the settings, and only `--no` adds up.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from bot.effort import OVERRULED
from bot.errors import UserError
from bot.grammar import check_lasting, normalise, split
from bot.language import _
from bot.parameters import BY_NAME, Parameter
from bot.preferences import DASHES, Preferences
from bot.readers import plain
from engine import ModelCard

T = TypeVar("T")
Given = tuple[Parameter, str]
"""A parameter with the words after it."""

OPTION = re.compile(r"[a-z][a-z0-9_-]{0,31}")
LONGEST_OPTION = 1000


def option_name(text: str) -> str:
    """Return the name of an option as it is kept.

    Raises:
        UserError: a parameter of Easel's has this name, or it is no name.

    """
    name = text.strip().lstrip("-—–").casefold()
    if name in BY_NAME:
        raise UserError(
            _("`--{name}` is a parameter of Easel's own; choose another name.").format(name=name)
        )
    if not OPTION.fullmatch(name):
        raise UserError(
            _(
                "An option's name is one word of at most 32 letters a to z, digits, `-` and `_`, "
                "as in `/prefer option set option: mine value: --ar 3:2 --no text`."
            )
        )
    return name


def write_out(text: str, preferences: Preferences) -> str:
    """Put what a painter's options stand for in their place, once, so that none goes in circles."""
    if not preferences.options:
        return text
    words = normalise(text)
    return " ".join(
        preferences.options.get(word[2:].casefold(), word) if word.startswith(DASHES) else word
        for word in words
    )


def settings(preferences: Preferences, cards: Sequence[ModelCard]) -> list[Given]:
    """Return the parameters that a painter's settings stand for, as far as they make sense here.

    A model that is not to be had here is passed over: the place's own paints.
    """
    chosen: dict[str, str | None] = {"model": None}
    if preferences.model in [card.name for card in cards]:
        chosen["model"] = BY_NAME["model"].write(preferences.model)
    if preferences.quality is not None:
        chosen["quality"] = plain(preferences.quality)
    if preferences.stylize is not None:
        chosen["stylize"] = str(preferences.stylize)
    if preferences.raw:
        chosen["raw"] = ""
    return [(BY_NAME[name], text) for name, text in chosen.items() if text is not None]


def added(
    typed: Sequence[Given], preferences: Preferences, cards: Sequence[ModelCard]
) -> list[Given]:
    """Return the parameters that suffix and settings add to what was typed."""
    suffix = split(normalise(preferences.suffix))[1] if preferences.suffix else []
    more: list[Given] = []
    for layer in (suffix, settings(preferences, cards)):
        known = {row.name for row, _ in (*typed, *more) if row.twice != "all"}
        if layer is not suffix:
            known |= {name for one in known for name in OVERRULED.get(one, ())}
            layer = _fitting(layer, (*typed, *more), cards)
        more += [(row, text) for row, text in layer if row.name not in known]
    return more


def _fitting(
    layer: list[Given], before: Sequence[Given], cards: Sequence[ModelCard]
) -> list[Given]:
    """Return those of a painter's settings that the model which paints can have."""
    names = [text for row, text in (*before, *layer) if row.name == "model"]
    wanted = BY_NAME["model"].write(names[0]) if names else None
    known = [card for card in cards if BY_NAME["model"].write(card.name) == wanted]
    card = (*known, *cards)[0]
    return [(row, text) for row, text in layer if not row.needs or row.needs in card.honours]


def check_suffix(text: str) -> None:
    """Refuse a suffix that has text before its parameters.

    Raises:
        UserError: it has, or one of its parameters is unknown.

    """
    prompt, given = split(normalise(text))
    if prompt or not given:
        raise UserError(
            _(
                "A suffix is parameters only, such as `--ar 3:2 --no text`; found "
                "`{prompt}`. Without a value, `/prefer suffix` takes the suffix away."
            ).format(prompt=prompt[:60])
        )
    check_lasting(given)


def naming_the_suffix(understand: Callable[[Preferences], T], preferences: Preferences) -> T:
    """Understand a prompt; where only the suffix is wrong, say that it is the suffix.

    Raises:
        UserError: what is wrong with the prompt, or with the suffix here.

    """
    try:
        return understand(preferences)
    except UserError as error:
        if not preferences.suffix:
            raise
        understand(replace(preferences, suffix=""))  # raises what is wrong without it, too
        raise UserError(
            _(
                "Your suffix `{suffix}` does not fit here. {error} `/prefer suffix` changes it."
            ).format(suffix=preferences.suffix, error=error),
            title=error.title,
        ) from error
