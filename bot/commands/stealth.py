"""/stealth: hide what one paints from others."""

from typing import Any

import discord
from discord import app_commands

from bot.desk import Asked, DeskClient
from bot.modes import switch_stealth


@app_commands.command(name="stealth", description="Paint for your own eyes only")
async def stealth(interaction: discord.Interaction[Any]) -> None:
    """Choose who sees the jobs from now on."""
    asked: Asked = interaction
    await asked.response.send_message(await switch_stealth(asked, on=True), ephemeral=True)


def add_to(tree: app_commands.CommandTree[DeskClient]) -> None:
    """Offer the command wherever the bot is."""
    tree.add_command(stealth)
