"""/history: one's own pictures, newest first, page by page, searchable by prompt.

A button carries the page that it leads to and the search, so that it works after a restart.
"""

import re
from dataclasses import dataclass
from typing import Any

import discord
from discord import app_commands

from bot import messages
from bot.belongings import Page
from bot.desk import Asked, DeskClient
from bot.jobs import Job, Posted, asked_at
from bot.language import N_, _, ngettext
from bot.thumbnails import thumbnail

PRESSED = re.compile(r"history:(?P<page>[0-9]{1,6})(?P<favourites>f?):(?P<search>.{0,60})")
LONGEST_SEARCH = 60
ON_A_PAGE = 5
SHOWN = 200
"""Characters of a prompt on a page."""
NOTHING = N_("You have no pictures here yet: `/imagine` paints some.")
NOT_FOUND = N_("None of your pictures has **{search}** in its prompt.")
NO_FAVOURITES = N_("You keep none of them among your favourites: react with ⭐ to one, or press ❤️.")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody looks for in their history."""

    search: str
    favourites: bool


@app_commands.command(name="history", description="Your own pictures, newest first")
@app_commands.describe(
    search="Words of the prompt that you look for",
    favourites="Only those that you keep among your favourites (⭐ or ❤️)",
)
async def history(
    interaction: discord.Interaction[Any],
    search: app_commands.Range[str, 1, LONGEST_SEARCH] | None = None,
    favourites: bool = False,
) -> None:
    """Show the first page."""
    asked: Asked = interaction
    await asked.response.defer(ephemeral=True, thinking=True)
    await _show(asked, 0, Wanted(messages.clean(search or ""), favourites))


async def turn(asked: Asked, pressed: re.Match[str]) -> None:
    """Show another page instead."""
    await asked.response.defer()
    await _show(asked, int(pressed["page"]), Wanted(pressed["search"], bool(pressed["favourites"])))


async def _show(asked: Asked, number: int, wanted: Wanted) -> None:
    desk = asked.client.desk
    first = number * ON_A_PAGE
    page = await desk.belongings.history(
        asked.user.id, wanted.search, first=first, most=ON_A_PAGE, favourites=wanted.favourites
    )
    if not page.jobs and page.total:  # what was there is gone meanwhile
        await _show(asked, (page.total - 1) // ON_A_PAGE, wanted)
        return
    view, files = discord.ui.LayoutView(timeout=None), []
    view.add_item(discord.ui.TextDisplay(_head(page, number, wanted)))
    for job_id, _prompt in page.jobs:
        if (job := await desk.store.get(job_id)) is None:
            continue
        text = _about(job, await desk.store.message(job.final_message_id or 0))
        place = (asked.guild_id, asked.channel_id or 0)
        if (small := await thumbnail(desk, job, place)) is None:
            view.add_item(discord.ui.TextDisplay(text))
            continue
        files.append(small)
        picture: discord.ui.Thumbnail[Any] = discord.ui.Thumbnail(small, spoiler=small.spoiler)
        view.add_item(discord.ui.Section(text, accessory=picture))
    if page.total > ON_A_PAGE:
        view.add_item(_turning(number, page.total, wanted))
    view.stop()  # what is pressed is read from its custom_id, so discord.py need keep nothing
    await asked.edit_original_response(view=view, attachments=files)


def _head(page: Page, number: int, wanted: Wanted) -> str:
    looked_for = messages.escape(wanted.search)
    if not page.total and wanted.favourites:
        return _(NO_FAVOURITES)
    if not page.total:
        return _(NOT_FOUND).format(search=looked_for) if looked_for else _(NOTHING)
    counted = ngettext("{number} job", "{number} jobs", page.total)
    head = f"{_('## Your pictures')}\n{counted}"
    head += _(" among your favourites") if wanted.favourites else ""
    head += _(" with **{search}** in the prompt").format(search=looked_for) if looked_for else ""
    pages = -(-page.total // ON_A_PAGE)
    turned = _(", page {number} of {pages}").format(number=number + 1, pages=pages)
    return head + (turned if pages > 1 else "")


def _about(job: Job, posted: Posted | None) -> str:
    """Return what stands beside a job's thumbnail."""
    prompt = messages.shorten(messages.escape(job.shown), SHOWN)
    where = _("`/show job_id:{job_id}` posts it again").format(job_id=job.id)
    if posted is not None:
        link = messages.jump(posted.guild_id, posted.channel_id, posted.message_id)
        where = f"[{_('Jump to it')}]({link})"
    when = f"<t:{int(asked_at(job.id))}:R>"
    seed = _("seed {seed}").format(seed=job.request.seed)
    return f"**{prompt}**\n-# {when} · {seed} · {where}"


def _turning(number: int, total: int, wanted: Wanted) -> discord.ui.ActionRow[Any]:
    """Return the buttons to the pages around this one."""
    last = (total - 1) // ON_A_PAGE
    row: discord.ui.ActionRow[Any] = discord.ui.ActionRow()
    for emoji, label, page in (("◀️", _("Newer"), number - 1), ("▶️", _("Older"), number + 1)):
        row.add_item(
            discord.ui.Button(
                label=label,
                emoji=emoji,
                custom_id=f"history:{page}{'f' * wanted.favourites}:{wanted.search}",
                disabled=not 0 <= page <= last,
            )
        )
    return row


def add_to(tree: app_commands.CommandTree[DeskClient]) -> None:
    """Offer the command wherever the bot is."""
    tree.add_command(history)
