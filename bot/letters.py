"""Letters: a job's pictures sent to one person by direct message, with its id and seed."""

import logging

import discord

from bot import messages, posts
from bot.desk import DeskClient
from bot.errors import UserError
from bot.finish import PicturesLostError
from bot.jobs import Job, Posted

log = logging.getLogger(__name__)


async def send(client: DeskClient, user_id: int, job: Job, tile: int | None = None) -> None:
    """Send one picture of a job, or all of them.

    Raises:
        discord.Forbidden: this person takes no direct message from the bot.
        PicturesLostError: the pictures are not on the disk.
        UserError: they may not be shown.

    """
    desk = client.desk
    pictures = [
        picture
        for picture in await desk.store.pictures(job.id)
        if tile is None or picture.tile == tile
    ]
    if not pictures:
        return
    seed = job.request.seed if tile is None else pictures[0].seed
    files = await desk.finisher.tiles(job, pictures)
    letterbox = await client.create_dm(discord.Object(user_id))
    sent = await letterbox.send(messages.letter(job, seed), files=files)
    await desk.store.add_message(
        Posted(
            message_id=sent.id,
            channel_id=sent.channel.id,
            job_id=job.id,
            tile=tile,
            user_id=user_id,
        )
    )


async def send_too(client: DeskClient, user_id: int, job: Job, tile: int | None = None) -> None:
    """Send what is posted already; that it does not arrive is only worth a line in the log."""
    try:
        await send(client, user_id, job, tile)
    except (*posts.AWAY, PicturesLostError, UserError) as error:
        log.info("job=%d user=%d got no letter: %s", job.id, user_id, error)
