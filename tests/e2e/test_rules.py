"""A server's rules, the bot's own rights, and what becomes of jobs when Discord fails."""

import asyncio
import io
import statistics
import time

import pytest
from PIL import Image

pytestmark = pytest.mark.asyncio(loop_scope="module")


def grid_of(words):
    """Match the finished grid whose prompt has these words."""
    return lambda message: words in message["content"] and message["components"]


def says(text, to=None):
    """Match a message with this text, only for one person where `to` is given."""
    return lambda message: text in message["content"] and message.get("ephemeral_to") == to


# -- the server's rules ---------------------------------------------------------------------------


async def test_rules_hold_at_once_for_commands_and_buttons(shared, painter, admin):
    """What an admin sets holds with the next command and the next press of an old button."""
    grid = await painter.paint("a ruled fox --seed 41 --steps 6")
    await admin.slash("easel config set", steps=5, defaults="--steps 3 --no text")
    shown = await admin.wait_for(says("Largest steps: 5", admin.id))
    assert "`--steps 3 --no text`" in shown["content"]
    await painter.slash("imagine", prompt="a fox --steps 6")
    await painter.wait_for(says("1 to 5", painter.id))
    for button in ("V1", "🔄"):
        await painter.click(grid, button)
        refused = await painter.told()
        assert "this server allows 5 now" in refused["content"]
    await painter.click(grid, "U1")
    await painter.wait_for(says("a ruled fox --seed 41 --steps 6** - Image #1"))

    await admin.slash("easel config set", channels="#general", roles="Painters")
    await painter.slash("imagine", prompt="a fox in the wrong place")
    await painter.wait_for(says("does not paint here", painter.id))
    await painter.click(grid, "U2")
    assert "does not paint here" in (await painter.told())["content"]

    await admin.slash("easel config reset", setting="channels")
    stranger = await shared.person("stranger")
    await stranger.slash("imagine", prompt="a fox by a stranger")
    await stranger.wait_for(says("you need one of these roles", stranger.id))
    await admin.slash("easel config reset")
    await admin.slash("easel config show")
    shown = (await admin.told())["content"]
    assert "Channels: all" in shown
    assert "Largest steps: what the model allows" in shown


async def test_the_largest_size_holds(painter, admin):
    """A server's largest size bounds what is painted, and old buttons too."""
    wide = await painter.paint("a wide fox --ar 4:1 --seed 42")
    await admin.slash("easel config set", size=72)
    await painter.click(wide, "V1")
    assert "72 at most" in (await painter.told())["content"]
    grid = await painter.paint("a fitting fox --ar 4:1 --seed 42")
    picture = Image.open(io.BytesIO(await painter.download(grid["attachments"][0])))
    assert max(picture.size) <= 72 * 2 * 2


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"channels": "#nowhere"}, "There is no channel #nowhere"),
        ({"roles": "<@&999999999999999999>"}, "There is no role"),
        ({"defaults": "--steps 99999"}, "1 to 5000"),
        ({"defaults": "a fox"}, "parameters only"),
        ({}, "Name what to change"),
    ],
)
async def test_rules_that_cannot_be_set(admin, options, named):
    """A rule that makes no sense is refused with a sentence and changes nothing."""
    await admin.slash("easel config set", **options)
    assert named in (await admin.told())["content"]
    await admin.slash("easel config show")
    assert "Default parameters: none" in (await admin.told())["content"]


@pytest.mark.parametrize("command", ["show", "set", "reset"])
async def test_only_admins_change_the_rules(shared, painter, monkeypatch, command):
    """Without Manage Server the rules stay closed, even where a server opens the command to all."""
    listed = shared.server.commands.listed
    monkeypatch.setattr(
        shared.server.commands,
        "listed",
        lambda *scope: [{**c, "default_member_permissions": None} for c in listed(*scope)],
    )
    options = {"steps": 3} if command == "set" else {}
    await painter.slash(f"easel config {command}", **options)
    assert "Manage Server" in (await painter.told())["content"]


# -- what the bot itself may ----------------------------------------------------------------------


async def test_a_channel_where_the_bot_may_not_deliver(shared, painter):
    """Where the bot could not attach a picture, /imagine is refused with the remedy."""
    from bot.playground.permissions import Permission
    from bot.playground.shapes import BOT_ID

    channel = shared.server.world.channels[painter.channel_id]
    deny = {"id": BOT_ID, "type": 1, "allow": "0", "deny": str(int(Permission.ATTACH_FILES))}
    channel["permission_overwrites"].append(deny)
    try:
        await painter.slash("imagine", prompt="a fox nowhere")
        refused = await painter.told()
        assert "lacks Attach Files" in refused["content"]
        assert "Edit Channel" in refused["content"]
    finally:
        channel["permission_overwrites"].remove(deny)


async def test_a_channel_that_closes_while_it_paints(shared, painter):
    """When the bot may no longer post, the pictures arrive by direct message."""
    from bot.playground.permissions import Permission
    from bot.playground.shapes import BOT_ID

    asked = await painter.slash("imagine", prompt="a locked-out fox --steps 300 --seed 51")
    assert asked["outcome"] == "acknowledged"
    channel = shared.server.world.channels[painter.channel_id]
    rights = Permission.SEND_MESSAGES | Permission.ATTACH_FILES
    deny = {"id": BOT_ID, "type": 1, "allow": "0", "deny": str(int(rights))}
    channel["permission_overwrites"].append(deny)
    reader = await shared.person()
    await reader.enter("dm")
    try:
        grid = await reader.wait_for(grid_of("a locked-out fox"))
        await reader.click(grid, "U1")
        await reader.wait_for(says("a locked-out fox --steps 300 --seed 51** - Image #1"))
    finally:
        channel["permission_overwrites"].remove(deny)


async def test_a_channel_that_takes_no_new_message(shared, painter, monkeypatch):
    """Where only a new message is refused, the acknowledgement becomes the grid."""
    from bot.playground.errors import ApiError

    create = shared.server.messages.create

    def refuse(channel_id, author_id, body, files=None, **more):
        if body.get("nonce"):
            raise ApiError(50013)
        return create(channel_id, author_id, body, files or {}, **more)

    monkeypatch.setattr(shared.server.messages, "create", refuse)
    grid = await painter.paint("a squeezed fox --seed 52")
    await shared.bot.until(f" message={grid['id']}")
    monkeypatch.undo()
    found = [m["id"] for m in await painter.messages() if "a squeezed fox" in m["content"]]
    assert found == [grid["id"]]
    await painter.click(grid, "U2")
    await painter.wait_for(says("a squeezed fox --seed 52** - Image #2"))
    await painter.react(grid, "❌")
    await painter.gone(grid)


async def test_a_painter_nobody_can_reach(shared, painter):
    """With the channel and the letterbox closed the job ends undeliverable, and quietly."""
    from bot.playground.permissions import Permission
    from bot.playground.shapes import BOT_ID

    asked = await painter.slash("imagine", prompt="an unreachable fox --steps 300")
    assert asked["outcome"] == "acknowledged"
    channel = shared.server.world.channels[painter.channel_id]
    deny = {"id": BOT_ID, "type": 1, "allow": "0", "deny": str(int(Permission.ATTACH_FILES))}
    channel["permission_overwrites"].append(deny)
    shared.server.world.closed_dms.add(painter.id)
    try:
        ended = await painter.wait_for(
            lambda m: "unreachable" in m["content"] and "(Failed)" in m["content"]
        )
    finally:
        channel["permission_overwrites"].remove(deny)
        shared.server.world.closed_dms.discard(painter.id)
    assert "no place left to post it" in ended["content"]
    assert " undeliverable lane=" in shared.bot.log


async def test_painting_does_not_keep_people_waiting(painter):
    """While a picture is painted the bot answers others in a moment.

    On a machine that has more to do, a moment is what it takes without a picture, a few times.
    """

    async def waits():
        for _ in range(10):
            asked = time.monotonic()
            await painter.slash("help")
            yield time.monotonic() - asked

    before = [wait async for wait in waits()]
    running = await painter.start_long("a busy fox")
    meanwhile = [wait async for wait in waits()]
    await painter.stop(running)
    usual = statistics.median(before + [wait async for wait in waits()])
    assert statistics.median(meanwhile) < max(0.5, 4 * usual)
    assert max(meanwhile) < max(2, 16 * usual)


async def test_the_connection_may_break_while_it_paints(shared, painter):
    """When the gateway drops the bot, what happened meanwhile still reaches it."""
    running = await painter.start_long("a disconnected fox")
    await shared.server.gateway.disconnect(4000)
    stopped = await painter.stop(running)
    assert stopped["id"] == running["id"]


async def test_a_view_that_ends_does_not_take_the_buttons_along(shared, painter):
    """Old buttons still answer after many grids, letters and presses (discord.py forgets some)."""
    grid = await painter.paint("a steady fox --seed 61")
    for number in (1, 2, 3, 4):
        await painter.click(grid, f"U{number}")
        await painter.wait_for(says(f"a steady fox --seed 61** - Image #{number}"))
    assert shared.bot.log.count("Ignoring exception") == 0


async def test_discord_fails_after_it_took_the_message(shared, painter, monkeypatch):
    """When Discord answers 500 though it posted the grid, there is still just one."""
    create, failures = shared.server.messages.create, []

    def fail_after(channel_id, author_id, body, files=None, **more):
        row = create(channel_id, author_id, body, files or {}, **more)
        if body.get("nonce") and not failures:
            failures.append(row["id"])
            raise RuntimeError("the answer is lost")
        return row

    monkeypatch.setattr(shared.server.messages, "create", fail_after)
    grid = await painter.paint("a doubtful fox --seed 15")
    await shared.bot.until(f" message={grid['id']}")
    found = [m["id"] for m in await painter.messages() if "a doubtful fox" in m["content"]]
    assert found == failures
    shared.server.errors.clear()
    shared.server.traffic[:] = [x for x in shared.server.traffic if x.status != 500]


async def test_a_second_bot_stays_out(shared):
    """A second bot on the same data folder ends with code 75 and harms nothing."""
    second = type(shared.bot)(shared.bot.folder, shared.bot.folder, shared.server)
    second._environment = shared.bot._environment
    await second.start(online=False)
    assert await asyncio.wait_for(second.process.wait(), 120) == 75
    assert shared.bot.process.returncode is None


async def test_after_fifteen_minutes_the_same_message_is_used(shared, painter):
    """When the interaction's token has died, the progress message is still changed and removed."""
    await painter.slash("imagine", prompt="a slow fox --steps 300 --seed 5")
    await painter.wait_for(lambda m: "a slow fox" in m["content"] and "%)" in m["content"])
    shared.server.clock.advance(16 * 60)
    grid = await painter.wait_for(grid_of("a slow fox"))
    async with asyncio.timeout(120):
        while [m["id"] for m in await painter.messages() if "a slow fox" in m["content"]] != [
            grid["id"]
        ]:
            await asyncio.sleep(0.05)
