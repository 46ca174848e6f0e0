"""Rate limits: Discord's headers, its 429, and that unmodified discord.py lives by them."""

import contextlib
import functools
import time

import aiohttp

PAINTING = 1100000000000000201


@contextlib.asynccontextmanager
async def careless(loopback):
    """Open a client whom no header holds back; what is yielded writes a message."""
    headers = {"Authorization": f"Bot {loopback.token}"}
    url = f"{loopback.url}/api/v10/channels/{PAINTING}/messages"
    async with aiohttp.ClientSession(headers=headers) as session:
        yield functools.partial(session.post, url, json={"content": "x"})


async def test_five_in_five_seconds(make_loopback, start_bot):
    """discord.py waits for the window that the headers name and is never refused."""
    loopback = await make_loopback(scale=2.0)
    bot = await start_bot(loopback)
    channel = bot.get_channel(PAINTING)
    began = time.monotonic()
    for n in range(7):
        await channel.send(str(n))
    assert time.monotonic() - began > 2.4
    posts = [e for e in loopback.traffic if e.method == "POST" and e.path.endswith("/messages")]
    assert [e.status for e in posts] == [200] * 7
    assert [e.headers["X-RateLimit-Remaining"] for e in posts[:5]] == list("43210")


async def test_without_limits_nobody_is_told_to_wait(make_loopback):
    """A playground without limits refuses nothing, and names no window that is still open."""
    loopback = await make_loopback(limit_rates=False)
    async with careless(loopback) as post:
        for _ in range(7):
            async with post() as response:
                assert response.status == 200
                assert float(response.headers["X-RateLimit-Reset-After"]) <= 0.001


async def test_too_fast_is_429_and_told_how_long(loopback, make_painter):
    """A client that ignores the headers meets a 429 with Via, Retry-After and retry_after."""
    await make_painter()
    async with careless(loopback) as post:
        for _ in range(5):
            async with post() as response:
                assert response.status == 200
        async with post() as response:
            assert response.status == 429
            body = await response.json()
            assert 0 < body["retry_after"] <= 5.01
            assert response.headers["X-RateLimit-Scope"] == "user"
            assert response.headers["Via"]
        loopback.clock.advance(5)
        async with post() as response:
            assert response.status == 200


async def test_global_limit(make_loopback):
    """More than fifty requests in a second are refused for the whole bot."""
    loopback = await make_loopback(scale=0.05)  # a second that is long enough on any machine
    headers = {"Authorization": f"Bot {loopback.token}"}
    statuses = []
    async with aiohttp.ClientSession(headers=headers) as session:
        for n in range(51):
            path = ("users/@me", "gateway", "gateway/bot", "oauth2/applications/@me")[n % 4]
            async with session.get(f"{loopback.url}/api/v10/{path}") as response:
                statuses.append(response.status)
        assert response.headers["X-RateLimit-Global"] == "true"
    assert statuses == [200] * 50 + [429]


async def test_old_messages_take_fewer_edits(loopback, start_bot):
    """A message older than an hour takes three edits in six seconds, then code 30046."""
    bot = await start_bot(loopback)
    message = await bot.get_channel(PAINTING).send("old")
    loopback.clock.advance(3601)
    url = f"{loopback.url}/api/v10/channels/{PAINTING}/messages/{message.id}"
    headers = {"Authorization": f"Bot {loopback.token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        for wanted in (200, 200, 200, 429):
            async with session.patch(url, json={"content": "new"}) as response:
                assert response.status == wanted
                body = await response.json()
    assert body["code"] == 30046


async def test_waits_are_in_the_clients_time(make_loopback):
    """On a fast clock a client is told to wait for a shorter time."""
    loopback = await make_loopback(scale=100.0)
    headers = {"Authorization": f"Bot {loopback.token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        url = f"{loopback.url}/api/v10/channels/{PAINTING}/messages"
        async with session.post(url, json={"content": "x"}) as response:
            assert float(response.headers["X-RateLimit-Reset-After"]) <= 0.051
