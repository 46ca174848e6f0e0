"""Nobody who presses or types is left without an answer, whatever goes wrong."""

import asyncio
import contextlib
import io
import logging
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from typing import Any, TypeVar

import discord

from bot import messages
from bot.disk import FULL
from bot.errors import DiskError, UserError
from bot.language import _, speak

T = TypeVar("T")

log = logging.getLogger(__name__)

SLOW_S = 1.5
"""When a picture takes longer than this to make ready, Discord is told to wait."""
TOO_LATE = 10062
"""Discord's code for an interaction it no longer waits for."""


async def refuse(
    interaction: discord.Interaction[Any], sentence: str, title: str = "", asked: str = ""
) -> None:
    """Say a sentence to the person who asked, and to nobody else.

    `title` names the kind of mistake; `asked`, what they had typed, is given back to be copied.
    """
    text, whole = messages.mistake(sentence, title, asked)
    files = [discord.File(io.BytesIO(asked.encode()), "prompt.txt")] * (not whole)
    try:
        if interaction.response.is_done():
            await interaction.followup.send(text, files=files, ephemeral=True)
        else:
            await interaction.response.send_message(text, files=files, ephemeral=True)
    except discord.HTTPException as error:
        log.warning("interaction=%s could not be answered: %s", interaction.id, error)


async def tell(interaction: discord.Interaction[Any], sentences: Sequence[str]) -> None:
    """Say sentences, if there are any, to the person who was answered already."""
    if sentences:
        await refuse(interaction, "\n".join(sentences))


async def answer_lines(interaction: discord.Interaction[Any], lines: Iterable[str]) -> None:
    """Answer who asked alone, in as many messages as the lines take."""
    first, *more = messages.pages(lines)
    await interaction.response.send_message(first, ephemeral=True)
    for page in more:
        await interaction.followup.send(page, ephemeral=True)


async def explain(interaction: discord.Interaction[Any], error: BaseException) -> None:
    """Answer with what went wrong: a sentence for the person, the trace for the log."""
    if isinstance(error, UserError):
        await refuse(interaction, str(error), error.title, error.asked)
    elif isinstance(error, DiskError):
        log.error("interaction=%s could not be kept: %s", interaction.id, error)
        await refuse(interaction, _(FULL))
    elif isinstance(error, discord.NotFound) and error.code == TOO_LATE:
        log.warning("interaction=%s came too late to be answered", interaction.id)
    else:
        log.error("interaction=%s failed", interaction.id, exc_info=error)
        await refuse(interaction, _(messages.SORRY))


@contextlib.asynccontextmanager
async def answering(interaction: discord.Interaction[Any]) -> AsyncIterator[None]:
    """Turn whatever is raised inside into an answer, in the language of who asks."""
    speak(interaction.locale)
    try:
        yield
    except Exception as error:  # noqa: BLE001
        # why: the edge between Discord and us; discord.py would log it and leave the person waiting
        await explain(interaction, error)


async def patiently(
    interaction: discord.Interaction[Any], making: Coroutine[Any, Any, T], *, hidden: bool
) -> T:
    """Return what is made for an answer; where that takes a while, Discord is told to wait.

    Where nothing comes of it, what waited is taken back, so that the reason is for who asked alone.
    """
    made = asyncio.create_task(making)
    await asyncio.wait({made}, timeout=SLOW_S)
    if made.done():
        return made.result()
    await interaction.response.defer(thinking=True, ephemeral=hidden)
    try:
        return await made
    except Exception:
        if not hidden:
            with contextlib.suppress(discord.HTTPException):
                await interaction.delete_original_response()
        raise


async def reply(
    interaction: discord.Interaction[Any],
    *,
    hidden: bool,
    files: Sequence[discord.File] = (),
    **parts: Any,
) -> int | None:
    """Answer, at once or after `patiently`; return the message's id."""
    if interaction.response.is_done():
        sent = await interaction.edit_original_response(attachments=files, **parts)
        return sent.id
    answer = await interaction.response.send_message(files=files, ephemeral=hidden, **parts)
    return answer.message_id


async def give(
    interaction: discord.Interaction[Any],
    text: str,
    making: Coroutine[Any, Any, tuple[discord.File, discord.ui.View]],
    *,
    hidden: bool,
) -> int | None:
    """Answer with a picture and its buttons, which may take a while; return the message's id."""
    file, view = await patiently(interaction, making, hidden=hidden)
    return await reply(interaction, content=text, files=[file], view=view, hidden=hidden)
