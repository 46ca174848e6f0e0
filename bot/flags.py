"""Prompt text to Request.

Parameters stand after the text. Given twice, the first `--seed` counts, `--no` adds up, and of
every other parameter the last one counts.
"""

import dataclasses
import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot import effort, permutations, references
from bot.errors import UserError
from bot.given import NOTHING_GIVEN, Given
from bot.grammar import (
    INVALID,
    check_lasting,
    evaluate,
    normalise,
    read_value,
    sentence,
    split,
    take_links,
    written,
)
from bot.habits import added, naming_the_suffix, write_out
from bot.jobs import Lane
from bot.language import N_, _, told
from bot.parameters import BY_NAME, PARAMETERS, Parameter
from bot.preferences import NOTHING_CHOSEN, Preferences
from bot.readers import ATTACHED, Control, Limits, Setting, plain, whole
from engine import (
    SEEDS,
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
    "Given",
    "Limits",
    "Wish",
    "check_defaults",
    "compose",
    "describe",
    "parse",
    "parse_each",
    "reroll",
]

log = logging.getLogger(__name__)

LONGEST_PROMPT = 4000
"""Characters of a prompt, parameters included."""
ATTACHMENT = "attachment"
"""What stands in `Request.image` while the attached picture has not been fetched."""
STRENGTH = 0.6
"""How far an attached picture is left where the painter does not say."""
STYLIZE = 100
"""How much of the house style there is where the painter does not say."""
RAW_SHARE = 0.4
"""What raw leaves of a house style that is asked for; of the usual one it leaves nothing."""
NOTHING = N_(
    "There is nothing to paint: write what you want to see, and parameters after it, "
    "as in `a red fox --seed 7`."
)
NO_LIMITS = Limits()
"""A server that has set nothing."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A prompt understood: what to paint, and the normalised text that stands over the grid.

    `links` are the addresses of pictures that stood in the prompt; `lane` and `hidden` are what it
    says of how this one job runs and who sees it, which is not shown.
    """

    request: Request
    shown: str
    links: tuple[str, ...] = ()
    lane: Lane | None = None
    hidden: bool | None = None


def parse(
    text: str,
    cards: Sequence[ModelCard],
    limits: Limits = NO_LIMITS,
    given: Given = NOTHING_GIVEN,
    preferences: Preferences = NOTHING_CHOSEN,
    *,
    seed: int | None = None,
) -> Wish:
    """Understand a prompt, or raise a UserError that names what is wrong and what is allowed.

    `seed` is taken where the painter gives none (else a random one). The first of `cards` is the
    default model. A picture with a known size gives the painting its shape, unless `--ar` says
    another. What the painter's `preferences` add stands in the text over the grid, too.
    """
    wishes = parse_each(text, cards, limits, given, preferences, seed=seed)
    if len(wishes) > 1:
        raise one_only(len(wishes))
    return wishes[0]


def one_only(number: int) -> UserError:
    """Say that here only one job can be asked for."""
    return UserError(
        _(
            "That makes {number} jobs, and here is room for one: write it without "
            "choices in braces and without `--repeat`."
        ).format(number=number),
        title=_("Job action restricted"),
    )


def parse_each(
    text: str,
    cards: Sequence[ModelCard],
    limits: Limits = NO_LIMITS,
    given: Given = NOTHING_GIVEN,
    preferences: Preferences = NOTHING_CHOSEN,
    *,
    seed: int | None = None,
) -> tuple[Wish, ...]:
    """Understand a prompt that may stand for several, by choices in braces and `--repeat`.

    Raises:
        UserError: one of them cannot be painted, or they are more than the limit.

    """
    written_out = " ".join(normalise(write_out(text, preferences)))

    def understand(preferences: Preferences) -> tuple[Wish, ...]:
        wishes: list[Wish] = []
        for one in permutations.expand(written_out, limits.max_jobs):
            prompt, typed = split(one.split())
            typed += added(typed, preferences, cards)
            wish, times = _wish(prompt, typed, cards, limits, given, seed)
            wishes += [wish, *(again(wish) for _ in range(times - 1))]
        if len(wishes) > limits.max_jobs:
            raise permutations.too_many(len(wishes), limits.max_jobs)
        return tuple(wishes)

    return naming_the_suffix(understand, preferences)


def _wish(
    prompt: str,
    typed: Sequence[tuple[Parameter, str]],
    cards: Sequence[ModelCard],
    limits: Limits,
    given: Given,
    seed: int | None,
) -> tuple[Wish, int]:
    """Return one wish, and how often it is to be painted."""
    words, links = take_links(prompt)
    if not words:
        raise nothing()
    setting = _setting(typed, cards, limits)
    given = dataclasses.replace(given, controls=given.controls.after(setting.card.controls))
    typed = [*typed, *((BY_NAME[name], ATTACHED) for name in given.attached)]
    values = evaluate(typed, setting)
    times = values.pop("repeat", 1)
    lane = next((lane for lane in Lane if values.pop(lane, False)), None)
    shown_to = [name for name in ("stealth", "public") if values.pop(name, False)]
    if times > 1 and "seed" in values:
        raise UserError(
            _(
                "`--repeat` with `--seed` would paint the same picture {times} times: leave "
                "one of the two out."
            ).format(times=times),
            title=_(INVALID),
        )
    shown = f"{prompt} {written(values)}".rstrip()
    if len(shown) > LONGEST_PROMPT:
        raise UserError(
            _("The prompt is {length:,} characters long; {most:,} is the most.").format(
                length=len(shown), most=LONGEST_PROMPT
            ),
            title=_("Invalid prompt"),
        )
    effort.check_rivals(values)
    known = {**_defaults(setting), **values}
    looked_at = references.are_looked_at(setting.card, known, given)
    given.check(values, known, links, are_looked_at=looked_at)
    images = [*links, *([given.address or ATTACHED] if given.picture else [])]
    request = _complete(words, values, setting, given, seed=seed, images=images)
    if not request.prompt:
        raise nothing()
    if request.negative_prompt and request.guidance_scale <= 1 and "no" in values:
        raise UserError(
            _(
                "`--no` needs guidance, and this is painted with {guidance}: add "
                "`--guidance 5`, or leave `--no` out."
            ).format(guidance=plain(request.guidance_scale)),
            title=_(INVALID),
        )
    if refused := refusal(setting.card, request):
        raise UserError(refused, title=_(INVALID))
    hidden = "stealth" in shown_to if shown_to else None
    return Wish(request, shown, links, lane, hidden), times


def nothing() -> UserError:
    """Say that there is no text to paint."""
    return UserError(_(NOTHING), title=_("Empty prompt"))


def compose(prompt: str, options: Mapping[str, str | None]) -> str:
    """Say in one text what the options of a command say apart, by the names of parameters."""
    given = {name: text.strip() for name, text in options.items() if text and text.strip()}
    return " ".join([prompt, *(f"--{name} {text}" for name, text in given.items())])


def again(wish: Wish) -> Wish:
    """The same wish with another seed."""
    return dataclasses.replace(wish, request=reroll(wish.request))


def reroll(request: Request) -> Request:
    """The same wish with another seed, even where the painter had chosen one."""
    return dataclasses.replace(request, seed=_random_seed(request.seed))


def check_defaults(text: str, cards: Sequence[ModelCard], limits: Limits) -> str:
    """Return a server's default parameters normalised, or raise a UserError."""
    prompt, given = split(normalise(text))
    if prompt:
        raise UserError(
            _("Default parameters are parameters only, without text; found `{prompt}`.").format(
                prompt=prompt
            )
        )
    limits = dataclasses.replace(limits, defaults="")  # the new ones take their place
    values = evaluate(given, _setting(given, cards, limits))
    effort.check_rivals(values)
    check_lasting(given)
    return written(values)


def describe(cards: Sequence[ModelCard], limits: Limits = NO_LIMITS) -> tuple[str, ...]:
    """The table for people: one line of markdown per parameter, for `/help` and the README."""
    setting = Setting(card=cards[0], cards=cards, limits=limits)
    return tuple(
        f"`{row}`"
        + "".join(_(" (or `{name}`)").format(name=f"--{alias}") for alias in row.aliases)
        + f": {_(row.help)}; {row.allowed(setting)}"
        for row in PARAMETERS
    )


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


def _complete(
    prompt: str, values: dict[str, Any], setting: Setting, given: Given, **more: Any
) -> Request:
    """Return the request with the server's defaults, or without them where they do not fit.

    Raises:
        UserError: what was typed cannot be painted, whatever the defaults are.

    """
    try:
        known = effort.settle(_defaults(setting), values, setting, prompt)
        return _request(prompt, known, setting, given, **more)
    except (ValueError, PaintError) as error:
        log.debug("the default parameters are passed over: %s", error)
    try:
        return _request(prompt, effort.settle({}, values, setting, prompt), setting, given, **more)
    except (ValueError, PaintError) as error:
        raise UserError(sentence(told(str(error))), title=_("Invalid prompt")) from error


def _request(
    prompt: str,
    values: dict[str, Any],
    setting: Setting,
    given: Given,
    *,
    seed: int | None,
    images: Sequence[str],
) -> Request:
    card = setting.card
    are_looked_at = references.are_looked_at(card, values, given)
    image = bool(images) and not are_looked_at
    width, height = effort.measure(values, setting, given.shape(is_start=image))
    fallback = _random_seed() if seed is None else seed
    words, loras = take_loras(prompt)
    control: Control | None = values.get("control") if given.control else None
    parse_prompt(words).shares()
    request = Request(
        prompt=permutations.plain(words),
        loras=(*loras, *values.get("lora", ())),
        negative_prompt=permutations.plain(", ".join(values.get("no", ()))),
        seed=values.get("seed", fallback),
        num_inference_steps=values["steps"],
        guidance_scale=float(values["guidance"]),
        width=width,
        height=height,
        model=card.name,
        image=ATTACHMENT if image else None,
        strength=values.get("strength", STRENGTH ** values.get("iw", 1)) if image else None,
        sampler=values["sampler"],
        few_steps=values["few_steps"],
        tile=values.get("tile", False),
        stop=values.get("stop", 100) / 100,
        control=given.control if control else None,
        control_kind=given.controls.kind(control.kind) if control else "",
        control_scale=control.scale if control else 1.0,
        control_ready=control is not None and control.ready,
        chaos=values.get("chaos", 0),
        stylize=_stylize(values, card),
        weird=values.get("weird", 0),
        hd=values.get("hd", False),
        references=references.refer(values, given, images if are_looked_at else ()),
    )
    for name, _weight in request.loras:
        given.loras.find(name)
    return request


def _stylize(values: dict[str, Any], card: ModelCard) -> int:
    """How much of the house style: as asked, else what is usual; raw takes from both."""
    is_raw = values.get("raw") or values.get("style")
    usual = 0 if is_raw or "stylize" not in card.honours else STYLIZE
    asked: int = values.get("stylize", usual)
    return round(asked * RAW_SHARE) if is_raw else asked


def _random_seed(other_than: int | None = None) -> int:
    while (seed := random.randrange(SEEDS)) == other_than:
        pass
    return seed
