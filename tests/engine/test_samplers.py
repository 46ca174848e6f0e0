"""The samplers that people name."""

import json

import pytest
import torch

from engine.cards import read_card
from engine.errors import PaintError
from engine.pipelines import paint
from engine.request import Request
from engine.samplers import SAMPLERS, make_scheduler, normal_name, samplers_for
from engine.source import Kind, Source


def quietly(step, estimate):
    """Nobody wants to know of the steps."""


@pytest.mark.filterwarnings("ignore:__array")
@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_paints_a_grid_tile_by_tile(open_tiny, ask, name):
    """Each named sampler paints, and a tile of its grid is the picture painted alone."""
    fields = {"sampler": name, "num_inference_steps": 5, "guidance_scale": 1.0}
    steps = []
    grid = paint(open_tiny, ask(pictures=2, **fields), lambda step, _: steps.append(step))
    alone = paint(open_tiny, ask(seed=8, pictures=1, **fields), quietly)
    assert (grid[1] - alone[0]).abs().max() < 1e-5
    assert steps[-1] == 5
    assert bool(grid.isfinite().all())


@pytest.mark.filterwarnings("ignore:__array")
def test_samplers_differ(open_tiny, ask):
    """Another sampler, and Karras' spacing too, are other pictures of one seed."""
    names = ["", "dpm++ 2m", "dpm++ 2m karras", "dpm++ 2m sde", "dpm++ sde", "ddim", "unipc"]
    painted = [paint(open_tiny, ask(pictures=1, sampler=name), quietly) for name in names]
    for number, one in enumerate(painted):
        for other in painted[number + 1 :]:
            assert (one - other).abs().max() > 1e-4


EXACT = [
    name
    for name in SAMPLERS
    if not any(word in name.split() for word in ("a", "sde", "ddpm", "lcm", "tcd"))
]


@pytest.mark.filterwarnings("ignore:__array")
def test_samplers_without_noise_agree(open_tiny, ask):
    """Samplers that add no noise solve one equation: with many steps they paint one picture."""
    fields = {"pictures": 1, "guidance_scale": 1.0, "num_inference_steps": 25}
    euler = paint(open_tiny, ask(sampler="euler", **fields), quietly)
    for name in EXACT:
        painted = paint(open_tiny, ask(sampler=name, **fields), quietly)
        assert (painted - euler).abs().mean() < 0.01, name
    noisy = paint(open_tiny, ask(sampler="euler a", **fields), quietly)
    assert (noisy - euler).abs().mean() > 0.03


@pytest.mark.parametrize("name", ["lcm", "tcd"])
def test_few_step_samplers_take_many_steps_too(open_tiny, ask, name, tmp_path):
    """More steps than a sampler was distilled from are painted, not refused half-way."""
    from PIL import Image

    Image.new("RGB", (64, 64), "red").save(tmp_path / "red.png")
    fields = {"sampler": name, "num_inference_steps": 60, "pictures": 1, "guidance_scale": 1.0}
    for start in ({}, {"image": str(tmp_path / "red.png"), "strength": 0.5}):
        steps = []
        paint(open_tiny, ask(**fields, **start), lambda step, _, done=steps: done.append(step))
        assert steps[-1] == 60


def test_the_models_own_schedule_is_kept(open_tiny):
    """A sampler takes over betas and prediction, not what belongs to the model's own sampler."""
    own = make_scheduler("dpm++ 2m karras", open_tiny.text_to_image.scheduler)
    assert own.config.use_karras_sigmas
    assert own.config.beta_end == open_tiny.text_to_image.scheduler.config.beta_end
    assert own.config.steps_offset == 1
    assert not make_scheduler("dpm++ 2m", own).config.use_karras_sigmas
    assert make_scheduler("unipc", own).config.solver_order == 2


@pytest.mark.parametrize("name", ["", "unipc", "dpm++ 2m karras"])
def test_every_job_has_a_scheduler_of_its_own(open_tiny, ask, name):
    """What a job's scheduler notes is seen by no other job of the same sampler, early or late."""
    first, second = (open_tiny.view(ask(sampler=name)).scheduler for _ in range(2))
    before = {key: repr(value) for key, value in vars(second).items()}
    first.set_timesteps(4)
    sample = torch.ones(1, 4, 8, 8)
    for step in first.timesteps:
        sample = first.step(torch.ones_like(sample), step, sample).prev_sample
    third = open_tiny.view(ask(sampler=name)).scheduler
    for other in (second, third):
        assert {key: repr(value) for key, value in vars(other).items()} == before


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Euler a", "euler a"),
        ("k_euler_ancestral", "euler a"),
        ("DPM++2M-Karras", "dpm++ 2m karras"),
        ("dpmpp_2m_sde", "dpm++ 2m sde"),
        ("UniPC", "unipc"),
        ("dpm++ 2m", "dpm++ 2m"),
    ],
)
def test_names_are_taken_as_other_tools_write_them(ask, typed, name):
    """Case, dashes and the spellings of other tools do not matter; the request keeps one name."""
    assert normal_name(typed) == name
    assert ask(sampler=typed).sampler == name


def test_an_unknown_sampler_is_answered_with_near_ones():
    """A sampler that does not exist is a sentence that names some that do."""
    with pytest.raises(ValueError, match=r"no sampler 'dpm\+\+ 2n'; .*dpm\+\+ 2m"):
        normal_name("dpm++ 2n")
    with pytest.raises(ValueError, match="no sampler 'xyz'"):
        normal_name("xyz")


def test_models_offer_the_samplers_that_fit():
    """Flow matching has its own, zero terminal SNR takes those that can start from noise alone."""
    assert samplers_for({"_class_name": "FlowMatchEulerDiscreteScheduler"}) == ("euler",)
    assert samplers_for({"_class_name": "PNDMScheduler"}) == tuple(SAMPLERS)
    zero = samplers_for({"_class_name": "DDIMScheduler", "rescale_betas_zero_snr": True})
    assert "dpm++ 2m" in zero
    assert "heun" not in zero


def test_the_card_says_what_the_model_honours(tmp_path, tiny_model):
    """Samplers and abilities are on the card before any weight is loaded."""
    source = Source(Kind.FOLDER, str(tiny_model), "tiny", tiny_model)
    card = read_card(source)
    assert "euler a" in card.samplers
    assert {"inpaint", "tile", "lora", "stop", "sampler"} <= card.honours
    (tmp_path / "scheduler").mkdir()
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "FluxPipeline"}))
    flow = json.dumps({"_class_name": "FlowMatchEulerDiscreteScheduler"})
    (tmp_path / "scheduler" / "scheduler_config.json").write_text(flow)
    card = read_card(Source(Kind.FOLDER, str(tmp_path), "flux", tmp_path))
    assert card.samplers == ("euler",)
    assert "tile" not in card.honours


def test_a_model_refuses_what_it_cannot_do(open_tiny, ask):
    """What is not on the card is refused in a sentence, before anything is painted."""
    import dataclasses

    card = dataclasses.replace(open_tiny.card, honours=frozenset(), samplers=())
    poor = dataclasses.replace(open_tiny, card=card)
    for fields, words in (
        ({"sampler": "euler"}, "paint by another sampler"),
        ({"tile": True}, "paint seamless tiles"),
        ({"stop": 0.5}, "stop early"),
        ({"loras": (("fox", 1.0),)}, "take LoRAs"),
    ):
        with pytest.raises(PaintError, match=f"The model tiny cannot {words}"):
            paint(poor, ask(**fields), quietly)
    one = dataclasses.replace(open_tiny.card, samplers=("euler",))
    with pytest.raises(PaintError, match="cannot paint by ddim; it can by euler"):
        paint(dataclasses.replace(open_tiny, card=one), ask(sampler="ddim"), quietly)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"stop": 0.05}, "stop must be 0.1 to 1"),
        ({"mask": "m.png"}, "need an image"),
        ({"margins": (8, 0, 0, 0)}, "need an image"),
        ({"image": "a", "strength": 1, "mask": "m", "margins": (8, 0, 0, 0)}, "not go together"),
        ({"image": "a", "strength": 1, "margins": (0, 0, 0, 0)}, "one above"),
        ({"image": "a", "strength": 1, "margins": (-8, 0, 0, 8)}, "numbers from 0"),
        ({"image": "a", "strength": 1, "margins": (32, 0, 24, 0)}, "leave 16 pixels"),
        ({"loras": (("", 1.0),)}, "must have a name"),
        ({"loras": (("Fox", 1.0), ("fox", 0.5))}, "twice"),
        ({"loras": (("fox", 9.0),)}, "weight of a LoRA"),
        ({"loras": (("fox", float("nan")),)}, "weight of a LoRA"),
        ({"loras": tuple((f"l{n}", 1) for n in range(9))}, "at most 8"),
        ({"sampler": "magic"}, "no sampler 'magic'"),
    ],
)
def test_fields_are_checked_with_a_sentence(ask, fields, words):
    """A request that cannot be meant is refused when it is made."""
    with pytest.raises(ValueError, match=words):
        ask(**fields)


def test_old_rows_read_and_new_ones_come_back_equal(ask):
    """Requests written before these fields existed read with their defaults; new ones as they
    were."""
    new = ask(
        image="a.png",
        strength=1.0,
        margins=(8, 0, 8, 0),
        tile=True,
        stop=0.5,
        loras=(("fox", 0.8),),
        sampler="dpmpp_2m",
    )
    assert Request.from_json(new.to_json()) == new
    fields = json.loads(ask().to_json())
    for name in ("sampler", "mask", "margins", "tile", "stop", "loras"):
        del fields[name]
    assert Request.from_json(json.dumps(fields)) == ask()
