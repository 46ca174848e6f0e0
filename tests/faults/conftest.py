"""A bot that is killed again and again, and who counts what became of its promises."""

import asyncio
import json
import os
import re
import shutil
import sqlite3
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOKEN = "MTEwMDAwMDAwMDAwMDAwMDEwMA.playground.token"  # noqa: S105 - of a playground
CHANNELS = 16
FIRST = re.compile(r"u:(\d+):0")
STARTING = re.compile(r"/(users/@me|oauth2/|applications|gateway)")


def pytest_addoption(parser):
    """`--kills 50`: how many random kills the long test does."""
    parser.addoption("--kills", type=int, default=50)


class Scene:
    """A playground, and a bot with a scripted engine that comes and goes."""

    def __init__(self, folder: Path, server, **environment: str) -> None:
        self.folder, self.server = folder, server
        self.data, self.journal = folder / "data", folder / "journal"
        self.log = folder / "bot.log"
        self.process = None
        self.painted: set[int] = set()
        self.deaths: Counter[int] = Counter()  # processes that died with this job inside
        self.asked: list[dict] = []
        self._read = 0
        self._environment = environment
        self._fresh: list[dict] = []  # asked of the present process
        self.journal.touch()
        (guild,) = server.world.guilds
        # Discord takes five messages in five seconds in one channel
        self.places = [server.world.add_channel(guild, f"room-{n}")["id"] for n in range(CHANNELS)]

    async def start(self, **options) -> None:
        """Start the process; `kill` names the write at which it dies."""
        self._fresh = []
        options = {"journal": str(self.journal), **options}
        environment = {
            **{k: v for k, v in os.environ.items() if k not in {"DISCORD_TOKEN", "MODEL"}},
            "PYTHONPATH": str(ROOT),
            "DATA": str(self.data),
            "DISCORD_TOKEN": TOKEN,
            "EASEL_PLAYGROUND": self.server.url,
            "RUNNING_PER_PAINTER": "100",
            "WAITING_PER_PAINTER": "400",
            "WAITING_PER_SERVER": "1000",
            **self._environment,
        }
        command = [sys.executable, str(ROOT / "tests/faults/scripted_app.py"), json.dumps(options)]
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *command, stdout=log, stderr=log, cwd=self.folder, env=environment
            )

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.returncode is None

    async def until_online(self) -> bool:
        """Wait until the bot hears; False if it died on the way."""
        said = self.log.read_text().count("Easel is online as") if self.log.exists() else 0
        async with asyncio.timeout(60):
            while self.alive:
                if self.log.read_text().count("Easel is online as") > said:
                    return True
                await asyncio.sleep(0.02)
        return False

    async def kill(self) -> None:
        """End the process without any chance to tidy up."""
        if self.alive:
            self.process.kill()
        await self.process.wait()

    def kill_at_call(self, number: int, when: str, *, method: str = "", path: str = "") -> None:
        """Let the bot die before or after the playground does what its n-th call asks."""
        serve, left = type(self.server)._serve, [number]

        async def killing(request, template, handler, seen):
            fits = request.method.startswith(method) and path in template
            ours = fits and self.alive and not STARTING.match(template)
            left[0] -= ours
            hit = ours and left[0] == 0
            if hit and when == "before":
                self.process.kill()
                await asyncio.Event().wait()
            response = await serve(self.server, request, template, handler, seen)
            if hit:
                self.process.kill()
            return response

        self.server._serve = killing

    # people --------------------------------------------------------------------------------------

    def ask(self, prompt: str, name: str = "painter", user_id: str = "") -> dict:
        """Somebody types /imagine; the row of the interaction, which says what came of it."""
        me = user_id or self.server.world.user(name)["id"]
        channel = self.places[len(self.asked) % CHANNELS]
        body = {"type": 2, "channel_id": channel, "command": "imagine"}
        row = self.server.page.gestures.begin(me, {**body, "options": {"prompt": prompt}}, {})
        self.asked.append(row)
        self._fresh.append(row)
        return row

    def click(self, message: dict, custom_id: str, name: str = "painter") -> dict:
        """Somebody presses a button; the row of the interaction."""
        return self._begin(name, 3, message_id=message["id"], custom_id=custom_id)

    def use(self, command: str, name: str = "painter", **options) -> dict:
        """Somebody uses a command."""
        return self._begin(name, 2, channel_id=self.places[0], command=command, options=options)

    def type(self, command: str, option: str, typed: str, name: str = "painter") -> dict:
        """Somebody types into an option that proposes choices."""
        return self._begin(
            name, 4, channel_id=self.places[0], command=command, focused=option,
            options={option: typed},
        )  # fmt: skip

    def submit(self, asked: dict, name: str = "painter", **values) -> dict:
        """Somebody fills in and sends the window that was opened for them."""
        return self._begin(name, 5, interaction_id=asked["id"], values=values)

    def _begin(self, name: str, kind: int, **body) -> dict:
        me = self.server.world.user(name)["id"]
        return self.server.page.gestures.begin(me, {"type": kind, **body}, {})

    async def until_answered(self, row: dict, timeout_s: float = 60) -> dict:
        """Wait until an interaction has had its answer."""
        async with asyncio.timeout(timeout_s):
            while row["state"] == "new":
                await asyncio.sleep(0.01)
        return row

    async def until(self, wanted, timeout_s: float = 60) -> dict:
        """Wait for a message; the newest that fits."""
        async with asyncio.timeout(timeout_s):
            while True:
                rows = [row for row in self.server.world.messages.values() if wanted(row)]
                if rows:
                    return rows[-1]
                await asyncio.sleep(0.02)

    async def leave_behind(self, *jobs) -> None:
        """Put jobs into the database, as a process does that died before it painted them."""
        from bot.store import Store

        self.data.mkdir(exist_ok=True)
        async with Store.open(self.data / "easel.sqlite3") as store:
            for job in jobs:
                assert await store.accept(job)

    def state(self, job_id: int) -> str:
        """Return the state of a job as the database has it now."""
        rows = self._look(f"SELECT state FROM jobs WHERE id = {job_id}")  # noqa: S608
        return rows[0][0]

    async def until_state(self, job_id: int, state: str, timeout_s: float = 60) -> None:
        """Wait until a job is in a state."""
        async with asyncio.timeout(timeout_s):
            while self.state(job_id) != state:
                await asyncio.sleep(0.05)

    def grids(self, job_id: int) -> list[dict]:
        """Every message that carries the job's buttons."""
        return self.all_grids().get(job_id, [])

    def all_grids(self) -> dict[int, list[dict]]:
        """Every message with a job's buttons, by job."""
        found: dict[int, list[dict]] = {}
        for row in self.server.world.messages.values():
            for part in row["components"]:
                for button in part.get("components", []):
                    if match := FIRST.fullmatch(button.get("custom_id", "")):
                        found.setdefault(int(match[1]), []).append(row)
        return found

    def promised(self) -> list[int]:
        """Return the jobs that were acknowledged as such."""
        found = []
        for row in self.asked:
            if row["state"] == "new":
                continue
            message = self.server.world.messages.get(row["original"] or "", {})
            if "ephemeral_to" not in message:
                found.append(int(row["id"]))
        return found

    async def until_served(self, timeout_s: float = 60) -> None:
        """Wait until every promise is kept, or the bot is dead."""
        until = time.monotonic() + timeout_s
        while self.alive and not self._served():
            if time.monotonic() > until:
                left = {
                    job: self.state(job) for job in set(self.promised()) - set(self.all_grids())
                }
                raise AssertionError(f"{left} in {timeout_s} s: {self.log.read_text()[-3000:]}")
            await asyncio.sleep(0.02)

    def _served(self) -> bool:
        if any(row["state"] == "new" for row in self._fresh):
            return False
        left = set(self.promised()) - self.all_grids().keys()
        return not left or left <= self.given_up()

    async def until_quiet(self, timeout_s: float = 60) -> None:
        """Wait until nothing is left to do in the database, or the bot is dead."""
        async with asyncio.timeout(timeout_s):
            while self.alive and self.unfinished():
                await asyncio.sleep(0.05)

    # oracle --------------------------------------------------------------------------------------

    def _look(self, question: str) -> list[tuple]:
        """Ask the database, of a dead bot a copy: how it recovers its own is what is tested."""
        if self.alive:
            return self._ask(self.data / "easel.sqlite3", question)
        copy = self.folder / "copy"
        copy.mkdir(exist_ok=True)
        for suffix in ("", "-wal"):
            source, target = self.data / f"easel.sqlite3{suffix}", copy / f"easel.sqlite3{suffix}"
            target.unlink(missing_ok=True)
            if source.exists():
                shutil.copy(source, target)
        (copy / "easel.sqlite3-shm").unlink(missing_ok=True)
        return self._ask(copy / "easel.sqlite3", question)

    def _ask(self, path: Path, question: str) -> list[tuple]:
        connection = sqlite3.connect(path, timeout=10)
        try:
            return connection.execute(question).fetchall()
        finally:
            connection.close()

    def unfinished(self) -> int:
        """Count what the bot still has to do."""
        states = "'accepted', 'running', 'painted', 'delivering'"
        return self._look(f"SELECT count(*) FROM jobs WHERE state IN ({states})")[0][0]  # noqa: S608

    def check(self) -> None:
        """Check after each death: a sound database, nothing posted twice or painted again."""
        lines = self.journal.read_text().splitlines()
        again = [int(line.split()[1]) for line in lines[self._read :]]
        assert not self.painted & set(again), "painted again after `painted`"
        self._read = len(lines)
        if (self.data / "easel.sqlite3").exists():
            assert self._look("PRAGMA integrity_check") == [("ok",)]
            has_table = self._look("SELECT 1 FROM sqlite_schema WHERE name = 'pictures'")
            if has_table:
                self.painted = {r[0] for r in self._look("SELECT DISTINCT job_id FROM pictures")}
                running = self._look("SELECT id FROM jobs WHERE state = 'running'")
                self.deaths.update(row[0] for row in running)
        grids = self.all_grids()
        for row in self.asked:
            assert len(grids.get(int(row["id"]), [])) <= 1, "posted twice"

    def given_up(self) -> set[int]:
        """Return the jobs that failed and whose painter was told so."""
        return {
            r[0] for r in self._look("SELECT id FROM jobs WHERE state = 'failed' AND untold = 0")
        }

    async def finish(self) -> None:
        """Let a last process keep every promise, and count."""
        if not self.alive:
            await self.start()
            assert await self.until_online()
        await self.until_served()
        await self.until_quiet()
        await asyncio.sleep(0.2)
        await self.kill()
        self.check()
        self._check_given_up()
        grids, given_up = self.all_grids(), self.given_up()
        lost = [job for job in self.promised() if len(grids.get(job, [])) != (job not in given_up)]
        assert not lost, f"lost: {lost}"
        ended = self._look("SELECT id FROM jobs WHERE state NOT IN ('done', 'cancelled')")
        assert {row[0] for row in ended} == given_up
        owned = {r[0] for r in self._look("SELECT file FROM pictures")}
        left = {p.relative_to(self.data).as_posix() for p in self.data.glob("pictures/*/*.png")}
        assert owned <= left, "a picture's file is missing"
        text = self.log.read_text()
        assert "Traceback" not in text, text[-4000:]
        assert TOKEN not in text
        for row in self.asked:
            assert row["token"] not in text, "a token stands in the log"

    def _check_given_up(self) -> None:
        """Only a job inside which so many processes died is given up, and is told so once."""
        from bot.runner import CRASHES

        given_up = self.given_up()
        early = {job: self.deaths[job] for job in given_up if self.deaths[job] < CRASHES}
        assert not early, f"given up too early: {early}"
        contents = [row["content"] for row in self.server.world.messages.values()]
        assert sum("the job was given up" in text for text in contents) == len(given_up)


@pytest.fixture
async def make_scene(tmp_path, request):
    """Open a playground for a bot with a scripted engine."""
    from bot.playground.server import Playground

    server = Playground(tmp_path / "playground", token=TOKEN, limit_rates=False)
    await server.start()
    server.record = getattr(request, "param", False)
    scenes = []

    def make(**environment) -> Scene:
        scenes.append(Scene(tmp_path, server, **environment))
        return scenes[-1]

    yield make
    for scene in scenes:
        if scene.alive:
            await scene.kill()
    await server.close()
    assert not server.errors, "\n".join(server.errors)


@pytest.fixture
def scene(make_scene):
    """One bot."""
    return make_scene()
