"""/help: how to paint, with every parameter and its range, from the table that also reads them."""

from typing import Any

import discord
from discord import app_commands

from bot import flags, messages
from bot.desk import Asked, DeskClient

HOW = (
    "**Easel** paints what you write: `/imagine prompt: a red fox --seed 7`.\n"
    "Under the grid: **U1–U4** take a picture out, **V1–V4** paint variations of it, 🔄 paints "
    "again. React with ❌ to stop or delete what is yours, with ✉️ to get it by direct message."
)


@app_commands.command(name="help", description="How to paint, and every parameter")
async def show_help(interaction: discord.Interaction[Any]) -> None:
    """Show what there is, as far as this server allows it."""
    asked: Asked = interaction
    rules = await asked.client.desk.rules(asked.guild_id)
    lines = flags.describe(asked.client.desk.cards(), rules.limits())
    first, *more = messages.pages((HOW, "", *lines))
    await asked.response.send_message(first, ephemeral=True)
    for page in more:
        await asked.followup.send(page, ephemeral=True)


def add_to(tree: app_commands.CommandTree[DeskClient]) -> None:
    """Offer the command wherever the bot is."""
    tree.add_command(show_help)
