"""Deletes from Discord what was posted for people who asked to be forgotten, in its own time.

What is left to delete is in the store, so a restart in the middle loses nothing.
"""

import asyncio
import contextlib
import logging

import discord

from bot import estate, posts
from bot.desk import DeskClient
from bot.errors import DiskError

log = logging.getLogger(__name__)

AGAIN_S = 600.0
"""After so long what could not be deleted, because Discord was away, is tried again."""


async def run(client: DeskClient) -> None:
    """Delete for ever what is doomed: what the last process left, and what comes."""
    doomed = client.desk.doomed
    while True:
        doomed.clear()
        try:
            await _erase(client)
        except DiskError as error:
            log.warning("it cannot be noted which messages are deleted: %s", error)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(AGAIN_S):
                await doomed.wait()


async def _erase(client: DeskClient) -> None:
    """Delete messages, as far as Discord lets us; a closed channel is knocked at only once."""
    closed: set[int] = set()
    for channel_id, message_id in await estate.doomed(client.desk.store):
        channel = client.get_partial_messageable(channel_id)
        try:
            if channel_id not in closed:
                await channel.get_partial_message(message_id).delete()
        except discord.Forbidden:
            closed.add(channel_id)
        except posts.AWAY as error:
            log.info("message=%d could not be deleted: %s", message_id, error)
            if not isinstance(error, discord.HTTPException) or posts.may_pass(error):
                continue
        await estate.erased(client.desk.store, message_id)
