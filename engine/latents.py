"""Latents of the latest pictures, so that a variation need not encode what was just decoded."""

import hashlib
from collections import OrderedDict

import numpy as np
from PIL import Image
from torch import Tensor

REMEMBERED = 256
"""Tiles; one of SDXL takes 0.1 MB."""


class LatentCache:
    """Final latents (as the VAE decodes them) by the pixels that were made of them.

    Only a picture that is still the same in every pixel is found, wherever it was kept meanwhile.
    """

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._known: OrderedDict[bytes, Tensor] = OrderedDict()

    def remember(self, pictures: Tensor, latents: Tensor | None) -> None:
        """Keep the latents of pictures, floats in 0..1 (n, 3, height, width)."""
        if latents is None or len(latents) != len(pictures):
            return
        pixels = (pictures.clamp(0, 1) * 255).round().byte().numpy()
        for one, latent in zip(pixels, latents.detach().cpu(), strict=True):
            self._known[_digest(one)] = latent.clone()
        while len(self._known) > self._most:
            self._known.popitem(last=False)

    def find(self, picture: Image.Image) -> Tensor | None:
        """Return the latents (1, channels, height, width) of a picture, if they are known."""
        if not self._known:
            return None
        digest = _digest(np.moveaxis(np.asarray(picture), -1, 0))
        found = self._known.get(digest)
        if found is None:
            return None
        self._known.move_to_end(digest)
        return found.unsqueeze(0)


def _digest(pixels: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> bytes:
    shape = str(pixels.shape).encode()
    data = np.ascontiguousarray(pixels).data
    return hashlib.blake2b(data, digest_size=16, person=shape[:16]).digest()
