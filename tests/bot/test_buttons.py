"""Buttons of every message keep working, whatever discord.py does with views."""

import discord
import pytest

from bot.buttons import JobButton, grid_view, register
from bot.client import COMMANDS, Easel
from bot.jobs import Job, Kind, State
from engine import Request

JOB = Job(
    id=1_234_567_890_123_456_789,
    kind=Kind.IMAGINE,
    state=State.DONE,
    channel_id=5,
    user_id=6,
    shown="a fox",
    request=Request(
        prompt="a fox",
        seed=7,
        num_inference_steps=4,
        guidance_scale=1.0,
        width=64,
        height=64,
        model="tiny",
    ),
)


async def test_a_grid_has_dynamic_buttons_only():
    """Under a grid stand nine grey buttons that carry op, job and index, and never time out."""
    view = grid_view(JOB, 4)
    assert view.timeout is None
    assert all(isinstance(item, JobButton) for item in view.children)
    rows = view.to_components()
    assert [[button["custom_id"] for button in row["components"]] for row in rows] == [
        [*(f"u:{JOB.id}:{index}" for index in range(4)), f"r:{JOB.id}:0"],
        [f"v:{JOB.id}:{index}" for index in range(4)],
    ]
    assert {button["style"] for row in rows for button in row["components"]} == {2}


@pytest.mark.parametrize("ending", ["stopped", "edited"])
async def test_no_ending_view_takes_the_buttons_of_all_messages_along(ending):
    """A view that mixes our button with ordinary ones may end; old grids still answer."""
    async with Easel() as client:
        register(client)
        store = client._connection._view_store
        view = discord.ui.View(timeout=None)
        view.add_item(JobButton("u", 1, 0))
        ordinary = discord.ui.Button(label="plain", custom_id="plain")
        view.add_item(ordinary)
        store.add_view(view, 99)
        view._refresh_timeout()
        view._get_snapshot_diff()
        if ending == "stopped":
            view.stop()
        else:
            view.remove_item(view.children[0])
            store.add_view(view, 99)
        assert JobButton in store._dynamic_items.values()


@pytest.mark.parametrize(
    "custom_id", ["u:1:4", "x:1:0", "u::0", "u:1:0 ", "U:1:0", "u:-1:0", "u:1:0:0", "u:" + "9" * 99]
)
def test_other_ids_are_not_ours(custom_id):
    """Only the exact form of a custom_id is read."""
    assert not JobButton.__discord_ui_compiled_template__.fullmatch(custom_id)


async def test_every_command_is_described():
    """Each command and each of its options says what it does, within Discord's limits."""
    async with Easel() as client:
        for command in client.tree.walk_commands():
            assert 1 <= len(command.description) <= 100
            for option in getattr(command, "parameters", ()):
                assert option.description not in {"", "…"}, (command.name, option.name)
    assert len(COMMANDS) == 4
