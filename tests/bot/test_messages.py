"""What leaves for a channel shows the prompt as it was typed, and does nothing else."""

import dataclasses
import re
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import messages
from bot.jobs import Job, Kind, State
from engine import Request

REQUEST = Request(
    prompt="a fox",
    seed=7,
    num_inference_steps=4,
    guidance_scale=1.0,
    width=64,
    height=64,
    model="embedded",
)
PAINTER = 1_000_000_000_000_000_001
BOLD = re.compile(r"^\*\*((?:\\.|[^\\])+?)\*\*(?!\*)", re.DOTALL)


def asked_for(prompt):
    """Return a job with this prompt."""
    return replace(job(prompt), request=replace(REQUEST, prompt=prompt))


def job(shown="a fox", kind=Kind.IMAGINE, tile=None):
    """Return a job as the store would."""
    return Job(
        id=1_234_567_890_123_456_789,
        kind=kind,
        state=State.ACCEPTED,
        channel_id=5,
        user_id=PAINTER,
        shown=shown,
        request=REQUEST,
        parent_tile=tile,
    )


def visible(content):
    """Return the bold prompt as Discord would show it: escapes undone."""
    found = BOLD.match(content)
    assert found, content
    return re.sub(r"\\([^0-9A-Za-z\s])", r"\1", found[1])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (messages.waiting(job()), f"**a fox** - <@{PAINTER}> (Waiting to start)"),
        (
            messages.waiting(job(), because="loading sdxl-turbo"),
            f"**a fox** - <@{PAINTER}> (Waiting to start: loading sdxl-turbo)",
        ),
        (
            messages.waiting(job(kind=Kind.VARIATION, tile=2)),
            "Making variations for image #3 with prompt "
            f"**a fox** - <@{PAINTER}> (Waiting to start)",
        ),
        (
            messages.progress(job(), 25),
            f"**a fox** - <@{PAINTER}> (25%)\n-# ▰▰▱▱▱▱▱▱▱▱ step 1 of 4",
        ),
        (messages.finished(job()), f"**a fox** - <@{PAINTER}>"),
        (
            messages.finished(job(kind=Kind.VARIATION, tile=0)),
            f"**a fox** - Variations by <@{PAINTER}>",
        ),
        (
            messages.waiting(job(kind=Kind.UPSCALE_SUBTLE, tile=1)),
            f"Upscaling image #2 with **a fox** - <@{PAINTER}> (Waiting to start)",
        ),
        (
            messages.progress(job(kind=Kind.UPSCALE_CREATIVE, tile=1), 31).partition("\n")[0],
            f"**a fox** - Upscaling by <@{PAINTER}> (31%)",
        ),
        (
            messages.finished(job(kind=Kind.UPSCALE_CREATIVE, tile=1)),
            f"**a fox** - Upscaled (Creative) by <@{PAINTER}>",
        ),
        (
            messages.finished(job(kind=Kind.REMIX_REGION, tile=0)),
            f"**a fox** - Remix (Region) by <@{PAINTER}>",
        ),
        (messages.finished(job(kind=Kind.ZOOM)), f"**a fox** - Zoom Out by <@{PAINTER}>"),
        (messages.finished(job(kind=Kind.PAN_LEFT)), f"**a fox** - Pan Left by <@{PAINTER}>"),
        (messages.stopped(job()), f"**a fox** - <@{PAINTER}> (Stopped)"),
        (messages.picture(job(), 1, 42), "**a fox** - Image #2 <@42>"),
        (
            messages.letter(job(), 7),
            "**a fox**\n**Job ID**: 1234567890123456789\n**seed** 7",
        ),
    ],
)
def test_the_texts_are_midjourneys(text, expected):
    """Each message reads as Midjourney's does."""
    assert text == expected


@pytest.mark.parametrize(
    "prompt",
    [
        "@everyone look",
        "<@1000000000000000001> <@&22> <#33>",
        "**bold** _it_ ~~no~~ `code` ```fence```",
        "||spoiler||",
        "[free nitro](https://evil.example/x)",
        "https://evil.example/x",
        "discord.gg/abc and discord.com/invite/abc",
        "<t:0:R> <a:x:1> </imagine:1> :skull:",
        "ends with a backslash \\",
        "\\*not escaped\\*",
        "a fox --ar 3:2 --no hat, dog",
        "一只猫 🐈‍⬛ --seed 7",
    ],
)
def test_a_prompt_is_shown_and_does_nothing(prompt):
    """A prompt pings nobody, formats nothing and links nowhere, and still reads as typed."""
    content = messages.finished(job(prompt))
    assert visible(content) == prompt
    shown = BOLD.match(content)[1]
    assert not re.search(r"https?://|<@|(?<!\\)<|discord\.(gg|com)|(?<!\\):[a-z]+:", shown)
    assert not re.search(r"(?<!\\)(?:\\\\)*[*_~`|\[\]<@]", shown)


@pytest.mark.parametrize("prompt", ["a fox --ar 3:2 --steps 12", "ein Fuchs, rot (sitzend) - alt"])
def test_a_plain_prompt_stays_as_it_is(prompt):
    """What needs no escape gets none, so that a prompt can be copied."""
    assert messages.escape(prompt) == prompt


def test_lines_and_hidden_signs_go():
    """A prompt cannot begin a line of its own nor turn the direction of the text."""
    assert messages.clean("a\n# b\u2028c\u202ed\u200b") == "a # b cd"


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=5000), st.sampled_from(list(Kind)))
def test_no_message_is_too_long(prompt, kind):
    """Whatever the prompt, every message stays within Discord's limits and its prompt in bold."""
    it = job("x" + prompt, kind, tile=3)
    for text in (
        messages.waiting(it, because="loading", notes=[messages.EXPECT_NOISE, messages.QUEUED]),
        messages.progress(it, 100),
        messages.finished(it),
        messages.failed(it, "why " * 900),
        messages.picture(it, 3, PAINTER),
        messages.letter(it, 2**32 - 1),
    ):
        assert len(text.encode("utf-16-le")) // 2 <= messages.LONGEST
    assert len(messages.describe(prompt)) <= messages.LONGEST_DESCRIPTION
    shown = visible(messages.finished(it))
    assert shown == messages.clean("x" + prompt) or shown.endswith("…")


def test_shortening_says_so_and_never_cuts_an_escape():
    """A shortened prompt ends with … and never with half an escape."""
    content = messages.finished(job("*" * 4000))
    assert content.endswith(f"…** - <@{PAINTER}>")
    assert re.fullmatch(r"(\\\*)+…", BOLD.match(content)[1])


@pytest.mark.parametrize("steps", [1, 7, 20, 99, 100])
def test_progress_names_the_very_step(steps):
    """Whatever the number of steps, the percentage leads back to the step that is done."""
    it = dataclasses.replace(job(), request=dataclasses.replace(REQUEST, num_inference_steps=steps))
    for step in range(steps + 1):
        assert f"step {step} of {steps}" in messages.progress(it, 100 * step // steps)


@pytest.mark.parametrize(
    ("percent", "elapsed_s", "left_s"),
    [(25, 20, 60), (50, 100, 100), (5, 60, None), (95, 20, None)],
)
def test_progress_says_when_it_ends(percent, elapsed_s, left_s):
    """Once enough is painted to know, and enough is left to matter, the end is a time of day."""
    now = time.time()
    text = messages.progress(dataclasses.replace(job(), started_at=now - elapsed_s), percent)
    found = re.search(r"done <t:([0-9]+):R>", text)
    if left_s is None:
        assert not found
    else:
        assert abs(int(found[1]) - now - left_s) < 5


def test_what_the_model_does_not_know_is_told() -> None:
    """A word drawn as its neighbour and a word left out are named, while waiting and at the end."""
    strange = asked_for("a camel reading *Proust* in the snow")
    note = messages.reading(strange)
    assert note is not None
    assert "(for camel)" in note
    assert r"Words this model does not know: reading, Proust." in note
    assert messages.finished(strange).endswith(f"\n{note}")


def test_a_prompt_of_known_words_gets_no_note() -> None:
    """What is painted as it was asked needs no word more."""
    assert messages.reading(asked_for("a red fox in the snow")) is None


def test_other_models_know_every_word() -> None:
    """Only a model with a vocabulary of its own has words it does not know."""
    other = replace(REQUEST, prompt="Proust", model="sdxl-turbo")
    assert messages.reading(replace(job(), request=other)) is None
