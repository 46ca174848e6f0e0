"""The acknowledgement of a job as a message to edit or delete.

Through the interaction's token while it lives, for that works everywhere; after that by the bot's
own, for messages that everybody sees.
"""

import time
from collections.abc import Sequence
from typing import Any, cast

import aiohttp
import discord

from bot.jobs import TOKEN_LIVES_S, Job, asked_at

SPARE_S = 60.0
"""The last minute of a token is left alone."""
GONE = frozenset({10003, 10008, 10015})
"""Discord's codes for a channel, message or webhook that is not there."""
TOKEN_DEAD = frozenset({10015, 50027})
AWAY = (discord.HTTPException, aiohttp.ClientError, OSError)
"""How a request to Discord fails: refused, or cut, or nobody there."""


def token_lives(job: Job) -> bool:
    """Say whether the job's interaction token can still be used."""
    return job.token is not None and time.time() - asked_at(job.id) < TOKEN_LIVES_S - SPARE_S


def may_pass(error: discord.HTTPException) -> bool:
    """Say whether the same may succeed later: Discord is out of order, or asks for patience."""
    return isinstance(error, discord.DiscordServerError) or error.status == 429


def _webhook(client: discord.Client, job: Job) -> discord.Webhook:
    assert client.application_id  # noqa: S101 - logged in long ago
    assert job.token  # noqa: S101 - token_lives said so
    return discord.Webhook.partial(client.application_id, job.token, client=client)


def _original(job: Job) -> int:
    """Return the id of the acknowledgement, or Discord's own name for it."""
    return job.ack_message_id or cast("int", "@original")


def _plain(client: discord.Client, job: Job) -> discord.PartialMessage | None:
    if job.ack_message_id is None or job.ephemeral or not job.member:
        return None
    channel = client.get_partial_messageable(job.channel_id, guild_id=job.guild_id)
    return channel.get_partial_message(job.ack_message_id)


async def find_ack(client: discord.Client, job: Job) -> int | None:
    """Return the id of the acknowledgement Discord has of this job; None if it has none."""
    try:
        return (await _webhook(client, job).fetch_message(_original(job))).id
    except discord.NotFound:
        return None


async def edit_ack(
    client: discord.Client,
    job: Job,
    content: str,
    files: Sequence[discord.File] = (),
    **more: Any,
) -> int | None:
    """Edit the acknowledgement, files replaced; return its id, or None if it cannot be reached."""
    if token_lives(job):
        try:
            hook = _webhook(client, job)
            edited = await hook.edit_message(
                _original(job), content=content, attachments=files, **more
            )
        except discord.HTTPException as error:
            if error.code not in TOKEN_DEAD:
                raise
            for file in files:
                file.reset()
        else:
            return edited.id
    message = _plain(client, job)
    if message is None:
        return None
    return (await message.edit(content=content, attachments=files, **more)).id


async def delete_ack(client: discord.Client, job: Job) -> None:
    """Delete the acknowledgement; that it is gone already is as good."""
    try:
        if token_lives(job):
            await _webhook(client, job).delete_message(_original(job))
            return
    except discord.HTTPException as error:
        if error.code not in TOKEN_DEAD and error.code not in GONE:
            raise
        if error.code not in TOKEN_DEAD:
            return
    message = _plain(client, job)
    if message is not None:
        try:
            await message.delete()
        except discord.NotFound:
            return
