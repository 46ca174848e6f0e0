"""The buttons under a grid: U1–U4, V1–V4 and 🔄; and the one that paints a lost grid again.

A button carries `op:job:index` and nothing else; what it may do is looked up when it is pressed.
Views hold dynamic items only and are made anew for each message: discord.py forgets the pattern of
a dynamic item for every message of the bot when a view that mixes it with ordinary items ends.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Self

import discord

from bot import gallery, letters, messages
from bot.admission import check_presser, check_words, fit
from bot.answers import answering, tell
from bot.desk import Asked, DeskClient
from bot.errors import UserError
from bot.intake import again_of, check_asked, known_job, rerun_of, take_in, variation_of
from bot.jobs import Job, Picture, Posted
from bot.modes import is_hidden
from bot.rules import Rules

LABELS = {"r": None, "a": "Paint it again"}
SLOW_S = 1.5
"""When a picture takes longer than this to make ready, Discord is told to wait."""


class JobButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=r"(?P<op>[uvra]):(?P<job>[0-9]{1,20}):(?P<index>[0-3])",
):
    """One button under a grid."""

    def __init__(self, op: str, job_id: int, index: int, row: int | None = None) -> None:
        """Make the button that does `op` with picture `index` of the job."""
        label = LABELS.get(op, f"{op.upper()}{index + 1}")
        super().__init__(
            discord.ui.Button(
                label=label,
                emoji="🔄" if op in LABELS else None,
                custom_id=f"{op}:{job_id}:{index}",
                row=row,
            )
        )
        self.op, self.job_id, self.index = op, job_id, index

    @classmethod
    async def from_custom_id(
        cls,
        interaction: discord.Interaction[Any],
        item: discord.ui.Item[Any],
        match: re.Match[str],
        /,
    ) -> Self:
        """Read a button that was pressed; this looks nothing up, so it cannot fail."""
        return cls(match["op"], int(match["job"]), int(match["index"]))

    async def callback(self, interaction: Asked) -> None:  # type: ignore[override]
        """Do what the button says, and answer whatever happens."""
        # why the ignore: discord.py types the client as the base class; it is always ours
        async with answering(interaction):
            try:
                await ACTIONS[self.op](interaction, self.job_id, self.index)
            except PictureGoneError as error:
                view = discord.ui.View(timeout=None)
                view.add_item(JobButton("a", error.job.id, 0))
                await interaction.response.send_message(str(error), view=view, ephemeral=True)


def grid_view(job: Job, pictures: int) -> discord.ui.View:
    """Return fresh buttons for a grid of that many pictures."""
    view = discord.ui.View(timeout=None)
    for index in range(pictures):
        view.add_item(JobButton("u", job.id, index, row=0))
    view.add_item(JobButton("r", job.id, 0, row=0))
    for index in range(pictures):
        view.add_item(JobButton("v", job.id, index, row=1))
    return view


def job_of(message: discord.Message) -> int | None:
    """Return the job whose buttons a message carries."""
    pattern = JobButton.__discord_ui_compiled_template__
    for row in message.components:
        for part in getattr(row, "children", ()):
            found = pattern.fullmatch(getattr(part, "custom_id", None) or "")
            if found:
                return int(found["job"])
    return None


class Sticky(dict[Any, Any]):
    """discord.py's table of dynamic items, which must never forget one."""

    def pop(self, key: Any, default: Any = None) -> Any:
        """Return the entry and keep it."""
        return self.get(key, default)


def register(client: DeskClient) -> None:
    """Let the client know the buttons of every message, also of those before a restart."""
    store = client._connection._view_store
    store._dynamic_items = Sticky(store._dynamic_items)
    client.add_dynamic_items(JobButton)


async def take_out(asked: Asked, job_id: int, index: int) -> None:
    """U: post the stored picture, large, as the presser's own."""
    rules = await check_asked(asked)
    desk = asked.client.desk
    job = await known_job(asked, job_id)
    check_presser(asked, rules, job)
    picture = await _stored(asked, job, index)
    hidden = is_hidden(asked, await desk.preferences(asked.user.id), job)
    place = (asked.guild_id, asked.channel_id or 0)
    making = asyncio.create_task(
        desk.finisher.tile(job, picture, asked.filesize_limit, place=place)
    )
    await asyncio.wait({making}, timeout=SLOW_S)
    text = messages.picture(job, index, asked.user.id)
    if making.done():
        answer = await asked.response.send_message(text, file=making.result(), ephemeral=hidden)
        message_id = answer.message_id
    else:
        await asked.response.defer(thinking=True, ephemeral=hidden)
        edited = await asked.edit_original_response(content=text, attachments=[await making])
        message_id = edited.id
    if message_id is None:
        return
    posted = Posted(
        message_id=message_id,
        channel_id=asked.channel_id or 0,
        guild_id=asked.guild_id,
        job_id=job.id,
        tile=index,
        user_id=asked.user.id,
    )
    await desk.store.add_message(posted)
    if hidden:  # what only one person sees does not last
        desk.start(letters.send_too(asked.client, asked.user.id, job, index))
    elif rules.gallery is not None and job.guild_id == asked.guild_id:
        await gallery.show(asked.client, rules.gallery, job, picture, posted)


async def vary(asked: Asked, job_id: int, index: int) -> None:
    """V: paint variations of the stored picture."""
    rules = await check_asked(asked)
    desk = asked.client.desk
    parent = await known_job(asked, job_id)
    desk.card(parent.request.model)
    warnings = await _check_parent(asked, rules, parent)
    picture = await _stored(asked, parent, index)
    job = variation_of(asked, parent, index, picture.file)
    await take_in(asked, replace(job, request=fit(job.request, rules)))
    await tell(asked, warnings)


async def reroll(asked: Asked, job_id: int, _index: int) -> None:
    """🔄: paint the same again with a new seed."""
    rules = await check_asked(asked)
    parent = await known_job(asked, job_id)
    asked.client.desk.card(parent.request.model)
    warnings = await _check_parent(asked, rules, parent)
    job = rerun_of(asked, parent)
    await take_in(asked, replace(job, request=fit(job.request, rules)))
    await tell(asked, warnings)


async def _check_parent(asked: Asked, rules: Rules, parent: Job) -> list[str]:
    """Refuse what today's rules refuse of an old job; return warnings about its words."""
    check_presser(asked, rules, parent)
    rules.check_request(parent.request)
    return await check_words(asked, parent.request.prompt)


async def paint_again(asked: Asked, job_id: int, _index: int) -> None:
    """Paint the same again with the same seed, for its pictures are gone."""
    rules = await check_asked(asked)
    desk = asked.client.desk
    parent = await known_job(asked, job_id)
    desk.card(parent.request.model)
    warnings = await _check_parent(asked, rules, parent)
    source = parent.request.image
    if source is not None and not desk.data.path(source).is_file():
        raise UserError(messages.LOST_SOURCE)
    job = again_of(asked, parent)
    await take_in(asked, replace(job, request=fit(job.request, rules)))
    await tell(asked, warnings)


ACTIONS: dict[str, Callable[[Asked, int, int], Awaitable[None]]] = {
    "u": take_out,
    "v": vary,
    "r": reroll,
    "a": paint_again,
}


async def _stored(asked: Asked, job: Job, index: int) -> Picture:
    """Return one picture of the job, whose file is there."""
    desk = asked.client.desk
    pictures = await desk.store.pictures(job.id)
    for picture in pictures:
        if picture.tile == index and desk.data.path(picture.file).is_file():
            return picture
    raise PictureGoneError(job)


class PictureGoneError(UserError):
    """A picture is no longer kept; it can be painted again."""

    def __init__(self, job: Job) -> None:
        super().__init__(messages.LOST_PICTURE)
        self.job = job
