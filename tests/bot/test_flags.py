"""Prompt text to Request: every parameter, every mistake, and any text at all."""

import dataclasses
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot import flags
from bot.effort import size_for
from bot.errors import UserError
from bot.flags import Given, Limits, parse
from bot.parameters import PARAMETERS
from engine import ControlFolder, LoraFolder, ModelCard

EVERYTHING = frozenset(
    {"negative_prompt", "image", "tile", "stop", "lora", "sampler", "prompt_weights", "control"}
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
        ("a fox --sead 7", "Unrecognized parameter(s): `--sead`. Did you mean `--seed`?"),
        ("a fox --xyzzy", "There are `--ar`, `--no`, `--seed`"),
        ("a fox --", "Unrecognized parameter(s): `--`. There are"),
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
    assert "a number above 0, and at most 1" in refusal(
        f"a fox --strength {strength}", given=Given(picture=True)
    )


def test_a_picture_makes_it_image_to_image():
    """With a picture the request waits for the attachment, at a middling strength."""
    request = parse("a fox", CARDS, given=Given(picture=True)).request
    assert (request.image, request.strength) == (flags.ATTACHMENT, flags.STRENGTH)
    assert parse("a fox --strength .25", CARDS, given=Given(picture=True)).request.strength == 0.25


def test_a_painting_takes_the_pictures_shape():
    """An attached picture is not squeezed into a square, unless `--ar` asks for it."""
    request = parse("a fox", CARDS, given=Given(picture=(4000, 2000))).request
    assert (request.width, request.height) == (352, 192)
    square = parse("a fox --ar 1:1", CARDS, given=Given(picture=(4000, 2000))).request
    assert (square.width, square.height) == (256, 256)
    assert parse("a fox", CARDS, given=Given(picture=(0, 0))).request.image == flags.ATTACHMENT


def test_the_servers_defaults_apply_where_the_painter_gives_nothing():
    """Defaults stand behind what is typed, and do not stand in the shown text."""
    limits = Limits(defaults="--steps 12 --no text --model sdxl-turbo --strength 0.3")
    wish = parse("a fox", CARDS, limits)
    assert (wish.request.num_inference_steps, wish.request.negative_prompt) == (12, "text")
    assert (wish.request.model, wish.shown) == ("sdxl-turbo", "a fox")
    assert parse("a fox --steps 3", CARDS, limits).request.num_inference_steps == 3
    assert parse("a fox", CARDS, limits, given=Given(picture=True)).request.strength == 0.3


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
    options = {"no": "text, frames", "strength": "0.4", "model": None, "lora": "  "}
    text = flags.compose("a fox --seed 7", options)
    assert text == "a fox --seed 7 --no text, frames --strength 0.4"
    assert flags.compose("a fox", {"no": "  "}) == "a fox"


def test_reroll_takes_another_seed():
    """The same request with a new seed, even where the painter had chosen one."""
    request = parse("a fox --seed 7 --steps 20", CARDS).request
    again = flags.reroll(request)
    assert again.seed != 7
    assert dataclasses.replace(again, seed=7) == request


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
            "{a, b}",
            "{",
            "}",
            "\\,",
            "\\",
            "｛红，绿｝",
            "－－ar",
            "狐狸",
            "（红：１．２）",
            "fox::2",
            "snow::-0.5",
            "<lora:ink:0.5>",
            "--lora ink",
            "--control canny",
            "--repeat 2",
            "https://cdn.discordapp.com/a.png",
            "--v sdxl-turbo",
        ),
    ]
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """What may come with a prompt: a LoRA, a ControlNet, a picture, a control picture."""
    folder = tmp_path_factory.mktemp("folders")
    (folder / "loras").mkdir()
    (folder / "controls").mkdir()
    there = {
        "loras": lora_folder(folder / "loras"),
        "controls": control_folder(folder / "controls", "canny"),
    }
    return [
        Given(**there),
        Given(picture=True, **there),
        Given(control="https://cdn.discordapp.com/a.png", **there),
    ]


@settings(max_examples=400, deadline=None)
@example("a --no ,--seed", 1)
@example("a --no ,—seed", 1)
@example("--\x00seed 1", 1)
@example("a --control canny:1e-7 ready", 2)
@example("a --no \\ --no b", 0)
@given(st.text() | st.lists(PIECES | st.text(max_size=5)).map(" ".join), st.integers(0, 2))
def test_any_text_is_painted_or_refused(folders, text, which):
    """No text raises anything but a UserError, and what is shown means the same when typed."""
    limits, there = Limits(max_steps=30, defaults="--steps 12"), folders[which]
    try:
        wishes, refused = flags.parse_each(text, CARDS, limits, there), "."
    except UserError as error:
        wishes, refused = (), str(error)
    assert refused.endswith((".", "?")), "no sentence"
    for wish in wishes:
        again = parse(wish.shown, CARDS, limits, there, seed=wish.request.seed)
        assert again == dataclasses.replace(wish, lane=None, hidden=None)
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
        ("a fox --tile --model sdxl-turbo", "`--tile` is not compatible with `sdxl-turbo`"),
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
    wish = flags.parse("a fox <lora:ink:0.5>", CARDS, given=Given(loras=lora_folder(tmp_path)))

    assert (wish.request.prompt, wish.request.loras) == ("a fox", (("ink", 0.5),))
    assert wish.shown == "a fox <lora:ink:0.5>"


# -- what a Chinese keyboard makes of it ----------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("一只狐狸－－ar 3：2", "一只狐狸 --ar 3:2"),
        ("一只狐狸，雪地——seed ７", "一只狐狸，雪地 --seed 7"),
        ("一只狐狸--seed 7", "一只狐狸 --seed 7"),
        ("a fox －－ar 3:2－－seed 7", "a fox --ar 3:2 --seed 7"),
        ("狐狸 －－no 文字，水印、边框", "狐狸 --no 文字, 水印, 边框"),
        ("狐狸（红色：１．２）和雪：：２", "狐狸(红色:1.2)和雪::2"),
        ("狐狸 ＜lora：ink：0.5＞", "狐狸 <lora:ink:0.5>"),
        ("狐狸\u200b－－\u200btile", "狐狸 --tile"),
    ],
)
def test_full_width_signs_mean_what_they_stand_for(typed, shown, tmp_path):
    """Brackets, colons, dashes and digits of a Chinese keyboard work as the others do."""
    wish = parse(typed, CARDS, given=Given(loras=lora_folder(tmp_path)))
    assert wish.shown == shown


@pytest.mark.parametrize(
    "text",
    ["狐狸——红色的", "a well--known fox", "狐狸，雪地。“你好”！", "狐狸--novel style", "5－3"],
)
def test_other_dashes_and_punctuation_stay(text):
    """A dash before what is no parameter is text, and so is a full-width comma."""
    assert parse(text, CARDS).request.prompt == text.translate(str.maketrans("“”", '""'))


# -- LoRAs, controls, links -----------------------------------------------------------------------


def lora_folder(folder):
    """A folder with the LoRA `Ink`."""
    header = b"{}".ljust(8)
    (folder / "Ink.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    return LoraFolder(folder)


@pytest.mark.parametrize(
    ("text", "loras", "becomes"),
    [
        ("fox --lora ink:0.5", (("ink", 0.5),), "fox --lora ink:0.5"),
        ("fox --lora Ink", (("Ink", 1.0),), "fox --lora Ink:1"),
        ("fox --lora ink : -0.5", (("ink", -0.5),), "fox --lora ink:-0.5"),
    ],
)
def test_a_lora_is_a_parameter_too(text, loras, becomes, tmp_path):
    """`--lora name:0.8` is the same as `<lora:name:0.8>`."""
    wish = parse(text, CARDS, given=Given(loras=lora_folder(tmp_path)))
    assert (wish.request.loras, wish.shown) == (loras, becomes)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("fox --lora inc:0.5", "There is no LoRA inc here; there is Ink."),
        ("fox --lora ink:much", "names with their weights"),
        ("fox --lora ink:5", "-4.0 to 4.0"),
        ("<lora:ink:1> fox --lora ink:2", "stands there twice"),
        ("fox --lora ink --model sdxl-turbo", "`--lora` is not compatible with `sdxl-turbo`"),
    ],
)
def test_a_lora_that_cannot_be_had(text, says, tmp_path):
    """An unknown LoRA names those that are near; a wrong weight its range."""
    assert says in refusal(text, given=Given(loras=lora_folder(tmp_path)))


def control_folder(folder, *names):
    """A folder with ControlNets of these names, as far as the bot looks at them."""
    for name in names:
        (folder / name).mkdir()
        (folder / name / "config.json").write_text('{"_class_name": "ControlNetModel"}')
        header = b"{}".ljust(8)
        weights = len(header).to_bytes(8, "little") + header
        (folder / name / "diffusion_pytorch_model.safetensors").write_bytes(weights)
    return ControlFolder(folder)


def test_a_control_picture_leads_by_its_kind(tmp_path):
    """`--control` names a ControlNet in full or in part, how much it counts, and what is drawn."""
    led = Given(
        control="https://cdn.discordapp.com/a.png",
        control_size=(400, 200),
        controls=control_folder(tmp_path, "sd15_canny", "sd15_scribble"),
    )
    wish = parse("a fox --control canny", CARDS, given=led)
    request = wish.request
    assert (request.control, request.control_kind) == (led.control, "sd15_canny")
    assert (request.control_scale, request.control_ready, request.image) == (1.0, False, None)
    assert (request.width, request.height) == (352, 192)
    drawn = parse("a fox --control Scribble:0.5 ready", CARDS, given=led)
    assert drawn.request.control_kind == "sd15_scribble"
    assert (drawn.request.control_scale, drawn.request.control_ready) == (0.5, True)
    assert parse(drawn.shown, CARDS, given=led, seed=drawn.request.seed) == drawn


@pytest.mark.parametrize(
    ("text", "there", "says"),
    [
        ("fox --control canny", {}, "only goes with a picture: attach one as `control`"),
        ("fox", {"control": "a"}, "as in `--control canny`; there is canny, lines_a, lines_b"),
        ("fox --control depth", {"control": "a"}, "There is no ControlNet depth here; there is"),
        ("fox --control lines", {"control": "a"}, "There is no ControlNet lines here; there is"),
        ("fox --control canny:3", {"control": "a"}, "at most 2"),
        ("fox --control canny:", {"control": "a"}, "the kind"),
        ("fox --control canny --tile", {"control": "a"}, "Control and tile do not go together"),
    ],
)
def test_a_control_that_cannot_be_had(text, there, says, tmp_path):
    """A control without picture, kind or ControlNet is refused before anything is queued."""
    controls = control_folder(tmp_path, "canny", "lines_a", "lines_b")
    assert says in refusal(text, given=Given(controls=controls, **there))


def test_where_there_is_no_controlnet(tmp_path):
    """Without ControlNets a control picture is refused and one is told why."""
    assert "there is no ControlNet here" in refusal("fox", given=Given(control="a"))
    defaults = Limits(defaults="--control canny")
    assert parse("a fox", CARDS, defaults).request.control is None


def test_a_link_is_the_picture_to_start_from():
    """An address in the text is a picture and no words; it stays in what is shown."""
    wish = parse("https://cdn.discordapp.com/a.png?ex=1 a fox --strength 0.3", CARDS)
    assert wish.links == ("https://cdn.discordapp.com/a.png?ex=1",)
    assert (wish.request.prompt, wish.request.image) == ("a fox", flags.ATTACHMENT)
    assert wish.request.strength == 0.3
    assert wish.shown.startswith("https://cdn.discordapp.com/a.png?ex=1 a fox")
    assert parse("<ftp://host/a.png>, a fox", CARDS).links == ("ftp://host/a.png",)
    assert "nothing to paint" in refusal("https://cdn.discordapp.com/a.png")
    assert "here are 2" in refusal("https://a/b.png https://a/c.png fox")


@pytest.mark.parametrize("alias", ["--v", "--version", "--niji", "--model"])
def test_a_model_is_named_as_in_midjourney(alias):
    """`--v` and `--niji` choose a model, too."""
    assert parse(f"a fox {alias} sdxl-turbo", CARDS).request.model == "sdxl-turbo"


def test_how_one_job_runs_is_not_shown():
    """`--relax`, `--stealth` and the like are for this job, and no part of the prompt over it."""
    wish = parse("a fox --relax --stealth --steps 5", CARDS)
    assert (wish.lane, wish.hidden, wish.shown) == ("relax", True, "a fox --steps 5")
    assert parse("a fox --public", CARDS).hidden is False
    plain = parse("a fox", CARDS)
    assert (plain.lane, plain.hidden) == (None, None)
