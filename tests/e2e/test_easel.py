"""`easel` as a newcomer starts it: one command, a playground, and a bot that stays up."""

import asyncio
import os
import re
import signal
import socket
import sys
from pathlib import Path

import aiohttp
import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")


class Started:
    """A running `easel` and the lines it printed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.text = ""
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while line := await self.process.stdout.readline():
            self.text += line.decode()

    async def wait_for(self, pattern: str, timeout_s: float = 120) -> re.Match[str]:
        """Return the first match of the pattern in what easel printed."""
        async with asyncio.timeout(timeout_s):
            while not (match := re.search(pattern, self.text)):
                assert self.process.returncode is None, self.text
                await asyncio.sleep(0.05)
        return match

    async def stop(self) -> int:
        """End it by SIGTERM and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = await asyncio.wait_for(self.process.wait(), 120)
        await self._reading
        return code


@pytest.fixture
async def easel(tmp_path, tiny_model):
    """Start `easel` in an empty folder; whatever still runs at the end is stopped."""
    running: list[Started] = []

    async def start(*arguments: str, **environment: str) -> Started:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", *arguments,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=tmp_path,
            env={
                **{k: v for k, v in os.environ.items() if k != "DISCORD_TOKEN"},
                "PYTHONPATH": str(ROOT), "MODEL": str(tiny_model), "THREADS": "1", **environment,
            },
        )  # fmt: skip
        running.append(Started(process))
        return running[-1]

    yield start
    for started in running:
        if started.process.returncode is None:
            await started.stop()


async def test_one_command_starts_a_playground(easel):
    """`easel --port 0` prints the playground's address, serves its page, and stops with 0."""
    started = await easel("--port", "0")

    url = (await started.wait_for(r"Playground: (http://127\.0\.0\.1:\d+)\n"))[1]
    async with aiohttp.ClientSession() as session, session.get(url) as page:
        assert (page.status, page.content_type) == (200, "text/html")
    await started.wait_for("Easel is online")

    assert await started.stop() == 0


async def test_a_busy_port_is_a_sentence(easel):
    """A port that another program holds ends easel with one line that names it, and code 78."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        started = await easel("--port", str(port))

        assert await asyncio.wait_for(started.process.wait(), 120) == 78
    await started._reading
    assert str(port) in started.text
    assert "Traceback" not in started.text


async def test_a_second_easel_on_the_same_data_leaves(easel):
    """A second easel on one data folder exits 75 and leaves the first alone."""
    first = await easel("--port", "0")
    await first.wait_for("Easel is online")

    second = await easel("--port", "0")

    assert await asyncio.wait_for(second.process.wait(), 120) == 75
    assert first.process.returncode is None


async def test_a_wrong_token_is_one_line(easel, tmp_path):
    """With a token that Discord refuses, easel says so in one line and exits 78."""
    url = (await (await easel("--port", "0")).wait_for(r"Playground: (\S+)"))[1]

    # why: the playground stands in for Discord, whose address nothing else can change
    wrong = {"EASEL_PLAYGROUND": url, "DISCORD_TOKEN": "wrong"}
    refused = await easel("--data", "other", **wrong)

    assert await asyncio.wait_for(refused.process.wait(), 120) == 78
    await refused._reading
    assert "token" in refused.text.lower()
    assert "Traceback" not in refused.text
