"""How a wish becomes a job: checked, kept on disk, and only then acknowledged."""

import logging
import re
from dataclasses import replace

import aiohttp
import discord

from bot import flags, messages
from bot.admission import check_painter, check_quota, has_quota
from bot.adoption import adopt
from bot.desk import Asked
from bot.errors import DiskError, UserError
from bot.jobs import Job, Kind, State
from bot.modes import in_mode, not_in_lane
from bot.permissions import check_bot
from bot.queue import QueueLimits
from bot.rules import Rules
from bot.settings import Settings
from engine import Request

log = logging.getLogger(__name__)

VARIATION_STRENGTH = 0.6
LARGEST_ID = 2**63
"""Ids are smaller; the store could not even look for a larger one."""
_SEED = re.compile(r"\s*--seed\s+\S+", re.IGNORECASE)


async def check_asked(asked: Asked) -> Rules:
    """Return the server's rules if this person may paint here and the bot can deliver.

    Raises:
        UserError: the bot is stopping, a rule of the server is against it, or the bot lacks a
            permission in this channel.

    """
    desk = asked.client.desk
    if desk.closing:
        raise UserError(messages.RESTARTING)
    rules = await check_painter(asked)
    check_bot(asked)
    return rules


async def known_job(asked: Asked, job_id: int) -> Job:
    """Return the job behind a button, if who presses it can see the job.

    Raises:
        UserError: there is no such job, or it belongs to another server or conversation.

    """
    known = job_id < LARGEST_ID
    job = await asked.client.desk.store.get(job_id) or await adopt(asked, job_id) if known else None
    if job is not None and not (job.ephemeral and job.user_id != asked.user.id):
        same_server = job.guild_id is not None and job.guild_id == asked.guild_id
        if same_server or asked.user.id == job.user_id or asked.channel_id == job.channel_id:
            return job
    raise UserError(messages.UNKNOWN_JOB)


def new_job(asked: Asked, kind: Kind, request: Request, shown: str) -> Job:
    """Return the job this interaction asks for; it is not kept yet."""
    return Job(
        id=asked.id,
        kind=kind,
        state=State.ACCEPTED,
        channel_id=asked.channel_id or 0,
        guild_id=asked.guild_id,
        user_id=asked.user.id,
        shown=shown,
        request=request,
        token=asked.token,
        reply_to=asked.message.id if asked.message else None,
        member=is_member(asked),
    )


def is_member(asked: Asked) -> bool:
    """Say whether the bot itself is in the place, so that it needs no token to write there."""
    if asked.guild_id is not None:
        return asked.is_guild_integration()
    return asked.context.dm_channel or not asked.context.private_channel


def variation_of(asked: Asked, parent: Job, tile: int, image: str) -> Job:
    """Return the job that varies one picture of another job."""
    request = flags.vary(parent.request, image, VARIATION_STRENGTH)
    job = new_job(asked, Kind.VARIATION, request, without_seed(parent.shown))
    return replace(job, parent_id=parent.id, parent_tile=tile)


def rerun_of(asked: Asked, parent: Job) -> Job:
    """Return the job that paints another one again with a new seed."""
    kind = Kind.VARIATION if parent.kind is Kind.VARIATION else Kind.REROLL
    job = new_job(asked, kind, flags.reroll(parent.request), without_seed(parent.shown))
    if kind is Kind.VARIATION:
        return replace(job, parent_id=parent.parent_id, parent_tile=parent.parent_tile)
    return replace(job, parent_id=parent.id)


def again_of(asked: Asked, parent: Job) -> Job:
    """Return the job that paints another one once more, with the same seed."""
    job = new_job(asked, parent.kind, parent.request, parent.shown)
    return replace(job, parent_id=parent.parent_id, parent_tile=parent.parent_tile, reply_to=None)


def without_seed(shown: str) -> str:
    """Return the prompt without the seed that the new job does not have."""
    return _SEED.sub("", shown)


async def take_in(asked: Asked, job: Job) -> None:
    """Keep the job, acknowledge it, and let it be painted.

    Raises:
        UserError: the painter's queue, or the whole queue, is full, or a quota is used up.

    """
    desk = asked.client.desk
    desk.runner.disk.check()
    job = await in_mode(asked, job)
    try:
        accepted = await _accept(asked, job)
    except DiskError as error:
        desk.runner.disk.fail(error)
        desk.runner.disk.check()
        raise
    if not accepted:
        log.info("job=%d is known already", job.id)
        return
    log.debug("job=%d accepted kind=%s user=%d", job.id, job.kind, job.user_id)
    outlook = await desk.runner.room.outlook(job.id)
    because = desk.engine.stats().loading or messages.outlook(outlook)
    text = messages.waiting(job, because=because, notes=await _notes(asked, job))
    try:
        answer = await asked.response.send_message(text, ephemeral=job.ephemeral)
    except discord.NotFound:
        log.warning("job=%d came too late to be acknowledged", job.id)
        await desk.runner.cancel(job.id)
        return
    except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
        log.warning("job=%d it is not known if it was acknowledged: %s", job.id, error)
    else:
        if answer.message_id is not None:
            eta_s = outlook.eta_s if outlook else None
            await desk.store.set_ack(job.id, answer.message_id, eta_s)
    desk.runner.wake()


async def _accept(asked: Asked, job: Job) -> bool:
    """Keep the job if its painter's quotas and the queue have room; False if it is known."""
    desk = asked.client.desk
    limits = queue_limits(desk.settings)
    if not await has_quota(asked, job):
        return await desk.store.accept(job, limits)
    async with desk.turn_of(job.user_id):  # two at once would both fit
        await check_quota(asked, job)
        return await desk.store.accept(job, limits)


def queue_limits(settings: Settings) -> QueueLimits:
    """Return the operator's limits of the queue."""
    return QueueLimits(
        running_per_painter=settings.running_per_painter,
        waiting_per_painter=settings.waiting_per_painter,
        running_per_server=settings.running_per_server,
        waiting_per_server=settings.waiting_per_server,
        waiting_in_all=settings.waiting_in_all,
    )


async def _notes(asked: Asked, job: Job) -> list[str]:
    """Say what the painter had better know while the job waits."""
    desk = asked.client.desk
    notes = [note] if (note := await not_in_lane(asked, job)) else []
    if desk.runner.room.inside_of(job.user_id) >= desk.settings.running_per_painter:
        notes.append(messages.QUEUED)
    if desk.card(job.request.model).untrained:
        notes.append(messages.UNTRAINED)
    return notes + ([note] if (note := messages.reading(job)) else [])
