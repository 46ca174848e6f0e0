"""The network that enlarges finished pictures two or four times; a compact ESRGAN, plain torch.

One body looks at the small picture, one head per scale adds what bicubic enlarging lacks. After
Shi et al. 2016 (sub-pixel convolution, arXiv 1609.05158) and Wang et al. 2021 (the compact form of
Real-ESRGAN, arXiv 2107.10833).
"""

from pathlib import Path
from typing import cast

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

SCALES = (2, 4)
WIDTH, DEPTH = 48, 8


class Upscaler(nn.Module):
    """Pictures [B,3,H,W] in 0..1 to pictures two or four times the side."""

    def __init__(self, width: int = WIDTH, depth: int = DEPTH) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, width, 3, padding=1), nn.PReLU(width)]
        for _ in range(depth):
            layers += [nn.Conv2d(width, width, 3, padding=1), nn.PReLU(width)]
        self.body = nn.Sequential(*layers)
        self.heads = nn.ModuleDict()
        for scale in SCALES:
            head = nn.Conv2d(width, 3 * scale**2, 3, padding=1)
            nn.init.zeros_(head.weight)
            nn.init.zeros_(cast("Tensor", head.bias))
            self.heads[str(scale)] = head

    def look(self, pictures: Tensor) -> Tensor:
        """What the heads work with."""
        features: Tensor = self.body(pictures - 0.5)
        return features

    def enlarge(self, pictures: Tensor, features: Tensor, scale: int) -> Tensor:
        """Pictures ``scale`` times the side, about 0..1, not clamped."""
        smooth = functional.interpolate(
            pictures, scale_factor=scale, mode="bicubic", align_corners=False
        )
        detail: Tensor = functional.pixel_shuffle(self.heads[str(scale)](features), scale)
        return smooth + detail

    def forward(self, pictures: Tensor, scale: int) -> Tensor:
        """Look and enlarge."""
        return self.enlarge(pictures, self.look(pictures), scale)


def load_upscaler(path: Path) -> Upscaler:
    """The trained network in fp32, ready to enlarge."""
    upscaler = Upscaler()
    upscaler.load_state_dict({name: t.float() for name, t in load_file(path).items()})
    return upscaler.eval().requires_grad_(requires_grad=False)


@torch.inference_mode()
def enlarge_picture(upscaler: Upscaler, picture: Tensor, scale: int) -> Tensor:
    """One picture [3,H,W] in 0..1, enlarged and clamped."""
    larger: Tensor = upscaler(picture[None], scale)[0].clamp(0, 1)
    return larger
