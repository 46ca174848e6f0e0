"""The connection to Discord: what Easel listens to, and who answers it."""

import logging
import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import discord
import yarl
from discord import app_commands
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot import batch, buttons, menus, messages, offers, permissions, presses, reactions, regions
from bot.admin import desk as admin
from bot.admin import reports, setup
from bot.answers import answering, explain
from bot.commands import (
    blend,
    cancel,
    delete_my_data,
    describe,
    export_my_data,
    fast,
    history,
    how,
    imagine,
    info,
    invite,
    loras,
    models,
    prefer,
    public,
    relax,
    samplers,
    settings,
    shorten,
    show,
    stealth,
    turbo,
)
from bot.commands import help as help_command
from bot.desk import Asked, DeskClient
from bot.errors import UserError
from bot.language import _, speak
from bot.safety import Place
from bot.translator import Translator

log = logging.getLogger(__name__)

INTENTS = discord.Intents(guilds=True, guild_reactions=True, dm_reactions=True)
"""None of them privileged."""
NOBODY = discord.AllowedMentions.none()
COMMANDS = (
    imagine,
    blend,
    info,
    cancel,
    help_command,
    models,
    loras,
    samplers,
    settings,
    prefer,
    fast,
    relax,
    turbo,
    stealth,
    public,
    history,
    how,
    describe,
    shorten,
    show,
    invite,
    export_my_data,
    delete_my_data,
    menus,
    admin,
)

Act = Callable[[Asked, re.Match[str]], Awaitable[None]]
PRESSED: tuple[tuple[re.Pattern[str], Act], ...] = (
    (setup.PANEL, setup.choose),
    (reports.BUTTON, reports.press),
    (settings.PRESSED, settings.choose),
    (history.PRESSED, history.turn),
    (delete_my_data.PRESSED, delete_my_data.answer),
    (batch.PRESSED, batch.press),
    (menus.HOW, menus.explain_job),
    (regions.PRESSED, regions.press),
    (shorten.PRESSED, shorten.press),
    (describe.PRESSED, describe.press),
)
"""Whose custom_id says what to do: nothing of these is kept, so they work after a restart."""
SUBMITTED: tuple[tuple[re.Pattern[str], Act], ...] = (
    (presses.WINDOW, presses.submit),
    (batch.SENT, batch.edit),
    (menus.WINDOW, menus.submit),
    (offers.WINDOW, offers.submit),
)
"""The same for windows that were sent."""


def point_at(url: str) -> None:
    """Let discord.py speak to a playground instead of Discord; before any client starts."""
    home = yarl.URL(url)
    Route.BASE = str(home / "api" / "v10")
    DiscordWebSocket.DEFAULT_GATEWAY = home.with_scheme("ws") / "gateway"


discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # Easel never speaks


class Tree(app_commands.CommandTree[DeskClient]):
    """Easel's commands; none leaves its user without an answer."""

    async def interaction_check(self, interaction: discord.Interaction[Any], /) -> bool:
        """Let every command and every autocomplete speak the language of who asks."""
        speak(interaction.locale)
        return True

    async def on_error(
        self, interaction: discord.Interaction[Any], error: app_commands.AppCommandError, /
    ) -> None:
        """Answer with a sentence, and log what is not the user's doing."""
        await explain(interaction, getattr(error, "original", error))


class Easel(DeskClient):
    """The bot on Discord. It has a desk before it connects."""

    def __init__(self) -> None:
        """Make the client; nothing is sent before `login`."""
        super().__init__(
            intents=INTENTS,
            allowed_mentions=NOBODY,
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            guild_ready_timeout=0.5,
        )
        self.tree = Tree(
            self,
            allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True),
            allowed_installs=app_commands.AppInstallationType(guild=True),
        )
        self.greeted = False
        for command in COMMANDS:
            command.add_to(self.tree)

    async def setup_hook(self) -> None:
        """Know the buttons of old messages, and tell Discord the commands."""
        buttons.register(self)
        await self.tree.set_translator(Translator())
        await self.desk.catalogue.look()
        await self.tree.sync()

    async def on_ready(self) -> None:
        """Say once that the bot is there, and how to invite it."""
        if self.greeted or self.user is None:
            return
        self.greeted = True
        _say(f"Easel is online as {self.user.name}")
        if not self.desk.settings.playground and self.application_id:
            _say(f"Invite it: {permissions.invite_link(self.application_id)}")
        for guild in self.guilds:
            _warn_of(guild)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Log what the bot lacks on a new server, and offer to set it up."""
        _warn_of(guild)
        await setup.offer(self, guild)

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """Answer buttons that nobody else knows, and offer what could not be delivered before."""
        speak(interaction.locale)
        if interaction.type is discord.InteractionType.component:
            await self._answer(interaction, PRESSED)
        elif interaction.type is discord.InteractionType.modal_submit:
            await self._answer(interaction, SUBMITTED)
        if self.desk.offer and interaction.type is not discord.InteractionType.autocomplete:
            await self.desk.offer(interaction)

    async def _answer(
        self, interaction: discord.Interaction[Any], table: Sequence[tuple[re.Pattern[str], Act]]
    ) -> None:
        """Do what the id says of what was pressed or sent, also of one from before a restart."""
        custom_id = str(dict(interaction.data or {}).get("custom_id", ""))
        async with answering(interaction):
            for pattern, act in table:
                if found := pattern.fullmatch(custom_id):
                    await act(interaction, found)
                    return
            if not buttons.is_known(self, custom_id):  # those under pictures answer for themselves
                raise UserError(_(messages.UNKNOWN_BUTTON))

    async def press(self, asked: Asked, op: str, job_id: int, index: int) -> None:
        """Do what a button under a picture says."""
        await presses.press(asked, op, job_id, index)

    async def on_raw_reaction_add(self, event: discord.RawReactionActionEvent) -> None:
        """Do what a reaction under one of our messages asks for."""
        await reactions.react(self, event)

    async def on_raw_reaction_remove(self, event: discord.RawReactionActionEvent) -> None:
        """Do what taking a reaction back asks for."""
        await reactions.take_back(self, event)

    def place_of(self, guild_id: int | None, channel_id: int) -> Place:
        """Return what a server's channel is: itself with a thread's parent, and age-restricted."""
        guild = self.get_guild(guild_id) if guild_id else None
        channel = guild.get_channel_or_thread(channel_id) if guild else None
        return permissions.place(channel_id, channel)


def _warn_of(guild: discord.Guild) -> None:
    """Name the permissions that the bot's role lacks on a server, with the remedy."""
    if guild.me is None:
        return
    lacking = permissions.missing(guild.me.guild_permissions)
    if lacking:
        log.warning(
            "On the server %s the bot's role lacks %s: allow it under Server Settings → Roles.",
            guild.id,
            " and ".join(lacking),
        )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
