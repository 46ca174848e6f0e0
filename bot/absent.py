"""Midjourney's parameters that Easel does not have, each with the sentence that says so."""

import re

from bot.language import N_, _

FILMS = N_("Easel paints pictures, no films.")
OMNI = N_(
    "`--cref` takes a person from a picture, where the model has an adapter for it; attached as "
    "`picture` it counts as a whole, and `--iw` says how much."
)
GONE = N_("Midjourney itself no longer has it.")
ABSENT: dict[str, str] = {
    **dict.fromkeys(("video", "motion", "loop", "end", "bs"), FILMS),
    **dict.fromkeys(("oref", "ow"), OMNI),
    "sv": N_("There is one way of taking a style here; `--sw` says how much it counts."),
    "edit": N_("Under a single picture, **Vary (Region)** paints a part of it anew."),
    "zoom": N_("Under a single picture, **Custom Zoom** asks how far."),
    **dict.fromkeys(
        ("profile", "p"), N_("Easel learns no taste; `/prefer suffix` adds what you like to use.")
    ),
    "exp": N_("`--stylize` makes light, colour and detail richer."),
    "sameseed": N_("Four tiles of one seed would be one picture; `U` takes one out of the grid."),
    "preview": N_("`/models` names the models there are."),
    "sd": N_("It is the usual size here; `--hd` doubles it."),
    **dict.fromkeys(
        ("uplight", "upbeta", "upanime"), N_("Under a single picture, **Upscale** enlarges it.")
    ),
    **dict.fromkeys(
        ("creative", "test", "testp", "hq", "newclip", "nostretch", "old", "beta", "vibe"), GONE
    ),
    **dict.fromkeys(
        ("width", "height", "wallpaper"), N_("`--ar` says the shape, as in `--ar 3:2`.")
    ),
}
"""Name of the parameter → what to say of it."""
CODE = re.compile(r"(?:random|[0-9]+)\b.*", re.IGNORECASE | re.DOTALL)
NO_CODES = N_(
    "Codes and `random` name styles that only Midjourney has. Here a style is taken from a "
    "picture: write `--sref` and its link, or attach it as `sref`."
)


def why_not(name: str, value: str) -> str:
    """Return what is to be said of a value that Midjourney's parameter takes and ours does not."""
    return _(NO_CODES) if name == "sref" and CODE.fullmatch(value) else ""
