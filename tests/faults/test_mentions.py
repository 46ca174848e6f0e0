"""Whatever stands in a prompt, nobody is pinged by it, on any way out."""

import itertools
import json
import os

import pytest

from bot.jobs import Job, Kind, State
from engine import Request

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="kills by signal"),
    pytest.mark.timeout(240),
]
WHO = "1100000000000000002"
ROLE = "1100000000000000301"
SEEDS = [
    "@everyone", "@here", f"<@{WHO}>", f"<@!{WHO}>", f"<@&{ROLE}>",
    "<@&1100000000000000200>", "@everyone @here", "@\u200beveryone", "<#1100000000000000201>",
    "</imagine:1>", "<id:customize>", "@Easel",
]  # fmt: skip
FORMS = ["{}", "**{}**", "`{}`", "a fox\n{}", "|| {} ||"]
PAYLOADS = [form.format(seed) for form, seed in itertools.product(FORMS, SEEDS)]
"""Sixty."""


def bodies(scene):
    """Every text of the bot that went out, whichever way, with what it may ping."""
    for exchange in scene.server.traffic:
        body = exchange.body
        if not isinstance(body, dict) or exchange.method not in ("POST", "PATCH"):
            continue
        data = body.get("data", body) if "/callback" in exchange.path else body
        if isinstance(data, dict) and ("content" in data or "embeds" in data):
            yield exchange, data


@pytest.mark.parametrize("make_scene", [True], indirect=True)
async def test_nobody_is_pinged(scene):
    """Sixty payloads through reply, edit, grid, picture, letter, refusal and failure: no ping."""
    world = scene.server.world
    world.closed_dms.add(world.user("admin")["id"])
    await scene.start(paint_s=0.02, room=32)
    await scene.until_online()
    assert len(PAYLOADS) == 60
    for payload in PAYLOADS:
        scene.ask(payload)
        scene.ask(f"{payload} --nonsense {payload}", "painter2")
    await scene.until(lambda m: "ephemeral_to" in m)
    jobs = [row for row in scene.asked if row["user_id"] == world.user("painter")["id"]]
    for row in jobs:
        await scene.until(lambda m, row=row: f"u:{row['id']}:0" in str(m["components"]))
    for row in jobs:
        (grid,) = scene.grids(int(row["id"]))
        scene.click(grid, f"u:{row['id']}:0", "painter2")
    for row in jobs[:8]:  # five letters in five seconds
        (grid,) = scene.grids(int(row["id"]))
        scene.server.messages.react(grid, "✉️", row["user_id"])
    for row in jobs[:8]:
        seed = seed_of(scene, row)
        await scene.until(lambda m, seed=seed: m["content"].endswith(f"**seed** {seed}"))
    await scene.until_quiet()
    await scene.kill()

    owed = [
        Job(id=int(world.snowflake()), kind=Kind.IMAGINE, state=State.ACCEPTED, channel_id=1,
            user_id=int(world.user("admin")["id"]), shown=payload, request=REQUEST)
        for payload in PAYLOADS[:3]
    ]  # fmt: skip
    await scene.leave_behind(*owed)
    await scene.start()
    await scene.until_online()
    for job in owed:
        await scene.until_state(job.id, "undeliverable")
    scene.use("info", "admin")
    for job in owed:
        await scene.until_state(job.id, "done")

    seen, people = set(), {user["id"] for user in world.users.values()}
    for exchange, data in bodies(scene):
        allowed = data.get("allowed_mentions")
        assert allowed is not None, f"{exchange.method} {exchange.path} allows everything"
        assert not allowed.get("parse"), exchange
        assert not allowed.get("roles"), exchange
        assert set(map(str, allowed.get("users", []))) <= people
        seen.add((exchange.method, exchange.path.split("/")[1]))
    assert seen >= {("POST", "interactions"), ("POST", "channels"), ("POST", "webhooks")}
    for message in world.messages.values():
        pinged = {user["id"] for user in message["mentions"]}
        assert pinged <= {str(owner_of(scene, message))}, message["content"]
        assert not message["mention_everyone"]
        assert not message["mention_roles"]


REQUEST = Request(
    prompt="a fox", seed=7, num_inference_steps=4, guidance_scale=1.0, width=64, height=64,
    model="scripted",
)  # fmt: skip


def seed_of(scene, row) -> int:
    """Return the seed that a job was painted with."""
    rows = scene._look(f"SELECT request FROM jobs WHERE id = {row['id']}")  # noqa: S608
    return json.loads(rows[0][0])["seed"]


def owner_of(scene, message) -> int:
    """Return whose job a message shows; a grid may ping nobody else."""
    found = scene._look(f"SELECT user_id FROM messages WHERE message_id = {message['id']}")  # noqa: S608
    return found[0][0] if found else 0
