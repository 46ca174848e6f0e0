"""Prompts that a message offers to be painted: a button for each, and the window that it opens."""

import re
from collections.abc import Sequence
from typing import Any

import discord

from bot import modals, numbered
from bot.commands.imagine import start
from bot.desk import Asked
from bot.errors import UserError
from bot.intake import check_asked
from bot.language import N_, _
from bot.orders import draft_of

WINDOW = re.compile(r"(?:shorten|describe):sent:[0-9]{1,20}")
"""The window of one of the prompts; its number only makes it one of its own."""
LOST = N_("This message no longer says what it was made of. Use `/{command}` again.")


def buttons(command: str, count: int) -> list[discord.ui.Button[Any]]:
    """Return a button for each prompt."""
    return [
        discord.ui.Button(emoji=numbered.NUMBERS[number], custom_id=f"{command}:{number}")
        for number in range(count)
    ]


async def choose(asked: Asked, command: str, prompts: Sequence[str], number: int) -> None:
    """Open a window with one of the prompts.

    Raises:
        UserError: the message does not say it any more, or this person may not paint.

    """
    if number >= len(prompts):
        raise UserError(_(LOST).format(command=command))
    await check_asked(asked)
    field = modals.Field(name="prompt", label=_("Prompt"), text=prompts[number])
    await modals.ask(asked, f"{command}:sent", _("Imagine This!"), field)


async def submit(asked: Asked, _window: re.Match[str]) -> None:
    """Paint what was sent, as /imagine would."""
    await start(asked, draft_of(asked, modals.read(asked).texts.get("prompt", "")))
