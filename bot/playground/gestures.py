"""What a person does on the page, turned into the interaction that Discord's client would send."""

from typing import Any

from bot.playground import limits
from bot.playground.attachments import Uploads
from bot.playground.commands import CHANNEL, FILE, MENTIONABLE, ROLE, USER, Commands
from bot.playground.errors import Json, RefusedError
from bot.playground.interactions import AUTOCOMPLETE, COMMAND, COMPONENT, MODAL, Interactions
from bot.playground.journal import Row
from bot.playground.permissions import P

KINDS = {5: USER, 6: ROLE, 7: MENTIONABLE, 8: CHANNEL, 19: FILE}
"""Component type: the kind of option whose values it takes."""
TEXT, SELECT, UPLOAD, RADIO, CHECKBOX, LABEL = 4, 3, 19, 21, 23, 18
NEEDED = {
    COMMAND: ("channel_id", "command"),
    COMPONENT: ("message_id", "custom_id"),
    AUTOCOMPLETE: ("channel_id", "command", "focused"),
    MODAL: ("interaction_id",),
}
"""Kind of interaction: what the page's body must say."""


class Gestures:
    """Checks a gesture as a client would, and begins its interaction."""

    def __init__(self, interactions: Interactions, commands: Commands) -> None:
        self.interactions, self.commands = interactions, commands
        self.messages, self.world = interactions.messages, interactions.world

    def place(self, channel_id: str, user_id: str, needed: P = P.VIEW_CHANNEL) -> Json:
        """A channel, if somebody may do this in it."""
        channel = self.world.channel(str(channel_id))
        if not self.world.allowed(channel, user_id) & needed:
            raise RefusedError("You may not do that in this channel.")
        return channel

    def begin(self, me: str, body: Json, files: Uploads) -> Row:
        """Begin the interaction that the page's body describes."""
        limits.check_files([len(f.content) for f in files.values()], self.world.file_bytes)
        kind, locale = body.get("type"), str(body.get("locale") or "en-US")
        if kind not in NEEDED:
            raise RefusedError(f"There is no interaction of type {kind!r}.")
        if missing := [key for key in NEEDED[kind] if key not in body]:
            raise RefusedError(f"An interaction of type {kind} wants {', '.join(missing)}.")
        if kind in (COMMAND, AUTOCOMPLETE):
            return self._command(me, body, files, locale)
        if kind == COMPONENT:
            return self._component(me, body, locale)
        return self._modal(me, body, files, locale)

    def _command(self, me: str, body: Json, files: Uploads, locale: str) -> Row:
        channel = self.place(body["channel_id"], me, P.USE_APPLICATION_COMMANDS)
        if target := body.get("target_id"):
            shown = self.messages.show(self.messages.get(target, me, channel["id"]), me)
            data = self.commands.on_message(body["command"], shown, channel, me)
            return self.interactions.open(
                COMMAND, me, channel["id"], data, command_type=3, locale=locale
            )
        focused = body["focused"] if body["type"] == AUTOCOMPLETE else None
        options = body.get("options") or {}
        data = self.commands.data(body["command"], options, files, channel, me, focused)
        return self.interactions.open(
            body["type"], me, channel["id"], data, command=body["command"], locale=locale
        )

    def _component(self, me: str, body: Json, locale: str) -> Row:
        message = self.messages.get(str(body["message_id"]), me)
        channel = self.place(message["channel_id"], me)
        pressed = [
            c
            for c in limits.walk(message["components"])
            if c.get("custom_id") == body["custom_id"] and not c.get("disabled")
        ]
        if not pressed:
            raise RefusedError(f"That message has nothing to press called {body['custom_id']!r}.")
        part: Json = pressed[0]
        resolved: Json = {}
        data = {"component_type": part["type"], "custom_id": part["custom_id"], "id": part["id"]}
        if part["type"] in limits.SELECTS:
            values = self._chosen(part, body.get("values") or [], {}, channel, resolved)
            data |= {"values": values} | ({"resolved": resolved} if resolved else {})
        return self.interactions.open(
            COMPONENT, me, channel["id"], data, message_id=message["id"], locale=locale
        )

    def _modal(self, me: str, body: Json, files: Uploads, locale: str) -> Row:
        origin = self.world.interactions.get(str(body["interaction_id"]))
        if origin is None or not origin["modal"] or origin["user_id"] != me:
            raise RefusedError("That window is no longer open.")
        modal, values = origin["modal"], body.get("values") or {}
        resolved: Json = {}
        channel = self.place(origin["channel_id"], me)
        rows = [
            self._filled(row, values, number, files, channel, resolved)
            for number, row in enumerate(modal["components"], 1)
        ]
        data = {"custom_id": modal["custom_id"], "components": rows}
        data |= {"resolved": resolved} if resolved else {}
        brief = {k: origin[k] for k in ("id", "type", "user_id", "channel_id", "message_id")}
        return self.interactions.open(
            MODAL,
            me,
            channel["id"],
            data,
            message_id=origin["message_id"],
            origin=brief,
            locale=locale,
        )

    def _chosen(
        self, select: Json, values: list[Any], files: Uploads, channel: Json, resolved: Json
    ) -> list[str]:
        """The values of a select or an upload, checked, with what they stand for."""
        least, most = (
            1 if select.get(k) is None else select[k] for k in ("min_values", "max_values")
        )
        if not least <= len(values) <= most and (values or select.get("required", True)):
            raise RefusedError(f"Choose {least} to {most}.")
        kind = KINDS.get(select["type"])
        if kind is not None:
            name = select["custom_id"]
            return [self.commands.resolve(kind, name, v, files, channel, resolved) for v in values]
        if set(values) - {o["value"] for o in select["options"]}:
            raise RefusedError("That is none of the choices.")
        return values

    def _filled(
        self, row: Json, values: Json, number: int, files: Uploads, channel: Json, resolved: Json
    ) -> Json:
        """A row of a window, with what the person put in."""
        label = row["type"] == LABEL
        field = row.get("component") if label else (row.get("components") or [None])[0]
        if field is None or "custom_id" not in field:
            return {"type": row["type"], "id": number}
        name = str(field.get("label") or row.get("label"))
        value = values.get(field["custom_id"], field.get("value"))
        filled = {"type": field["type"], "id": number * 10, "custom_id": field["custom_id"]}
        if field["type"] == TEXT:
            filled["value"] = _written(field, name, value or "")
        elif field["type"] in (RADIO, CHECKBOX):
            filled["value"] = bool(value) if field["type"] == CHECKBOX else value or None
        else:
            many = value if isinstance(value, list) else [value] if value else []
            filled["values"] = self._chosen(field, many, files, channel, resolved)
        inner = {"component": filled} if label else {"components": [filled]}
        return {"type": row["type"], "id": number, **inner}


def _written(field: Json, name: str, text: str) -> str:
    least, most = field.get("min_length") or 0, field.get("max_length") or 4000
    if field.get("required", True) and not text:
        raise RefusedError(f"{name} is required.")
    if text and not least <= len(text) <= most:
        raise RefusedError(f"{name}: {least} to {most} characters.")
    return text
