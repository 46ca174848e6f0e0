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


DEFER, CHOICES, WINDOW = (5, 6), 8, 9
"""Kinds of callbacks that are no messages."""


def callbacks(scene, kind):
    """What the bot answered with callbacks of one kind."""
    return [
        exchange.body["data"]
        for exchange in scene.server.traffic
        if exchange.path.endswith("/callback") and exchange.body["type"] == kind
    ]


def messages(scene):
    """Every message of the bot that was sent or edited, whichever way."""
    for exchange in scene.server.traffic:
        body = exchange.body
        if not isinstance(body, dict) or exchange.method not in ("POST", "PATCH"):
            continue
        if exchange.path.endswith("/callback"):
            if body["type"] not in (*DEFER, CHOICES, WINDOW):
                yield exchange, body["data"]
        elif "/messages" in exchange.path or exchange.path.startswith("/webhooks"):
            yield exchange, body


@pytest.mark.parametrize("make_scene", [True], indirect=True)
async def test_nobody_is_pinged(scene):
    """Sixty payloads by reply, edit, follow-up, picture, letter, window and choices: no ping.

    Embeds there are none: whatever the bot says stands in a message's text or parts.
    """
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
    await propose(scene, jobs)
    await rewrite(scene, jobs)
    await scene.until_quiet()
    scene.use("history")
    await scene.until(lambda m: "## Your pictures" in str(m["components"]))
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

    check_what_was_sent(scene, {user["id"] for user in world.users.values()})
    for message in world.messages.values():
        pinged = {user["id"] for user in message["mentions"]}
        assert pinged <= {str(owner_of(scene, message))}, message["content"]
        assert not message["mention_everyone"]
        assert not message["mention_roles"]


async def propose(scene, jobs):
    """Let payloads be typed, and others proposed, where a command completes what is typed."""
    for payload, row in zip(PAYLOADS, jobs, strict=True):
        await scene.until_answered(scene.type("show", "job_id", row["id"]))
        await scene.until_answered(scene.type("show", "job_id", payload))
        await scene.until_answered(scene.type("imagine", "model", payload[:50]))
    newest = await scene.until_answered(scene.type("show", "job_id", ""))
    assert newest["state"] == "acknowledged"
    names = [choice["name"] for data in callbacks(scene, CHOICES) for choice in data["choices"]]
    assert any("everyone" in name for name in names)


async def rewrite(scene, jobs):
    """Let every payload stand in a window, and come back from it."""
    await scene.until_answered(scene.use("prefer remix"))
    for payload, row in zip(PAYLOADS, jobs, strict=True):
        (grid,) = scene.grids(int(row["id"]))
        asked = await scene.until_answered(scene.click(grid, f"r:{row['id']}:0"))
        assert asked["modal"], payload
        scene.submit(asked, prompt=f"again {payload}")
    opened = callbacks(scene, WINDOW)
    assert len(opened) == len(PAYLOADS)
    assert sum("everyone" in json.dumps(window) for window in opened) >= 10


def check_what_was_sent(scene, people):
    """Whatever was sent or edited says whom it may ping: somebody by name, or nobody."""
    seen = set()
    for exchange, data in messages(scene):
        allowed = data.get("allowed_mentions")
        assert allowed is not None, f"{exchange.method} {exchange.path} allows everything"
        assert not allowed.get("parse"), exchange
        assert not allowed.get("roles"), exchange
        assert set(map(str, allowed.get("users", []))) <= people
        assert not data.get("embeds")
        seen.add((exchange.method, exchange.path.split("/")[1]))
    assert seen >= {
        *itertools.product(("POST", "PATCH"), ("channels", "webhooks")), ("POST", "interactions"),
    }  # fmt: skip


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
