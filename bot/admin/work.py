"""/easel cancel, queue and stats: the server's work, as an admin sees it."""

import time
from typing import Any

import discord
from discord import app_commands

from bot import audit, messages
from bot.admin.gate import answer, answer_lines, check_admin, easel
from bot.desk import Asked
from bot.language import _, ngettext
from bot.ledger import Deed, Waiting

DAY_S = 86_400


@easel.command(name="cancel", description="Stop somebody's jobs on this server, or everybody's")
@app_commands.describe(user="Whose; without it, everybody's")
async def cancel(interaction: discord.Interaction[Any], user: discord.User | None = None) -> None:
    """Cancel what waits and runs on this server."""
    asked: Asked = interaction
    guild_id = check_admin(asked)
    await asked.response.defer(ephemeral=True, thinking=True)
    stopped = await asked.client.desk.runner.cancel_all(user.id if user else None, guild_id)
    deed = Deed(
        guild_id=guild_id,
        by_id=asked.user.id,
        action="cancel",
        target=f"user {user.id}" if user else "everybody",
        after=f"{messages.many(stopped, 'job')} stopped",
    )
    await audit.record(asked.client, deed)
    await answer(asked, ngettext("{number} job stopped.", "{number} jobs stopped.", stopped))


@easel.command(name="queue", description="What runs and waits on this server, whose, how long")
async def show_queue(interaction: discord.Interaction[Any]) -> None:
    """Show the server's unfinished jobs, those that run first."""
    asked: Asked = interaction
    jobs = await asked.client.desk.ledger.unfinished_of(check_admin(asked))
    running = sum(job.state != "accepted" for job in jobs)
    head = _("**{running} running, {waiting} waiting**").format(
        running=running, waiting=len(jobs) - running
    )
    await answer_lines(asked, head, [_line(job) for job in jobs])


def _line(job: Waiting) -> str:
    how_long = (_("waits for {s} s") if job.state == "accepted" else _("runs for {s} s")).format(
        s=int(time.time() - job.since)
    )
    prompt = messages.shorten(messages.escape(job.shown), 80)
    return f"- **{prompt}** <@{job.user_id}>: {how_long}"


@easel.command(name="stats", description="Who painted how much on this server")
@app_commands.describe(days="Of how many days; without it, 30")
async def stats(
    interaction: discord.Interaction[Any], days: app_commands.Range[int, 1, 365] = 30
) -> None:
    """Show painters with their jobs, pictures and minutes; what failed does not count."""
    asked: Asked = interaction
    guild_id = check_admin(asked)
    painters = await asked.client.desk.ledger.painters(guild_id, time.time() - days * DAY_S)
    lines = [
        f"- <@{painter.user_id}>: "
        + ", ".join(
            (
                ngettext("{number} job", "{number} jobs", painter.jobs),
                ngettext("{number} picture", "{number} pictures", painter.pictures),
                _("{minutes:.1f} minutes").format(minutes=painter.seconds / 60),
            )
        )
        for painter in painters
    ]
    await answer_lines(
        asked, _("**Painted in {days} days**").format(days=days), lines or [_("Nothing yet.")]
    )
