"""/loras: the operator's LoRAs, and how one is written in a prompt."""

from typing import Any

import discord
from discord import app_commands

from bot import messages
from bot.answers import answer_lines
from bot.commands import choices
from bot.desk import Asked, DeskClient
from bot.language import N_, _

NONE = N_("There are no LoRAs here: whoever runs this bot may put some into the folder `LORAS`.")
HOW = N_(
    "Write `--lora name:0.8` behind a prompt, or `<lora:name:0.8>` in it; without a number it is 1."
)


@app_commands.command(name="loras", description="The LoRAs one may paint with here")
@app_commands.describe(lora="One of them, or a part of its name")
@app_commands.autocomplete(lora=choices.loras)
async def loras(interaction: discord.Interaction[Any], lora: str = "") -> None:
    """List the LoRAs whose names have a text in them."""
    asked: Asked = interaction
    names = asked.client.desk.catalogue.loras()
    fitting = [name for name in names if lora.strip().casefold() in name.casefold()]
    lines = [_(HOW), *(f"- `--lora {name}:0.8`" for name in fitting)]
    if not names:
        lines = [_(NONE)]
    elif not fitting:
        lines = [
            _("There is no LoRA with `{part}` in its name; `/loras` lists all.").format(
                part=messages.clean(lora)[:60]
            )
        ]
    await answer_lines(asked, lines)


def add_to(tree: app_commands.CommandTree[DeskClient]) -> None:
    """Offer the command wherever the bot is."""
    tree.add_command(loras)
