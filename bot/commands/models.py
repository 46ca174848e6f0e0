"""/models: what paints here, and what each model can do."""

from typing import Any

import discord
from discord import app_commands

from bot import messages
from bot.admission import rules_of
from bot.answers import answer_lines
from bot.commands import choices
from bot.desk import Asked, DeskClient
from bot.language import _
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
            _("There is no model `{model}` here; `/models` lists all.").format(
                model=messages.clean(str(model))[:60]
            )
        ]
    await answer_lines(asked, lines)


def line(card: ModelCard) -> str:
    """Say in a line what a model is."""
    side = f"{card.width * card.delivery_scale}×{card.height * card.delivery_scale}"
    about = _("{side} pixels, {steps} steps, guidance {guidance}").format(
        side=side, steps=card.default_steps, guidance=plain(card.default_guidance)
    )
    if card.few_steps is not None:
        about = _("{side} pixels, {steps} steps without guidance").format(
            side=side, steps=card.few_steps.steps
        )
    title = messages.escape(card.title)
    return f"- `--model {one_word(card.name)}`: {title} ({card.family}), {about}"


def detail(card: ModelCard) -> str:
    """Say everything of a model."""
    most = _("**Most**: {steps} steps, guidance {guidance}, {side} pixels a side").format(
        steps=card.max_steps,
        guidance=plain(card.max_guidance),
        side=card.max_side * card.delivery_scale,
    )
    samplers = ", ".join(card.samplers) or _("its own")
    ordinary = _(
        "**By the ordinary sampler**: {steps} steps, guidance {guidance}. It paints what has "
        "`--no`, `--guidance`, a negative weight, another `--sampler`, more than {few} `--steps`, "
        "`--quality` 2 or 4, or `--stop`."
    )
    parameters = " ".join(f"`--{name}`" for name in honoured(card.honours))
    return "\n".join(
        (
            line(card),
            *(
                []
                if card.few_steps is None
                else [
                    ordinary.format(
                        steps=card.default_steps,
                        guidance=plain(card.default_guidance),
                        few=card.few_steps.most,
                    )
                ]
            ),
            most,
            _("**Samplers**: {samplers}").format(samplers=samplers),
            _("**Parameters**: {parameters}").format(parameters=parameters),
        )
    )


def add_to(tree: app_commands.CommandTree[DeskClient]) -> None:
    """Offer the command wherever the bot is."""
    tree.add_command(models)
