"""The gallery: a channel where the pictures that people take out with U are shown too."""

import logging
from dataclasses import replace

import aiohttp
import discord

from bot import messages
from bot.desk import DeskClient
from bot.errors import UserError
from bot.finish import PicturesLostError
from bot.jobs import Job, Picture, Posted

log = logging.getLogger(__name__)


async def show(
    client: DeskClient, channel_id: int, job: Job, picture: Picture, posted: Posted
) -> None:
    """Show one picture in the gallery, as far as it may be shown there."""
    if channel_id == posted.channel_id:
        return
    desk = client.desk
    try:
        file = await desk.finisher.tile(job, picture, place=(posted.guild_id, channel_id))
        channel = client.get_partial_messageable(channel_id, guild_id=posted.guild_id)
        text = messages.picture(job, picture.tile, posted.user_id)
        sent = await channel.send(text, file=file)
    except (UserError, PicturesLostError) as error:
        log.info("job=%d is not shown in the gallery: %s", job.id, error)
    except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
        log.warning("job=%d could not be shown in the gallery: %s", job.id, error)
    else:
        shown = replace(posted, message_id=sent.id, channel_id=channel_id)
        await desk.store.add_message(shown)
