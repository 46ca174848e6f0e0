"""A server's rules in layers, pure: what holds for one person in one place, and who decided it.

Above is the operator, whose limits nobody exceeds. Below, the closer layer decides: the server's
value, then the channel's (a thread has its channel's), then that of the person's roles; of several
roles the most generous one.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from bot.errors import UserError
from bot.jobs import Lane
from bot.language import _, nearest
from bot.readers import Limits
from bot.values import (
    BY_NAME,
    LIKE_SERVER,
    NAMED,
    NSFW,
    QUOTAS,
    VALUES,
    C,
    Layer,
    Quota,
    R,
    S,
    Value,
    mention_roles,
)
from engine import ModelCard, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """What the operator puts above all servers."""

    steps: int | None = None
    size: int | None = None
    pictures: int | None = None
    retention: int | None = None
    batch: int | None = None
    nsfw: str = "off"


NO_OPERATOR = Operator()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What holds for one value, which layer decided it (and which channel or role), and why."""

    value: Any
    layer: Layer
    where: int | None = None
    why: Callable[[], str] = str
    """Says it in the language that is then spoken."""


def key(name: str, layer: Layer = S, where: int | None = None) -> str:
    """Return the key under which a layer's value is kept."""
    return name if layer is S else f"{layer}:{where}/{name}"


def split_key(stored: str) -> tuple[str, Layer, int | None] | None:
    """Take a kept key apart; None if it is none of ours."""
    found = re.fullmatch(r"(?:(channel|role):([0-9]{1,20})/)?([a-z]+)", stored)
    if found is None or found[3] not in BY_NAME:
        return None
    layer = Layer(found[1]) if found[1] else S
    if layer not in BY_NAME[found[3]].layers:
        return None
    return found[3], layer, int(found[2]) if found[2] else None


def decide(
    value: Value,
    stored: Mapping[str, Any],
    places: Collection[int],
    roles: Collection[int],
    operator: Operator,
    age_restricted: bool,
) -> Decision:
    """Return what holds for one value."""
    decided = Decision(value=value.default, layer=Layer.EASEL, why=lambda: _("nobody has set it"))
    heard: Decision | None = None
    for layer, ids in ((S, (None,)), (C, sorted(places)), (R, sorted(roles))):
        found = _heard(value, stored, layer, ids) if layer in value.layers else None
        if found is None or (found.layer is C and value.name == "nsfw" and _too_loose(
            found, decided, age_restricted
        )):  # fmt: skip
            continue
        heard = decided = found
    return _below_operator(value, decided, heard, operator)


def _heard(
    value: Value, stored: Mapping[str, Any], layer: Layer, ids: Sequence[int | None]
) -> Decision | None:
    """Return what one layer says; of several the most generous."""
    said = {}
    for one in ids:
        read = value.read(stored[k]) if (k := key(value.name, layer, one)) in stored else None
        if read is not None:
            said[one] = read
    if not said:
        return None
    best = value.generous(*said.values()) if len(said) > 1 else next(iter(said.values()))
    where = next((one for one, read in said.items() if read == best), None)
    if len(said) > 1:
        return Decision(value=best, layer=layer, where=where, why=lambda: _generous(len(said)))
    return Decision(value=best, layer=layer, where=where, why=_closest)


def _closest() -> str:
    return _("the closest layer that sets it decides")


def _generous(roles: int) -> str:
    return _("of {number} roles the most generous one decides").format(number=roles)


def _too_loose(found: Decision, above: Decision, age_restricted: bool) -> bool:
    return not age_restricted and NSFW.index(found.value) < NSFW.index(above.value)


def _below_operator(
    value: Value, decided: Decision, heard: Decision | None, operator: Operator
) -> Decision:
    most = getattr(operator, value.name, None)
    if most is None:
        return decided
    if value.name == "nsfw":
        exceeds = NSFW.index(decided.value) < NSFW.index(most)
    else:
        exceeds = decided.value is None or decided.value > most
    if not exceeds:
        return decided

    def why() -> str:
        said = _("the operator's limit stands above all servers")
        if heard is None:
            return said
        below = _("{layer} says {value}").format(
            layer=_(NAMED[heard.layer]), value=value.show(heard.value)
        )
        return f"{said} ({below})"

    return Decision(value=most, layer=Layer.OPERATOR, why=why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What holds for one person in one place; empty means that nothing is restricted."""

    channels: frozenset[int] = frozenset()
    roles: frozenset[int] = frozenset()
    refused: frozenset[int] = frozenset()
    models: frozenset[str] = frozenset()
    steps: int | None = None
    size: int | None = None
    pictures: int | None = None
    batch: int = 10
    defaults: str = ""
    hour: Quota | None = None
    day: Quota | None = None
    month: Quota | None = None
    cooldown: int = 0
    lanes: frozenset[str] = frozenset({Lane.FAST, Lane.RELAX})
    buttons: str = "everyone"
    nsfw: str = "off"
    gallery: int | None = None
    language: str | None = None
    retention: int | None = None
    log: int | None = None
    decided: Mapping[str, Decision] = field(default_factory=dict)

    @classmethod
    def read(
        cls,
        stored: Mapping[str, Any],
        *,
        places: Collection[int] = (),
        roles: Collection[int] = (),
        operator: Operator = NO_OPERATOR,
        age_restricted: bool = False,
    ) -> Self:
        """Read what the store keeps of a server; keys of newer versions are passed over."""
        decided = {
            value.name: decide(value, stored, places, roles, operator, age_restricted)
            for value in VALUES
        }
        return cls(**{name: one.value for name, one in decided.items()}, decided=decided)

    def speech(self, locale: object) -> str:
        """Return the language of what everybody sees; `locale` is the server's on Discord."""
        return nearest(locale if self.language in {None, LIKE_SERVER} else self.language)

    def limits(self) -> Limits:
        """Return what of the rules concerns the words of a prompt."""
        return Limits(
            max_steps=self.steps,
            max_side=self.size,
            max_jobs=self.batch,
            defaults=self.defaults,
        )

    def quotas(self) -> dict[str, Quota]:
        """Return the quotas there are, by the time they count over."""
        return {name: quota for name in QUOTAS if (quota := getattr(self, name)) is not None}

    def cards(self, cards: Sequence[ModelCard]) -> tuple[ModelCard, ...]:
        """Return the models that may be painted with.

        Raises:
            UserError: Easel has none of those that are allowed.

        """
        if not self.models:
            return tuple(cards)
        allowed = tuple(card for card in cards if self.allows_model(card.name))
        if not allowed:
            named = ", ".join(sorted(self.models))
            raise UserError(
                _("Here one may paint with {named} only, which Easel does not have now.").format(
                    named=named
                )
            )
        return allowed

    def allows_model(self, name: str) -> bool:
        """Say whether one may paint with a model of that name."""
        return not self.models or name.casefold() in self.models

    def lane(self, wanted: Lane | None) -> Lane:
        """Return the lane of a job: the wanted one if it is allowed, else the usual one here."""
        order = (wanted or Lane.FAST, Lane.FAST, Lane.RELAX, Lane.TURBO)
        return next(lane for lane in order if lane in self.lanes)

    def check_place(self, places: Collection[int], roles: Collection[int]) -> None:
        """Refuse who or where may not paint; `places` are the channel and, of a thread, its parent.

        Raises:
            UserError: the channel is not allowed, or the person has none of the allowed roles.

        """
        if self.channels and self.channels.isdisjoint(places):
            where = ", ".join(f"<#{channel}>" for channel in sorted(self.channels))
            raise UserError(
                _("Easel does not paint here; on this server it paints in {where}.").format(
                    where=where
                )
            )
        if refused := self.refused.intersection(roles):
            raise UserError(
                _("With the role {role} one may not paint on this server.").format(
                    role=mention_roles(refused)
                )
            )
        if self.roles and self.roles.isdisjoint(roles):
            who = ", ".join(f"<@&{role}>" for role in sorted(self.roles))
            raise UserError(
                _("To paint on this server you need one of these roles: {who}.").format(who=who)
            )

    def check_request(self, request: Request) -> None:
        """Refuse what an old button asks for where the server's limits have become smaller.

        Raises:
            UserError: more steps or a larger side than the server allows now.

        """
        steps = request.num_inference_steps
        if self.steps is not None and steps > self.steps:
            raise UserError(
                _("This was painted with `--steps {steps}`; this server allows {most} now.").format(
                    steps=steps, most=self.steps
                )
            )
        side = max(request.width, request.height)
        if self.size is not None and side > self.size:
            raise UserError(
                _(
                    "This was painted {side} pixels long; this server now allows {most} at most."
                ).format(side=side, most=self.size)
            )
        if not self.allows_model(request.model):
            named = ", ".join(f"`{name}`" for name in sorted(self.models))
            raise UserError(
                _("This was painted with `{model}`; here it is {named} now.").format(
                    model=request.model, named=named
                )
            )
