"""A message of ours whose job the store has lost goes on from the picture it carries."""

import asyncio
import json
import logging
from typing import Any

import discord

from bot import grid, memory
from bot.attachments import fetch
from bot.desk import Asked
from bot.errors import UserError
from bot.jobs import Job, Kind, Picture, Posted, State
from bot.safety import UNCHECKED
from engine import Request

log = logging.getLogger(__name__)

PATIENCE_S = 2.0
"""A press has to be answered within three seconds, so the picture must be here before that."""


async def adopt(asked: Asked, job_id: int) -> Job | None:
    """Take the job behind the message that was pressed into the store again.

    Returns None where the message is not ours or does not carry the job's own picture: what the
    picture remembers is believed because nobody else can edit our messages.
    """
    message = asked.message
    if message is None or asked.client.user is None or message.author.id != asked.client.user.id:
        return None
    attached = [a for a in message.attachments if f"easel-{job_id}" in a.filename]
    if not attached:
        return None
    try:
        async with asyncio.timeout(PATIENCE_S):
            content = await fetch(attached[0].url, asked.client.desk.settings.playground)
            remembered = await asyncio.to_thread(memory.read, content)
            if remembered is None or remembered.easel.get("job") != str(job_id):
                return None
            job, tile = _job(asked, message, job_id, remembered.easel)
            pictures = await _keep(asked, job, content, tile)
    except (UserError, TimeoutError, ValueError, TypeError, KeyError, OSError) as error:
        log.warning("job=%d cannot be taken up from its message: %s", job_id, error)
        return None
    store = asked.client.desk.store
    await store.adopt(job, pictures)
    await store.add_message(
        Posted(
            message_id=message.id,
            channel_id=job.channel_id,
            guild_id=job.guild_id,
            job_id=job_id,
            tile=tile,
            user_id=job.user_id,
        )
    )
    log.info("job=%d is taken up again from its message", job_id)
    return await store.get(job_id)


def _job(
    asked: Asked, message: discord.Message, job_id: int, record: dict[str, Any]
) -> tuple[Job, int | None]:
    """Return the job a picture remembers, and which tile of it the picture is (None: a grid).

    Raises:
        ValueError, TypeError, KeyError: it does not remember a job.

    """
    owner = message.mentions[-1].id if message.mentions else asked.user.id
    tile = record["tile"]
    if tile is not None and tile not in range(4):
        raise ValueError(f"there is no tile {tile!r}")
    job = Job(
        id=job_id,
        kind=Kind(record["kind"]),
        state=State.DONE,
        channel_id=asked.channel_id or 0,
        guild_id=asked.guild_id,
        user_id=owner,
        shown=str(record["shown"]),
        request=Request.from_json(json.dumps(record["request"])),
        final_message_id=message.id,
        ephemeral=message.flags.ephemeral,
    )
    return job, tile


async def _keep(asked: Asked, job: Job, content: bytes, tile: int | None) -> list[Picture]:
    """Write the tiles that the message shows, at the size they were painted in."""
    size = (job.request.width, job.request.height)
    count = job.request.pictures if tile is None else 1
    first = tile or 0
    pngs = await asyncio.to_thread(grid.cut, content, count, size)
    data = asked.client.desk.data
    paths = await asyncio.to_thread(data.write_pictures, job.id, pngs, first)
    return [
        Picture(
            job_id=job.id,
            tile=first + place,
            seed=job.request.seeds[first + place],
            file=data.relative(path),
            width=size[0],
            height=size[1],
            verdict=UNCHECKED,
        )
        for place, path in enumerate(paths)
    ]
