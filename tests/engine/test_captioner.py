"""A captioner of the operator's own describes pictures in the place of the embedded tower."""

import shutil

import pytest
import torch
from PIL import Image

from engine import Engine, EngineOptions
from engine.captioner import Captioner, find, tidy
from engine.errors import ModelError, PaintError
from engine.events import Described

CPU = torch.device("cpu")
RED = Image.new("RGB", (50, 30), "red")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, captioners):
    """A tiny BLIP's folder."""
    return captioners.save_captioner(tmp_path_factory.mktemp("captioner") / "blip")


def test_it_says_four_things(folder):
    """Four different captions come of a picture, the same for the same seed, others for another."""
    captioner = Captioner(str(folder), CPU)
    first = captioner.caption(RED, 0)
    assert len(set(first)) == 4
    assert captioner.caption(RED, 0) == first
    assert captioner.caption(RED, 1) != first


def test_a_model_that_converses_is_asked(captioners, tmp_path):
    """One with a template for conversations is asked, and only its answers are captions."""
    folder = captioners.save_conversing(tmp_path / "llava")
    found = Captioner(str(folder), CPU).caption(RED, 0)
    assert len(found) == 4
    assert not any("Describe" in text or "image" in text for text in found)


def test_chance_elsewhere_is_left_alone(folder):
    """What others draw from torch's common generator is not changed by a caption."""
    captioner = Captioner(str(folder), CPU)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    captioner.caption(RED, 0)
    assert torch.rand(1) == expected


def test_captions_have_no_grammar():
    """What a captioner says cannot be read as weights, choices, links or parameters."""
    said = "A {red, blue} fox::2 --ar 3:2\n<@123> (on) [a] hill -- **bold**, at 10:30 o'clock."
    text = tidy(said)
    assert text.startswith("A red, blue fox")
    assert not set("{}<>()[]*") & set(text)
    assert "--" not in text
    assert "::" not in text
    assert len(tidy("word " * 500)) <= 400


def test_what_is_no_captioner_is_named_at_the_start(folder, tmp_path, tiny_model):
    """A wrong name, a folder without weights and a pickle are refused before anything is loaded."""
    for where, said in (("nowhere at all", "owner/name"), (str(tmp_path), "config.json")):
        with pytest.raises(ModelError, match=said):
            find(where)
    pickled = tmp_path / "pickled"
    shutil.copytree(folder, pickled)
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(ModelError, match="pickle"):
        Engine(EngineOptions(model=str(tiny_model), captioner=str(pickled)))


def test_a_model_that_makes_no_text_is_a_sentence(folder, tmp_path, tiny_model):
    """What is a model, but none that makes text of pictures, fails with a sentence each time."""
    captioner = Captioner(str(tiny_model / "text_encoder"), CPU)
    for _ in range(2):
        with pytest.raises(PaintError, match="does not work"):
            captioner.caption(RED, 0)


async def test_the_engine_asks_the_captioner(folder, make_engine, ask, picture):
    """With a captioner configured the engine describes by it."""
    engine = await make_engine(captioner=str(folder))
    request = ask(prompt="", seed=0, image=str(picture), strength=1.0)
    told = [event async for event in engine.submit(1, request, aim="describe")]
    assert isinstance(told[-1], Described)
    assert len(told[-1].prompts) == 4
