"""/imagine: from the typed prompt to a job in the queue."""

from dataclasses import replace
from typing import Any

import discord
from discord import app_commands

from bot import attachments, flags
from bot.admission import check_words, fit
from bot.answers import tell
from bot.desk import Asked, DeskClient
from bot.intake import check_asked, new_job, take_in
from bot.jobs import Kind

LONGEST_OPTION = 6000
"""What Discord lets through; a prompt beyond our own limit is refused with a sentence."""


@app_commands.command(name="imagine", description="Create images from a text prompt")
@app_commands.describe(
    prompt="The prompt to imagine",
    negative="What must not be in the picture, with commas between (same as --no)",
    picture="A picture to start from: PNG, JPEG or WEBP",
    strength="How far that picture may be left: above 0, and at most 1 (same as --strength)",
)
async def imagine(
    interaction: discord.Interaction[Any],
    prompt: app_commands.Range[str, 1, LONGEST_OPTION],
    negative: app_commands.Range[str, 1, LONGEST_OPTION] | None = None,
    picture: discord.Attachment | None = None,
    strength: float | None = None,
) -> None:
    """Paint a prompt, or say in one sentence why not."""
    await start(interaction, prompt, negative, picture, strength)


async def start(
    asked: Asked,
    prompt: str,
    negative: str | None,
    picture: discord.Attachment | None,
    strength: float | None,
) -> None:
    """Turn a prompt into a job.

    Raises:
        UserError: the prompt cannot be painted, or not here, or not now.

    """
    rules = await check_asked(asked)
    if picture is not None:
        attachments.check(picture)
    preferences = await asked.client.desk.preferences(asked.user.id)
    wish = flags.parse(
        flags.compose(prompt, negative, strength),
        rules.cards(asked.client.desk.cards()),
        rules.limits(),
        image=False if picture is None else attachments.shape(picture),
        preferences=preferences,
    )
    warnings = await check_words(asked, wish.request.prompt)
    job = new_job(asked, Kind.IMAGINE, fit(wish.request, rules), wish.shown)
    if picture is not None:
        job = replace(job, image_url=picture.url)
    await take_in(asked, job)
    await tell(asked, warnings)


def add_to(tree: app_commands.CommandTree[DeskClient]) -> None:
    """Offer the command wherever the bot is."""
    tree.add_command(imagine)
