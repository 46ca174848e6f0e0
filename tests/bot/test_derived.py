"""What comes of a picture is asked of the engine as in Midjourney, and never beyond the model."""

import dataclasses
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import derived
from bot.derived import OPERATIONS, Start
from bot.errors import UserError
from bot.flags import Wish
from bot.jobs import Job, Kind, Picture, State
from bot.rules import Rules
from engine import ModelCard, Request

CARD = ModelCard(
    name="tiny",
    title="tiny",
    family="sd1",
    width=128,
    height=128,
    default_steps=20,
    default_guidance=7.5,
    max_side=256,
    honours=frozenset({"image", "inpaint", "outpaint"}),
)
SIDES = {"left": 0, "up": 1, "right": 2, "down": 3}
"""Which of the margins grows."""


def start(width=128, height=128, *, shown="a fox --seed 7", card=CARD, side=None, is_new=False):
    """Return a picture of this size to start from."""
    request = Request(
        prompt="a fox",
        seed=7,
        num_inference_steps=20,
        guidance_scale=7.5,
        width=width,
        height=height,
        model="tiny",
    )
    parent = Job(
        id=1, kind=Kind.IMAGINE, state=State.DONE, channel_id=5, user_id=6, shown=shown,
        request=request,
    )  # fmt: skip
    picture = Picture(
        job_id=1, tile=2, seed=9, file="pictures/1/2.png", width=width, height=height,
        verdict="safe",
    )  # fmt: skip
    return Start(
        parent=parent,
        picture=picture,
        wish=Wish(request, derived.inherited(shown)),
        card=card,
        rules=Rules(size=side),
        is_new=is_new,
    )


def inside(request):
    """Return the size that is left of the old picture."""
    left, top, right, bottom = request.margins
    return request.width - left - right, request.height - top - bottom


@pytest.mark.parametrize("op", OPERATIONS)
def test_every_operation_starts_from_the_picture(op):
    """Each takes the stored tile, another seed, and the prompt without seed and strength."""
    wish = OPERATIONS[op].make(start(160, 104, shown="a fox --seed 7 --strength 0.5 --ar 3:2"))
    assert wish.request.image == "pictures/1/2.png"
    assert wish.request.seed != 7
    assert wish.shown.startswith("a fox --ar ") or wish.shown.startswith("a fox")
    assert "--seed" not in wish.shown
    assert "--strength" not in wish.shown
    assert wish.request.num_inference_steps == 20
    assert wish.request.pictures == (1 if op.startswith("up") and op != "up" else 4)


def test_subtle_stays_nearer_than_strong():
    """Vary (Subtle) leaves less of the way than Vary (Strong), both within Midjourney's bounds."""
    subtle, strong = (OPERATIONS[op].make(start()).request for op in ("subtle", "strong"))
    assert 0.35 <= subtle.strength <= 0.45
    assert 0.65 <= strong.strength <= 0.75
    assert (subtle.width, subtle.height) == (128, 128)


@pytest.mark.parametrize(("factor", "op"), [(2.0, "zoomtwice"), (1.5, "zoomhalf")])
def test_zooming_out_shows_the_picture_smaller_in_its_middle(factor, op):
    """The picture is its old size divided by the factor, with as much new on each side."""
    request = OPERATIONS[op].make(start()).request
    assert (request.width, request.height) == (128, 128)
    assert inside(request) == (round(128 / factor), round(128 / factor))
    left, top, right, bottom = request.margins
    assert abs(left - right) <= 1
    assert abs(top - bottom) <= 1


@pytest.mark.parametrize("op", SIDES)
def test_panning_adds_half_on_one_side(op):
    """The picture keeps its other sides, grows by half on one, and its prompt says the shape."""
    wish = OPERATIONS[op].make(start())
    grown = [margin for margin in wish.request.margins if margin]
    assert wish.request.margins[SIDES[op]] == grown[0]
    assert len(grown) == 1
    long, short = sorted((wish.request.width, wish.request.height), reverse=True)
    assert 0.3 <= grown[0] / long <= 0.37
    assert 1.4 <= long / short <= 1.6
    assert wish.shown == ("a fox --ar 3:2" if op in {"left", "right"} else "a fox --ar 2:3")


def test_make_square_adds_above_and_below():
    """A wide picture becomes square with something new above and below, and nothing beside it."""
    wish = OPERATIONS["square"].make(start(160, 104, shown="a fox --ar 3:2"))
    left, top, right, bottom = wish.request.margins
    assert (wish.request.width, wish.request.height) == (128, 128)
    assert (left, right) == (0, 0)
    assert min(top, bottom) > 15
    assert wish.shown == "a fox --ar 1:1"


def test_upscaling_paints_one_picture_of_twice_the_size():
    """Subtle stays nearer than Creative; both are twice as large, and one picture."""
    subtle, creative = (OPERATIONS[op].make(start()).request for op in ("upsubtle", "upcreative"))
    assert (subtle.width, subtle.height, subtle.pictures) == (256, 256, 1)
    assert 0.15 <= subtle.strength <= 0.2
    assert 0.35 <= creative.strength <= 0.5


def test_upscaling_goes_as_far_as_the_model_does():
    """A picture whose double is too large becomes as large as the model paints, in its shape."""
    request = OPERATIONS["upsubtle"].make(start(160, 104)).request
    assert (request.width, request.height) == (256, 168)


@pytest.mark.parametrize("limits", [{"width": 256, "height": 256}, {"side": 160}])
def test_what_is_too_large_is_said_before_it_is_queued(limits):
    """Upscaling beyond the model's or the server's largest side is a sentence with both sizes."""
    with pytest.raises(UserError, match=r"would be \d+×\d+ pixels; `tiny` paints \d+ a side"):
        OPERATIONS["upcreative"].make(start(**limits))


def test_what_a_model_cannot_do_is_said():
    """A model that paints nowhere but on an empty page refuses with a sentence."""
    card = ModelCard(
        name="tiny", title="", family="other", width=128, height=128, default_steps=4,
        default_guidance=1.0,
    )  # fmt: skip
    for op in OPERATIONS:
        with pytest.raises(UserError, match="cannot"):
            OPERATIONS[op].make(start(160, 104, card=card))


@given(
    width=st.integers(4, 32),
    height=st.integers(4, 32),
    ops=st.lists(st.sampled_from(sorted(OPERATIONS)), max_size=4),
)
def test_whatever_is_pressed_is_painted_or_refused_with_a_sentence(width, height, ops):
    """From a picture of any shape every press gives a request within the model, or a sentence."""
    width, height = 8 * width, 8 * height
    for op in ops:
        try:
            request = OPERATIONS[op].make(start(width, height)).request
        except UserError as error:
            assert str(error).endswith(".")  # noqa: PT017
            return
        width, height = request.width, request.height
        assert max(width, height) <= 256


@pytest.mark.parametrize(
    ("text", "left", "factor"),
    [
        ("a fox --ar 3:2 --zoom 1.5", "a fox --ar 3:2", 1.5),
        ("a fox --zoom 2", "a fox", 2.0),
        ("a fox", "a fox", 2.0),
        ("a fox --zoom 1 --ar 1:1", "a fox --ar 1:1", 1.0),
    ],
)
def test_custom_zoom_reads_its_factor(text, left, factor):
    """`--zoom` is taken out of the prompt; without it, 2."""
    assert derived.take_zoom(text) == (left, factor)


@pytest.mark.parametrize("value", ["3", "0.5", "", "nan", "far", "-1"])
def test_custom_zoom_names_its_range(value):
    """Any other factor is a sentence."""
    with pytest.raises(UserError, match="number from 1 to 2"):
        derived.take_zoom(f"a fox --zoom {value}")


def test_what_is_not_handed_on_is_not_shown():
    """Seed, strength, chaos and hd stand over no picture that was made without them."""
    shown = "a fox --chaos 30 --hd --ar 3:2 --seed 7 --iw 2"
    assert start(160, 104, shown=shown).wish.shown == "a fox --ar 3:2"


def test_what_is_written_anew_counts():
    """Whoever writes `--chaos` or `--hd` into a remix gets it, or hears that it does not go."""
    one = start(256, 256)
    request = dataclasses.replace(one.wish.request, hd=True, chaos=30)
    card = dataclasses.replace(CARD, max_side=512, honours=CARD.honours | {"hd", "chaos"})
    asked = dataclasses.replace(one, wish=Wish(request, "a fox"), card=card, is_new=True)
    painted = OPERATIONS["strong"].make(asked).request
    assert (painted.hd, painted.chaos) == (True, 30)
    with pytest.raises(UserError, match="does not go with a part"):
        OPERATIONS["left"].make(asked)


def test_a_picture_of_a_blend_starts_alone():
    """What comes of a blended picture starts from that picture, and not from what was blended."""
    one = start()
    request = dataclasses.replace(one.wish.request, images=("a.png", "b.png"), strength=0.8)
    wish = OPERATIONS["subtle"].make(dataclasses.replace(one, wish=Wish(request, "a fox")))
    assert wish.request.images == ()
    assert wish.request.image == "pictures/1/2.png"


def test_nothing_to_add_is_said():
    """Zooming by 1 into the same shape adds nothing, which is said."""
    with pytest.raises(UserError, match="Hardly anything"):
        derived.zoom(start(), 1.0)


def test_a_written_strength_counts():
    """Whoever writes `--strength` into a remix gets it."""
    request = Request(
        prompt="a fox", seed=8, num_inference_steps=4, guidance_scale=1.0, width=128, height=128,
        model="tiny", image="attachment", strength=0.2,
    )  # fmt: skip
    one = start(is_new=True)
    asked = Start(
        parent=one.parent, picture=one.picture, card=CARD, rules=Rules(), is_new=True,
        wish=Wish(request, "a fox --strength 0.2"),
    )  # fmt: skip
    painted = OPERATIONS["strong"].make(asked).request
    assert painted.strength == 0.2
    assert painted.seed == 8


def test_what_comes_of_a_picture_keeps_its_style_and_not_its_chaos():
    """A variation of one picture has its style; how the first four came about is over."""
    old = start()
    honours = CARD.honours | {"chaos", "stylize", "weird", "hd"}
    request = replace(old.wish.request, chaos=50, weird=9, stylize=300, hd=True)
    varied = derived.vary(
        replace(old, card=replace(CARD, honours=honours), wish=replace(old.wish, request=request)),
        0.5,
    ).request
    assert (varied.chaos, varied.hd, varied.weird, varied.stylize) == (0, False, 9, 300)
