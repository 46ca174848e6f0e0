"""Procedural places. Each painter returns RGB [B,3,H,W]; values are clamped to 0..1 at the end.

The places are drawn softly, with little grain: what is random in every pixel cannot be learnt
and would only cost the autoencoder its accuracy.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from engine.training.colours import COLOURS, hsv_to_rgb

Rgb = tuple[float, float, float]
Size = tuple[int, int]  # width and height in pixels


class Canvas:
    """Brushes for one batch of pictures of one size: coordinates, colours, noise, ridges.

    x and y run over 0..1 from edge to edge; lengths (radius, softness) are in shorter sides.
    """

    def __init__(self, count: int, size: Size, generator: torch.Generator) -> None:
        self.count = count
        self.width, self.height = size
        self.short = min(size)
        self.generator = generator
        self.device = generator.device
        self.x = torch.linspace(0, 1, self.width, device=self.device)[None, None, None, :]
        self.y = torch.linspace(0, 1, self.height, device=self.device)[None, None, :, None]

    def random(self, *shape: int) -> Tensor:
        """Uniform 0..1 of the given shape."""
        return torch.rand(*shape, generator=self.generator, device=self.device)

    def uniform(self, low: float, high: float) -> Tensor:
        """One number per picture, [B,1,1,1]."""
        return self.random(self.count, 1, 1, 1) * (high - low) + low

    def colour(self, rgb: Rgb, jitter: float = 0.04) -> Tensor:
        """A flat colour per picture, [B,3,1,1], a little different each time."""
        noise = torch.randn(self.count, 3, generator=self.generator, device=self.device) * jitter
        return (torch.tensor(rgb, device=self.device) + noise).clamp(0, 1)[:, :, None, None]

    def fade(self, top: Rgb, bottom: Rgb, reach: float = 1.0) -> Tensor:
        """From one colour to another, from the upper edge down."""
        return torch.lerp(self.colour(top), self.colour(bottom), (self.y / reach).clamp(0, 1))

    def noise(self, cells: int, octaves: int = 3) -> Tensor:
        """Soft noise 0..1, [B,1,H,W], with ``cells`` blobs per shorter side in octave one."""
        size = (self.height, self.width)
        total = torch.zeros(self.count, 1, *size, device=self.device)
        for octave in range(octaves):
            down, across = (round(cells * 2**octave * side / self.short) + 1 for side in size)
            grid = self.random(self.count, 1, down, across)
            smooth = functional.interpolate(grid, size, mode="bilinear", align_corners=True)
            total += smooth / 2**octave
        weight: float = 2 - 2.0 ** (1 - octaves)
        return total / weight

    def below(self, edge: Tensor, softness_px: float = 1.5) -> Tensor:
        """A soft mask of what lies under the edge (height 0..1)."""
        return ((self.y - edge) * self.height / softness_px).sigmoid()

    def ridge(self, base: Tensor, height: float, peaks: int) -> Tensor:
        """A mask below a random skyline that rises ``height`` above ``base``."""
        skyline = self.random(self.count, 1, peaks + 1)
        skyline = functional.interpolate(skyline, self.width, mode="linear", align_corners=True)
        return self.below(base - height * skyline[:, :, None, :])

    def disc(self, x: Tensor, y: Tensor, radius: Tensor) -> Tensor:
        """A soft round mask."""
        across = (self.x - x) * self.width / self.short
        down = (self.y - y) * self.height / self.short
        return ((radius - (across**2 + down**2).sqrt()) * self.short / 1.5).sigmoid()

    def dots(self, per_picture: int, radius: float) -> Tensor:
        """A handful of round dots anywhere, [B,1,H,W] in 0..1."""
        masks = torch.zeros(self.count, 1, self.height, self.width, device=self.device)
        for _ in range(per_picture):
            spot = self.disc(self.uniform(0, 1), self.uniform(0, 1), self.uniform(0.5, 1) * radius)
            masks = torch.maximum(masks, spot)
        return masks

    def sky(self) -> Tensor:
        """A day's sky."""
        return self.fade((0.36, 0.64, 0.95), (0.8, 0.92, 1.0), 0.7)


def _beach(canvas: Canvas) -> Tensor:
    horizon = canvas.uniform(0.34, 0.46)
    shore = horizon + canvas.uniform(0.14, 0.2)
    shore = shore + 0.015 * torch.sin(canvas.x * 12 + canvas.uniform(0, 6))
    picture = torch.lerp(canvas.sky(), canvas.colour((0.1, 0.55, 0.78)), canvas.below(horizon))
    sand = canvas.colour((0.95, 0.84, 0.6)) * (0.95 + 0.08 * canvas.noise(8, 2))
    picture = torch.lerp(picture, sand, canvas.below(shore))
    foam = 0.9 * torch.exp(-(((canvas.y - shore) * 45) ** 2))
    return torch.lerp(picture, torch.ones_like(picture), foam)


def _underwater(canvas: Canvas) -> Tensor:
    water = canvas.fade((0.2, 0.68, 0.85), (0.02, 0.2, 0.45))
    slant = (canvas.x + canvas.y * 0.3) * canvas.uniform(12, 20)
    rays = (0.5 + 0.5 * torch.sin(slant + canvas.uniform(0, 6))) * (1 - canvas.y) * 0.2
    picture = torch.lerp(water + rays, torch.ones_like(water), canvas.dots(6, 0.025) * 0.45)
    seabed = canvas.ridge(canvas.uniform(0.9, 0.97), 0.1, 5)
    return torch.lerp(picture, canvas.colour((0.62, 0.58, 0.4)), seabed * 0.85)


def _meadow(canvas: Canvas) -> Tensor:
    grass = canvas.colour((0.42, 0.74, 0.24)) * (0.85 + 0.25 * canvas.noise(10, 2))
    horizon = canvas.uniform(0.45, 0.6)
    picture = torch.lerp(canvas.sky(), grass, canvas.ridge(horizon, 0.08, 4))
    flowers = canvas.dots(8, 0.02) * canvas.below(horizon + 0.08)
    return torch.lerp(picture, canvas.colour((0.98, 0.9, 0.5), 0.15), flowers)


def _trunks(canvas: Canvas, picture: Tensor, bark: Rgb) -> Tensor:
    for place in range(5):
        centre = (place + canvas.uniform(0.1, 0.9)) / 5
        width = canvas.uniform(0.015, 0.035)
        mask = ((width - (canvas.x - centre).abs()) * canvas.width / 1.5).sigmoid()
        picture = torch.lerp(picture, canvas.colour(bark), mask)
    return picture


def _forest(canvas: Canvas) -> Tensor:
    picture = torch.lerp(
        canvas.colour((0.62, 0.82, 0.64)), canvas.colour((0.2, 0.48, 0.25)), canvas.noise(4, 2)
    )
    picture = _trunks(canvas, picture, (0.35, 0.23, 0.14))
    leaves = canvas.colour((0.13, 0.4, 0.16)) * (0.8 + 0.5 * canvas.noise(8, 2))
    crown = ((0.3 + 0.16 * (canvas.noise(6, 2) - 0.5) - canvas.y) * canvas.height / 3).sigmoid()
    picture = torch.lerp(picture, leaves, crown)
    ground = canvas.colour((0.25, 0.45, 0.18)) * (0.85 + 0.3 * canvas.noise(8, 2))
    return torch.lerp(picture, ground, canvas.ridge(canvas.uniform(0.8, 0.86), 0.05, 6))


def _desert(canvas: Canvas) -> Tensor:
    sky = canvas.fade((0.5, 0.76, 0.96), (1.0, 0.92, 0.74), 0.7)
    far = canvas.ridge(canvas.uniform(0.56, 0.64), 0.12, 3)
    picture = torch.lerp(sky, canvas.colour((0.95, 0.76, 0.45)), far)
    near = canvas.ridge(canvas.uniform(0.76, 0.86), 0.14, 3)
    return torch.lerp(picture, canvas.colour((0.87, 0.62, 0.32)), near)


def _snow(canvas: Canvas) -> Tensor:
    picture = canvas.fade((0.62, 0.74, 0.88), (0.86, 0.91, 0.98), 0.7)
    hills = canvas.ridge(canvas.uniform(0.56, 0.68), 0.14, 4)
    picture = torch.lerp(picture, canvas.colour((0.95, 0.97, 1.0), 0.02), hills)
    return torch.lerp(picture, torch.ones_like(picture), canvas.dots(12, 0.02))


def _night_sky(canvas: Canvas) -> Tensor:
    picture = canvas.fade((0.03, 0.04, 0.16), (0.14, 0.16, 0.42))
    stars = canvas.dots(12, 0.016)
    picture = torch.lerp(picture, canvas.colour((1.0, 0.97, 0.85), 0.02), stars * 0.9)
    ground = canvas.ridge(canvas.uniform(0.88, 0.95), 0.1, 5)
    return torch.lerp(picture, canvas.colour((0.04, 0.09, 0.08), 0.02), ground)


def _space(canvas: Canvas) -> Tensor:
    glow = (canvas.noise(3) - 0.5).clamp_min(0) * 1.8 * canvas.colour((0.75, 0.25, 0.85), 0.1)
    haze = (canvas.noise(3) - 0.5).clamp_min(0) * 1.5 * canvas.colour((0.15, 0.5, 0.9), 0.1)
    picture = canvas.colour((0.03, 0.02, 0.07), 0.01) + glow + haze
    return torch.lerp(picture, torch.ones_like(picture), canvas.dots(12, 0.016) * 0.9)


def _city(canvas: Canvas) -> Tensor:
    picture = canvas.sky()
    for columns, base, rise, shade in ((9, 0.6, 0.35, 0.72), (6, 0.74, 0.4, 0.55)):
        heights = functional.interpolate(canvas.random(canvas.count, 1, columns), canvas.width)
        top = base - rise * heights[:, :, None, :]
        wall = canvas.colour((shade, shade * 1.02, shade * 1.1))
        picture = torch.lerp(picture, wall, canvas.below(top))
        across = ((canvas.x * columns * 2) % 1 > 0.5) & (((canvas.y - top) * 10) % 1 > 0.5)
        panes = across.float() * canvas.below(top + 0.03)
        picture = torch.lerp(picture, canvas.colour((0.85, 0.92, 0.98)), panes * 0.6)
    return torch.lerp(
        picture, canvas.colour((0.4, 0.4, 0.43)), canvas.below(canvas.uniform(0.86, 0.9))
    )


def _sunset(canvas: Canvas) -> Tensor:
    high = canvas.fade((0.38, 0.22, 0.52), (0.98, 0.5, 0.34), 0.45)
    low = canvas.colour((1.0, 0.82, 0.45))
    picture = torch.lerp(high, low, ((canvas.y - 0.4) / 0.35).clamp(0, 1))
    horizon = canvas.uniform(0.68, 0.76)
    sun = canvas.disc(canvas.uniform(0.2, 0.8), horizon - 0.04, canvas.uniform(0.1, 0.14))
    picture = torch.lerp(picture, canvas.colour((1.0, 0.95, 0.68), 0.02), sun)
    return torch.lerp(
        picture, canvas.colour((0.28, 0.14, 0.28)), canvas.ridge(horizon + 0.05, 0.05, 4)
    )


PLACES: dict[str, Callable[[Canvas], Tensor]] = {
    "beach": _beach,
    "underwater": _underwater,
    "meadow": _meadow,
    "forest": _forest,
    "desert": _desert,
    "snow": _snow,
    "night sky": _night_sky,
    "space": _space,
    "city": _city,
    "sunset": _sunset,
}


def _plain(canvas: Canvas, colour: str | None) -> Tensor:
    """A quiet studio wall: pale without a colour word, else of that colour."""
    hue, saturation, value = COLOURS[colour] if colour else (40.0, 0.04, 0.95)
    planes = [
        torch.full((canvas.count, canvas.height, canvas.width), number, device=canvas.device)
        for number in (hue, saturation * (0.75 if colour else 1.0), value)
    ]
    light = (0.5 - canvas.y) * canvas.uniform(0.03, 0.1)
    return hsv_to_rgb(*planes) + light


def paint_place(
    place: str | None, colour: str | None, count: int, size: Size, generator: torch.Generator
) -> Tensor:
    """Pictures [count,3,H,W] in 0..1 of a place, or of a plain wall when it is None."""
    canvas = Canvas(count, size, generator)
    picture = _plain(canvas, colour) if place is None else PLACES[place](canvas)
    return picture.clamp(0, 1).expand(count, 3, canvas.height, canvas.width)
