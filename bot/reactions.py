"""Reactions under our messages: ❌ stops or deletes, ✉️ sends the pictures by direct
message, ⚠️ reports them.

They arrive raw, so that messages from before a restart count too; whose a message is stands in the
store and nowhere else.
"""

import asyncio
import logging

import aiohttp
import discord

from bot import letters, messages
from bot.admin.reports import report
from bot.desk import DeskClient
from bot.errors import UserError
from bot.finish import PicturesLostError
from bot.jobs import FINAL, Job, Posted
from bot.permissions import may_moderate

log = logging.getLogger(__name__)

CROSS = "❌"
ENVELOPE = "✉"
WARNING = "⚠"
"""As they are without the sign that asks for a coloured one."""
LETTER_CLOSED = frozenset({50007, 50278})
"""Discord's codes for a person who takes no direct message from us."""
NOTE_STAYS_S = 30.0
JUST_POSTED_S = (0.5, 2.0, 4.0, 0.0)
"""A message can be reacted to before we have noted it: discord.py sits out a used-up rate limit
before it tells us that the message is posted."""


async def react(client: DeskClient, event: discord.RawReactionActionEvent) -> None:
    """Do what a reaction asks for, if who reacted may ask for it."""
    name = (event.emoji.name or "").replace("\ufe0f", "")
    if (
        name not in {CROSS, ENVELOPE, WARNING}
        or client.user is None
        or event.user_id == client.user.id
    ):
        return
    job, posted = await _behind(client, event)
    if job is None:
        return
    owner = event.user_id == (posted.user_id if posted else job.user_id)
    try:
        if name == CROSS and (owner or _moderates(client, event)):
            await _cross(client, event, job, posted)
        elif name == ENVELOPE and owner and posted:
            await _send_letter(client, event, job, posted)
        elif name == WARNING and posted and _is_here(event, posted):
            await report(client, event.user_id, job, posted)
    except (
        discord.HTTPException,
        aiohttp.ClientError,
        OSError,
        PicturesLostError,
        UserError,
    ) as error:
        log.warning("job=%d reaction %s came to nothing: %s", job.id, name, error)


async def _behind(
    client: DeskClient, event: discord.RawReactionActionEvent
) -> tuple[Job | None, Posted | None]:
    """Return the job behind a message and, where it is posted for good, how."""
    store = client.desk.store
    for pause_s in JUST_POSTED_S:
        if posted := await store.message(event.message_id):
            return await store.get(posted.job_id), posted
        if job := await store.job_by_ack(event.message_id):
            return job, None
        if client.user is None or event.message_author_id != client.user.id:
            break
        await asyncio.sleep(pause_s)
    return None, None


def _is_here(event: discord.RawReactionActionEvent, posted: Posted) -> bool:
    """Say whether a person on the message's own server reacted."""
    person = event.member is not None and not event.member.bot
    return person and event.guild_id == posted.guild_id


def _moderates(client: DeskClient, event: discord.RawReactionActionEvent) -> bool:
    """Say whether who reacted may manage messages in that channel, at this moment."""
    if event.guild_id is None or event.member is None:
        return False
    guild = client.get_guild(event.guild_id)
    channel = guild.get_channel_or_thread(event.channel_id) if guild else None
    return channel is not None and may_moderate(channel.permissions_for(event.member))


async def _cross(
    client: DeskClient, event: discord.RawReactionActionEvent, job: Job, posted: Posted | None
) -> None:
    """Stop a job that is not done; delete a message that is."""
    if posted is None and job.state not in FINAL:
        stopped = await client.desk.runner.cancel(job.id)
        log.info("job=%d cancel asked by user=%d: %s", job.id, event.user_id, stopped)
        return
    channel = client.get_partial_messageable(event.channel_id, guild_id=event.guild_id)
    try:
        await channel.get_partial_message(event.message_id).delete()
    except discord.NotFound:
        log.info("job=%d message=%d was gone already", job.id, event.message_id)
    await client.desk.store.forget_message(event.message_id)
    log.info("job=%d message=%d deleted by user=%d", job.id, event.message_id, event.user_id)


async def _send_letter(
    client: DeskClient, event: discord.RawReactionActionEvent, job: Job, posted: Posted
) -> None:
    """Send the picture, or the four of a grid, with the job's id and seed."""
    try:
        await letters.send(client, event.user_id, job, posted.tile)
    except discord.Forbidden as error:
        log.info("job=%d user=%d takes no direct message: %s", job.id, event.user_id, error)
        if error.code in LETTER_CLOSED and event.guild_id is not None:
            channel = client.get_partial_messageable(event.channel_id, guild_id=event.guild_id)
            only = discord.AllowedMentions(users=[discord.Object(event.user_id)])
            await channel.send(
                messages.closed_letterbox(event.user_id),
                allowed_mentions=only,
                delete_after=NOTE_STAYS_S,
            )
