"""The bot's application commands: kept as it registers them, and used as a person's client would.

Discord's client checks an option before it sends it; so does this (`RefusedError`).
"""

import re
from typing import Any

from bot.playground.attachments import Uploads, attachment
from bot.playground.errors import Json, RefusedError, invalid, too_long
from bot.playground.shapes import BOT_ID, member
from bot.playground.world import CONTEXTS, EVERYBODY, PRIVATE, Event, World

NAME = re.compile(r"[-_'\w]{1,32}")
SUB, GROUP, STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, FILE = range(1, 12)
PLAIN: dict[int, tuple[type, ...]] = {
    STRING: (str,), INTEGER: (int,), BOOLEAN: (bool,), NUMBER: (int, float),
}  # fmt: skip
GLOBAL = "global"


class Commands:
    """The registered commands, per server and for all of them."""

    def __init__(self, world: World) -> None:
        self.world = world

    def listed(self, scope: str = GLOBAL) -> list[Json]:
        """The commands of a server, or the global ones."""
        commands: list[Json] = self.world.commands.get(scope, {"list": []})["list"]
        return commands

    def put(self, scope: str, bodies: list[Json]) -> list[Json]:
        """Register these and no others; one that stays keeps its id."""
        check(bodies)
        known = {(c["type"], c["name"]): c for c in self.listed(scope)}
        fresh = [self._registered(scope, body, known) for body in bodies]
        self.world.rows.put("commands", scope, {"list": fresh})
        self.world.tell(Event(name="COMMANDS", data={"commands": fresh}, to=EVERYBODY))
        return fresh

    def _registered(self, scope: str, body: Json, known: dict[tuple[int, str], Json]) -> Json:
        kind = body.get("type") or 1
        old = known.get((kind, body["name"]))
        permissions = body.get("default_member_permissions")
        fields = {k: v for k, v in body.items() if v is not None and k != "nsfw"}
        return {
            **fields,
            "id": old["id"] if old else self.world.snowflake(),
            "application_id": BOT_ID,
            "version": self.world.snowflake(),
            "type": kind,
            "description": body.get("description") or "",
            "default_member_permissions": None if permissions is None else str(permissions),
            "nsfw": bool(body.get("nsfw")),
            "integration_types": body.get("integration_types") or [0],
            **({} if scope == GLOBAL else {"guild_id": scope}),
        }

    # used by a person ------------------------------------------------------------------------

    def find(self, name: str, channel: Json, user_id: str, kind: int = 1) -> Json:
        """A command by its name, if this person may use it here."""
        installs = self.world.installs(channel, user_id)
        for command in [*self.listed(channel.get("guild_id", "")), *self.listed()]:
            here = any(str(number) in installs for number in command["integration_types"])
            if here and (command["name"], command["type"]) == (name, kind):
                break
        else:
            raise RefusedError(f"There is no command /{name}.")
        contexts = command.get("contexts")
        direct = channel["type"] in PRIVATE
        if contexts is not None and CONTEXTS.get(channel["type"], 0) not in contexts:
            raise RefusedError(
                f"/{name} cannot be used {'in direct messages' if direct else 'here'}."
            )
        room = self.world.channels.get(channel.get("parent_id") or "", channel)
        if command["nsfw"] and not (direct or room["nsfw"]):
            raise RefusedError(f"/{name} is for age-restricted channels.")
        wanted = command["default_member_permissions"]
        if wanted is not None and not direct:
            held = self.world.allowed(channel, user_id)
            if held & int(wanted) != int(wanted) or (wanted == "0" and not held & 8):
                raise RefusedError(f"You may not use /{name} here.")
        return command

    def data(self, words: str, options: Json, files: Uploads, channel: Json, user_id: str,
             focused: str | None = None) -> Json:  # fmt: skip
        """The data of an interaction for "group sub" and {name: value}."""
        name, *path = words.split()
        command = self.find(name, channel, user_id)
        table, chain = command.get("options") or [], []
        for word in path:
            found = next((o for o in table if o["name"] == word and o["type"] <= GROUP), None)
            if found is None:
                raise RefusedError(f"There is no command /{words}.")
            chain.append(found)
            table = found.get("options") or []
        if any(o["type"] <= GROUP for o in table):
            raise RefusedError(f"/{words} wants one of {', '.join(o['name'] for o in table)}.")
        resolved: Json = {}
        given = self._given(table, options, files, channel, resolved, focused)
        for sub in reversed(chain):
            given = [{"name": sub["name"], "type": sub["type"], "options": given}]
        data = {"id": command["id"], "name": name, "type": 1, "options": given}
        data |= {"guild_id": command["guild_id"]} if "guild_id" in command else {}
        return {**data, "resolved": resolved} if resolved else data

    def on_message(self, name: str, shown: Json, channel: Json, user_id: str) -> Json:
        """The data of a command from a message's menu."""
        command = self.find(name, channel, user_id, kind=3)
        data = {"id": command["id"], "name": name, "type": 3, "target_id": shown["id"]}
        return {**data, "resolved": {"messages": {shown["id"]: shown}}}

    def _given(self, table: list[Json], options: Json, files: Uploads, channel: Json,
               resolved: Json, focused: str | None) -> list[Json]:  # fmt: skip
        known = {o["name"]: o for o in table}
        if unknown := [name for name in options if name not in known]:
            raise RefusedError(f"There is no option {unknown[0]}.")
        missing = [o["name"] for o in table if o.get("required") and o["name"] not in options]
        if missing and focused is None:
            raise RefusedError(f"The option {missing[0]} is required.")
        given: list[Json] = []
        for name, value in options.items():
            option = known[name]
            if focused is None:
                check_value(option, value)
            if option["type"] not in PLAIN:
                value = self.resolve(option["type"], name, value, files, channel, resolved)
            entry = {"name": name, "type": option["type"], "value": value}
            given.append({**entry, "focused": True} if name == focused else entry)
        return given

    def resolve(
        self, kind: int, name: str, value: Any, files: Uploads, channel: Json, resolved: Json
    ) -> str:
        """Put what an id or a file stands for into `resolved`; the id."""
        if kind == FILE:
            upload = files.get(f"files[{value['file']}]" if isinstance(value, dict) else "")
            if upload is None:
                raise RefusedError(f"{name} wants a file.")
            shown = attachment(self.world, channel["id"], upload)
            resolved.setdefault("attachments", {})[shown["id"]] = shown
            return str(shown["id"])
        guild = self.world.guilds.get(channel.get("guild_id", ""))
        roles = {r["id"]: r for r in guild["roles"]} if guild else {}
        text = str(value)
        if text in self.world.users and kind in (USER, MENTIONABLE):
            user = self.world.users[text]
            resolved.setdefault("users", {})[text] = user
            if guild and text in guild["members"]:
                shown = member(guild, user, self.world.allowed(channel, text))
                del shown["user"], shown["mute"], shown["deaf"]
                resolved.setdefault("members", {})[text] = shown
        elif text in roles and kind in (ROLE, MENTIONABLE):
            resolved.setdefault("roles", {})[text] = roles[text]
        elif text in self.world.channels and kind == CHANNEL:
            shown = {**self.world.channels[text], "permissions": "0"}
            resolved.setdefault("channels", {})[text] = shown
        else:
            raise RefusedError(f"{name} wants something that is here.")
        return text


def check_value(option: Json, value: Any) -> None:
    """A value of an option as Discord's client checks it."""
    name, kinds = option["name"], PLAIN.get(option["type"])
    if kinds is None:
        return
    wrong_bool = isinstance(value, bool) and option["type"] != BOOLEAN
    if not isinstance(value, kinds) or wrong_bool:
        raise RefusedError(f"The option {name} wants a {kinds[-1].__name__}, not {value!r}.")
    choices = [c["value"] for c in option.get("choices") or []]
    if choices and value not in choices:
        raise RefusedError(f"The option {name} is one of {', '.join(map(str, choices))}.")
    size = len(value) if isinstance(value, str) else value
    low, high = ("min_length", "max_length") if isinstance(value, str) else (
        "min_value", "max_value")  # fmt: skip
    least, most = option.get(low), option.get(high, 6000 if isinstance(value, str) else None)
    if (least is not None and size < least) or (most is not None and size > most):
        raise RefusedError(f"The option {name} must be within {least} and {most}.")


def check(bodies: list[Json]) -> None:
    """What Discord refuses when commands are registered."""
    for kind, most in ((1, 100), (2, 15), (3, 15)):
        if sum((b.get("type") or 1) == kind for b in bodies) > most:
            raise invalid(
                "type", "APPLICATION_COMMANDS_TOO_MANY", f"At most {most} of type {kind}."
            )
    names = [(b.get("type") or 1, b["name"]) for b in bodies]
    if len(names) != len(set(names)):
        raise invalid("name", "APPLICATION_COMMANDS_DUPLICATE_NAME", "Names must be unique.")
    for body in bodies:
        if (body.get("type") or 1) == 1:
            _check_level(body)
            if _characters(body) > 8000:
                raise too_long("options", 8000)
        elif not 1 <= len(body["name"]) <= 32 or body.get("description"):
            raise invalid("name", "APPLICATION_COMMAND_INVALID_NAME", "1 to 32, no description.")


def _check_level(item: Json) -> None:
    options = item.get("options") or []
    if any(not NAME.fullmatch(n) or n != n.lower() for n in _texts(item, "name")):
        raise invalid("name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
    if any(not 1 <= len(text) <= 100 for text in _texts(item, "description")):
        raise invalid("description", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    if len(options) > 25 or len({o["name"] for o in options}) != len(options):
        raise invalid("options", "APPLICATION_COMMAND_OPTIONS", "At most 25, names unique.")
    optional = False
    for option in options:
        if option.get("required") and optional:
            raise invalid(
                "options",
                "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
                "Required options must be placed before non-required options",
            )
        optional = optional or not option.get("required")
        if option.get("autocomplete") and option.get("choices"):
            raise invalid("options", "APPLICATION_COMMAND_OPTIONS_CHOICES", "Either, not both.")
        if len(option.get("choices") or []) > 25:
            raise too_long("options.choices", 25)
        _check_level(option)


def _characters(item: Any) -> int:
    """Names, descriptions and choices of a command, which may have 8,000 characters."""
    own = _longest(item, "name") + _longest(item, "description")
    own += sum(_longest(c, "name") + len(str(c["value"])) for c in item.get("choices") or [])
    return own + sum(_characters(option) for option in item.get("options") or [])


def _texts(item: Json, key: str) -> list[str]:
    """A text in all its languages."""
    return [item.get(key) or "", *(item.get(f"{key}_localizations") or {}).values()]


def _longest(item: Json, key: str) -> int:
    """Of a text in several languages only the longest counts."""
    return max(map(len, _texts(item, key)))
