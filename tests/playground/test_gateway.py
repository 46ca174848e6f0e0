"""The gateway: sessions, what they missed, intents, and the codes by which they end."""

import asyncio
import json

import aiohttp
import discord
import pytest

TALK = 1 << 0 | 1 << 9


@pytest.fixture
async def connect(loopback):
    """Open a bare connection: past HELLO, `.say(op, d)` and `.hear()`."""
    async with aiohttp.ClientSession() as session:

        async def open_one():
            socket = await session.ws_connect(loopback.world.gateway_url)
            assert (await socket.receive_json())["d"]["heartbeat_interval"] == 41250
            return socket

        yield open_one


def identify(token, intents=TALK, **more):
    """The frame by which a client says who it is."""
    return {"op": 2, "d": {"token": token, "intents": intents, "properties": {}, **more}}


async def test_resume_with_what_was_missed(loopback, start_bot, make_painter):
    """A client that lost its connection resumes and is told of what happened meanwhile."""
    bot = await start_bot(loopback)
    painter = await make_painter()
    message = await painter.say("react to this")
    dropped = asyncio.create_task(loopback.gateway.disconnect(4000))
    await asyncio.sleep(0)
    await painter.react(message, "✉️")
    await asyncio.wait_for(bot.resumed.wait(), 60)
    event = await asyncio.wait_for(bot.reactions.get(), 60)
    assert event.message_id == int(message["id"])
    assert [f["op"] for f in loopback.gateway.received if f["op"] in (2, 6)] == [2, 6]
    await dropped


async def test_asked_to_reconnect(loopback, start_bot):
    """Op 7 makes a client reconnect and resume."""
    bot = await start_bot(loopback)
    loopback.gateway.ask_reconnect()
    await asyncio.wait_for(bot.resumed.wait(), 60)


async def test_resume_of_a_forgotten_session(connect, loopback):
    """A session that ended, or that never was, answers a resume with op 9 and false."""
    socket = await connect()
    await socket.send_json(identify(loopback.token))
    session_id = (await socket.receive_json())["d"]["session_id"]
    await socket.close(code=4000)
    loopback.clock.advance(300)
    for unknown in (session_id, "1"):
        again = await connect()
        resume = {"token": loopback.token, "session_id": unknown, "seq": 1}
        await again.send_json({"op": 6, "d": resume})
        assert await again.receive_json() == {"op": 9, "d": False, "s": None, "t": None}


@pytest.mark.parametrize("resumable", [False, True])
async def test_invalid_session(connect, loopback, resumable):
    """Op 9 says whether the session may be resumed; one that may not is forgotten."""
    socket = await connect()
    await socket.send_json(identify(loopback.token))
    session_id = (await socket.receive_json())["d"]["session_id"]
    await socket.receive_json()
    loopback.gateway.invalidate(resumable=resumable)
    assert await socket.receive_json() == {"op": 9, "d": resumable, "s": None, "t": None}
    assert (session_id in loopback.gateway.sessions) == resumable


async def test_heartbeat(connect):
    """A heartbeat is acknowledged, even before identifying."""
    socket = await connect()
    await socket.send_json({"op": 1, "d": None})
    assert (await socket.receive_json())["op"] == 11


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (["not json"], 4002),
        (['{"op": 99}', ], 4003),
        (["identify", '{"op": 99}'], 4001),
        ([json.dumps(identify("wrong"))], 4004),
        (["identify", "identify"], 4005),
        (["resume ahead"], 4007),
        (['{"op": 1}'] * 121, 4008),
        (["shard"], 4010),
        (["bad intents"], 4013),
        (["content intent"], 4014),
    ],
)  # fmt: skip
async def test_codes(connect, loopback, frames, code):
    """Each fault of a client ends its connection with Discord's code for it."""
    token = loopback.token
    special = {
        "identify": identify(token),
        "shard": identify(token, shard=[1, 1]),
        "bad intents": identify(token, intents=1 << 40),
        "content intent": identify(token, intents=1 << 15),
    }
    socket = await connect()
    if frames == ["resume ahead"]:
        first = await connect()
        await first.send_json(identify(token))
        session_id = (await first.receive_json())["d"]["session_id"]
        special["resume ahead"] = {
            "op": 6, "d": {"token": token, "session_id": session_id, "seq": 99},
        }  # fmt: skip
    for frame in frames:
        await socket.send_str(json.dumps(special[frame]) if frame in special else frame)
    while (await socket.receive()).type is aiohttp.WSMsgType.TEXT:
        continue
    assert socket.close_code == code


async def test_other_ends(connect, loopback):
    """A frame over 4096 bytes is 4002, another version of the API 4012."""
    socket = await connect()
    await socket.send_str(json.dumps({"op": 1, "d": "x" * 5000}))
    assert await end_of(socket) == 4002
    async with aiohttp.ClientSession() as session:
        old = await session.ws_connect(f"{loopback.world.gateway_url}?v=9&encoding=json")
        assert await end_of(old) == 4012


async def end_of(socket):
    """The code by which a connection ends."""
    while (await socket.receive(timeout=5)).type is aiohttp.WSMsgType.TEXT:
        continue
    return socket.close_code


async def test_silent_client_is_sent_away(loopback):
    """A client that beats stays; without a heartbeat it ends with 4009, its session with it."""
    loopback.gateway.heartbeat_s = 1.0
    async with aiohttp.ClientSession() as session:
        silent = await session.ws_connect(loopback.world.gateway_url)
        assert (await silent.receive_json())["d"]["heartbeat_interval"] == 1000
        await silent.send_json(identify(loopback.token))
        for _ in range(4):
            await silent.send_json({"op": 1, "d": None})
            await asyncio.sleep(0.5)
        assert loopback.gateway.online
        assert await end_of(silent) == 4009
    async with asyncio.timeout(60):
        while loopback.gateway.sessions:
            await asyncio.sleep(0.01)


async def test_stalled_gateway(loopback, start_bot, new_bot, make_painter):
    """A client whose line falls silent notices by its heartbeat, and resumes without a loss."""
    loopback.gateway.heartbeat_s = 1.0
    bot = new_bot(heartbeat_timeout=2.0)
    await start_bot(loopback, bot)
    painter = await make_painter()
    message = await painter.say("react to this")
    loopback.gateway.stall()
    await painter.react(message, "✉️")
    await asyncio.wait_for(bot.resumed.wait(), 60)
    event = await asyncio.wait_for(bot.reactions.get(), 60)
    assert event.message_id == int(message["id"])


@pytest.mark.parametrize(
    ("code", "then"),
    [
        *((code, "resumes") for code in (4000, 4001, 4002, 4003, 4005, 4008)),
        *((code, "begins anew") for code in (4007, 4009)),
        *((code, discord.ConnectionClosed) for code in (4004, 4010, 4011, 4012, 4013)),
        (4014, discord.PrivilegedIntentsRequired),
    ],
)
async def test_each_close_code(loopback, start_bot, new_bot, code, then):
    """Whatever code Discord drops a client with: it resumes, begins anew, or gives up."""

    async def at_once(shard_id, *, initial=False):
        """discord.py would wait for five seconds."""

    bot = new_bot()
    bot.before_identify_hook = at_once
    running = await start_bot(loopback, bot, task=True)
    await loopback.gateway.disconnect(code)
    if not isinstance(then, str):
        with pytest.raises(then):
            await asyncio.wait_for(running, 60)
        assert loopback.gateway.sessions == {}
        return
    if then == "resumes":
        await asyncio.wait_for(bot.resumed.wait(), 60)
    wanted = [2, 6] if then == "resumes" else [2, 6, 2]
    async with asyncio.timeout(60):
        while logins(loopback) != wanted or not loopback.gateway.online:
            await asyncio.sleep(0.01)


def logins(loopback):
    """The ops by which the client came: 2 begins a session, 6 resumes one."""
    return [frame["op"] for frame in loopback.gateway.received if frame["op"] in (2, 6)]


async def test_intents_decide_what_is_told(connect, loopback, make_painter):
    """Without its intent a bot hears no messages; with it, not the text of others' messages."""
    deaf, hearing = await connect(), await connect()
    await deaf.send_json(identify(loopback.token, intents=1))
    await hearing.send_json(identify(loopback.token))
    for socket in (deaf, hearing):
        assert [(await socket.receive_json())["t"] for _ in range(2)] == ["READY", "GUILD_CREATE"]
    painter = await make_painter()
    await painter.say("secret")
    await painter.say(f"not secret, <@{loopback.world.bot['id']}>")
    heard = [(await hearing.receive_json())["d"]["content"] for _ in range(2)]
    assert heard == ["", f"not secret, <@{loopback.world.bot['id']}>"]
    with pytest.raises(TimeoutError):
        await deaf.receive_json(timeout=0.2)


async def test_a_hidden_channel_is_not_told(connect, loopback, make_painter):
    """What is said where the bot may not look never reaches it."""
    socket = await connect()
    await socket.send_json(identify(loopback.token))
    assert [(await socket.receive_json())["t"] for _ in range(2)] == ["READY", "GUILD_CREATE"]
    painter = await make_painter()
    overwrite = {"id": loopback.world.bot["id"], "type": 1, "allow": "0", "deny": str(1 << 10)}
    loopback.world.change_channel(painter.channel_id, permission_overwrites=[overwrite])
    await painter.say("behind its back")
    await painter.enter("general")
    await painter.say("openly")
    heard = [await socket.receive_json() for _ in range(2)]
    assert [frame["t"] for frame in heard] == ["CHANNEL_UPDATE", "MESSAGE_CREATE"]
    assert heard[1]["d"]["channel_id"] == painter.channel_id


async def test_shards(connect, loopback, point_discord, make_painter):
    """A sharded client asks where to connect; each shard hears of its own servers, 0 of DMs."""
    point_discord(loopback)
    bot = discord.AutoShardedClient(intents=discord.Intents(guilds=True), guild_ready_timeout=0.05)
    task = asyncio.create_task(bot.start(loopback.token))
    while not loopback.gateway.online:
        assert not task.done()
        await asyncio.sleep(0.05)
    await bot.close()
    await task
    assert "/gateway/bot" in [e.path for e in loopback.traffic]
    home = next(iter(loopback.world.guilds))
    mine = (int(home) >> 22) % 2
    sockets = [await connect() for _ in range(2)]
    for shard, socket in enumerate(sockets):
        await socket.send_json(identify(loopback.token, 1 << 12, shard=[shard, 2]))
        ready = (await socket.receive_json())["d"]
        assert [g["id"] for g in ready["guilds"]] == ([home] if shard == mine else [])
    painter = await make_painter()
    await painter.enter("dm")
    await painter.say("hello")
    heard = {s.shard: s.sequence for s in loopback.gateway.sessions.values() if s.socket}
    assert heard == {(0, 2): 2, (1, 2): 1}


async def test_wrong_token(loopback, point_discord):
    """A wrong token is refused at login."""
    point_discord(loopback)
    bot = discord.Client(intents=discord.Intents.none())
    with pytest.raises(discord.LoginFailure):
        await bot.start("wrong")
    await bot.close()
