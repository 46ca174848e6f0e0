"""The table of rules: every value a server's admins may set, how it is read and shown. Pure."""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bot.jobs import Lane
from bot.language import LANGUAGES, N_, _, ngettext


class Layer(StrEnum):
    """Who may decide a value, from afar to near."""

    EASEL = "Easel"
    OPERATOR = "operator"
    SERVER = "server"
    CHANNEL = "channel"
    ROLE = "role"


NAMED = {Layer.SERVER: N_("server"), Layer.CHANNEL: N_("channel"), Layer.ROLE: N_("role")}
WHO = {Layer.OPERATOR: N_("the operator"), Layer.SERVER: N_("the server")}
"""The layers that have no name of their own on Discord."""
S, C, R = Layer.SERVER, Layer.CHANNEL, Layer.ROLE
NSFW = ("off", "spoiler", "block")
"""What becomes of pictures that are not safe for all, from loose to strict."""
BUTTONS = ("everyone", "moderators", "owner")
"""Who may press V, U and 🔄 under somebody's grid; the owner always may."""
LIKE_SERVER = "auto"
"""In the language that the server itself has chosen on Discord."""
SPEECH = (LIKE_SERVER, *LANGUAGES)
QUOTAS = {"hour": 3600.0, "day": 86_400.0, "month": 30 * 86_400.0}
"""Name of the rule: the seconds over which it counts, which move along with the clock."""


@dataclass(frozen=True, slots=True, order=True)
class Quota:
    """How much one painter may have in a time: so many pictures, or so many minutes of painting."""

    amount: int
    unit: str

    def __str__(self) -> str:
        one = self.unit.removesuffix("s") if self.amount == 1 else self.unit
        return f"{self.amount} {one}"

    def tell(self) -> str:
        """Return it in the language spoken now; `str` is as it is kept and typed."""
        if self.unit == "minutes":
            return ngettext("{number} minute", "{number} minutes", self.amount)
        return ngettext("{number} picture", "{number} pictures", self.amount)


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One row of the table of rules.

    `read` takes what is stored (plain JSON) or typed and returns what holds, or None if it makes no
    sense; `generous` picks one of several roles' values.
    """

    name: str
    help: str
    allowed: str
    layers: frozenset[Layer]
    read: Callable[[Any], Any]
    nothing: str
    default: Any = None
    choices: tuple[str, ...] = ()
    generous: Callable[..., Any] = max
    show: Callable[[Any], str] = str

    def tell(self, holds: Any) -> str:
        """Say what holds, also where nobody has set it."""
        unset = holds in (None, "", 0) or holds == frozenset()
        return _(self.nothing) if unset else self.show(holds)

    def wanted(self) -> str:
        """Say what would be right."""
        return _(self.allowed).format(choices=", ".join(self.choices))


def _whole(low: int, high: int) -> Callable[[Any], int | None]:
    def read(given: Any) -> int | None:
        text = str(given).strip()
        number = int(text) if re.fullmatch(r"[0-9]{1,9}", text) else -1
        return number if low <= number <= high else None

    return read


def _ids(given: Any) -> frozenset[int] | None:
    try:
        ids = frozenset(int(one) for one in given)
    except (TypeError, ValueError):
        return None
    return ids if ids and all(0 < one < 2**63 for one in ids) else None


def _id(given: Any) -> int | None:
    found = _ids([given])
    return next(iter(found)) if found else None


def _names(given: Any) -> frozenset[str] | None:
    words = re.split(r"[\s,]+", given) if isinstance(given, str) else given
    if not isinstance(words, Collection) or not all(isinstance(word, str) for word in words):
        return None
    return frozenset(word.casefold() for word in words if word) or None


def _lanes(given: Any) -> frozenset[str] | None:
    names = _names(given)
    return names if names is not None and names <= set(Lane) else None


def _one_of(*choices: str) -> Callable[[Any], str | None]:
    return lambda given: given if given in choices else None


def _text(given: Any) -> str | None:
    return given if isinstance(given, str) and len(given) <= 1000 else None


def read_quota(given: Any) -> Quota | None:
    """Read `40 pictures` or `10 minutes`; None if it is neither."""
    found = re.fullmatch(r"\s*([0-9]{1,7})\s*(picture|minute)s?\s*", str(given), re.IGNORECASE)
    return Quota(int(found[1]), f"{found[2].lower()}s") if found else None


def _largest(*quotas: Quota) -> Quota:
    """The more generous of quotas; a picture counts as a second where the units differ."""
    return max(quotas, key=lambda quota: quota.amount * (60 if quota.unit == "minutes" else 1))


def mention_channels(ids: Collection[int]) -> str:
    return " ".join(f"<#{one}>" for one in sorted(ids))


def mention_roles(ids: Collection[int]) -> str:
    return " ".join(f"<@&{one}>" for one in sorted(ids))


def _code(text: str) -> str:
    return f"`{text}`"


def _everywhere(*more: Layer) -> frozenset[Layer]:
    return frozenset({S, *more})


def _quota(name: str, about: str) -> Value:
    return Value(
        name=name,
        help=about,
        allowed=N_("such as `40 pictures` or `10 minutes` (of painting)"),
        layers=_everywhere(C, R),
        read=read_quota,
        nothing=N_("none"),
        generous=_largest,
        show=Quota.tell,
    )


VALUES: tuple[Value, ...] = (
    Value(
        name="channels",
        help=N_("Channels"),
        allowed=N_("channels of this server"),
        layers=_everywhere(),
        read=_ids,
        nothing=N_("all"),
        default=frozenset(),
        show=mention_channels,
    ),
    Value(
        name="roles",
        help=N_("Roles"),
        allowed=N_("roles of this server"),
        layers=_everywhere(C),
        read=_ids,
        nothing=N_("everyone"),
        default=frozenset(),
        show=mention_roles,
    ),
    Value(
        name="refused",
        help=N_("Refused roles"),
        allowed=N_("roles of this server"),
        layers=_everywhere(C),
        read=_ids,
        nothing=N_("none"),
        default=frozenset(),
        show=mention_roles,
    ),
    Value(
        name="models",
        help=N_("Models"),
        allowed=N_("names of models, with spaces between"),
        layers=_everywhere(C, R),
        read=_names,
        nothing=N_("all"),
        default=frozenset(),
        generous=lambda *sets: frozenset().union(*sets),
        show=lambda names: " ".join(f"`{name}`" for name in sorted(names)),
    ),
    Value(
        name="steps",
        help=N_("Largest steps"),
        allowed=N_("a whole number from 1 to 1000"),
        layers=_everywhere(C, R),
        read=_whole(1, 1000),
        nothing=N_("what the model allows"),
    ),
    Value(
        name="size",
        help=N_("Largest size"),
        allowed=N_("a whole number of pixels from 64 to 8192"),
        layers=_everywhere(C, R),
        read=_whole(64, 8192),
        nothing=N_("what the model allows"),
    ),
    Value(
        name="pictures",
        help=N_("Pictures of a job"),
        allowed=N_("a whole number from 1 to 4"),
        layers=_everywhere(C, R),
        read=_whole(1, 4),
        nothing=N_("4"),
    ),
    Value(
        name="batch",
        help=N_("Jobs of one prompt, by choices in braces and --repeat"),
        allowed=N_("a whole number from 1 to 40"),
        layers=_everywhere(C, R),
        read=_whole(1, 40),
        nothing=N_("10"),
        default=10,
    ),
    Value(
        name="defaults",
        help=N_("Default parameters"),
        allowed=N_("parameters only, such as `--steps 12 --no text`"),
        layers=_everywhere(C),
        read=_text,
        nothing=N_("none"),
        default="",
        show=_code,
    ),
    _quota("hour", N_("Quota of a painter in an hour")),
    _quota("day", N_("Quota of a painter in a day")),
    _quota("month", N_("Quota of a painter in 30 days")),
    Value(
        name="cooldown",
        help=N_("Seconds between two jobs of a painter"),
        allowed=N_("a whole number of seconds from 0 to 86400"),
        layers=_everywhere(C, R),
        read=_whole(0, 86_400),
        nothing=N_("none"),
        default=0,
        generous=min,
    ),
    Value(
        name="lanes",
        help=N_("Lanes"),
        allowed=N_("names of lanes (turbo, fast, relax), with spaces between"),
        layers=_everywhere(C, R),
        read=_lanes,
        nothing=N_("fast relax"),
        default=frozenset({Lane.FAST, Lane.RELAX}),
        generous=lambda *sets: frozenset().union(*sets),
        show=lambda names: " ".join(f"`{lane}`" for lane in Lane if lane in names),
    ),
    Value(
        name="buttons",
        help=N_("Who may press the buttons of others"),
        allowed=N_("one of {choices}"),
        choices=BUTTONS,
        layers=_everywhere(C),
        read=_one_of(*BUTTONS),
        nothing=N_("everyone"),
        default="everyone",
    ),
    Value(
        name="nsfw",
        help=N_("Pictures that are not safe for all"),
        allowed=N_("one of {choices}"),
        choices=NSFW,
        layers=_everywhere(C),
        read=_one_of(*NSFW),
        nothing=N_("off"),
        default="off",
    ),
    Value(
        name="gallery",
        help=N_("Gallery: pictures taken out with U are shown there too"),
        allowed=N_("one channel of this server"),
        layers=_everywhere(C),
        read=_id,
        nothing=N_("none"),
        show=lambda one: f"<#{one}>",
    ),
    Value(
        name="language",
        help=N_("Language of what everybody sees"),
        allowed=N_("one of {choices}"),
        choices=SPEECH,
        layers=_everywhere(C),
        read=_one_of(*SPEECH),
        nothing=N_("the server's own"),
    ),
    Value(
        name="retention",
        help=N_("Days for which pictures are kept"),
        allowed=N_("a whole number of days from 1 to 3650"),
        layers=_everywhere(),
        read=_whole(1, 3650),
        nothing=N_("without end"),
    ),
    Value(
        name="log",
        help=N_("Log: what admins do, and reports"),
        allowed=N_("one channel of this server"),
        layers=_everywhere(),
        read=_id,
        nothing=N_("none"),
        show=lambda one: f"<#{one}>",
    ),
)
"""Every rule there is. One that does nothing does not stand here."""
BY_NAME = {value.name: value for value in VALUES}
