"""The whole path, and what becomes of it when the bot stops, dies and starts again."""

import asyncio
import io
import os
import signal
import time

import pytest
from PIL import Image

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's"),
    pytest.mark.timeout(600),  # each starts the bot several times
]


def is_grid(message):
    """Say whether a message has the buttons of a grid."""
    return bool(message["components"])


def grids(messages):
    """Return the finished grids among messages."""
    return [message for message in messages if is_grid(message)]


async def only_grids(painter, count):
    """Wait until the channel holds so many grids and nothing else, and see that it stays so."""
    async with asyncio.timeout(120):
        while len(messages := await painter.messages()) != count or grids(messages) != messages:
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)
    messages = await painter.messages()
    assert len(messages) == len(grids(messages)) == count
    return messages


async def size_of(painter, message):
    """Return the size in pixels of a message's picture."""
    content = await painter.download(message["attachments"][0])
    return Image.open(io.BytesIO(content)).size


async def test_from_imagine_to_cross(stage):
    """/imagine, progress, grid, U2, V1, a restart, U3 and ❌ work as in Midjourney."""
    painter = await stage.person()
    me = f"<@{painter.id}>"
    running = await painter.start_long("a blue fox")
    await painter.wait_for(lambda m: m["id"] == running["id"] and m["attachments"])
    await painter.stop(running)
    await painter.slash("imagine", prompt="a red fox --seed 7 --steps 40")
    progress = await painter.wait_for(lambda m: "a red fox" in m["content"])
    grid = await painter.wait_for(is_grid)

    assert grid["content"] == f"**a red fox --seed 7 --steps 40** - {me}"
    (picture,) = grid["attachments"]
    assert picture["description"] == "a red fox --seed 7 --steps 40"
    assert picture["filename"].endswith(".png")
    assert await size_of(painter, grid) == (256, 256)
    labels = [
        [button.get("label") or button["emoji"]["name"] for button in row["components"]]
        for row in grid["components"]
    ]
    assert labels == [["U1", "U2", "U3", "U4", "🔄"], ["V1", "V2", "V3", "V4"]]
    if progress["id"] != grid["id"]:
        await painter.gone(progress)

    jobs_before = stage.bot.log.count("enters the engine")
    await painter.click(grid, "U2")
    second = await painter.wait_for(lambda m: "Image #2" in m["content"])
    assert second["content"] == f"**a red fox --seed 7 --steps 40** - Image #2 {me}"
    assert await size_of(painter, second) == (128, 128)
    assert stage.bot.log.count("enters the engine") == jobs_before

    answer = await painter.click(grid, "V1")
    assert answer["outcome"] == "acknowledged"
    varied = await painter.wait_for(lambda m: "Variations (St" in m["content"] and is_grid(m))
    assert varied["content"] == f"**a red fox --steps 40** - Variations (Strong) by {me}"
    assert varied["message_reference"]["message_id"] == grid["id"]

    await stage.bot.restart()
    await painter.click(varied, "U3")
    third = await painter.wait_for(lambda m: "Image #3" in m["content"])
    assert third["content"].startswith("**a red fox --steps 40** - Image #3")
    await painter.click(grid, "U1")
    await painter.wait_for(lambda m: "Image #1" in m["content"])

    await painter.react(grid, "❌")
    await painter.gone(grid)
    await painter.react(third, "❌")
    await painter.gone(third)


async def test_a_killed_bot_delivers_once(stage):
    """What waits or runs when the bot is killed is painted after the next start, once each."""
    painter = await stage.person()
    other = await stage.person("painter2")
    await painter.slash("imagine", prompt="a running fox --steps 400 --seed 1")
    await painter.slash("imagine", prompt="a waiting fox --seed 2")
    await other.slash("imagine", prompt="a patient fox --seed 3")
    await painter.wait_for(lambda m: "%)" in m["content"])
    await stage.bot.kill()
    assert not grids(await painter.messages())

    await stage.bot.start()
    for words in ("running fox", "waiting fox", "patient fox"):
        await painter.wait_for(lambda m, words=words: words in m["content"] and is_grid(m))
    await only_grids(painter, 3)


async def test_killed_while_it_delivers(stage, monkeypatch):
    """A grid that was posted just before the bot died is not posted again."""
    painter = await stage.person()
    create, posted = stage.server.messages.create, asyncio.Event()

    def kill_after(channel_id, author_id, body, files=None, **more):
        row = create(channel_id, author_id, body, files or {}, **more)
        if body.get("nonce") and not posted.is_set():
            stage.bot.process.kill()
            posted.set()
        return row

    monkeypatch.setattr(stage.server.messages, "create", kill_after)
    await painter.slash("imagine", prompt="a fox --seed 4")
    await asyncio.wait_for(posted.wait(), 120)
    await stage.bot.process.wait()
    assert len(grids(await painter.messages())) == 1

    stage.server.clock.advance(3600)  # long after Discord has forgotten the nonce
    await stage.bot.start()
    await stage.bot.until(" message=")
    messages = await only_grids(painter, 1)
    await painter.react(messages[0], "❌")
    await painter.wait_for_event("MESSAGE_DELETE", lambda d: d["id"] == messages[0]["id"])


@pytest.mark.parametrize("heard", [True, False], ids=["Discord heard it", "it was never sent"])
async def test_killed_while_it_acknowledges(stage, monkeypatch, heard):
    """Killed around its first answer, the bot keeps what it promised and drops what it did not."""
    painter = await stage.person()
    callback = stage.server.interactions.callback

    def kill_around(*arguments):
        stage.bot.process.kill()
        if not heard:
            raise ApiError(10062)
        return callback(*arguments)

    from bot.playground.errors import ApiError

    monkeypatch.setattr(stage.server.interactions, "callback", kill_around)
    await painter.slash("imagine", prompt="a fox --seed 14")
    await stage.bot.process.wait()
    monkeypatch.undo()
    await stage.bot.start()
    if heard:
        await only_grids(painter, 1)
    else:
        await stage.bot.until("was never acknowledged and is dropped")
        await stage.bot.until("painting with")
        await asyncio.sleep(0.5)
        assert not await painter.messages()


async def test_a_second_signal_ends_it_at_once(stage):
    """Asked twice, the bot leaves within a second."""
    painter = await stage.person()
    await painter.slash("imagine", prompt="a long fox --steps 4000 --seed 9")
    await painter.wait_for(lambda m: "%)" in m["content"])
    stage.bot.process.send_signal(signal.SIGINT)
    await asyncio.sleep(0.3)
    asked = time.monotonic()
    await stage.bot.stop()
    assert time.monotonic() - asked < 1


async def test_refused_intents_are_one_line(closed_stage, monkeypatch):
    """A gateway that refuses the intents for good ends the bot with code 78 and a sentence."""
    from bot.playground.gateway import ClosedError

    def refuse(*_):
        raise ClosedError(4014, "Disallowed intent(s).")

    monkeypatch.setattr(closed_stage.server.gateway, "_identify", refuse)
    bot = closed_stage.bot
    await bot.start(online=False)
    assert await asyncio.wait_for(bot.process.wait(), 120) == 78
    assert bot.log.strip().splitlines()[-1].startswith("Discord refused the intents (4014)")


async def test_a_signal_gives_the_job_back_and_ends_in_time(stage):
    """Asked to stop, the bot leaves within 10 s with code 0; jobs and rules are there after it."""
    painter, admin = await stage.person(), await stage.person("admin")
    await admin.slash("easel config set", defaults="--no text")
    await painter.slash("imagine", prompt="a long fox --steps 5000 --seed 8")
    progress = await painter.wait_for(lambda m: "%)" in m["content"])
    await admin.slash("easel config set", steps=9)
    asked = time.monotonic()
    assert await stage.bot.stop() == 0
    assert time.monotonic() - asked < 10
    assert stage.bot.log.rstrip().endswith("stopped")

    await stage.bot.start()
    await painter.slash("imagine", prompt="a fox --steps 10")
    refused = await painter.told()
    assert refused["ephemeral_to"] == painter.id
    assert "1 to 9" in refused["content"]
    await stage.bot.until("enters the engine", 2)
    await painter.react(progress, "❌")
    await painter.wait_for(lambda m: "(Stopped)" in m["content"])


async def test_it_answers_while_the_model_loads(untrained_stage):
    """Before the model is there, /imagine is acknowledged within 3 s and says what it waits for."""
    painter = await untrained_stage.person()
    asked = time.monotonic()
    answer = await painter.slash("imagine", prompt="a fox --seed 6")
    assert answer["outcome"] == "acknowledged"
    assert time.monotonic() - asked < 3
    (callback,) = untrained_stage.sent("POST", "/callback")
    assert callback.body["data"]["content"] == (
        f"**a fox --seed 6** - <@{painter.id}> (Waiting to start: loading tiny)\n"
        "-# untrained model: expect noise"
    )
    await painter.wait_for(is_grid)


@pytest.mark.parametrize(
    ("wrong", "code", "sentence"),
    [
        ({"DISCORD_TOKEN": "not.the.token"}, 78, "Discord refused the token; reset it"),
        ({"DISCORD_TOKEN": ""}, 78, "The bot needs DISCORD_TOKEN"),
        ({"EASEL_PLAYGROUND": "http://127.0.0.1:9"}, 69, "Discord cannot be reached"),
        ({"MODEL": "/nowhere/model"}, 78, "/nowhere/model"),
        ({"DATA": "/proc/easel"}, 78, "The data folder /proc/easel cannot be written"),
    ],
)
async def test_what_keeps_it_from_starting_is_one_line(closed_stage, wrong, code, sentence):
    """A bot that cannot start ends with the code of the cause and one line with the remedy."""
    bot = closed_stage.bot
    await bot.start(online=False, **wrong)
    assert await asyncio.wait_for(bot.process.wait(), 120) == code
    assert sentence in bot.log.strip().splitlines()[-1]
    assert "not.the.token" not in bot.log


async def test_a_role_that_lacks_permissions_is_one_line(closed_stage):
    """At its start the bot names what its role lacks on a server, and the remedy."""
    from bot.playground.permissions import Permission
    from bot.playground.shapes import EASEL, GUILD_ID

    for role in closed_stage.server.world.guilds[GUILD_ID]["roles"]:
        if role["id"] in {EASEL, GUILD_ID}:
            role["permissions"] = str(int(role["permissions"]) & ~Permission.ATTACH_FILES)
    await closed_stage.bot.start()
    await closed_stage.bot.until("the bot's role lacks Attach Files: allow it under")


async def test_a_damaged_database_is_left_alone(closed_stage):
    """With a broken database the bot ends with code 65 and leaves the file as it is."""
    bot = closed_stage.bot
    bot.data.mkdir(parents=True)
    file = bot.data / "easel.sqlite3"
    file.write_bytes(b"this is no database" * 300)
    await bot.start(online=False)
    assert await asyncio.wait_for(bot.process.wait(), 120) == 65
    assert "easel.sqlite3 is damaged" in bot.log
    assert file.read_bytes() == b"this is no database" * 300
