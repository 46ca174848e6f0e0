"""/info: one's own jobs that wait, run, or found no place."""

from typing import Any

import discord
from discord import app_commands

from bot import messages
from bot.desk import Asked, DeskClient
from bot.jobs import State
from bot.language import _

SHOWN = 10


@app_commands.command(name="info", description="Your jobs that are waiting or running")
async def info(interaction: discord.Interaction[Any]) -> None:
    """List the painter's unfinished jobs, oldest first."""
    asked: Asked = interaction
    desk = asked.client.desk
    jobs = [job for job in await desk.store.unfinished() if job.user_id == asked.user.id]
    lost = await desk.store.undelivered(asked.user.id)
    running = [job for job in jobs if job.state is not State.ACCEPTED]
    lines = [
        _("**Running jobs**: {running}").format(running=len(running)),
        _("**Queued jobs**: {jobs}").format(jobs=len(jobs) - len(running)),
    ]
    if lost:
        lines.append(_("**Undelivered jobs**: {lost}").format(lost=len(lost)))
    for job in [*jobs, *lost][:SHOWN]:
        waits = job.state is State.ACCEPTED
        lines.append(
            messages.listed(job, await desk.runner.room.outlook(job.id) if waits else None)
        )
    await asked.response.send_message("\n".join(lines), ephemeral=True)


def add_to(tree: app_commands.CommandTree[DeskClient]) -> None:
    """Offer the command wherever the bot is."""
    tree.add_command(info)
