"""Servers, channels and threads beyond the one that is there from the start."""

import asyncio

import discord
import pytest

PAINTING = 1100000000000000201


async def test_threads(loopback, start_bot, new_bot, make_painter):
    """The bot opens a thread, people write and use commands in it, and none wakes it unasked."""
    bot, places = new_bot(), []

    @bot.tree.command(description="where")
    async def where(interaction: discord.Interaction) -> None:
        places.append(interaction.channel)
        await interaction.response.send_message("in a thread")
        places.append(await interaction.channel.send("and again"))

    await start_bot(loopback, bot)
    painter = await make_painter()
    channel = bot.get_channel(PAINTING)
    thread = await channel.create_thread(name="foxes", type=discord.ChannelType.public_thread)
    hanging = await (await channel.send("hang here")).create_thread(name="hanging")
    assert hanging.parent_id == PAINTING
    with pytest.raises(discord.HTTPException) as caught:
        await channel.get_partial_message(hanging.id).create_thread(name="twice")
    assert caught.value.code == 160004
    told = await painter.wait_for_event("CHANNEL_CREATE", lambda c: c["name"] == "foxes")
    assert told["type"] == "thread"
    await painter.enter("foxes")
    await painter.slash("where")
    await painter.wait_for(lambda m: m["content"] == "and again")
    assert places[0].id == thread.id
    assert places[0].parent.name == "painting"
    overwrite = {"id": painter.id, "type": 1, "allow": "0", "deny": str(1 << 38)}
    loopback.world.change_channel(str(PAINTING), permission_overwrites=[overwrite])
    with pytest.raises(painter.RefusedError):
        await painter.say("not here")


async def test_archived_threads(loopback, start_bot, make_painter):
    """An archived thread takes no edit nor reaction (50083); writing wakes it, if not locked."""
    bot = await start_bot(loopback)
    channel = bot.get_channel(PAINTING)
    thread = await channel.create_thread(name="foxes", type=discord.ChannelType.public_thread)
    said = await thread.send("one")
    painter = await make_painter()
    for state, wakes in ({"archived": True}, True), ({"archived": True, "locked": True}, False):
        loopback.world.change_channel(str(thread.id), **state)
        await until(lambda: bot.get_channel(PAINTING).get_thread(thread.id) is None)
        for attempt in (
            said.edit(content="no"),
            said.add_reaction("✉️"),
            said.remove_reaction("✉️", bot.user),
        ):
            assert await code_of(attempt) == 50083
        assert await code_of(thread.send("two")) == (None if wakes else 50083)
        assert await code_of(said.edit(content="now?")) == (None if wakes else 50083)
    loopback.world.remove_channel(str(thread.id))
    assert await code_of(thread.send("three")) == 10003
    await painter.wait_for_event("PLACES")
    assert "foxes" not in [c["name"] for c in (await painter.state())["channels"]]


async def code_of(attempt):
    """Discord's code for what is attempted, None if it went well."""
    try:
        await attempt
    except discord.HTTPException as error:
        return error.code
    return None


async def until(true, timeout_s=60.0):
    """Wait until something holds."""
    async with asyncio.timeout(timeout_s):
        while not true():
            await asyncio.sleep(0.01)


async def test_changes_are_told_and_kept(make_loopback, start_bot, make_painter, tmp_path):
    """Overwrites, roles and members that change reach the bot, and are so after a restart."""
    loopback = await make_loopback(tmp_path / "kept")
    bot = await start_bot(loopback)
    guild, painter = bot.guilds[0], await make_painter("painter", loopback)
    hide = {"id": str(guild.id), "type": 0, "allow": "0", "deny": str(1 << 11)}
    loopback.world.change_channel(str(PAINTING), permission_overwrites=[hide], nsfw=True)
    easel = guild.me.roles[-1]
    loopback.world.change_role(str(guild.id), str(easel.id), 1 << 10)
    moderators = next(role for role in guild.roles if role.name == "moderators")
    loopback.world.change_member(str(guild.id), painter.id, [str(moderators.id)])
    loopback.world.change_member(str(guild.id), str(bot.user.id), [])
    await until(lambda: guild.me.roles == [guild.default_role])
    channel = guild.get_channel(PAINTING)
    assert channel.is_nsfw()
    assert not channel.permissions_for(guild.me).send_messages
    assert guild.get_role(easel.id).permissions.value == 1 << 10
    await bot.close()
    await loopback.close()
    again = await make_loopback(tmp_path / "kept")
    world = again.world
    assert world.guilds[str(guild.id)]["members"][painter.id]["roles"] == [str(moderators.id)]
    assert world.allowed(world.channels[str(PAINTING)], painter.id) & 1 << 13
    assert world.channels[str(PAINTING)]["nsfw"]
    assert not world.allowed(world.channels[str(PAINTING)], str(bot.user.id)) & 1 << 11


async def test_another_server(make_loopback, start_bot, make_painter, tmp_path):
    """A second server has its own channels, members and commands, and is there after a restart."""
    loopback = await make_loopback(tmp_path / "kept")
    bot = await start_bot(loopback)
    home = loopback.world.guilds[next(iter(loopback.world.guilds))]
    other = loopback.world.add_guild("Elsewhere")
    room = loopback.world.add_channel(other["id"], "attic", nsfw=True)
    async with asyncio.timeout(60):
        while bot.get_channel(int(room["id"])) is None:
            await asyncio.sleep(0.01)
    assert bot.get_channel(int(room["id"])).is_nsfw()
    route = f"/applications/{bot.user.id}/guilds/{other['id']}/commands"
    adult = {"name": "adult", "description": "for adults", "nsfw": True}
    await bot.http.request(discord.http.Route("PUT", route), json=[adult])
    await bot.get_channel(int(room["id"])).send("hello")
    await bot.close()
    await loopback.close()
    again = await make_loopback(tmp_path / "kept")
    admin = await make_painter("admin", server=again)
    painter = await make_painter(server=again)
    state = await admin.call("GET", "/page/state", guild=other["id"])
    assert [c["name"] for c in state["channels"]] == ["attic"]
    assert [g["name"] for g in state["guilds"]] == [home["name"], "Elsewhere"]
    assert "attic" not in [c["name"] for c in (await painter.state())["channels"]]
    admin.channel_id = room["id"]
    assert [m["content"] for m in await admin.messages()] == ["hello"]
    again.clock.advance(10)
    plain = again.world.add_channel(other["id"], "cellar")
    admin.channel_id = plain["id"]
    with pytest.raises(admin.RefusedError, match="age-restricted"):
        await admin.slash("adult")
    await admin.enter("painting")
    with pytest.raises(admin.RefusedError, match="There is no command /adult"):
        await admin.slash("adult")


async def test_locale(loopback, start_bot, new_bot, make_painter):
    """The bot learns in which language a person reads."""
    bot, locales = new_bot(), []

    @bot.tree.command(description="hi")
    async def hi(interaction: discord.Interaction) -> None:
        locales.append((interaction.locale, interaction.guild_locale))
        await interaction.response.send_message("hi")

    await start_bot(loopback, bot)
    painter = await make_painter()
    body = {"type": 2, "channel_id": painter.channel_id, "command": "hi", "locale": "zh-CN"}
    await painter.call("POST", "/page/interactions", body)
    assert locales == [(discord.Locale.chinese, discord.Locale.american_english)]
