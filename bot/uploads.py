"""Pictures as Discord takes them: PNG, or smaller where PNG is too large for it."""

import io
from dataclasses import dataclass

from PIL import Image

from bot import memory

ROOM_BYTES = 64 * 1024
"""Kept free of the limit for what travels around the file."""
SMALLER = (("webp", 95), ("webp", 85), ("jpg", 85), ("jpg", 70))


@dataclass(frozen=True, slots=True)
class Upload:
    """A file's content and what its name ends with."""

    content: bytes
    suffix: str


def fit(png: bytes, limit_bytes: int) -> Upload:
    """Return the picture within the limit: as it is, else encoded smaller, at last made smaller.

    What it remembers of itself goes along. Blocks; call it off the loop.
    """
    room = limit_bytes - ROOM_BYTES
    if len(png) <= room:
        return Upload(png, "png")
    with Image.open(io.BytesIO(png), formats=("PNG",)) as opened:
        picture = opened.convert("RGB")
    remembered = memory.read(png)
    about = memory.encoded(remembered) if remembered else {}
    while True:
        for suffix, quality in SMALLER:
            content = _encode(picture, suffix, quality, about)
            if len(content) <= room or max(picture.size) <= 64:
                return Upload(content, suffix)
        half = (max(picture.width // 2, 1), max(picture.height // 2, 1))
        picture = picture.resize(half, Image.Resampling.LANCZOS)


def _encode(picture: Image.Image, suffix: str, quality: int, about: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, {"webp": "WEBP", "jpg": "JPEG"}[suffix], quality=quality, **about)
    return buffer.getvalue()
