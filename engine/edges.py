"""Control pictures made from a photograph: Canny edges, and lines as of a scribble."""

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d, pad

LOW, HIGH = 100 / 255, 200 / 255
"""Of Canny's gradients, as ControlNets were taught with."""
SCRIBBLE_BLUR = 3.0


def draw_canny(picture: Image.Image) -> Image.Image:
    """Return the Canny edges of a picture, white on black and one pixel wide."""
    return _show(find_canny(_grey(picture)))


def find_canny(grey: Tensor) -> Tensor:
    """Where the Canny edges of grey pictures [B,1,H,W] in 0..1 are, on the device they are on."""
    across, down = _gradient(_blur(grey, 1.0))
    strength = across.abs() + down.abs()
    thin = strength * _is_ridge(strength, across, down)
    strong, weak = thin > HIGH, thin > LOW
    while True:
        grown = (max_pool2d(strong.float(), 3, 1, 1) > 0) & weak
        if torch.equal(grown, strong):
            return strong
        strong = grown


def draw_scribble(picture: Image.Image) -> Image.Image:
    """Return the main outlines of a picture as thick white lines on black.

    A drawing of dark lines on white paper is taken as the scribble it is.
    """
    grey = _grey(picture)
    if float(((grey < 0.2) | (grey > 0.8)).float().mean()) > 0.9 and float(grey.mean()) > 0.5:
        return _show(grey < 0.5)
    across, down = _gradient(_blur(grey, SCRIBBLE_BLUR * min(picture.size) / 512 + 0.5))
    strength = across.abs() + down.abs()
    ridges = strength * _is_ridge(strength, across, down)
    lines = ridges > max(float(strength.mean()) * 2, 1e-3)
    width = max(3, min(picture.size) // 128 | 1)
    return _show(max_pool2d(lines.float(), width, 1, width // 2) > 0)


DRAWERS = {"canny": draw_canny, "scribble": draw_scribble}
"""By a word in the ControlNet's name."""


def _grey(picture: Image.Image) -> Tensor:
    grey = picture.convert("L")
    pixels = torch.frombuffer(bytearray(grey.tobytes()), dtype=torch.uint8)
    return pixels.view(1, 1, grey.height, grey.width).float() / 255


def _blur(grey: Tensor, sigma: float) -> Tensor:
    radius = max(1, round(3 * sigma))
    steps = torch.arange(-radius, radius + 1, device=grey.device).float()
    kernel = torch.exp(-(steps**2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1)
    wide = pad(grey, (radius, radius, radius, radius), mode="replicate")
    return conv2d(conv2d(wide, kernel), kernel.transpose(2, 3))


def _gradient(grey: Tensor) -> tuple[Tensor, Tensor]:
    """Sobel's gradients across and down."""
    slope = torch.tensor([-1.0, 0.0, 1.0], device=grey.device)
    kernel = torch.tensor([1.0, 2.0, 1.0], device=grey.device).outer(slope).view(1, 1, 3, 3)
    wide = pad(grey, (1, 1, 1, 1), mode="replicate")
    return conv2d(wide, kernel), conv2d(wide, kernel.transpose(2, 3))


def _is_ridge(strength: Tensor, across: Tensor, down: Tensor) -> Tensor:
    """Tell where the gradient is the largest along its own direction."""
    wide = pad(strength, (1, 1, 1, 1))
    height, width = strength.shape[2:]

    def neighbour(dx: int, dy: int) -> Tensor:
        return wide[..., 1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]

    flat, steep = down.abs() < 0.4142 * across.abs(), across.abs() < 0.4142 * down.abs()
    falling = across * down > 0
    found = torch.zeros_like(strength, dtype=torch.bool)
    for is_here, (dx, dy) in (
        (flat, (1, 0)),
        (steep, (0, 1)),
        (~flat & ~steep & falling, (1, 1)),
        (~flat & ~steep & ~falling, (1, -1)),
    ):
        # One side strictly: of two equal neighbours one stays.
        found |= is_here & (strength > neighbour(-dx, -dy)) & (strength >= neighbour(dx, dy))
    return found


def _show(lines: Tensor) -> Image.Image:
    pixels = lines[0, 0].to(torch.uint8) * 255
    return Image.fromarray(pixels.numpy()).convert("RGB")
