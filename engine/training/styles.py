"""Ways of painting that lie over a whole picture. Each takes and gives RGB [B,3,H,W] in 0..1."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from engine.training.colours import hsv_to_rgb, rgb_to_hsv

Style = Callable[[Tensor, torch.Generator], Tensor]


def _gray(pictures: Tensor) -> Tensor:
    """Lightness, [B,1,H,W]."""
    weights = torch.tensor([0.3, 0.59, 0.11], device=pictures.device)[None, :, None, None]
    return (pictures * weights).sum(1, keepdim=True)


def _blur(pictures: Tensor, radius: int) -> Tensor:
    """A soft mean: two box filters."""
    for _ in range(2):
        pictures = functional.avg_pool2d(
            pictures, 2 * radius + 1, 1, radius, count_include_pad=False
        )
    return pictures


def _contours(plane: Tensor) -> Tensor:
    """How steep a plane [B,1,H,W] is at each pixel (Sobel)."""
    kernel = torch.tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]], device=plane.device)[None, None]
    padded = functional.pad(plane, (1, 1, 1, 1), mode="replicate")
    across = functional.conv2d(padded, kernel)
    down = functional.conv2d(padded, kernel.transpose(2, 3))
    return (across**2 + down**2 + 1e-8).sqrt()


def _random(pictures: Tensor, cells: int, generator: torch.Generator) -> Tensor:
    """Smooth noise 0..1, [B,1,H,W]."""
    grid = torch.rand(len(pictures), 1, cells, cells, generator=generator, device=generator.device)
    return functional.interpolate(grid, pictures.shape[2:], mode="bilinear", align_corners=True)


def _short(pictures: Tensor) -> int:
    return min(pictures.shape[2:])


def _shift(pictures: Tensor, down: Tensor, across: Tensor, mode: str = "bilinear") -> Tensor:
    """Look up every pixel a little beside itself; offsets [B,1,H,W] in shorter sides."""
    height, width = pictures.shape[2:]
    y = torch.linspace(-1, 1, height, device=pictures.device)[None, :, None]
    x = torch.linspace(-1, 1, width, device=pictures.device)[None, None, :]
    short = _short(pictures)
    grid = torch.stack(
        [x + across[:, 0] * 2 * short / width, y + down[:, 0] * 2 * short / height], -1
    )
    return functional.grid_sample(
        pictures, grid, mode=mode, padding_mode="reflection", align_corners=True
    )


def _watercolor(pictures: Tensor, generator: torch.Generator) -> Tensor:
    soft = _blur(pictures, max(1, _short(pictures) // 64))
    edge = _contours(_gray(soft))
    wet = _random(pictures, 5, generator)
    paper = torch.lerp(soft, torch.ones_like(soft), 0.22 + 0.3 * (wet - 0.4))
    return paper - 0.12 * edge


def _oil(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Each pixel takes the mean of its calmest neighbouring quarter (Kuwahara)."""
    radius = max(1, _short(pictures) // 48)
    best, least = pictures, None
    for down in (-radius, radius):
        for across in (-radius, radius):
            moved = pictures.roll((down, across), (2, 3))
            mean = functional.avg_pool2d(moved, 2 * radius + 1, 1, radius, count_include_pad=False)
            square = functional.avg_pool2d(
                moved**2, 2 * radius + 1, 1, radius, count_include_pad=False
            )
            spread = (square - mean**2).sum(1, keepdim=True)
            if least is None:
                best, least = mean, spread
            else:
                best = torch.where(spread < least, mean, best)
                least = torch.minimum(spread, least)
    return best + 0.08 * (_random(pictures, 32, generator) - 0.5)


def _pencil(pictures: Tensor, generator: torch.Generator) -> Tensor:
    gray = _gray(pictures)
    dodged = gray / (1 - _blur(1 - gray, max(2, _short(pictures) // 40)) * 0.96 + 0.02)
    lines = 0.5 * _contours(gray).clamp(0, 1)
    return (dodged * 0.96 - lines).clamp(0, 1).expand_as(pictures)


def _pixels(pictures: Tensor, generator: torch.Generator) -> Tensor:
    side = max(2, _short(pictures) // 32)
    small = functional.avg_pool2d(pictures, side, ceil_mode=True, count_include_pad=False)
    big = functional.interpolate((small * 6).round() / 6, scale_factor=side, mode="nearest")
    return big[:, :, : pictures.shape[2], : pictures.shape[3]]


def _neon(pictures: Tensor, generator: torch.Generator) -> Tensor:
    edge = _contours(_gray(pictures)).clamp(0, 1.4)
    hue, saturation, value = rgb_to_hsv(pictures)
    glow = hsv_to_rgb(hue, (saturation * 2 + 0.4).clamp(0, 1), torch.ones_like(value)) * edge
    return glow + 1.3 * _blur(glow, max(1, _short(pictures) // 40)) + 0.02


def _black_and_white(pictures: Tensor, generator: torch.Generator) -> Tensor:
    return ((_gray(pictures) - 0.5) * 1.2 + 0.5).expand_as(pictures)


def _comic(pictures: Tensor, generator: torch.Generator) -> Tensor:
    flat = (pictures * 3.99).floor() / 3.6
    return flat * (1 - (_contours(_gray(_blur(pictures, 1))) * 1.6).clamp(0, 1))


def _mosaic(pictures: Tensor, generator: torch.Generator) -> Tensor:
    side = max(3, _short(pictures) // 20)
    small = functional.avg_pool2d(pictures, side, ceil_mode=True, count_include_pad=False)
    big = functional.interpolate(small, scale_factor=side, mode="nearest")
    big = big[:, :, : pictures.shape[2], : pictures.shape[3]]
    rows = torch.arange(pictures.shape[2], device=pictures.device) % side == 0
    columns = torch.arange(pictures.shape[3], device=pictures.device) % side == 0
    grout = (rows[:, None] | columns[None]).float()
    return torch.lerp(big, torch.full_like(big, 0.85), grout * 0.6)


def _ink(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Dark washes that run, on warm paper; colour all but gone."""
    wet = 0.02 * (_random(pictures, 9, generator) - 0.5)
    gray = _gray(_shift(_blur(pictures, max(1, _short(pictures) // 64)), wet, -wet))
    wash = torch.sigmoid((gray - 0.45) * 7) * 0.85 + 0.1 - 0.25 * _contours(gray).clamp(0, 1)
    paper = torch.tensor([0.97, 0.94, 0.86], device=pictures.device)[None, :, None, None]
    return torch.lerp(wash * paper, pictures, 0.12)


def _abstract(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Forms bent into flat, strong shapes."""
    bend = [0.09 * (_random(pictures, 4, generator) - 0.5) for _ in range(2)]
    flat = _blur(_shift(pictures, bend[0], bend[1]), max(1, _short(pictures) // 40))
    hue, saturation, value = rgb_to_hsv((flat * 4).round() / 4)
    return hsv_to_rgb(hue, (saturation * 1.5 + 0.1).clamp(0, 1), value)


def _cubist(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Facets: cut by slanted lines, each piece moved and lit by itself."""
    count, _, height, width = pictures.shape
    y = torch.linspace(0, 1, height, device=pictures.device)[None, None, :, None]
    x = torch.linspace(0, 1, width, device=pictures.device)[None, None, None, :]
    code = torch.zeros(count, 1, height, width, device=pictures.device)
    for _ in range(5):
        angle, offset = (
            torch.rand(count, 1, 1, 1, generator=generator, device=generator.device) for _ in "ab"
        )
        side = torch.cos(angle * 6.3) * (x - 0.5) + torch.sin(angle * 6.3) * (y - 0.5)
        code = code * 2 + (side > (offset - 0.5) * 0.6).float()
    down, across, light = (torch.sin(code * pace) for pace in (12.9, 7.3, 3.7))
    moved = _shift(pictures, 0.035 * down, 0.035 * across)
    edge = _contours(code).clamp(0, 1)
    return moved * (1 + 0.16 * light) * (1 - 0.35 * edge)


def _impressionist(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Short dabs of one colour each, a little off."""
    dabs = max(16, _short(pictures) // 4)
    offsets = [
        torch.rand(len(pictures), 1, dabs, dabs, generator=generator, device=generator.device)
        for _ in range(3)
    ]
    size = pictures.shape[2:]
    down, across, light = (
        functional.interpolate(offset, size, mode="nearest") - 0.5 for offset in offsets
    )
    return _shift(pictures, 0.03 * down, 0.05 * across) * (1 + 0.22 * light) + 0.03


STYLES: dict[str, Style] = {
    "watercolor": _watercolor,
    "oil painting": _oil,
    "pencil sketch": _pencil,
    "pixel art": _pixels,
    "neon": _neon,
    "black and white": _black_and_white,
    "comic": _comic,
    "mosaic": _mosaic,
    "ink wash": _ink,
    "abstract": _abstract,
    "cubist": _cubist,
    "impressionist": _impressionist,
}
