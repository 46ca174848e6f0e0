"""The picture a job starts from, and where in it to paint: masks, margins, soft edges."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageFilter, ImageOps
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d

from engine.edges import DRAWERS
from engine.enlarge import enlarged
from engine.errors import PaintError, Sentence
from engine.request import Request

LEAST_OVERLAP, LARGEST_OVERLAP = 8, 32
"""Pixels of the old picture that are painted anew beside a margin, so that no seam is seen."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture of the tile's size and what of it is painted anew (1, 1, height, width of 0, 1).

    `feather` is over how many pixels, inside of what is painted, new becomes old.
    """

    picture: Image.Image
    mask: Tensor
    feather: int

    def mask_for(self, cell: int) -> Image.Image:
        """Return the mask that covers every latent cell of `cell` pixels it touches."""
        rough = max_pool2d(self.mask, cell, ceil_mode=True)
        grown = rough.repeat_interleave(cell, 2).repeat_interleave(cell, 3)
        height, width = self.mask.shape[2:]
        pixels = (grown[0, 0, :height, :width] * 255).to(torch.uint8).numpy()
        return Image.fromarray(pixels)

    def put_back(self, painted: Tensor) -> Tensor:
        """Put (n, 3, height, width) that was painted into the old picture, which shows unchanged
        wherever the mask is black."""
        old = torch.from_numpy(np.array(self.picture, np.float32) / 255).movedim(-1, 0)
        return torch.lerp(old.expand_as(painted), painted, soften(self.mask, self.feather))


def open_scene(request: Request) -> Scene:
    """Open the picture of a request that has a mask or margins."""
    if request.image is None:
        raise PaintError(Sentence("There is no picture to paint in."))
    return _open_masked(request) if request.mask else _open_widened(request)


def open_picture(path: Path, width: int, height: int) -> Image.Image:
    """Open the picture to start from, scaled to cover width x height and cut at its middle."""
    picture = _read(path, "RGB")
    factor = min(width // picture.width, height // picture.height)
    return ImageOps.fit(enlarged(picture, factor), (width, height), Image.Resampling.LANCZOS)


def open_control(request: Request) -> Image.Image:
    """Open the control picture of a request, drawing the edges of a photograph."""
    picture = open_picture(Path(str(request.control)), request.width, request.height)
    drawers = (draw for word, draw in DRAWERS.items() if word in request.control_kind.lower())
    draw = None if request.control_ready else next(drawers, None)
    return picture if draw is None else draw(picture)


def soften(mask: Tensor, feather: int) -> Tensor:
    """Let a mask rise from 0 over up to 2 * feather pixels, all of them inside of its white.

    Where little is white the edge is less soft, so that something of it stays.
    """
    while feather:
        size = 2 * feather + 1
        kept = max_pool2d(1 - mask, size, 1, feather)
        if float((1 - kept).sum()) >= float(mask.sum()) / 4:
            return 1 - avg_pool2d(kept, size, 1, feather, count_include_pad=False)
        feather //= 2
    return mask


def _open_masked(request: Request) -> Scene:
    picture = _read(Path(str(request.image)), "RGB")
    mask = _read(Path(str(request.mask)), "L").resize(picture.size, Image.Resampling.BILINEAR)
    size = request.width, request.height
    picture = ImageOps.fit(picture, size, Image.Resampling.LANCZOS)
    white = np.array(ImageOps.fit(mask, size, Image.Resampling.BILINEAR)) >= 128
    if not white.any():
        raise PaintError(
            Sentence("The mask is black everywhere: make white what should be painted anew.")
        )
    feather = max(1, min(size) // 64)
    return Scene(picture, torch.from_numpy(white).float()[None, None], feather)


def _open_widened(request: Request) -> Scene:
    left, top, right, bottom = request.margins or (0, 0, 0, 0)
    box = left, top, request.width - right, request.height - bottom
    inside = box[2] - box[0], box[3] - box[1]
    picture = open_picture(Path(str(request.image)), *inside)
    overlap = min(LARGEST_OVERLAP, max(LEAST_OVERLAP, min(inside) // 8))
    kept = (
        left + overlap * bool(left),
        top + overlap * bool(top),
        box[2] - overlap * bool(right),
        box[3] - overlap * bool(bottom),
    )
    mask = torch.ones(1, 1, request.height, request.width)
    mask[..., kept[1] : kept[3], kept[0] : kept[2]] = 0
    return Scene(_widen(picture, (left, top, right, bottom)), mask, max(1, overlap // 2))


def _widen(picture: Image.Image, margins: tuple[int, int, int, int]) -> Image.Image:
    """Fill the margins with the picture's edge, drawn out and blurred: a start, not a result."""
    left, top, right, bottom = margins
    pixels = np.pad(np.array(picture), ((top, bottom), (left, right), (0, 0)), mode="edge")
    wide = Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(max(margins) / 8))
    wide.paste(picture, (left, top))
    return wide


def _read(path: Path, mode: Any) -> Image.Image:
    try:
        with Image.open(path) as picture:
            return picture.convert(mode)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        sentence = Sentence("The picture to start from cannot be read any more.")
        if mode == "L":
            sentence = Sentence("The mask cannot be read any more.")
        raise PaintError(sentence) from error
