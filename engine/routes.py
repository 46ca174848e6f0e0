"""Which methods of a pipeline's models are worth sharing between jobs."""

from typing import Any

from torch import nn

from engine.hub import Hub
from engine.prompt_attention import ease

DENOISERS = ("unet", "transformer", "transformer_2", "prior")
FORWARDS = ("controlnet", "text_encoder", "text_encoder_2", "text_encoder_3", "image_encoder")
ROUTED = frozenset({*DENOISERS, *FORWARDS, "vae"})
"""The parts that run nowhere but in the hub's forwards."""
INDIFFERENT = ("AutoencoderKL", "AutoencoderTiny", "AsymmetricAutoencoderKL")
"""VAEs that take a `generator` for decoding and make no use of it."""


def route_pipeline(hub: Hub, pipeline: Any, model: str) -> None:
    """Route all models of a pipeline under site names such as `"sdxl/unet"`, `"sdxl/vae.decode"`.

    Every view over the same modules is routed with it. `hub.unroute(f"{model}/")` undoes it.
    """
    parts = pipeline.components
    for name in DENOISERS:
        if isinstance(module := parts.get(name), nn.Module):
            ease(module)
            hub.route(module, f"{model}/{name}", is_denoiser=True)
    for name in FORWARDS:
        if isinstance(module := parts.get(name), nn.Module):
            for number, net in enumerate(getattr(module, "nets", [module])):
                ease(net)
                hub.route(net, f"{model}/{name}{number or ''}")
    vae = parts.get("vae")
    if isinstance(vae, nn.Module):
        ignored = ("generator",) if type(vae).__name__ in INDIFFERENT else ()
        hub.route(vae, f"{model}/vae.decode", "decode", ignored=ignored)
        hub.route(vae, f"{model}/vae.encode", "encode")
