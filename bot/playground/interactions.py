"""Interactions: three seconds to acknowledge, fifteen minutes of token, and what may follow what.

A row of the journal holds one interaction; people start them through the page, and the bot
answers by the callback, `@original` and follow-ups.
"""

import asyncio
import secrets
from typing import Any

from bot.playground import limits
from bot.playground.attachments import Uploads
from bot.playground.commands import PLAIN
from bot.playground.errors import ApiError, Json, invalid
from bot.playground.journal import Row
from bot.playground.messages import Messages
from bot.playground.permissions import Permission
from bot.playground.shapes import BOT_ID
from bot.playground.world import BOT, CONTEXTS, PRIVATE, TOKEN_LIVES_S, Event

ACKNOWLEDGE_S = 3.0
FOLLOW_UPS = 5
"""So many where the bot is not: there only a person's own install lets it speak."""
COMMAND, COMPONENT, AUTOCOMPLETE, MODAL = 2, 3, 4, 5
ALLOWED = {COMMAND: {4, 5, 9}, COMPONENT: {4, 5, 6, 7, 9}, AUTOCOMPLETE: {8}, MODAL: {4, 5}}
"""Kind of interaction: the callback types that may answer it (a window's may also be 6 and 7)."""


class Interactions:
    """Opens interactions, tells the bot, and takes its answers."""

    def __init__(self, messages: Messages) -> None:
        self.messages, self.world = messages, messages.world
        self._answered: dict[str, asyncio.Event] = {}
        self._outcomes: dict[str, Json] = {}

    # people's side ---------------------------------------------------------------------------

    def open(self, kind: int, user_id: str, channel_id: str, data: Json, **extra: Any) -> Row:
        """Begin one and tell the bot; `extra`: message_id, command, locale …"""
        row: Row = {
            "id": self.world.snowflake(),
            "type": kind,
            "token": secrets.token_urlsafe(64),
            "user_id": user_id,
            "channel_id": channel_id,
            "message_id": None,
            "command_type": 1,
            "command": None,
            "locale": "en-US",
            "origin": None,
            "state": "new",
            "original": None,
            "modal": None,
            "follow_ups": 0,
            "focused": _focused(data),
            **extra,
        }
        self._forget()
        self.world.rows.put("interactions", row["id"], row)
        self._answered[row["id"]] = asyncio.Event()
        self.world.tell(Event(name="INTERACTION_CREATE", data=self._payload(row, data), to=BOT))
        return row

    def _forget(self) -> None:
        """Drop those whose token has ended."""
        for row_id in list(self.world.interactions):
            if self.world.age_s(row_id) < TOKEN_LIVES_S:
                break
            self.world.rows.drop("interactions", row_id)

    async def outcome(self, row: Row) -> Json:
        """What came of it: the bot's answer, or `failed` after three seconds."""
        came = await self.world.clock.wait_for(self._answered[row["id"]], ACKNOWLEDGE_S)
        del self._answered[row["id"]]
        answer = self._outcomes.pop(row["id"], None)
        if not came or answer is None:
            answer = {"outcome": "failed", "reason": "The application did not respond"}
        result = {"interaction_id": row["id"], **answer}
        self.world.tell(Event(name="INTERACTION", data=result, to=row["user_id"]))
        return result

    def _payload(self, row: Row, data: Json) -> Json:
        channel = self.world.channel(row["channel_id"])
        direct = channel["type"] in PRIVATE
        user = self.world.users[row["user_id"]]
        payload: Json = {
            "id": row["id"],
            "application_id": BOT_ID,
            "type": row["type"],
            "token": row["token"],
            "version": 1,
            "data": data,
            "channel": {**channel, "permissions": str(self.world.allowed(channel, user["id"]))},
            "channel_id": channel["id"],
            "app_permissions": str(self.world.app_allowed(channel, user["id"])),
            "locale": row["locale"],
            "entitlements": [],
            "authorizing_integration_owners": self._owners(row, channel),
            "context": CONTEXTS.get(channel["type"], 0),
            "attachment_size_limit": self.world.file_bytes,
        }
        if direct:
            payload["user"] = user
        else:
            server = self.world.guilds[channel["guild_id"]]
            spoken = server.get("preferred_locale", "en-US")
            guild = {"id": server["id"], "features": [], "locale": spoken}
            member = self.world.member(channel, row["user_id"])
            payload |= {"guild": guild, "guild_id": guild["id"], "guild_locale": spoken}
            payload["member"] = member
        if row["message_id"]:
            message = self.messages.get(row["message_id"], row["user_id"])
            payload["message"] = self.messages.show(message)
        return payload

    def _owners(self, row: Row, channel: Json) -> Json:
        """By whose leave: for a press, that of the command which brought the message."""
        message = self.world.messages.get(row["message_id"] or "", {})
        asked: Json = message.get("interaction_metadata", {})
        owners: Json = asked.get("authorizing_integration_owners", {})
        return owners or self.world.installs(channel, row["user_id"])

    def metadata(self, row: Row) -> Json:
        """What a message says of the interaction that it answers."""
        channel = self.world.channel(row["channel_id"])
        data: Json = {
            "id": row["id"],
            "type": row["type"],
            "user": self.world.users[row["user_id"]],
            "authorizing_integration_owners": self._owners(row, channel),
        }
        if row["type"] == COMPONENT:
            data["interacted_message_id"] = row["message_id"]
        if row["type"] == MODAL:
            data["triggering_interaction_metadata"] = self.metadata(row["origin"])
        return data

    # the bot's side --------------------------------------------------------------------------

    def callback(self, interaction_id: str, token: str, body: Json, files: Uploads) -> Json:
        """The first answer; the body of the 200 that `with_response` asks for."""
        row = self.world.interactions.get(interaction_id)
        late = row is not None and self.world.age_s(interaction_id) > ACKNOWLEDGE_S
        if row is None or row["token"] != token or (row["state"] == "new" and late):
            raise ApiError(10062)
        if row["state"] != "new":
            raise ApiError(40060)
        kind, data = body["type"], body.get("data") or {}
        allowed = ALLOWED[row["type"]] | ({6, 7} if row["message_id"] else set())
        if kind not in allowed:
            raise invalid("type", "BASE_TYPE_CHOICES", f"Must be one of {sorted(allowed)}.")
        outcome = self._answer(row, kind, data, files)
        if row["state"] == "new":
            row["state"] = "acknowledged"
        self.world.rows.put("interactions", row["id"], row)
        self._outcomes[row["id"]] = outcome
        if waiting := self._answered.get(row["id"]):
            waiting.set()
        return self._response(row, kind)

    def _answer(self, row: Row, kind: int, data: Json, files: Uploads) -> Json:
        if kind == 8:
            limits.check_choices(data.get("choices") or [], PLAIN.get(row["focused"], (str,)))
            return {"outcome": "choices", "choices": data.get("choices") or []}
        if kind == 9:
            limits.check_modal(data)
            row["modal"] = data
            return {"outcome": "modal", "modal": data}
        if kind == 4:
            extra = self._extra(row, data)
            message = self.messages.create(row["channel_id"], BOT_ID, data, files, **extra)
            row["original"] = message["id"]
        elif kind == 5:
            message = self.messages.loading(row["channel_id"], **self._extra(row, data))
            row.update(original=message["id"], state="deferred")
        elif row["message_id"]:
            row["original"] = row["message_id"]
            if kind == 7:
                self.messages.edit(self._source(row), data, files)
        return {"outcome": "acknowledged"}

    def _source(self, row: Row) -> Row:
        return self.messages.get(row["message_id"], row["user_id"])

    def _extra(self, row: Row, data: Json, after: str | None = None) -> Json:
        """What a message that answers an interaction has beside others."""
        extra: Json = {"type": {1: 20}.get(row["command_type"], 23)}
        target = self.world.messages.get(after or row["message_id"] or "")
        if target is not None:
            extra = {"type": 19, "message_reference": self.messages.reference(target)}
        if (data.get("flags") or 0) & limits.EPHEMERAL:
            extra["ephemeral_to"] = row["user_id"]
        extra |= {"webhook_id": BOT_ID, "application_id": BOT_ID}
        extra["interaction_metadata"] = self.metadata(row)
        if row["command"]:
            user = self.world.users[row["user_id"]]
            named = {"id": row["id"], "type": row["type"], "name": row["command"], "user": user}
            extra["interaction"] = named
        return extra

    def _response(self, row: Row, kind: int) -> Json:
        about: Json = {"id": row["id"], "type": row["type"], "channel_id": row["channel_id"]}
        if row["original"] and kind in (4, 5, 6, 7):
            message = self.messages.get(row["original"], row["user_id"])
            about["response_message_id"] = message["id"]
            about["response_message_loading"] = kind == 5
            about["response_message_ephemeral"] = "ephemeral_to" in message
            if kind in (4, 7):
                shown = self.messages.show(message)
                return {"interaction": about, "resource": {"type": kind, "message": shown}}
        return {"interaction": about}

    def by_token(self, application_id: str, token: str) -> Row:
        """The interaction whose token may still be used."""
        if application_id != BOT_ID:
            raise ApiError(10015)
        rows = self.world.interactions.values()
        row = next((r for r in rows if secrets.compare_digest(r["token"], token)), None)
        if row is None or self.world.age_s(row["id"]) > TOKEN_LIVES_S:
            raise ApiError(50027)
        if row["state"] == "new":
            raise ApiError(10015)
        return row

    def message(self, row: Row, message_id: str) -> Row:
        """A message that this interaction's token reaches; `@original` is the first answer."""
        if message_id == "@original":
            if row["original"] is None:
                raise ApiError(10008)
            message_id = row["original"]
        found = self.messages.get(message_id, row["user_id"])
        if found["author_id"] != BOT_ID or found["channel_id"] != row["channel_id"]:
            raise ApiError(10008)
        return found

    def follow_up(self, row: Row, body: Json, files: Uploads) -> Row:
        """One more message; after a deferral the first one takes the place of "thinking"."""
        if row["state"] == "deferred" and row["original"] in self.world.messages:
            return self.edit(row, "@original", body, files)
        self._may_attach(row, files)
        row["follow_ups"] += 1
        if row["follow_ups"] > FOLLOW_UPS and "0" not in self._installs(row):
            raise ApiError(40094)
        extra = self._extra(row, body, after=row["original"])
        return self.messages.create(row["channel_id"], BOT_ID, body, files, **extra)

    def edit(self, row: Row, message_id: str, body: Json, files: Uploads) -> Row:
        """Change a message that this token reaches."""
        message = self.message(row, message_id)
        self._may_attach(row, files)
        self.messages.edit(message, body, files)
        if row["state"] == "deferred" and message["id"] == row["original"]:
            row["state"] = "acknowledged"
            self.world.rows.put("interactions", row["id"], row)
        return message

    def _may_attach(self, row: Row, files: Uploads) -> None:
        channel = self.world.channel(row["channel_id"])
        held = self.world.app_allowed(channel, row["user_id"])
        if files and not held & Permission.ATTACH_FILES:
            raise ApiError(50013)

    def _installs(self, row: Row) -> Json:
        return self.world.installs(self.world.channel(row["channel_id"]), row["user_id"])


def _focused(data: Json) -> int | None:
    """The kind of the option that somebody is typing, if anybody is."""
    for option in data.get("options") or []:
        if option.get("focused"):
            return int(option["type"])
        if kind := _focused(option):
            return kind
    return None
