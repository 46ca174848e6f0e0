"""Brushes for procedural places: coordinates, colours, soft noise, ridges, dots."""

import torch
from torch import Tensor
from torch.nn import functional

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

    def box(self, left: Tensor, top: Tensor, right: Tensor, bottom: Tensor) -> Tensor:
        """A soft mask of an upright rectangle, edges in 0..1."""
        across = ((self.x - left) * self.width / 1.5).sigmoid()
        across = across * ((right - self.x) * self.width / 1.5).sigmoid()
        down = ((self.y - top) * self.height / 1.5).sigmoid()
        return across * down * ((bottom - self.y) * self.height / 1.5).sigmoid()

    def sky(self) -> Tensor:
        """A day's sky."""
        return self.fade((0.36, 0.64, 0.95), (0.8, 0.92, 1.0), 0.7)
