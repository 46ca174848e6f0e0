"""`easel doctor --live`: the rehearsal on Discord."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def rehearse(loopback, tmp_path, tiny_model):
    """Run `easel doctor --live CHANNEL` against the playground; return its code and its lines."""

    async def run(channel_id: int, token: str = loopback.token) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "doctor", "--live", str(channel_id),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=tmp_path,
            env={
                **os.environ, "PYTHONPATH": str(ROOT), "MODEL": str(tiny_model), "THREADS": "1",
                "DISCORD_TOKEN": token, "EASEL_PLAYGROUND": loopback.url,
            },
        )  # fmt: skip
        said, _ = await process.communicate()
        return process.returncode, said.decode()

    return run


async def test_live_posts_edits_reacts_and_deletes(rehearse, make_painter):
    """Each step has its ✔ line, and nothing is left in the channel."""
    painter = await make_painter()
    channel = painter.channel_id

    code, said = await rehearse(channel)

    assert code == 0, said
    for step in ("logged in as", "posted a grid", "edited it", "reacted to it", "deleted it"):
        assert f"✔ {step}" in said
    assert await painter.messages() == []


async def test_live_names_a_channel_it_cannot_see(rehearse):
    """A channel that is not there is a sentence with the remedy, and no traceback."""
    code, said = await rehearse(123)

    assert code != 0
    assert "There is no channel 123" in said
    assert "Traceback" not in said


async def test_live_names_a_refused_token(rehearse, loopback):
    """A token that Discord refuses is a sentence, and is not printed."""
    code, said = await rehearse(1, "not.the.token")

    assert code == 78
    assert "refused the token" in said
    assert "not.the.token" not in said
