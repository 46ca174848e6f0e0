"""`easel stats`, `drain`, `backup`, `restore`: asked of the running bot, done without one."""

import asyncio
import json
import os
import stat
import sys
import time
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="Unix sockets"),
    pytest.mark.timeout(120),
]
ROOT = Path(__file__).parents[2]


async def easel(scene, *words: str) -> tuple[int, str]:
    """Run the command line on the scene's data folder; exit code and what it said."""
    command = [sys.executable, "-m", "bot", "--data", str(scene.data), *words]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        cwd=scene.folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    said, _ = await process.communicate()
    return process.returncode, said.decode()


async def test_a_running_bot_is_asked(scene):
    """Stats, backup and drain work while the bot runs; its socket is its owner's alone."""
    await scene.start()
    await scene.until_online()
    socket = scene.data / "easel.sock"
    assert stat.S_IMODE(socket.stat().st_mode) == 0o600
    for n in range(5):
        scene.ask(f"a fox {n}")
    await scene.until_served()
    await scene.until_quiet()
    code, said = await easel(scene, "stats", "--json")
    assert code == 0, said
    found = json.loads(said)
    assert (found["jobs"], found["running"], found["room"]) == ({"done": 5}, 0, 4)
    assert found["cost_per_s"] > 0
    assert found["eta_jobs"] >= 0

    copy = scene.folder / "copy.sqlite3"
    code, said = await easel(scene, "backup", str(copy))
    assert (code, said.strip()) == (0, str(copy))
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    code, said = await easel(scene, "backup", str(copy))
    assert (code, "is there already" in said) == (73, True)
    code, said = await easel(scene, "restore", str(copy))
    assert code == 75, said

    code, said = await easel(scene, "doctor")
    assert "the bot is running, 0 jobs painting, 0 waiting" in said

    begun = time.monotonic()
    await easel(scene, "stats")
    asked = time.monotonic()
    code, said = await easel(scene, "drain")
    assert (code, said) == (0, "The bot has stopped; its queue is kept.\n")
    assert time.monotonic() - asked < 10 + (asked - begun), "beside the start of the command"
    assert await asyncio.wait_for(scene.process.wait(), 30) == 0
    assert not socket.exists()
    code, said = await easel(scene, "drain")
    assert (code, said) == (0, "The bot is not running.\n")


async def test_without_a_bot_the_database_is_opened(scene):
    """Stats and backup work on what a dead bot left, and a restored backup posts nothing twice."""
    await scene.start(paint_s=0.3, room=1)
    await scene.until_online()
    for n in range(4):
        scene.ask(f"a fox {n}")
    await scene.until(lambda m: m["components"])
    copy = scene.folder / "copy.sqlite3"
    assert (await easel(scene, "backup", str(copy)))[0] == 0
    await scene.until_served()
    await scene.until_quiet()
    await scene.kill()
    code, said = await easel(scene, "stats")
    assert code == 0
    assert said.startswith("The bot is not running.\n")
    assert "done 4" in said

    code, said = await easel(scene, "restore", str(copy))
    assert code == 0, said
    assert "What was there before is" in said
    scene.server.clock.advance(3600)  # Discord has forgotten the nonces
    scene.painted = set()
    await scene.start()
    await scene.until_online()
    await scene.until_quiet()
    for row in scene.asked:
        assert len(scene.grids(int(row["id"]))) == 1
    code, said = await easel(scene, "backup", str(scene.folder / "second"))
    assert code == 0, said


async def test_what_is_no_backup_is_refused(scene):
    """A file that is no database is not put in the database's place."""
    await scene.leave_behind()
    before = (scene.data / "easel.sqlite3").read_bytes()
    wrong = scene.folder / "wrong"
    wrong.write_bytes(b"no database" * 1000)
    code, said = await easel(scene, "restore", str(wrong))
    assert code == 65, said
    assert "wrong" in said
    assert (scene.data / "easel.sqlite3").read_bytes() == before
    assert not list(scene.data.glob("*.restored*"))


async def test_a_drain_under_load_ends_in_time(scene):
    """Asked to stop with a long queue, the bot ends with 0 within ten seconds and loses nothing."""
    await scene.start(paint_s=0.5, room=2)
    await scene.until_online()
    for n in range(20):
        scene.ask(f"a fox {n}")
    await scene.until(lambda m: m["components"])
    asked = time.monotonic()
    scene.process.terminate()
    assert await asyncio.wait_for(scene.process.wait(), 15) == 0
    assert time.monotonic() - asked < 10
    scene.check()
    await scene.finish()
