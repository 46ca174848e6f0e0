"""The clocks of an interaction: three seconds to acknowledge, fifteen minutes of token."""

import asyncio

import discord


async def test_three_seconds(loopback, start_bot, new_bot, make_painter):
    """An acknowledgement after three seconds is 10062, and the person is told of the failure."""
    bot, codes = new_bot(), []

    @bot.tree.command(description="late")
    async def late(interaction: discord.Interaction) -> None:
        loopback.clock.advance(3.1)
        try:
            await interaction.response.defer()
        except discord.NotFound as error:
            codes.append(error.code)

    await start_bot(loopback, bot)
    painter = await make_painter()
    answer = await painter.slash("late")
    assert answer["outcome"] == "failed"
    assert answer["reason"] == "The application did not respond"
    await until(lambda: codes)
    assert codes == [10062]


async def test_twice(loopback, start_bot, new_bot, make_painter):
    """A second acknowledgement is 40060; the first one stands."""
    bot, codes = new_bot(), []

    @bot.tree.command(description="twice")
    async def twice(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("first")
        interaction.response._response_type = None  # discord.py itself would not send it
        try:
            await interaction.response.send_message("second")
        except discord.HTTPException as error:
            codes.append((error.status, error.code))

    await start_bot(loopback, bot)
    painter = await make_painter()
    await painter.slash("twice")
    await until(lambda: codes)
    assert codes == [(400, 40060)]
    assert [m["content"] for m in await painter.messages()] == ["first"]


async def test_token_ends(loopback, start_bot, new_bot, make_painter):
    """After fifteen minutes the token is dead (50027); the bot's own still edits the message."""
    bot, codes = new_bot(), []

    @bot.tree.command(description="long")
    async def long(interaction: discord.Interaction) -> None:
        await interaction.response.defer()
        said = await interaction.original_response()
        loopback.clock.advance(901)
        for attempt in (interaction.edit_original_response, interaction.followup.send):
            try:
                await attempt(content="too late")
            except discord.HTTPException as error:
                codes.append((error.status, error.code))
        channel = bot.get_partial_messageable(said.channel.id)
        await channel.get_partial_message(said.id).edit(content="by the bot's token")

    await start_bot(loopback, bot)
    painter = await make_painter()
    await painter.slash("long")
    message = await painter.wait_for(lambda m: m["content"] == "by the bot's token")
    assert codes == [(401, 50027), (401, 50027)]
    assert not message["flags"] & 128


async def test_follow_up_takes_the_place_of_thinking(loopback, start_bot, new_bot, make_painter):
    """The first follow-up after a deferral fills the message that said "thinking"."""
    bot = new_bot()

    @bot.tree.command(description="think")
    async def think(interaction: discord.Interaction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        await interaction.followup.send("one")
        await interaction.followup.send("two", ephemeral=True)
        await interaction.delete_original_response()

    await start_bot(loopback, bot)
    painter = await make_painter()
    await painter.slash("think")
    two = await painter.wait_for(lambda m: m["content"] == "two")
    assert two["ephemeral_to"] == painter.id
    await painter.wait_for_event("MESSAGE_DELETE")
    assert [m["content"] for m in await painter.messages()] == ["two"]
    created = [e["d"] for e in painter.events if e["t"] == "MESSAGE_CREATE"]
    assert [m["flags"] & 128 for m in created] == [128, 0]


async def test_public_answer_to_a_whisper(loopback, start_bot, new_bot, make_painter):
    """A public follow-up to an ephemeral answer shows nobody else what was whispered."""
    bot = new_bot()

    @bot.tree.command(description="mixed")
    async def mixed(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("psst", ephemeral=True)
        await interaction.followup.send("  aloud \n")

    await start_bot(loopback, bot)
    painter, other = await make_painter(), await make_painter("painter2")
    await painter.slash("mixed")
    mine = await painter.wait_for(lambda m: m["content"] == "aloud")
    theirs = await other.wait_for(lambda m: m["content"] == "aloud")
    assert mine["referenced_message"]["content"] == "psst"
    assert theirs["referenced_message"] is None
    assert "psst" not in str(other.events)


async def test_wrong_kind_of_answer(loopback, start_bot, new_bot, make_painter):
    """A slash command cannot be answered by changing a message that is not there (50035)."""
    bot, codes = new_bot(), []

    @bot.tree.command(description="odd")
    async def odd(interaction: discord.Interaction) -> None:
        adapter = discord.webhook.async_.async_context.get()
        try:
            await adapter.create_interaction_response(
                interaction.id, interaction.token, session=interaction._session,
                params=discord.webhook.async_.interaction_message_response_params(type=7),
            )  # fmt: skip
        except discord.HTTPException as error:
            codes.append(error.code)
        await interaction.response.send_message("even")

    await start_bot(loopback, bot)
    painter = await make_painter()
    assert (await painter.slash("odd"))["outcome"] == "acknowledged"
    assert codes == [50035]


async def test_nobody_there(loopback, make_painter):
    """Without a bot a command that it registered before fails after three seconds."""
    loopback.commands.put("global", [{"name": "hello", "description": "say hello"}])
    painter = await make_painter()
    pressed = asyncio.create_task(painter.slash("hello"))
    await until(lambda: loopback.world.interactions)
    await asyncio.sleep(0.05)
    loopback.clock.advance(3)
    assert (await pressed)["outcome"] == "failed"


async def until(true, timeout_s=60.0):
    """Wait until something holds."""
    async with asyncio.timeout(timeout_s):
        while not true():
            await asyncio.sleep(0.01)
