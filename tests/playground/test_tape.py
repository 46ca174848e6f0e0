"""What the page can show of the wire."""

import json

import aiohttp
import discord
import pytest


@pytest.fixture
def read(loopback):
    """Read the tape: the raw text and its entries."""

    async def get(after=0):
        url = f"{loopback.url}/page/wire?after={after}"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            assert response.status == 200, await response.text()
            text = await response.text()
        return text, [json.loads(line) for line in text.splitlines()]

    return get


async def test_what_went_over_the_wire(loopback, start_bot, new_bot, make_painter, read, picture):
    """Requests with answer and time, events and frames are there, without any token."""
    bot = new_bot()

    @bot.tree.command(description="hi")
    async def hi(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("hi")
        file = discord.File(__file__, "a.txt")
        await interaction.followup.send("more", file=file)

    await start_bot(loopback, bot)
    painter = await make_painter()
    await painter.slash("hi")
    await painter.wait_for(lambda m: m["content"] == "more")
    text, entries = await read()
    heard = {entry["what"]: entry for entry in entries}
    assert {"HELLO", "IDENTIFY", "READY", "INTERACTION_CREATE", "GET /users/@me"} <= set(heard)
    posted = next(e for e in entries if e["what"].startswith("POST /webhooks/"))
    assert posted["what"].endswith("/…")
    assert posted["request"]["content"] == posted["response"]["content"] == "more"
    assert posted["status"] == 200
    assert posted["ms"] > 0
    assert posted["files"]["files[0]"].startswith("a.txt, ")
    assert set(heard["IDENTIFY"]["request"]) >= {"intents", "token"}
    for secret in (loopback.token, *(row["token"] for row in loopback.world.interactions.values())):
        assert secret not in text
    last = entries[-1]["n"]
    await painter.say("later")
    assert [e["what"] for e in (await read(last))[1]] == ["MESSAGE_CREATE"]


async def test_the_tape_is_bounded(loopback, start_bot, make_painter, read):
    """The oldest entries fall out, and what is too large to look at is left out."""
    await start_bot(loopback)
    for _ in range(600):
        loopback.tape.frame(1, None, to_bot=False)
    loopback.tape.frame(2, {"x": "y" * 30_000}, to_bot=False)
    text, entries = await read()
    assert len(entries) == 500
    assert len(text) < 100_000
    assert entries[-1]["request"].endswith("characters, left out")


async def test_a_fault_is_named(loopback, start_bot, read):
    """An exchange that a fault answered says so."""
    bot = await start_bot(loopback)
    loopback.faults.add("GET", "/users/@me", 50013)
    with pytest.raises(discord.Forbidden):
        await bot.http.request(discord.http.Route("GET", "/users/@me"))
    assert (await read())[1][-1]["response"] == {"fault": 50013}
