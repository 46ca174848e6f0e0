"""What Midjourney's parameters make of a wish: steps, sizes, effects, and what is refused."""

import dataclasses

import pytest

from bot.absent import ABSENT
from bot.errors import UserError
from bot.flags import Given, Limits, check_defaults, parse
from bot.parameters import BY_NAME
from bot.preferences import Preferences
from bot.readers import Setting
from engine import FewSteps, ModelCard

EFFECTS = frozenset({"chaos", "weird", "stylize", "hd", "image", "negative_prompt"})
CARD = ModelCard(
    name="embedded",
    title="Easel's own",
    family="embedded",
    width=128,
    height=128,
    default_steps=20,
    default_guidance=4.0,
    max_side=256,
    honours=EFFECTS,
)
FLUX = ModelCard(
    name="flux",
    title="of another family",
    family="other",
    width=1024,
    height=1024,
    default_steps=4,
    default_guidance=0.0,
    honours=frozenset({"image", "negative_prompt"}),
)
CARDS = (CARD, FLUX)


def request(text, limits=None, **more):
    return parse(text, CARDS, limits or Limits(), **more).request


def refusal(text, limits=None, **more):
    with pytest.raises(UserError) as caught:
        request(text, limits, **more)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("--chaos 40", {"chaos": 40}),
        ("--c 100", {"chaos": 100}),
        ("--weird 500", {"weird": 500}),
        ("--w 3000", {"weird": 3000}),
        ("--stylize 250", {"stylize": 250}),
        ("--s 0", {"stylize": 0}),
        ("", {"stylize": 100, "chaos": 0, "weird": 0, "hd": False}),
        ("--raw", {"stylize": 0}),
        ("--style raw", {"stylize": 0}),
        ("--style RAW --s 500", {"stylize": 200}),
        ("--quality 2", {"num_inference_steps": 40}),
        ("--q .25", {"num_inference_steps": 5}),
        ("--q 3", {"num_inference_steps": 80}),
        ("--draft", {"num_inference_steps": 8, "width": 96, "height": 96}),
        ("--draft --q 2", {"num_inference_steps": 16}),
        ("--draft --steps 3", {"num_inference_steps": 3, "width": 96}),
        ("--hd", {"hd": True, "width": 256, "height": 256, "num_inference_steps": 20}),
        ("--hd --ar 2:1", {"width": 368, "height": 176}),
    ],
)
def test_what_a_parameter_makes_of_a_wish(text, fields):
    """Every parameter and alias reaches the request, and its value is the one that was asked."""
    made = request(f"a fox {text}")
    assert {name: getattr(made, name) for name in fields} == fields


def test_what_is_written_reads_back():
    """The text over the grid gives the same wish again."""
    text = "a fox --chaos 5 --weird 7 --stylize 250 --quality 0.5 --hd --raw"
    wish = parse(text, CARDS)
    assert wish.shown == text
    assert parse(wish.shown, CARDS, seed=wish.request.seed).request == wish.request


@pytest.mark.parametrize(
    ("iw", "strength"), [("0", 1.0), ("1", 0.6), ("2", 0.36), ("3", 0.216), ("0.5", 0.6**0.5)]
)
def test_iw_says_how_much_the_picture_counts(iw, strength):
    """The more an attached picture counts, the less it may be left."""
    made = request(f"a fox --iw {iw}", given=Given(picture=True))
    assert made.strength == pytest.approx(strength)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("--chaos 101", "`--chaos` must be a whole number from 0 to 100"),
        ("--weird -1", "`--weird` must be a whole number from 0 to 3000"),
        ("--s 1001", "`--stylize` must be a whole number from 0 to 1000"),
        ("--q 5", "`--quality` must be 0.25, 0.5, 1, 2 or 4"),
        ("--style cute", "`--style` must be raw"),
        ("--raw 3", "`--raw` must be alone"),
        ("--iw 2", "`--iw` only goes with a picture"),
        ("--steps 5 --q 2", "`--steps` and `--quality` do not go together"),
        ("--draft --hd", "`--draft` and `--hd` do not go together"),
        ("--choas 5", "Did you mean `--chaos`?"),
        ("--sref 5", "`--sref` is not compatible with `embedded`."),
        ("--oref https://a.example/a.png", "takes a person from a picture"),
        ("--video", "no films"),
        ("--chaos 5 --model flux", "`--chaos` is not compatible with `flux`"),
        ("--raw --model flux", "`--raw` is not compatible with `flux`"),
        ("--hd --model flux", "`--hd` is not compatible with `flux`"),
        ("--no text --guidance 1", "`--no` needs guidance"),
    ],
)
def test_what_cannot_be_had_is_refused_with_a_sentence(text, says):
    """Out of range, not for this model, without effect, unknown: each says what would be right."""
    assert says in refusal(f"a fox {text}")


def test_limits_of_a_place_hold_for_effort_too():
    """More steps by `--quality`, or more pixels by `--hd`, than a place allows are refused."""
    assert "takes 40 steps here; 30" in refusal("a fox --q 2", Limits(max_steps=30))
    assert "`--hd` paints 256 pixels here; 200" in refusal("a fox --hd", Limits(max_side=200))
    assert request("a fox --q 0.5", Limits(max_steps=30)).num_inference_steps == 10


def test_typed_parameters_overrule_their_rivals_among_the_defaults():
    """`--quality` multiplies a place's steps; what is typed takes the place of its rival there."""
    assert request("a fox --q 2", Limits(defaults="--steps 12")).num_inference_steps == 24
    assert request("a fox --steps 6", Limits(defaults="--quality 2")).num_inference_steps == 6
    assert request("a fox --draft", Limits(defaults="--hd")).width == 96
    assert request("a fox --raw", Limits(defaults="--stylize 500")).stylize == 0
    with pytest.raises(UserError, match="do not go together"):
        check_defaults("--steps 5 --quality 2", CARDS, Limits())


def test_settings_that_a_model_cannot_have_are_passed_over():
    """A chosen stylize, raw or quality never stands in the way of another model, or of --steps."""
    chosen = Preferences(stylize=750, quality=2.0, raw=False)
    assert request("a fox", preferences=chosen).stylize == 750
    assert request("a fox --model flux", preferences=chosen).stylize == 0
    assert request("a fox --steps 5", preferences=chosen).num_inference_steps == 5
    assert request("a fox --raw", preferences=chosen).stylize == 0


def test_what_easel_has_is_not_called_absent():
    """No parameter stands both in the table and among those that Easel does not have."""
    assert not ABSENT.keys() & BY_NAME.keys()


FEW = dataclasses.replace(
    CARD,
    few_steps=FewSteps(),
    samplers=("euler a", "lcm", "dpm++ 2m"),
    own_sampler="dpm++ 2m",
    honours=EFFECTS | {"sampler", "stop"},
)
FEW_STEPS = {"num_inference_steps": 4, "guidance_scale": 1.0, "sampler": "lcm"}
ORDINARY = {"num_inference_steps": 20, "guidance_scale": 4.0, "sampler": ""}


@pytest.mark.parametrize(
    ("text", "is_few", "fields"),
    [
        ("", True, FEW_STEPS),
        ("--steps 8", True, FEW_STEPS | {"num_inference_steps": 8}),
        ("--sampler lcm", True, FEW_STEPS),
        ("--stylize 500 --chaos 20", True, FEW_STEPS),
        ("--quality .5", True, FEW_STEPS | {"num_inference_steps": 2}),
        ("--draft", True, FEW_STEPS | {"num_inference_steps": 2, "width": 96}),
        ("--hd", True, FEW_STEPS | {"width": 256}),
        ("--steps 9", False, ORDINARY | {"num_inference_steps": 9}),
        ("--guidance 6", False, ORDINARY | {"guidance_scale": 6.0}),
        ("--guidance 1", False, ORDINARY | {"guidance_scale": 1.0}),
        ("--guidance 5 --steps 4", False, {"num_inference_steps": 4, "guidance_scale": 5.0}),
        ("--no snow", False, ORDINARY | {"negative_prompt": "snow"}),
        ("::2 snow::-1", False, ORDINARY),
        ("--sampler euler a", False, ORDINARY | {"sampler": "euler a"}),
        ("--sampler lcm --steps 12", False, {"sampler": "lcm", "guidance_scale": 4.0}),
        ("--quality 2", False, ORDINARY | {"num_inference_steps": 40}),
        ("--stop 90", False, ORDINARY | {"stop": 0.9}),
        ("--draft --no snow", False, ORDINARY | {"num_inference_steps": 8}),
    ],
)
def test_few_steps_unless_more_is_asked_for(text, is_few, fields):
    """A model with a LoRA for few steps paints by it; what it would not answer to takes the
    ordinary sampler with its own steps and guidance."""
    made = parse(f"a fox {text}", (FEW,)).request
    assert made.few_steps == is_few
    assert {name: getattr(made, name) for name in fields} == fields
    assert not parse(f"a fox {text}", (dataclasses.replace(FEW, few_steps=None),)).request.few_steps


@pytest.mark.parametrize(
    ("defaults", "text", "is_few", "steps"),
    [
        ("--steps 6", "", True, 6),
        ("--steps 30", "", False, 30),
        ("--steps 30", "--steps 3", True, 3),
        ("--steps 6", "--quality 2", False, 12),
        ("--no snow", "", False, 20),
        ("--guidance 7", "", False, 20),
    ],
)
def test_what_a_place_is_used_to_counts_too(defaults, text, is_few, steps):
    """A server's default parameters decide as if they were typed, and what is typed goes first."""
    made = parse(f"a fox {text}", (FEW,), Limits(defaults=defaults)).request
    assert (made.few_steps, made.num_inference_steps) == (is_few, steps)


def test_what_holds_without_a_parameter_is_told_of_both_samplers():
    """/help and the README name the steps and the guidance of few steps, and the ordinary ones."""
    setting = Setting(card=FEW, cards=(FEW,), limits=Limits(max_steps=15))
    told = {name: BY_NAME[name].assumed(setting) for name in ("steps", "guidance", "sampler")}
    assert told == {
        "steps": "4; 15 by the ordinary sampler",
        "guidance": "none; 4 by the ordinary sampler",
        "sampler": "lcm for few steps, else the model's own",
    }
