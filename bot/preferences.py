"""What one painter prefers, pure: read from plain values, and never a trap for an older choice."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Self

from bot.jobs import Lane

DASHES = "--"
"""Before the name of an option, also where it is kept, so that it is no other choice's key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """A painter's choices; None is where they have chosen nothing.

    `variation` is what V does, `suffix` stands at the end of every prompt, and `options` are the
    painter's own parameters: name (without dashes) → the text it stands for. With `stealth` the
    answers are the painter's alone; with `auto_dm` finished jobs come by direct message too.
    """

    model: str | None = None
    quality: float | None = None
    stylize: int | None = None
    raw: bool = False
    remix: bool = False
    variation: Literal["strong", "subtle"] = "strong"
    lane: Lane | None = None
    stealth: bool = False
    suffix: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    auto_dm: bool = False

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Self:
        """Read what the store keeps; what makes no sense (any more) counts as not chosen."""
        chosen = {
            name: value
            for name, read in _READ.items()
            if name in stored and (value := read(stored[name])) is not None
        }
        options = {
            key.removeprefix(DASHES): text
            for key, text in stored.items()
            if key.startswith(DASHES) and isinstance(text, str)
        }
        return cls(**chosen, options=options)


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _lane(value: Any) -> Lane | None:
    return Lane(value) if value in list(Lane) else None


_READ: dict[str, Any] = {
    "model": _text,
    "quality": lambda value: float(value) if type(value) in (int, float) and value > 0 else None,
    "stylize": lambda value: value if type(value) is int and value >= 0 else None,
    "raw": _flag,
    "remix": _flag,
    "variation": lambda value: value if value in ("strong", "subtle") else None,
    "lane": _lane,
    "stealth": _flag,
    "suffix": _text,
    "auto_dm": _flag,
}
DEFAULTS: dict[str, Any] = {
    one.name: getattr(Preferences(), one.name) for one in fields(Preferences) if one.name in _READ
}
"""What holds where nothing is chosen; such a choice is not kept."""
NOTHING_CHOSEN = Preferences()
