"""What is asked of a message of ours, by a reaction or from its menu: to go away, or to be sent."""

import asyncio
import logging
from dataclasses import dataclass

import discord

from bot import audit, letters
from bot.desk import DeskClient
from bot.jobs import FINAL, Job, Posted
from bot.ledger import Deed

log = logging.getLogger(__name__)

JUST_POSTED_S = (0.5, 2.0, 4.0, 0.0)
"""A message can be reacted to before we have noted it: discord.py sits out a used-up rate limit
before it tells us that the message is posted."""
LETTER_CLOSED = frozenset({50007, 50278})
"""Discord's codes for a person who takes no direct message from us."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A message, and who asks something of it."""

    message_id: int
    channel_id: int
    guild_id: int | None
    user_id: int


async def behind(
    client: DeskClient, message_id: int, *, patient: bool = False
) -> tuple[Job | None, Posted | None]:
    """Return the job behind a message and, where it is posted for good, how.

    `patient` waits for what may have been posted just now.
    """
    store = client.desk.store
    for pause_s in JUST_POSTED_S:
        if posted := await store.message(message_id):
            return await store.get(posted.job_id), posted
        if job := await store.job_by_ack(message_id):
            return job, None
        if not patient:
            break
        await asyncio.sleep(pause_s)
    return None, None


def owner_of(job: Job, posted: Posted | None) -> int:
    """Return whose message it is: what was taken out of a grid is the presser's own."""
    return posted.user_id if posted else job.user_id


async def take_away(client: DeskClient, spot: Spot, job: Job, posted: Posted | None) -> bool:
    """Stop a job that is not done, or delete a message that is; True if it was stopped.

    Raises:
        discord.HTTPException: the message cannot be deleted.

    """
    if posted is None and job.state not in FINAL:
        stopped = await client.desk.runner.cancel(job.id)
        log.info("job=%d cancel asked by user=%d: %s", job.id, spot.user_id, stopped)
        if stopped:
            await _note(client, spot, "cancel", job.user_id)
        return stopped
    channel = client.get_partial_messageable(spot.channel_id, guild_id=spot.guild_id)
    try:
        await channel.get_partial_message(spot.message_id).delete()
    except discord.NotFound:
        log.info("job=%d message=%d was gone already", job.id, spot.message_id)
    await client.desk.store.forget_message(spot.message_id)
    log.info("job=%d message=%d deleted by user=%d", job.id, spot.message_id, spot.user_id)
    await _note(client, spot, "delete", owner_of(job, posted))
    return False


async def _note(client: DeskClient, spot: Spot, action: str, owner_id: int) -> None:
    """Note in the audit log what a moderator did with somebody else's message."""
    if spot.guild_id is not None and spot.user_id != owner_id:
        deed = Deed(
            guild_id=spot.guild_id,
            by_id=spot.user_id,
            action=action,
            target=f"message {spot.message_id} of user {owner_id}",
        )
        await audit.record(client, deed)


async def send_letter(client: DeskClient, spot: Spot, job: Job, posted: Posted) -> bool:
    """Send the picture, or the four of a grid, with the job's id and seed; False if the letterbox
    is closed."""
    try:
        await letters.send(client, spot.user_id, job, posted.tile)
    except discord.Forbidden as error:
        log.info("job=%d user=%d takes no direct message: %s", job.id, spot.user_id, error)
        return error.code not in LETTER_CLOSED
    return True
