"""Faults on demand, as unmodified discord.py meets them."""

import asyncio
import io
import time

import aiohttp
import discord
import pytest

PAINTING = 1100000000000000201
POST = ("POST", r"/channels/\d+/messages")


@pytest.fixture
async def channel(loopback, start_bot):
    """The painting channel, as the bot sees it."""
    return (await start_bot(loopback)).get_channel(PAINTING)


async def contents(channel):
    """What stands in the channel, oldest first."""
    return [m.content async for m in channel.history(oldest_first=True)]


@pytest.mark.parametrize("after", [False, True])
async def test_server_error_is_retried(loopback, channel, after):
    """discord.py sends again after a 502; the nonce that it enforces keeps that from doubling."""
    loopback.faults.add(*POST, 502, after=after)
    await channel.send("once")
    assert await contents(channel) == ["once"]
    assert loopback.faults.met == 1


async def test_follow_up_can_double(loopback, start_bot, new_bot, make_painter):
    """A follow-up has no nonce: when its answer is lost, discord.py posts it twice."""
    bot = new_bot()

    @bot.tree.command(description="hi")
    async def hi(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("hi")
        await interaction.followup.send("more")
        await interaction.followup.send("end")

    await start_bot(loopback, bot)
    loopback.faults.add("POST", r"/webhooks/\d+/[^/]+", 503, after=True)
    painter = await make_painter()
    await painter.slash("hi")
    await painter.wait_for(lambda m: m["content"] == "end")
    assert [m["content"] for m in await painter.messages()] == ["hi", "more", "more", "end"]


@pytest.mark.parametrize("what", ["rate limited", "rate limited globally"])
async def test_rate_limit_is_waited_out(loopback, channel, what):
    """A 429 is waited out, and the message then posted once."""
    loopback.faults.add(*POST, what)
    await channel.send("once")
    assert await contents(channel) == ["once"]


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ("cloudflare", discord.HTTPException),
        (50013, discord.Forbidden),
        (10008, discord.NotFound),
        (40005, discord.HTTPException),
        ("reset", aiohttp.ClientError),
    ],
)
async def test_errors_reach_the_bot(loopback, channel, what, error):
    """Discord's refusals, Cloudflare's page and a cut connection are raised."""
    loopback.faults.add(*POST, what)
    with pytest.raises(error) as caught:
        await channel.send("never")
    if isinstance(what, int):
        assert caught.value.code == what
    assert await contents(channel) == []


@pytest.mark.parametrize(
    ("path", "what"),
    [(r"/interactions/\d+/.+/callback", 10062), (r"/webhooks/\d+/.+", 50027)],
    ids=["too late", "token over"],
)
async def test_interactions_can_fail(loopback, start_bot, new_bot, make_painter, path, what):
    """An interaction that Discord forgot, and a token that it no longer takes, are raised."""
    bot = new_bot()
    codes: asyncio.Queue = asyncio.Queue()

    @bot.tree.command(description="hi")
    async def hi(interaction: discord.Interaction) -> None:
        try:
            await interaction.response.send_message("hi")
            await interaction.followup.send("more")
        except discord.HTTPException as error:
            codes.put_nowait(error.code)

    await start_bot(loopback, bot)
    loopback.faults.add("POST", path, what)
    pressed = asyncio.create_task((await make_painter()).slash("hi"))
    assert await asyncio.wait_for(codes.get(), 60) == what
    loopback.clock.advance(3)
    assert (await pressed)["outcome"] == ("failed" if what == 10062 else "acknowledged")


async def test_stall(loopback, channel):
    """A request that is never answered waits until its sender gives up."""
    loopback.faults.add(*POST, "stall")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(channel.send("never"), 0.3)


async def test_files_can_fail(loopback, channel):
    """A file that cannot be had at once is had at the next attempt."""
    message = await channel.send(file=discord.File(io.BytesIO(b"bytes"), "a.bin"))
    loopback.faults.add("GET", r"/attachments/.*", 504)
    with pytest.raises(discord.HTTPException):
        await message.attachments[0].read()
    assert await message.attachments[0].read() == b"bytes"


async def test_files_can_be_slow(loopback, channel):
    """A slow file comes whole, in its own time."""
    message = await channel.send(file=discord.File(io.BytesIO(b"bytes"), "a.bin"))
    loopback.faults.add("GET", r"/attachments/.*", "slow", wait_s=0.3)
    began = time.monotonic()
    assert await message.attachments[0].read() == b"bytes"
    assert time.monotonic() - began >= 0.3


async def test_event_delivered_twice(loopback, start_bot, new_bot, make_painter):
    """The same interaction can reach the bot twice, as after a replay."""
    bot, seen = new_bot(), []

    @bot.tree.command(description="hi")
    async def hi(interaction: discord.Interaction) -> None:
        seen.append(interaction.id)
        if len(seen) == 1:
            await interaction.response.send_message("hi")

    await start_bot(loopback, bot)
    loopback.gateway.deliver_twice = True
    painter = await make_painter()
    await painter.slash("hi")
    async with asyncio.timeout(60):
        while len(seen) < 2:
            await asyncio.sleep(0.01)
    assert seen[0] == seen[1]
