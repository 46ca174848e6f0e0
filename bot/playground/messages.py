"""Messages: made, edited, deleted, reacted to, and shown to whoever asks.

A row is Discord's message with ids where people and addresses will stand: the author, the
attachments' addresses (they expire) and the reactions (`me` differs for each viewer).
"""

import copy
import re
from typing import Any

from bot.playground import limits, views
from bot.playground.attachments import (
    Uploads,
    embedded_media,
    file_of,
    make_entry,
    media_of,
)
from bot.playground.errors import ApiError, Json, invalid
from bot.playground.journal import Row
from bot.playground.permissions import Permission
from bot.playground.shapes import BOT_ID
from bot.playground.world import EVERYBODY, PRIVATE, Event, World

GUILD_MESSAGES, DIRECT_MESSAGES = 1 << 9, 1 << 12
GUILD_REACTIONS, DIRECT_REACTIONS = 1 << 10, 1 << 13
NONCE_LIVES_S = 300
DEFAULTS: dict[int, Json] = {
    3: {"min_values": 1, "max_values": 1},
    5: {"min_values": 1, "max_values": 1},
    6: {"min_values": 1, "max_values": 1},
    7: {"min_values": 1, "max_values": 1},
    8: {"min_values": 1, "max_values": 1},
    11: {"description": None, "spoiler": False},
    13: {"name": None, "size": None, "spoiler": False},
    14: {"divider": True, "spacing": 1},
    17: {"accent_color": None, "spoiler": False},
}


class Messages:
    """What happens to messages; permissions of the asker are the caller's business."""

    def __init__(self, world: World, *, reads_content: bool = False) -> None:
        self.world = world
        self.reads_content = reads_content

    # reading ---------------------------------------------------------------------------------

    def get(self, message_id: str, viewer: str = BOT_ID, channel_id: str | None = None) -> Row:
        """A message that this viewer can see."""
        row = self.world.messages.get(message_id)
        if row is None or row.get("ephemeral_to", viewer) != viewer:
            raise ApiError(10008)
        if channel_id is not None and row["channel_id"] != channel_id:
            raise ApiError(10008)
        return row

    def history(self, channel_id: str, viewer: str, query: dict[str, str]) -> list[Row]:
        """Messages of a channel, newest first, by `before`, `after`, `around` and `limit`."""
        asked = [query.get(key) or "0" for key in ("limit", "before", "after", "around")]
        if not all(text.isdecimal() for text in asked):
            raise invalid("query", "NUMBER_TYPE_COERCE", "Values must be whole numbers.")
        limit, before, after, around = map(int, asked)
        limit = limit or 50
        if limit > 100:
            raise invalid("limit", "NUMBER_TYPE_MAX", "int value should be between 1 and 100.")
        rows = [
            row
            for row in self.world.messages.values()
            if row["channel_id"] == channel_id and row.get("ephemeral_to", viewer) == viewer
        ]
        rows.sort(key=lambda row: int(row["id"]))
        if before:
            rows = [row for row in rows if int(row["id"]) < before]
        if after:
            return [row for row in rows if int(row["id"]) > after][:limit][::-1]
        if around:
            rows.sort(key=lambda row: abs(int(row["id"]) - around))
            return sorted(rows[:limit], key=lambda row: -int(row["id"]))
        return rows[-limit:][::-1]

    def show(self, row: Row, viewer: str = BOT_ID) -> Json:
        """A message as one viewer sees it."""
        return views.show(self.world, row, viewer, reads_content=self.reads_content)

    # writing ---------------------------------------------------------------------------------

    def create(
        self, channel_id: str, author_id: str, body: Json, files: Uploads, **extra: Any
    ) -> Row:
        """Post a message; with `enforce_nonce` the one that already has this nonce."""
        nonce = body.get("nonce")
        if nonce is not None and len(str(nonce)) > 25:
            raise invalid("nonce", "NONCE_TYPE_TOO_LONG", "Must be 25 or fewer in length.")
        if (known := self._known_nonce(channel_id, author_id, body)) is not None:
            return known
        self._wake(channel_id)
        row = self._blank(channel_id, author_id, **extra)
        self._fill(row, body, files)
        row["flags"] = row["flags"] | (body.get("flags") or 0) & limits.SENDABLE
        self._refer(row, body)
        self._mention(row, body.get("allowed_mentions"))
        self._commit(row, files, body)
        if nonce is not None:
            row["nonce"] = nonce
        self._save(row, "MESSAGE_CREATE")
        return row

    def loading(self, channel_id: str, **extra: Any) -> Row:
        """Post the message that says that the bot is thinking."""
        self._wake(channel_id)
        row = self._blank(channel_id, BOT_ID, **extra)
        row["flags"] = limits.LOADING
        self._save(row, "MESSAGE_CREATE")
        return row

    def edit(self, row: Row, body: Json, files: Uploads) -> Row:
        """Change what the body names; the rest stays."""
        self._check_awake(row)
        fresh = copy.deepcopy(row)
        fresh["flags"] &= ~limits.LOADING
        self._fill(fresh, body, files)
        asked = body.get("flags")
        if asked is not None:
            fresh["flags"] = fresh["flags"] & ~4 | asked & (4 | limits.V2)
        self._mention(fresh, body.get("allowed_mentions"))
        self._commit(fresh, files, body)
        fresh["edited_timestamp"] = self.world.clock.iso()
        kept = {a["id"] for a in fresh["attachments"]}
        for attachment in row["attachments"]:
            if attachment["id"] not in kept:
                self.world.drop_file(attachment["id"])
        row.clear()
        row.update(fresh)
        self._save(row, "MESSAGE_UPDATE")
        return row

    def delete(self, row: Row) -> None:
        """Take a message away, with its files."""
        self.world.rows.drop("messages", row["id"])
        for attachment in row["attachments"]:
            self.world.drop_file(attachment["id"])
        data = {"id": row["id"], "channel_id": row["channel_id"], **self._where(row)}
        self._tell(row, "MESSAGE_DELETE", data, None)

    def _wake(self, channel_id: str) -> None:
        """Bring a thread out of the archive, as whoever writes in it does; not a locked one."""
        sleeping = self.world.channels[channel_id].get("thread_metadata", {})
        if sleeping.get("archived"):
            if sleeping["locked"]:
                raise ApiError(50083)
            self.world.change_channel(channel_id, archived=False)

    def _check_awake(self, row: Row) -> None:
        if self.world.channels[row["channel_id"]].get("thread_metadata", {}).get("archived"):
            raise ApiError(50083)

    def _known_nonce(self, channel_id: str, author_id: str, body: Json) -> Row | None:
        if body.get("nonce") is None or not body.get("enforce_nonce"):
            return None
        same = (channel_id, author_id, str(body["nonce"]))
        for row in reversed(self.world.messages.values()):
            if self.world.age_s(row["id"]) > NONCE_LIVES_S:
                break
            if (row["channel_id"], row["author_id"], str(row.get("nonce"))) == same:
                return row
        return None

    def _blank(self, channel_id: str, author_id: str, **extra: Any) -> Row:
        return {
            "id": self.world.snowflake(),
            "type": 0,
            "channel_id": channel_id,
            "author_id": author_id,
            "content": "",
            "timestamp": self.world.clock.iso(),
            "edited_timestamp": None,
            "tts": False,
            "pinned": False,
            "mention_everyone": False,
            "mentions": [],
            "mention_roles": [],
            "attachments": [],
            "embeds": [],
            "components": [],
            "flags": 0,
            "reactors": {},
            **extra,
        }

    def _fill(self, row: Row, body: Json, files: Uploads) -> None:
        for key, empty in (("content", ""), ("embeds", []), ("components", [])):
            if key in body:
                row[key] = copy.deepcopy(body[key]) if body[key] is not None else empty
        row["content"] = row["content"].strip()
        for embed in row["embeds"]:
            embed.setdefault("type", "rich")
        limits.check_mentions(body.get("allowed_mentions"))
        limits.check_files([len(f.content) for f in files.values()], self.world.file_bytes)
        entries = body.get("attachments")
        if entries is None and not files:
            return
        kept = {a["id"]: a for a in row["attachments"]}
        if entries is None:
            entries = [*row["attachments"], *({"id": part[6:-1]} for part in files)]
        named = {str(entry["id"]) for entry in entries}
        if missing := [part for part in files if part[6:-1] not in named]:
            raise invalid("attachments", "ATTACHMENT_NOT_FOUND", f"No entry for {missing[0]}.")
        row["attachments"] = [make_entry(entry, files, kept) for entry in entries]
        embedded = {file_of(media) for media in embedded_media(row)} - named
        row["attachments"] += [kept[i] for i in kept if i in embedded]

    def _commit(self, row: Row, files: Uploads, body: Json) -> None:
        """Check the whole; only then store files and give everything its id."""
        asked = body.get("flags") or 0
        limits.check_message({**row, "flags": row["flags"] | asked & limits.V2})
        for attachment in row["attachments"]:
            if part := attachment.pop("part", None):
                upload = files[part]
                attachment["id"] = self.world.keep_file(
                    row["channel_id"], attachment["filename"], upload.kind, upload.content
                )
        for number, component in enumerate(limits.walk(row["components"]), 1):
            _complete(component, number)
            if (emoji := component.get("emoji")) and emoji.get("id") is None:
                component["emoji"] = {"name": emoji["name"]}  # as Discord returns plain emoji
        stored = {a["id"]: a for a in row["attachments"]}
        named = {f"attachment://{a['filename']}": a for a in row["attachments"]}
        for media in media_of(row):
            url = str(media.get("url") or "")
            if attachment := named.get(url) or stored.get(file_of(media)):
                media["attachment_id"] = attachment["id"]
            elif url.startswith("attachment://"):
                raise invalid("components", "UNFURLED_MEDIA_ITEM_NOT_FOUND", f"No file for {url}.")
        for component in limits.walk(row["components"]):
            if component["type"] == 13 and (
                file := stored.get(component["file"].get("attachment_id", ""))
            ):
                component.update(name=file["filename"], size=file["size"])

    def _refer(self, row: Row, body: Json) -> None:
        reference = body.get("message_reference")
        if not reference:
            return
        target = self.world.messages.get(str(reference["message_id"]))
        if target is None or target["channel_id"] != row["channel_id"]:
            if reference.get("fail_if_not_exists", True):
                raise invalid(
                    "message_reference", "MESSAGE_REFERENCE_UNKNOWN_MESSAGE", "Unknown message"
                )
            return
        row.update(type=19, message_reference=self.reference(target))
        allowed = body.get("allowed_mentions") or {}
        if allowed.get("replied_user", not body.get("allowed_mentions")):
            row["mentions"] = [self.world.users[target["author_id"]]]

    def reference(self, target: Row) -> Json:
        """What a reply says of the message it answers."""
        place = {"type": 0, "message_id": target["id"], "channel_id": target["channel_id"]}
        return {**place, **self._where(target)}

    def _mention(self, row: Row, allowed: Json | None) -> None:
        parse = ["users", "roles", "everyone"] if allowed is None else allowed.get("parse") or []
        users, roles = ((allowed or {}).get(kind) or [] for kind in ("users", "roles"))
        texts = [row["content"], *(c["content"] for c in limits.walk(row["components"])
                                   if c["type"] == 10)]  # fmt: skip
        text = " ".join(texts)
        found = re.findall(r"<@!?(\d+)>", text)
        replied = [u["id"] for u in row["mentions"]] if row["type"] == 19 else []
        wanted = [i for i in found if "users" in parse or i in map(str, users)]
        known = [i for i in dict.fromkeys([*replied, *wanted]) if i in self.world.users]
        row["mentions"] = [self.world.users[i] for i in known]
        channel = self.world.channels[row["channel_id"]]
        may = self.world.allowed(channel, row["author_id"]) & Permission.MENTION_EVERYONE
        loud = "everyone" in parse and re.search(r"@(everyone|here)\b", text)
        row["mention_everyone"] = bool(loud and may)
        named = dict.fromkeys(re.findall(r"<@&(\d+)>", text))
        row["mention_roles"] = [i for i in named if "roles" in parse or i in map(str, roles)]

    # reactions -------------------------------------------------------------------------------

    def react(self, row: Row, emoji: str, user_id: str) -> None:
        """Add somebody's reaction."""
        self._check_awake(row)
        users = row["reactors"].setdefault(emoji, [])
        if len(row["reactors"]) > 20:
            del row["reactors"][emoji]
            raise ApiError(30010)
        if user_id not in users:
            users.append(user_id)
            extra: Json = {"message_author_id": row["author_id"]}
            channel = self.world.channels[row["channel_id"]]
            if channel["type"] not in PRIVATE:
                extra["member"] = self.world.member(channel, user_id)
                del extra["member"]["permissions"]
            self._told_reaction(row, "MESSAGE_REACTION_ADD", emoji, user_id, extra)

    def unreact(self, row: Row, emoji: str, user_id: str) -> None:
        """Take somebody's reaction away."""
        self._check_awake(row)
        users = row["reactors"].get(emoji, [])
        if user_id in users:
            users.remove(user_id)
            if not users:
                del row["reactors"][emoji]
            self._told_reaction(row, "MESSAGE_REACTION_REMOVE", emoji, user_id, {})

    def _told_reaction(self, row: Row, name: str, emoji: str, user_id: str, extra: Json) -> None:
        self.world.rows.put("messages", row["id"], row)
        data = {
            "user_id": user_id,
            "channel_id": row["channel_id"],
            "message_id": row["id"],
            "emoji": {"id": None, "name": emoji},
            "burst": False,
            "type": 0,
            **self._where(row),
            **extra,
        }
        self._tell(row, name, data, None)

    # telling ---------------------------------------------------------------------------------

    def _where(self, row: Row) -> Json:
        guild_id = self.world.channels[row["channel_id"]].get("guild_id")
        return {"guild_id": guild_id} if guild_id else {}

    def _save(self, row: Row, name: str) -> None:
        self.world.rows.put("messages", row["id"], row)
        if name == "MESSAGE_CREATE":
            self.world.channels[row["channel_id"]]["last_message_id"] = row["id"]
        extra = self._where(row)
        channel = self.world.channels[row["channel_id"]]
        if extra and "webhook_id" not in row:
            member = self.world.member(channel, row["author_id"])
            extra["member"] = {k: v for k, v in member.items() if k not in ("user", "permissions")}
        self._tell(row, name, extra, row)

    def _tell(self, row: Row, name: str, data: Json, message: Row | None) -> None:
        direct = self.world.channels[row["channel_id"]]["type"] in PRIVATE
        pair = (GUILD_REACTIONS, DIRECT_REACTIONS) if "REACTION" in name else (
            GUILD_MESSAGES, DIRECT_MESSAGES)  # fmt: skip
        self.world.tell(
            Event(
                name=name,
                data=data,
                message=message,
                channel_id=row["channel_id"],
                to=row.get("ephemeral_to", EVERYBODY),
                intent=pair[direct],
            )
        )


def _complete(component: Json, number: int) -> None:
    """Number a component and fill in what Discord always tells of its kind."""
    component.setdefault("id", number)
    if component["type"] in limits.SELECTS:
        component.pop("required", None)  # a window's word, which a message does not keep
    for key, value in DEFAULTS.get(component["type"], {}).items():
        component.setdefault(key, value)
    for item in component.get("items") or []:
        item.setdefault("description", None)
        item.setdefault("spoiler", False)
