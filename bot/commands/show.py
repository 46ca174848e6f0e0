"""/show: post one of one's own jobs again, with fresh buttons."""

import re
from typing import Any

import discord
from discord import app_commands

from bot import messages
from bot.answers import give
from bot.buttons import offer_again
from bot.desk import Asked, DeskClient
from bot.errors import UserError
from bot.finish import PicturesLostError
from bot.intake import LARGEST_ID, check_asked
from bot.jobs import FINAL, Job, Posted, State
from bot.language import N_, _
from bot.modes import is_hidden
from bot.places import Places

CHOICES = 25
LONGEST_CHOICE = 100
NOT_YOURS = N_(
    "There is no job `{given}` of yours. A job's id stands in its file's name and in a letter (✉️); "
    "`/history` shows your jobs."
)
UNFINISHED = N_("The job `{given}` is not done yet; its pictures come by themselves.")
CAME_TO_NOTHING = N_("The job `{given}` was stopped, or it failed, so it has no pictures.")


@app_commands.command(name="show", description="Show one of your jobs again, with fresh buttons")
@app_commands.describe(job_id="The job: its id, the link to its message, or words of its prompt")
async def show(
    interaction: discord.Interaction[Any], job_id: app_commands.Range[str, 1, LONGEST_CHOICE]
) -> None:
    """Post the final message of a job again, here."""
    asked: Asked = interaction
    await check_asked(asked)
    desk = asked.client.desk
    job = await _own_job(asked, job_id)
    hidden = is_hidden(asked, await desk.preferences(asked.user.id), job)
    place = (asked.guild_id, asked.channel_id or 0)
    places = Places(asked.client, desk.store, desk.finisher)
    making = places.grid(job, asked.filesize_limit, place)
    try:
        message_id = await give(asked, messages.finished(job), making, hidden=hidden)
    except PicturesLostError:
        await offer_again(asked, job.id)
        return
    if message_id is not None:
        posted = Posted(
            message_id=message_id,
            channel_id=asked.channel_id or 0,
            guild_id=asked.guild_id,
            job_id=job.id,
            user_id=asked.user.id,
        )
        await desk.store.add_message(posted)


async def _own_job(asked: Asked, given: str) -> Job:
    """Return the job that is meant.

    Raises:
        UserError: there is none such of this person's, or it has no pictures.

    """
    desk = asked.client.desk
    job = None
    if number := re.search(r"([0-9]{1,19})\D*$", given):
        wanted = min(int(number[1]), LARGEST_ID - 1)
        posted = await desk.store.message(wanted)
        job = await desk.store.get(posted.job_id if posted else wanted)
    if job is None:
        page = await desk.belongings.history(asked.user.id, given, first=0, most=1)
        job = await desk.store.get(page.jobs[0][0]) if page.jobs else None
    quoted = messages.clean(given).replace("`", "'")
    if job is None or job.user_id != asked.user.id:
        raise UserError(_(NOT_YOURS).format(given=quoted))
    if job.state not in FINAL:
        raise UserError(_(UNFINISHED).format(given=quoted))
    if job.state not in {State.DONE, State.UNDELIVERABLE}:
        raise UserError(_(CAME_TO_NOTHING).format(given=quoted))
    return job


@show.autocomplete("job_id")
async def own_jobs(
    interaction: discord.Interaction[Any], typed: str
) -> list[app_commands.Choice[str]]:
    """Propose the newest jobs of who types, by their prompts."""
    asked: Asked = interaction
    belongings = asked.client.desk.belongings
    page = await belongings.history(asked.user.id, typed, first=0, most=CHOICES)
    return [
        app_commands.Choice(name=messages.clean(shown)[:LONGEST_CHOICE] or "?", value=str(job_id))
        for job_id, shown in page.jobs
    ]


def add_to(tree: app_commands.CommandTree[DeskClient]) -> None:
    """Offer the command wherever the bot is."""
    tree.add_command(show)
