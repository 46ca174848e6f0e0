"""What people do in a channel, and who may do it: one bot for all of it."""

import asyncio
import io
import time

import pytest
from PIL import Image

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAINTERS = "1100000000000000301"
"""The role that painters have in the playground's server."""


def grid_of(words):
    """Match the finished grid whose prompt has these words."""
    return lambda message: words in message["content"] and message["components"]


def says(text, to=None):
    """Match a message with this text, only for one person where `to` is given."""
    return lambda message: text in message["content"] and message.get("ephemeral_to") == to


def png(colour="red", size=(80, 80), kind="PNG"):
    """Return a small picture file."""
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, kind)
    return file.getvalue()


# -- what cannot be painted -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prompt", "named"),
    [
        ("--seed 7", "There is nothing to paint"),
        ("a fox --sed 7", "Unrecognized parameter(s): `--sed`. Did you mean `--seed`?"),
        ("a fox --seed 4294967296", "0 to 4294967295"),
        ("a fox --steps 0", "1 to 5000"),
        ("a fox --ar 0:3", "`--ar` must be two whole numbers"),
        ("a fox --guidance 31", "0 to 30"),
        ("a fox --model dall-e", "one of tiny"),
        ("a fox --strength 0.5", "only goes with a picture"),
        ("fox " * 1001, "4,000 is the most"),
    ],
)
async def test_a_prompt_that_cannot_be_painted(shared, painter, prompt, named):
    """It is answered with an ephemeral sentence that names the range, and nothing else happens."""
    public = [m["id"] for m in await painter.messages() if "ephemeral_to" not in m]
    accepted = shared.bot.log.count(" accepted ")
    await painter.slash("imagine", prompt=prompt)
    refused = await painter.told()
    assert named in refused["content"]
    assert refused["ephemeral_to"] == painter.id
    stranger = await shared.person("stranger")
    assert [m["id"] for m in await stranger.messages() if "ephemeral_to" not in m] == public
    assert refused["id"] not in [m["id"] for m in await stranger.messages()]
    assert shared.bot.log.count(" accepted ") == accepted


async def test_a_painter_with_a_full_queue(shared, painter):
    """One job more than may run and wait is refused with a sentence and not kept."""
    running = await painter.start_long("a queue of foxes")
    for number in range(3):
        await painter.slash("imagine", prompt=f"queued fox {number} --steps 5000")
    accepted = shared.bot.log.count(" accepted ")
    await painter.slash("imagine", prompt="one fox too many")
    refused = await painter.wait_for(says("queue is full", painter.id))
    assert "/imagine prompt: one fox too many" in refused["content"]
    assert shared.bot.log.count(" accepted ") == accepted

    await painter.slash("info")
    listed = await painter.told()
    assert listed["ephemeral_to"] == painter.id
    assert "**a queue of foxes --steps 5000** (painting)" in listed["content"]
    assert "**queued fox 2 --steps 5000** (" in listed["content"]

    queued = [m for m in await painter.messages() if m["content"].startswith("**queued fox")]
    assert "Job queued" in queued[-1]["content"]
    for message in (*queued, running):
        await painter.stop(message)


async def test_help_names_everything(painter, admin):
    """/help is one message with every parameter and command, to who asked alone; those of admins
    are shown to admins.
    """
    from bot.parameters import PARAMETERS

    shown = {}
    for person in (painter, admin):
        await person.slash("help")
        message = await person.wait_for(lambda m, p=person: m.get("ephemeral_to") == p.id)
        shown[person] = "".join(part["content"] for part in message["components"])
    for row in PARAMETERS:
        assert f"`{row}`" in shown[painter]
    commands = [c["name"] for c in (await painter.state())["commands"] if c.get("type", 1) == 1]
    for name in commands:
        assert f"`/{name}`" in shown[admin]
        assert (f"`/{name}`" in shown[painter]) == (name != "easel")


async def test_help_with_one_parameter(painter):
    """/help parameter: says what it does and its range; a wrong name gets the nearest one."""
    names = [
        choice["value"] for choice in await painter.complete("help", "parameter", parameter="st")
    ]
    assert {"steps", "strength", "stop"} <= set(names)
    for given, named in (("--steps", "a whole number from 1 to 5000"), ("sed", "`--seed`?")):
        await painter.slash("help", parameter=given)
        await painter.wait_for(says(named, painter.id))


# -- pictures -------------------------------------------------------------------------------------


async def test_the_same_seed_paints_the_same_picture(painter):
    """Twice the same prompt and seed gives the same pixels; 🔄 gives others, even after --seed."""
    prompt = "a certain fox --seed 11 --steps 3"
    grids = []

    async def next_grid():
        grids.append(
            await painter.wait_for(
                lambda m: (
                    "a certain fox" in m["content"]
                    and m["components"]
                    and m["id"] not in [grid["id"] for grid in grids]
                ),
                30,
            )
        )

    for _ in range(2):
        await painter.slash("imagine", prompt=prompt)
        await next_grid()
    await painter.click(grids[0], "🔄")
    await next_grid()
    assert grids[2]["content"] == f"**a certain fox --steps 3** - <@{painter.id}>"
    files = [await painter.download(grid["attachments"][0]) for grid in grids]
    first, second, third = (Image.open(io.BytesIO(file)).tobytes() for file in files)
    assert first == second
    assert first != third


async def test_a_picture_carries_its_parameters(painter):
    """A picture taken out says in its metadata what it was made from."""
    grid = await painter.paint("a fox with papers --seed 4294967295 --steps 3")
    await painter.click(grid, "U2")
    taken = await painter.wait_for(says("Image #2"))
    picture = Image.open(io.BytesIO(await painter.download(taken["attachments"][0])))
    assert picture.size == (128, 128)
    assert "Seed: 0" in picture.text["parameters"]
    assert taken["attachments"][0]["description"].startswith("a fox with papers")
    assert taken["message_reference"]["message_id"] == grid["id"]


async def test_painting_from_an_attached_picture(painter):
    """`picture:` with `strength:` starts from the picture, and from nowhere but Discord's files."""
    await painter.slash(
        "imagine", prompt="a fox from red", picture=png(), strength=0.3, negative="dogs"
    )
    grid = await painter.wait_for(grid_of("a fox from red"))
    assert grid["content"].startswith("**a fox from red --no dogs --strength 0.3** -")


async def test_a_file_that_is_no_picture(painter):
    """A file that only claims to be a picture ends in a sentence to its painter."""
    await painter.slash("imagine", prompt="a fox from nothing", picture=b"this is text")
    failed = await painter.wait_for(lambda m: "a fox from nothing" in m["content"] and
                                    "(Failed)" in m["content"])  # fmt: skip
    assert "PNG, JPEG and WEBP" in failed["content"]


async def test_a_long_prompt_is_shortened(painter):
    """A prompt longer than a message is painted whole and shown shortened with …"""
    prompt = "the longest fox " + "and a hen " * 380
    answer = await painter.slash("imagine", prompt=prompt)
    assert answer["outcome"] == "acknowledged"
    grid = await painter.wait_for(grid_of("the longest fox"))
    assert len(grid["content"]) <= 2000
    assert grid["content"].endswith(f"…** - <@{painter.id}>")


async def test_a_prompt_pings_nobody(shared, painter):
    """Whatever a prompt says, each message of ours pings its painter at most."""
    other = (await shared.person("painter2")).id
    prompt = f"@everyone @here <@{other}> <@&{PAINTERS}> *a loud fox*"
    await painter.slash("imagine", prompt=prompt)
    grid = await painter.wait_for(grid_of("a loud fox"))
    assert [user["id"] for user in grid["mentions"]] == [painter.id]
    assert not grid["mention_everyone"]
    assert not grid["mention_roles"]
    for exchange in shared.server.traffic:
        body = exchange.body.get("data", exchange.body) if isinstance(exchange.body, dict) else {}
        if "content" in body and isinstance(body["content"], str):
            allowed = body["allowed_mentions"]
            assert allowed.get("parse", []) == []
            assert not allowed.get("roles")
            assert len(allowed.get("users", [])) <= 1
            assert other not in allowed.get("users", []) or f"<@{other}>" in body["content"]


# -- buttons --------------------------------------------------------------------------------------


async def test_anyone_may_press_and_owns_the_result(shared, painter):
    """A second painter may press U, V and 🔄; what comes of it is theirs."""
    grid = await painter.paint("a shared fox --seed 21")
    other = await shared.person("painter2")
    await other.click(grid, "U4")
    taken = await other.wait_for(says(f"Image #4 <@{other.id}>"))
    await other.click(grid, "V3")
    varied = await other.wait_for(lambda m: f"Variations (Strong) by <@{other.id}>" in m["content"]
                                  and m["components"])  # fmt: skip
    assert varied["message_reference"]["message_id"] == grid["id"]
    (callback,) = [
        x.body["data"]["content"]
        for x in shared.sent("POST", "/callback")
        if "Making variations" in (x.body["data"].get("content") or "")
        and "a shared fox" in x.body["data"]["content"]
    ]
    assert callback.startswith(
        f"Making variations for image #3 with prompt **a shared fox** - <@{other.id}> "
        "(Waiting to start"
    )
    await painter.react(taken, "❌")
    await asyncio.sleep(0.4)
    assert taken["id"] in [m["id"] for m in await painter.messages()]
    await other.react(taken, "❌")
    await other.gone(taken)


async def test_two_variations_of_the_same_picture(painter):
    """V may be pressed again, on variations too, and gives another grid each time."""
    grid = await painter.paint("a doubled fox --seed 22")
    seen = []
    for parent in (grid, grid, None):
        await painter.click(parent or seen[0], "V1")
        new = await painter.wait_for(
            lambda m: (
                "a doubled fox** - Variations" in m["content"]
                and m["components"]
                and m["id"] not in [s["id"] for s in seen]
            ),
            30,
        )
        seen.append(new)
    assert [m["message_reference"]["message_id"] for m in seen] == [
        grid["id"],
        grid["id"],
        seen[0]["id"],
    ]


async def test_a_button_whose_job_is_unknown(shared, painter):
    """An old button of a lost job is answered with an ephemeral sentence; so is a foreign one."""
    from bot.playground.shapes import BOT_ID

    rows = [
        {"type": 1, "components": [
            {"type": 2, "style": 2, "label": "old", "custom_id": "u:1000000000000000000:1"},
            {"type": 2, "style": 2, "label": "foreign", "custom_id": "mj::upsample::1"},
        ]},
    ]  # fmt: skip
    row = shared.server.messages.create(
        painter.channel_id, BOT_ID, {"content": "old", "components": rows}, {}
    )
    message = await painter.wait_for(lambda m: m["id"] == row["id"])
    await painter.click(message, "old")
    await painter.wait_for(says("no longer knows the job", painter.id))
    await painter.click(message, "foreign")
    await painter.wait_for(says("another version of Easel", painter.id))


async def test_a_picture_that_is_gone(shared, painter):
    """A button whose picture has left the disk says so and what to do."""
    grid = await painter.paint("a vanishing fox --seed 23")
    job = grid["attachments"][0]["filename"].removeprefix("easel-").removesuffix(".png")
    (shared.bot.data / "pictures" / job / "1.png").unlink()
    await painter.click(grid, "U2")
    await painter.wait_for(says("no longer on Easel's disk", painter.id))


# -- reactions ------------------------------------------------------------------------------------


async def test_cross_stops_a_running_job(shared, painter):
    """❌ by its owner stops a running job within moments; by another member it does nothing."""
    running = await painter.start_long("an endless fox")
    other = await shared.person("painter2")
    await other.react(running, "❌")
    asked = time.monotonic()
    await other.slash("help")
    usual = time.monotonic() - asked
    await asyncio.sleep(0.5)
    asked = time.monotonic()
    stopped = await painter.stop(running)
    assert time.monotonic() - asked < 5 + 10 * usual, f"an answer takes {usual:.1f} s just now"
    assert stopped["content"] == (f"**an endless fox --steps 5000** - <@{painter.id}> (Stopped)")
    assert not stopped["attachments"]
    await painter.unreact(stopped, "❌")
    await painter.react(stopped, "❌")
    await painter.gone(stopped)


async def test_cancel_stops_all_of_ones_own(shared, painter):
    """/cancel stops what its painter has running and waiting, and nobody else's."""
    other = await shared.person("painter2")
    theirs = await other.start_long("a foreign fox")
    await painter.start_long("a first fox")
    await painter.slash("imagine", prompt="a second fox --steps 5000")
    await painter.slash("cancel")
    await painter.wait_for(says("2 jobs stopped.", painter.id))
    for words in ("a first fox", "a second fox"):
        await painter.wait_for(
            lambda m, words=words: words in m["content"] and "(Stopped)" in m["content"]
        )
    (still,) = [m for m in await other.messages() if m["id"] == theirs["id"]]
    assert "(Stopped)" not in still["content"]
    await other.slash("cancel")
    await other.wait_for(says("1 job stopped.", other.id))
    await painter.slash("cancel")
    await painter.wait_for(says("You have no job", painter.id))


async def test_a_moderator_may_stop_and_delete(shared, painter):
    """❌ by a moderator of the channel counts as the owner's."""
    moderator = await shared.person("moderator")
    running = await painter.start_long("an unruly fox")
    await moderator.stop(running)
    grid = await painter.paint("a rude fox --seed 31")
    await moderator.react(grid, "❌")
    await painter.gone(grid)
    for action in ("cancel", "delete"):
        await shared.bot.until(f"user={moderator.id} {action}")


async def test_envelope_sends_the_pictures(shared, painter):
    """✉️ by the owner brings four pictures with job id and seed; nobody else gets them."""
    grid = await painter.paint("a posted fox --seed 32")
    other = await shared.person("painter2")
    await other.react(grid, "✉️")
    await painter.react(grid, "✉️")
    reader = await shared.person()
    await reader.enter("dm")
    letter = await reader.wait_for(says("a posted fox"))
    job = grid["attachments"][0]["filename"].removeprefix("easel-").removesuffix(".png")
    assert letter["content"] == (f"**a posted fox --seed 32**\n**Job ID**: {job}\n**seed** 32")
    assert len(letter["attachments"]) == 4
    await other.enter("dm")
    assert not await other.messages()

    await painter.click(grid, "U3")
    taken = await painter.wait_for(says("a posted fox --seed 32** - Image #3"))
    await painter.react(taken, "✉️")
    single = await reader.wait_for(lambda m: len(m["attachments"]) == 1)
    assert single["content"].endswith("**seed** 34")
    await reader.react(single, "❌")
    await reader.gone(single)


async def test_a_closed_letterbox_is_told(shared, painter):
    """Where no direct message arrives, the channel says so to its painter alone."""
    grid = await painter.paint("an unposted fox --seed 33")
    shared.server.world.closed_dms.add(painter.id)
    try:
        await painter.react(grid, "✉️")
        note = await painter.wait_for(says("could not send you a direct message"))
    finally:
        shared.server.world.closed_dms.discard(painter.id)
    assert note["content"].startswith(f"<@{painter.id}> ")
    assert [user["id"] for user in note["mentions"]] == [painter.id]


async def test_imagine_in_a_direct_message(shared):
    """In the bot's direct messages everything works as in a channel."""
    person = await shared.person()
    await person.enter("dm")
    grid = await person.paint("a private fox --seed 34")
    await person.click(grid, "U1")
    await person.wait_for(says("a private fox --seed 34** - Image #1"))
    await person.click(grid, "V1")
    await person.wait_for(lambda m: "a private fox** - Variations" in m["content"]
                          and m["components"])  # fmt: skip
    await person.react(grid, "❌")
    await person.gone(grid)
