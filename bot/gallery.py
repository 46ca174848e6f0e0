"""The gallery: a channel where a server's taken out and favourite pictures are shown too."""

import logging
from dataclasses import replace

import discord

from bot import messages, posts
from bot.desk import DeskClient
from bot.errors import UserError
from bot.finish import PicturesLostError
from bot.jobs import Job, Posted

log = logging.getLogger(__name__)


async def show(client: DeskClient, job: Job, posted: Posted) -> None:
    """Show a posted picture, or a grid, in its server's gallery, as far as it may be shown there.

    Once only: what the gallery has is not shown again; and never what its painter keeps hidden.
    """
    if posted.guild_id is None or posted.guild_id != job.guild_id or job.ephemeral:
        return
    desk = client.desk
    channel_id = (await desk.rules(posted.guild_id)).gallery
    if channel_id in {None, posted.channel_id}:
        return
    assert channel_id is not None  # noqa: S101 - seen a line above
    async with desk.turn_of(job.id):  # two stars at once would both find it missing
        if not await desk.store.is_posted(channel_id, job.id, posted.tile):
            await _post(client, job, posted, channel_id)


async def _post(client: DeskClient, job: Job, posted: Posted, channel_id: int) -> None:
    try:
        file, text = await _file(client, job, posted, channel_id)
        channel = client.get_partial_messageable(channel_id, guild_id=posted.guild_id)
        sent = await channel.send(text, file=file)
    except (UserError, PicturesLostError) as error:
        log.info("job=%d is not shown in the gallery: %s", job.id, error)
    except posts.AWAY as error:
        log.warning("job=%d could not be shown in the gallery: %s", job.id, error)
    else:
        shown = replace(posted, message_id=sent.id, channel_id=channel_id)
        await client.desk.store.add_message(shown)


async def _file(
    client: DeskClient, job: Job, posted: Posted, channel_id: int
) -> tuple[discord.File, str]:
    """Return the file and what stands over it."""
    desk, place = client.desk, (posted.guild_id, channel_id)
    pictures = await desk.store.pictures(job.id)
    if posted.tile is None:
        file = await desk.finisher.grid(job, pictures, place=place)
        return file, messages.finished(job)
    for picture in pictures:
        if picture.tile == posted.tile:
            file = await desk.finisher.tile(job, picture, place=place)
            return file, messages.picture(job, picture.tile, posted.user_id)
    raise PicturesLostError(f"job={job.id} has no picture {posted.tile}")
