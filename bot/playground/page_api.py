"""What a person's client does: the page and the tests' `Painter` speak this.

Every path takes `?as=NAME` (painter, painter2, moderator, admin, stranger; painter if left out).
Refusals are `{"error": "a sentence"}` with 400, 403 or 404. Messages are Discord's message objects
as that person sees them; `ephemeral_to` marks those that only they see.

GET    /page/state                     ?guild=ID (the first if left out): {"me", "permissions":
                                       {channel: bits}, "users", "members", "guild", "guilds",
                                       "commands", "bot": {"user", "online", "status"}, "channels":
                                       [{id, name, guild_id, parent_id, nsfw, type: "text" |
                                       "thread" | "dm" | "group", installs: by whose leave}]}
POST   /page/dm                        opens the direct channel with the bot; the channel
GET    /page/channels/C/messages       ?before=ID&limit=50; newest last
POST   /page/channels/C/messages       {"content", "message_reference"?} or multipart with files
DELETE /page/channels/C/messages/M     one's own, or with Manage Messages; an ephemeral one is
                                       dismissed
PUT, DELETE /page/channels/C/messages/M/reactions/EMOJI
POST   /page/interactions              JSON, or multipart (payload_json, files[n]):
    {"type": 2, "channel_id", "command": "name" or "group sub", "options": {name: value},
     "target_id"?: message}            a file option's value is {"file": n}
    {"type": 3, "message_id", "custom_id", "values"?: [...]}
    {"type": 4, "channel_id", "command", "options", "focused": name}
    {"type": 5, "interaction_id", "values": {custom_id: a text, [values], true, [{"file": n}]}}
  ("locale" may stand beside; en-US if left out)
  answers when the bot has, or after 3 s: {"interaction_id", "outcome": "acknowledged" | "failed" |
  "modal" | "choices", "reason"?, "modal"?: Discord's modal, "choices"?: [{name, value}]}
GET    /page/wire                      ?after=N: what went between the bot and this server, a
                                       line of JSON each (see `tape`)
GET    /page/events                    a WebSocket of {"t", "d"}: MESSAGE_CREATE, MESSAGE_UPDATE,
  MESSAGE_DELETE, REACTION_ADD, REACTION_REMOVE (both with all "reactions" that there are now),
  CHANNEL_CREATE, TYPING_START {channel_id, user_id}, BOT {online, status}, COMMANDS {commands},
  PLACES (channels, roles or members changed: ask for the state again),
  INTERACTION (as above; only to who began it)
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable

from aiohttp import web

from bot.playground import shapes
from bot.playground.commands import Commands
from bot.playground.errors import ApiError, Json, RefusedError
from bot.playground.gateway import Gateway
from bot.playground.gestures import Gestures
from bot.playground.interactions import Interactions
from bot.playground.journal import Row
from bot.playground.permissions import P
from bot.playground.wire import answer, read
from bot.playground.world import DIRECT, EVERYBODY, GROUP, THREAD, Event

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
CHANGES = ("CHANNEL_UPDATE", "CHANNEL_DELETE", "THREAD_UPDATE", "THREAD_DELETE",
           "GUILD_ROLE_UPDATE", "GUILD_MEMBER_UPDATE")  # fmt: skip
KINDS = {0: "text", DIRECT: "dm", GROUP: "group", THREAD: "thread"}
NAMES = dict.fromkeys(CHANGES, "PLACES") | {
    "THREAD_CREATE": "CHANNEL_CREATE",
    "MESSAGE_REACTION_ADD": "REACTION_ADD",
    "MESSAGE_REACTION_REMOVE": "REACTION_REMOVE",
}
"""What the gateway's events are called on the page, where they differ."""


class PageApi:
    """The page's routes, and its listeners."""

    def __init__(self, interactions: Interactions, commands: Commands, gateway: Gateway) -> None:
        self.interactions, self.commands, self.gateway = interactions, commands, gateway
        self.messages, self.world = interactions.messages, interactions.world
        self.gestures = Gestures(interactions, commands)
        self._listening: dict[asyncio.Queue[str], str] = {}
        self._sockets: set[web.WebSocketResponse] = set()
        self.world.listeners.append(self.tell)

    def routes(self) -> list[web.RouteDef]:
        """All paths, for the application."""
        message = "/page/channels/{channel}/messages/{message}"
        reaction = message + "/reactions/{emoji}"
        table: list[tuple[str, str, Handler]] = [
            ("GET", "/page/state", self.state),
            ("GET", "/page/events", self.events),
            ("GET", "/page/wire", self.wire),
            ("POST", "/page/dm", self.open_dm),
            ("POST", "/page/interactions", self.interact),
            ("GET", "/page/channels/{channel}/messages", self.history),
            ("POST", "/page/channels/{channel}/messages", self.post),
            ("DELETE", message, self.delete),
            ("PUT", reaction, self.react),
            ("DELETE", reaction, self.react),
        ]
        return [web.route(method, path, _speaking(handler)) for method, path, handler in table]

    def _me(self, request: web.Request) -> Json:
        return self.world.user(request.query.get("as", "painter"))

    def _channel(self, request: web.Request, needed: P = P.VIEW_CHANNEL) -> Json:
        me = self._me(request)["id"]
        return self.gestures.place(request.match_info["channel"], me, needed)

    def _row(self, request: web.Request) -> Row:
        channel = self._channel(request)
        me = self._me(request)["id"]
        return self.messages.get(request.match_info["message"], me, channel["id"])

    def _brief(self, channel: Json, viewer: str) -> Json:
        kind = KINDS[channel["type"]]
        others = [u["username"] for u in channel.get("recipients", []) if u["id"] != viewer]
        names = {"dm": self.world.bot["username"], "group": ", ".join(others)}
        return {
            "id": channel["id"],
            "name": names.get(kind) or channel["name"],
            "type": kind,
            "guild_id": channel.get("guild_id"),
            "parent_id": channel.get("parent_id"),
            "nsfw": bool(channel.get("nsfw")),
            "installs": sorted(self.world.installs(channel, viewer)),
        }

    def _show(self, row: Row, viewer: str) -> Json:
        shown = self.messages.show(row, viewer)
        return {**shown, "ephemeral_to": viewer} if "ephemeral_to" in row else shown

    # reading ---------------------------------------------------------------------------------

    async def state(self, request: web.Request) -> web.Response:
        """Everything a client wants to know at its start."""
        me = self._me(request)
        seen = {c["id"]: self.world.allowed(c, me["id"]) for c in self.world.channels.values()}
        mine = [g for g in self.world.guilds.values() if me["id"] in g["members"]]
        guild = next((g for g in mine if g["id"] == request.query.get("guild")), mine[0])
        people = [self.world.users[i] for i in guild["members"]]
        return answer(
            {
                "me": me,
                "permissions": {i: str(bits) for i, bits in seen.items() if bits},
                "users": [u for u in people if not u["bot"]],
                "members": [shapes.member(guild, u) for u in people],
                "guild": shapes.guild(guild),
                "guilds": [{"id": g["id"], "name": g["name"]} for g in mine],
                "channels": [
                    self._brief(c, me["id"])
                    for c in self.world.channels.values()
                    if seen[c["id"]] & P.VIEW_CHANNEL and c.get("guild_id") in (None, guild["id"])
                ],
                "commands": [*self.commands.listed(), *self.commands.listed(guild["id"])],
                "bot": {"user": self.world.bot, **self.gateway.presence()},
            }
        )

    async def history(self, request: web.Request) -> web.Response:
        """Messages of a channel, newest last."""
        channel, me = self._channel(request), self._me(request)["id"]
        rows = self.messages.history(channel["id"], me, dict(request.query))
        return answer([self._show(row, me) for row in reversed(rows)])

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Tell one client of all that happens, until it leaves."""
        me = self._me(request)["id"]
        ws = web.WebSocketResponse(timeout=1, heartbeat=30)
        await ws.prepare(request)
        queue: asyncio.Queue[str] = asyncio.Queue()
        self._listening[queue] = me
        self._sockets.add(ws)

        async def write() -> None:
            with contextlib.suppress(ConnectionError):
                while True:
                    await ws.send_str(await queue.get())

        writer = asyncio.create_task(write())
        try:
            async for _ in ws:
                continue
        finally:
            del self._listening[queue]
            self._sockets.discard(ws)
            writer.cancel()
        return ws

    async def wire(self, request: web.Request) -> web.Response:
        """What went over the wire of late."""
        after = request.query.get("after", "0")
        if not after.isdecimal():
            raise RefusedError("after is the number of a line.")
        text = self.gateway.tape.since(int(after))
        return web.Response(text=text, content_type="application/x-ndjson")

    async def disconnect(self) -> None:
        """Send every client away: the server stops."""
        await asyncio.gather(*(ws.close(code=1001) for ws in list(self._sockets)))

    def tell(self, event: Event) -> None:
        """Pass an event on to the clients that may see it."""
        for queue, me in self._listening.items():
            if event.to not in (EVERYBODY, "page", me) or event.name == "INTERACTION_CREATE":
                continue
            if event.channel_id is not None:
                channel = self.world.channels[event.channel_id]
                if not self.world.allowed(channel, me) & P.VIEW_CHANNEL:
                    continue
            name, data = NAMES.get(event.name, event.name), event.data
            if name == "CHANNEL_CREATE":
                data = self._brief(data, me)
            elif name == "PLACES":
                data = {}
            elif name.startswith("REACTION_"):  # whole, so that hearing it twice does no harm
                shown = self._show(self.world.messages[data["message_id"]], me)
                data = {**data, "reactions": shown.get("reactions", [])}
            elif event.message is not None:
                data = self._show(event.message, me)
            queue.put_nowait(json.dumps({"t": name, "d": data}))

    # doing -----------------------------------------------------------------------------------

    async def open_dm(self, request: web.Request) -> web.Response:
        """The person's direct channel with the bot."""
        me = self._me(request)["id"]
        return answer(self._brief(self.world.open_dm(me), me))

    async def post(self, request: web.Request) -> web.Response:
        """Say something."""
        channel, me = self._channel(request, P.SEND_MESSAGES), self._me(request)["id"]
        body, files = await read(request)
        said = {k: (body or {}).get(k) for k in ("content", "message_reference")}
        row = self.messages.create(
            channel["id"], me, {k: v for k, v in said.items() if v is not None}, files
        )
        return answer(self._show(row, me))

    async def delete(self, request: web.Request) -> web.Response:
        """Take a message away, or dismiss what only this person sees."""
        row, me = self._row(request), self._me(request)["id"]
        if me not in (row["author_id"], row.get("ephemeral_to")):
            self._channel(request, P.MANAGE_MESSAGES)
        self.messages.delete(row)
        return answer(None)

    async def react(self, request: web.Request) -> web.Response:
        """React, or take a reaction back."""
        row, me = self._row(request), self._me(request)["id"]
        if "ephemeral_to" in row:
            raise RefusedError("A message that only you can see takes no reactions.")
        if request.method == "PUT":
            self._channel(request, P.ADD_REACTIONS)
            self.messages.react(row, request.match_info["emoji"], me)
        else:
            self.messages.unreact(row, request.match_info["emoji"], me)
        return answer(None)

    async def interact(self, request: web.Request) -> web.Response:
        """Use a command, press a button, choose, fill a window; what the bot answered."""
        me = self._me(request)["id"]
        body, files = await read(request)
        row = self.gestures.begin(me, body or {}, files)
        return answer(await self.interactions.outcome(row))


def _speaking(handler: Handler) -> Handler:
    """Turn refusals into a sentence for the page."""

    async def speak(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except ApiError as error:
            return answer({"error": _sentence(error), "code": error.code}, error.status)
        except RefusedError as refused:
            return answer({"error": str(refused)}, 403)

    return speak


def _sentence(error: ApiError) -> str:
    found = error.errors
    while found and "_errors" not in found:
        found = next(iter(found.values()))
    return f"{error.message}: {found['_errors'][0]['message']}" if found else error.message
