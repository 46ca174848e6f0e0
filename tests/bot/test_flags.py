"""Prompt text to Request: every parameter, every mistake, and any text at all."""

import dataclasses
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot import flags
from bot.errors import UserError
from bot.flags import Limits, parse, size_for
from bot.parameters import PARAMETERS
from engine import SEEDS, LoraFolder, ModelCard

EVERYTHING = frozenset(
    {"negative_prompt", "image", "tile", "stop", "lora", "sampler", "prompt_weights"}
)
CARD = ModelCard(
    name="embedded",
    title="Easel's own",
    family="embedded",
    width=256,
    height=256,
    default_steps=8,
    default_guidance=4.0,
    max_steps=50,
    max_guidance=20.0,
    max_side=512,
    size_multiple=32,
    samplers=("euler", "euler a", "dpm++ 2m"),
    honours=EVERYTHING,
)
LARGE = ModelCard(
    name="sdxl-turbo",
    title="SDXL Turbo",
    family="sdxl",
    width=512,
    height=512,
    default_steps=4,
    default_guidance=0.0,
    max_side=1024,
    honours=frozenset({"image", "negative_prompt"}),
)
CARDS = (CARD, LARGE)


def refusal(text: str, **more) -> str:
    with pytest.raises(UserError) as caught:
        parse(text, CARDS, **more)
    return str(caught.value)


def test_a_plain_prompt_takes_the_models_defaults():
    """Text alone is a whole wish: steps, guidance and size are the model's, the seed is random."""
    wish = parse("a red fox", CARDS)
    assert wish.shown == "a red fox"
    request = wish.request
    assert (request.prompt, request.model, request.pictures) == ("a red fox", "embedded", 4)
    assert (request.width, request.height) == (256, 256)
    assert (request.num_inference_steps, request.guidance_scale) == (8, 4.0)
    assert request.image is None
    assert request.strength is None
    assert len({parse("a red fox", CARDS).request.seed for _ in range(5)}) > 1


def test_every_parameter_is_understood():
    """Each parameter of the table reaches its field."""
    text = "a fox --seed 7 --steps 20 --ar 2:1 --no text, old frames --guidance 7.5"
    wish = parse(text, CARDS)
    request = wish.request
    assert (request.seed, request.num_inference_steps, request.guidance_scale) == (7, 20, 7.5)
    assert (request.width, request.height) == (352, 192)
    assert request.negative_prompt == "text, old frames"
    assert wish.shown == text


def test_another_model_brings_its_own_defaults():
    """`--model` is looked up without regard to case, and its ranges and sizes hold."""
    request = parse("a fox --steps 60 --model SDXL-Turbo", CARDS).request
    assert (request.model, request.width, request.num_inference_steps) == ("sdxl-turbo", 512, 60)


def test_a_models_name_may_have_spaces():
    """A model file called with spaces is asked for with dashes."""
    card = dataclasses.replace(CARD, name="My Model")
    wish = parse("a fox --model my-model", [CARD, card])
    assert wish.request.model == "My Model"
    assert parse(wish.shown, [CARD, card]).request.model == "My Model"


@pytest.mark.parametrize(
    "text",
    [
        "a fox —seed 7",
        "a fox –seed 7",
        "a fox ——seed 7",
        "a fox －－seed 7",
        "a fox --SEED 7",
        "a fox  --seed\n 7",
        "a\nfox --seed ７",
        "a fox --seed 7 --seed 8",
    ],
)
def test_what_keyboards_make_of_it_is_understood(text):
    """Long dashes, capitals, line breaks and full-width digits mean the same parameter."""
    wish = parse(text, CARDS)
    assert (wish.request.prompt, wish.request.seed, wish.shown) == ("a fox", 7, "a fox --seed 7")


def test_dashes_inside_the_text_stay():
    """A dash that is no parameter's belongs to the text."""
    text = "London – Paris, 1990–2000, a well--known fox - and -5 degrees"
    assert parse(text, CARDS).request.prompt == text


def test_typographic_quotes_become_plain():
    """The text reaches the model with the quotes its training saw."""
    assert parse("a “Hello” sign, it’s red", CARDS).shown == 'a "Hello" sign, it\'s red'


def test_given_twice():
    """The first seed counts, negative words add up, and otherwise the last one counts."""
    text = "a fox --seed 1 --steps 5 --no a, b --seed 2 --steps 6 --no b, c"
    wish = parse(text, CARDS)
    assert (wish.request.seed, wish.request.num_inference_steps) == (1, 6)
    assert wish.request.negative_prompt == "a, b, c"
    assert wish.shown == "a fox --seed 1 --steps 6 --no a, b, c"


def test_aspect_is_ar():
    """Midjourney's long name works."""
    assert parse("a fox --aspect 3:2", CARDS).shown == "a fox --ar 3:2"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "nothing to paint"),
        ("  \n ", "nothing to paint"),
        ("--seed 7", "nothing to paint"),
        ("a fox --seed", "`--seed` needs a value: a whole number from 0 to 4294967295"),
        ("a fox --seed --steps 4", "`--seed` needs a value"),
        ("a fox --seed -1", "from 0 to 4294967295, as in `--seed 7`; found `-1`"),
        ("a fox --seed 4294967296", "found `4294967296`"),
        ("a fox --seed 1_000", "found `1_000`"),
        ("a fox --seed " + "9" * 5000, "found `999"),
        ("a fox --steps 0", "`--steps` must be a whole number from 1 to 50"),
        ("a fox --steps 51", "`--steps` must be a whole number from 1 to 50"),
        ("a fox --steps 4.5", "found `4.5`"),
        ("a fox --guidance 20.1", "a number from 0 to 20"),
        ("a fox --guidance nan", "a number from 0 to 20"),
        ("a fox --ar 0:3", "`--ar` must be two whole numbers from 1 to 9999"),
        ("a fox --ar 1.39:1", "found `1.39:1`"),
        ("a fox --ar 16x9", "found `16x9`"),
        ("a fox --ar16:9", "`--ar16:9` needs a space between name and value"),
        ("a fox --seed=7", "needs a space between name and value, as in `--seed 7`"),
        ("a fox --no", "`--no` needs a value"),
        ("a fox --no , ,", "`--no` must be one or more things"),
        ("a fox --strength .5", "`--strength` only goes with a picture"),
        ("a fox --model other", "`--model` must be one of embedded, sdxl-turbo"),
        ("a fox --sead 7", "`--sead` is not a parameter. Did you mean `--seed`?"),
        ("a fox --xyzzy", "There are `--ar`, `--no`, `--seed`"),
        ("a fox --", "`--` is not a parameter"),
        ("a fox --seed 7 running", "`running` stands after `--seed 7`; put all text before"),
        ("x" * 4001, "4,001 characters long; 4,000 is the most"),
    ],
)
def test_mistakes_are_named(text, says):
    """A refusal names the parameter, what was given, and what is allowed."""
    assert says in refusal(text)


@pytest.mark.parametrize("strength", ["0", "1.01", "-0.5", "0.0000001"])
def test_strength_has_its_range(strength):
    """Strength is above 0 and at most 1, also with a picture."""
    assert "a number above 0, and at most 1" in refusal(f"a fox --strength {strength}", image=True)


def test_a_picture_makes_it_image_to_image():
    """With a picture the request waits for the attachment, at a middling strength."""
    request = parse("a fox", CARDS, image=True).request
    assert (request.image, request.strength) == (flags.ATTACHMENT, flags.STRENGTH)
    assert parse("a fox --strength .25", CARDS, image=True).request.strength == 0.25


def test_a_painting_takes_the_pictures_shape():
    """An attached picture is not squeezed into a square, unless `--ar` asks for it."""
    request = parse("a fox", CARDS, image=(4000, 2000)).request
    assert (request.width, request.height) == (352, 192)
    square = parse("a fox --ar 1:1", CARDS, image=(4000, 2000)).request
    assert (square.width, square.height) == (256, 256)
    assert parse("a fox", CARDS, image=(0, 0)).request.image == flags.ATTACHMENT


def test_the_servers_defaults_apply_where_the_painter_gives_nothing():
    """Defaults stand behind what is typed, and do not stand in the shown text."""
    limits = Limits(defaults="--steps 12 --no text --model sdxl-turbo --strength 0.3")
    wish = parse("a fox", CARDS, limits)
    assert (wish.request.num_inference_steps, wish.request.negative_prompt) == (12, "text")
    assert (wish.request.model, wish.shown) == ("sdxl-turbo", "a fox")
    assert parse("a fox --steps 3", CARDS, limits).request.num_inference_steps == 3
    assert parse("a fox", CARDS, limits, image=True).request.strength == 0.3


def test_the_servers_limits_refuse_what_is_typed_and_clamp_the_rest():
    """A typed value over the limit is refused with the range, a default is made to fit."""
    assert "from 1 to 5" in refusal("a fox --steps 6", limits=Limits(max_steps=5))
    small = Limits(max_steps=9, max_side=128, defaults="--steps 40")
    request = parse("a fox", CARDS, small).request
    assert (request.num_inference_steps, request.width, request.height) == (9, 128, 128)
    request = parse("a fox", CARDS, Limits(max_steps=5)).request
    assert request.num_inference_steps == 5


@pytest.mark.parametrize("broken", ["--sead 7", "--steps many", "hello", "--model gone"])
def test_broken_defaults_do_not_stop_a_painter(broken):
    """A mistake in a server's defaults is passed over; painters cannot mend it."""
    assert parse("a fox", CARDS, Limits(defaults=broken)).request.num_inference_steps == 8


def test_defaults_are_checked_when_they_are_set():
    """The admin is told about a mistake at once, and sees the normalised text."""
    assert flags.check_defaults("—STEPS 12", CARDS, Limits(defaults="--nonsense")) == "--steps 12"
    with pytest.raises(UserError, match="parameters only, without text; found `hello`"):
        flags.check_defaults("hello --steps 12", CARDS, Limits())
    with pytest.raises(UserError, match="from 1 to 5"):
        flags.check_defaults("--steps 12", CARDS, Limits(max_steps=5))


def test_options_say_the_same_as_flags():
    """The slash command's options compose to the text a painter would have typed."""
    text = flags.compose("a fox --seed 7", "text, frames", 0.4)
    assert text == "a fox --seed 7 --no text, frames --strength 0.4"
    assert flags.compose("a fox", "  ", None) == "a fox"


def test_reroll_takes_another_seed():
    """The same request with a new seed, even where the painter had chosen one."""
    request = parse("a fox --seed 7 --steps 20", CARDS).request
    again = flags.reroll(request)
    assert again.seed != 7
    assert dataclasses.replace(again, seed=7) == request


def test_vary_starts_from_a_picture():
    """A variation keeps steps, size and guidance, and takes a new seed."""
    request = parse("a fox --seed 7 --steps 20 --ar 2:1", CARDS).request
    varied = flags.vary(request, "pictures/1/0.png", 0.7)
    assert (varied.image, varied.strength) == ("pictures/1/0.png", 0.7)
    assert varied.seed != 7
    assert (varied.num_inference_steps, varied.width) == (20, 352)


def test_help_has_every_parameter():
    """The help is made from the table, with the ranges of this model and this server."""
    lines = flags.describe(CARDS, Limits(max_steps=9))
    assert len(lines) == len(PARAMETERS)
    assert "`--ar 3:2` (or `--aspect`)" in lines[0]
    assert any("a whole number from 1 to 9" in line for line in lines)


@settings(deadline=None)
@given(
    ratio=st.tuples(st.integers(1, 9999), st.integers(1, 9999)),
    card=st.sampled_from(CARDS),
    max_side=st.none() | st.integers(1, 3000),
)
def test_sizes_fit_the_model(ratio, card, max_side):
    """Whatever the shape, sides are the model's multiples and within every limit."""
    width, height = size_for(card, ratio, max_side)
    longest = max(min(card.max_side, max_side or card.max_side), card.size_multiple)
    for side in (width, height):
        assert side % card.size_multiple == 0
        assert card.size_multiple <= side <= longest


@pytest.mark.parametrize(
    ("ratio", "size"),
    [((1, 1), (512, 512)), ((3, 2), (624, 416)), ((2, 3), (416, 624)), ((16, 9), (680, 384))],
)
def test_the_area_stays(ratio, size):
    """Every shape has about as many pixels as the model's own square."""
    assert size_for(LARGE, ratio) == size
    assert abs(size[0] * size[1] / 512**2 - 1) < 0.02


def test_a_shape_survives_the_limit():
    """When the longer side must shrink, the shape is kept."""
    assert size_for(LARGE, (2, 1), 512) == (512, 256)


PIECES = st.sampled_from(
    [
        *(f"--{row.name} {row.example}" for row in PARAMETERS),
        *(
            "--seed",
            "--no",
            "—",
            "--no ,--seed",
            "，",
            "–ar",
            "1:2",
            "0",
            "`",
            "“",
            "\ud800",
            "\x00",
        ),
    ]
)


@settings(max_examples=300, deadline=None)
@example("a --no ,--seed")
@example("a --no ,—seed")
@example("--\x00seed 1")
@given(st.text() | st.lists(PIECES | st.text(max_size=5)).map(" ".join))
def test_any_text_is_painted_or_refused(text):
    """No text raises anything but a UserError, and what is shown means the same when typed."""
    limits = Limits(max_steps=30, defaults="--steps 12")
    try:
        wish = parse(text, CARDS, limits, seed=5, image=True)
    except UserError:
        return
    assert 0 <= wish.request.seed < SEEDS
    assert parse(wish.shown, CARDS, limits, seed=5, image=True) == wish
    wish.shown.encode()
    with_defaults = Limits(defaults=text)
    assert parse("a fox", CARDS, with_defaults).request.prompt == "a fox"


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("a fox --tile", "tile", True),
        ("a fox", "tile", False),
        ("a fox --stop 50", "stop", 0.5),
        ("a fox --sampler euler a", "sampler", "euler a"),
        ("a fox --sampler K_Euler_A --seed 1", "sampler", "euler a"),
    ],
)
def test_how_it_is_painted_can_be_said(text, field, value):
    """`--tile`, `--stop` and `--sampler` reach the engine as it wants them."""
    assert getattr(flags.parse(text, CARDS).request, field) == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a fox --tile yes", "without a value"),
        ("a fox --sampler plms", "euler, euler a"),
        ("a fox --stop 5", "10 to 100"),
        ("a fox --tile --model sdxl-turbo", "cannot paint seamless tiles"),
        ("a fox::-1", "more than 0"),
        ("a fox <lora:ink:0.5>", "no LoRA ink"),
        ("a fox <lora:ink:much>", "<lora:name:0.8>"),
        ("<lora:ink:1>", "no LoRA ink"),
    ],
)
def test_what_a_model_cannot_do_is_refused_before_it_is_queued(text, words):
    """What the model or the weights of a prompt do not allow is refused with a sentence."""
    with pytest.raises(UserError, match=re.escape(words)):
        flags.parse(text, CARDS)


def test_a_lora_of_the_folder_is_taken_out_of_the_words(tmp_path):
    """`<lora:name:0.8>` names a file of the folder, and is no part of what is painted."""
    header = b"{}".ljust(8)
    (tmp_path / "Ink.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)

    wish = flags.parse("a fox <lora:ink:0.5>", CARDS, loras=LoraFolder(tmp_path))

    assert (wish.request.prompt, wish.request.loras) == ("a fox", (("ink", 0.5),))
    assert wish.shown == "a fox <lora:ink:0.5>"
