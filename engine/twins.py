"""Second modules over the same weights, for what one job wants otherwise than its neighbours."""

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from engine.offload import share_device

Made = Callable[[dict[str, nn.Module]], None]
TILED = ("unet", "vae")
TILE_UNET = "tile/unet"
"""What the twin of the U-Net goes by."""
ADDED = re.compile(r"\.lora_|\.processor\.|^encoder_hid_proj\.")
"""What LoRAs and IP-Adapters put into a module."""


class Twins:
    """The seamless-tile twins of a pipeline's U-Net and VAE, made when first asked for.

    `on_made` is told of them (by their names in the pipeline), so that a hub can route them too.
    """

    def __init__(self, pipeline: Any) -> None:
        self.on_made: Made | None = None
        self._pipeline = pipeline
        self._tiled: dict[str, nn.Module] = {}

    @property
    def tiled(self) -> dict[str, nn.Module]:
        """Return the twins whose pictures go on at the opposite edge."""
        if not self._tiled:
            self._tiled = {
                name: make_circular(make_twin(getattr(self._pipeline, name))) for name in TILED
            }
            if self.on_made is not None:
                self.on_made(dict(self._tiled))
        return self._tiled


def make_twin(module: Any) -> nn.Module:
    """Make a second module of the same kind over the same storage; what adapters added to the
    first stays there."""
    with torch.device("meta"):
        twin: Any = type(module).from_config(module.config)
    weights = {
        name.replace(".base_layer.", "."): tensor
        for name, tensor in module.state_dict().items()
        if not ADDED.search(name)
    }
    twin.load_state_dict(weights, assign=True)
    for name, buffer in module.named_buffers():
        if name not in weights and not ADDED.search(name):
            owner, _, last = name.rpartition(".")
            twin.get_submodule(owner).register_buffer(last, buffer, persistent=False)
    twin.eval().requires_grad_(requires_grad=False)
    share_device(module, twin)
    return twin  # type: ignore[no-any-return]  # why: diffusers' classes are Any to us


def make_circular(module: nn.Module) -> nn.Module:
    """Let every convolution see the opposite edge beyond an edge; changes the module."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d) and any(_padding(layer)):
            layer.padding_mode = "circular"
    return module


def _padding(layer: nn.Conv2d) -> tuple[int, ...]:
    return layer.padding if isinstance(layer.padding, tuple) else (0,)
