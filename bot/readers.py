"""How the value of a parameter is read: words → a value, or None; and what ranges depend on."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from engine import MOST_CONTROL, ModelCard, normal_sampler

DASHES = "-‒–—―−－"
"""What keyboards make of a dash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a server allows, and the parameters it adds where the painter gives none."""

    max_steps: int | None = None
    max_side: int | None = None
    max_jobs: int = 10
    defaults: str = ""


Size = tuple[int, int]
READY = "ready"
ATTACHED = "attached"
"""What stands in the place of a link where the picture is attached."""


class Linked(NamedTuple):
    """The address of a picture, and how much it counts beside others."""

    address: str
    weight: float = 1.0

    def __str__(self) -> str:
        """As a painter may type it."""
        return self.address if self.weight == 1 else f"{self.address}::{plain(self.weight)}"


class Control(NamedTuple):
    """What leads a painting: the ControlNet, how much, and whether its picture is drawn already."""

    kind: str
    scale: float
    ready: bool

    def __str__(self) -> str:
        """As a painter may type it."""
        scale = "" if self.scale == 1 else f":{plain(self.scale)}"
        return f"{self.kind}{scale}{f' {READY}' * self.ready}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What ranges depend on: the model, the server's limits, and all models there are."""

    card: ModelCard
    cards: Sequence[ModelCard]
    limits: Limits

    @property
    def max_steps(self) -> int:
        """The most steps of a job here."""
        return min(self.card.max_steps, self.limits.max_steps or self.card.max_steps)


def whole(text: str) -> int | None:
    """A whole number from 0."""
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text) else None


def number(text: str) -> float | None:
    """A number from 0, with a point or without."""
    return float(text) if re.fullmatch(r"[0-9]{0,6}(?:[0-9]|\.[0-9]{1,6})", text) else None


def signed(text: str) -> float | None:
    """A number that may have a minus before it."""
    value = number(text.removeprefix("-"))
    return -value if value is not None and text.startswith("-") else value


def plain(value: float) -> str:
    """Write a number as a person would."""
    return format(value, ".12g")


def between(value: float | None, low: float, high: float) -> Any:
    """Return the value if it is within the range, both ends included."""
    return value if value is not None and low <= value <= high else None


def ratio(text: str, _: Setting) -> Size | None:
    """Width to height, as in `3:2`."""
    sides = re.fullmatch(r"([0-9]{1,4}):([0-9]{1,4})", text)
    shape = (int(sides[1]), int(sides[2])) if sides else (0, 0)
    return shape if all(shape) else None


def items(text: str, _: Setting) -> tuple[str, ...] | None:
    """Things between commas; a dash before one would read as a parameter, `\\` behind it take the
    comma's meaning away."""
    found = (
        " ".join(item.split()).lstrip(f"{DASHES} ").rstrip("\\ ")
        for item in re.split("[,、，]", text)
    )
    return tuple(item for item in found if item) or None


def loras(text: str, _: Setting) -> tuple[tuple[str, float], ...] | None:
    """LoRAs with their weights, as in `ink:0.8, wash`; without one it is 1."""
    found = []
    for item in items(text, _) or ():
        name, colon, weight = item.rpartition(":")
        if not colon:
            name, weight = item, "1"
        value = signed(weight.strip())
        if value is None or not name.strip():
            return None
        found.append((name.strip(), value))
    return tuple(found) or None


def control(text: str, _: Setting) -> Control | None:
    """A kind of control with its scale, as in `canny:0.8`; `ready` says that it is drawn."""
    parts = re.fullmatch(r"([^\s:][^:]*?)(?::([0-9.]+))?( ready)?", text, re.IGNORECASE)
    scale = number(parts[2] or "1") if parts else None
    if parts is None or scale is None or not 0 < scale <= MOST_CONTROL:
        return None
    return Control(parts[1], scale, bool(parts[3]))


def linked(text: str, _: Setting | None = None) -> tuple[Linked, ...] | None:
    """Links with spaces between, each maybe with its weight, as in `https://…/a.png::2`."""
    found = []
    for word in text.split():
        parts = re.fullmatch(
            rf"<?(https?://[^<>]+?|{ATTACHED})>?(?:::([0-9.]+))?,?", word, re.IGNORECASE
        )
        weight = number(parts[2] or "1") if parts else None
        if parts is None or not weight:
            return None
        address = parts[1] if "://" in parts[1] else ATTACHED
        found.append(Linked(address, weight))
    return tuple(found) or None


def sampler(text: str, setting: Setting) -> str | None:
    """The name of one of the model's samplers, however it is spelled."""
    try:
        name = normal_sampler(text)
    except ValueError:
        return None
    return name if name in setting.card.samplers else None


def quality(text: str, _: Setting) -> float | None:
    """One of Midjourney's qualities; 3 is 4 there, too."""
    value = number(text)
    return {0.25: 0.25, 0.5: 0.5, 1: 1.0, 2: 2.0, 3: 4.0, 4: 4.0}.get(value or 0)


def strength(text: str, _: Setting) -> float | None:
    """A number above 0, and at most 1."""
    value = number(text)
    return value if value is not None and 0 < value <= 1 else None


def model(text: str, setting: Setting) -> str | None:
    """The name of one of the models there are."""
    names = {one_word(card.name): card.name for card in setting.cards}
    return names.get(one_word(text))


def one_word(name: str) -> str:
    """How a model's name is typed: a file's name may have spaces in it."""
    return "-".join(unicodedata.normalize("NFKC", name).casefold().split())
