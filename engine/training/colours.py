"""Colour words and how a drawing is repainted in one of them. Pictures are RGB in 0..1."""

from collections.abc import Sequence

import torch
from torch import Tensor

# Hue in degrees, saturation and value in 0..1.
COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0, 0.95, 0.85),
    "orange": (28, 0.95, 1.0),
    "yellow": (50, 0.95, 1.0),
    "green": (125, 0.8, 0.65),
    "teal": (180, 0.8, 0.65),
    "blue": (218, 0.9, 0.9),
    "purple": (278, 0.75, 0.75),
    "pink": (330, 0.5, 1.0),
    "brown": (25, 0.65, 0.5),
    "black": (0, 0.0, 0.16),
    "white": (0, 0.0, 0.97),
    "gray": (0, 0.0, 0.55),
}

HUE_BINS = 24
HUE_REACH_DEG = 55.0  # hues this near to the main one are repainted; a leaf on an apple is not


def hsv_to_rgb(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """Three planes [B,H,W] (hue in degrees) to RGB [B,3,H,W].

    Each channel is value - value * saturation * clamp(min(k, 4 - k), 0, 1)
    with k = (offset + hue / 60) mod 6 and offsets 5, 3, 1 for red, green, blue.
    """
    offsets = torch.tensor([5.0, 3.0, 1.0], device=hue.device)[:, None, None]
    k = (offsets + hue[:, None] / 60) % 6
    fall = torch.minimum(k, 4 - k).clamp(0, 1)
    return value[:, None] * (1 - saturation[:, None] * fall)


def rgb_to_hsv(picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """RGB [B,3,H,W] to three planes [B,H,W]: hue in degrees, saturation, value."""
    red, green, blue = picture.unbind(1)
    value = picture.amax(1)
    spread = value - picture.amin(1)
    safe = spread + 1e-6
    hue = torch.where(
        value == red,
        ((green - blue) / safe) % 6,
        torch.where(value == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    return hue * 60, spread / (value + 1e-6), value


def _mean(plane: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean of [B,H,W] per picture, as [B,1,1]."""
    total = (plane * weight).sum((1, 2)) / (weight.sum((1, 2)) + 1e-6)
    return total[:, None, None]


def _main_hue(hue: Tensor, weight: Tensor) -> Tensor:
    """The hue most of the drawing has, [B,1,1] in degrees, from a smoothed histogram."""
    width_deg = 360 / HUE_BINS
    histogram = torch.zeros(hue.shape[0], HUE_BINS, device=hue.device)
    bins = (hue / width_deg).long() % HUE_BINS
    histogram.scatter_add_(1, bins.flatten(1), weight.flatten(1))
    histogram = histogram + (histogram.roll(1, 1) + histogram.roll(-1, 1)) / 2
    return ((histogram.argmax(1).float() + 0.5) * width_deg)[:, None, None]


def repaint(sprites: Tensor, colours: Sequence[str | None]) -> Tensor:
    """Repaint sprites [B,4,H,W]; those whose colour is None stay as they are.

    Only the main hue and its neighbours move; a nearly colourless drawing moves whole. Light and
    shade are kept as the ratio of a pixel's value to the mean value of what is repainted.
    """
    rows = [row for row, colour in enumerate(colours) if colour is not None]
    if not rows:
        return sprites
    wanted = torch.tensor(
        [COLOURS[colour] for colour in colours if colour is not None], device=sprites.device
    )
    to_hue, to_saturation, to_value = (plane[:, None, None] for plane in wanted.unbind(1))
    rgb, alpha = sprites[rows, :3], sprites[rows, 3]
    hue, saturation, value = rgb_to_hsv(rgb)
    colourful = alpha * saturation * value
    distance = ((hue - _main_hue(hue, colourful) + 180) % 360 - 180).abs()
    mask = torch.sigmoid((HUE_REACH_DEG - distance) / 6) * (saturation * 3).clamp(0, 1)
    share = colourful.sum((1, 2), keepdim=True) / (alpha.sum((1, 2), keepdim=True) + 1e-6)
    mask = torch.where(share < 0.12, torch.ones_like(mask), mask)
    shade = value / (_mean(value, alpha * mask) + 1e-3)
    new_value = (to_value * (0.35 + 0.65 * shade)).clamp(0, 1)
    new_saturation = (to_saturation * torch.where(shade > 1.2, 0.75, 1.0)).clamp(0, 1)
    painted = hsv_to_rgb(to_hue.expand_as(hue), new_saturation, new_value)
    repainted = sprites.clone()
    repainted[rows, :3] = torch.lerp(rgb, painted, mask[:, None])
    return repainted
