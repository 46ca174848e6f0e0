"""Slash commands from a person's client to unmodified discord.py and back."""

import io
import re

import discord
import pytest


async def test_path_of_a_grid(loopback, start_bot, new_bot, make_painter, picture, job_buttons):
    """A command is deferred, edited with a file and buttons, and followed up with another file."""
    bot = new_bot()

    @bot.tree.command(description="paint")
    async def imagine(interaction: discord.Interaction, prompt: str) -> None:
        await interaction.response.defer()
        await interaction.edit_original_response(
            content=f"**{prompt}**",
            attachments=[discord.File(io.BytesIO(picture), "grid.png", description=prompt)],
            view=job_buttons(),
        )
        await interaction.followup.send("one", file=discord.File(io.BytesIO(picture), "one.png"))

    await start_bot(loopback, bot)
    painter = await make_painter()
    answer = await painter.slash("imagine", prompt="a red fox")
    assert answer["outcome"] == "acknowledged"
    grid = await painter.wait_for(lambda m: m["content"] == "**a red fox**")
    assert grid["attachments"][0]["description"] == "a red fox"
    assert grid["attachments"][0]["width"] == 8
    assert await painter.download(grid["attachments"][0]) == picture
    one = await painter.wait_for(lambda m: m["content"] == "one")
    assert [a["filename"] for a in one["attachments"]] == ["one.png"]

    await painter.click(grid, "U2")
    await painter.wait_for(lambda m: m["content"] == "pressed 1 of 7")
    await painter.react(grid, "❌")
    event = await bot.reactions.get()
    assert (event.emoji.name, event.message_id) == ("❌", int(grid["id"]))


async def test_answer_at_once_and_ephemerally(loopback, start_bot, new_bot, make_painter):
    """Type 4: only who asked sees an ephemeral answer; the bot's own token does not reach it."""
    bot, found = new_bot(), []

    @bot.tree.command(description="whisper")
    async def whisper(interaction: discord.Interaction) -> None:
        said = await interaction.response.send_message("psst", ephemeral=True)
        assert (await interaction.original_response()).content == "psst"
        channel = bot.get_partial_messageable(interaction.channel_id)
        try:
            await channel.fetch_message(said.message_id)
        except discord.NotFound as error:
            found.append(error.code)

    await start_bot(loopback, bot)
    painter, other = await make_painter(), await make_painter("painter2")
    await painter.slash("whisper")
    message = await painter.wait_for(lambda m: m["content"] == "psst")
    assert message["ephemeral_to"] == painter.id
    assert message["flags"] & 64
    assert message["type"] == 20
    assert await other.messages() == []
    await painter.slash("whisper")
    await painter.delete(message)
    assert message["id"] not in [m["id"] for m in await painter.messages()]
    assert found[0] == 10008


async def test_buttons_defer_and_update(loopback, start_bot, new_bot, make_painter):
    """Types 6 and 7: a press is acknowledged without a message, or changes the message itself.

    A menu tells what was chosen, and only what it offers can be.
    """
    bot = new_bot()

    class Pair(discord.ui.View):
        @discord.ui.button(label="Silent")
        async def silent(self, interaction, _) -> None:
            await interaction.response.defer()
            await interaction.followup.send("later")

        @discord.ui.select(options=[discord.SelectOption(label=n) for n in ("one", "two")])
        async def pick(self, interaction, select) -> None:
            await interaction.response.send_message(f"picked {select.values}")

        @discord.ui.button(label="Dead", disabled=True)
        async def dead(self, *_) -> None:
            raise AssertionError("pressed")

        @discord.ui.button(label="Change")
        async def change(self, interaction, _) -> None:
            await interaction.response.edit_message(content="changed", view=None)

    @bot.tree.command(description="pair")
    async def pair(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("pair", view=Pair())

    await start_bot(loopback, bot)
    painter = await make_painter()
    await painter.slash("pair")
    message = await painter.wait_for(lambda m: m["content"] == "pair")
    assert (await painter.click(message, "Silent"))["outcome"] == "acknowledged"
    later = await painter.wait_for(lambda m: m["content"] == "later")
    assert later["message_reference"]["message_id"] == message["id"]
    menu = message["components"][1]["components"][0]["custom_id"]
    await painter.press(message, menu, ["two"])
    await painter.wait_for(lambda m: m["content"] == "picked ['two']")
    await refused(painter, painter.press(message, menu, ["three"]), "none of the choices")
    await refused(painter, painter.press(message, menu, []), "Choose 1 to 1")
    await refused(painter, painter.click(message, "Dead"), "nothing to press")
    await painter.click(message, "Change")
    changed = await painter.wait_for(lambda m: m["content"] == "changed")
    assert changed["id"] == message["id"]
    assert changed["components"] == []


async def test_choices_and_windows(loopback, start_bot, new_bot, make_painter):
    """Types 8 and 9: the bot proposes choices, opens a window, and gets what was put in."""
    bot = new_bot()

    class Window(discord.ui.Modal, title="Remix"):
        words = discord.ui.TextInput(label="Prompt", default="cat", min_length=2)

        async def on_submit(self, interaction) -> None:
            await interaction.response.send_message(f"remix: {self.words.value}")

    @bot.tree.command(description="remix")
    async def remix(interaction: discord.Interaction, style: str) -> None:
        await interaction.response.send_modal(Window())

    @remix.autocomplete("style")
    async def styles(interaction, current: str):
        names = [n for n in ("scenic", "raw") if n.startswith(current)]
        return [discord.app_commands.Choice(name=n, value=n) for n in names]

    await start_bot(loopback, bot)
    painter = await make_painter()
    choices = await painter.complete("remix", "style", style="sc")
    assert choices == [{"name": "scenic", "value": "scenic"}]
    window = await painter.slash("remix", style="raw")
    assert window["outcome"] == "modal"
    assert window["modal"]["title"] == "Remix"
    await painter.submit(
        window, **{window["modal"]["components"][0]["components"][0]["custom_id"]: "blue cat"}
    )
    await painter.wait_for(lambda m: m["content"] == "remix: blue cat")


async def test_options_of_every_kind(loopback, start_bot, new_bot, make_painter, picture):
    """Texts, numbers, people, roles, channels and files arrive as discord.py's objects."""
    bot, got = new_bot(), {}
    group = discord.app_commands.Group(name="easel", description="admin")
    inner = discord.app_commands.Group(name="config", description="settings", parent=group)

    @inner.command(name="set", description="set")
    async def set_(
        interaction: discord.Interaction, who: discord.Member, role: discord.Role,
        where: discord.TextChannel, picture: discord.Attachment, size: int, ratio: float, on: bool,
    ) -> None:  # fmt: skip
        got.update(vars(interaction.namespace), bytes=await picture.read())
        await interaction.response.send_message("set")

    bot.tree.add_command(group)
    await start_bot(loopback, bot)
    admin = await make_painter("admin")
    state = await admin.state()
    painters = next(r for r in state["guild"]["roles"] if r["name"] == "painters")
    await admin.slash(
        "easel config set", who=state["users"][0]["id"], role=painters["id"],
        where=admin.channel_id, picture=picture, size=512, ratio=1.5, on=True,
    )  # fmt: skip
    await admin.wait_for(lambda m: m["content"] == "set")
    assert got["who"].name == "painter"
    assert got["role"].name == "painters"
    assert got["where"].resolve().name == "painting"
    assert (got["size"], got["ratio"], got["on"]) == (512, 1.5, True)
    assert got["bytes"] == picture


async def test_message_menu(loopback, start_bot, new_bot, make_painter):
    """A command of a message's menu gets the whole message, though its text is not the bot's."""
    bot, got = new_bot(), []

    @bot.tree.context_menu(name="Describe it")
    async def describe(interaction: discord.Interaction, message: discord.Message) -> None:
        got.append(message.id)
        await interaction.response.send_message("described", ephemeral=True)

    await start_bot(loopback, bot)
    painter = await make_painter()
    message = await painter.say("look at this")
    answer = await painter.menu(message, "Describe it")
    assert answer["outcome"] == "acknowledged"
    assert got == [int(message["id"])]


async def test_direct_messages(loopback, start_bot, new_bot, make_painter, picture):
    """A command in the direct channel has a user, no member; the bot can write there."""
    bot, contexts = new_bot(), []

    @bot.tree.command(description="where")
    async def where(interaction: discord.Interaction) -> None:
        contexts.append(
            (interaction.guild_id, interaction.context.dm_channel, interaction.user.name)
        )
        await interaction.response.send_message("here")
        await interaction.user.send("by DM", file=discord.File(io.BytesIO(picture), "p.png"))

    await start_bot(loopback, bot)
    painter = await make_painter()
    await painter.slash("where")
    channel = await painter.wait_for_event("CHANNEL_CREATE")
    message = await painter.wait_for(lambda m: m["content"] == "by DM", channel_id=channel["id"])
    await painter.react(message, "✉️")
    assert (await bot.reactions.get()).guild_id is None
    await painter.enter("dm")
    await painter.slash("where")
    assert contexts[1] == (None, True, "painter")
    stranger = await make_painter("stranger")
    assert channel["id"] not in [c["id"] for c in (await stranger.state())["channels"]]


async def test_what_a_client_would_not_send(loopback, start_bot, new_bot, make_painter):
    """Unknown commands, wrong options, missing permissions and absent buttons are sentences."""
    bot = new_bot()

    @bot.tree.command(description="admin only")
    @discord.app_commands.default_permissions(manage_guild=True)
    @discord.app_commands.guild_only()
    async def rule(interaction, size: discord.app_commands.Range[int, 1, 9]) -> None:
        await interaction.response.send_message("ruled")

    await start_bot(loopback, bot)
    painter, admin = await make_painter(), await make_painter("admin")
    await refused(painter, painter.slash("nothing"), "There is no command /nothing.")
    await refused(painter, painter.slash("rule", size=1), "You may not use /rule here.")
    await refused(admin, admin.slash("rule"), "The option size is required.")
    await refused(admin, admin.slash("rule", size="big"), "wants a int")
    await refused(admin, admin.slash("rule", size=10), "must be within 1 and 9")
    assert (await admin.slash("rule", size=9))["outcome"] == "acknowledged"
    message = await admin.wait_for(lambda m: m["content"] == "ruled")
    await refused(admin, admin.press(message, "u:1:1"), "nothing to press")
    await admin.enter("dm")
    await refused(admin, admin.slash("rule", size=9), "cannot be used in direct messages")


async def refused(person, call, sentence):
    """The playground refuses with this sentence."""
    with pytest.raises(person.RefusedError, match=re.escape(sentence)):
        await call
