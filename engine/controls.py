"""ControlNets of the operator's folder: loaded when first asked for, joined to the pipelines."""

import inspect
import logging
import re
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers import ControlNetModel
from torch import nn

from engine.control_folder import ControlFolder
from engine.device import arrange
from engine.errors import PaintError, Sentence
from engine.offload import share_device

log = logging.getLogger(__name__)

MOST_LOADED = 3
ALIKE = ("cross_attention_dim", "in_channels", "block_out_channels")
"""What a ControlNet must have in common with the U-Net it leads."""


class Controls:
    """The ControlNets of one model.

    `on_made` is told of one newly loaded, by its folder's name, so that a hub can route it; with
    it none is let go again.
    """

    def __init__(self, pipeline: Any, folder: ControlFolder) -> None:
        self.on_made: Callable[[str, nn.Module], None] | None = None
        self._pipeline = pipeline
        self._folder = folder
        self._nets: OrderedDict[Path, Any] = OrderedDict()
        self._joined: dict[tuple[Path, type], Any] = {}

    @property
    def nets(self) -> tuple[Any, ...]:
        """Return those that are loaded."""
        return tuple(self._nets.values())

    def join(self, base: Any, name: str) -> Any:
        """Return the pipeline of the same kind as `base` that takes this ControlNet too."""
        path = self._folder.find(name)
        net = self._load(path)
        key = path, type(base)
        if key not in self._joined:
            self._joined[key] = _join(base, net)
        return self._joined[key]

    def _load(self, path: Path) -> Any:
        if path in self._nets:
            self._nets.move_to_end(path)
            return self._nets[path]
        if len(self._nets) >= MOST_LOADED and self.on_made is None:
            gone, _ = self._nets.popitem(last=False)
            self._joined = {key: joined for key, joined in self._joined.items() if key[0] != gone}
        unet = self._pipeline.unet
        try:
            with torch.inference_mode(mode=False):
                net = ControlNetModel.from_pretrained(
                    path, dtype=unet.dtype, use_safetensors=True, local_files_only=True
                )
        except (OSError, RuntimeError, ValueError, TypeError, KeyError) as error:
            log.warning("the ControlNet %s cannot be opened: %s", path, error)
            raise PaintError(
                Sentence("The files of the ControlNet {name} are damaged.", name=path.name)
            ) from error
        if _about(net) != _about(unet):
            raise PaintError(
                Sentence(
                    "The ControlNet {name} does not fit this model: it is made for another.",
                    name=path.name,
                )
            )
        net.to(unet.device).eval().requires_grad_(requires_grad=False)
        arrange(net, unet.device)
        share_device(unet, net)
        self._nets[path] = net
        if self.on_made is not None:
            self.on_made(path.name, net)
        return net


def _about(module: Any) -> list[Any]:
    """What must be alike, lists and tuples too: configurations come with either."""
    values = (module.config[key] for key in ALIKE)
    return [list(value) if isinstance(value, (list, tuple)) else value for value in values]


def _join(base: Any, net: Any) -> Any:
    import diffusers

    name = re.sub("Diffusion(XL)?", r"Diffusion\1ControlNet", type(base).__name__, count=1)
    kind = getattr(diffusers, name)
    known = inspect.signature(kind.__init__).parameters
    parts = {name: part for name, part in base.components.items() if name in known}
    options = {"requires_safety_checker": False, "add_watermarker": False}
    kept = {
        name: base.config.get(name)
        for name in ("force_zeros_for_empty_prompt", "requires_aesthetics_score")
        if name in known and base.config.get(name) is not None
    }
    chosen = {name: value for name, value in options.items() if name in known}
    joined = kind(**parts, controlnet=net, **chosen, **kept)
    joined.set_progress_bar_config(disable=True)
    return joined
