"""What the words of a prompt weigh."""

import dataclasses

import pytest

from engine.errors import PaintError
from engine.events import Weighed
from engine.importance import weigh
from engine.models import open_model
from engine.source import find_source

ROW = "a fox, qwerty in the snow"


def _weights(pieces):
    return {text: weight for text, weight in pieces if weight is not None}


async def all_of(events):
    """Listen to a job until its end."""
    return [event async for event in events]


@pytest.mark.parametrize("prompt", [ROW, "fox", "(red:1.3) fox!", "红狐狸, a fox", "…", "a a a"])
def test_the_pieces_are_the_prompt(open_tiny, ask, prompt):
    """Nothing of a prompt is lost, the heaviest word weighs 1, and none less than nothing."""
    pieces = weigh(open_tiny, ask(prompt=prompt))
    assert "".join(text for text, _ in pieces) == prompt.replace("(red:1.3)", "red")
    weights = _weights(pieces)
    assert not weights or (max(weights.values()) == 1 or prompt == "a a a")
    assert all(0 <= weight <= 1 for weight in weights.values())


def test_the_embedded_model_weighs_what_it_paints(ask):
    """The thing weighs more than small words, and what the model does not know weighs nothing."""
    model = open_model(find_source("embedded"), "cpu")
    weights = _weights(weigh(model, ask(model="embedded", prompt=ROW)))
    assert weights["fox"] > weights["in"]
    assert weights["fox"] > weights["the"]
    assert weights["qwerty"] == pytest.approx(0, abs=1e-3)


def test_sdxl_is_weighed_by_its_pooled_text(tiny_sdxl, ask):
    """SDXL's two encoders are read as its pipeline reads them."""
    model = open_model(find_source(str(tiny_sdxl)), "cpu")
    assert max(_weights(weigh(model, ask(model="tiny-sdxl", prompt=ROW))).values()) == 1


def test_what_cannot_be_read_is_a_sentence(open_tiny, ask, tiny_model):
    """A model of another family, and a prompt without end, are refused with a sentence."""
    with pytest.raises(PaintError, match="too long to be analysed"):
        weigh(open_tiny, ask(prompt="fox " * 201))
    model = open_model(find_source(str(tiny_model)), "cpu")
    model = dataclasses.replace(model, card=dataclasses.replace(model.card, honours=frozenset()))
    with pytest.raises(PaintError, match="cannot be analysed"):
        weigh(model, ask(prompt=ROW))


async def test_the_engine_weighs_beside_its_jobs(make_engine, ask):
    """A prompt is weighed by the engine as a job is painted, and ends with its weights."""
    engine = await make_engine()
    told = await all_of(engine.submit(1, ask(prompt=ROW), aim="weigh"))
    assert isinstance(told[-1], Weighed)
    assert "".join(text for text, _ in told[-1].pieces) == ROW
