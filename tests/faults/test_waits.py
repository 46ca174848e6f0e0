"""Long waits and places that are gone: the result reaches its painter, and nobody else."""

import asyncio
import io
import os
import sqlite3
from dataclasses import replace

import pytest
from PIL import Image

from bot.data import DataFolder
from bot.flags import ATTACHMENT
from bot.jobs import Job, Kind, State
from bot.store import Store
from engine import Request

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="kills by signal"),
    pytest.mark.timeout(120),
]
REQUEST = Request(
    prompt="a fox", seed=7, num_inference_steps=4, guidance_scale=1.0, width=64, height=64,
    model="scripted",
)  # fmt: skip
NOWHERE = 1100000000000000999


def left_behind(scene, **more) -> Job:
    """A job of the painter that an earlier process accepted; its token is forgotten."""
    world = scene.server.world
    channel = int(scene.places[0])
    values = {
        "id": int(world.snowflake()), "kind": Kind.IMAGINE, "state": State.ACCEPTED,
        "channel_id": channel, "guild_id": next(map(int, world.guilds)),
        "user_id": int(world.user("painter")["id"]), "shown": "a fox", "request": REQUEST,
    }  # fmt: skip
    return Job(**{**values, **more})


def is_letter(scene, row) -> bool:
    """Say whether a message is in a direct channel."""
    return scene.server.world.channels[row["channel_id"]]["type"] == 1


@pytest.mark.parametrize("make_scene", [True], indirect=True)
async def test_after_the_token_the_bot_speaks_for_itself(scene):
    """A job that waited over fifteen minutes is delivered by the bot's own token, in its place."""
    scene.server.clock.advance(-20 * 60)  # what is asked now is old for the bot at once
    scene.server.world._last = 0
    await scene.start()
    await scene.until_online()
    row = scene.ask("a fox")
    await scene.until_served()
    await scene.until_quiet()
    (grid,) = scene.grids(int(row["id"]))
    assert not is_letter(scene, grid)
    assert row["original"] not in scene.server.world.messages, "the progress is still there"
    assert not [e for e in scene.server.traffic if e.path.startswith("/webhooks")]


@pytest.mark.parametrize("only", [{"ephemeral": True}, {"member": False}], ids=["own", "guest"])
async def test_what_only_its_painter_saw_comes_as_a_letter(scene, only):
    """Without a token an ephemeral job, or one where the bot is no member, ends in a letter."""
    job = left_behind(scene, **only)
    await scene.leave_behind(job)
    await scene.start()
    await scene.until_online()
    await scene.until_state(job.id, "done")
    (grid,) = scene.grids(job.id)
    assert is_letter(scene, grid)


@pytest.mark.parametrize("make_scene", [True], indirect=True)
async def test_no_place_at_all_waits_for_the_next_occasion(scene):
    """With channel and letterbox closed the grid is kept, shown by /info, and comes with it."""
    world = scene.server.world
    world.closed_dms.add(world.user("painter")["id"])
    gone = left_behind(scene, channel_id=NOWHERE)
    secret = left_behind(scene, ephemeral=True)
    await scene.leave_behind(gone, secret)
    await scene.start()
    await scene.until_online()
    for job in (gone, secret):
        await scene.until_state(job.id, "undeliverable")
    calls = [e for e in scene.server.traffic if str(NOWHERE) in e.path]
    assert 1 <= len(calls) <= 3

    stranger = scene.use("info", "painter2")
    mine = scene.use("info")
    for job in (gone, secret):
        await scene.until_state(job.id, "done")
        (grid,) = scene.grids(job.id)
        assert grid["ephemeral_to"] == world.user("painter")["id"]
    told = world.messages[mine["original"]]["content"]
    assert "**Undelivered jobs**: 2" in told
    assert "no place to post it" in told
    await asyncio.sleep(0.2)
    assert "Undelivered" not in world.messages[stranger["original"]]["content"]


async def test_a_failure_without_a_place_comes_as_a_letter(scene):
    """Where only the dead token led, a painter is told by direct message that the job failed."""
    job = left_behind(
        scene, ephemeral=True, request=replace(REQUEST, image=ATTACHMENT, strength=0.5),
        image_url="https://elsewhere.example/a.png",
    )  # fmt: skip
    await scene.leave_behind(job)
    await scene.start()
    await scene.until_online()
    told = await scene.until(lambda m: "(Failed)" in m["content"])
    assert is_letter(scene, told)
    assert "must be attached here" in told["content"]


async def test_an_end_that_a_crash_kept_silent_is_told(scene):
    """A job that failed just before the bot died is told after the next start, in its place."""
    from bot.playground.shapes import BOT_ID

    progress = scene.server.messages.create(scene.places[0], BOT_ID, {"content": "(31%)"}, {})
    job = left_behind(scene, ack_message_id=int(progress["id"]))
    await scene.leave_behind(job)
    async with Store.open(scene.data / "easel.sqlite3") as store:
        await store.to_running(job.id)
        await store.to_failed(job.id, "It broke.")
    await scene.start()
    await scene.until_online()
    told = await scene.until(lambda m: "(Failed)" in m["content"])
    assert told["id"] == progress["id"]
    assert told["content"].endswith("It broke.")


async def test_a_way_that_opened_again_is_taken(scene):
    """What could not be posted for want of a permission is posted there with the next command."""
    from bot.playground.permissions import Permission

    world = scene.server.world
    world.closed_dms.add(world.user("painter")["id"])
    (guild,) = world.guilds.values()
    before = {role["id"]: role["permissions"] for role in guild["roles"]}
    for role in guild["roles"]:
        role["permissions"] = str(int(role["permissions"]) & ~Permission.SEND_MESSAGES)
    job = left_behind(scene)
    await scene.leave_behind(job)
    await scene.start()
    await scene.until_online()
    await scene.until_state(job.id, "undeliverable")
    for role in guild["roles"]:
        role["permissions"] = before[role["id"]]
    scene.use("info")
    await scene.until_state(job.id, "done")
    (grid,) = scene.grids(job.id)
    assert "ephemeral_to" not in grid


async def until_kept(scene, **more) -> Job:
    """A bot that found no place for a job, whose painter takes no letters either."""
    world = scene.server.world
    world.closed_dms.add(world.user("painter")["id"])
    job = left_behind(scene, **more)
    await scene.leave_behind(job)
    await scene.start()
    await scene.until_online()
    await scene.until_state(job.id, "undeliverable")
    return job


async def test_what_an_answer_brought_is_known_after_a_crash(scene):
    """Killed once it has noted that a grid came with an answer, the bot does not bring it again."""
    job = await until_kept(scene, channel_id=NOWHERE, ack_message_id=NOWHERE + 1)
    scene.kill_at_call(1, "before", method="DELETE", path="/messages")
    scene.use("info")
    await asyncio.wait_for(scene.process.wait(), 60)
    assert len(scene.grids(job.id)) == 1
    await scene.start()
    await scene.until_online()
    await scene.until_quiet()
    assert scene.state(job.id) == "done"
    await scene.until_answered(scene.use("info"))
    assert len(scene.grids(job.id)) == 1


async def test_what_an_answer_brought_is_noted_when_the_disk_is_well(scene, monkeypatch):
    """A grid that came with an answer while nothing could be written is done, and comes once."""
    job = await until_kept(scene, ephemeral=True)
    create = scene.server.messages.create
    database = sqlite3.connect(scene.data / "easel.sqlite3", isolation_level=None)

    def holding(channel_id, author_id, body, files=None, **more):
        if f"u:{job.id}:0" in str(body):
            database.execute("BEGIN IMMEDIATE")  # whoever else writes now is told that it fails
        return create(channel_id, author_id, body, files or {}, **more)

    monkeypatch.setattr(scene.server.messages, "create", holding)
    scene.use("info")
    async with asyncio.timeout(60):
        while "database is locked" not in scene.log.read_text():
            await asyncio.sleep(0.05)
    database.rollback()
    database.close()
    monkeypatch.undo()
    await scene.until_state(job.id, "done")
    await scene.until_answered(scene.use("info"))
    assert len(scene.grids(job.id)) == 1


async def test_an_old_button_offers_to_paint_again(scene):
    """When a grid's pictures made room, its button says so and paints the same seed again."""
    await scene.start()
    await scene.until_online()
    row = scene.ask("a fox --seed 11")
    await scene.until_served()
    await scene.until_quiet()
    await scene.kill()
    job_id = int(row["id"])
    data = DataFolder(scene.data)
    async with Store.open(data.database) as store:
        await store.forget_pictures(job_id)
    data.drop(job_id)
    await scene.start()
    await scene.until_online()
    (grid,) = scene.grids(job_id)
    scene.click(grid, f"u:{job_id}:2")
    offer = await scene.until(lambda m: "ephemeral_to" in m)
    assert "no longer on Easel's disk" in offer["content"]
    again = scene.click(offer, f"a:{job_id}:0")
    await scene.until(lambda m: f"u:{again['id']}:0" in str(m["components"]))
    (first, second) = scene._look("SELECT request FROM jobs ORDER BY id")
    assert first == second


async def test_the_grid_is_a_picture(scene):
    """The scripted engine's grid is a real picture with its job inside."""
    await scene.start()
    await scene.until_online()
    row = scene.ask("a fox --seed 11")
    await scene.until_served()
    (grid,) = scene.grids(int(row["id"]))
    (attached,) = grid["attachments"]
    path = scene.server.world.folder / "files" / attached["id"]
    with Image.open(io.BytesIO(path.read_bytes())) as picture:
        assert picture.size == (32, 32)
        assert "--seed 11" in picture.text["parameters"] or "11" in picture.text["parameters"]
