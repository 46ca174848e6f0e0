"""/how: one strip that shows how a picture comes about."""

import asyncio
import io
from dataclasses import replace
from typing import Any

import discord
from discord import app_commands

from bot import lesson, messages, strip
from bot.admission import check_words
from bot.desk import Asked, DeskClient
from bot.errors import UserError
from bot.flags import Given, parse
from bot.intake import check_asked, new_job
from bot.jobs import Kind
from bot.language import N_, _
from engine import Explained, Request

LONGEST_OPTION = 4000
BUSY = N_("Easel still explains another picture to you; this one comes after it, if you ask again.")
STOPPED = N_("Easel is stopping, so this was not explained. Please ask again in a minute.")


@app_commands.command(name="how", description="See how a picture comes about, step by step")
@app_commands.describe(prompt="What to paint, with parameters as in /imagine")
async def how(
    interaction: discord.Interaction[Any], prompt: app_commands.Range[str, 1, LONGEST_OPTION]
) -> None:
    """Paint one picture of a prompt and show how it came about."""
    asked: Asked = interaction
    rules = await check_asked(asked)
    desk = asked.client.desk
    preferences = await desk.preferences(asked.user.id)
    cards = rules.cards(desk.cards())
    given = Given(loras=desk.loras, controls=desk.controls)
    wish = await asyncio.to_thread(
        parse, prompt, cards, rules.limits(), given, preferences=preferences
    )
    await check_words(asked, wish.request.prompt)
    await explain(asked, wish.request, wish.shown)


async def explain(asked: Asked, request: Request, shown: str) -> None:
    """Show who asked how one picture of the request came about.

    Raises:
        UserError: it cannot be painted, or may not be shown here.

    """
    desk = asked.client.desk
    request = replace(request, pictures=1, hd=False)
    turn = desk.turn_of(-asked.user.id)
    if turn.locked():
        raise UserError(_(BUSY))
    async with turn:
        await asked.response.defer(ephemeral=True, thinking=True)
        ending = await desk.ending(asked.id, asked.user.id, request, "explain")
        if not isinstance(ending, Explained):
            raise UserError(_(STOPPED))
        found = ending.explanation
        await desk.guard.judge(new_job(asked, Kind.IMAGINE, request, shown), [found.picture])
        picture = await asyncio.to_thread(strip.draw, found)
        text = await asyncio.to_thread(lesson.tell, found)
        file = discord.File(
            io.BytesIO(picture), filename="how.png", description=messages.describe(shown)
        )
        await asked.edit_original_response(content=text, attachments=[file])


def add_to(tree: app_commands.CommandTree[DeskClient]) -> None:
    """Offer the command wherever the bot is."""
    tree.add_command(how)
