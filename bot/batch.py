"""Several jobs of one prompt: the question whether they are meant, and what its buttons do.

Only who asked sees the question. What was asked lies in a draft, whose id the buttons carry: they
work after a restart; either all of the jobs are taken in, or none.
"""

import asyncio
import io
import logging
import re
from collections.abc import Sequence
from dataclasses import replace

import discord

from bot import messages, modals, panels, posts
from bot.answers import tell
from bot.desk import Asked
from bot.disk import to_disk
from bot.drafts import Draft
from bot.errors import UserError
from bot.intake import greeting, keep
from bot.jobs import Job, State
from bot.language import N_, _
from bot.orders import giving_back, jobs_of
from bot.places import posted

log = logging.getLogger(__name__)

PRESSED = re.compile(r"batch:(yes|no|edit|show):([0-9]{1,20})")
SENT = re.compile(r"batch:sent:([0-9]{1,20}):[0-9]{1,20}")
"""The window in which a template was edited; the last number only makes it one of its own."""
FIELD = "template"
MOST_FOLLOWING = 5
"""How many messages Discord takes after an answer where the bot is no member."""
BUTTONS = (
    ("yes", N_("Yes"), discord.ButtonStyle.success),
    ("no", N_("No"), discord.ButtonStyle.danger),
    ("edit", N_("Edit prompt template"), discord.ButtonStyle.secondary),
    ("show", N_("Show prompts"), discord.ButtonStyle.secondary),
)
GONE = N_("Easel no longer knows this question: it was answered, or a day has passed. Ask again.")
NOT_YOURS = N_("This question is for whoever asked for these pictures.")


async def ask(asked: Asked, draft: Draft, jobs: Sequence[Job]) -> None:
    """Ask whether all these jobs are meant."""
    _check_room(jobs)
    await to_disk(asked.client.desk.drafts.keep, asked.id, draft)
    text = messages.really(draft.text, len(jobs))
    await asked.response.send_message(text, view=_view(asked.id), ephemeral=True)


async def press(asked: Asked, pressed: re.Match[str]) -> None:
    """Do what a button under the question says.

    Raises:
        UserError: somebody else pressed it, it was answered before, or the jobs cannot be had.

    """
    op, draft_id = pressed[1], int(pressed[2])
    draft = await _own(asked, draft_id)
    if op == "yes":
        await _go(asked, draft_id)
    elif op == "no":
        await asyncio.to_thread(asked.client.desk.drafts.take, draft_id)
        await asked.response.edit_message(content=messages.none_of(draft.text), view=None)
    elif op == "edit":
        field = modals.Field(name=FIELD, label=_("Prompt template"), text=draft.text)
        await modals.ask(asked, f"batch:sent:{draft_id}", _("Edit prompt template"), field)
    else:
        await _show(asked, draft)


async def edit(asked: Asked, sent: re.Match[str]) -> None:
    """Ask again with the template that was sent.

    Raises:
        UserError: somebody else sent it, it was answered before, or the template is wrong.

    """
    draft_id = int(sent[1])
    draft = replace(await _own(asked, draft_id), text=modals.read(asked).texts.get(FIELD, ""))
    with giving_back(draft):
        jobs, _warnings = await jobs_of(asked, draft)
        _check_room(jobs)
    await to_disk(asked.client.desk.drafts.keep, draft_id, draft)
    text = messages.really(draft.text, len(jobs))
    await asked.response.edit_message(content=text, view=_view(draft_id))


async def _own(asked: Asked, draft_id: int) -> Draft:
    draft = await asyncio.to_thread(asked.client.desk.drafts.find, draft_id)
    if draft is None:
        raise UserError(_(GONE))
    if draft.user_id != asked.user.id:
        raise UserError(_(NOT_YOURS))
    return draft


def _view(draft_id: int) -> discord.ui.View:
    return panels.of(
        *(
            discord.ui.Button(label=_(label), style=style, custom_id=f"batch:{op}:{draft_id}")
            for op, label, style in BUTTONS
        )
    )


def _check_room(jobs: Sequence[Job]) -> None:
    """Refuse more than Discord lets the bot say where it is no member."""
    if not jobs[0].member and len(jobs) > MOST_FOLLOWING:
        raise UserError(
            _(
                "That makes {number} jobs; {most} at once are the most where Easel is no member "
                "of the place."
            ).format(number=len(jobs), most=MOST_FOLLOWING),
            title=_("Job action restricted"),
        )


async def _show(asked: Asked, draft: Draft) -> None:
    """List the prompts, as a file where they are too long for a message."""
    with giving_back(draft):
        jobs, _warnings = await jobs_of(asked, draft)
    text = messages.prompts([job.shown for job in jobs])
    if messages.length(text) <= messages.LONGEST:
        await asked.response.send_message(text, ephemeral=True)
        return
    lines = "\n".join(job.shown for job in jobs)
    file = discord.File(io.BytesIO(lines.encode()), "prompts.txt")
    await asked.response.send_message(file=file, ephemeral=True)


# -- yes ------------------------------------------------------------------------------------------


async def _go(asked: Asked, draft_id: int) -> None:
    """Take all the jobs in, or none; a draft whose jobs are refused can be pressed again."""
    desk = asked.client.desk
    draft = await asyncio.to_thread(desk.drafts.take, draft_id)  # for one press only
    if draft is None:
        raise UserError(_(GONE))
    try:
        with giving_back(draft):
            jobs, warnings = await jobs_of(asked, draft)
            _check_room(jobs)
            # without a token: the answer, which the token leads to, is the question
            jobs = [replace(job, token=None) for job in jobs]
            await keep(asked, jobs)
    except BaseException:
        await to_disk(desk.drafts.keep, draft_id, draft)
        raise
    try:
        await asked.response.edit_message(content=messages.all_of(len(jobs)), view=None)
    except posts.AWAY as error:
        log.warning("interaction=%s could not be answered: %s", asked.id, error)
    await _spread(asked, jobs, warnings)


async def take_all(asked: Asked, jobs: Sequence[Job], warnings: Sequence[str]) -> None:
    """Take in jobs that nobody need be asked about: all of them or none.

    Raises:
        UserError: they are more than may be had at once, a quota is used up, or the queue is full.

    """
    _check_room(jobs)
    jobs = [replace(job, token=None) for job in jobs]
    if not await keep(asked, jobs):
        return
    try:
        await asked.response.send_message(messages.all_of(len(jobs)), ephemeral=True)
    except posts.AWAY as error:
        log.warning("interaction=%s could not be answered: %s", asked.id, error)
    await _spread(asked, jobs, warnings)


async def _spread(asked: Asked, jobs: Sequence[Job], warnings: Sequence[str]) -> None:
    """Give each job that was taken in its own message, and let it be painted."""
    for job in jobs:
        await _acknowledge(asked, job)
        asked.client.desk.runner.wake()
    await tell(asked, warnings)


async def _acknowledge(asked: Asked, job: Job) -> None:
    """Give a job its own message; without one it is painted and posted all the same."""
    desk = asked.client.desk
    outlook = await desk.runner.room.outlook(job.id)
    try:
        message = await asked.followup.send(
            await greeting(asked, job, outlook), ephemeral=job.ephemeral, wait=True
        )
        eta_s = outlook.eta_s if outlook else None
        await desk.store.set_ack(job.id, message.id, eta_s, asked.token)
        now = await desk.store.get(job.id) or job
        if now.state in {State.DELIVERING, State.DONE}:  # it was overtaken by its own grid
            await message.delete()
        elif now.state in {State.CANCELLED, State.FAILED, State.UNDELIVERABLE}:
            await message.edit(content=messages.ended(now))
            await desk.store.add_message(posted(now, message.id))
    except posts.AWAY as error:
        log.warning("job=%d has no message of its own: %s", job.id, error)
