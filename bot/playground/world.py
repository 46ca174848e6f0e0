"""The state of the playground: people, servers, channels, messages, files; kept in one folder.

What is there from the start is code (`shapes`); what came later is rows of the journal, and files
lie in `files/<id>`. Whoever must hear of changes adds a listener.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bot.playground import limits, permissions, shapes
from bot.playground.clock import Clock
from bot.playground.errors import ApiError, Json, RefusedError
from bot.playground.journal import Journal, Row

EPOCH_MS = 1420070400000
URL_LIVES_S = 24 * 3600
FILE_LIVES_S = 7 * 24 * 3600
TOKEN_LIVES_S = 900
GUILDS = 1 << 0
BOT = "bot"
EVERYBODY = "*"
THREAD = 11
DIRECT, GROUP = PRIVATE = (1, 3)
CONTEXTS = {DIRECT: 1, GROUP: 2}
"""Kind of channel: what Discord calls such a place, 0 everywhere else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something to be told: to EVERYBODY who sees the channel, the BOT, or one user's id.

    `message` is a row, which each listener shows in its own way; `intent` gates the bot.
    """

    name: str
    data: Json
    message: Row | None = None
    channel_id: str | None = None
    to: str = EVERYBODY
    intent: int = 0


class World:
    """All tables; only this file knows where they are kept."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder, self.clock = folder, clock
        self.base_url = ""
        self.listeners: list[Callable[[Event], None]] = []
        self.closed_dms: set[str] = set()
        self.installers: set[str] = set()  # who has added the app to their own account
        self.file_bytes = limits.FILE_BYTES
        (folder / "files").mkdir(parents=True, exist_ok=True)
        names = ("meta", "guilds", "channels", "messages", "commands", "interactions", "files")
        self.rows = Journal(folder / "world.ndjson", names)
        tables = self.rows.tables
        self.messages, self.commands = tables["messages"], tables["commands"]
        self.interactions, self.files = tables["interactions"], tables["files"]
        self._seed()
        self._last = max((int(k) for t in tables.values() for k in t if k.isdigit()), default=0)
        self._tidy()
        self._secret = self._meta("secret", secrets.token_hex(16)).encode()

    def _seed(self) -> None:
        people = {i: shapes.user(i, name) for name, (i, _) in shapes.PEOPLE.items()}
        self.bot = shapes.user(shapes.BOT_ID, "Easel", bot=True)
        self.users: dict[str, Json] = {**people, shapes.BOT_ID: self.bot}
        self.guilds: dict[str, Json] = {shapes.GUILD_ID: shapes.home_guild()}
        self.channels: dict[str, Json] = {
            i: shapes.text_channel(i, shapes.GUILD_ID, name, position)
            for position, (i, name) in enumerate(
                ((shapes.PAINTING_ID, "painting"), (shapes.GENERAL_ID, "general"))
            )
        }
        self.guilds.update(self.rows.tables["guilds"])
        self.channels.update(self.rows.tables["channels"])

    def _tidy(self) -> None:
        """Leave out what nobody reaches any more: ephemeral messages, dead tokens, loose files."""
        rows = [m for m in self.messages.values() if "ephemeral_to" not in m]
        used = {a["id"] for m in rows for a in m["attachments"]}

        def keep(table: str, row: Row) -> bool:
            if table == "messages":
                return "ephemeral_to" not in row
            if table == "interactions":
                return bool(self.age_s(row["id"]) < TOKEN_LIVES_S)
            return table != "files" or row["id"] in used or self.age_s(row["id"]) < FILE_LIVES_S

        self.rows.compact(keep)
        for path in (self.folder / "files").iterdir():
            if path.name not in self.files:
                path.unlink()

    def _meta(self, key: str, default: str) -> str:
        row = self.rows.tables["meta"].get(key)
        if row is None:
            row = {"value": default}
            self.rows.put("meta", key, row)
        return str(row["value"])

    @property
    def gateway_url(self) -> str:
        """Where clients connect, and where they resume."""
        return self.base_url.replace("http", "ws", 1) + "/gateway"

    def close(self) -> None:
        """Let go of the folder."""
        self.rows.close()

    # ids -------------------------------------------------------------------------------------

    def snowflake(self) -> str:
        """A new id, larger than every earlier one."""
        self._last = max(int(self.clock.now() * 1000 - EPOCH_MS) << 22, self._last + 1)
        return str(self._last)

    def age_s(self, snowflake: str) -> float:
        """How long ago an id was made."""
        return self.clock.now() - ((int(snowflake) >> 22) + EPOCH_MS) / 1000

    # people and places -----------------------------------------------------------------------

    def user(self, name: str) -> Json:
        """A person by name."""
        if name not in shapes.PEOPLE:
            raise RefusedError(f"No user {name!r}; there are {', '.join(shapes.PEOPLE)}.")
        return self.users[shapes.PEOPLE[name][0]]

    def channel(self, channel_id: str) -> Json:
        """A channel by id."""
        if channel_id not in self.channels:
            raise ApiError(10003)
        return self.channels[channel_id]

    def open_dm(self, user_id: str) -> Json:
        """The direct channel between the bot and a person, made if there was none."""
        if user_id not in self.users or self.users[user_id]["bot"]:
            raise ApiError(50007 if user_id in self.users else 10013)
        for channel in self.channels.values():
            if channel["type"] == 1 and channel["recipients"][0]["id"] == user_id:
                return channel
        channel = shapes.dm_channel(self.snowflake(), self.users[user_id])
        return self._add(channel, "CHANNEL_CREATE", to=user_id)

    def open_group(self, *names: str) -> Json:
        """A group of people without the bot, who reach it there by their own installs."""
        people = [self.user(name) for name in names]
        channel = shapes.group_channel(self.snowflake(), people)
        return self._add(channel, "CHANNEL_CREATE")

    def add_guild(self, name: str, owner: str = "admin", *, bot: bool = True) -> Json:
        """A further server, which the bot joins at once or never; it has no channel yet."""
        guild = shapes.another_guild(self.snowflake(), name, self.user(owner)["id"], bot=bot)
        self.guilds[guild["id"]] = guild
        self.rows.put("guilds", guild["id"], guild)
        if bot:
            data = shapes.gateway_guild(guild, self.users, [])
            del data["unavailable"]  # so a server that is new differs from one that is back
            self.tell(Event(name="GUILD_CREATE", data=data, to=BOT, intent=GUILDS))
        return guild

    def add_channel(self, guild_id: str, name: str, *, nsfw: bool = False) -> Json:
        """A further text channel."""
        place = sum(c.get("guild_id") == guild_id for c in self.channels.values())
        channel = shapes.text_channel(self.snowflake(), guild_id, name, place)
        return self._add({**channel, "nsfw": nsfw}, "CHANNEL_CREATE", intent=GUILDS)

    def add_thread(self, parent: Json, name: str, owner_id: str, thread_id: str = "") -> Json:
        """A thread in a text channel; one that hangs on a message has its id."""
        begun = self.clock.iso()
        thread = shapes.thread(thread_id or self.snowflake(), parent, name, owner_id, begun)
        return self._add(thread, "THREAD_CREATE", intent=GUILDS)

    def _add(self, channel: Json, told: str, to: str = EVERYBODY, intent: int = 0) -> Json:
        self.channels[channel["id"]] = channel
        self.rows.put("channels", channel["id"], channel)
        event = Event(name=told, data=channel, channel_id=channel["id"], to=to, intent=intent)
        self.tell(event)
        return channel

    def change_channel(self, channel_id: str, **fields: Any) -> Json:
        """Change a channel or a thread: its overwrites, `nsfw`, `archived` …"""
        channel = self.channel(channel_id)
        data = channel.get("thread_metadata", {})
        data.update({k: v for k, v in fields.items() if k in data})
        channel.update({k: v for k, v in fields.items() if k not in data})
        return self._add(channel, f"{_kind(channel)}_UPDATE", intent=GUILDS)

    def remove_channel(self, channel_id: str) -> None:
        """Take a channel or a thread away, with what was said in it."""
        channel = self.channel(channel_id)
        inside = [c["id"] for c in self.channels.values() if c.get("parent_id") == channel_id]
        for inner in inside:
            self.remove_channel(inner)
        for row in [m for m in self.messages.values() if m["channel_id"] == channel_id]:
            self.rows.drop("messages", row["id"])
            for attachment in row["attachments"]:
                self.drop_file(attachment["id"])
        brief = {k: channel[k] for k in ("id", "guild_id", "parent_id", "type")}
        told = brief if channel["type"] == THREAD else channel
        self.tell(Event(name=f"{_kind(channel)}_DELETE", data=told, intent=GUILDS))
        del self.channels[channel_id]
        self.rows.drop("channels", channel_id)

    def change_role(self, guild_id: str, role_id: str, permissions: int) -> None:
        """Let a role do this and nothing else."""
        guild = self.guilds[guild_id]
        role = next(r for r in guild["roles"] if r["id"] == role_id)
        role["permissions"] = str(permissions)
        self.rows.put("guilds", guild_id, guild)
        data = {"guild_id": guild_id, "role": role}
        self.tell(Event(name="GUILD_ROLE_UPDATE", data=data, intent=GUILDS))

    def change_member(self, guild_id: str, user_id: str, roles: list[str]) -> None:
        """Give a member these roles and no others; Discord tells the bot only of itself."""
        guild = self.guilds[guild_id]
        guild["members"][user_id] = {"roles": roles}
        self.rows.put("guilds", guild_id, guild)
        data = {**shapes.member(guild, self.users[user_id]), "guild_id": guild_id}
        to = EVERYBODY if user_id == shapes.BOT_ID else "page"
        self.tell(Event(name="GUILD_MEMBER_UPDATE", data=data, to=to))

    def allowed(self, channel: Json, user_id: str) -> int:
        """What somebody may do in a channel."""
        if channel["type"] in PRIVATE:
            inside = {user["id"] for user in channel["recipients"]}
            inside |= {shapes.BOT_ID} if channel["type"] == DIRECT else set()
            return int(permissions.DIRECT) if user_id in inside else 0
        guild = self.guilds[channel["guild_id"]]
        if channel["type"] != THREAD:
            return permissions.in_channel(guild, channel, user_id)
        held = permissions.in_channel(guild, self.channels[channel["parent_id"]], user_id)
        speaks = held & permissions.P.SEND_MESSAGES_IN_THREADS
        return held | permissions.P.SEND_MESSAGES if speaks else held & ~permissions.P.SEND_MESSAGES

    def has_bot(self, guild_id: str) -> bool:
        """Whether the bot is a member of that server."""
        return guild_id in self.guilds and shapes.BOT_ID in self.guilds[guild_id]["members"]

    def installs(self, channel: Json, user_id: str) -> Json:
        """By whose leave somebody may use the app here: the server's ("0") and their own ("1")."""
        guild_id = channel.get("guild_id", "0")
        joined = self.has_bot(guild_id) or channel["type"] == DIRECT
        own = {"1": user_id} if user_id in self.installers else {}
        return ({"0": guild_id} if joined else {}) | own

    def app_allowed(self, channel: Json, user_id: str) -> int:
        """What an answer to somebody may hold: where the bot is not, what they themselves may."""
        if "0" in self.installs(channel, user_id):
            return self.allowed(channel, shapes.BOT_ID)
        return self.allowed(channel, user_id) & permissions.ANSWER

    def allowed_in(self, guild_id: str, user_id: str) -> int:
        """What somebody may do in a server by role alone."""
        return permissions.in_guild(self.guilds[guild_id], user_id)

    def member(self, channel: Json, user_id: str) -> Json:
        """Somebody as a member of the channel's server, with what they may do there."""
        guild = self.guilds[channel["guild_id"]]
        return shapes.member(guild, self.users[user_id], self.allowed(channel, user_id))

    # files -----------------------------------------------------------------------------------

    def keep_file(self, channel_id: str, name: str, kind: str, content: bytes) -> str:
        """Store a file; its id."""
        file_id = self.snowflake()
        (self.folder / "files" / file_id).write_bytes(content)
        row = {"id": file_id, "channel_id": channel_id, "name": name, "kind": kind}
        self.rows.put("files", file_id, row)
        return file_id

    def drop_file(self, file_id: str) -> None:
        """Forget a file."""
        if self.rows.drop("files", file_id):
            (self.folder / "files" / file_id).unlink(missing_ok=True)

    def file_url(self, file_id: str) -> str:
        """The signed address of a file; it ends after a day, as Discord's do."""
        row = self.files[file_id]
        now = int(self.clock.now())
        path = f"/attachments/{row['channel_id']}/{file_id}/{quote(row['name'])}"
        end, begin = f"{now + URL_LIVES_S:x}", f"{now:x}"
        return f"{self.base_url}{path}?ex={end}&is={begin}&hm={self._sign(file_id, end, begin)}&"

    def open_file(self, file_id: str, query: dict[str, str]) -> tuple[Path, Row] | None:
        """Where a file lies, if its address is one of ours and has not ended."""
        row = self.files.get(file_id)
        end, begin, signed = (query.get(k, "") for k in ("ex", "is", "hm"))
        good = hmac.compare_digest(signed.encode(), self._sign(file_id, end, begin).encode())
        if row is None or not good or int(end, 16) < self.clock.now():
            return None
        return self.folder / "files" / file_id, row

    def _sign(self, *parts: str) -> str:
        return hmac.new(self._secret, "/".join(parts).encode(), hashlib.sha256).hexdigest()

    # telling ---------------------------------------------------------------------------------

    def tell(self, event: Event) -> None:
        """Tell everybody who listens, in order and at once."""
        for listener in list(self.listeners):
            listener(event)


def _kind(channel: Json) -> str:
    return "THREAD" if channel["type"] == THREAD else "CHANNEL"
