"""/cancel: stop all of one's own jobs."""

from typing import Any

import discord
from discord import app_commands

from bot.desk import Asked, DeskClient
from bot.language import N_, _, ngettext

NOTHING = N_("You have no job that waits or runs.")


@app_commands.command(name="cancel", description="Stop all of your jobs that wait or run")
async def cancel(interaction: discord.Interaction[Any]) -> None:
    """Cancel what this painter has waiting and running, wherever it was asked for."""
    asked: Asked = interaction
    await asked.response.defer(ephemeral=True, thinking=True)
    stopped = await asked.client.desk.runner.cancel_all(asked.user.id)
    said = ngettext("{number} job stopped.", "{number} jobs stopped.", stopped)
    text = said if stopped else _(NOTHING)
    await asked.edit_original_response(content=text)


def add_to(tree: app_commands.CommandTree[DeskClient]) -> None:
    """Offer the command wherever the bot is."""
    tree.add_command(cancel)
