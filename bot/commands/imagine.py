"""/imagine: from the typed prompt to a job in the queue."""

from typing import Any

import discord
from discord import app_commands

from bot import batch, flags, readers
from bot.answers import tell
from bot.commands import choices
from bot.desk import Asked, DeskClient
from bot.drafts import Draft
from bot.intake import receive
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
    sref="A picture whose style is taken (same as --sref)",
    cref="A picture of a person who is to be seen (same as --cref)",
    model="Which model paints (same as --model)",
    sampler="How noise becomes a picture (same as --sampler)",
    lora="A LoRA of the operator's folder (same as --lora)",
)
@app_commands.autocomplete(model=choices.models, sampler=choices.samplers, lora=choices.loras)
async def imagine(
    interaction: discord.Interaction[Any],
    prompt: app_commands.Range[str, 1, LONGEST_OPTION],
    negative: app_commands.Range[str, 1, LONGEST_OPTION] | None = None,
    picture: discord.Attachment | None = None,
    strength: float | None = None,
    control: discord.Attachment | None = None,
    sref: discord.Attachment | None = None,
    cref: discord.Attachment | None = None,
    model: str | None = None,
    sampler: str | None = None,
    lora: str | None = None,
) -> None:
    """Paint a prompt, or say in one sentence why not."""
    options = {
        "no": negative, "strength": None if strength is None else readers.plain(strength),
        "model": model, "sampler": sampler, "lora": lora,
    }  # fmt: skip
    text = flags.compose(prompt, options)
    await start(interaction, draft_of(interaction, text, picture, control, sref, cref))


async def start(asked: Asked, draft: Draft) -> None:
    """Turn a prompt into a job, or ask whether several are meant.

    Raises:
        UserError: the prompt cannot be painted, or not here, or not now.

    """
    with giving_back(draft):
        jobs, warnings = await jobs_of(asked, draft)
        if len(jobs) > 1:
            await batch.ask(asked, draft, jobs)
            return
        await receive(asked, jobs[0])
    await tell(asked, warnings)


def add_to(tree: app_commands.CommandTree[DeskClient]) -> None:
    """Offer the command wherever the bot is."""
    tree.add_command(imagine)
