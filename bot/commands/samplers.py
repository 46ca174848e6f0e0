"""/samplers: the ways in which a model turns noise into a picture."""

from typing import Any

import discord
from discord import app_commands

from bot import messages
from bot.admission import rules_of
from bot.commands import choices
from bot.desk import Asked, DeskClient
from bot.language import _
from bot.readers import one_word


@app_commands.command(name="samplers", description="The samplers one may paint with")
@app_commands.describe(model="Those of this model; without it, of the first one")
@app_commands.autocomplete(model=choices.models)
async def samplers(interaction: discord.Interaction[Any], model: str | None = None) -> None:
    """List the samplers of a model."""
    asked: Asked = interaction
    cards = (await rules_of(asked)).cards(asked.client.desk.cards())
    wanted = one_word(model or cards[0].name)
    card = next((card for card in cards if one_word(card.name) == wanted), None)
    if card is None:
        text = _("There is no model `{model}` here; `/models` lists all.").format(
            model=messages.clean(wanted)[:60]
        )
    elif not card.samplers:
        text = _("`{name}` paints by its own sampler alone.").format(name=one_word(card.name))
    else:
        rows = "\n".join(f"- `--sampler {name}`" for name in card.samplers)
        name = one_word(card.name)
        text = _(
            "`{name}` can paint by these; without `--sampler` it takes its own:\n{rows}"
        ).format(name=name, rows=rows)
        if card.few_steps is not None:
            text = _(
                "`{name}` can paint by these; without `--sampler` it takes {few} for few steps, "
                "else its own:\n{rows}"
            ).format(name=name, few=card.few_steps.sampler, rows=rows)
    await asked.response.send_message(messages.refusal(text), ephemeral=True)


def add_to(tree: app_commands.CommandTree[DeskClient]) -> None:
    """Offer the command wherever the bot is."""
    tree.add_command(samplers)
