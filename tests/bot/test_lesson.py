"""The strip and its captions say of a picture what is so, in both languages and in one message."""

import dataclasses
import io

import pytest
from PIL import Image

from bot import lesson, messages, strip
from bot.language import speaking
from engine import Explanation


def png(size, colour="red", mode="RGB") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, colour).save(file, "PNG")
    return file.getvalue()


def explanation(tokens=("a", "fox"), words=("fox",)) -> Explanation:
    return Explanation(
        tokens=tokens,
        noise=png((8, 4)),
        estimates=tuple((step, png((64, 32))) for step in (1, 2, 4)),
        heats=tuple((word, png((128, 64), 128, "L")) for word in words),
        latents=png((8, 4)),
        latents_size=(8, 4, 4),
        picture=png((64, 32)),
        picture_size=(64, 32, 3),
        steps=4,
        seed=7,
        guidance_scale=4.5,
        seconds=1.0,
    )


@pytest.mark.parametrize(
    ("locale", "asks"), [("en-GB", "Why is"), ("zh-CN", "为什么"), ("zh-TW", "為什麼")]
)
def test_the_captions_tell_of_this_picture(locale, asks):
    """Seed, steps, guidance and sizes stand in the captions, in the language of who asks."""
    with speaking(locale):
        text = lesson.tell(explanation())
    assert asks in text
    for number in ("7", "4.5", "8×4×4", "64×32×3"):
        assert number in text
    assert text.count("\n") == 4


def test_without_guidance_nothing_is_said_of_a_second_look():
    """A picture of few steps was looked at once in each, and the captions say so."""
    text = lesson.tell(dataclasses.replace(explanation(), guidance_scale=1.0))
    assert "It looks once" in text
    assert "twice" not in text
    assert "It looks twice" in lesson.tell(explanation())


def test_a_long_prompt_stays_one_message():
    """However many tokens there are, and whatever is in them, the captions fit a message."""
    text = lesson.tell(explanation(tokens=("**@everyone**",) * 75))
    assert len(text) <= messages.LONGEST
    assert "**@everyone" not in text


def test_words_without_letters_of_ours_are_numbered():
    """A map of a Chinese word carries a number, which the caption explains."""
    assert "1 狐狸" in lesson.tell(explanation(words=("狐狸",)))


@pytest.mark.parametrize("words", [(), ("fox",), ("fox", "狐狸", "snow")])
def test_the_strip_holds_everything(words):
    """Noise, estimates, a map per word, latents and picture have a place each, in two rows."""
    drawn = Image.open(io.BytesIO(strip.draw(explanation(words=words))))
    columns = max(4, len(words) + 2)
    assert drawn.width == strip.GAP + columns * (strip.SIDE + strip.GAP)
    assert drawn.height == strip.GAP + 2 * (strip.SIDE + strip.LABEL + strip.GAP)
