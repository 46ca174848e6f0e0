"""Buttons of every message keep working, whatever discord.py does with views."""

import dataclasses

import discord
import pytest

from bot.buttons import JobButton, grid_view, picture_view, register
from bot.client import COMMANDS, Easel
from bot.jobs import Job, Kind, Picture, State
from engine import ModelCard, Request

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


def picture(width=64, height=64):
    """Return the second picture of the job."""
    return Picture(
        job_id=JOB.id, tile=1, seed=8, file="1.png", width=width, height=height, verdict="safe"
    )


def card(*honours):
    """Return a model that can do so much."""
    return ModelCard(
        name="tiny", title="", family="sd1", width=64, height=64, default_steps=4,
        default_guidance=1.0, honours=frozenset(honours),
    )  # fmt: skip


def words(view):
    """Return the buttons' operations, row by row."""
    return [
        [part.get("custom_id", "link").partition(":")[0] for part in row["components"]]
        for row in view.to_components()
    ]


@pytest.mark.parametrize(
    ("honours", "size", "kind", "expected"),
    [
        (
            ("image", "inpaint", "outpaint"), (64, 32), Kind.IMAGINE,
            [["upsubtle", "upcreative"], ["subtle", "strong", "region"],
             ["zoomtwice", "zoomhalf", "zoom", "square"], ["left", "right", "up", "down"],
             ["keep", "link"]],
        ),
        (
            ("image",), (64, 64), Kind.IMAGINE,
            [["upsubtle", "upcreative"], ["subtle", "strong"], ["keep", "link"]],
        ),
        (
            ("image", "outpaint"), (64, 64), Kind.UPSCALE_SUBTLE,
            [["subtle", "strong"], ["zoomtwice", "zoomhalf", "zoom"],
             ["left", "right", "up", "down"], ["keep", "r", "link"]],
        ),
        ((), (64, 64), Kind.IMAGINE, [["keep", "link"]]),
    ],
)  # fmt: skip
async def test_a_picture_has_what_its_model_can(honours, size, kind, expected):
    """Under a picture stands what its model can do with it, and a link to where it came from."""
    job = dataclasses.replace(JOB, kind=kind)
    view = picture_view(job, picture(*size), card(*honours), "https://discord.com/channels/1/2/3")
    assert words(view) == expected
    assert view.timeout is None
    assert not [item for item in view.children
                if item.is_dispatchable() and not isinstance(item, JobButton)]  # fmt: skip


async def test_a_model_that_is_gone_leaves_the_heart():
    """Without its model a picture can still be kept."""
    assert words(picture_view(JOB, picture(), None)) == [["keep"]]


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
    assert len(COMMANDS) == len(set(COMMANDS))
