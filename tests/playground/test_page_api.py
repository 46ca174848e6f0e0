"""The page's API: what a person's client sees and does."""

import io

import aiohttp
import discord
import pytest


async def test_state(loopback, start_bot, make_painter):
    """A client learns who it is, what it may do, who is here, the channels and the commands."""
    bot = await start_bot(loopback)
    admin, stranger = await make_painter("admin"), await make_painter("stranger")
    await bot.change_presence(activity=discord.CustomActivity("loading sdxl-turbo"))
    await admin.wait_for_event("BOT", lambda d: d["status"] == "loading sdxl-turbo")
    state, other = await admin.state(), await stranger.state()
    assert state["me"]["username"] == "admin"
    assert [c["name"] for c in state["channels"]] == ["painting", "general"]
    assert len(state["users"]) == 5
    assert len(state["members"]) == 6
    assert state["guild"]["owner_id"] == admin.id
    assert state["bot"]["online"]
    room = state["channels"][0]["id"]
    manage_guild, manage_messages = 1 << 5, 1 << 13
    assert int(state["permissions"][room]) & manage_guild
    assert not int(other["permissions"][room]) & (manage_guild | manage_messages)
    await bot.close()
    await admin.wait_for_event("BOT", lambda d: not d["online"])


async def test_unknown_person(loopback, make_painter):
    """A name that nobody has is a sentence."""
    with pytest.raises(Exception, match="No user 'nobody'; there are painter, painter2"):
        await make_painter("nobody")


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "There is no interaction of type None."),
        ({"type": 2, "channel_id": "1"}, "An interaction of type 2 wants command."),
        ({"type": 3}, "An interaction of type 3 wants message_id, custom_id."),
    ],
)
async def test_half_a_gesture(loopback, make_painter, body, sentence):
    """A gesture that lacks something is refused with the names of what is missing."""
    painter = await make_painter()
    with pytest.raises(painter.RefusedError, match=sentence):
        await painter.call("POST", "/page/interactions", body)


async def test_events(loopback, start_bot, new_bot, make_painter):
    """Messages, edits, reactions, interactions and deletions are told to who may see them."""
    bot = new_bot()

    @bot.tree.command(description="hi")
    async def hi(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("hi")
        await interaction.edit_original_response(content="ho")

    await start_bot(loopback, bot)
    painter, other = await make_painter(), await make_painter("painter2")
    answer = await painter.slash("hi")
    message = await other.wait_for_event("MESSAGE_UPDATE", lambda m: m["content"] == "ho")
    assert message["interaction"]["name"] == "hi"
    assert message["interaction_metadata"]["user"]["username"] == "painter"
    told = await painter.wait_for_event("INTERACTION")
    assert told["interaction_id"] == answer["interaction_id"]
    await other.react(message, "❌")
    event = await painter.wait_for_event("REACTION_ADD")
    assert (event["user_id"], event["emoji"]["name"]) == (other.id, "❌")
    assert [(one["count"], one["me"]) for one in event["reactions"]] == [(1, False)]
    await other.unreact(message, "❌")
    assert (await painter.wait_for_event("REACTION_REMOVE"))["reactions"] == []
    assert "INTERACTION" not in [e["t"] for e in other.events]


async def test_who_may_delete(loopback, make_painter):
    """One's own messages anybody, others' only with Manage Messages."""
    painter, other, moderator = [
        await make_painter(name) for name in ("painter", "painter2", "moderator")
    ]
    first, second = await painter.say("one"), await painter.say("two")
    with pytest.raises(painter.RefusedError, match="You may not do that"):
        await other.delete(first)
    await moderator.delete(first)
    await painter.delete(second)
    assert await painter.messages() == []


async def test_pages_of_history(loopback, make_painter):
    """History comes newest last, in pages before a message."""
    painter = await make_painter()
    sent = [await painter.say(str(n)) for n in range(5)]
    path = f"/page/channels/{painter.channel_id}/messages"
    page = await painter.call("GET", path, limit="2", before=sent[4]["id"])
    assert [m["content"] for m in page] == ["2", "3"]
    await painter.enter("general")
    assert await painter.messages() == []


async def test_hidden_channel(loopback, make_painter):
    """A channel that is denied to a person is neither listed, nor read, nor told of."""
    row = next(c for c in loopback.world.channels.values() if c["name"] == "general")
    guild_id = row["guild_id"]
    hide = {"id": guild_id, "type": 0, "allow": "0", "deny": str(1 << 10)}
    show = {"id": loopback.world.user("painter")["id"], "type": 1, "deny": "0"}
    overwrites = [hide, {**show, "allow": str(1 << 10)}]
    loopback.world.change_channel(row["id"], permission_overwrites=overwrites)
    painter, stranger = await make_painter(), await make_painter("stranger")
    assert [c["name"] for c in (await stranger.state())["channels"]] == ["painting"]
    await painter.enter("general")
    await painter.say("secret")
    with pytest.raises(stranger.RefusedError, match="You may not do that"):
        await stranger.messages(painter.channel_id)
    await painter.enter("painting")
    await painter.say("public")
    await stranger.wait_for_event("MESSAGE_CREATE", lambda m: m["content"] == "public")
    assert "secret" not in [e["d"].get("content") for e in stranger.events]


async def test_selects_and_windows_of_every_kind(
    loopback, start_bot, new_bot, make_painter, picture
):  # fmt: skip
    """People, channels, files, radios and checkboxes reach the bot as discord.py's objects."""
    bot, got = new_bot(), {}

    class Window(discord.ui.Modal, title="All"):
        note = discord.ui.TextDisplay("Fill in")
        file = discord.ui.Label(text="File", component=discord.ui.FileUpload())
        way = discord.ui.Label(
            text="Way",
            component=discord.ui.RadioGroup(
                options=[discord.RadioGroupOption(label=n, value=n) for n in ("left", "right")]
            ),
        )
        sure = discord.ui.Label(text="Sure", component=discord.ui.Checkbox())
        who = discord.ui.Label(text="Who", component=discord.ui.UserSelect())

        async def on_submit(self, interaction: discord.Interaction) -> None:
            got["way"], got["sure"] = self.way.component.value, self.sure.component.value
            got["who"] = [u.name for u in self.who.component.values]
            got["file"] = await self.file.component.values[0].read()
            await interaction.response.edit_message(content="filled", view=None)

    class Choose(discord.ui.View):
        @discord.ui.select(cls=discord.ui.ChannelSelect)
        async def chosen(self, interaction, select) -> None:
            got["where"] = [c.name for c in select.values]
            await interaction.response.send_modal(Window())

    @bot.tree.command(description="ask")
    async def ask(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("ask", view=Choose())

    await start_bot(loopback, bot)
    painter = await make_painter()
    await painter.slash("ask")
    message = await painter.wait_for(lambda m: m["content"] == "ask")
    select = message["components"][0]["components"][0]
    window = await painter.press(message, select["custom_id"], [painter.channel_id])
    ids = [
        part["component"]["custom_id"]
        for part in window["modal"]["components"]
        if "component" in part
    ]
    values = dict(zip(ids, ([{"file": 0}], "right", True, [painter.id]), strict=True))
    body = {"type": 5, "interaction_id": window["interaction_id"], "values": values}
    answer = await painter.call("POST", "/page/interactions", body, files={"a.png": picture})
    assert answer["outcome"] == "acknowledged"
    assert got == {
        "where": ["painting"], "file": picture, "way": "right", "sure": True, "who": ["painter"],
    }  # fmt: skip
    with pytest.raises(painter.RefusedError, match="Choose 1 to 1"):
        await painter.call("POST", "/page/interactions", {**body, "values": {}})
    filled = await painter.wait_for(lambda m: m["content"] == "filled")
    assert filled["id"] == message["id"]


async def test_pictures_of_people(loopback, start_bot, make_painter, picture):
    """A picture that a person posts reaches the bot only where it may read it."""
    bot = await start_bot(loopback)
    painter = await make_painter()
    message = await painter.say("look", files={"a.png": picture})
    assert await painter.download(message["attachments"][0]) == picture
    assert (await bot.said.get()).attachments == []
    await painter.enter("dm")
    await painter.say("look", files={"a.png": picture})
    said = await bot.said.get()
    assert await said.attachments[0].read() == picture


async def test_largest_file_of_a_person(loopback, make_painter):
    """A file over 10 MiB is refused, said or given to a command."""
    loopback.commands.put(
        "global",
        [
            {
                "name": "look",
                "description": "look",
                "options": [{"type": 11, "name": "picture", "description": "a picture"}],
            }
        ],
    )
    painter = await make_painter()
    large = b"x" * (10 * 1024 * 1024 + 1)
    with pytest.raises(painter.RefusedError, match="Request entity too large"):
        await painter.say("look", files={"a.bin": large})
    with pytest.raises(painter.RefusedError, match="Request entity too large"):
        await painter.slash("look", picture=large)


async def test_files_of_people_are_never_scripts(loopback, make_painter):
    """A file that claims to be a page is served as bytes that no browser runs."""
    painter = await make_painter()
    url = f"{loopback.url}/page/channels/{painter.channel_id}/messages"
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("payload_json", "{}", content_type="application/json")
    form.add_field(
        "files[0]", io.BytesIO(b"<script>"), filename="../../x.html", content_type="text/html"
    )
    async with aiohttp.ClientSession() as session:
        async with session.post(url, data=form) as response:
            message = await response.json()
        (attachment,) = message["attachments"]
        assert attachment["filename"] == ".._.._x.html"
        async with session.get(attachment["url"]) as response:
            assert response.headers["Content-Type"] == "application/octet-stream"
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert await response.read() == b"<script>"
