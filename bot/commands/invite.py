"""/invite: how to get Easel onto another server."""

from typing import Any

import discord
from discord import app_commands

from bot import permissions
from bot.desk import Asked, DeskClient
from bot.language import N_, _

PLAYGROUND = N_(
    "This is Easel's playground, which one cannot invite; the README says how to get a bot."
)


@app_commands.command(name="invite", description="Get a link to invite this bot to your server")
async def invite(interaction: discord.Interaction[Any]) -> None:
    """Give the link that asks for just the permissions Easel needs."""
    asked: Asked = interaction
    text = _("Invite me: {link}").format(link=permissions.invite_link(asked.application_id))
    if asked.client.desk.settings.playground:
        text = _(PLAYGROUND)
    await asked.response.send_message(text, ephemeral=True)


def add_to(tree: app_commands.CommandTree[DeskClient]) -> None:
    """Offer the command wherever the bot is."""
    tree.add_command(invite)
