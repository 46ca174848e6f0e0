"""The table of --parameters: parsing, help and the README are all made from its rows."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from engine import SEEDS, ModelCard, normal_sampler

DASHES = "-‒–—―−－"
"""What keyboards make of a dash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a server allows, and the parameters it adds where the painter gives none."""

    max_steps: int | None = None
    max_side: int | None = None
    defaults: str = ""


Size = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What ranges depend on: the model, the server's limits, and all models there are."""

    card: ModelCard
    cards: Sequence[ModelCard]
    limits: Limits

    @property
    def max_steps(self) -> int:
        return min(self.card.max_steps, self.limits.max_steps or self.card.max_steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One row of the table. `read` takes the words given and returns the value, or None.

    A `flag` takes no value; one of several `words` takes all that stand up to the next parameter.
    """

    name: str
    aliases: tuple[str, ...] = ()
    example: str = ""
    flag: bool = False
    words: bool = False
    help: str
    allowed: Callable[[Setting], str] = lambda _: "alone, without a value"
    read: Callable[[str, Setting], Any] = lambda text, _: None if text else True
    write: Callable[[Any], str] = str
    twice: Literal["first", "last", "all"] = "last"

    def __str__(self) -> str:
        """As a painter may type it."""
        return f"--{self.name} {self.example}".rstrip()

    def written(self, value: Any) -> str:
        """As a painter would have typed this value."""
        return f"--{self.name}" if self.flag else f"--{self.name} {self.write(value)}"


def whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text) else None


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[0-9]{0,6}(?:[0-9]|\.[0-9]{1,6})", text) else None


def plain(number: float) -> str:
    return format(number, ".12g")


def _between(value: float | None, low: float, high: float) -> Any:
    return value if value is not None and low <= value <= high else None


def _ratio(text: str, _: Setting) -> Size | None:
    sides = re.fullmatch(r"([0-9]{1,4}):([0-9]{1,4})", text)
    ratio = (int(sides[1]), int(sides[2])) if sides else (0, 0)
    return ratio if all(ratio) else None


def _items(text: str, _: Setting) -> tuple[str, ...] | None:
    """Things between commas; a dash before one would read as a parameter."""
    items = (" ".join(item.split()).lstrip(f"{DASHES} ") for item in re.split("[,、，]", text))
    return tuple(item for item in items if item) or None


def _sampler(text: str, setting: Setting) -> str | None:
    try:
        name = normal_sampler(text)
    except ValueError:
        return None
    return name if name in setting.card.samplers else None


def _strength(text: str, _: Setting) -> float | None:
    value = _number(text)
    return value if value is not None and 0 < value <= 1 else None


def _model(text: str, setting: Setting) -> str | None:
    names = {_one_word(card.name): card.name for card in setting.cards}
    return names.get(_one_word(text))


def _one_word(name: str) -> str:
    """How a model's name is typed: a file's name may have spaces in it."""
    return "-".join(unicodedata.normalize("NFKC", name).casefold().split())


PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        name="ar",
        aliases=("aspect",),
        example="3:2",
        help="the shape of the picture, width to height",
        allowed=lambda _: "two whole numbers from 1 to 9999 with a colon between them",
        read=_ratio,
        write=lambda ratio: f"{ratio[0]}:{ratio[1]}",
    ),
    Parameter(
        name="no",
        example="text, frames",
        help="what must not be in the picture",
        allowed=lambda _: "one or more things, with commas between them",
        read=_items,
        write=", ".join,
        words=True,
        twice="all",
    ),
    Parameter(
        name="seed",
        example="7",
        help="where the noise starts: the same seed and prompt give the same picture",
        allowed=lambda _: f"a whole number from 0 to {SEEDS - 1}",
        read=lambda text, _: _between(whole(text), 0, SEEDS - 1),
        twice="first",
    ),
    Parameter(
        name="steps",
        example="20",
        help="how many denoising steps: more take longer and show more detail",
        allowed=lambda setting: f"a whole number from 1 to {setting.max_steps}",
        read=lambda text, setting: _between(whole(text), 1, setting.max_steps),
    ),
    Parameter(
        name="guidance",
        example="7.5",
        help="how closely the prompt is followed",
        allowed=lambda setting: f"a number from 0 to {plain(setting.card.max_guidance)}",
        read=lambda text, setting: _between(_number(text), 0, setting.card.max_guidance),
        write=plain,
    ),
    Parameter(
        name="strength",
        example="0.6",
        help="how far the attached picture may be left (only with a picture)",
        allowed=lambda _: "a number above 0, and at most 1",
        read=_strength,
        write=plain,
    ),
    Parameter(
        name="sampler",
        example="euler a",
        help="how noise becomes a picture, step by step",
        allowed=lambda setting: "one of " + ", ".join(setting.card.samplers),
        read=_sampler,
        words=True,
    ),
    Parameter(
        name="tile",
        flag=True,
        help="edges that meet: the picture repeats without a seam",
    ),
    Parameter(
        name="stop",
        example="80",
        help="end the painting early, after so many percent of its steps",
        allowed=lambda _: "a whole number from 10 to 100",
        read=lambda text, _: _between(whole(text), 10, 100),
    ),
    Parameter(
        name="model",
        example="embedded",
        help="which model paints",
        allowed=lambda setting: (
            "one of " + ", ".join(_one_word(card.name) for card in setting.cards)
        ),
        read=_model,
        write=_one_word,
    ),
)

BY_NAME = {name: row for row in PARAMETERS for name in (row.name, *row.aliases)}
