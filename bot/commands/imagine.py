"""/imagine: from the typed prompt to a job in the queue."""

from typing import Any

import discord
from discord import app_commands

from bot import flags
from bot.answers import tell
from bot.desk import Asked, DeskClient
from bot.drafts import Draft
from bot.intake import take_in
from bot.orders import draft_of, giving_back, jobs_of

LONGEST_OPTION = 6000
"""What Discord lets through; a prompt beyond our own limit is refused with a sentence."""


@app_commands.command(name="imagine", description="Create images from a text prompt")
@app_commands.describe(
    prompt="The prompt to imagine",
    negative="What must not be in the picture, with commas between (same as --no)",
    picture="A picture to start from: PNG, JPEG or WEBP",
    strength="How far that picture may be left: above 0, and at most 1 (same as --strength)",
    control="A picture that leads the painting by what --control says, such as its edges",
)
async def imagine(
    interaction: discord.Interaction[Any],
    prompt: app_commands.Range[str, 1, LONGEST_OPTION],
    negative: app_commands.Range[str, 1, LONGEST_OPTION] | None = None,
    picture: discord.Attachment | None = None,
    strength: float | None = None,
    control: discord.Attachment | None = None,
) -> None:
    """Paint a prompt, or say in one sentence why not."""
    text = flags.compose(prompt, negative, strength)
    await start(interaction, draft_of(interaction, text, picture, control))


async def start(asked: Asked, draft: Draft) -> None:
    """Turn a prompt into a job.

    Raises:
        UserError: the prompt cannot be painted, or not here, or not now.

    """
    with giving_back(draft):
        jobs, warnings = await jobs_of(asked, draft)
        if len(jobs) > 1:
            raise flags.one_only(len(jobs))
        await take_in(asked, jobs[0])
    await tell(asked, warnings)


def add_to(tree: app_commands.CommandTree[DeskClient]) -> None:
    """Offer the command wherever the bot is."""
    tree.add_command(imagine)
