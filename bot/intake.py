"""How a wish becomes a job: checked, kept on disk, and only then acknowledged."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import discord

from bot import attachments, flags, messages, posts
from bot.admission import (
    check_painter,
    check_presser,
    check_quota,
    check_words,
    fit,
    has_quota,
)
from bot.adoption import adopt
from bot.answers import tell
from bot.derived import Start, inherited
from bot.desk import Asked
from bot.errors import DiskError, UserError
from bot.flags import Wish
from bot.grammar import without_links
from bot.jobs import Job, Kind, Picture, State
from bot.language import _, speaking, told
from bot.modes import in_mode, not_in_lane
from bot.pace import Outlook
from bot.permissions import check_bot
from bot.queue import QueueLimits
from bot.readers import ATTACHED, Size
from bot.references import kept_of
from bot.rules import Rules
from bot.settings import Settings
from engine import Request

log = logging.getLogger(__name__)

LARGEST_ID = 2**63
"""Ids are smaller; the store could not even look for a larger one."""


async def check_asked(asked: Asked) -> Rules:
    """Return the server's rules if this person may paint here and the bot can deliver.

    Raises:
        UserError: the bot is stopping, a rule of the server is against it, or the bot lacks a
            permission in this channel.

    """
    desk = asked.client.desk
    if desk.closing:
        raise UserError(_(messages.RESTARTING))
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
    raise UserError(_(messages.UNKNOWN_JOB))


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


async def stored(asked: Asked, job: Job, index: int) -> Picture:
    """Return one picture of a job, whose file is there.

    Raises:
        PictureGoneError: it is not.

    """
    desk = asked.client.desk
    for picture in await desk.store.pictures(job.id):
        if picture.tile == index and desk.data.path(picture.file).is_file():
            return picture
    raise PictureGoneError(job)


class PictureGoneError(UserError):
    """A picture is no longer kept; it can be painted again."""

    def __init__(self, job: Job) -> None:
        super().__init__(_(messages.LOST_PICTURE))
        self.job = job


async def start_from(asked: Asked, job_id: int, index: int, text: str | None = None) -> Start:
    """Return what a derived job starts from, painted by the parent's prompt or by another one.

    Raises:
        UserError: this person may not press here, the picture is gone, or the prompt is wrong.

    """
    desk = asked.client.desk
    rules = await check_asked(asked)
    parent = await known_job(asked, job_id)
    check_presser(asked, rules, parent)
    card = desk.card(parent.request.model)
    picture = await stored(asked, parent, index)
    wish = Wish(parent.request, inherited(parent.shown))
    if text is None:
        rules.check_request(parent.request)
    else:
        wish = rewritten(asked, rules, parent, text, (picture.width, picture.height))
        card = desk.card(wish.request.model)
    return Start(
        parent=parent, picture=picture, wish=wish, card=card, rules=rules, is_new=text is not None
    )


def rewritten(asked: Asked, rules: Rules, parent: Job, text: str, shape: Size) -> Wish:
    """Return another prompt for a picture of this shape; its links, if any, are passed over.

    Raises:
        UserError: the prompt is wrong, or stands for several.

    """
    desk = asked.client.desk
    kept = kept_of(parent)
    given = flags.Given(
        picture=shape,
        is_start=True,
        control=parent.request.control or "",
        style=kept.get(("style", ATTACHED), ""),
        character=kept.get(("face", ATTACHED), ""),
        kept=kept,
        loras=desk.loras,
        controls=desk.controls,
    )
    wish = flags.parse(without_links(text), rules.cards(desk.cards()), rules.limits(), given)
    check_links(asked, wish)
    if "reference" not in desk.card(wish.request.model).honours:
        return wish
    images = [one for one in parent.request.references if one.kind == "image"]
    request = replace(wish.request, references=(*images, *wish.request.references))
    return replace(wish, request=request)


def check_links(asked: Asked, wish: Wish) -> None:
    """Refuse links that lead elsewhere than to where pictures are fetched from.

    Raises:
        UserError: one does.

    """
    settings = asked.client.desk.settings
    links = [one.picture for one in wish.request.references if "://" in one.picture]
    for link in (*wish.links, *links):
        attachments.allowed(link, settings.playground, settings.image_hosts)


async def derive(asked: Asked, start: Start, kind: Kind, wish: Wish, **more: Any) -> None:
    """Take in a job that starts from a picture of another one; `more` are fields of the job.

    Raises:
        UserError: a word is not wanted here, a quota is used up, or the queue is full.

    """
    warnings = await check_words(asked, wish.request.prompt)
    job = new_job(asked, kind, fit(wish.request, start.rules), wish.shown)
    job = replace(job, parent_id=start.parent.id, parent_tile=start.picture.tile, **more)
    await receive(asked, await in_mode(asked, job, wish.lane, wish.hidden))
    await tell(asked, warnings)


def rerun_of(asked: Asked, parent: Job, wish: Wish) -> Job:
    """Return the job that paints another one again, of the same picture if it came of one."""
    kind = Kind.REROLL if parent.kind is Kind.IMAGINE else parent.kind
    job = new_job(asked, kind, wish.request, wish.shown)
    if parent.parent_tile is None:
        return replace(job, parent_id=parent.id)
    return replace(job, parent_id=parent.parent_id, parent_tile=parent.parent_tile)


def again_of(asked: Asked, parent: Job) -> Job:
    """Return the job that paints another one once more, with the same seed."""
    job = new_job(asked, parent.kind, parent.request, parent.shown)
    return replace(job, parent_id=parent.parent_id, parent_tile=parent.parent_tile, reply_to=None)


async def take_in(asked: Asked, job: Job) -> None:
    """Keep the job, acknowledge it, and let it be painted.

    Raises:
        UserError: the painter's queue, or the whole queue, is full, or a quota is used up.

    """
    await receive(asked, await in_mode(asked, job))


async def receive(asked: Asked, job: Job) -> None:
    """Keep a job whose mode is known, acknowledge it, and let it be painted.

    Raises:
        UserError: as `take_in`.

    """
    desk = asked.client.desk
    if not await keep(asked, [job]):
        return
    outlook = await desk.runner.room.outlook(job.id)
    text = await greeting(asked, job, outlook)
    try:
        answer = await asked.response.send_message(text, ephemeral=job.ephemeral)
    except discord.NotFound:
        log.warning("job=%d came too late to be acknowledged", job.id)
        await desk.runner.cancel(job.id, silent=True)
        return
    except posts.AWAY as error:
        log.warning("job=%d it is not known if it was acknowledged: %s", job.id, error)
    else:
        if answer.message_id is not None:
            eta_s = outlook.eta_s if outlook else None
            await desk.store.set_ack(job.id, answer.message_id, eta_s)
    desk.runner.wake()


async def keep(asked: Asked, jobs: Sequence[Job]) -> bool:
    """Put jobs on the disk, all of them or none; False if they are there already.

    Raises:
        UserError: the painter's queue, or the whole queue, is full, or a quota is used up.

    """
    desk = asked.client.desk
    desk.runner.disk.check()
    try:
        accepted = await _accept(asked, jobs)
    except DiskError as error:
        desk.runner.disk.fail(error)
        desk.runner.disk.check()
        raise
    for job in jobs:
        if accepted:
            log.debug("job=%d accepted kind=%s user=%d", job.id, job.kind, job.user_id)
        else:
            log.info("job=%d is known already", job.id)
    return accepted


async def _accept(asked: Asked, jobs: Sequence[Job]) -> bool:
    """Keep the jobs if their painter's quotas and the queue have room; False if known."""
    desk = asked.client.desk
    limits = queue_limits(desk.settings)
    if not await has_quota(asked, jobs[0]):
        return await desk.store.accept_all(jobs, limits)
    async with desk.turn_of(jobs[0].user_id):  # two at once would both fit
        await check_quota(asked, jobs)
        return await desk.store.accept_all(jobs, limits)


async def greeting(asked: Asked, job: Job, outlook: Outlook | None) -> str:
    """Return what is said when a job is taken in: what it waits for, and for how long."""
    with speaking(job.language):
        loading = asked.client.desk.engine.stats().loading
        because = told(loading) if loading else messages.outlook(outlook)
        return messages.waiting(job, because=because, notes=await _notes(asked, job))


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
        notes.append(_(messages.QUEUED))
    if desk.card(job.request.model).untrained:
        notes.append(f"-# {_(messages.EXPECT_NOISE)}")
    return notes + ([note] if (note := messages.reading(job)) else [])
