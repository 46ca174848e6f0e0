"""Faults on demand, so that tests can see what a bot makes of them.

`faults.add("POST", r"/channels/\\d+/messages", 503, after=True)` lets the next such request take
effect and then answers it with 503. What can go wrong: a status from 500 on, one of Discord's own
codes (10008, 40005, 50013, 50027 …), "rate limited", "rate limited globally", "cloudflare" (a 429
in HTML), "reset" (the connection is cut), "stall" (no answer ever comes) and "slow" (all is well,
after `wait_s`). Files can fail too: `faults.add("GET", r"/attachments/.*", "slow", wait_s=9)`.
The gateway's faults are methods of `Gateway`: disconnect, stall, ask_reconnect, invalidate.
"""

import asyncio
import re
from dataclasses import dataclass

from aiohttp import web

from bot.playground.errors import ApiError, Json
from bot.playground.wire import answer

BUCKET = {"X-RateLimit-Bucket": "fault", "X-RateLimit-Limit": "5", "X-RateLimit-Remaining": "0",
          "X-RateLimit-Reset-After": "0.3"}  # fmt: skip
HTML = "<!DOCTYPE html><title>Access denied | discord.com used Cloudflare</title>"


@dataclass(slots=True)
class Fault:
    """One thing that shall go wrong, so many times."""

    method: str
    path: re.Pattern[str]
    what: int | str
    after: bool
    times: int
    wait_s: float


class Faults:
    """What shall still go wrong; `met` counts what did."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self.met = 0

    def add(
        self,
        method: str,
        path: str,
        what: int | str,
        *,
        after: bool = False,
        times: int = 1,
        wait_s: float = 1.0,
    ) -> None:
        """Let the next requests of this method and path fail, before or after their effect."""
        self._waiting.append(Fault(method, re.compile(path), what, after, times, wait_s))

    async def take(self, method: str, path: str) -> Fault | None:
        """The fault that meets this request; one that is only slow is over when this returns."""
        for fault in self._waiting:
            if fault.times and fault.method == method and fault.path.fullmatch(path):
                fault.times -= 1
                self.met += 1
                if fault.what != "slow":
                    return fault
                await asyncio.sleep(fault.wait_s)
        return None


async def fail(fault: Fault, request: web.Request) -> web.Response:
    """Answer a request by a fault."""
    what = fault.what
    if what == "stall":
        await asyncio.Event().wait()
    if what in ("stall", "reset"):
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)
    if what == "cloudflare":
        return web.Response(status=429, text=HTML, content_type="text/html")
    if isinstance(what, str):
        body: Json = {"message": "You are being rate limited.", "retry_after": 0.3, "code": 0}
        scope = "global" if what.endswith("globally") else "user"
        told = {"Via": "1.1 google", "Retry-After": "1", "X-RateLimit-Scope": scope}
        told |= {"X-RateLimit-Global": "true"} if scope == "global" else BUCKET
        return answer({**body, "global": scope == "global"}, 429, told)
    if what < 600:
        return answer({"message": f"{what}: a fault on demand", "code": 0}, what)
    error = ApiError(what)
    return answer(error.body(), error.status)
