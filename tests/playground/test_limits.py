"""What Discord refuses, met through unmodified discord.py."""

import io

import discord
import pytest

PAINTING = 1100000000000000201


@pytest.fixture
async def channel(loopback, start_bot):
    """The painting channel, as the bot sees it."""
    bot = await start_bot(loopback)
    return bot.get_channel(PAINTING)


def file(size: int = 10, name: str = "a.bin") -> discord.File:
    """A file of so many bytes."""
    return discord.File(io.BytesIO(b"x" * size), name)


def view(*items: discord.ui.Item) -> discord.ui.View:
    """A view of these items, unchecked by discord.py where it would check."""
    made = discord.ui.View(timeout=None)
    for item in items:
        made.add_item(item)
    return made


def button(custom_id: str, label: str = "x") -> discord.ui.Button:
    """A button."""
    return discord.ui.Button(label=label, custom_id=custom_id)


@pytest.mark.parametrize(
    ("what", "status", "code"),
    [
        (lambda: {"content": "x" * 2001}, 400, 50035),
        (lambda: {"content": " "}, 400, 50006),
        (lambda: {"file": file(10 * 1024 * 1024 + 1)}, 413, 40005),
        (lambda: {"files": [file(9 * 1024 * 1024, f"{n}.bin") for n in range(3)]}, 413, 40005),
        (lambda: {"embeds": [discord.Embed(description="x" * 4000) for _ in range(2)]}, 400, 50035),
        (lambda: {"content": "x", "view": view(button("a"), button("a"))}, 400, 50035),
        (lambda: {"content": "x", "view": view(button("a", "x" * 81))}, 400, 50035),
        (lambda: {"content": "x", "nonce": "x" * 26}, 400, 50035),
        (lambda: {"content": "x", "reference": _reference(5)}, 400, 50035),
    ],
    ids=["content", "empty", "file", "request", "embeds", "same id", "label", "nonce", "reply"],
)  # fmt: skip
async def test_refused_messages(channel, what, status, code):
    """Each is refused with Discord's status and code, and nothing is posted."""
    with pytest.raises(discord.HTTPException) as caught:
        await channel.send(**what())
    assert (caught.value.status, caught.value.code) == (status, code)
    assert [m async for m in channel.history()] == []


def _reference(message_id: int) -> discord.MessageReference:
    return discord.MessageReference(message_id=message_id, channel_id=PAINTING)


async def test_largest_messages_pass(channel):
    """2,000 characters, five rows of five buttons and a file of 10 MiB are taken."""
    full = view(*(button(str(n)) for n in range(25)))
    message = await channel.send("x" * 2000, view=full, file=file(10 * 1024 * 1024))
    assert len(message.components) == 5
    assert message.attachments[0].size == 10 * 1024 * 1024


@pytest.mark.parametrize(
    "commands",
    [
        [{"name": "Upper", "description": "x"}],
        [{"name": "a", "description": ""}],
        [{"name": "a", "description": "x"}, {"name": "a", "description": "x"}],
        [{"name": f"c{n}", "description": "x"} for n in range(101)],
        [{"name": "a", "description": "x", "options": [
            {"type": 3, "name": "b", "description": "x"},
            {"type": 3, "name": "c", "description": "x", "required": True}]}],
        [{"name": "a", "description": "x", "options": [
            {"type": 3, "name": f"o{n}", "description": "x" * 100, "choices": [
                {"name": "y" * 100, "value": "z" * 100} for _ in range(2)]}
            for n in range(25)]}],
        [{"name": "a", "name_localizations": {"de": "Groß"}, "description": "x"}],
        [{"name": "a", "description": "x", "description_localizations": {"de": "x" * 101}}],
        [{"name": "a", "description": "x", "options": [
            {"type": 3, "name": f"o{n}", "description": "x", "choices": [
                {"name": "y", "value": str(m), "name_localizations": {"de": "y" * 100}}
                for m in range(4)]} for n in range(21)]}],
    ],
    ids=["upper case", "description", "same name", "101", "required last", "8000 characters",
         "German name", "German description", "8000 German characters"],
)  # fmt: skip
async def test_refused_commands(channel, commands):
    """Commands that break a rule are refused together, and the old ones stay."""
    http = channel._state.http
    with pytest.raises(discord.HTTPException) as caught:
        await http.bulk_upsert_global_commands(channel.guild.me.id, commands)
    assert caught.value.code == 50035
    assert await http.get_global_commands(channel.guild.me.id) == []


async def test_components_v2(channel, loopback, picture):
    """A layout comes back with its files' addresses; text beside it, or 41 parts, are refused."""
    layout = discord.ui.LayoutView(timeout=None)
    gallery = discord.ui.MediaGallery(discord.MediaGalleryItem("attachment://a.png"))
    layout.add_item(discord.ui.Container(discord.ui.TextDisplay("hello"), gallery))
    message = await channel.send(view=layout, file=discord.File(io.BytesIO(picture), "a.png"))
    again = await channel.fetch_message(message.id)
    assert again.flags.components_v2
    media = again.components[0].children[1].items[0].media
    assert (media.width, media.height, media.content_type) == (8, 8, "image/png")
    assert await read(loopback, media.url) == picture
    with pytest.raises(discord.HTTPException) as caught:
        await again.edit(content="text too")
    assert caught.value.code == 50035
    many = [{"type": 10, "content": "x"} for _ in range(41)]
    with pytest.raises(discord.HTTPException) as caught:
        await raw(channel, {"flags": 32768, "components": many})
    assert caught.value.code == 50035
    with pytest.raises(discord.HTTPException) as caught:
        await raw(channel, {"components": many[:1]})
    assert caught.value.code == 50035


async def read(loopback, url):
    """The bytes at an address."""
    import aiohttp

    async with aiohttp.ClientSession() as session, session.get(url) as response:
        assert response.status == 200
        return await response.read()


async def raw(channel, body):
    """Send a body that discord.py itself would not build."""
    route = discord.http.Route(
        "POST", "/channels/{channel_id}/messages", channel_id=channel.id
    )  # fmt: skip
    return await channel._state.http.request(route, json=body)


def text(*contents):
    """Parts of a layout that show these texts."""
    return [{"type": 10, "content": content} for content in contents]


def row(*parts):
    """A row of a message."""
    return {"type": 1, "components": list(parts)}


def press(**more):
    """A button as it goes over the wire."""
    return {"type": 2, "style": 1, "label": "x", **more}


V2 = 1 << 15
CHOICES = [{"label": "x", "value": str(n)} for n in range(26)]
REFUSED = {
    "six rows": {"content": "x", "components": [row(press(custom_id=str(n))) for n in range(6)]},
    "six buttons": {"content": "x", "components": [row(*(press(custom_id=n) for n in "abcdef"))]},
    "a button without a target": {"content": "x", "components": [row(press())]},
    "a link with a custom_id": {
        "content": "x", "components": [row(press(style=5, url="http://x", custom_id="a"))],
    },
    "a custom_id of 101": {"content": "x", "components": [row(press(custom_id="x" * 101))]},
    "26 choices": {
        "content": "x",
        "components": [row({"type": 3, "custom_id": "a", "options": CHOICES})],
    },
    "41 parts in all": {
        "flags": V2,
        "components": [{"type": 17, "components": text(*"x" * 20)}] * 2,
    },
    "4001 characters in all": {"flags": V2, "components": text("x" * 2000, "x" * 2001)},
    "a layout without its flag": {"content": "x", "components": text("x")},
    "a layout and content": {"flags": V2, "content": "x", "components": text("x")},
    "a layout and embeds": {"flags": V2, "embeds": [{"title": "x"}], "components": text("x")},
    "a file that is not there": {
        "flags": V2,
        "components": [{"type": 12, "items": [{"media": {"url": "attachment://no.png"}}]}],
    },
    "mentions named and parsed": {
        "content": "x", "allowed_mentions": {"parse": ["users"], "users": ["1"]},
    },
    "eleven embeds": {"embeds": [{"title": "x"}] * 11},
    "ephemeral without an interaction": {"content": "x", "flags": 64},
}  # fmt: skip


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
async def test_refused_bodies(channel, body):
    """What discord.py would not even build is refused as an invalid form, and nothing is posted."""
    with pytest.raises(discord.HTTPException) as caught:
        await raw(channel, body)
    assert (caught.value.status, caught.value.code) == (400, 50035)
    assert [m async for m in channel.history()] == []


async def test_a_layout_stays_a_layout(channel):
    """A message becomes a layout only with nothing else in it, and never stops being one."""
    message = await channel.send("text")
    route = discord.http.Route(
        "PATCH", f"/channels/{channel.id}/messages/{message.id}", channel_id=channel.id
    )
    http = channel._state.http
    layout = {"flags": V2, "components": text("laid out")}
    with pytest.raises(discord.HTTPException) as caught:
        await http.request(route, json=layout)
    assert caught.value.code == 50035
    await http.request(route, json={**layout, "content": None})
    back = await http.request(route, json={"flags": 0, "components": text("still")})
    assert back["flags"] & V2


@pytest.mark.parametrize(
    ("rows", "title"),
    [(6, "x"), (0, "x"), (1, "x" * 46), (1, "")],
    ids=["six rows", "no row", "long title", "no title"],
)
async def test_refused_windows(loopback, start_bot, new_bot, make_painter, rows, title):
    """A window has a title of at most 45 characters and one to five rows."""
    bot, codes = new_bot(), []
    inputs = [
        {"type": 1, "components": [{"type": 4, "custom_id": str(n), "label": "x", "style": 1}]}
        for n in range(rows)
    ]

    @bot.tree.command(description="ask")
    async def ask(interaction: discord.Interaction) -> None:
        path = f"/interactions/{interaction.id}/{interaction.token}/callback"
        data = {"custom_id": "a", "title": title, "components": inputs}
        try:
            body = {"type": 9, "data": data}
            await bot.http.request(discord.http.Route("POST", path), json=body)
        except discord.HTTPException as error:
            codes.append(error.code)
        await interaction.response.send_message("asked")

    await start_bot(loopback, bot)
    painter = await make_painter()
    assert (await painter.slash("ask"))["outcome"] == "acknowledged"
    assert codes == [50035]


async def test_nonce_is_remembered(channel):
    """The same nonce, enforced, answers with the message that is there already."""
    first = await channel.send("once", nonce="job-1")
    second = await channel.send("once", nonce="job-1")
    third = await channel.send("once", nonce="job-2")
    assert first.id == second.id != third.id
    assert len([m async for m in channel.history()]) == 2


async def test_permissions_of_the_bot(channel, loopback):
    """What the channel denies the bot is 50013, and a channel it cannot see 50001."""

    def forbid(bits: int) -> None:
        overwrite = {"id": loopback.world.bot["id"], "type": 1, "allow": "0", "deny": str(bits)}
        loopback.world.change_channel(str(PAINTING), permission_overwrites=[overwrite])

    message = await channel.send("hello")
    forbid(1 << 15 | 1 << 6)
    await denied(50013, channel.send("a", file=file()))
    await denied(50013, message.add_reaction("✉️"))
    forbid(1 << 14)
    await denied(50013, channel.send(embed=discord.Embed(title="a")))
    forbid(1 << 11)
    await denied(50013, channel.send("a"))
    forbid(1 << 10)
    await denied(50001, channel.send("a"))
    await denied(50001, channel.fetch_message(message.id))


async def test_others_messages(channel, loopback, make_painter):
    """The bot cannot edit (50005) nor, without Manage Messages, delete (50013) others' messages."""
    painter = await make_painter()
    said = await painter.say("mine")
    message = channel.get_partial_message(int(said["id"]))
    await denied(50005, message.edit(content="yours"))
    await denied(50013, message.delete())
    await denied(50013, message.remove_reaction("✉️", discord.Object(int(painter.id))))
    loopback.world.closed_dms.add(painter.id)
    direct = await (await channel.guild.fetch_member(int(painter.id))).create_dm()
    await denied(50007, direct.send("psst"))


async def denied(code, call):
    """The call is refused with 403 and this code."""
    with pytest.raises(discord.Forbidden) as caught:
        await call
    assert caught.value.code == code


async def test_history(channel):
    """History goes by before, after and limit, newest first unless asked otherwise."""
    sent = [await channel.send(str(n)) for n in range(4)]
    assert [m.content async for m in channel.history(limit=2)] == ["3", "2"]
    before = [m.content async for m in channel.history(before=sent[2])]
    after = [m.content async for m in channel.history(after=sent[2])]
    assert (before, after) == (["1", "0"], ["3"])


async def test_attachments_are_kept_added_and_dropped(channel, loopback, picture):
    """An edit keeps the attachments it names, adds new ones, and the others' files are gone."""
    message = await channel.send(
        "two", files=[discord.File(io.BytesIO(picture), f"{n}.png") for n in range(2)]
    )
    first, second = message.attachments
    edited = await message.edit(
        attachments=[second, discord.File(io.BytesIO(picture), "a b?.png", description="new")]
    )
    assert [a.filename for a in edited.attachments] == ["1.png", "a_b_.png"]
    assert edited.attachments[0].id == second.id
    assert edited.attachments[1].description == "new"
    assert not (loopback.world.folder / "files" / str(first.id)).exists()
    again = await edited.edit(content="still two")
    assert len(again.attachments) == 2


async def test_replies_and_mentions(channel, make_painter):
    """A reply shows what it answers; only allowed mentions mention."""
    painter = await make_painter()
    said = await painter.say("hello")
    target = channel.get_partial_message(int(said["id"]))
    quiet = discord.AllowedMentions.none()
    loud = await channel.send(f"<@{painter.id}> @everyone", reference=target.to_reference())
    soft = await channel.send(f"<@{painter.id}>", allowed_mentions=quiet)
    assert [u.name for u in loud.mentions] == ["painter"]
    assert soft.mentions == []
    assert not loud.mention_everyone
    shown = await painter.wait_for(lambda m: m["id"] == str(loud.id))
    assert shown["referenced_message"]["content"] == "hello"


async def test_pictures_of_embeds(channel, loopback, picture):
    """A file that an embed shows is no attachment beside it, has a size, and outlives edits."""
    embed = discord.Embed(title="a").set_image(url="attachment://a.png")
    files = [discord.File(io.BytesIO(picture), name) for name in ("a.png", "b.png")]
    message = await channel.send(embed=embed, files=files)
    assert [attachment.filename for attachment in message.attachments] == ["b.png"]
    assert (message.embeds[0].image.width, message.embeds[0].image.height) == (8, 8)
    await message.edit(attachments=[], embed=message.embeds[0].copy())
    again = await channel.fetch_message(message.id)
    assert again.attachments == []
    loopback.clock.advance(25 * 3600)
    again = await channel.fetch_message(message.id)
    assert await read(loopback, again.embeds[0].image.url) == picture


async def test_a_place_with_small_files(loopback, start_bot, new_bot, make_painter):
    """The bot is told how large a file may be here, and a larger one is refused with 40005."""
    loopback.world.file_bytes = 1000
    bot, limits = new_bot(), []

    @bot.tree.command(description="how large")
    async def large(interaction: discord.Interaction) -> None:
        limits.append(interaction.filesize_limit)
        await interaction.response.send_message("so large")

    channel = (await start_bot(loopback, bot)).get_channel(PAINTING)
    await (await make_painter()).slash("large")
    assert limits == [1000]
    await channel.send(file=file(1000))
    with pytest.raises(discord.HTTPException) as caught:
        await channel.send(file=file(1001))
    assert caught.value.code == 40005
