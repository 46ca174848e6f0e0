"""The bot's own process with a scripted engine; it can be killed at a chosen write.

`python scripted_app.py '{"journal": FILE, "paint_s": 0.05, "kill": ["commit", "before", 3]}'`
"""

import asyncio
import io
import json
import os
import signal
import sys
import time

import aiosqlite
from PIL import Image

import bot.app
from engine import Cancelled, ModelCard, Painted, Progress, Stats

OPTIONS = json.loads(sys.argv[1])
CARD = ModelCard(
    name="scripted", title="scripted", family="other", width=64, height=64, default_steps=4,
    default_guidance=1.0,
)  # fmt: skip


def write_line(*words) -> None:
    """Append one line that survives this process."""
    with open(OPTIONS["journal"], "a") as file:
        file.write(" ".join(map(str, words)) + "\n")


class ScriptedEngine:
    """Paints grey squares, each job in its time, as many at once as there is room."""

    def __init__(self, _options) -> None:
        with io.BytesIO() as file:
            Image.new("RGB", (16, 16), "grey").save(file, "PNG")
            self._png = file.getvalue()
        self._inside: dict[int, asyncio.Event] = {}

    def models(self):
        return (CARD,)

    async def start(self) -> None:
        if "lag" in OPTIONS:
            self._meter = asyncio.create_task(measure_lag(OPTIONS["lag"]))

    async def submit(self, job_id, request, *, lane="fast", share=""):
        stop = self._inside[job_id] = asyncio.Event()
        try:
            yield Progress(0, 2)
            try:
                async with asyncio.timeout(OPTIONS.get("paint_s", 0.05)):
                    await stop.wait()
                yield Cancelled()
            except TimeoutError:
                write_line("painted", job_id)
                yield Painted((self._png,) * request.pictures, request.seeds, 0.1)
        finally:
            self._inside.pop(job_id, None)

    def cancel(self, job_id) -> None:
        if not OPTIONS.get("deaf") and (stop := self._inside.get(job_id)):  # or in a long step
            stop.set()

    def stats(self) -> Stats:
        return Stats(
            running=len(self._inside), waiting=0, room=OPTIONS.get("room", 4), loading=None,
            failed=None, seconds_per_cost=None,
        )  # fmt: skip

    async def drain(self, timeout_s) -> None:
        until = time.monotonic() + timeout_s
        while self._inside and time.monotonic() < until:
            await asyncio.sleep(0.01)
        for stop in self._inside.values():
            stop.set()

    async def close(self) -> None:
        await self.drain(0)


async def measure_lag(path: str) -> None:
    """Write how late the loop wakes, again and again, in milliseconds."""
    with open(path, "w", buffering=1) as file:  # noqa: ASYNC230 - a line at a time
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.01)
            file.write(f"{(time.perf_counter() - before - 0.01) * 1000:.1f}\n")


class Points:
    """Counts what is passed, and ends the process at one of them without any goodbye."""

    def __init__(self, kind="", when="", number=0) -> None:
        self.kind, self.when, self.left = kind, when, number

    def passed(self, kind: str, when: str) -> None:
        if (kind, when) == (self.kind, self.when):
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def arm(points: Points) -> None:
    """Wrap the store's commit and the renaming of files."""
    commit, replace = aiosqlite.Connection.commit, os.replace

    async def killing_commit(self):
        points.passed("commit", "before")
        await commit(self)
        points.passed("commit", "after")

    def killing_replace(*names):
        points.passed("replace", "before")
        replace(*names)
        points.passed("replace", "after")

    aiosqlite.Connection.commit, os.replace = killing_commit, killing_replace


if __name__ == "__main__":
    arm(Points(*OPTIONS.get("kill", ())))
    bot.app.Engine = ScriptedEngine
    os._exit(bot.app.main())
