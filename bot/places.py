"""The places where a finished grid can go: its channel, its acknowledgement, a direct message.

Each way posts at most once: channel messages and letters carry the job's id as their nonce and can
be found again by their buttons; the acknowledgement is edited, which may be repeated.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import discord

from bot import messages, posts
from bot.buttons import grid_view, job_of, picture_view
from bot.finish import LARGEST_BYTES, Finisher, Place
from bot.jobs import UPSCALES, Job, Posted
from bot.store import Store

log = logging.getLogger(__name__)

LOOK_BACK = 1000
"""How many messages are searched for one that may have been sent before a crash."""
NO_HISTORY = 160002
TOO_LARGE = 40005
SMALLEST_LIMIT = 256 * 1024

Way = Callable[[Job, int], Awaitable[Posted | None]]
"""Posts a job's grid, no larger than so many bytes; None if this way does not lead there."""


class Places:
    """Where a job's grid may go, best first, and where it may already be."""

    def __init__(self, client: discord.Client, store: Store, finisher: Finisher) -> None:
        """Post through a client that has logged in."""
        self._client = client
        self._store = store
        self._finisher = finisher

    def ways(self, job: Job) -> tuple[Way, ...]:
        """Return the ways in which a job may be delivered.

        What only its painter could see goes nowhere else; where the bot is no member, only the
        token leads to the place.
        """
        if job.ephemeral:  # a letter lasts; an answer that only one person sees does not
            return (self.into_letter, self.into_ack)
        if not job.member:
            return (self.into_ack, self.into_letter)
        return (self.into_channel, self.into_ack, self.into_letter)

    async def post(self, job: Job, way: Way) -> Posted | None:
        """Go one way; None where it is closed for good. What may pass by itself is raised."""
        limit = self._limit(job)
        while True:
            try:
                return await way(job, limit)
            except discord.HTTPException as error:
                if posts.may_pass(error):
                    raise
                too_large = error.code == TOO_LARGE or error.status == 413
                if too_large and limit > SMALLEST_LIMIT:
                    limit //= 2
                    continue
                log.info("job=%d %s: %s", job.id, getattr(way, "__name__", "way"), error)
                return None

    async def find(self, job: Job) -> Posted | None:
        """Return the message that carries the job's buttons already, if there is one.

        The store is asked first: what only its painter sees cannot be found on Discord.
        """
        if (noted := await self._store.posted_final(job.id, _tile(job))) is not None:
            return noted
        if job.member and not job.ephemeral:
            channel = self._client.get_partial_messageable(job.channel_id, guild_id=job.guild_id)
            if (found := await self._search(channel, job)) is not None:
                return posted(job, found)
            if job.guild_id is None:
                return None
        try:
            letterbox = await self.letterbox(job)
        except discord.HTTPException as error:
            if posts.may_pass(error):
                raise
            return None
        if (found := await self._search(letterbox, job)) is not None:
            return posted(job, found, letterbox.id)
        return None

    async def _search(self, channel: discord.abc.Messageable, job: Job) -> int | None:
        after = discord.Object(job.id)
        try:
            async for message in channel.history(limit=LOOK_BACK, after=after, oldest_first=False):
                if message.author == self._client.user and job_of(message) == job.id:
                    return message.id
        except (discord.Forbidden, discord.NotFound) as error:
            log.info("job=%d its channel cannot be read: %s", job.id, error)
        return None

    # -- ways -----------------------------------------------------------------------------------

    async def into_channel(self, job: Job, limit: int) -> Posted | None:
        """Post it where it was asked for, as an answer to what it came from."""
        channel = self._client.get_partial_messageable(job.channel_id, guild_id=job.guild_id)
        reference: discord.MessageReference | None = None
        if job.reply_to is not None:
            reference = discord.MessageReference(
                message_id=job.reply_to,
                channel_id=job.channel_id,
                guild_id=job.guild_id,
                fail_if_not_exists=False,
            )
        try:
            return await self._send_to(channel, job, limit, reference)
        except discord.HTTPException as error:
            if reference is None or error.code != NO_HISTORY:
                raise
            return await self._send_to(channel, job, limit, None)

    async def into_ack(self, job: Job, limit: int) -> Posted | None:
        """Put it into the acknowledgement, by the token or else by the bot's own."""
        file, view = await self.grid(job, limit)
        text = messages.finished(job)
        message_id = await posts.edit_ack(self._client, job, text, [file], view=view)
        if message_id is None:
            return None
        await self._store.set_ack(job.id, message_id)
        return posted(job, message_id)

    async def into_letter(self, job: Job, limit: int) -> Posted | None:
        """Send it to its painter alone."""
        return await self._send_to(await self.letterbox(job), job, limit, None)

    async def write(self, job: Job, text: str) -> None:
        """Tell its painter something by direct message, where they take one."""
        try:
            await (await self.letterbox(job)).send(text)
        except discord.HTTPException as error:
            if posts.may_pass(error):
                raise
            log.info("job=%d its painter takes no direct message: %s", job.id, error)

    async def letterbox(self, job: Job) -> discord.DMChannel:
        """Return where its painter alone reads."""
        return await self._client.create_dm(discord.Object(job.user_id))

    async def _send_to(
        self,
        channel: discord.abc.Messageable,
        job: Job,
        limit: int,
        reference: discord.MessageReference | None,
    ) -> Posted:
        file, view = await self.grid(job, limit)
        more: dict[str, Any] = {} if reference is None else {"reference": reference}
        message = await channel.send(
            messages.finished(job),
            file=file,
            view=view,
            nonce=str(job.id),
            allowed_mentions=only(job.user_id),
            **more,
        )
        return posted(job, message.id, message.channel.id)

    # -- the grid -------------------------------------------------------------------------------

    def _limit(self, job: Job) -> int:
        guild = self._client.get_guild(job.guild_id) if job.guild_id else None
        return guild.filesize_limit if guild else LARGEST_BYTES

    async def grid(
        self, job: Job, limit: int, place: Place | None = None
    ) -> tuple[discord.File, discord.ui.View]:
        """Return the grid as a file, with its buttons, for its own channel or another place."""
        pictures = await self._store.pictures(job.id)
        file = await self._finisher.grid(job, pictures, limit, place=place)
        if job.kind not in UPSCALES:
            return file, grid_view(job, len(pictures))
        parent = job.reply_to and messages.jump(job.guild_id, job.channel_id, job.reply_to)
        return file, picture_view(job, pictures[0], self._finisher.card(job), parent or None)


def posted(job: Job, message_id: int, channel_id: int | None = None) -> Posted:
    """Return what the store keeps of a job's message; in its own channel if no other is named."""
    elsewhere = channel_id is not None and channel_id != job.channel_id
    return Posted(
        message_id=message_id,
        channel_id=channel_id if channel_id is not None else job.channel_id,
        guild_id=None if elsewhere else job.guild_id,
        job_id=job.id,
        tile=_tile(job),
        user_id=job.user_id,
    )


def _tile(job: Job) -> int | None:
    """Return which tile a job's own message shows: the only one, or None for a grid."""
    return 0 if job.kind in UPSCALES else None


def only(user_id: int) -> discord.AllowedMentions:
    """Let a message ping one person, whatever stands in it."""
    return discord.AllowedMentions(
        everyone=False, roles=False, users=[discord.Object(user_id)], replied_user=False
    )
