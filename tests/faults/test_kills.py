"""Killed at any write, any renaming, any call and any moment, the bot keeps every promise once."""

import asyncio
import itertools
import os
import random
import sys

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills by signal")

WRITES = [(kind, when) for kind in ("commit", "replace") for when in ("before", "after")]
CALLS = ["before", "after"]
PEOPLE = ["painter", "painter2", "moderator", "admin"]


def write_line(text: str) -> None:
    """Say a number that was counted."""
    sys.stdout.write(f"{text}\n")


async def live_and_die(scene, **options) -> bool:
    """Let one process take up what is left and one job more; whether it died of its kill."""
    await scene.start(**options)
    if await scene.until_online():
        scene.ask("a fox")
        await scene.until_served()
        await scene.until_quiet()
    died = not scene.alive
    await scene.kill()
    scene.check()
    return died


@pytest.mark.timeout(120)
async def test_killed_at_some_writes_and_calls(scene):
    """Some deaths along the path: no promise is lost, kept twice, or painted again."""
    for kill in (
        ("commit", "before", 3),
        ("commit", "after", 4),
        ("replace", "after", 2),
        ("commit", "after", 6),
    ):
        assert await live_and_die(scene, kill=kill), kill
    for path in ("/callback", "/messages"):
        scene.kill_at_call(1, "after", method="POST", path=path)
        assert await live_and_die(scene), path
    scene.kill_at_call(0, "never")
    await scene.finish()


@pytest.mark.faults
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("kind", "when"), WRITES)
async def test_killed_at_every_write(scene, kind, when):
    """Killed at the first, second, third … write until it survives: every promise is kept once."""
    for number in itertools.count(1):
        if not await live_and_die(scene, kill=(kind, when, number)):
            break
        if kind == "replace":  # three deaths on end inside one job would make it poison
            assert not await live_and_die(scene)
    write_line(f"{number - 1} deaths {when} a {kind}")
    assert number > 3
    await scene.finish()


@pytest.mark.faults
@pytest.mark.timeout(900)
@pytest.mark.parametrize("when", CALLS)
async def test_killed_at_every_call(scene, when):
    """Killed at its first, second … call until it survives: every promise is kept once."""
    for number in itertools.count(1):
        scene.kill_at_call(number, when)
        if not await live_and_die(scene):
            break
    write_line(f"{number - 1} deaths {when} a call")
    assert number > 3
    scene.kill_at_call(0, "never")
    await scene.finish()


@pytest.mark.timeout(120)
async def test_a_cancel_that_was_answered_outlives_a_kill(scene):
    """Killed within the step during which it said that a job is stopped, the bot never paints it:
    the job ends stopped, is told so and counts for nothing.
    """
    await scene.start(paint_s=600, deaf=True)
    await scene.until_online()
    row = await scene.until_answered(scene.ask("a fox"))
    job_id = int(row["id"])
    await scene.until_state(job_id, "running")
    scene.use("cancel")
    await scene.until(lambda m: m["content"] == "1 job stopped.")
    await scene.kill()

    await scene.start()
    await scene.until_online()
    await scene.until(lambda m: "(Stopped)" in m["content"])
    await scene.until_quiet()
    assert scene.state(job_id) == "cancelled"
    assert not scene.journal.read_text()
    assert scene._look("SELECT count(*) FROM spent") == [(0,)]


@pytest.mark.timeout(120)
async def test_being_forgotten_outlives_a_kill(scene):
    """Killed while it deletes somebody's messages, the bot deletes the others after its start.

    Of the person it keeps nothing for that but where the messages are, and that only until then.
    """
    await scene.start()
    await scene.until_online()
    for number in range(3):
        scene.ask(f"fox {number}")
    await scene.until_served()
    await scene.until_quiet()
    asked = await scene.until_answered(scene.use("delete_my_data"))
    scene.kill_at_call(2, "before", method="DELETE", path="/channels/")
    scene.click(scene.server.world.messages[asked["original"]], "forget:yes")
    await asyncio.wait_for(scene.process.wait(), 60)
    left = [grid for grids in scene.all_grids().values() for grid in grids]
    assert len(left) == 2
    doomed = {(int(grid["id"]), int(grid["channel_id"])) for grid in left}
    assert set(scene._look("SELECT * FROM doomed")) == doomed
    assert scene._look("SELECT count(*) FROM jobs") == [(0,)]

    await scene.start()
    await scene.until_online()
    async with asyncio.timeout(60):
        while scene.all_grids() or scene._look("SELECT * FROM doomed"):
            await asyncio.sleep(0.05)


async def random_kills(scene, kills: int, jobs: int, chance: random.Random) -> None:
    """Keep so many jobs in the queue, and kill at so many moments."""
    for _ in range(kills):
        await scene.start(paint_s=0.1, room=4)
        if await scene.until_online():
            for n in range(jobs - scene.unfinished()):
                scene.ask(
                    f"a fox {n}", chance.choice(["painter", "painter2", "moderator", "admin"])
                )
            await asyncio.sleep(chance.uniform(0.0, 1.5))
        await scene.kill()
        scene.check()


@pytest.mark.timeout(120)
async def test_killed_at_a_few_moments(scene):
    """Two kills at random moments with thirty jobs queued: every promise is kept once."""
    await random_kills(scene, 2, 30, random.Random(7))
    await scene.finish()


@pytest.mark.faults
@pytest.mark.timeout(3600)
async def test_killed_at_many_moments(scene, request):
    """As many random kills as `--kills` says, with thirty jobs queued: every promise kept once.

    A job inside which three processes died is one that may kill them, for who was killed cannot
    say by whom: it is given up, once and with a sentence, and no other is.
    """
    kills = request.config.getoption("--kills")
    await random_kills(scene, kills, 30, random.Random(os.getpid()))
    await scene.finish()
    given_up = len(scene.given_up())
    write_line(f"{kills} kills, {len(scene.promised())} promises kept once, {given_up} given up")
