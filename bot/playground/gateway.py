"""The gateway: sessions that are identified, resumed with what they missed, and told of events.

Frames are plain text whatever compression was asked for; unmodified clients take them.
"""

import asyncio
import contextlib
import json
import time
from collections import deque
from typing import Any

from aiohttp import WSMsgType, web

from bot.playground import shapes
from bot.playground.errors import Json
from bot.playground.messages import Messages
from bot.playground.permissions import P
from bot.playground.shapes import BOT_ID
from bot.playground.tape import Tape
from bot.playground.world import BOT, EVERYBODY, GUILDS, Event

RESUMABLE_S = 120
KEPT = 1000
PRIVILEGED = 1 << 1 | 1 << 8 | 1 << 15
CONTENT = 1 << 15
OVER = {1000, 1001, 4004, 4007, 4009, 4010, 4011, 4012, 4013, 4014}
"""Codes after which a session cannot be resumed."""
KNOWN_INTENTS = (1 << 26) - 1
ANSWER_S = 0.05
SENDS, SENDS_PER_S = 120, 60.0
PAYLOAD_BYTES = 4096


class Session:
    """One identified client; while its socket is gone, events wait for it."""

    def __init__(self, session_id: str, intents: int, shard: tuple[int, int]) -> None:
        self.id, self.intents, self.shard = session_id, intents, shard
        self.sequence = 0
        self.status = ""
        self.kept: deque[tuple[int, str]] = deque(maxlen=KEPT)
        self.socket: Socket | None = None
        self.gone_at = 0.0

    def dispatch(self, name: str, data: Json) -> None:
        """Send an event, or keep it for a resume."""
        self.sequence += 1
        text = json.dumps({"op": 0, "t": name, "s": self.sequence, "d": data})
        self.kept.append((self.sequence, text))
        if self.socket is not None:
            self.socket.queue.put_nowait(text)

    def sees(self, guild_id: str | None) -> bool:
        """Whether this shard is told of that server; direct messages go to shard 0."""
        mine, count = self.shard
        return mine == (0 if guild_id is None else (int(guild_id) >> 22) % count)


class Socket:
    """One connection: frames leave it in order, by a task of its own."""

    def __init__(self, ws: web.WebSocketResponse, heartbeat_s: float) -> None:
        self.ws, self.heartbeat_s = ws, heartbeat_s
        self.queue: asyncio.Queue[str] = asyncio.Queue()
        self.session: Session | None = None
        self.received: deque[float] = deque(maxlen=SENDS)
        self.ended_with: int | None = None
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.beat_at = time.monotonic()

    def send(self, op: int, data: Any = None) -> None:
        """Queue a frame that is no event."""
        self.queue.put_nowait(json.dumps({"op": op, "d": data, "s": None, "t": None}))

    async def receive(self) -> str | None:
        """The next frame, None at the end; a client without a heartbeat is sent away."""
        left_s = self.beat_at + 1.5 * self.heartbeat_s - time.monotonic()
        try:
            frame = await self.ws.receive(timeout=max(0.001, left_s))
        except TimeoutError:
            raise ClosedError(4009, "Session timed out.") from None
        return frame.data if frame.type is WSMsgType.TEXT else None

    async def write(self) -> None:
        """Send what is queued, until cancelled or the client is gone."""
        with contextlib.suppress(ConnectionError):
            while True:
                text = await self.queue.get()
                await self.flowing.wait()
                await self.ws.send_str(text)


class ClosedError(Exception):
    """The server ends the connection with one of Discord's codes."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Gateway:
    """All sessions."""

    def __init__(self, messages: Messages, token: str, tape: Tape, *, record: bool = False) -> None:
        self.tape, self.record = tape, record
        self.heartbeat_s = 41.25
        self.sent: list[tuple[str, Json]] = []
        self.messages, self.world, self.token = messages, messages.world, token
        self.sessions: dict[str, Session] = {}
        self.received: list[Json] = []
        self.deliver_twice = False
        self.world.listeners.append(self.tell)

    @property
    def online(self) -> bool:
        """Whether a bot is connected."""
        return any(s.socket is not None for s in self.sessions.values())

    def presence(self) -> Json:
        """Whether the bot is there, and what it says that it is doing."""
        said = [s.status for s in self.sessions.values() if s.socket is not None and s.status]
        return {"online": self.online, "status": said[-1] if said else ""}

    def tell(self, event: Event) -> None:
        """Pass an event on to the sessions whose intents and shard want it."""
        if event.to not in (EVERYBODY, BOT) or event.name == "COMMANDS":
            return
        self._forget()
        if event.to != BOT and not self._is_seen(event):
            return
        for session in self.sessions.values():
            if event.intent and not session.intents & event.intent:
                continue
            data = event.data
            if event.message is not None:
                data = {**self.messages.show(event.message), **data}
            if session.sees(data.get("guild_id")):
                for _ in range(2 if self.deliver_twice else 1):
                    self._dispatch(session, event.name, data)

    def _is_seen(self, event: Event) -> bool:
        """Whether the bot is where this happened, and may look; of channels it is always told."""
        guild_id = event.data.get("guild_id")
        if guild_id and not self.world.has_bot(guild_id):
            return False
        channel = self.world.channels.get(event.channel_id or "")
        if channel is None or (guild_id and event.name.startswith("CHANNEL_")):
            return True
        return bool(self.world.allowed(channel, BOT_ID) & P.VIEW_CHANNEL)

    def _dispatch(self, session: Session, name: str, data: Json) -> None:
        if self.record:
            self.sent.append((name, data))
        self.tape.event(name, data)
        session.dispatch(name, data)

    def _forget(self) -> None:
        now = self.world.clock.now()
        for session in list(self.sessions.values()):
            if session.socket is None and now - session.gone_at > RESUMABLE_S:
                del self.sessions[session.id]

    async def connect(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one connection until it ends."""
        ws = web.WebSocketResponse(timeout=1, max_msg_size=16 * PAYLOAD_BYTES, compress=False)
        await ws.prepare(request)
        socket = Socket(ws, self.heartbeat_s)
        interval_ms = round(socket.heartbeat_s * 1000)
        self._send(socket, 10, {"heartbeat_interval": interval_ms, "_trace": []})
        writer = asyncio.create_task(socket.write())
        try:
            if request.query.get("v", "10") != "10":
                raise ClosedError(4012, "Invalid API version.")
            while (text := await socket.receive()) is not None:
                self._receive(socket, text)
        except ClosedError as closed:
            self.tape.closed(closed.code, str(closed))
            socket.ended_with = closed.code
            await ws.close(code=closed.code, message=str(closed).encode())
        finally:
            writer.cancel()
            self._leave(socket)
        return ws

    def _send(self, socket: Socket, op: int, data: Any = None) -> None:
        self.tape.frame(op, data, to_bot=True)
        socket.send(op, data)

    def _leave(self, socket: Socket) -> None:
        session = socket.session
        if session is None or session.socket is not socket:
            return
        session.socket, session.gone_at = None, self.world.clock.now()
        if (socket.ended_with or socket.ws.close_code) in OVER:
            self.sessions.pop(session.id, None)
        self._tell_presence()

    def _tell_presence(self) -> None:
        self.world.tell(Event(name="BOT", data=self.presence(), to="page"))

    def _receive(self, socket: Socket, text: str) -> None:
        now = self.world.clock.now()
        if len(socket.received) == SENDS and now - socket.received[0] < SENDS_PER_S:
            raise ClosedError(4008, "You sent payloads too quickly.")
        socket.received.append(now)
        if len(text.encode()) > PAYLOAD_BYTES:
            raise ClosedError(4002, "Error while decoding payload.")
        try:
            frame = json.loads(text)
            op, data = frame["op"], frame.get("d")
        except (ValueError, KeyError, TypeError):
            raise ClosedError(4002, "Error while decoding payload.") from None
        if op in (2, 3, 6, 8) and not isinstance(data, dict):
            raise ClosedError(4002, "Error while decoding payload.")
        if self.record:
            self.received.append(frame)
        if op != 1:
            self.tape.frame(op, data, to_bot=False)
        if op == 1:
            socket.beat_at = time.monotonic()
            # why: discord.py notes when it beat only after that, and warns of an earlier answer
            asyncio.get_running_loop().call_later(ANSWER_S, socket.send, 11)
        elif op == 2:
            self._identify(socket, data)
        elif op == 6:
            self._resume(socket, data)
        elif socket.session is None:
            raise ClosedError(4003, "Not authenticated.")
        elif op == 8:
            self._members(socket.session, data)
        elif op == 3:
            socket.session.status = _status(data)
            self._tell_presence()
        elif op != 4:
            raise ClosedError(4001, "Unknown opcode.")

    def _identify(self, socket: Socket, data: Json) -> None:
        if socket.session is not None:
            raise ClosedError(4005, "Already authenticated.")
        if data.get("token") != self.token:
            raise ClosedError(4004, "Authentication failed.")
        intents = data.get("intents")
        if not isinstance(intents, int) or intents & ~KNOWN_INTENTS:
            raise ClosedError(4013, "Invalid intent(s).")
        if intents & PRIVILEGED & ~(CONTENT if self.messages.reads_content else 0):
            raise ClosedError(4014, "Disallowed intent(s).")
        mine, count = data.get("shard") or (0, 1)
        if not 0 <= mine < count:
            raise ClosedError(4010, "Invalid shard.")
        session = Session(self.world.snowflake(), intents, (mine, count))
        session.status = _status(data.get("presence") or {})
        self.sessions[session.id] = session
        self._attach(socket, session)
        self._greet(session, "shard" in data)

    def _attach(self, socket: Socket, session: Session) -> None:
        socket.session, session.socket = session, socket
        self._tell_presence()

    def _greet(self, session: Session, sharded: bool) -> None:
        known = [g for g in self.world.guilds.values() if self.world.has_bot(g["id"])]
        guilds = [g for g in known if session.sees(g["id"])]
        self._dispatch(
            session,
            "READY",
            {
                "v": 10,
                "user": {**self.world.bot, "verified": True, "mfa_enabled": True, "email": None},
                "guilds": [{"id": g["id"], "unavailable": True} for g in guilds],
                "session_id": session.id,
                "session_type": "normal",
                "resume_gateway_url": self.world.gateway_url,
                "application": {"id": BOT_ID, "flags": 0},
                "private_channels": [],
                "relationships": [],
                "presences": [],
                "guild_join_requests": [],
                **({"shard": list(session.shard)} if sharded else {}),
            },
        )
        for guild in guilds if session.intents & GUILDS else []:
            self._dispatch(session, "GUILD_CREATE", self._guild(guild))

    def _guild(self, guild: Json) -> Json:
        channels = [c for c in self.world.channels.values() if c.get("guild_id") == guild["id"]]
        return shapes.gateway_guild(guild, self.world.users, channels)

    def _resume(self, socket: Socket, data: Json) -> None:
        if socket.session is not None:
            raise ClosedError(4005, "Already authenticated.")
        self._forget()
        session = self.sessions.get(str(data.get("session_id")))
        if data.get("token") != self.token or session is None:
            self._send(socket, 9, False)
            return
        after = data.get("seq")
        if not isinstance(after, int) or not 0 <= after <= session.sequence:
            raise ClosedError(4007, "Invalid seq.")
        if session.kept and session.kept[0][0] > after + 1:
            self._send(socket, 9, False)
            return
        for sequence, text in session.kept:
            if sequence > after:
                socket.queue.put_nowait(text)
        self._attach(socket, session)
        session.dispatch("RESUMED", {"_trace": []})

    def _members(self, session: Session, data: Json) -> None:
        guild = self.world.guilds.get(str(data.get("guild_id")))
        if guild is None:
            return
        found = [shapes.member(guild, self.world.users[i]) for i in guild["members"]]
        asked = [str(i) for i in data.get("user_ids") or []]
        chosen = [m for m in found if not asked or m["user"]["id"] in asked]
        self._dispatch(
            session,
            "GUILD_MEMBERS_CHUNK",
            {
                "guild_id": guild["id"],
                "members": chosen,
                "chunk_index": 0,
                "chunk_count": 1,
                "not_found": [i for i in asked if i not in guild["members"]],
                "nonce": data.get("nonce"),
            },
        )

    async def disconnect(self, code: int = 4000) -> None:
        """Drop every connection with this code, as Discord does now and then."""
        self.tape.closed(code, "Dropped.")
        dropped = self._open()
        for socket in dropped:
            socket.ended_with = code
        await asyncio.gather(*(socket.ws.close(code=code) for socket in dropped))

    def stall(self) -> None:
        """Let every open connection fall silent, though it stays open; new ones are served."""
        for socket in self._open():
            socket.flowing.clear()

    def _open(self) -> list[Socket]:
        return [s.socket for s in self.sessions.values() if s.socket is not None]

    def ask_reconnect(self) -> None:
        """Tell every client to reconnect and resume (op 7)."""
        for socket in self._open():
            self._send(socket, 7)

    def invalidate(self, *, resumable: bool = False) -> None:
        """Tell every client that its session is over (op 9)."""
        for session in list(self.sessions.values()):
            if session.socket is not None:
                self._send(session.socket, 9, resumable)
            if not resumable:
                del self.sessions[session.id]


def _status(presence: Json) -> str:
    """What a presence says: the state of a custom activity, or an activity's name."""
    shown = [a.get("state") or a["name"] for a in presence.get("activities") or [] if a]
    return str(shown[0]) if shown else ""
