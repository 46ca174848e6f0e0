"""The bot as a process of its own in a playground: what the end-to-end tests share."""

import asyncio
import contextlib
import importlib.util
import json
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
import pytest_asyncio

ROOT = Path(__file__).parents[2]
TOKEN = "MTEwMDAwMDAwMDAwMDAwMDEwMA.playground.token"  # noqa: S105 - of a playground


def load_helper(path: str):
    """Load a module of the tests: under importlib mode tests cannot import one another."""
    name = f"easel_tests_{Path(path).stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, ROOT / "tests" / path)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def open_nursery():
    """Open the process whose forks are bots."""
    return load_helper("e2e/nursery.py").open_nursery(ROOT)


class Person(load_helper("painter.py").Painter):
    """Somebody in the playground who paints."""

    async def paint(self, prompt: str, **options):
        """Paint something and return the finished grid."""
        words = prompt.partition(" --")[0]
        answer = await self.slash("imagine", prompt=prompt, **options)
        assert answer["outcome"] == "acknowledged", answer
        return await self.wait_for(lambda m: words in m["content"] and m["components"])

    async def start_long(self, prompt: str):
        """Start a job that takes long and wait until it is seen running."""
        await self.slash("imagine", prompt=f"{prompt} --steps 5000")
        return await self.wait_for(lambda m: prompt in m["content"] and "%)" in m["content"])

    async def stop(self, message):
        """Cancel what this message shows and wait until it says so."""
        await self.react(message, "❌")
        return await self.wait_for(
            lambda m: m["id"] == message["id"] and "(Stopped)" in m["content"]
        )

    async def gone(self, message) -> None:
        """Wait until a message is deleted."""
        await self.wait_for_event("MESSAGE_DELETE", lambda d: d["id"] == message["id"])


class Bot:
    """`python -m bot.app` on a data folder; it can be stopped, killed and started again.

    Unless it is to start `cold`, it is spared importing torch once more: a test needs that
    where it tells what is imported, or looks on while the model loads.
    """

    def __init__(
        self, folder: Path, model: Path, server, *, cold: bool = False, **environment: str
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.server = folder, server
        self._nursery = None if cold else open_nursery()
        self.data = folder / "data"
        self.process: asyncio.subprocess.Process | None = None
        self._log = folder / "bot.log"
        self._environment = {
            **{k: v for k, v in os.environ.items() if k not in {"DISCORD_TOKEN", "MODEL"}},
            "PYTHONPATH": str(ROOT),
            "DATA": str(self.data),
            "MODEL": str(model),
            "THREADS": "1",
            "LOG_LEVEL": "DEBUG",
            "DISCORD_TOKEN": server.token,
            "EASEL_PLAYGROUND": server.url,
            **environment,
        }

    async def start(self, *, online: bool = True, **environment: str) -> None:
        """Start the process; with `online`, wait until it is connected."""
        before = self.log.count("Easel is online as")
        environment = {**self._environment, **environment}
        if self._nursery is None:
            with self._log.open("ab") as log:
                self.process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "bot.app",
                    stdout=log, stderr=log, cwd=self.folder, env=environment,
                )  # fmt: skip
        else:
            self.process = await asyncio.to_thread(
                self._nursery.start, self._log, self.folder, environment
            )
        if online:
            await self.until("Easel is online as", before + 1)

    @property
    def log(self) -> str:
        """Everything the bot has said so far, over all its starts."""
        return self._log.read_text() if self._log.exists() else ""

    async def until(self, text: str, times: int = 1, timeout_s: float = 120) -> None:
        """Wait until the bot has said something so many times."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.log.count(text) < times:
                    assert self.process.returncode is None, self.log
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{text!r} was not said:\n{self.log[-4000:]}") from None

    async def kill(self) -> None:
        """End it without any chance to tidy up."""
        self.process.kill()
        await self.process.wait()

    async def stop(self, number: int = signal.SIGTERM, timeout_s: float = 15) -> int:
        """Ask it to end; return its exit code."""
        if self.process is None or self.process.returncode is not None:
            return 0
        self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), timeout_s)

    async def restart(self) -> None:
        """Stop it in order and start it again."""
        assert await self.stop() == 0, self.log
        await self.start()


class Stage:
    """A playground, a bot in it, and people who come and go."""

    def __init__(self, server, bot: Bot, people: contextlib.AsyncExitStack) -> None:
        self.server, self.bot = server, bot
        self._people = people

    async def person(self, name: str = "painter") -> Person:
        """Enter as somebody."""
        return await self._people.enter_async_context(Person(self.server.url, name))

    def sent(self, method: str, *parts: str) -> list:
        """Return the recorded requests of the bot whose path contains all the parts."""
        return [
            exchange
            for exchange in self.server.traffic
            if exchange.method == method and all(part in exchange.path for part in parts)
        ]


@contextlib.asynccontextmanager
async def open_stage(folder, model, *, start=True, cold=False, environment=None, **options):
    """Open a playground with a bot; at the end neither may have had a bug of its own."""
    from bot.playground.server import Playground

    server = Playground(folder / "playground", token=TOKEN, record=True, **options)
    await server.start()
    bot = Bot(folder, model, server, cold=cold, **(environment or {}))
    try:
        async with contextlib.AsyncExitStack() as people:
            if start:
                await bot.start()
            yield Stage(server, bot, people)
    finally:
        if bot.process is not None and bot.process.returncode is None:
            await bot.kill()
        await server.close()
    assert not server.errors, "\n".join(server.errors)
    assert " ERROR " not in bot.log, bot.log
    assert "Traceback" not in bot.log, bot.log
    assert "fox" not in bot.log, "a prompt stands in the log"
    for secret in (server.token, *(row["token"] for row in server.world.interactions.values())):
        assert secret not in bot.log, "a token stands in the log"
    wire = load_helper("playground/wire.py")
    wire.assert_valid(server.traffic)
    load_helper("playground/events.py").assert_valid(server.gateway.sent, wire.description())


@pytest.fixture(scope="session", autouse=True)
def _nursery():
    """Let the nursery import what it needs while the models are made."""
    open_nursery()


@pytest.fixture(scope="session")
def patient_model(tiny_model, tmp_path_factory) -> Path:
    """The tiny model, allowed to take many steps, and delivered twice as large as painted."""
    folder = tmp_path_factory.mktemp("patient") / "tiny"
    shutil.copytree(tiny_model, folder)
    card = {"default_steps": 4, "max_steps": 5000, "delivery_scale": 2, "title": "tiny"}
    (folder / "easel.json").write_text(json.dumps(card))
    return folder


@pytest.fixture(scope="session", name="open_stage")
def stage_opener():
    """Open further stages: `async with open_stage(folder, model, …) as stage`."""
    return open_stage


@pytest.fixture(scope="session")
def make_crowd():
    """Gather everybody of the authorisation table: `await make_crowd(stage).gather()`."""
    return load_helper("e2e/crowd.py").Crowd


@pytest.fixture(scope="session")
def deeds():
    """What one may do, by the words of the authorisation table: `deeds[action](crowd, person)`."""
    return load_helper("e2e/deeds.py").ACTIONS


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory, patient_model):
    """One bot for all tests of a module, in a playground that limits no rates."""
    folder = tmp_path_factory.mktemp("stage")
    few = {"RUNNING_PER_PAINTER": "2", "WAITING_PER_PAINTER": "2"}
    async with open_stage(folder, patient_model, environment=few, limit_rates=False) as stage:
        yield stage


@pytest_asyncio.fixture(loop_scope="module")
async def painter(shared):
    """An ordinary member."""
    return await shared.person()


@pytest_asyncio.fixture(loop_scope="module")
async def admin(shared):
    """The server's owner; the rules are as at the beginning before and after."""
    person = await shared.person("admin")
    yield person
    await person.slash("easel config reset")


@pytest.fixture
async def stage(tmp_path, patient_model):
    """A bot and a playground for one test."""
    async with open_stage(tmp_path, patient_model) as opened:
        yield opened


@pytest.fixture
async def untrained_stage(tmp_path, patient_model):
    """A bot that has just begun to load a model without trained weights."""
    model = tmp_path / "tiny"
    shutil.copytree(patient_model, model)
    card = json.loads((model / "easel.json").read_text())
    (model / "easel.json").write_text(json.dumps({**card, "untrained": True}))
    async with open_stage(tmp_path, model, cold=True) as opened:
        yield opened


@pytest.fixture
async def closed_stage(tmp_path, patient_model):
    """A playground with a bot that is not started yet."""
    async with open_stage(tmp_path, patient_model, start=False) as opened:
        yield opened
