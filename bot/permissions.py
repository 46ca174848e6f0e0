"""Who may do what by Discord's word: roles and places, the bot's own rights, who moderates.

Everything here is looked at anew at each use; nothing is remembered between two presses.
"""

from typing import Any

import discord

from bot.errors import UserError
from bot.language import N_, _

INVITED_WITH = discord.Permissions(
    view_channel=True,
    send_messages=True,
    send_messages_in_threads=True,
    embed_links=True,
    attach_files=True,
    read_message_history=True,
    add_reactions=True,
)
"""What the invite link asks for: nothing that Easel does not use."""
SCOPES = ("bot", "applications.commands")


def invite_link(application_id: int) -> str:
    """Return the link by which a server's admin invites the bot."""
    return discord.utils.oauth_url(application_id, permissions=INVITED_WITH, scopes=SCOPES)


def place(channel_id: int, channel: Any) -> tuple[frozenset[int], bool]:
    """Return a channel with, of a thread, its parent; and whether it is age-restricted."""
    places = {channel_id}
    if isinstance(channel, discord.Thread):
        places.add(channel.parent_id)
    is_nsfw = getattr(channel, "is_nsfw", None)
    return frozenset(places), bool(is_nsfw is not None and is_nsfw())


def places_of(interaction: discord.Interaction[Any]) -> frozenset[int]:
    """Return the channel and, of a thread, the channel it belongs to."""
    return place(interaction.channel_id or 0, interaction.channel)[0]


def roles_of(interaction: discord.Interaction[Any]) -> set[int]:
    """Return the roles of who asks; in a direct message there are none."""
    user = interaction.user
    return {role.id for role in user.roles} if isinstance(user, discord.Member) else set()


NEEDED = {
    "view_channel": N_("View Channel"),
    "send_messages": N_("Send Messages"),
    "attach_files": N_("Attach Files"),
}


def missing(
    granted: discord.Permissions, *, thread: bool = False, embeds: bool = False
) -> list[str]:
    """Name what the bot may not do though it needs to, in the words of Discord's settings."""
    needed = dict(NEEDED)
    if embeds:
        needed["embed_links"] = N_("Embed Links")
    if thread:
        del needed["send_messages"]
        needed["send_messages_in_threads"] = N_("Send Messages in Threads")
    if granted.administrator:
        return []
    return [_(label) for name, label in needed.items() if not getattr(granted, name)]


def check_bot(interaction: discord.Interaction[Any], *, embeds: bool = False) -> None:
    """Refuse where the bot could not deliver, in a card where it `embeds`.

    Raises:
        UserError: the bot lacks a permission in this channel; the sentence has the remedy.

    """
    if interaction.guild_id is None:
        return
    in_thread = isinstance(interaction.channel, discord.Thread)
    lacking = missing(interaction.app_permissions, thread=in_thread, embeds=embeds)
    if lacking:
        raise UserError(
            _(
                "Easel may not deliver a picture here: it lacks {lacking}. Someone with "
                "Manage Channel can allow it under Edit Channel → Permissions → Easel."
            ).format(lacking=_(" and ").join(lacking))
        )


def may_manage(granted: discord.Permissions) -> bool:
    """Say whether these permissions make an admin of Easel's rules."""
    return granted.manage_guild or granted.administrator


def may_moderate(granted: discord.Permissions) -> bool:
    """Say whether these permissions let someone stop or delete the work of others."""
    return granted.manage_messages or granted.administrator
