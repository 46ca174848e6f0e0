"""Whatever a request asks for, it may share forwards with others and stays the same."""

import itertools
import types

import pytest
import torch
from safetensors.torch import save_file

from engine.hub import Hub
from engine.models import open_model
from engine.pipelines import paint
from engine.routes import route_pipeline


def quietly(step, estimate):
    """Nobody wants to know of the steps."""


def write_lora(pipeline, path, seed):
    """A random LoRA for the U-Net's and the text encoder's attention."""
    generator, tensors = torch.Generator().manual_seed(seed), {}
    for prefix in ("unet", "text_encoder"):
        for name, layer in getattr(pipeline, prefix).named_modules():
            if name.endswith((".to_q", ".to_v", ".q_proj", ".v_proj")):
                for side, shape in (("A", (2, layer.in_features)), ("B", (layer.out_features, 2))):
                    key = f"{prefix}.{name}.lora_{side}.weight"
                    tensors[key] = 0.1 * torch.randn(shape, generator=generator)
    save_file(tensors, path)


@pytest.fixture(params=["sd15", "sdxl", "embedded"])
def open_again(request, family_source, tmp_path, write_control):
    """A maker of the same model with its LoRAs, opened anew."""
    source = family_source(request.param)
    for number, name in enumerate(("ink", "oil")):
        write_lora(
            open_model(source, "cpu").text_to_image,
            tmp_path / f"{name}.safetensors",
            number,
        )
    write_control(open_model(source, "cpu").text_to_image.unet, tmp_path / "canny")
    return lambda: open_model(source, "cpu", tmp_path, tmp_path)


@pytest.fixture
def pictures(tmp_path):
    """A picture and a mask, as files."""
    from PIL import Image

    Image.linear_gradient("L").resize((64, 64)).convert("RGB").save(tmp_path / "old.png")
    Image.linear_gradient("L").resize((64, 64)).save(tmp_path / "mask.png")
    return str(tmp_path / "old.png"), str(tmp_path / "mask.png")


def share(model, hub):
    """Route a model's modules, and its twins as they are made; let the hub switch its LoRAs."""
    name = model.card.name
    route_pipeline(hub, model.text_to_image, name)
    model.twins.on_made = lambda prefix, parts: route_pipeline(
        hub, types.SimpleNamespace(components=parts), f"{name}/{prefix[:-1]}"
    )
    model.controls.on_made = lambda control, net: route_pipeline(
        hub, types.SimpleNamespace(components={"controlnet": net}), f"{name}/{control}"
    )
    model.adapters.is_delegated = True


def test_every_kind_of_request_shares_forwards_and_stays_the_same(open_again, ask, pictures):
    """Jobs with LoRAs, masks, margins, tiles, weights, samplers and effects beside plain ones equal
    those painted alone, to 1e-5, in fewer forwards."""
    image, mask = pictures
    changes = [
        {},
        {"prompt": "a (blue:1.3) sea"},
        {"prompt": "fox::2 snow::-0.5", "guidance_scale": 3.0},
        {"sampler": "dpm++ 2m", "num_inference_steps": 6},
        {"sampler": "euler a", "stop": 0.5},
        {"loras": (("ink", 0.8),)},
        {"loras": (("ink", 0.8),), "prompt": "a blue whale", "num_inference_steps": 5},
        {"loras": (("oil", -0.5), ("ink", 1.0))},
        {"tile": True},
        {"tile": True, "loras": (("oil", 0.8),)},
        {"image": image, "strength": 0.6},
        {"image": image, "strength": 0.8, "mask": mask},
        {"image": image, "strength": 1.0, "margins": (16, 0, 16, 0), "loras": (("oil", 0.8),)},
        {"control": image, "control_kind": "canny"},
        {"control": image, "control_kind": "canny", "control_scale": 0.5, "prompt": "sea"},
        {"seed": 99},
        {"chaos": 80, "pictures": 2},
        {"weird": 1500, "stylize": 500},
        {"hd": True, "stylize": 100},
        {"images": (image, mask), "strength": 0.7, "prompt": ""},
    ]
    alone, shared = open_again(), open_again()
    name = alone.card.name
    requests = [ask(**{"model": name, "pictures": 1, **change}) for change in changes]
    expected = [paint(alone, request, quietly) for request in requests]

    ticks = itertools.count()  # a forward takes as long with many rows: always the same turns
    hub = Hub(
        clock=lambda: float(next(ticks)),
        activate=lambda site, state: shared.adapters.activate(site.removeprefix(f"{name}/"), state),
    )
    share(shared, hub)
    try:
        results, waiting = {}, list(enumerate(requests))
        while waiting or len(hub):
            if waiting:
                key, request = waiting.pop(0)
                states = shared.adapters.states(request)
                hub.start(
                    key,
                    lambda request=request: paint(shared, request, quietly),
                    steps=request.steps_to_run + request.hd_steps,
                    state={f"{name}/{part}": state for part, state in states.items()},
                )
            for finished in hub.turn():
                results[finished.job_key] = finished
    finally:
        hub.close()
    for key, picture in enumerate(expected):
        assert results[key].error is None, f"{changes[key]}: {results[key].error!r}"
        assert (results[key].result - picture).abs().max() < 1e-5, changes[key]
    steps = sum(request.steps_to_run + request.hd_steps for request in requests)
    assert hub.forwards[f"{name}/unet"] + hub.forwards[f"{name}/tile/unet"] < 0.8 * steps
