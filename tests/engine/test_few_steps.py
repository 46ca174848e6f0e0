"""Few steps: a LoRA that came with the model paints by default what is not asked for otherwise."""

import dataclasses
import itertools
import json
import shutil

import pytest
import torch
from diffusers import LCMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image

from engine import Painted, few_steps_for
from engine.cards import read_card
from engine.errors import ModelError, PaintError
from engine.few_steps import FewSteps
from engine.hub import Hub
from engine.models import make_untrained, open_model
from engine.pipelines import paint
from engine.routes import route_pipeline
from engine.source import find_source
from engine.study import study

FEW = {"few_steps": True, "sampler": "lcm", "guidance_scale": 1.0}


def quietly(step, estimate):
    """Nobody wants to know of the steps."""


@pytest.fixture(scope="module")
def folder(tiny_model, tmp_path_factory, bring_everything):
    """A tiny model with all that may come with one."""
    folder = tmp_path_factory.mktemp("brought") / "tiny"
    shutil.copytree(tiny_model, folder)
    bring_everything(UNet2DConditionModel.from_pretrained(folder / "unet"), folder)
    return folder


@pytest.fixture(scope="module")
def loras(folder, tmp_path_factory, save_few_steps):
    """A painter's own LoRA, for the U-Net."""
    loras = tmp_path_factory.mktemp("loras")
    unet = UNet2DConditionModel.from_pretrained(folder / "unet")
    save_few_steps(unet, loras, strength=0.1, seed=12)
    (loras / "few-steps.safetensors").rename(loras / "ink.safetensors")
    return loras


@pytest.fixture(scope="module")
def open_again(folder, loras):
    """A maker of the model, opened anew."""
    return lambda: open_model(find_source(str(folder)), "cpu", loras)


@pytest.fixture(scope="module")
def model(open_again):
    """The model, opened once."""
    return open_again()


@pytest.fixture
def pictures(tmp_path):
    """A picture and a mask, as files."""
    Image.linear_gradient("L").resize((64, 64)).convert("RGB").save(tmp_path / "old.png")
    Image.linear_gradient("L").resize((64, 64)).save(tmp_path / "mask.png")
    return str(tmp_path / "old.png"), str(tmp_path / "mask.png")


@pytest.mark.parametrize(
    ("asked", "is_few"),
    [
        ({}, True),
        ({"steps": 1}, True),
        ({"steps": 8}, True),
        ({"steps": 9}, False),
        ({"guidance": 5.0}, False),
        ({"guidance": 1.0, "steps": 4}, False),
        ({"negative_prompt": "snow"}, False),
        ({"prompt": "a fox::2 snow::-1"}, False),
        ({"prompt": "a (fox:-0.5) in snow"}, False),
        ({"prompt": "a (fox:1.5) in [snow] sea::0.5"}, True),
        ({"sampler": "lcm"}, True),
        ({"sampler": "euler a"}, False),
        ({"sampler": "euler a", "steps": 4}, False),
        ({"quality": 0.25}, True),
        ({"quality": 2}, False),
        ({"stop": 0.8}, False),
        ({"stop": 0.5, "steps": 4}, True),
    ],
)
def test_what_takes_the_ordinary_sampler(folder, asked, is_few):
    """Guidance, what is not wanted, another sampler, more steps or work, and an early end do."""
    card = read_card(find_source(str(folder)))
    assert (few_steps_for(card, **asked) is not None) == is_few
    assert few_steps_for(dataclasses.replace(card, few_steps=None), **asked) is None


def test_the_card_says_what_came_with_the_model(folder, tiny_model, tmp_path):
    """Whoever asks knows before any weight is loaded; a damaged file is named."""
    card, plain = (read_card(find_source(str(path))) for path in (folder, tiny_model))
    assert (card.few_steps, card.controls) == (FewSteps(), str(folder / "controls"))
    assert (plain.few_steps, plain.controls) == (None, "")
    assert (card.default_steps, card.default_guidance) == (plain.default_steps, 7.5)
    damaged = tmp_path / "damaged"
    shutil.copytree(folder, damaged)
    easel = damaged / "easel.json"
    easel.write_text('{"few_steps": 6}')
    assert read_card(find_source(str(damaged))).few_steps == FewSteps(steps=6)
    easel.write_text('{"few_steps": 9}')
    with pytest.raises(ModelError, match=r"easel\.json: few_steps must be 1 to 8, not 9"):
        read_card(find_source(str(damaged)))
    lora = damaged / "few-steps.safetensors"
    lora.write_bytes(lora.read_bytes()[:-5])
    with pytest.raises(ModelError, match=r"few-steps\.safetensors is cut short"):
        read_card(find_source(str(damaged)))


def test_it_paints_what_diffusers_paints(model, folder, ask):
    """As the stock pipeline with the LoRA loaded and LCM's scheduler, within 1e-5; and the folder
    alone is an ordinary pipeline."""
    stock = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None)
    stock.set_progress_bar_config(disable=True)

    def by_diffusers(request):
        return stock(
            request.prompt,
            num_inference_steps=request.num_inference_steps,
            guidance_scale=request.guidance_scale,
            width=64,
            height=64,
            generator=torch.Generator().manual_seed(request.seed),
            output_type="pt",
        ).images

    ordinary, few = ask(model="tiny", pictures=1), ask(model="tiny", pictures=1, **FEW)
    assert (paint(model, ordinary, quietly) - by_diffusers(ordinary)).abs().max() < 1e-5
    stock.load_lora_weights(folder, weight_name="few-steps.safetensors")
    stock.scheduler = LCMScheduler.from_config(stock.scheduler.config, clip_sample=False)
    painted = paint(model, few, quietly)
    assert (painted - by_diffusers(few)).abs().max() < 1e-5
    without = dataclasses.replace(few, few_steps=False)
    assert (painted - paint(model, without, quietly)).abs().max() > 1e-3


def test_ordinary_pictures_stay_as_they_are(open_again, open_tiny, ask):
    """After few steps, with and without a painter's LoRA, the model paints bit for bit as
    before."""
    model = open_again()
    assert model.size_bytes > open_tiny.size_bytes  # its U-Net has weights of its own
    before = paint(model, ask(), quietly)
    few = paint(model, ask(**FEW), quietly)
    inked = paint(model, ask(**FEW, loras=(("ink", 0.8),)), quietly)
    assert (few - inked).abs().max() > 1e-3
    assert torch.equal(paint(model, ask(), quietly), before)
    assert torch.equal(paint(model, ask(**FEW), quietly), few)


def test_everything_is_painted_in_few_steps(open_again, ask, pictures):
    """Every kind of job goes by few steps, beside ordinary ones in one hub, and equals what is
    painted alone, to 1e-5."""
    image, mask = pictures
    kinds = [
        {},
        {"prompt": "a blue whale", "num_inference_steps": 2},
        {"num_inference_steps": 8, "stylize": 300},
        {"loras": (("ink", 0.8),)},
        {"tile": True},
        {"tile": True, "loras": (("ink", -0.5),)},
        {"image": image, "strength": 0.6},
        {"image": image, "strength": 1.0, "mask": mask},
        {"image": image, "strength": 1.0, "margins": (16, 0, 16, 0)},
        {"control": image, "control_kind": "canny"},
        {"control": image, "control_kind": "scribble", "references": ((image, "image", 0.5),)},
        {"references": ((image, "style", 1.0),), "loras": (("ink", 0.8),)},
        {"chaos": 80, "weird": 900, "pictures": 2},
        {"hd": True, "stop": 0.5},
        {"images": (image, mask), "strength": 0.7, "prompt": ""},
    ]
    alone, shared = open_again(), open_again()
    requests = [ask(**{"pictures": 1} | kind | FEW) for kind in kinds]
    requests += [ask(**{"pictures": 1} | kind) for kind in kinds]
    expected = [paint(alone, request, quietly) for request in requests]
    for few, ordinary in zip(expected[: len(kinds)], expected[len(kinds) :], strict=True):
        assert (few - ordinary).abs().max() > 1e-3

    ticks = itertools.count()
    hub = Hub(
        clock=lambda: float(next(ticks)),
        activate=lambda site, state: shared.activate(site.removeprefix("tiny/"), state),
    )

    def route(prefix, parts):
        route_pipeline(hub, type("Parts", (), {"components": parts}), f"tiny/{prefix}")

    route_pipeline(hub, shared.text_to_image, "tiny")
    shared.twins.on_made = lambda prefix, parts: route(prefix[:-1], parts)
    shared.controls.on_made = lambda name, net: route(name, {"controlnet": net})
    shared.references.encoders.on_made = lambda name, net: route(name, {"image_encoder": net})
    shared.adapters.is_delegated = shared.references.is_delegated = True
    try:
        for key, request in enumerate(requests):
            hub.start(
                key,
                lambda request=request: paint(shared, request, quietly),
                steps=request.steps_to_run + request.hd_steps,
                state={f"tiny/{part}": one for part, one in shared.states(request).items()},
            )
        ended = {}
        while len(hub):
            ended |= {finished.job_key: finished for finished in hub.turn()}
    finally:
        hub.close()
    for key, picture in enumerate(expected):
        assert ended[key].error is None, f"{requests[key]}: {ended[key].error!r}"
        assert (ended[key].result - picture).abs().max() < 1e-5, requests[key]
    few_steps = sum(request.steps_to_run + request.hd_steps for request in requests[: len(kinds)])
    forwards = hub.forwards["tiny/few/unet"] + hub.forwards["tiny/few/tile/unet"]
    assert 0 < forwards < 0.8 * few_steps


def test_a_model_without_it_says_so(open_tiny, ask):
    """A job that was to be painted in few steps where the LoRA is gone ends with a sentence."""
    with pytest.raises(PaintError, match="cannot paint in few steps"):
        paint(open_tiny, ask(**FEW), quietly)


def test_how_it_was_painted_is_told_of_the_very_picture(model, ask):
    """What is explained is the picture of few steps, with a map for each word."""
    request = ask(prompt="a fox on the snow", pictures=1, **FEW)
    found = study(model, request, quietly)
    assert (found.steps, found.guidance_scale) == (4, 1.0)
    assert [word for word, _ in found.heats] == ["fox", "snow"]


@pytest.fixture(scope="module")
def embedded(tmp_path_factory, bring_everything):
    """A folder laid out as the embedded model's, of random weights and 256 pixels."""
    folder = tmp_path_factory.mktemp("laid-out") / "embedded"
    pipeline = make_untrained(None)
    pipeline.unet.register_to_config(sample_size=32)
    pipeline.save_pretrained(folder, safe_serialization=True)
    easel = {"native_size": 256, "default_steps": 20, "default_guidance": 4.0, "max_side": 512}
    (folder / "easel.json").write_text(json.dumps(easel))
    bring_everything(pipeline.unet, folder, projection=256)
    return folder


async def test_the_embedded_folder_brings_everything(
    embedded, monkeypatch, make_engine, paint_all, ask, pictures
):
    """Few steps, pictures to look at, edges and the size of its tiles are there with no setting."""
    monkeypatch.setattr("engine.source.EMBEDDED", embedded)
    engine = await make_engine(model="")
    card = engine.models()[0]
    assert (card.width, card.height, card.max_side) == (256, 256, 512)
    assert (card.default_steps, card.few_steps) == (20, FewSteps())
    assert card.honours >= {"reference", "style", "control"}
    assert "character" not in card.honours
    image, _ = pictures
    more = {"references": ((image, "image", 0.5),), "control": image, "control_kind": "canny"}
    request = ask(model="embedded", num_inference_steps=2, pictures=1, **FEW)
    ends = [
        (await paint_all(engine, job, dataclasses.replace(request, **fields)))[-1]
        for job, fields in enumerate(({}, more), 1)
    ]
    assert all(isinstance(end, Painted) for end in ends), ends
    assert ends[0].pictures != ends[1].pictures
    assert engine._worker.hub.forwards["embedded/few/unet"] == 4  # where others may join
