"""Latents → a small picture of the grid, cheap enough to make while painting."""

from io import BytesIO
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

SIDE = 256
"""Pixels of the longer side of a preview."""
SAMPLES = 4
PATCHES = 16


class Previewer:
    """Shows latents through the model's own VAE if that is a tiny one, else by a fitted matrix.

    The matrix turns a latent pixel's channels into one RGB pixel: it is fitted by least squares
    on made-up pictures when the model is opened.
    """

    def __init__(self, vae: Any) -> None:
        self.vae = vae
        self.is_tiny = type(vae).__name__ == "AutoencoderTiny"
        self.matrix = None
        if type(vae).__name__ == "AutoencoderKL":
            self.matrix = fit_colours(vae)

    @torch.inference_mode()
    def show(self, latents: Tensor | None) -> Tensor | None:
        """Return (n, 3, h, w) bytes of what the latents show, or None if that is unknown."""
        if latents is None or latents.dim() != 4:
            return None
        if self.is_tiny:
            scale, shift = self.vae.config.scaling_factor, self.vae.config.shift_factor
            parameter = next(self.vae.parameters())
            raw = (latents / scale + shift).to(parameter.dtype)
            decoded: Tensor = self.vae.decode(raw, return_dict=False)[0]
            pictures = decoded.float() / 2 + 0.5
        elif self.matrix is not None and latents.shape[1] == len(self.matrix) - 1:
            matrix = self.matrix.to(latents.device)
            flat = latents.float().movedim(1, -1) @ matrix[:-1] + matrix[-1]
            pictures = flat.movedim(-1, 1)
        else:
            return None
        if not bool(torch.isfinite(pictures).all()):
            return None
        return (pictures.clamp(0, 1) * 255).round().to(torch.uint8).cpu()


def fit_colours(vae: Any) -> Tensor | None:
    """Fit the (channels + 1) x 3 matrix from scaled latents to RGB, or None if it cannot be."""
    parameter = next(vae.parameters())
    factor = 2 ** (len(vae.config.block_out_channels) - 1)
    generator = torch.Generator("cpu").manual_seed(0)
    coarse = torch.rand((SAMPLES, 3, PATCHES // 4, PATCHES // 4), generator=generator)
    pictures = interpolate(coarse, size=PATCHES * factor, mode="bilinear")
    with torch.inference_mode():
        given = (pictures * 2 - 1).to(parameter.device, parameter.dtype)
        latents: Tensor = vae.encode(given).latent_dist.mode().float().cpu()
    latents = (latents - (vae.config.shift_factor or 0)) * vae.config.scaling_factor
    if not bool(torch.isfinite(latents).all()):
        return None
    colours = avg_pool2d(pictures, factor).movedim(1, -1).flatten(0, 2)
    rows = latents.movedim(1, -1).flatten(0, 2)
    rows = torch.cat([rows, torch.ones(len(rows), 1)], 1)
    matrix: Tensor = torch.linalg.lstsq(rows, colours, driver="gelsd").solution
    return matrix


def encode_preview(pictures: Tensor) -> bytes:
    """Put up to four pictures into a 2x2 grid and return it as a small JPEG."""
    count, _, height, width = pictures.shape
    columns = min(count, 2)
    rows = -(-count // columns)
    grid = Image.new("RGB", (columns * width, rows * height))
    for tile, picture in enumerate(pictures.movedim(1, -1).numpy()):
        grid.paste(Image.fromarray(picture), (tile % columns * width, tile // columns * height))
    scale = SIDE / max(grid.size)
    size = (max(1, round(grid.width * scale)), max(1, round(grid.height * scale)))
    out = BytesIO()
    grid.resize(size, Image.Resampling.BICUBIC).save(out, "JPEG", quality=80)
    return out.getvalue()
