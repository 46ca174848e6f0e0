"""/shorten: what each word of a prompt weighs, and the prompt cut shorter by that."""

import asyncio
import re
from typing import Any

import discord
from discord import app_commands

from bot import cuts, flags, messages, numbered, offers, panels
from bot.admission import check_words, rules_of
from bot.answers import patiently, reply
from bot.desk import Asked, DeskClient
from bot.errors import UserError
from bot.flags import Wish
from bot.intake import check_asked
from bot.language import N_, _, speaking
from bot.modes import is_hidden, language_of
from engine import Weighed, parse_prompt

LONGEST_OPTION = 4000
PRESSED = re.compile(r"shorten:(?P<op>[0-4]|show)")
SEVERAL = N_("Shorten reads one prompt without `::` and `--no`; leave those out and ask again.")
STOPPED = N_("Easel is stopping, so this was not read. Please ask again in a minute.")


@app_commands.command(name="shorten", description="Analyzes and shortens a prompt.")
@app_commands.describe(prompt="The prompt to shorten")
async def shorten(
    interaction: discord.Interaction[Any], prompt: app_commands.Range[str, 1, LONGEST_OPTION]
) -> None:
    """Show what counts in a prompt, and what may be left out."""
    asked: Asked = interaction
    wish = await _understand(asked, prompt)
    await check_words(asked, wish.request.prompt)
    hidden = is_hidden(asked, await asked.client.desk.preferences(asked.user.id))
    pieces = await patiently(asked, _weigh(asked, wish), hidden=hidden)
    with speaking(language_of(asked, await rules_of(asked), hidden)):
        text = cuts.show(pieces, wish.shown.removeprefix(wish.request.prompt))
        view = _view(len(numbered.read(text)))
    await reply(asked, hidden=hidden, content=text, view=view)


async def press(asked: Asked, pressed: re.Match[str]) -> None:
    """Open a window with one of the prompts, or tell what the words weigh.

    Raises:
        UserError: the message does not say any more what it was made of, or may not be painted.

    """
    said = asked.message.content if asked.message else ""
    if pressed["op"] == "show":
        wish = await _understand(asked, cuts.whole_of(said))
        await asked.response.defer(ephemeral=True, thinking=True)
        text = cuts.detail(await _weigh(asked, wish))
        await asked.edit_original_response(content=messages.refusal(text))
        return
    await offers.choose(asked, "shorten", numbered.read(said), int(pressed["op"]))


async def _understand(asked: Asked, prompt: str) -> Wish:
    """Read a prompt with its parameters.

    Raises:
        UserError: it is wrong, or more than one text.

    """
    desk = asked.client.desk
    rules = await check_asked(asked)
    preferences = await desk.preferences(asked.user.id)
    cards = rules.cards(desk.cards())
    given = flags.Given(loras=desk.loras, controls=desk.controls)
    wish = await asyncio.to_thread(
        flags.parse, prompt, cards, rules.limits(), given, preferences=preferences
    )
    if wish.request.negative_prompt or len(parse_prompt(wish.request.prompt).parts) > 1:
        raise UserError(_(SEVERAL))
    return wish


async def _weigh(asked: Asked, wish: Wish) -> cuts.Pieces:
    ending = await asked.client.desk.ending(asked.id, asked.user.id, wish.request, "weigh")
    if not isinstance(ending, Weighed):
        raise UserError(_(STOPPED))
    return ending.pieces


def _view(count: int) -> discord.ui.View:
    details = discord.ui.Button[Any](label=_("Show Details"), custom_id="shorten:show", row=1)
    return panels.of(*offers.buttons("shorten", count), details)


def add_to(tree: app_commands.CommandTree[DeskClient]) -> None:
    """Offer the command wherever the bot is."""
    tree.add_command(shorten)
