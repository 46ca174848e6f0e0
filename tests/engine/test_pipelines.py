"""What a request means in pixels: seeds, steps, guidance, the picture to start from."""

import contextlib

import diffusers
import pytest
import torch

from engine.errors import PaintError
from engine.models import open_model
from engine.pictures import open_picture
from engine.pipelines import paint, stretch_schedule
from engine.source import find_source


def quietly(step, estimate):
    """Nobody wants to know of the steps."""


@contextlib.contextmanager
def counted(module):
    """Count a module's forward calls: the list holds the row count of each."""
    calls = []
    handle = module.register_forward_hook(lambda _, given, out: calls.append(len(given[0])))
    yield calls
    handle.remove()


@contextlib.contextmanager
def sampling(model, scheduler):
    """Let the model's pipelines sample by another scheduler for a while."""
    pipelines = (model.text_to_image, model.image_to_image)
    before = [pipeline.scheduler for pipeline in pipelines]
    for pipeline in pipelines:
        pipeline.scheduler = scheduler
    yield
    for pipeline, old in zip(pipelines, before, strict=True):
        pipeline.scheduler = old


@pytest.mark.parametrize("start", [False, True], ids=["txt2img", "img2img"])
def test_a_tile_is_the_same_alone_and_in_a_grid(open_tiny, ask, picture, start):
    """Tile k of a grid is the single picture of seed + k, to 1e-5."""
    more = {"image": str(picture), "strength": 0.6} if start else {}
    grid = paint(open_tiny, ask(seed=100, **more), quietly)
    assert grid.shape == (4, 3, 64, 64)
    for tile in range(4):
        alone = paint(open_tiny, ask(seed=100 + tile, pictures=1, **more), quietly)
        assert (grid[tile] - alone[0]).abs().max() < 1e-5
    assert (grid[0] - grid[1]).abs().mean() > 1e-3


def test_sdxl_paints_tiles_alike_too(tiny_sdxl, ask, picture):
    """SDXL paints grids from text and from a picture, each tile as if painted alone."""
    model = open_model(find_source(str(tiny_sdxl)), "cpu")
    for more in ({}, {"image": str(picture), "strength": 0.5}):
        grid = paint(model, ask(model="tiny-sdxl", **more), quietly)
        alone = paint(model, ask(model="tiny-sdxl", seed=9, pictures=1, **more), quietly)
        assert (grid[2] - alone[0]).abs().max() < 1e-5


def test_the_seeds_of_a_grid_wrap_around(open_tiny, ask):
    """After seed 2³²-1 comes seed 0."""
    grid = paint(open_tiny, ask(seed=2**32 - 2), quietly)
    first = paint(open_tiny, ask(seed=0, pictures=1), quietly)
    assert (grid[2] - first[0]).abs().max() < 1e-5


SCHEDULERS = {
    "Euler": 1,
    "EulerAncestral": 1,
    "DDIM": 1,
    "DDPM": 1,
    "DPMSolverMultistep": 1,
    "DPMSolverSinglestep": 1,
    "UniPCMultistep": 1,
    "DEISMultistep": 1,
    "LCM": 1,
    "TCD": 1,
    "Heun": 2,
    "KDPM2": 2,
    "KDPM2Ancestral": 2,
}
FULL_NAMES = {"Euler": "EulerDiscrete", "EulerAncestral": "EulerAncestralDiscrete"} | {
    name: f"{name}Discrete" for name in ("Heun", "KDPM2", "KDPM2Ancestral")
}


@pytest.mark.filterwarnings("ignore:__array")  # of the KDPM2 schedulers
@pytest.mark.parametrize("strength", [0.1, 0.5, 0.9, 1])
@pytest.mark.parametrize("name", SCHEDULERS)
def test_all_the_asked_steps_run_whatever_the_strength(open_tiny, ask, picture, name, strength):
    """Starting from a picture takes exactly the asked number of steps, by any scheduler."""
    kind = getattr(diffusers, f"{FULL_NAMES.get(name, name)}Scheduler")
    scheduler = kind.from_config(open_tiny.text_to_image.scheduler.config)
    told = []
    request = ask(
        num_inference_steps=5, image=str(picture), strength=strength, pictures=1, guidance_scale=1
    )
    with sampling(open_tiny, scheduler), counted(open_tiny.text_to_image.unet) as calls:
        paint(open_tiny, request, lambda step, _: told.append(step))
    # A second-order scheduler looks twice at each step but the last.
    assert len(calls) == SCHEDULERS[name] * 5 - (SCHEDULERS[name] - 1)
    assert sorted(set(told)) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("longest", [50, 1000])
def test_stretched_schedules_run_whole_steps(longest):
    """For every strength and step count both ways of rounding take exactly the asked steps."""
    for steps in (1, 2, 3, 7, 20, 50):
        for percent in range(1, 101):
            schedule, strength = stretch_schedule(steps, percent / 100, longest)
            assert steps <= schedule <= max(longest, steps)
            assert int(schedule * strength) == steps
            assert schedule - int(schedule - schedule * strength) == steps
            if steps * 100 <= (longest - 3) * percent:
                assert strength <= percent / 100 + 1e-9
                assert strength > percent / 100 * steps / (steps + 3)


def test_strength_says_how_far_the_picture_may_be_left(open_tiny, ask, picture):
    """A low strength stays nearer to the picture than a high one."""
    encoded = paint(
        open_tiny, ask(image=str(picture), strength=0.01, pictures=1, guidance_scale=1), quietly
    )
    near, far = (
        paint(open_tiny, ask(image=str(picture), strength=strength, pictures=1), quietly)
        for strength in (0.1, 1.0)
    )
    assert (near - encoded).abs().mean() < (far - encoded).abs().mean()


def test_guidance_and_the_negative_prompt_change_the_picture(open_tiny, ask):
    """Guidance and what to avoid matter; at guidance 1 or less neither costs a row."""
    plain = paint(open_tiny, ask(pictures=1), quietly)
    assert (paint(open_tiny, ask(pictures=1, guidance_scale=9.0), quietly) - plain).abs().max() > 0
    avoiding = paint(open_tiny, ask(pictures=1, negative_prompt="grass"), quietly)
    assert (avoiding - plain).abs().max() > 1e-6
    with counted(open_tiny.text_to_image.unet) as calls:
        paint(open_tiny, ask(guidance_scale=1.0, negative_prompt="grass"), quietly)
    assert calls == [4, 4, 4, 4]
    with counted(open_tiny.text_to_image.unet) as calls:
        paint(open_tiny, ask(), quietly)
    assert calls == [8, 8, 8, 8]


def test_jobs_leave_no_trace_in_the_model(open_tiny, ask):
    """What one job changes, its scheduler above all, the next does not see."""
    before = open_tiny.text_to_image.scheduler
    first = paint(open_tiny, ask(pictures=1), quietly)
    paint(open_tiny, ask(pictures=2, num_inference_steps=9, guidance_scale=1), quietly)
    assert torch.equal(paint(open_tiny, ask(pictures=1), quietly), first)
    assert open_tiny.text_to_image.scheduler is before
    assert before.step_index is None


def test_the_picture_to_start_from_is_cut_to_the_tile(picture):
    """Whatever its size, the picture covers the tile and is cut at its middle."""
    opened = open_picture(picture, 64, 128)
    assert (opened.mode, opened.size) == ("RGB", (64, 128))


def test_a_lost_picture_is_a_sentence(tmp_path):
    """A picture that is gone or broken is said so."""
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    for path in (tmp_path / "gone.png", broken):
        with pytest.raises(PaintError, match="cannot be read any more"):
            open_picture(path, 64, 64)
