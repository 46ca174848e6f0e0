"""The validator itself: what it passes, and that it bites."""

import copy
from types import SimpleNamespace

import pytest


@pytest.fixture
async def recorded(loopback, start_bot, make_painter, new_bot):
    """Exchanges of a real login, a command and its answer."""
    bot = new_bot()

    @bot.tree.command(description="say")
    async def say(interaction) -> None:
        await interaction.response.send_message("said")

    await start_bot(loopback, bot)
    painter = await make_painter()
    await painter.slash("say")
    return loopback.traffic


def find(traffic, method, end):
    """A copy of one exchange, for a test to spoil."""
    found = next(e for e in traffic if e.method == method and e.path.endswith(end))
    return copy.deepcopy(found)


def test_no_validator_without_a_description(wire):
    """The description is Discord's own, as copied on the day that the README of the data names."""
    assert wire.description().spec["info"]["title"] == "Discord HTTP API (Preview)"
    assert len(wire.description().paths) == 150


async def test_real_traffic_is_valid(wire, recorded):
    """What discord.py sends and what the playground answers is as Discord describes it."""
    assert {e.path for e in recorded} >= {"/users/@me", "/oauth2/applications/@me"}
    assert wire.check(recorded) == []


async def test_wrong_request_bites(wire, recorded):
    """A wrong type and an unknown key in a request each are a fault."""
    wrong = find(recorded, "POST", "/callback")
    wrong.body["type"] = "four"
    unknown = find(recorded, "POST", "/callback")
    unknown.body["data"]["contents"] = "x"
    assert any("request /" in fault for fault in wire.check([wrong]))
    assert any("contents is not described" in fault for fault in wire.check([unknown]))


async def test_wrong_response_bites(wire, recorded):
    """A missing field, a wrong type and an unknown key in an answer each are a fault."""
    missing, wrong, unknown = (find(recorded, "GET", "/users/@me") for _ in range(3))
    del missing.response["locale"]
    wrong.response["username"] = 5
    unknown.response["nickname"] = "x"
    for exchange, sign in ((missing, "locale"), (wrong, "username"), (unknown, "nickname")):
        assert any("response" in f and sign in f for f in wire.check([exchange])), sign


@pytest.mark.parametrize(
    ("method", "path", "status", "body", "sign"),
    [
        ("GET", "/no/such/place", 200, None, "no such operation"),
        ("POST", "/channels/1/messages", 299, {"content": "x"}, "status 299"),
        ("POST", "/channels/1/messages", 200, {"content": "x" * 4001}, "too long"),
        ("POST", "/channels/1/messages", 403, {"content": 5}, "request /content"),
    ],
)
def test_wrong_operation_bites(wire, method, path, status, body, sign):
    """A path, a status and a length that are not described are faults."""
    exchange = SimpleNamespace(
        method=method, path=path, query={}, content_type="application/json", body=body,
        files={}, status=status, response=None, fault=None,
    )  # fmt: skip
    assert any(sign in fault for fault in wire.check([exchange]))


async def test_wrong_file_part_bites(wire, recorded):
    """A file without an entry in attachments, and a part with another name, are faults."""
    wrong = find(recorded, "POST", "/callback")
    wrong.content_type, wrong.files = (
        "multipart/form-data",
        {"files[0]": ("a", 1), "file": ("b", 1)},
    )
    faults = wire.check([wrong])
    assert any("has no entry" in fault for fault in faults)
    assert any("wrong name" in fault for fault in faults)


async def test_wrong_event_bites(wire, events, loopback, recorded):
    """A missing key, an unknown key and a wrong message in an event each are a fault."""
    sent = loopback.gateway.sent
    assert {name for name, _ in sent} >= {"READY", "INTERACTION_CREATE", "MESSAGE_CREATE"}
    assert events.check(sent, wire.description()) == []
    by_name = copy.deepcopy(dict(sent))
    del by_name["INTERACTION_CREATE"]["token"]
    by_name["READY"]["surplus"] = 1
    by_name["MESSAGE_CREATE"]["flags"] = None
    faults = events.check(by_name.items(), wire.description())
    for sign in ("token is missing", "surplus is not documented", "MESSAGE_CREATE: /flags"):
        assert any(sign in fault for fault in faults), sign
