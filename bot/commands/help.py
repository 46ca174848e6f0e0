"""/help: how to paint, in one message; and one parameter in full.

The commands and parameters come from the tables that also answer to them, so none is forgotten.
"""

from typing import Any

import discord
from discord import app_commands

from bot import flags, messages
from bot.desk import Asked, DeskClient
from bot.grammar import split
from bot.language import N_, _, named
from bot.parameters import PARAMETERS
from bot.permissions import may_manage

HOW = N_(
    "## How to paint\n"
    "`/imagine prompt: a red fox --ar 3:2` paints what you write. Parameters stand at the end."
)
UNDER = N_(
    "### Under the pictures\n"
    "**U1–U4** take a picture out, **V1–V4** paint variations of it, 🔄 paints again. A picture "
    "that is taken out can be upscaled, varied whole or in part, zoomed out and widened.\n"
    "React with ❌ to stop or delete what is yours, ✉️ to get it by direct message, ⭐ or ❤️ to "
    "keep it (`/history favourites:` finds it), 1️⃣–4️⃣ and 🔁 as U and 🔄 do, ⚠️ to report it."
)
COMMANDS = N_("### Commands")
WINDOWS = N_("### Apps, in a message's menu")
NAMES = N_("### Parameters\n`/help parameter:` says what one does and which values it takes.")
ROOM = 3900
"""Characters that a message made of parts holds, with some to spare."""
CHOICES = 25


@app_commands.command(name="help", description="How to paint, and every command and parameter")
@app_commands.describe(parameter="One parameter to explain, such as --ar")
async def show_help(
    interaction: discord.Interaction[Any],
    parameter: app_commands.Range[str, 1, 40] | None = None,
) -> None:
    """Show what there is, or one parameter as far as this server allows it."""
    asked: Asked = interaction
    if parameter is not None:
        await asked.response.send_message(await _explain(asked, parameter), ephemeral=True)
        return
    view = discord.ui.LayoutView(timeout=None)
    view.add_item(discord.ui.TextDisplay(messages.shorten(_overview(asked), ROOM)))
    view.stop()  # there is nothing to press
    await asked.response.send_message(view=view, ephemeral=True)


def _overview(asked: Asked) -> str:
    """Return everything there is, each with a word."""
    tree = asked.client.tree
    commands = [
        f"`/{command.name}` {_(command.description)}"
        for command in tree.get_commands(type=discord.AppCommandType.chat_input)
        if command.default_permissions is None or may_manage(asked.permissions)
    ]
    menus = [named(menu.name) for menu in tree.get_commands(type=discord.AppCommandType.message)]
    names = " ".join(f"`{row}`" for row in PARAMETERS)
    sections = [_(HOW), _(UNDER), "\n".join((_(COMMANDS), *commands)), f"{_(NAMES)}\n{names}"]
    if menus:
        sections.insert(3, f"{_(WINDOWS)}\n{', '.join(menus)}")
    return "\n".join(sections)


async def _explain(asked: Asked, parameter: str) -> str:
    """Return the line of one parameter.

    Raises:
        UserError: there is none of that name; the sentence has the nearest one.

    """
    name = parameter.strip().lstrip("-—–").partition(" ")[0]
    ((row, _),) = split([f"--{name}"])[1]
    rules = await asked.client.desk.rules(asked.guild_id)
    lines = flags.describe(asked.client.desk.cards(), rules.limits())
    return messages.refusal(lines[PARAMETERS.index(row)])


@show_help.autocomplete("parameter")
async def parameters(
    interaction: discord.Interaction[Any], typed: str
) -> list[app_commands.Choice[str]]:
    """Propose parameters by any part of their names."""
    part = typed.strip().lstrip("-").casefold()
    return [
        app_commands.Choice(name=f"--{row.name}: {_(row.help)}"[:100], value=row.name)
        for row in PARAMETERS
        if any(part in name for name in (row.name, *row.aliases))
    ][:CHOICES]


def add_to(tree: app_commands.CommandTree[DeskClient]) -> None:
    """Offer the command wherever the bot is."""
    tree.add_command(show_help)
