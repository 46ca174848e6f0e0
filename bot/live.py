"""`easel doctor --live`: do once on Discord what every job does, and clean up."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator

import aiohttp
import discord
from PIL import Image

from bot import grid
from bot.client import point_at
from bot.errors import OperatorError
from bot.settings import Settings

READY_S = 60
COLOURS = ("#e4572e", "#f3a712", "#29335c", "#669bbc")


async def rehearse(settings: Settings, channel_id: int) -> AsyncIterator[str]:
    """Log in, post a grid, edit it, react to it and delete it; yield a line after each.

    Raises:
        OperatorError: a step was refused; the sentence names it and the remedy.

    """
    if settings.discord_token is None:
        raise OperatorError("--live needs DISCORD_TOKEN in the environment or in .env.")
    if settings.playground:
        point_at(settings.playground)
    client = discord.Client(
        intents=discord.Intents(guilds=True), allowed_mentions=discord.AllowedMentions.none()
    )
    running = asyncio.create_task(client.start(settings.discord_token.get_secret_value()))
    try:
        async with asyncio.timeout(READY_S):
            ready = asyncio.create_task(client.wait_until_ready())
            await asyncio.wait({ready, running}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                ready.cancel()
                await running
        yield f"logged in as {client.user}"
        async for step in _steps(client, channel_id):
            yield step
    except discord.LoginFailure as error:
        raise OperatorError(
            "Discord refused the token; reset it on the developer page and write the new one "
            "behind DISCORD_TOKEN in .env."
        ) from error
    except discord.NotFound as error:
        raise OperatorError(
            f"There is no channel {channel_id} that this bot can see; copy the id of a channel "
            "in a server it was invited to (developer mode, right click, Copy Channel ID)."
        ) from error
    except discord.Forbidden as error:
        raise OperatorError(
            f"Discord refused it in channel {channel_id}: {error.text}. Give the bot's role View "
            "Channel, Send Messages, Attach Files, Add Reactions and Read Message History there."
        ) from error
    except (TimeoutError, OSError, aiohttp.ClientError, discord.DiscordException) as error:
        raise OperatorError(f"Discord cannot be reached: {error}.", code=69) from error
    finally:
        await client.close()
        with contextlib.suppress(Exception):  # why: what it raised is raised above already
            await running


async def _steps(client: discord.Client, channel_id: int) -> AsyncIterator[str]:
    channel = await client.fetch_channel(channel_id)
    if not isinstance(channel, discord.abc.Messageable):
        raise OperatorError(f"Channel {channel_id} takes no messages; name a text channel.")
    picture = await asyncio.to_thread(lambda: grid.compose([_plain(c) for c in COLOURS]))
    file = discord.File(io.BytesIO(picture), "easel-doctor.png")
    message = await channel.send("Easel's doctor was here.", file=file)
    try:
        yield "posted a grid"
        await message.edit(content="Easel's doctor was here and edited this.")
        yield "edited it"
        await message.add_reaction("❤️")
        yield "reacted to it"
    finally:
        await message.delete()
    yield "deleted it"


def _plain(colour: str) -> bytes:
    """Return a small picture of one colour."""
    with io.BytesIO() as file:
        Image.new("RGB", (64, 64), colour).save(file, "PNG")
        return file.getvalue()
