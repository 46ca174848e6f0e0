"""What comes of a picture: variations, upscales, wider views of it, regions painted anew. Pure."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from bot.effort import size_for
from bot.errors import UserError
from bot.flags import Wish, reroll
from bot.grammar import without_links
from bot.jobs import UPSCALES, Job, Kind, Picture
from bot.language import N_, _
from bot.readers import Size
from bot.rules import Rules
from engine import ModelCard, Request, refusal

SUBTLE, STRONG = 0.4, 0.7
"""How far a variation leaves its picture."""
UPSCALED = {Kind.UPSCALE_SUBTLE: 0.2, Kind.UPSCALE_CREATIVE: 0.4}
LEAST_LARGER = 1.5
"""Less is no upscaling."""
ANEW = 1.0
"""In a region everything is painted anew."""
AROUND = {"embedded": 0.55}
MOST_AROUND = 0.75
"""Around a picture its drawn-out edges lead, for else the prompt's thing is painted once more: the
smaller the model, the more."""
PAN = 1.5
"""How many times as long a picture becomes on a side."""
LEAST_NEW = 0.1
"""A wider view shows at least this share of itself anew."""
ZOOMS = (1.0, 2.0)
GRID = 4
NO_HD = N_("`--hd` does not go with a part of a picture: leave it out, and upscale what you like.")

_SEED = re.compile(r"\s*--seed\s+\S+", re.IGNORECASE)
_STRENGTH = re.compile(r"\s*--(?:strength|iw)\s+\S+", re.IGNORECASE)
_NOT_HANDED_ON = re.compile(rf"{_STRENGTH.pattern}|\s*--(?:chaos|c)\s+\S+|\s*--hd\b", re.IGNORECASE)
_RATIO = re.compile(r"\s*--(?:ar|aspect)\s+\S+", re.IGNORECASE)
_ZOOM = re.compile(r"\s*--zoom\b\s*(\S*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The picture that a derived job starts from, and what holds for the new one.

    `wish` is what to paint: the parent's prompt, or the one that was written in its place, and
    then `is_new`. `rules` are those of the place where it is asked for.
    """

    parent: Job
    picture: Picture
    wish: Wish
    card: ModelCard
    rules: Rules
    is_new: bool = False

    @property
    def size(self) -> Size:
        """The tile's size: as written anew, or as it was before it was made larger."""
        if self.is_new:
            return self.wish.request.width, self.wish.request.height
        if max(self.shape) <= max(self.card.width, self.card.height) * 2**0.5:
            return self.shape
        return size_for(self.card, self.shape, self.rules.size)

    @property
    def shape(self) -> Size:
        """The picture's own size."""
        return self.picture.width, self.picture.height

    @property
    def longest(self) -> int:
        """The longest side that may be painted."""
        return min(self.card.max_side, self.rules.size or self.card.max_side)

    def request(self, strength: float, size: Size, **changes: object) -> Request:
        """Return what to paint, from the picture; a strength that was written anew counts.

        Raises:
            UserError: the model cannot do that.

        """
        old = self.wish.request
        seed = old.seed if self.is_new else reroll(old).seed
        if self.is_new and _STRENGTH.search(self.wish.shown) and old.strength is not None:
            strength = old.strength
        fields: dict[str, object] = {
            "image": self.picture.file,
            "strength": strength,
            "mask": None,
            "margins": None,
            "images": (),
            "hd": old.hd and self.is_new,
            "chaos": old.chaos if self.is_new else 0,
            "pictures": GRID if self.parent.kind in UPSCALES else old.pictures,
            "seed": seed,
            "width": size[0],
            "height": size[1],
        }
        if changes.get("margins") or size != (old.width, old.height):
            fields |= {"control": None, "control_kind": "", "tile": False}
        if fields["hd"] and (changes.get("mask") or changes.get("margins")):
            raise UserError(_(NO_HD))
        try:
            request = replace(old, **(fields | changes))  # type: ignore[arg-type]
        except ValueError as error:
            raise UserError(_("This cannot be painted: {error}.").format(error=error)) from error
        if sentence := refusal(self.card, request):
            raise UserError(sentence)
        return request


def vary(start: Start, strength: float) -> Wish:
    """Paint variations of a picture, so far from it."""
    return replace(start.wish, request=start.request(strength, start.size))


def upscale(start: Start, kind: Kind) -> Wish:
    """Make one picture of twice the size, or as large as the model paints.

    Raises:
        UserError: the model, or the server, paints hardly larger than it is.

    """
    width, height = start.shape
    factor = min(2.0, start.longest / max(width, height))
    if factor < LEAST_LARGER:
        raise UserError(
            _(
                "Upscaled, this picture would be {width}×{height} pixels; `{model}` paints "
                "{longest} a side at most here."
            ).format(
                width=2 * width, height=2 * height, model=start.card.name, longest=start.longest
            )
        )
    unit = start.card.size_multiple
    larger = round(width * factor / unit) * unit, round(height * factor / unit) * unit
    return replace(start.wish, request=start.request(UPSCALED[kind], larger, pictures=1))


def region(start: Start, mask: str) -> Wish:
    """Paint anew what the mask leaves open."""
    return replace(start.wish, request=start.request(ANEW, start.size, mask=mask))


def zoom(start: Start, factor: float, *, square: bool = False) -> Wish:
    """Show the picture smaller by a factor, in more of its surroundings.

    Raises:
        UserError: nothing would be added.

    """
    size = start.size
    if square:
        size = size_for(start.card, (1, 1), start.rules.size)
    wish = _widen(start, size, factor, (0.5, 0.5))
    return replace(wish, shown=with_ratio(wish.shown, (1, 1))) if square else wish


Side = Literal["left", "right", "up", "down"]


def pan(start: Start, side: Side) -> Wish:
    """Make the picture half as long again on one side.

    Raises:
        UserError: the model does not paint so long a shape.

    """
    width, height = start.size if start.is_new else start.shape
    across = side in ("left", "right")
    ratio = (3 * width, 2 * height) if across else (2 * width, 3 * height)
    size = size_for(start.card, ratio, start.rules.size)
    anchor = (float(side == "left"), float(side == "up"))
    wish = _widen(start, size, 1.0, anchor)
    return replace(wish, shown=with_ratio(wish.shown, ratio))


def _widen(start: Start, size: Size, factor: float, anchor: tuple[float, float]) -> Wish:
    """Put the picture, as large as it fits divided by the factor, into a tile of this size.

    The anchor says which share of what is new lies left of it and above it.
    """
    (width, height), (old_width, old_height) = size, start.shape
    fit = min(width / old_width, height / old_height) / factor
    new = max(width - round(old_width * fit), 0), max(height - round(old_height * fit), 0)
    left, top = (round(share * room) for share, room in zip(anchor, new, strict=True))
    margins = (left, top, new[0] - left, new[1] - top)
    if max(new[0] / width, new[1] / height) < LEAST_NEW:
        raise UserError(
            _(
                "Hardly anything would be added to the picture that way. A shape can only be "
                "so long (`{model}` paints {longest} pixels a side at most), and Custom Zoom "
                "needs a `--zoom` above 1 or another `--ar`."
            ).format(model=start.card.name, longest=start.longest)
        )
    strength = AROUND.get(start.card.family, MOST_AROUND)
    return replace(start.wish, request=start.request(strength, size, margins=margins))


def take_zoom(text: str) -> tuple[str, float]:
    """Take `--zoom` out of a prompt and return its value; without it, 2.

    Raises:
        UserError: its value is no number from 1 to 2.

    """
    found = _ZOOM.search(text)
    if found is None:
        return text, ZOOMS[1]
    try:
        factor = float(found[1])
    except ValueError:
        factor = math.nan
    if not ZOOMS[0] <= factor <= ZOOMS[1]:
        value = found[1].replace("`", "'")[:20]
        raise UserError(
            _("`--zoom` must be a number from 1 to 2, as in `--zoom 1.5`; found `{value}`.").format(
                value=value
            )
        )
    return _ZOOM.sub("", text), factor


def without_seed(shown: str) -> str:
    """Return the prompt without the seed that the new job does not have."""
    return _SEED.sub("", shown)


def inherited(shown: str) -> str:
    """Return the prompt without what is not handed on: seed, picture, strength, chaos and hd."""
    return without_links(_NOT_HANDED_ON.sub("", without_seed(shown)))


def with_ratio(shown: str, shape: Size) -> str:
    """Return the prompt with another shape."""
    return f"{_RATIO.sub('', shown)} {ratio_text(shape)}"


def ratio_text(shape: Size) -> str:
    """Return a shape as a painter would type it."""
    common = math.gcd(*shape)
    return f"--ar {shape[0] // common}:{shape[1] // common}"


def keeps_shape(shown: str, text: str) -> bool:
    """Say whether a prompt that was written anew asks for the same shape."""
    before, after = _RATIO.search(shown), _RATIO.search(text)
    return (before and before[0].split()) == (after and after[0].split())


def zoom_text(shown: str, shape: Size) -> str:
    """Return what the window of Custom Zoom begins with."""
    text = inherited(shown)
    if not _RATIO.search(text):
        text = f"{text} {ratio_text(shape)}"
    return f"{text} --zoom {ZOOMS[1]:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """Something to do with a picture: what it makes, and what it asks of the model.

    `remix` is the kind where the painter wrote another prompt. An operation that `asks` opens a
    window with the prompt, of this title, where its painter has Remix on.
    """

    kind: Kind
    make: Callable[[Start], Wish]
    remix: Kind | None = None
    asks: bool = True
    title: str = N_("Remix Prompt")


def _vary(kind: Kind, remix: Kind, strength: float) -> Operation:
    return Operation(kind=kind, remix=remix, make=lambda start: vary(start, strength))


def _upscale(kind: Kind) -> Operation:
    return Operation(kind=kind, make=lambda start: upscale(start, kind), asks=False)


def _zoom(factor: float, *, square: bool = False) -> Operation:
    return Operation(
        kind=Kind.ZOOM, make=lambda start: zoom(start, factor, square=square), asks=False
    )


def _pan(kind: Kind, side: Side, title: str) -> Operation:
    return Operation(kind=kind, make=lambda start: pan(start, side), title=title)


OPERATIONS: dict[str, Operation] = {
    "upsubtle": _upscale(Kind.UPSCALE_SUBTLE),
    "upcreative": _upscale(Kind.UPSCALE_CREATIVE),
    "subtle": _vary(Kind.VARY_SUBTLE, Kind.REMIX_SUBTLE, SUBTLE),
    "strong": _vary(Kind.VARY_STRONG, Kind.REMIX_STRONG, STRONG),
    "zoomtwice": _zoom(2.0),
    "zoomhalf": _zoom(1.5),
    "square": _zoom(1.0, square=True),
    "left": _pan(Kind.PAN_LEFT, "left", N_("Pan Left")),
    "right": _pan(Kind.PAN_RIGHT, "right", N_("Pan Right")),
    "up": _pan(Kind.PAN_UP, "up", N_("Pan Up")),
    "down": _pan(Kind.PAN_DOWN, "down", N_("Pan Down")),
}
"""By the word that stands in the button; Custom Zoom and Vary (Region) ask for more first."""
