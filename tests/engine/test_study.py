"""How a picture came about is told of the very picture, and nothing of it stays in the model."""

import asyncio
import io

import numpy as np
from diffusers.models.attention_processor import Attention
from PIL import Image

from engine.events import Explained, Painted
from engine.models import open_model
from engine.pipelines import paint
from engine.source import find_source
from engine.study import _words, study


def quietly(step, estimate):
    """Nobody wants to know of the steps."""


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


def test_the_picture_is_the_one_that_is_painted(open_tiny, ask):
    """What is explained is the picture of the same request, with its noise and estimates."""
    request = ask(pictures=1, num_inference_steps=6)
    found = study(open_tiny, request, quietly)
    painted = paint(open_tiny, request, quietly)[0].movedim(0, -1).numpy()
    assert np.abs(pixels(found.picture) / 255 - painted).max() < 0.01
    steps = [step for step, _ in found.estimates]
    assert (steps[0], steps[-1], found.steps) == (1, 6, 6)
    assert (found.latents_size, found.picture_size) == ((8, 8, 4), (64, 64, 3))
    assert pixels(found.noise).shape == (8, 8, 3)
    assert "".join(found.tokens) == "aredfox"


def test_each_word_has_a_map_of_its_own(open_tiny, ask):
    """Words that say something get a heat map each, and the maps differ."""
    found = study(open_tiny, ask(prompt="a fox on the snow", pictures=1), quietly)
    assert [word for word, _ in found.heats] == ["fox", "snow"]
    fox, snow = (pixels(png).astype(float) for _, png in found.heats)
    assert fox.shape == (128, 128)
    assert np.abs(fox - snow).mean() > 1


def test_nothing_stays_in_the_model(open_tiny, ask):
    """After an explanation the model paints bit for bit as before, by its own attention."""
    unet = open_tiny.text_to_image.unet
    before = {name: layer.processor for name, layer in unet.named_modules()
              if isinstance(layer, Attention)}  # fmt: skip
    first = paint(open_tiny, ask(), quietly)
    study(open_tiny, ask(pictures=1), quietly)
    assert (paint(open_tiny, ask(), quietly) == first).all()
    for name, layer in unet.named_modules():
        if isinstance(layer, Attention):
            assert layer.processor is before[name]
            assert "get_attention_scores" not in vars(layer)


def test_sdxl_is_explained_too(tiny_sdxl, ask):
    """A model with two text encoders and added conditions has heat maps as well."""
    model = open_model(find_source(str(tiny_sdxl)), "cpu")
    found = study(model, ask(model="tiny-sdxl", prompt="a fox", pictures=1), quietly)
    assert [word for word, _ in found.heats] == ["fox"]


def test_words_know_their_tokens():
    """A word of several tokens has all of their places, behind the start token."""
    text = "a red apple, on a beach"
    spans = [(0, 1), (2, 5), (6, 9), (9, 11), (11, 12), (13, 15), (16, 17), (18, 23)]
    assert _words(text, spans) == {"red": [2], "apple": [3, 4], "beach": [8]}
    assert _words("the and of", [(0, 3), (4, 7), (8, 10)]) == {}
    assert _words("红狐狸", [(0, 1), (1, 3), (1, 3)]) == {"红": [1], "狐狸": [2, 3]}


async def test_jobs_and_explanations_share_the_engine(make_engine, ask):
    """An explanation beside a job leaves the job's picture as it is alone."""
    engine = await make_engine()

    async def all_of(events):
        return [event async for event in events]

    alone = (await all_of(engine.submit(1, ask())))[-1]
    job, told = await asyncio.gather(
        all_of(engine.submit(2, ask())),
        all_of(engine.submit(3, ask(pictures=1), aim="explain")),
    )
    assert isinstance(told[-1], Explained)
    assert isinstance(job[-1], Painted)
    difference = [np.abs(pixels(a).astype(int) - pixels(b)).max()
                  for a, b in zip(job[-1].pictures, alone.pictures, strict=True)]  # fmt: skip
    assert max(difference) <= 1
