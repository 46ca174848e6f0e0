"""A small bot on unmodified discord.py: what the tests of the playground log in with."""

import asyncio
import io

import discord
import pytest
from discord import app_commands
from PIL import Image


def png(width: int = 8, height: int = 8) -> bytes:
    """A small picture."""
    out = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, "PNG")
    return out.getvalue()


class JobButton(discord.ui.DynamicItem[discord.ui.Button], template=r"u:(?P<job>\d+):(?P<n>\d)"):
    """A button that knows its job by its custom_id alone."""

    def __init__(self, job: int, n: int) -> None:
        super().__init__(discord.ui.Button(label=f"U{n + 1}", custom_id=f"u:{job}:{n}"))
        self.job, self.n = job, n

    @classmethod
    async def from_custom_id(cls, interaction, item, match):
        return cls(int(match["job"]), int(match["n"]))

    async def callback(self, interaction):
        await interaction.response.send_message(f"pressed {self.n} of {self.job}")


def buttons(job: int = 7) -> discord.ui.View:
    """A row of four."""
    view = discord.ui.View(timeout=None)
    for n in range(4):
        view.add_item(JobButton(job, n))
    return view


class Bot(discord.Client):
    """Records reactions and errors; commands are added by the test before it starts."""

    def __init__(self, **options) -> None:
        intents = discord.Intents(guilds=True, guild_reactions=True, dm_reactions=True)
        intents.guild_messages = intents.dm_messages = True
        super().__init__(intents=intents, guild_ready_timeout=0.05, **options)
        self.tree = app_commands.CommandTree(self)
        self.reactions: asyncio.Queue = asyncio.Queue()
        self.said: asyncio.Queue = asyncio.Queue()
        self.resumed = asyncio.Event()
        self.failures: list[BaseException] = []

        @self.tree.error
        async def on_error(interaction, error):
            self.failures.append(getattr(error, "original", error))

    async def setup_hook(self) -> None:
        self.add_dynamic_items(JobButton)
        await self.tree.sync()

    async def on_raw_reaction_add(self, event) -> None:
        await self.reactions.put(event)

    async def on_message(self, message) -> None:
        if message.author != self.user:
            await self.said.put(message)

    async def on_resumed(self) -> None:
        self.resumed.set()


@pytest.fixture
async def start_bot(point_discord):
    """Log a bot in: `await start_bot(server, bot)`; it is logged out after the test.

    With `task` what is returned is not the bot but the task in which it runs.
    """
    running = []

    async def start(server, bot=None, *, task=False):
        wants_task = task
        point_discord(server)
        bot = bot or Bot()
        task = asyncio.create_task(bot.start(server.token))
        running.append((bot, task))
        ready = asyncio.create_task(_ready(bot))
        await asyncio.wait({task, ready}, timeout=20, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            ready.cancel()
            task.result()
        return task if wants_task else bot

    yield start
    for bot, task in running:
        await bot.close()
        await asyncio.gather(task, return_exceptions=True)
    for bot, _ in running:
        assert bot.failures == []


async def _ready(bot) -> None:
    while bot._ready is discord.utils.MISSING:  # set by login, before anything is received
        await asyncio.sleep(0.01)
    await bot.wait_until_ready()


@pytest.fixture
def new_bot():
    """Make a bot that is not logged in yet."""
    return Bot


@pytest.fixture
def picture():
    """The bytes of a small PNG."""
    return png()


@pytest.fixture
def job_buttons():
    """Make a row of four buttons for a job."""
    return buttons
