"""Pictures are described in prompts that the embedded model can paint."""

import random
import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from engine.captions import Caption, Words
from engine.describer import Describer
from engine.errors import PaintError
from engine.events import Described, Failed
from engine.eyes import Eyes
from engine.files import read_json
from engine.recognition import MOST, recognise
from engine.source import EMBEDDED, TOWER, has_tower
from engine.vocabulary import open_vocabulary, read_prompt

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def seeing(tmp_path_factory):
    """The embedded model's words and text encoder, with an image tower of random weights."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    folder = tmp_path_factory.mktemp("seeing")
    for part in ("text_encoder", "tokenizer"):
        shutil.copytree(EMBEDDED / part, folder / part)
    for name in ("easel.json", "words.json"):
        shutil.copy(EMBEDDED / name, folder)
    width = read_json(folder / "text_encoder/config.json")["hidden_size"]
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        tower = CLIPVisionModelWithProjection(
            CLIPVisionConfig(
                **sizes, num_attention_heads=2, image_size=32, patch_size=16, projection_dim=width
            )
        )
    tower.save_pretrained(folder / TOWER, safe_serialization=True)
    return folder


@pytest.fixture(scope="module")
def eyes(seeing):
    """Both opened."""
    return Eyes(seeing, CPU)


@pytest.fixture
def shown(ask, picture):
    """A request with a picture to be described."""
    return ask(prompt="", seed=0, image=str(picture), strength=1.0)


@torch.inference_mode()
def test_a_world_of_places_has_no_things_to_try(seeing, eyes):
    """Where there are no things, places are said; where there is nothing at all, nothing."""
    words = replace(Words.read(seeing), things=())
    found = recognise(eyes, words, eyes.read(["a beach"])[0])
    assert found[0] == "a beach"
    assert recognise(eyes, replace(words, places=()), eyes.read(["a beach"])[0]) == []


@torch.inference_mode()
def test_what_is_seen_is_said(seeing, eyes):
    """To eyes that see just what a caption says, that caption comes first."""
    words = Words.read(seeing)
    rng, hits = random.Random(3), 0
    for _ in range(12):
        caption = Caption(
            thing=rng.choice(words.things),
            colour=rng.choice(words.colours),
            place=rng.choice(words.places),
        )
        text = words.write(caption)
        found = recognise(eyes, words, eyes.read([text])[0])
        hits += found[0] == text
        assert len(set(found)) == MOST
    assert hits >= 9


def test_every_caption_can_be_painted(seeing):
    """The embedded model knows every word of what it says of things, places and styles."""
    words, vocabulary = Words.read(seeing), open_vocabulary(seeing / "words.json")
    said = [*words.subjects()]
    for more in (words.coloured, words.set_somewhere, words.styled, words.sized):
        said += [one for subject in said[:40] + said[-40:] for one in more(subject)]
    said += words.joined(Caption("fox"), words.things)
    for caption in said:
        reading = read_prompt(words.write(caption), vocabulary)
        assert not reading.unknown, words.write(caption)
        assert not reading.drawn_as, words.write(caption)


def test_places_are_said_as_in_captions():
    """A known way to say where something stands is taken, else the place follows a comma."""
    known = frozenset({"on the beach", "at a beach", "a beach", "a wild beach", "in snow", "snow"})
    words = Words(("fox", "grapes"), ("red",), ("beach", "snow", "moor"), ("ink",), known)
    assert words.write(Caption("fox", "red", place="beach")) == "a red fox at a beach"
    assert words.write(Caption("grapes", place="snow")) == "grapes in snow"
    assert words.write(Caption("fox", place="moor", style="ink")) == "a fox, moor, ink"
    assert words.write(Caption(place="beach")) == "a beach"
    assert words.write(Caption("fox", other="fox", other_colour="red")) == "a fox and a red fox"
    assert words.write(Caption("fox", backdrop="red")) == "a fox on a red background"
    assert words.write(Caption("fox", "red", count=2)) == "two red foxes"


def test_four_and_then_four_others(seeing, shown):
    """A picture gives four prompts, the same each time, and other four for the next seed."""
    describer = Describer(CPU, folder=seeing)
    first = describer.describe(shown)
    assert len(set(first)) == 4
    assert describer.describe(shown) == first
    others = describer.describe(SimpleNamespace(image=shown.image, seed=1))
    assert len({*first, *others}) == 8
    assert len(describer.describe(SimpleNamespace(image=shown.image, seed=999))) == 4


def test_the_shape_of_a_picture_is_no_matter(seeing, shown, tmp_path):
    """A picture of one pixel's height and one with transparency are described, too."""
    for number, strange in enumerate((Image.new("L", (300, 1)), Image.new("RGBA", (9, 40)))):
        strange.save(tmp_path / f"{number}.png")
        found = Describer(CPU, folder=seeing).describe(
            SimpleNamespace(image=str(tmp_path / f"{number}.png"), seed=0)
        )
        assert len(found) == 4


def test_without_eyes_one_sentence_says_so(seeing, shown, tmp_path):
    """Without a tower, with a damaged one, and without a picture a sentence says what is amiss."""
    blind = tmp_path / "blind"
    shutil.copytree(seeing, blind)
    (blind / TOWER / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(PaintError, match="cannot be opened"):
        Describer(CPU, folder=blind).describe(shown)
    shutil.rmtree(blind / TOWER)
    with pytest.raises(PaintError, match="CAPTIONER"):
        Describer(CPU, folder=blind).describe(shown)
    with pytest.raises(PaintError, match="cannot be read"):
        Describer(CPU, folder=seeing).describe(SimpleNamespace(image="nowhere.png", seed=0))


async def test_the_engine_describes_whatever_paints(make_engine, shown):
    """The engine describes beside another model's jobs, or says that it cannot."""
    engine = await make_engine()
    told = [event async for event in engine.submit(1, shown, aim="describe")]
    if has_tower(EMBEDDED):
        assert isinstance(told[-1], Described)
        assert len(told[-1].prompts) == 4
    else:
        assert isinstance(told[-1], Failed)
        assert "CAPTIONER" in told[-1].sentence


async def test_a_picture_is_described_while_others_are_painted(
    make_engine, ask, shown, seeing, monkeypatch
):
    """The tower's forwards go through the hub between those of jobs, which are painted as ever."""
    from engine.worker import Worker

    monkeypatch.setattr(Describer.__init__, "__defaults__", ("", seeing))
    hubs = []
    start = Worker.__init__

    def keep(self, *args, **options):
        start(self, *args, **options)
        hubs.append(self.hub)

    monkeypatch.setattr(Worker, "__init__", keep)
    engine = await make_engine()
    painting = engine.submit(1, ask(num_inference_steps=12))
    first = await anext(painting)
    told = [event async for event in engine.submit(2, shown, aim="describe")]
    assert isinstance(told[-1], Described)
    rest = [event async for event in painting]
    assert type(rest[-1]).__name__ == "Painted", (first, rest[-1])
    assert hubs[0].forwards["Easel's eyes/image_encoder"] == 1
    assert hubs[0].forwards["Easel's eyes/text_encoder"] > 5
