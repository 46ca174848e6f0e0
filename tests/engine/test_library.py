"""Several models: opened when asked for, within a budget, none taken from under its jobs."""

import asyncio
import shutil

import pytest

from engine import Engine, EngineOptions, Failed, ModelError, Painted
from engine.library import Library
from engine.models import open_model
from engine.offload import Offload, count_bytes
from engine.source import find_source, find_sources


@pytest.fixture
def three(tiny_model, tiny_sdxl, tmp_path):
    """MODELS with three names."""
    other = shutil.copytree(tiny_model, tmp_path / "other")
    return (("one", str(tiny_model)), ("two", str(other)), ("xl", str(tiny_sdxl)))


@pytest.fixture
def make_library(three):
    """A maker of libraries with room for so many of the small models."""
    import torch

    def make(room):
        sources = find_sources("", three)
        size = max(sources[name].count_bytes(4) for name in ("one", "two"))
        return Library(sources, torch.device("cpu"), budget_bytes=(room + 0.5) * size)

    return make


def test_what_a_model_needs_is_known_before_it_is_opened(three):
    """The size told by the files is the size in memory, in half precision half of it."""
    for source in find_sources("", three).values():
        size = open_model(source, "cpu").size_bytes
        assert 0.95 < source.count_bytes(4) / size < 1.05
        assert source.count_bytes(2) == source.count_bytes(4) / 2


def test_models_longest_unused_make_room(make_library):
    """With room for two, the third closes the one longest unused; busy ones stay open."""
    library, closed = make_library(2), []
    library.on_closed = lambda model: closed.append(model.card.name)
    for name in ("one", "two", "one"):
        assert library.take(name).card.name == name
    assert library.take("xl", busy={"one", "two"}) is None
    assert closed == []
    assert library.take("xl", busy={"two"}).card.name == "xl"
    assert "one" in closed
    assert "two" in library.opened


def test_a_model_that_cannot_be_opened_says_so_again(three):
    """A broken model closes no other, and its sentence is the same every time."""
    import torch

    sources = find_sources("", three)
    weights = next((sources["two"].folder / "unet").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-9])
    library = Library(sources, torch.device("cpu"))
    library.take("one")
    for _ in range(2):
        with pytest.raises(ModelError, match=r"safetensors is cut short") as told:
            library.take("two")
        assert "{path} is cut short" in str(told.value).pattern
    assert list(library.opened) == ["one"]
    with pytest.raises(ModelError, match="no model gone here; this is painted with one, two, "):
        library.take("gone")


async def test_each_job_is_painted_with_its_model(make_engine, paint_all, ask, three):
    """Jobs of several models paint beside each other, each the same as alone."""
    engine = await make_engine(model="", models=three)
    assert [card.name for card in engine.models()] == ["one", "two", "xl"]
    asked = {job: ask(model=name) for job, name in enumerate(("one", "xl", "two", "xl", "one"))}
    ends = await asyncio.gather(*(paint_all(engine, job, one) for job, one in asked.items()))
    pictures = [events[-1].pictures for events in ends]
    assert pictures[0] == pictures[4]
    assert pictures[1] == pictures[3] != pictures[0]
    (end,) = await paint_all(engine, 9, ask(model="gone"))
    assert end == Failed("There is no model gone here; this is painted with one, two, xl.")
    assert end.sentence.values["names"] == "one, two, xl"  # so it can be told in any language


async def test_a_small_budget_serves_all_models_in_turns(make_engine, paint_all, ask, three):
    """Where only one model fits, the others' jobs wait for its jobs to end and are painted."""
    size = find_source(three[0][1]).count_bytes(4)
    engine = await make_engine(model="", models=three, memory_gb=1.2 * size / 1e9)
    names = ["one", "two", "xl", "one", "two", "xl"]
    jobs = [paint_all(engine, job, ask(model=name)) for job, name in enumerate(names)]
    ends = [events[-1] for events in await asyncio.gather(*jobs)]
    assert all(isinstance(end, Painted) for end in ends)
    assert len(engine._worker.library.opened) == 1


async def test_a_job_in_line_is_cancelled_at_once(make_engine, paint_all, ask, three):
    """Whoever waits for a model's room may leave, and a drain ends everybody."""
    size = find_source(three[0][1]).count_bytes(4)
    engine = await make_engine(model="", models=three, memory_gb=1.2 * size / 1e9)
    long = asyncio.create_task(paint_all(engine, 1, ask(model="one", num_inference_steps=500)))
    while not engine.stats().running:
        await asyncio.sleep(0.01)
    waiting = asyncio.create_task(paint_all(engine, 2, ask(model="two")))
    await asyncio.sleep(0.1)
    assert (engine.stats().running, engine.stats().waiting) == (1, 1)
    engine.cancel(2)
    assert len(await waiting) == 1
    engine.cancel(1)
    await long


def test_names_of_models_are_checked(three, tiny_model):
    """MODEL comes first; two of one name and names that cannot be typed are refused."""
    assert list(find_sources(str(tiny_model), three[1:])) == ["tiny", "two", "xl"]
    assert list(find_sources("")) == ["embedded"]
    with pytest.raises(ModelError, match="Two models are named one"):
        find_sources("", (three[0], three[0]))
    with pytest.raises(ModelError, match="cannot be a model's name"):
        Engine(EngineOptions(models=(("my model", str(tiny_model)),)))


def test_what_it_was_called_by_its_makers_tells_what_it_is(tiny_model, tmp_path):
    """A few-step model keeps its few steps under another name."""
    from engine.cards import read_card

    folder = shutil.copytree(tiny_model, tmp_path / "toy-turbo")
    (folder / "easel.json").unlink()
    card = read_card(find_sources("", (("quick", str(folder)),))["quick"])
    assert (card.name, card.default_steps, card.default_guidance) == ("quick", 4, 0.0)


async def test_a_model_too_large_for_the_card_paints_the_same(
    make_engine, paint_all, ask, tiny_model, picture, monkeypatch
):
    """With its parts coming in turns, every kind of job paints the same pictures."""
    requests = [ask(), ask(tile=True), ask(image=str(picture), strength=0.5), ask(prompt="(fox:2)")]

    async def paint_them(**options):
        engine = await make_engine(**options)
        jobs = [paint_all(engine, job, request) for job, request in enumerate(requests)]
        pictures = [events[-1].pictures for events in await asyncio.gather(*jobs)]
        return engine._worker.model, pictures

    whole, expected = await paint_them(exact=True)
    assert whole.offload is None
    monkeypatch.setattr("engine.models.is_card", lambda device: True)  # why: CI has none
    size = find_source(str(tiny_model)).count_bytes(4)
    model, pictures = await paint_them(exact=True, memory_gb=0.9 * size / 1e9)
    assert model.offload is not None
    assert pictures == expected


def test_weights_come_when_they_are_needed_and_leave_for_others(open_tiny):
    """Only so much is on the card as may be; leaving and coming back changes no number."""
    import torch

    pipeline = open_tiny.text_to_image
    parts = [pipeline.unet, pipeline.vae, pipeline.text_encoder]
    before = {part: [one.clone() for one in part.state_dict().values()] for part in parts}
    home = {part: next(part.parameters()).data_ptr() for part in parts}
    offload = Offload(torch.device("cpu"), count_bytes(parts[0]) + count_bytes(parts[1]))

    def away():
        return [part for part in parts if next(part.parameters()).data_ptr() != home[part]]

    for part in (parts[0], parts[1], parts[0]):
        offload.bring(part)
    assert away() == parts[:2]
    offload.bring(parts[2])
    assert away() == [parts[0], parts[2]]
    assert offload.leave_only(parts[2])
    assert not offload.leave_only(parts[2])
    assert away() == [parts[2]]
    offload.clear()
    assert away() == []
    for part, tensors in before.items():
        assert all(map(torch.equal, part.state_dict().values(), tensors))
