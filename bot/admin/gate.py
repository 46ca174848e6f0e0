"""The door of every admin command: the group /easel, and who may pass, asked at every use."""

from collections.abc import Iterable
from typing import Any

import discord
from discord import app_commands

from bot import messages
from bot.admission import check_server
from bot.desk import Asked
from bot.errors import UserError
from bot.language import _
from bot.permissions import NEEDED, may_manage, missing

SECRET = discord.AllowedMentions.none()

easel = app_commands.Group(
    name="easel",
    description="Easel's rules on this server",
    default_permissions=discord.Permissions(manage_guild=True),
    allowed_contexts=app_commands.AppCommandContext(guild=True),
    allowed_installs=app_commands.AppInstallationType(guild=True),
)


def check_admin(asked: Asked) -> int:
    """Return the server whose rules may be changed.

    Raises:
        UserError: not in a server of the operator's, or without Manage Server, whatever Discord
            let through.

    """
    if asked.guild_id is None:
        raise UserError(_("These rules belong to a server; use this command in one."))
    check_server(asked)
    if not may_manage(asked.permissions):
        raise UserError(
            _("Only members with the permission Manage Server can change Easel's rules.")
        )
    return asked.guild_id


async def answer(asked: Asked, text: str, **more: Any) -> None:
    """Answer so that only the admin sees it, after a `defer` too."""
    text = messages.refusal(text)
    if asked.response.is_done():
        await asked.edit_original_response(content=text, allowed_mentions=SECRET, **more)
        return
    await asked.response.send_message(text, ephemeral=True, allowed_mentions=SECRET, **more)


async def answer_lines(asked: Asked, head: str, lines: Iterable[str]) -> None:
    """Answer with a head and as many whole lines as fit into a message."""
    text, left = head, list(lines)
    while left and messages.length(text) + messages.length(left[0]) < messages.LONGEST - 40:
        text += f"\n{left.pop(0)}"
    await answer(
        asked, text + (f"\n-# {_('… and {number} more').format(number=len(left))}" if left else "")
    )


def what_lacks(guild: discord.Guild | None, channel_id: int) -> list[str]:
    """Name what Easel may not do in a channel though it needs to; nothing if all is well."""
    channel = guild.get_channel_or_thread(channel_id) if guild else None
    if guild is None or channel is None:
        return [_(NEEDED["view_channel"])]
    return missing(channel.permissions_for(guild.me), thread=isinstance(channel, discord.Thread))


def remedy(channel_id: int, lacking: list[str]) -> str:
    """Say what to change so that Easel can work in a channel."""
    return _(
        "<#{channel_id}>: Easel lacks {lacking}; allow it under Edit Channel → Permissions → Easel."
    ).format(channel_id=channel_id, lacking=_(" and ").join(lacking))


def check_channel(asked: Asked, channel_id: int) -> None:
    """Refuse a channel that Easel could not write into.

    Raises:
        UserError: Easel lacks a permission there; the sentence has the remedy.

    """
    if lacking := what_lacks(asked.guild, channel_id):
        raise UserError(remedy(channel_id, lacking))
