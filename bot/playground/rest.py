"""REST v10 as far as Easel uses it: the routes, and what each does for the bot."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot.playground import shapes
from bot.playground.commands import GLOBAL, Commands
from bot.playground.errors import ApiError, Json, invalid
from bot.playground.interactions import Interactions
from bot.playground.journal import Row
from bot.playground.messages import Messages
from bot.playground.permissions import P
from bot.playground.shapes import BOT_ID
from bot.playground.wire import Call
from bot.playground.world import Event, World


@dataclass(frozen=True, slots=True)
class Rest:
    """What the routes act upon."""

    world: World
    messages: Messages
    interactions: Interactions
    commands: Commands

    def channel(self, call: Call, *needed: P) -> Json:
        """The channel of the path, if the bot may do all of this in it."""
        channel = self.world.channel(call.path["channel"])
        held = self.world.allowed(channel, BOT_ID)
        if not held & P.VIEW_CHANNEL:
            raise ApiError(50001)
        if any(not held & permission for permission in needed):
            raise ApiError(50013)
        return channel

    def message(self, call: Call, *needed: P) -> Row:
        """The message of the path, if the bot may do all of this in its channel."""
        self.channel(call, *needed)
        return self.messages.get(call.path["message"], BOT_ID, call.path["channel"])


Handler = Callable[[Rest, Call], Any]
ROUTES: list[tuple[str, str, Handler, int]] = []


def route(method: str, path: str, status: int = 200) -> Callable[[Handler], Handler]:
    """Serve a path below /api/v10; the first that fits is taken. None is answered with 204."""

    def add(handler: Handler) -> Handler:
        ROUTES.append((method, path, handler, status))
        return handler

    return add


# the bot itself ----------------------------------------------------------------------------------


@route("GET", "/users/@me")
def get_me(rest: Rest, _: Call) -> Json:
    extra = {"mfa_enabled": True, "locale": "en-US", "verified": True, "email": None}
    return {**rest.world.bot, **extra, "premium_type": 0}


@route("GET", "/users/@me/guilds")
def get_guilds(rest: Rest, _: Call) -> list[Json]:
    return [
        {
            "id": g["id"],
            "name": g["name"],
            "icon": None,
            "banner": None,
            "owner": False,
            "permissions": str(P(rest.world.allowed_in(g["id"], BOT_ID)).value),
            "features": [],
        }
        for g in rest.world.guilds.values()
        if rest.world.has_bot(g["id"])
    ]


@route("GET", "/users/{user}")
def get_user(rest: Rest, call: Call) -> Json:
    if call.path["user"] not in rest.world.users:
        raise ApiError(10013)
    return rest.world.users[call.path["user"]]


@route("GET", "/oauth2/applications/@me")
@route("GET", "/applications/@me")
def get_application(rest: Rest, _: Call) -> Json:
    return shapes.application(rest.world.user("admin"), len(rest.world.guilds))


@route("GET", "/gateway")
def get_gateway(rest: Rest, _: Call) -> Json:
    return {"url": rest.world.gateway_url}


@route("GET", "/gateway/bot")
def get_gateway_bot(rest: Rest, _: Call) -> Json:
    start = {"total": 1000, "remaining": 999, "reset_after": 14400000, "max_concurrency": 1}
    return {"url": rest.world.gateway_url, "shards": 1, "session_start_limit": start}


@route("POST", "/users/@me/channels")
def open_dm(rest: Rest, call: Call) -> Json:
    return rest.world.open_dm(str(call.body["recipient_id"]))


# commands ----------------------------------------------------------------------------------------


def _scope(rest: Rest, call: Call) -> str:
    if call.path["application"] != BOT_ID:
        raise ApiError(10002)
    guild_id = call.path.get("guild", GLOBAL)
    if guild_id != GLOBAL and not rest.world.has_bot(guild_id):
        raise ApiError(50001)
    return guild_id


@route("GET", "/applications/{application}/commands")
@route("GET", "/applications/{application}/guilds/{guild}/commands")
def get_commands(rest: Rest, call: Call) -> list[Json]:
    return rest.commands.listed(_scope(rest, call))


@route("PUT", "/applications/{application}/commands")
@route("PUT", "/applications/{application}/guilds/{guild}/commands")
def put_commands(rest: Rest, call: Call) -> list[Json]:
    return rest.commands.put(_scope(rest, call), call.body)


# guilds and channels -----------------------------------------------------------------------------


def _guild(rest: Rest, call: Call) -> Json:
    if not rest.world.has_bot(call.path["guild"]):
        raise ApiError(10004)
    return rest.world.guilds[call.path["guild"]]


@route("GET", "/guilds/{guild}")
def get_guild(rest: Rest, call: Call) -> Json:
    return shapes.guild(_guild(rest, call))


@route("GET", "/guilds/{guild}/channels")
def get_channels(rest: Rest, call: Call) -> list[Json]:
    guild_id = _guild(rest, call)["id"]
    return [c for c in rest.world.channels.values() if c.get("guild_id") == guild_id]


@route("GET", "/guilds/{guild}/roles")
def get_roles(rest: Rest, call: Call) -> list[Json]:
    roles: list[Json] = _guild(rest, call)["roles"]
    return roles


@route("GET", "/guilds/{guild}/members/{user}")
def get_member(rest: Rest, call: Call) -> Json:
    guild, user_id = _guild(rest, call), call.path["user"]
    if user_id not in guild["members"]:
        raise ApiError(10007)
    return shapes.member(guild, rest.world.users[user_id])


@route("GET", "/channels/{channel}")
def get_channel(rest: Rest, call: Call) -> Json:
    return rest.channel(call)


@route("POST", "/channels/{channel}/typing")
def type_in(rest: Rest, call: Call) -> None:
    channel = rest.channel(call, P.SEND_MESSAGES)
    data = {"channel_id": channel["id"], "user_id": BOT_ID}
    rest.world.tell(Event(name="TYPING_START", data=data, channel_id=channel["id"], to="page"))


@route("POST", "/channels/{channel}/threads", 201)
@route("POST", "/channels/{channel}/messages/{message}/threads", 201)
def begin_thread(rest: Rest, call: Call) -> Json:
    channel = rest.channel(call, P.CREATE_PUBLIC_THREADS)
    message_id = call.path.get("message", "")
    if channel["type"] != 0:
        raise ApiError(50003)
    if message_id:
        rest.messages.get(message_id, BOT_ID, channel["id"])
        if message_id in rest.world.channels:
            raise ApiError(160004)
    elif call.body.get("type") != 11:
        raise ApiError(50013)  # a private thread wants a permission that the invite does not ask
    return rest.world.add_thread(channel, call.body["name"], BOT_ID, message_id)


# messages ----------------------------------------------------------------------------------------


@route("GET", "/channels/{channel}/messages")
def get_messages(rest: Rest, call: Call) -> list[Json]:
    channel = rest.channel(call)
    if not rest.world.allowed(channel, BOT_ID) & P.READ_MESSAGE_HISTORY:
        return []
    rows = rest.messages.history(channel["id"], BOT_ID, call.query)
    return [rest.messages.show(row) for row in rows if "ephemeral_to" not in row]


@route("POST", "/channels/{channel}/messages")
def post_message(rest: Rest, call: Call) -> Json:
    channel = rest.channel(call, P.SEND_MESSAGES)
    _may_post(rest, channel, call)
    if channel["type"] == 1 and channel["recipients"][0]["id"] in rest.world.closed_dms:
        raise ApiError(50007)
    row = rest.messages.create(channel["id"], BOT_ID, call.body or {}, call.files)
    return rest.messages.show(row)


def _may_post(rest: Rest, channel: Json, call: Call) -> None:
    held, body = rest.world.allowed(channel, BOT_ID), call.body or {}
    wanted = {
        P.ATTACH_FILES: call.files,
        P.EMBED_LINKS: body.get("embeds"),
        P.READ_MESSAGE_HISTORY: body.get("message_reference"),
    }
    if any(given and not held & needed for needed, given in wanted.items()):
        raise ApiError(50013)
    if (body.get("flags") or 0) & 64:
        raise invalid("flags", "MESSAGE_FLAGS_INVALID", "Ephemeral is for interactions only.")


@route("GET", "/channels/{channel}/messages/{message}")
def get_message(rest: Rest, call: Call) -> Json:
    return rest.messages.show(rest.message(call))


@route("PATCH", "/channels/{channel}/messages/{message}")
def edit_message(rest: Rest, call: Call) -> Json:
    row = rest.message(call)
    if row["author_id"] != BOT_ID:
        raise ApiError(50005)
    _may_post(rest, rest.world.channel(row["channel_id"]), call)
    return rest.messages.show(rest.messages.edit(row, call.body or {}, call.files))


@route("DELETE", "/channels/{channel}/messages/{message}")
def delete_message(rest: Rest, call: Call) -> None:
    row = rest.message(call)
    if row["author_id"] != BOT_ID:
        if rest.world.channel(row["channel_id"])["type"] == 1:
            raise ApiError(50003)
        rest.channel(call, P.MANAGE_MESSAGES)
    rest.messages.delete(row)


# reactions ---------------------------------------------------------------------------------------

REACTION = "/channels/{channel}/messages/{message}/reactions/{emoji}"


@route("PUT", REACTION + "/@me")
def add_reaction(rest: Rest, call: Call) -> None:
    row = rest.message(call, P.READ_MESSAGE_HISTORY)
    emoji = call.path["emoji"]
    if emoji.isascii():
        raise ApiError(10014)
    if emoji not in row["reactors"]:
        rest.channel(call, P.ADD_REACTIONS)
    rest.messages.react(row, emoji, BOT_ID)


@route("DELETE", REACTION + "/{user}")
@route("DELETE", REACTION + "/@me")  # before the other: what stands lower is entered first
def remove_reaction(rest: Rest, call: Call) -> None:
    user_id = call.path.get("user", BOT_ID)
    needed = () if user_id == BOT_ID else (P.MANAGE_MESSAGES,)
    rest.messages.unreact(rest.message(call, *needed), call.path["emoji"], user_id)


@route("GET", REACTION)
def get_reactions(rest: Rest, call: Call) -> list[Json]:
    users = rest.message(call)["reactors"].get(call.path["emoji"], [])
    return [rest.world.users[i] for i in users]


# interactions ------------------------------------------------------------------------------------

WEBHOOK = "/webhooks/{application}/{token}"
TRUE = ("1", "true", "True")


@route("POST", "/interactions/{interaction}/{token}/callback")
def call_back(rest: Rest, call: Call) -> Json | None:
    path = call.path
    said = rest.interactions.callback(path["interaction"], path["token"], call.body, call.files)
    return said if call.query.get("with_response") in TRUE else None


def _by_token(rest: Rest, call: Call) -> Row:
    return rest.interactions.by_token(call.path["application"], call.path["token"])


@route("POST", WEBHOOK)
def follow_up(rest: Rest, call: Call) -> Json:
    row = _by_token(rest, call)
    return rest.messages.show(rest.interactions.follow_up(row, call.body or {}, call.files))


@route("GET", WEBHOOK + "/messages/{message}")
def get_answer(rest: Rest, call: Call) -> Json:
    row = _by_token(rest, call)
    return rest.messages.show(rest.interactions.message(row, call.path["message"]))


@route("PATCH", WEBHOOK + "/messages/{message}")
def edit_answer(rest: Rest, call: Call) -> Json:
    row = _by_token(rest, call)
    message = rest.interactions.edit(row, call.path["message"], call.body or {}, call.files)
    return rest.messages.show(message)


@route("DELETE", WEBHOOK + "/messages/{message}")
def delete_answer(rest: Rest, call: Call) -> None:
    row = _by_token(rest, call)
    rest.messages.delete(rest.interactions.message(row, call.path["message"]))
