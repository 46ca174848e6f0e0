"""The playground as one application: the bot's API, the gateway, files, the page and its API.

It answers only requests for its own address: another page open in the same browser must not be
able to speak to it, whatever name it gives this machine.
"""

import logging
import time
import traceback
from pathlib import Path

from aiohttp import web

from bot.playground.clock import Clock
from bot.playground.commands import Commands
from bot.playground.errors import ApiError, Json
from bot.playground.faults import Faults, fail
from bot.playground.gateway import Gateway
from bot.playground.interactions import Interactions
from bot.playground.messages import Messages
from bot.playground.page_api import Handler, PageApi
from bot.playground.rates import Rates
from bot.playground.rest import ROUTES, Rest
from bot.playground.rest import Handler as RestHandler
from bot.playground.tape import Tape
from bot.playground.wire import LARGEST_READ, Call, Exchange, answer, read
from bot.playground.world import World

log = logging.getLogger(__name__)

API = "/api/v10"
PAGE = Path(__file__).parent / "page"
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; "
    "style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""What the page is served with: nothing from elsewhere, and never an old version."""
OLD_S = 3600


class Playground:
    """The server. `errors` holds its own bugs, `traffic` (if recorded) every exchange."""

    def __init__(
        self,
        folder: Path,
        *,
        token: str,
        clock: Clock | None = None,
        record: bool = False,
        limit_rates: bool = True,
        reads_content: bool = False,
    ) -> None:
        self.clock = clock or Clock()
        self.token, self.record = token, record
        self.errors: list[str] = []
        self.traffic: list[Exchange] = []
        self.world = World(folder, self.clock)
        self.messages = Messages(self.world, reads_content=reads_content)
        self.interactions = Interactions(self.messages)
        self.commands = Commands(self.world)
        self.tape = Tape(self.clock)
        self.gateway = Gateway(self.messages, token, self.tape, record=record)
        self.faults = Faults()
        self.rates = Rates(self.clock, off=not limit_rates)
        self.rest = Rest(self.world, self.messages, self.interactions, self.commands)
        self.page = PageApi(self.interactions, self.commands, self.gateway)
        self._runner: web.AppRunner | None = None
        self._hosts: set[str] = set()

    @property
    def url(self) -> str:
        """The address, once started."""
        return self.world.base_url

    async def start(self, port: int = 0) -> int:
        """Listen on loopback; the port. OSError if it is taken."""
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        try:
            await site.start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        port = int(runner.addresses[0][1])
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self.world.base_url = f"http://127.0.0.1:{port}"
        return port

    async def close(self) -> None:
        """End every connection and let go of the folder."""
        if self._runner is not None:
            await self.page.disconnect()
            await self.gateway.disconnect(1001)
            await self._runner.cleanup()
        self.world.close()

    def _application(self) -> web.Application:
        app = web.Application(middlewares=[self._guard], client_max_size=LARGEST_READ)
        app.on_response_prepare.append(_add_headers)
        for method, path, handler, status in ROUTES:
            app.router.add_route(method, API + path, self._api(path, handler, status))
        app.router.add_route("*", "/api/{path:.*}", self._unknown)
        for path in ("/gateway", "/gateway/"):
            app.router.add_get(path, self.gateway.connect)
        app.router.add_get("/attachments/{channel}/{file}/{name}", self._file)
        app.add_routes(self.page.routes())
        app.router.add_get("/", self._index)
        if PAGE.is_dir():
            app.router.add_static("/", PAGE)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        own = {f"http://{host}" for host in self._hosts}
        if request.headers.get("Host") not in self._hosts or (origin and origin not in own):
            text = f"This playground answers only at {self.url}."
            return web.Response(status=403, text=text)
        try:
            return await handler(request)
        except web.HTTPException:
            raise
        except Exception:  # why: the loop's edge; a bug here must fail a test, not be retried
            if request.transport is None or request.transport.is_closing():
                raise  # the client went away in the middle, which is no bug of ours
            self.errors.append(f"{request.method} {request.path}\n{traceback.format_exc()}")
            log.exception("playground: %s %s failed", request.method, request.path)
            return answer({"message": "500: Internal Server Error", "code": 0}, 500)

    # the bot's API ---------------------------------------------------------------------------

    def _api(self, template: str, handler: RestHandler, status: int) -> Handler:
        async def serve(request: web.Request) -> web.StreamResponse:
            began, path = time.perf_counter(), request.path.removeprefix(API)
            kind = request.content_type if request.can_read_body else None
            seen = Exchange(request.method, path, dict(request.query), kind)
            fault = await self.faults.take(request.method, path)
            if fault is None or fault.after:
                seen.status = status
                response = await self._serve(request, template, handler, seen)
            if fault is not None:
                seen.fault, seen.response = fault.what, None
                response = await fail(fault, request)
            seen.status, seen.headers = response.status, dict(response.headers)
            self.tape.exchange(seen, (time.perf_counter() - began) * 1000)
            if self.record:
                self.traffic.append(seen)
            return response

        return serve

    async def _serve(
        self, request: web.Request, template: str, handler: RestHandler, seen: Exchange
    ) -> web.Response:
        headers: dict[str, str] = {}
        try:
            seen.body, files = await read(request)
            seen.files = {part: (f.name, len(f.content)) for part, f in files.items()}
            call = Call(request.method, dict(request.match_info), seen.query, seen.body, files)
            open_to_all = template.startswith(("/interactions", "/webhooks"))
            if not open_to_all and request.headers.get("Authorization") != f"Bot {self.token}":
                raise ApiError(0)
            headers, refusal = self._limited(call, template)
            if refusal is not None:
                seen.response = refusal
                return answer(refusal, 429, headers)
            seen.response = handler(self.rest, call)
            return answer(seen.response, seen.status, headers)
        except ApiError as error:
            seen.response = error.body()
            return answer(seen.response, error.status, headers)

    def _limited(self, call: Call, template: str) -> tuple[dict[str, str], Json | None]:
        if template.startswith("/interactions"):
            return {}, None
        path = call.path
        major = path.get("token") or path.get("channel") or path.get("guild") or ""
        headers, refusal = self.rates.check(call.method, template, major)
        if refusal is None and call.method == "PATCH" and "message" in path and "channel" in path:
            row = self.world.messages.get(path["message"])
            if row is not None and self.world.age_s(row["id"]) > OLD_S:
                refusal = self.rates.check_old_edit(path["channel"])
                headers |= {"Via": "1.1 google"} if refusal else {}
        return headers, refusal

    async def _unknown(self, request: web.Request) -> web.Response:
        self.errors.append(f"The playground has no route {request.method} {request.path}.")
        return answer({"message": "404: Not Found", "code": 0}, 404)

    # files and the page ----------------------------------------------------------------------

    async def _file(self, request: web.Request) -> web.StreamResponse:
        if fault := await self.faults.take("GET", request.path):
            return await fail(fault, request)
        found = self.world.open_file(request.match_info["file"], dict(request.query))
        if found is None:
            return web.Response(status=404, text="This content is no longer available.")
        path, row = found
        safe = row["kind"].startswith(("image/", "text/plain")) and "svg" not in row["kind"]
        kind = row["kind"] if safe else "application/octet-stream"
        headers = {"Content-Type": kind, "Cache-Control": "private, max-age=86400"}
        return web.FileResponse(path, headers=headers)

    async def _index(self, _: web.Request) -> web.StreamResponse:
        index = PAGE / "index.html"
        if index.is_file():
            return web.FileResponse(index)
        return web.Response(text="The playground is up; its page is not installed.")


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
