"""/relax: let one's jobs run in the relax lane."""

from typing import Any

import discord
from discord import app_commands

from bot.desk import Asked, DeskClient
from bot.jobs import Lane
from bot.modes import switch_lane


@app_commands.command(name="relax", description="Switch to relax mode")
async def relax(interaction: discord.Interaction[Any]) -> None:
    """Choose the lane for every job from now on."""
    asked: Asked = interaction
    await asked.response.send_message(await switch_lane(asked, Lane.RELAX), ephemeral=True)


def add_to(tree: app_commands.CommandTree[DeskClient]) -> None:
    """Offer the command wherever the bot is."""
    tree.add_command(relax)
