"""A reaction in the shape of an interaction, so that it can do what a button does.

Its answers are ordinary messages, replies to the one that was reacted to; what only the person is
to see goes to them by direct message.
"""

import logging
import random
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import discord

from bot.jobs import id_at

if TYPE_CHECKING:
    from bot.desk import Asked, DeskClient

log = logging.getLogger(__name__)

LOW_BITS = 22
"""Of a snowflake, below its time."""


async def asked_by(
    client: "DeskClient", event: discord.RawReactionActionEvent, language: str
) -> "Asked | None":
    """Return the reaction as something asked for, in a language, for Discord does not tell it.

    Returns None where the place is not known.

    Raises:
        discord.HTTPException: the message cannot be read.

    """
    guild = client.get_guild(event.guild_id) if event.guild_id else None
    channel: Any = guild.get_channel_or_thread(event.channel_id) if guild else None
    if event.guild_id is not None and (channel is None or event.member is None):
        return None
    place = client.get_partial_messageable(event.channel_id, guild_id=event.guild_id)
    message = await place.fetch_message(event.message_id)
    return cast("Asked", Reacted(client, event, guild, channel, message, language))


class Reacted:
    """What those who answer an interaction look at; see discord.Interaction for the names."""

    token = None
    """Nothing of it can be edited but by the bot's own hand."""

    def __init__(
        self,
        client: "DeskClient",
        event: discord.RawReactionActionEvent,
        guild: discord.Guild | None,
        channel: Any,
        message: discord.Message,
        language: str,
    ) -> None:
        """Take what the event and Discord's cache know."""
        self.id = id_at(time.time()) | random.getrandbits(LOW_BITS)
        self.client = client
        self.user: Any = event.member or discord.Object(event.user_id)
        self.guild_id, self.channel_id = event.guild_id, event.channel_id
        self.channel, self.message = channel, message
        self.locale, self.guild_locale = language, guild.preferred_locale if guild else None
        everything = discord.Permissions.all()
        known = guild is not None and event.member is not None
        self.permissions = channel.permissions_for(event.member) if known else everything
        self.app_permissions = channel.permissions_for(guild.me) if guild else everything
        self.filesize_limit = (
            guild.filesize_limit if guild else discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES
        )
        self.context = SimpleNamespace(dm_channel=guild is None, private_channel=False)
        self.response = self.followup = self
        self._answer: discord.Message | None = None
        self._hidden = False

    def is_guild_integration(self) -> bool:
        """The bot sees reactions only where it is a member."""
        return True

    def is_done(self) -> bool:
        """Say whether something was answered."""
        return self._answer is not None

    async def defer(self, *, ephemeral: bool = False, **_: Any) -> None:
        """Nobody waits for an answer to a reaction."""
        self._hidden = ephemeral

    async def send_message(
        self, content: str | None = None, *, ephemeral: bool = False, **more: Any
    ) -> Any:
        """Answer; what has `message_id` comes back."""
        if ephemeral:
            letterbox = await self.client.create_dm(discord.Object(self.user.id))
            sent = await letterbox.send(content, **more)
        else:
            reference = discord.MessageReference.from_message(
                self.message, fail_if_not_exists=False
            )
            place = self.client.get_partial_messageable(self.channel_id, guild_id=self.guild_id)
            sent = await place.send(content, reference=reference, mention_author=False, **more)
        self._answer = sent
        return SimpleNamespace(message_id=sent.id, resource=sent)

    async def send(self, content: str | None = None, **more: Any) -> None:
        """Say more."""
        more.pop("wait", None)
        await self.send_message(content, **more)

    async def edit_original_response(
        self, *, content: str | None = None, attachments: Any = (), **more: Any
    ) -> discord.Message:
        """Give the answer that was put off."""
        files = list(attachments)
        await self.send_message(content, ephemeral=self._hidden, files=files, **more)
        assert self._answer is not None  # noqa: S101 - just sent
        return self._answer
