"""The app where the bot is not: in servers and groups of people who added it to themselves."""

import asyncio
import io

import discord
import pytest
from discord import app_commands

EVERYWHERE = {
    "allowed_installs": app_commands.AppInstallationType(guild=True, user=True),
    "allowed_contexts": app_commands.AppCommandContext(
        guild=True, dm_channel=True, private_channel=True
    ),
}


@pytest.fixture
def installed(new_bot, picture):
    """A bot with a command for everywhere and one for its own servers; `met`: interactions."""
    bot = new_bot()
    bot.tree.allowed_installs = EVERYWHERE["allowed_installs"]
    bot.tree.allowed_contexts = EVERYWHERE["allowed_contexts"]
    bot.met = asyncio.Queue()

    @bot.tree.command(description="everywhere")
    async def paint(interaction: discord.Interaction) -> None:
        bot.met.put_nowait(interaction)
        button = discord.ui.Button(label="U1", custom_id="u1")
        view = discord.ui.View(timeout=None).add_item(button)
        await interaction.response.defer()
        file = discord.File(io.BytesIO(picture), "a.png")
        await interaction.edit_original_response(content="here", attachments=[file], view=view)

    @bot.tree.command(description="at home")
    @app_commands.allowed_installs(guilds=True, users=False)
    async def home(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("home")

    async def on_interaction(interaction: discord.Interaction) -> None:
        if interaction.type is discord.InteractionType.component:
            bot.met.put_nowait(interaction)
            await interaction.response.send_message("pressed", ephemeral=True)

    bot.on_interaction = on_interaction
    return bot


@pytest.fixture
def elsewhere(loopback):
    """A server of the admin's which the bot has not joined, with a channel."""
    guild = loopback.world.add_guild("Elsewhere", bot=False)
    return loopback.world.add_channel(guild["id"], "attic")


async def test_a_server_without_the_bot(loopback, start_bot, installed, elsewhere, make_painter):
    """One's own install brings its commands; the bot answers by token only, and sees nothing."""
    bot = await start_bot(loopback, installed)
    admin = await make_painter("admin")
    admin.channel_id = elsewhere["id"]
    with pytest.raises(admin.RefusedError, match="There is no command /paint"):
        await admin.slash("paint")
    loopback.world.installers.add(admin.id)
    with pytest.raises(admin.RefusedError, match="There is no command /home"):
        await admin.slash("home")
    await admin.slash("paint")
    met = await bot.met.get()
    assert (met.is_user_integration(), met.is_guild_integration()) == (True, False)
    assert met.context.guild
    assert met.app_permissions.attach_files
    assert not met.app_permissions.send_messages
    message = await admin.wait_for(lambda m: m["attachments"])
    await admin.click(message, "U1")
    pressed = await bot.met.get()
    assert pressed.is_user_integration()
    assert [guild.name for guild in bot.guilds] == ["Playground"]
    channel = bot.get_partial_messageable(int(elsewhere["id"]))
    for attempt in (channel.send("no"), channel.fetch_message(int(message["id"]))):
        with pytest.raises(discord.Forbidden) as caught:
            await attempt
        assert caught.value.code == 50001
    told = [data for name, data in loopback.gateway.sent if name == "MESSAGE_CREATE"]
    assert elsewhere["id"] not in {data["channel_id"] for data in told}


async def test_five_follow_ups(loopback, start_bot, installed, elsewhere, make_painter):
    """Where the bot is not, a sixth follow-up of an interaction is refused with 40094."""
    bot = await start_bot(loopback, installed)
    admin = await make_painter("admin")
    loopback.world.installers.add(admin.id)
    for place, refused in ((admin.channel_id, False), (elsewhere["id"], True)):
        admin.channel_id = place
        await admin.slash("paint")
        met = await bot.met.get()
        await admin.wait_for(lambda m: m["attachments"])
        for number in range(5):
            await met.followup.send(f"more {number}")
        if refused:
            with pytest.raises(discord.HTTPException) as caught:
                await met.followup.send("one too many")
            assert caught.value.code == 40094
        else:
            await met.followup.send("and one more")


async def test_a_group(loopback, start_bot, installed, make_painter):
    """Friends without the bot use an install of one of them; its buttons serve them all."""
    bot = await start_bot(loopback, installed)
    painter, friend = await make_painter(), await make_painter("stranger")
    group = loopback.world.open_group("painter", "stranger")
    loopback.world.installers.add(painter.id)
    painter.channel_id = friend.channel_id = group["id"]
    with pytest.raises(painter.RefusedError, match="There is no command /home"):
        await painter.slash("home")
    with pytest.raises(friend.RefusedError, match="There is no command /paint"):
        await friend.slash("paint")
    await painter.slash("paint")
    met = await bot.met.get()
    assert met.context.private_channel
    assert {user.name for user in met.channel.recipients} == {"painter", "stranger"}
    message = await friend.wait_for(lambda m: m["attachments"])
    await friend.click(message, "U1")
    pressed = await bot.met.get()
    assert pressed.user.name == "stranger"
    told = [data for name, data in loopback.gateway.sent if name == "INTERACTION_CREATE"]
    assert told[-1]["authorizing_integration_owners"] == {"1": painter.id}
    names = {c["id"]: (c["type"], c["name"]) for c in (await friend.state())["channels"]}
    assert names[group["id"]] == ("group", "painter")
    moderator = await make_painter("moderator")
    assert group["id"] not in {c["id"] for c in (await moderator.state())["channels"]}
