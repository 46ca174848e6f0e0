"""Enlarges a finished PNG by a whole factor; libraries are loaded with the first picture."""

import io
import logging
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from engine.source import EMBEDDED

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from engine.own_upscaler import OwnUpscaler
    from engine.upscaler import Upscaler

log = logging.getLogger(__name__)

WEIGHTS = EMBEDDED / "upscaler" / "model.safetensors"

_own: "OwnUpscaler | None" = None


def use(upscaler: "OwnUpscaler | None") -> None:
    """Let all pictures of this process be enlarged by the operator's own upscaler."""
    global _own
    _own = upscaler


def enlarge(png: bytes, factor: int, weights: Path = WEIGHTS) -> bytes:
    """Return the picture ``factor`` times as wide and high; 1 returns it as it is.

    The operator's own upscaler does that where there is one and it finds room. Else twice and four
    times are the work of the one that comes with Easel; any other factor is plain Lanczos, and so
    is everything where its weights are missing.
    """
    if factor == 1:
        return png
    from PIL import Image  # why: importing the engine's face loads no libraries

    with Image.open(io.BytesIO(png)) as opened:
        picture = enlarged(opened.convert("RGB"), factor, weights)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def enlarged(picture: "Image", factor: int, weights: Path = WEIGHTS) -> "Image":
    """Return an RGB picture enlarged in the same way; less than twice is left as it is."""
    if factor < 2:
        return picture
    size = (picture.width * factor, picture.height * factor)
    larger = None if _own is None else _enlarge_by(_own, picture, factor)
    if larger is None and factor in (2, 4) and weights.exists():
        return _paint_larger(picture, factor, weights)
    from PIL.Image import Resampling

    return (larger or picture).resize(size, Resampling.LANCZOS)


def _enlarge_by(own: "OwnUpscaler", picture: "Image", factor: int) -> "Image | None":
    """Return the picture as large as asked for, or larger; None where there is no room for it."""
    from engine.memory import is_out_of_memory

    reached, larger = 1, picture
    try:
        while reached < factor:
            larger, reached = _picture(own.enlarge(_pixels(larger))), reached * own.scale
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        log.warning(
            "UPSCALER found no room to enlarge %dx%d pixels; they were enlarged without it.",
            *picture.size,
        )
        return None
    return larger


def _paint_larger(picture: "Image", factor: int, weights: Path) -> "Image":
    from engine.upscaler import enlarge_picture

    return _picture(enlarge_picture(_load(weights), _pixels(picture), factor))


def _pixels(picture: "Image") -> "Tensor":
    import numpy as np
    import torch

    return torch.from_numpy(np.array(picture, np.float32) / 255).movedim(-1, 0)


def _picture(pixels: "Tensor") -> "Image":
    import torch
    from PIL import Image

    return Image.fromarray((pixels * 255).round().to(torch.uint8).movedim(0, -1).numpy())


@cache
def _load(weights: Path) -> "Upscaler":
    from engine.upscaler import load_upscaler

    return load_upscaler(weights)
