"""Second modules beside a pipeline's own, for what one job wants otherwise than its neighbours."""

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from engine.lora_file import LoraFile
from engine.offload import share_device
from engine.request import Request

Made = Callable[[str, dict[str, nn.Module]], None]
TILED = ("unet", "vae")
FEW, TILE = "few/", "tile/"
"""What stands before the names of the twins, as in `few/tile/unet`."""
ADDED = re.compile(r"\.lora_|\.processor\.|^encoder_hid_proj\.")
"""What LoRAs and IP-Adapters put into a module."""


def prefix_of(request: Request) -> str:
    """Return what stands before the names of the modules that paint a request."""
    return FEW * request.few_steps + TILE * request.tile


class Twins:
    """The twins of a pipeline's modules, made when first asked for.

    Those of seamless tiles share every weight. The U-Net for few steps has weights of its own, with
    the LoRA of the file `few_steps` in them: most jobs paint by it, and so it costs no more than
    the model's own, and nothing is switched between a job that does and one that does not.
    """

    def __init__(self, pipeline: Any, few_steps: Path | None = None) -> None:
        self._on_made: Made | None = None
        self._pipeline = pipeline
        self._few_steps = few_steps
        self._made: dict[str, dict[str, nn.Module]] = {}

    @property
    def on_made(self) -> Made | None:
        """What is told of each that is made, by prefix and name, so that a hub can route it."""
        return self._on_made

    @on_made.setter
    def on_made(self, told: Made | None) -> None:
        # Whoever takes over hears of those that are there already.
        self._on_made = told
        if told is not None:
            for prefix, made in self._made.items():
                told(prefix, dict(made))

    def standing_in(self, prefix: str) -> dict[str, nn.Module]:
        """Return what stands in for modules of the pipeline, by their names in it."""
        if not prefix:
            return {}
        if prefix not in self._made:
            made = self._make_few() if prefix == FEW else self._make_tiled(prefix)
            self._made[prefix] = made
            if self._on_made is not None:
                self._on_made(prefix, dict(made))
        return self._made[prefix]

    def module(self, part: str) -> Any:
        """Return a module by the name of its part: `unet`, `few/unet`, `few/tile/unet`, …"""
        prefix, name = part[: part.rfind("/") + 1], part.rpartition("/")[2]
        return self.standing_in(prefix).get(name) or getattr(self._pipeline, name, None)

    @property
    def weighty(self) -> tuple[nn.Module, ...]:
        """Return those that have weights of their own."""
        return tuple(self._made.get(FEW, {}).values())

    def _make_tiled(self, prefix: str) -> dict[str, nn.Module]:
        base = prefix.removesuffix(TILE)
        return {name: make_circular(make_twin(self.module(f"{base}{name}"))) for name in TILED}

    def _make_few(self) -> dict[str, nn.Module]:
        if self._few_steps is None:
            raise RuntimeError("This model has no LoRA for few steps.")
        # Tensors made in inference mode could not be changed outside of it.
        with torch.inference_mode(mode=False):
            unet: Any = copy.deepcopy(make_twin(self._pipeline.unet))
            file = LoraFile.read(self._pipeline, self._few_steps)
            file.put_into_unet(self._pipeline, unet, FEW.rstrip("/"))
            unet.fuse_lora()
            unet.unload_lora()
            unet.requires_grad_(requires_grad=False)
        return {"unet": unet}


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
