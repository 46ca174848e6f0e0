"""/models: what paints here, and what each model can do."""

from typing import Any

import discord
from discord import app_commands

from bot import messages
from bot.admission import rules_of
from bot.answers import answer_lines
from bot.commands import choices
from bot.desk import Asked, DeskClient
from bot.parameters import honoured
from bot.readers import one_word, plain
from engine import ModelCard


@app_commands.command(name="models", description="The models one may paint with here")
@app_commands.describe(model="One of them, to see all of what it can do")
@app_commands.autocomplete(model=choices.models)
async def models(interaction: discord.Interaction[Any], model: str | None = None) -> None:
    """List the models, or say everything of one."""
    asked: Asked = interaction
    cards = (await rules_of(asked)).cards(asked.client.desk.cards())
    if model is not None:
        cards = tuple(card for card in cards if one_word(card.name) == one_word(model))
    lines = [detail(card) if model is not None else line(card) for card in cards]
    if not lines:
        lines = [
            f"There is no model `{messages.clean(str(model))[:60]}` here; `/models` lists all."
        ]
    await answer_lines(asked, lines)


def line(card: ModelCard) -> str:
    """Say in a line what a model is."""
    side = f"{card.width * card.delivery_scale}×{card.height * card.delivery_scale}"
    return (
        f"- `--model {one_word(card.name)}`: {messages.escape(card.title)} ({card.family}), "
        f"{side} pixels, {card.default_steps} steps, guidance {plain(card.default_guidance)}"
    )


def detail(card: ModelCard) -> str:
    """Say everything of a model."""
    return "\n".join(
        (
            line(card),
            f"**Most**: {card.max_steps} steps, guidance {plain(card.max_guidance)}, "
            f"{card.max_side * card.delivery_scale} pixels a side",
            f"**Samplers**: {', '.join(card.samplers) or 'its own'}",
            f"**Parameters**: {' '.join(f'`--{name}`' for name in honoured(card.honours))}",
        )
    )


def add_to(tree: app_commands.CommandTree[DeskClient]) -> None:
    """Offer the command wherever the bot is."""
    tree.add_command(models)
