"""What options of commands propose while one types: models, samplers, LoRAs; from memory alone."""

from collections.abc import Iterable
from typing import Any

import discord
from discord import app_commands

from bot.desk import Asked
from bot.readers import one_word

MOST = 25
LONGEST = 100
"""Of a choice, as Discord takes it."""

Choices = list[app_commands.Choice[str]]


def propose(names: Iterable[str], typed: str) -> Choices:
    """Return the names that have what was typed in them, those that begin so first."""
    start = typed.strip().casefold()
    fitting = [name for name in names if start in name.casefold() and len(name) <= LONGEST]
    fitting.sort(key=lambda name: not name.casefold().startswith(start))
    return [app_commands.Choice(name=name, value=name) for name in fitting[:MOST]]


async def models(interaction: discord.Interaction[Any], typed: str) -> Choices:
    """Propose the models there are, as one types them."""
    asked: Asked = interaction
    return propose((one_word(card.name) for card in asked.client.desk.cards()), typed)


async def samplers(interaction: discord.Interaction[Any], typed: str) -> Choices:
    """Propose the samplers of the model that is chosen, else of the first."""
    asked: Asked = interaction
    chosen = one_word(str(getattr(interaction.namespace, "model", None) or ""))
    cards = asked.client.desk.cards()
    card = next((card for card in cards if one_word(card.name) == chosen), cards[0])
    return propose(card.samplers, typed)


async def loras(interaction: discord.Interaction[Any], typed: str) -> Choices:
    """Propose the LoRAs of the operator's folder."""
    asked: Asked = interaction
    return propose(asked.client.desk.catalogue.loras(), typed)
