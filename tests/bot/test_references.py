"""Pictures that a prompt refers to: image prompts, styles, people, and what each counts."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import references
from bot.errors import UserError
from bot.flags import ATTACHMENT, Given, Limits, Wish, parse
from bot.grammar import without_links
from bot.jobs import Job, Kind, State
from engine import ModelCard, Request

A, B = "https://cdn.discordapp.com/a.png?ex=1&is=2", "https://cdn.discordapp.com/b.png"
WITHOUT = ModelCard(
    name="plain",
    title="Plain",
    family="sd1",
    width=512,
    height=512,
    default_steps=20,
    default_guidance=7.0,
    honours=frozenset({"image", "negative_prompt", "control"}),
)
ADAPTED = {"reference", "style", "character"}
WITH = dataclasses.replace(WITHOUT, name="adapted", honours=WITHOUT.honours | ADAPTED)


def look(text, card=WITH, **more):
    """What a prompt refers to, each as (picture, kind, weight)."""
    request = parse(text, (card,), given=Given(**more)).request
    return [(one.picture, one.kind, round(one.weight, 4)) for one in request.references]


def refusal(text, card=WITH, **more):
    """What is said where a prompt is refused."""
    with pytest.raises(UserError) as caught:
        parse(text, (card, WITHOUT), given=Given(**more))
    return str(caught.value)


def test_image_prompts_are_looked_at_where_the_model_can():
    """Links and the attached picture share what `--iw` says; nothing is painted over."""
    assert look(f"{A} a fox") == [(A, "image", 0.5)]
    assert look(f"{A} {B} a fox --iw 2", picture=True, address="https://x/c.png") == [
        (A, "image", 0.3333),
        (B, "image", 0.3333),
        ("https://x/c.png", "image", 0.3333),
    ]
    request = parse(f"{A} a fox --iw 0", (WITH,)).request
    assert request.image is None
    assert request.strength is None
    assert request.references[0].weight == 0


def test_without_an_adapter_a_picture_is_painted_over():
    """What image prompts did before there were adapters they still do, and so with `--strength`."""
    for card, text in ((WITHOUT, f"{A} a fox --iw 2"), (WITH, f"{A} a fox --strength 0.36")):
        request = parse(text, (card,)).request
        assert (request.image, request.references) == (ATTACHMENT, ())
        assert request.strength == pytest.approx(0.36)
    assert "starts from one picture, and here are 2" in refusal(f"{A} {B} a fox", WITHOUT)
    assert "starts from one picture, and here are 2" in refusal(f"{A} {B} a fox --strength 0.5")
    start = Given(picture=(640, 320), is_start=True)
    assert parse("a fox", (WITH,), given=start).request.image == ATTACHMENT


def test_only_a_picture_that_is_painted_over_gives_its_shape():
    """Who looks at a wide picture paints a square, as Midjourney does."""
    wide = Given(picture=(640, 320), address=A)
    request = parse("a fox", (WITH,), given=wide).request
    assert request.width == request.height
    request = parse("a fox --strength 0.5", (WITH,), given=wide).request
    assert request.width > request.height


def test_a_style_counts_by_sw():
    """100 is what InstantStyle takes; from there ten times as much counts twice."""
    assert look(f"a fox --sref {A}") == [(A, "style", 1.0)]
    assert look(f"a fox --sref {A} --sw 50") == [(A, "style", 0.5)]
    assert look(f"a fox --sref {A} --sw 1000") == [(A, "style", 2.0)]
    assert look(f"a fox --sref {A} --sw 0") == [(A, "style", 0.0)]
    assert look(f"a fox --sref {A}::3 {B}") == [(A, "style", 0.75), (B, "style", 0.25)]
    assert look(f"a fox --sref <{A}>, {B}") == [(A, "style", 0.5), (B, "style", 0.5)]
    scales = [references.style_scale(sw) for sw in range(0, 1001, 50)]
    assert scales == sorted(set(scales))


def test_a_person_counts_by_cw():
    """The face always, hair and clothes as much as `--cw` says."""
    assert look(f"a fox --cref {A}") == [(A, "face", 0.7), (A, "figure", 0.7)]
    assert look(f"a fox --cref {A} --cw 50") == [(A, "face", 0.7), (A, "figure", 0.35)]
    assert look(f"a fox --cref {A} --cw 0") == [(A, "face", 0.7)]


def test_pictures_may_be_attached():
    """What is given as `sref` or `cref` counts like a link, and the text over the grid shows it."""
    wish = parse("a fox --sw 200", (WITH,), given=Given(style=A, character=B))
    assert wish.shown == "a fox --sw 200 --sref attached --cref attached"
    assert [(one.picture, one.kind) for one in wish.request.references] == [
        (A, "style"),
        (B, "face"),
        (B, "figure"),
    ]
    both = look(f"a fox --sref {B}", style=A)
    assert both == [(B, "style", 0.5), (A, "style", 0.5)]


@pytest.mark.parametrize(
    ("text", "more", "says"),
    [
        ("--sref", {}, "`--sref` needs a value: links to pictures"),
        ("--sref random", {}, "name styles that only Midjourney has"),
        ("--sref 20240613 --sw 50", {}, "a style is taken from a picture"),
        ("--sref randomly", {}, "`--sref` must be links to pictures"),
        (f"--sref {A}::0", {}, "`--sref` must be"),
        ("--sref attached", {}, "attach one as `sref`, or write a link in its place"),
        ("--cref attached", {}, "attach one as `cref`"),
        ("--sw 100", {}, "`--sw` only goes with a picture: attach one as `sref`"),
        ("--cw 100", {}, "`--cw` only goes with a picture: attach one as `cref`"),
        (f"--sref {A} --sw 1001", {}, "`--sw` must be a whole number from 0 to 1000"),
        (f"--cref {A} --cw 101", {}, "`--cw` must be a whole number from 0 to 100"),
        ("--iw 1", {}, "`--iw` only goes with a picture"),
        (f"--sref {' '.join([A + '&n=' + str(k) for k in range(9)])}", {}, "at most 8 pictures"),
    ],
)
def test_what_is_wrong_is_said(text, more, says):
    """Without a link, without a picture, out of range: each says what would be right."""
    assert says.lower() in refusal(f"a fox {text}", **more).lower()


@pytest.mark.parametrize("name", ["sref", "sw", "cref", "cw"])
def test_models_without_an_adapter_refuse(name):
    """A model without an adapter says so, and names one that has one."""
    value = "50" if name in ("sw", "cw") else A
    sentence = refusal(f"a fox --{name} {value} --model plain")
    assert sentence == f"`--{name}` is not compatible with `plain`. It is with `adapted`."
    with pytest.raises(UserError, match="`--sref` is not compatible with `plain`"):
        parse("a fox", (WITHOUT,), given=Given(style=A))


def test_a_default_strength_does_not_hide_what_is_typed():
    """A server's `--strength` holds for pictures, unless `--iw` is typed."""
    limits = Limits(defaults="--strength 0.3")
    assert parse(f"{A} a fox", (WITH,), limits).request.strength == 0.3
    assert parse(f"{A} a fox --iw 1", (WITH,), limits).request.references


ADDRESS = st.sampled_from([A, B, "https://example.com/x--y.webp", "attached"])
WEIGHT = st.sampled_from(["", "::2", "::0.25"])


@given(st.lists(st.tuples(ADDRESS, WEIGHT), min_size=1, max_size=6), st.integers(0, 1000))
@settings(max_examples=40)
def test_print_and_parse_round_trip(links, sw):
    """The text over the grid, typed again, is the same wish."""
    text = f"a fox --sref {' '.join(a + w for a, w in links)} --sw {sw} --seed 3"
    is_attached = any(address == "attached" for address, _ in links)
    there = Given(style="https://x/style.png" if is_attached else "")
    wish = parse(text, (WITH,), given=there)
    assert parse(wish.shown, (WITH,), given=there) == wish


# -- painting again -------------------------------------------------------------------------------


def job(wish: Wish, request: Request) -> Job:
    """A job that was painted from a wish, whose pictures were fetched."""
    return Job(
        id=7, kind=Kind.IMAGINE, state=State.DONE, channel_id=1, user_id=2,
        shown=wish.shown, request=request,
    )  # fmt: skip


def test_what_was_fetched_once_is_found_by_its_text():
    """A prompt that is written anew refers to the same files where it names the same pictures."""
    there = Given(style=A, picture=True, address=B)
    wish = parse(f"{A} a fox --cref {B} --sref {B}", (WITH,), given=there)
    names = ("image-a", "image-b", "style-b", "style-a", "face-b", "face-b")
    files = [
        one._replace(picture=f"inputs/7-{name}.png")
        for one, name in zip(wish.request.references, names, strict=True)
    ]
    kept = references.kept_of(job(wish, dataclasses.replace(wish.request, references=files)))
    assert kept == {
        ("image", A): "inputs/7-image-a.png",
        ("image", "attached"): "inputs/7-image-b.png",
        ("style", B): "inputs/7-style-b.png",
        ("style", "attached"): "inputs/7-style-a.png",
        ("face", B): "inputs/7-face-b.png",
    }
    again = Given(
        kept=kept,
        style=kept["style", "attached"],
        picture=True,
        address=kept["image", "attached"],
    )
    rewritten = parse(wish.shown.replace("a fox", "a bear"), (WITH,), given=again).request
    assert list(rewritten.references) == files


def test_links_of_the_prompt_go_and_those_of_parameters_stay():
    """Who paints on from a picture leaves the image prompts behind, not the style."""
    assert without_links(f"{A} a fox <{B}> — {B} —sref {A} --sw 5") == (
        f"a fox — --sref {A} --sw 5"
    )
    assert without_links("a fox") == "a fox"
