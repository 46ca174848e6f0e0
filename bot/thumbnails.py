"""Small pictures of painted jobs, for lists."""

import asyncio
import io
import logging
from collections.abc import Sequence
from pathlib import Path

import discord
from PIL import Image

from bot import messages
from bot.desk import Desk
from bot.errors import UserError
from bot.finish import Place
from bot.jobs import Job

log = logging.getLogger(__name__)

SIDE = 192
"""Pixels of the longer side."""
QUALITY = 80


async def thumbnail(desk: Desk, job: Job, place: Place) -> discord.File | None:
    """Return a job's pictures in small; None if they are gone, or may not be shown there."""
    pictures = await desk.store.pictures(job.id)
    try:
        hidden = await desk.guard.covered(pictures, *place)
        paths = [desk.data.path(picture.file) for picture in pictures]
        content = await asyncio.to_thread(_small, paths)
    except (UserError, OSError) as error:
        log.info("job=%d has no thumbnail: %s", job.id, error)
        return None
    about = messages.describe(job.shown)
    name = f"easel-{job.id}-small.webp"
    return discord.File(io.BytesIO(content), name, description=about, spoiler=hidden)


def _small(paths: Sequence[Path]) -> bytes:
    """Put the pictures together as a grid has them. Blocks."""
    columns = 1 if len(paths) == 1 else 2
    rows = -(-len(paths) // columns)
    tiles = []
    for path in paths:
        with Image.open(path, formats=("PNG",)) as picture:
            tile = picture.convert("RGB")
        tile.thumbnail((SIDE // columns, SIDE // columns))
        tiles.append(tile)
    width, height = tiles[0].size
    sheet = Image.new("RGB", (width * columns, height * rows))
    for place, tile in enumerate(tiles):
        sheet.paste(tile, (place % columns * width, place // columns * height))
    with io.BytesIO() as file:
        sheet.save(file, "WEBP", quality=QUALITY)
        return file.getvalue()
