"""A second, foreign client: the playground is not fitted to discord.py only.

It runs where node and discord.js 14 are: `npm install --prefix DIR discord.js@14.28.1` and
DISCORD_JS=DIR/node_modules.
"""

import asyncio
import os
import shutil
from pathlib import Path

import pytest

MODULES = os.environ.get("DISCORD_JS", "")
pytestmark = pytest.mark.skipif(
    not (shutil.which("node") and MODULES and Path(MODULES, "discord.js").is_dir()),
    reason="wants node, and DISCORD_JS=DIR/node_modules with discord.js 14 in it",
)


async def test_discord_js(loopback, make_painter):
    """discord.js logs in, defers, edits with a file and a button, updates, whispers and reacts."""
    process = await asyncio.create_subprocess_exec(
        "node", str(Path(__file__).parent / "foreign" / "client.mjs"), MODULES,
        f"{loopback.url}/api", loopback.token,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        line = await asyncio.wait_for(process.stdout.readline(), 60)
        assert line == b"ready\n", (await process.stderr.read()).decode()
        painter, other = await make_painter(), await make_painter("painter2")
        assert (await painter.slash("paint"))["outcome"] == "acknowledged"
        message = await painter.wait_for(lambda m: m["content"] == "painted")
        assert await painter.download(message["attachments"][0]) == b"picture"
        await painter.wait_for(lambda m: m["content"] == "only you")
        assert [m["content"] for m in await other.messages()] == ["painted"]
        await painter.react(message, "❌")
        assert await asyncio.wait_for(process.stdout.readline(), 60) == "reaction ❌\n".encode()
        await painter.click(message, "Again")
        message = await painter.wait_for(lambda m: m["content"] == "again" and m.get("reactions"))
        assert message["components"] == []
    finally:
        process.terminate()
        await process.wait()
