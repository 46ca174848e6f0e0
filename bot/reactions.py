"""Reactions under our messages: ❌ stops or deletes, ✉️ sends the pictures by direct message,
⭐ and ❤️ keep a favourite, ⚠️ reports, 1️⃣–4️⃣ take a picture out and 🔁 paints again.

They arrive raw, so that messages from before a restart count too; whose a message is stands in the
store and nowhere else.
"""

import logging

import discord

from bot import gallery, messages, posts, presses
from bot.admin.reports import report
from bot.answers import answering
from bot.desk import DeskClient
from bot.errands import Spot, behind, owner_of, send_letter, take_away
from bot.errors import DiskError, UserError
from bot.finish import PicturesLostError
from bot.jobs import Job, Posted
from bot.language import speak
from bot.permissions import may_moderate
from bot.reacted import asked_by

log = logging.getLogger(__name__)

CROSS = "❌"
ENVELOPE = "✉"
WARNING = "⚠"
FAVOURITE = frozenset("⭐❤")
AGAIN = frozenset("🔁🔄")
NUMBERS = ("1\u20e3", "2\u20e3", "3\u20e3", "4\u20e3")
KNOWN = frozenset({CROSS, ENVELOPE, WARNING, *FAVOURITE, *AGAIN, *NUMBERS})
"""As they are without the sign that asks for a coloured one."""
NOTE_STAYS_S = 30.0
TROUBLES = (*posts.AWAY, DiskError, PicturesLostError, UserError)


async def react(client: DeskClient, event: discord.RawReactionActionEvent) -> None:
    """Do what a reaction asks for, if who reacted may ask for it."""
    name = _name(event)
    if name not in KNOWN or not _is_from_a_person(client, event):
        return
    ours = client.user is not None and event.message_author_id == client.user.id
    job, posted = await behind(client, event.message_id, patient=ours)
    if job is None:
        return
    speak(job.language)
    spot = Spot(event.message_id, event.channel_id, event.guild_id, event.user_id)
    owner = spot.user_id == owner_of(job, posted)
    try:
        if name == CROSS and (owner or _moderates(client, event)):
            await take_away(client, spot, job, posted)
        elif name == ENVELOPE and owner and posted:
            if not await send_letter(client, spot, job, posted):
                await _note_closed_letterbox(client, spot)
        elif name in FAVOURITE and posted:
            await client.desk.store.add_favourite(spot.user_id, job.id, posted.tile)
            if owner or _moderates(client, event):
                await gallery.show(client, job, posted)
        elif name == WARNING and posted and _is_here(event, posted):
            await report(client, event.user_id, job, posted)
        elif posted and (name in AGAIN or (name in NUMBERS and posted.tile is None)):
            await _press(client, event, job, NUMBERS.index(name) if name in NUMBERS else None)
    except TROUBLES as error:
        log.warning("job=%d reaction %s came to nothing: %s", job.id, name, error)


async def _press(
    client: DeskClient, event: discord.RawReactionActionEvent, job: Job, tile: int | None
) -> None:
    """Do what a button under the message does: take a picture out, or paint again."""
    if (asked := await asked_by(client, event, job.language)) is None:
        return
    async with answering(asked):
        if tile is None:
            await presses.rerun(asked, presses.Press("r", job.id, 0))
        else:
            await presses.press(asked, "u", job.id, tile)


async def take_back(client: DeskClient, event: discord.RawReactionActionEvent) -> None:
    """Forget a favourite whose star was taken away; other reactions have done what they did."""
    if _name(event) in FAVOURITE:
        posted = await client.desk.store.message(event.message_id)
        if posted is not None:
            await client.desk.store.drop_favourite(event.user_id, posted.job_id, posted.tile)


def _name(event: discord.RawReactionActionEvent) -> str:
    return (event.emoji.name or "").replace("\ufe0f", "")


def _is_from_a_person(client: DeskClient, event: discord.RawReactionActionEvent) -> bool:
    is_bot = event.member is not None and event.member.bot
    return client.user is not None and event.user_id != client.user.id and not is_bot


def _is_here(event: discord.RawReactionActionEvent, posted: Posted) -> bool:
    """Say whether a person on the message's own server reacted."""
    return event.member is not None and event.guild_id == posted.guild_id


def _moderates(client: DeskClient, event: discord.RawReactionActionEvent) -> bool:
    """Say whether who reacted may manage messages in that channel, at this moment."""
    if event.guild_id is None or event.member is None:
        return False
    guild = client.get_guild(event.guild_id)
    channel = guild.get_channel_or_thread(event.channel_id) if guild else None
    return channel is not None and may_moderate(channel.permissions_for(event.member))


async def _note_closed_letterbox(client: DeskClient, spot: Spot) -> None:
    """Say for a moment where the reaction was that the letter did not arrive."""
    if spot.guild_id is None:
        return
    channel = client.get_partial_messageable(spot.channel_id, guild_id=spot.guild_id)
    await channel.send(
        messages.closed_letterbox(spot.user_id),
        allowed_mentions=discord.AllowedMentions(users=[discord.Object(spot.user_id)]),
        delete_after=NOTE_STAYS_S,
    )
