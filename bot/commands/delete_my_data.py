"""/delete_my_data: forget a person everywhere, after they said so twice."""

import asyncio
import logging
import re
from typing import Any

import discord
from discord import app_commands

from bot import estate, panels
from bot.desk import Asked, DeskClient
from bot.language import N_, _, ngettext

log = logging.getLogger(__name__)

PRESSED = re.compile(r"forget:(?P<answer>yes|no)")
WAIT_S = 60.0
"""How long a person's last jobs may take to stop."""
LOOK_S = 0.2
QUESTION = N_(
    "**This deletes everything that Easel keeps of you, on every server:** your jobs and their "
    "pictures, your preferences, options, suffix and favourites. What you have running or waiting "
    "is stopped. The messages with your pictures are deleted from Discord, too.\n"
    "What stays: what admins have noted about you (blocks, warnings), and for 30 days how many "
    "pictures you painted, for the quotas; no prompts.\n"
    "It cannot be undone. `/export_my_data` gives you a copy first."
)
KEPT = N_("Nothing was deleted.")
WORKING = N_("Your jobs are being stopped and your data deleted…")
DONE = N_(
    "Done! {jobs} with all pictures, and your preferences, are deleted. The messages with your "
    "pictures in Discord follow, one after another."
)
SOME_LEFT = N_(
    " {jobs} could not be stopped yet and will still be delivered: use `/delete_my_data` again "
    "after that."
)


@app_commands.command(name="delete_my_data", description="Delete everything Easel keeps of you")
async def delete_my_data(interaction: discord.Interaction[Any]) -> None:
    """Say what would go and what would stay, and ask."""
    red, grey = discord.ButtonStyle.danger, discord.ButtonStyle.secondary
    view = panels.of(
        discord.ui.Button(label=_("Delete everything"), style=red, custom_id="forget:yes"),
        discord.ui.Button(label=_("Keep it"), style=grey, custom_id="forget:no"),
    )
    await interaction.response.send_message(_(QUESTION), view=view, ephemeral=True)


async def answer(asked: Asked, pressed: re.Match[str]) -> None:
    """Do what was said to the question."""
    if pressed["answer"] == "no":
        await asked.response.edit_message(content=_(KEPT), view=None)
        return
    await asked.response.edit_message(content=_(WORKING), view=None)
    desk, user_id = asked.client.desk, asked.user.id
    left = await _stop_everything(asked)
    jobs = await estate.delete(desk.store, user_id)
    desk.doomed.set()
    await asyncio.to_thread(desk.drafts.forget, user_id)
    desk.belongings.forget(user_id)
    for job_id in jobs:
        await asyncio.to_thread(desk.data.drop, job_id)
    log.info("user=%d had their data deleted: %d jobs, %d left", user_id, len(jobs), left)
    text = _(DONE).format(jobs=_counted(len(jobs)))
    if left:
        text += _(SOME_LEFT).format(jobs=_counted(left))
    await asked.edit_original_response(content=text)


async def _stop_everything(asked: Asked) -> int:
    """Cancel this person's jobs and wait until they have ended; count those that did not."""
    desk, until = asked.client.desk, asyncio.get_running_loop().time() + WAIT_S
    while True:
        await desk.runner.cancel_all(asked.user.id)
        left = await estate.unsettled(desk.store, asked.user.id)
        if not left or asyncio.get_running_loop().time() > until:
            return left
        await asyncio.sleep(LOOK_S)


def _counted(jobs: int) -> str:
    return ngettext("{number} job", "{number} jobs", jobs)


def add_to(tree: app_commands.CommandTree[DeskClient]) -> None:
    """Offer the command wherever the bot is."""
    tree.add_command(delete_my_data)
