"""Request → the diffusers call that paints it; the pipelines themselves stay unchanged."""

import dataclasses
import functools
import inspect
import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from engine.adapters import State
from engine.directions import push
from engine.embeddings import embed_prompts
from engine.errors import PaintError
from engine.facade import JobVae, encode
from engine.honours import refusal
from engine.models import Model
from engine.pictures import Scene, open_control, open_picture, open_scene
from engine.request import Request
from engine.steps import OnStep, stop_after, watch_steps
from engine.style import enrich
from engine.vocabulary import read_request

AROUND_GUIDANCE = {"embedded": 1.0}
MOST_AROUND_GUIDANCE = 4.0
"""How much the prompt leads around a picture, by the model's family: led by it more, what stands in
the picture already is painted once more around it."""


def paint(model: Model, request: Request, on_step: OnStep) -> Tensor:
    """Paint the request; pictures as floats in 0..1, (pictures, 3, height, width)."""
    if sentence := refusal(model.card, request):
        raise PaintError(sentence)
    if not request.hd_steps:
        return paint_once(model, request, on_step)
    done = request.num_inference_steps
    small = paint_once(model, _small(request), on_step)
    enlarged = interpolate(small, scale_factor=2, mode="bicubic", antialias=True).clamp(0, 1)
    large = _large(request, model.card.hd_strength)
    return paint_once(model, large, lambda step, seen: on_step(done + step, seen), enlarged)


def _small(request: Request) -> Request:
    """The first half of `hd`. The house style comes in the second, or there would be too much."""
    width, height = request.width // 2, request.height // 2
    return dataclasses.replace(request, width=width, height=height, hd=False, stylize=0)


def _large(request: Request, strength: float) -> Request:
    """The second half of `hd`, which starts from pictures at hand."""
    return dataclasses.replace(
        request,
        num_inference_steps=request.hd_steps,
        strength=strength,
        image="",
        images=(),
        stop=1.0,
        hd=False,
    )


def paint_once(
    model: Model,
    request: Request,
    on_step: OnStep,
    start: Tensor | None = None,
    on_view: Callable[[Any], None] = lambda _: None,
) -> Tensor:
    """Paint with one call of a pipeline; `start` is pictures in the place of the request's own.

    `on_view` is given that pipeline before it is called.
    """
    scene = open_scene(request) if request.mask or request.margins else None
    if request.margins:
        most = AROUND_GUIDANCE.get(model.card.family, MOST_AROUND_GUIDANCE)
        guidance = min(request.guidance_scale, most)
        request = dataclasses.replace(request, guidance_scale=guidance)
    view = model.view(request)
    if request.stop < 1:
        stop_after(view, request.steps_to_run)
    if request.stylize:
        enrich(view.scheduler, request.stylize, request.steps_to_run, is_tile=request.tile)
    watch_steps(view.scheduler, on_step)
    on_view(view)
    with (
        torch.inference_mode(),
        model.adapters.hold(request) as state,
        model.references.hold(request) as chosen,
    ):
        vae = getattr(view, "vae", None)
        arguments = call_arguments(view, request, scene, start)
        if start is None and scene is None and isinstance(vae, JobVae):
            vae.start = _known_start(model, view, request)
        arguments |= _prompt_arguments(model, view, request, state)
        arguments |= model.references.arguments(view, request, chosen)
        pictures: Tensor = view(**arguments).images
    pictures = pictures.float().cpu()
    if scene is not None:
        return scene.put_back(pictures)
    if isinstance(vae, JobVae):
        model.latents.remember(pictures, vae.decoded)
    return pictures


def call_arguments(
    pipeline: Any, request: Request, scene: Scene | None = None, start: Tensor | None = None
) -> dict[str, Any]:
    """Say the request in the words of the pipeline's `__call__`, leaving out what it lacks."""
    wanted: dict[str, Any] = {
        "prompt": request.prompt,
        "num_inference_steps": request.num_inference_steps,
        "guidance_scale": request.guidance_scale,
        "width": request.width,
        "height": request.height,
        "num_images_per_prompt": request.pictures,
        "generator": [torch.Generator("cpu").manual_seed(seed) for seed in request.seeds],
        "output_type": "pt",
    }
    if request.negative_prompt and request.guidance_scale > 1:
        wanted["negative_prompt"] = request.negative_prompt
    if request.strength is not None:
        schedule, strength = stretch_schedule(
            request.num_inference_steps, request.strength, longest_schedule(pipeline.scheduler)
        )
        wanted |= {"num_inference_steps": schedule, "strength": strength}
        if scene is not None:
            wanted |= _scene_arguments(pipeline, request, scene)
        else:
            wanted["image"] = _open_start(request) if start is None else start
    if request.control is not None:
        name = "control_image" if request.starts else "image"
        wanted[name] = open_control(request)
        wanted["controlnet_conditioning_scale"] = request.control_scale
    known = _names_of(type(pipeline).__call__)
    return {name: value for name, value in wanted.items() if name in known}


@functools.cache
def _names_of(call: Callable[..., Any]) -> frozenset[str]:
    return frozenset(inspect.signature(call).parameters)


def _open_start(request: Request) -> Image.Image:
    return open_picture(Path(request.image or request.images[0]), request.width, request.height)


def _known_start(model: Model, view: Any, request: Request) -> Tensor | None:
    """The latents a job starts from, where they need not be encoded: known ones, or a mean."""
    paths = [request.image] if request.image else list(request.images)
    found = []
    for path in paths:
        picture = open_picture(Path(path), request.width, request.height)
        known = model.latents.find(picture)
        if known is None and not request.images:
            return None
        found.append(encode(view, picture) if known is None else known)
    return torch.stack([one.float().cpu() for one in found]).mean(0) if found else None


def _scene_arguments(pipeline: Any, request: Request, scene: Scene) -> dict[str, Any]:
    is_unet = hasattr(pipeline, "unet")
    factor = int(pipeline.vae_scale_factor)
    arguments: dict[str, Any] = {
        # One for each tile: else all tiles would share what the first one's seed makes of it.
        "image": [scene.picture] * request.pictures,
        "mask_image": scene.mask_for(factor if is_unet else 2 * factor),
    }
    if is_unet and pipeline.unet.config.in_channels == 4:
        # What such a U-Net never sees need not be encoded.
        shape = request.pictures, 4, request.height // factor, request.width // factor
        arguments["masked_image_latents"] = torch.zeros(shape)
    return arguments


def _prompt_arguments(
    model: Model, pipeline: Any, request: Request, state: State
) -> dict[str, Any]:
    """The prompt's embeddings in its place, where the model's text encoders are known."""
    if "prompt_weights" not in model.card.honours:
        return {}
    negative = request.negative_prompt if request.guidance_scale > 1 else None
    prompt = read_request(request).text
    embeddings = embed_prompts(pipeline, model.prompts, state, prompt, negative)
    if request.chaos or request.weird:
        embeddings = _push(model, pipeline, request, state, embeddings)
    return {"prompt": None, "negative_prompt": None} | embeddings


def _push(
    model: Model, pipeline: Any, request: Request, state: State, embeddings: dict[str, Tensor]
) -> dict[str, Any]:
    """The embeddings for each tile of its own."""

    def embed(text: str) -> dict[str, Tensor]:
        return embed_prompts(pipeline, model.prompts, state, text, None)

    wanted = {name: each for name, each in embeddings.items() if not name.startswith("negative_")}
    shared = {
        name: each.expand(request.pictures, *each.shape[1:])
        for name, each in embeddings.items()
        if name not in wanted
    }
    pushed = push(pipeline.tokenizer, request, wanted, embed)
    return {**pushed, **shared, "num_images_per_prompt": 1}


def longest_schedule(scheduler: Any) -> int:
    """The most steps a schedule of this scheduler can have."""
    config = scheduler.config
    longest = config.get("original_inference_steps") or config.get("num_train_timesteps") or 1000
    return int(longest)


def stretch_schedule(steps: int, strength: float, longest: int) -> tuple[int, float]:
    """Return the schedule and strength with which img2img takes exactly `steps` steps.

    Pipelines run the last schedule * strength steps of a schedule, some rounding down, some up;
    so the strength comes back as steps / schedule, at most the one asked for and such that the
    product is whole. Where the asked strength has not that many steps (1 of 1000 each), a larger
    one is taken.
    """
    first = min(max(math.ceil(steps / strength - 1e-9), steps), max(longest, steps))
    for schedule in itertools.chain(range(first, longest + 1), range(first, steps, -1)):
        if schedule * (steps / schedule) == steps:
            return schedule, steps / schedule
    return steps, 1.0
