"""/prefer: a painter's own options, their suffix, and how buttons and letters work for them."""

from typing import Any

import discord
from discord import app_commands

from bot import flags, messages
from bot.admission import rules_of
from bot.belongings import MOST_OPTIONS
from bot.desk import Asked, DeskClient
from bot.habits import LONGEST_OPTION, check_suffix, option_name, write_out
from bot.language import _
from bot.preferences import Preferences

LONGEST_SUFFIX = 500
SHOWN = 60
"""Characters of an option's text in the list: twenty of them fit into a message."""
CHOICES = 25
PLAIN = "picture"
"""Stands for any prompt, to try a suffix with."""

prefer = app_commands.Group(name="prefer", description="Your own options, suffix and habits")
option = app_commands.Group(name="option", description="Your own parameters", parent=prefer)


@option.command(name="set", description="Set a custom option; leave the value out to delete it")
@app_commands.describe(
    given="The name of the option: `mine` is then typed as --mine",
    value="What it stands for, such as --ar 3:2 --no text",
)
@app_commands.rename(given="option")
async def set_option(
    interaction: discord.Interaction[Any],
    given: app_commands.Range[str, 1, 100],
    value: app_commands.Range[str, 1, LONGEST_OPTION] | None = None,
) -> None:
    """Keep what `--name` stands for, or forget it."""
    asked: Asked = interaction
    name, text = option_name(given), messages.clean(value or "")
    known = (await asked.client.desk.preferences(asked.user.id)).options
    await asked.client.desk.belongings.set_option(asked.user.id, name, text)
    said = _("Custom option `--{name}` stands for: {text}").format(
        name=name, text=messages.escape(text)
    )
    if not text:
        said = _("Custom option `--{name}` is deleted.").format(name=name) if name in known else (
            _("You have no option `--{name}`.").format(name=name)
        )  # fmt: skip
    await asked.response.send_message(messages.refusal(said), ephemeral=True)


@set_option.autocomplete("given")
async def own_options(
    interaction: discord.Interaction[Any], typed: str
) -> list[app_commands.Choice[str]]:
    """Propose the options that there are."""
    asked: Asked = interaction
    options = (await asked.client.desk.preferences(asked.user.id)).options
    start = typed.strip().lstrip("-").casefold()
    return [
        app_commands.Choice(name=f"--{name}", value=name)
        for name in options
        if name.startswith(start)
    ][:CHOICES]


@option.command(name="list", description="View your current custom options")
async def list_options(interaction: discord.Interaction[Any]) -> None:
    """Show every option of the painter's."""
    asked: Asked = interaction
    options = (await asked.client.desk.preferences(asked.user.id)).options
    lines = [
        f"- `--{name}`: {messages.shorten(messages.escape(text), SHOWN)}"
        for name, text in options.items()
    ]
    head = _("**Custom options** ({number} of {most})").format(number=len(lines), most=MOST_OPTIONS)
    if not lines:
        head = _("You have no custom options yet; `/prefer option set` makes one.")
    await asked.response.send_message("\n".join((head, *lines)), ephemeral=True)


@prefer.command(
    name="suffix",
    description="Parameters to add to the end of every prompt; leave empty to remove them",
)
@app_commands.describe(new_value="Parameters only, such as --ar 3:2 --no text")
async def suffix(
    interaction: discord.Interaction[Any],
    new_value: app_commands.Range[str, 1, LONGEST_SUFFIX] | None = None,
) -> None:
    """Keep the parameters that stand behind every prompt from now on."""
    asked: Asked = interaction
    kept = await _read_suffix(asked, new_value) if new_value and new_value.strip() else ""
    await asked.client.desk.belongings.prefer(asked.user.id, suffix=kept)
    said = (
        _("Your suffix is now: {kept}").format(kept=messages.escape(kept))
        if kept
        else _("Your suffix is removed.")
    )
    await asked.response.send_message(messages.refusal(said), ephemeral=True)


async def _read_suffix(asked: Asked, text: str) -> str:
    """Return a suffix as it is kept: tried out with a prompt, here and now.

    Raises:
        UserError: it is not parameters only, or one of them does not fit here.

    """
    desk = asked.client.desk
    own = Preferences(options=(await desk.preferences(asked.user.id)).options)
    check_suffix(write_out(text, own))
    rules = await rules_of(asked)
    wish = flags.parse(
        f"{PLAIN} {text}", rules.cards(desk.cards()), rules.limits(), preferences=own
    )
    return wish.shown.removeprefix(PLAIN).strip()


@prefer.command(name="remix", description="Toggle remix mode")
async def remix(interaction: discord.Interaction[Any]) -> None:
    """Let buttons ask for another prompt first, or no more."""
    asked: Asked = interaction
    desk = asked.client.desk
    on = not (await desk.preferences(asked.user.id)).remix
    await desk.belongings.prefer(asked.user.id, remix=on)
    await asked.response.send_message(_toggled(_("Remix mode"), on, "remix"), ephemeral=True)


@prefer.command(name="variability", description="Toggle variability mode")
async def variability(interaction: discord.Interaction[Any]) -> None:
    """Let V paint far from its picture, or close to it."""
    asked: Asked = interaction
    desk = asked.client.desk
    strong = (await desk.preferences(asked.user.id)).variation == "strong"
    await desk.belongings.prefer(asked.user.id, variation="subtle" if strong else "strong")
    said = (
        _(
            "Variations are now subtle: V stays close to its picture. You can always switch back "
            "by running `/prefer variability` again."
        )
        if strong
        else _(
            "Variations are now strong: V goes far from its picture. You can always switch back "
            "by running `/prefer variability` again."
        )
    )
    await asked.response.send_message(said, ephemeral=True)


@prefer.command(
    name="auto_dm", description="Whether or not to automatically send job results to your DMs"
)
async def auto_dm(interaction: discord.Interaction[Any]) -> None:
    """Let finished jobs come by direct message too, or no more."""
    asked: Asked = interaction
    desk = asked.client.desk
    on = not (await desk.preferences(asked.user.id)).auto_dm
    await desk.belongings.prefer(asked.user.id, auto_dm=on)
    await asked.response.send_message(_toggled(_("Auto DM"), on, "auto_dm"), ephemeral=True)


def _toggled(what: str, on: bool, command: str) -> str:
    said = _("{what} turned off! You can always turn this on by running `/prefer {command}` again.")
    if on:
        said = _(
            "{what} turned on! You can always turn this off by running `/prefer {command}` again."
        )
    return said.format(what=what, command=command)


def add_to(tree: app_commands.CommandTree[DeskClient]) -> None:
    """Offer the commands wherever the bot is."""
    tree.add_command(prefer)
