"""What stands under the bot's name: that its model is still loading, or is untrained."""

import asyncio

import discord

from bot.language import _
from bot.messages import EXPECT_NOISE
from engine import Engine

LOOK_AGAIN_S = 0.5
SHOW_AGAIN_S = 5.0
"""Between two shares of one download: Discord takes five changes in twenty seconds."""


async def show_model(client: discord.Client, engine: Engine) -> None:
    """Keep the presence true until the model is loaded."""
    await client.wait_until_ready()
    shown: str | None = None
    while True:
        stats = engine.stats()
        untrained = any(card.untrained for card in engine.models())
        doing = stats.loading or stats.fetching
        wanted = doing or stats.failed or (_(EXPECT_NOISE) if untrained else None)
        if wanted != shown:
            # Discord cuts a custom status at 128 characters, and refuses a longer one
            activity = discord.CustomActivity(wanted[:128]) if wanted else None
            await client.change_presence(activity=activity)
            shown = wanted
        if doing is None:
            return
        await asyncio.sleep(SHOW_AGAIN_S if "%" in doing else LOOK_AGAIN_S)
