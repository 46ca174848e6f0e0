"""Tiny real pipelines, jobs that paint with them, and a hub with everything routed."""

import copy
import inspect
import itertools

import numpy as np
import pytest


@pytest.fixture(scope="session")
def sd15(tiny_model):
    """The tiny Stable Diffusion 1.5, loaded once."""
    return load(tiny_model)


@pytest.fixture(scope="session")
def sdxl(tiny_sdxl):
    """The tiny SDXL, loaded once."""
    return load(tiny_sdxl)


def load(folder):
    """Open a diffusers folder."""
    from diffusers import DiffusionPipeline

    return DiffusionPipeline.from_pretrained(folder, local_files_only=True)


def make_view(pipeline, kind=None, scheduler=None, **parts):
    """A pipeline of its own over the same weights, as the engine makes one for each job."""
    import diffusers

    kind = getattr(diffusers, kind) if kind else type(pipeline)
    known = inspect.signature(kind.__init__).parameters
    options = {"requires_safety_checker": False, "add_watermarker": False}
    parts = {
        **{name: part for name, part in pipeline.components.items() if name in known},
        "scheduler": scheduler or copy.deepcopy(pipeline.scheduler),
        **parts,
    }
    view = kind(**parts, **{name: value for name, value in options.items() if name in known})
    view.set_progress_bar_config(disable=True)
    return view


def make_scheduler(name):
    """One of diffusers' schedulers with Stable Diffusion's betas; `name option` turns one on."""
    import diffusers

    name, _, option = name.partition(" ")
    kind = getattr(diffusers, name)
    betas = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    options = {"skip_prk_steps": True} if name == "PNDMScheduler" else {}
    if option:
        options |= {"algorithm_type": option} if "solver" in option else {option: True}
    known = inspect.signature(kind.__init__).parameters
    return kind(**{key: value for key, value in (betas | options).items() if key in known})


def make_picture(seed, size=64):
    """A picture of noise."""
    from PIL import Image

    pixels = np.random.RandomState(seed).randint(0, 255, (size, size, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def make_mask(size=64):
    """Repaint the right middle."""
    from PIL import Image

    mask = np.zeros((size, size), np.uint8)
    mask[size // 4 : 3 * size // 4, size // 4 :] = 255
    return Image.fromarray(mask)


@pytest.fixture(scope="session")
def job():
    """A maker of jobs: `job(pipeline, seed=3, steps=5)` is a callable that paints one picture.

    `pictures` of them, `kind` names another pipeline class over the same weights, `scheduler`
    one of diffusers' schedulers, `parts` are modules to put in the place of the pipeline's.
    """
    import torch

    def make(
        pipeline, seed=0, steps=4, *, pictures=1, kind=None, scheduler=None, parts=None, **options
    ):
        known = {
            "prompt": f"picture {seed}",
            "num_inference_steps": steps,
            "num_images_per_prompt": pictures,
            "output_type": "np",
            "width": 64,
            "height": 64,
        }
        if kind and "Img2Img" in kind:
            known |= {"image": make_picture(seed), "strength": 0.6}
            del known["width"], known["height"]
        if kind and "Inpaint" in kind:
            known |= {"image": make_picture(seed), "mask_image": make_mask(), "strength": 0.9}
        if kind and "ControlNet" in kind:
            known |= {"image": make_picture(seed)}

        def paint():
            generator = [torch.Generator().manual_seed(100 * seed + k) for k in range(pictures)]
            own = make_scheduler(scheduler) if scheduler else None
            view = make_view(pipeline, kind, own, **(parts or {}))
            with torch.inference_mode():
                return view(**known | options, generator=generator).images

        return paint

    return make


@pytest.fixture
def make_hub():
    """A maker of hubs with pipelines' models routed; all put back when the test ends.

    Its clock ticks once per look, so that a forward takes as long with many rows as with one and
    the same test always sees the same turns.
    """
    import torch

    from engine.hub import Hub
    from engine.routes import route_pipeline

    hubs = []

    def make(*pipelines, device="cpu", **options):
        ticks = itertools.count()
        hub = Hub(torch.device(device), **{"clock": lambda: float(next(ticks))} | options)
        hubs.append(hub)
        for number, pipeline in enumerate(pipelines):
            route_pipeline(hub, pipeline, f"model{number}")
        return hub

    yield make
    for hub in hubs:
        hub.close()


@pytest.fixture(scope="session")
def paint_together():
    """Paint jobs through a hub to their ends, a new one joining every `join_every` turns."""

    def paint(hub, jobs, join_every=0, **options):
        waiting, ended, turns = list(jobs.items()), {}, 0
        while waiting or len(hub):
            while waiting and (not join_every or not len(hub) or turns % join_every == 0):
                key, callable_ = waiting.pop(0)
                hub.start(key, callable_, **options)
                if join_every:
                    break
            ended |= {end.job_key: end for end in hub.turn()}
            turns += 1
        ended |= {end.job_key: end for end in hub.turn()}
        return ended

    return paint


@pytest.fixture(scope="session")
def differ():
    """The largest difference between pictures painted in company and alone, 0..1."""

    def measure(jobs, ended):
        errors = {key: end.error for key, end in ended.items() if end.error}
        assert not errors
        assert set(ended) == set(jobs)
        return max(float(np.abs(ended[key].result - jobs[key]()).max()) for key in jobs)

    return measure
