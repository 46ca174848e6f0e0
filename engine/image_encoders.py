"""Image encoders of IP-Adapters: what they see in pictures, remembered."""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from transformers import CLIPImageProcessorPil, CLIPVisionModelWithProjection

from engine.embeddings import Embedding, PromptCache
from engine.errors import N_, PaintError, Sentence
from engine.offload import share_device

LOST = N_("A picture that this refers to cannot be read any more.")
REMEMBERED = 64 * 257
"""Vectors of all pictures together; one picture has 1 or 257."""


class ImageEncoders:
    """The image encoders of one model, by their folders.

    `on_made` is told of one newly loaded and a name for it, so that a hub can route it.
    """

    def __init__(self, unet: Any) -> None:
        self.on_made: Callable[[str, nn.Module], None] | None = None
        self._unet = unet
        self._open: dict[Path, Any] = {}
        self._known = PromptCache(REMEMBERED)

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """Return those that are open."""
        return tuple(self._open.values())

    def load(self, folder: Path) -> None:
        """Open an encoder unless it is open."""
        if folder in self._open:
            return
        encoder: Any = CLIPVisionModelWithProjection.from_pretrained(
            folder, dtype=self._unet.dtype, use_safetensors=True, local_files_only=True
        )
        encoder.to(self._unet.device).eval().requires_grad_(requires_grad=False)
        share_device(self._unet, encoder)
        if self.on_made is not None:
            self.on_made(f"{folder.name}{len(self._open)}", encoder)
        self._open[folder] = encoder

    def look(self, folder: Path, picture: bytes, device: Any, *, is_whole: bool) -> Tensor:
        """Return the vectors of a picture's file (1, n, width), or (1, width) of it as a whole.

        No bytes are no picture, as guidance wants it.

        Raises:
            PaintError: it is no picture.

        """
        digest = hashlib.blake2b(picture, digest_size=16).digest()

        def encode() -> Embedding:
            return Embedding(self._encode(self._open[folder], picture, device, is_whole=is_whole))

        return self._known.get((folder, is_whole, digest), encode).tokens

    def _encode(self, encoder: Any, picture: bytes, device: Any, *, is_whole: bool) -> Tensor:
        side = encoder.config.image_size
        if picture:
            prepare: Any = CLIPImageProcessorPil(size=side, crop_size=side)
            pixels = prepare(_read(picture), return_tensors="pt").pixel_values
        elif is_whole:
            width = encoder.config.projection_dim
            return torch.zeros(1, width, device=device, dtype=encoder.dtype)
        else:
            pixels = torch.zeros(1, 3, side, side)
        pixels = pixels.to(device, encoder.dtype)
        if is_whole:
            vectors: Tensor = encoder(pixels).image_embeds
        else:
            vectors = encoder(pixels, output_hidden_states=True).hidden_states[-2]
        return vectors


def _read(picture: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(picture)) as opened:
            return opened.convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise PaintError(Sentence(LOST)) from error
