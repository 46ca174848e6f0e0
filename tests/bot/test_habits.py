"""What a painter's suffix, options and settings make of what they type."""

import pytest

from bot.errors import UserError
from bot.flags import parse
from bot.habits import check_suffix, option_name
from bot.preferences import Preferences
from engine import ModelCard

CARD = ModelCard(
    name="embedded",
    title="Easel's own",
    family="embedded",
    width=256,
    height=256,
    default_steps=8,
    default_guidance=4.0,
    max_steps=50,
    max_side=512,
    size_multiple=32,
    honours=frozenset({"negative_prompt", "tile"}),
)
OTHER = ModelCard(
    name="My Model",
    title="another",
    family="sdxl",
    width=512,
    height=512,
    default_steps=4,
    default_guidance=0.0,
)
CARDS = (CARD, OTHER)


def shown(text: str, cards=CARDS, **choices) -> str:
    return parse(text, cards, preferences=Preferences(**choices)).shown


@pytest.mark.parametrize(
    ("typed", "suffix", "becomes"),
    [
        ("a fox", "--steps 5 --ar 3:2", "a fox --steps 5 --ar 3:2"),
        ("a fox --steps 7", "--steps 5 --ar 3:2", "a fox --steps 7 --ar 3:2"),
        ("a fox --aspect 1:2", "--ar 3:2", "a fox --ar 1:2"),
        ("a fox --seed 7", "--seed 5", "a fox --seed 7"),
        ("a fox --no text", "--no frames, text", "a fox --no text, frames"),
    ],
)
def test_the_suffix_stands_behind_what_is_typed(typed, suffix, becomes):
    """A suffix adds its parameters, typed ones override it, `--no` adds up; the echo says so."""
    assert shown(typed, suffix=suffix) == becomes


def test_settings_stand_behind_the_suffix():
    """A chosen model paints unless the suffix or the prompt names another; the echo names it."""
    assert shown("a fox", model="My Model") == "a fox --model my-model"
    assert shown("a fox", model="My Model", suffix="--model embedded") == "a fox --model embedded"
    assert shown("a fox --model embedded", model="My Model") == "a fox --model embedded"
    wish = parse("a fox", CARDS, preferences=Preferences(model="My Model"))
    assert wish.request.model == "My Model"


def test_a_model_that_is_not_to_be_had_is_passed_over():
    """Where the chosen model is not allowed, the place's own paints."""
    assert shown("a fox", cards=[CARD], model="My Model") == "a fox"


def test_options_are_written_out_once():
    """`--name` becomes the text it stands for, wherever it stands, and nothing goes in circles."""
    options = {"mine": "in the snow --ar 3:2", "loop": "--loop"}
    assert (
        shown("a fox --MINE --steps 5", options=options) == "a fox in the snow --ar 3:2 --steps 5"
    )
    assert shown("a fox —mine", options=options) == "a fox in the snow --ar 3:2"
    with pytest.raises(UserError, match=r"Unrecognized parameter.*`--loop`"):
        shown("a fox --loop", options=options)
    with pytest.raises(UserError, match=r"Unrecognized parameter.*`--mine`"):
        shown("a fox --mine")


def test_a_suffix_that_does_not_fit_is_named():
    """Where only the suffix is wrong the sentence says so; where the prompt is, it does not."""
    with pytest.raises(UserError, match=r"Your suffix `--steps 99` does not fit here.*1 to 50"):
        shown("a fox", suffix="--steps 99")
    with pytest.raises(UserError, match=r"^`--steps` must be .*found `0`"):
        shown("a fox --steps 0", suffix="--ar 3:2")
    assert shown("a fox --steps 9", suffix="--steps 99") == "a fox --steps 9"


@pytest.mark.parametrize("text", ["orange", "orange --no text", "", "orange::-1", "--sed 7"])
def test_a_suffix_is_parameters_only(text):
    """Text in a suffix, or an unknown parameter, is refused with a sentence."""
    with pytest.raises(UserError, match=r"parameters only|Did you mean"):
        check_suffix(text)


@pytest.mark.parametrize("name", ["ar", "--aspect", "two words", "", "ünder", "x" * 33])
def test_an_option_needs_a_name_of_its_own(name):
    """A name that is a parameter's, or no name, is refused with a sentence."""
    with pytest.raises(UserError, match=r"another name|one word"):
        option_name(name)
    assert option_name(" --Mine_2 ") == "mine_2"
