"""Checks recorded gateway events against the shapes which Discord documents.

The OpenAPI description does not know the gateway; what is inside its events it does know, so
messages, members, roles, channels and users are checked against it, and the rest by KEYS, taken
from docs.discord.com (events/gateway-events, interactions/receiving-and-responding).
"""

from collections.abc import Iterable, Iterator
from typing import Any

Json = dict[str, Any]

KEYS: dict[str, tuple[str, str]] = {
    "READY": (
        "v user guilds session_id resume_gateway_url application",
        "shard session_type private_channels relationships presences guild_join_requests",
    ),
    "RESUMED": ("", "_trace"),
    "INTERACTION_CREATE": (
        "id application_id type token version entitlements authorizing_integration_owners "
        "attachment_size_limit channel channel_id app_permissions locale context",
        "data guild guild_id guild_locale member user message",
    ),
    "MESSAGE_DELETE": ("id channel_id", "guild_id"),
    "MESSAGE_REACTION_ADD": (
        "user_id channel_id message_id emoji burst type",
        "guild_id member message_author_id burst_colors",
    ),
    "MESSAGE_REACTION_REMOVE": ("user_id channel_id message_id emoji burst type", "guild_id"),
    "THREAD_DELETE": ("id guild_id parent_id type", ""),
    "GUILD_ROLE_UPDATE": ("guild_id role", ""),
    "GUILD_MEMBERS_CHUNK": (
        "guild_id members chunk_index chunk_count",
        "not_found nonce presences",
    ),
}
"""Event: keys that it always has, and keys that it may have."""

INSIDE: dict[str, dict[str, str]] = {
    "READY": {"user": "UserResponse"},
    "GUILD_CREATE": {
        "channels[]": "GuildChannelResponse",
        "threads[]": "ThreadResponse",
        "members[]": "GuildMemberResponse",
        "roles[]": "GuildRoleResponse",
    },
    "GUILD_ROLE_UPDATE": {"role": "GuildRoleResponse"},
    "GUILD_MEMBERS_CHUNK": {"members[]": "GuildMemberResponse"},
    "INTERACTION_CREATE": {
        "member": "GuildMemberResponse",
        "user": "UserResponse",
        "message": "MessageResponse",
    },
    "MESSAGE_REACTION_ADD": {"member": "GuildMemberResponse"},
}
"""Event: what is inside it, by the name of its schema in the OpenAPI description."""

WHOLE = {
    "CHANNEL_CREATE": "GuildChannelResponse",
    "CHANNEL_UPDATE": "GuildChannelResponse",
    "CHANNEL_DELETE": "GuildChannelResponse",
    "THREAD_CREATE": "ThreadResponse",
    "THREAD_UPDATE": "ThreadResponse",
}
BESIDE_A_MESSAGE = {"guild_id", "member"}


def faults(name: str, data: Json, description: Any) -> Iterator[str]:
    """All that is wrong with one event."""
    if name in ("MESSAGE_CREATE", "MESSAGE_UPDATE"):
        bare = {k: v for k, v in data.items() if k not in BESIDE_A_MESSAGE}
        yield from description.schema_faults("MessageResponse", bare)
        return
    if name in WHOLE:
        yield from description.schema_faults(WHOLE[name], data)
        return
    if name == "GUILD_MEMBER_UPDATE":
        bare = {k: v for k, v in data.items() if k != "guild_id"}
        yield from description.schema_faults("GuildMemberResponse", bare)
        return
    if name in KEYS:
        always, sometimes = (set(text.split()) for text in KEYS[name])
        yield from (f"{key} is missing" for key in sorted(always - set(data)))
        yield from (f"{key} is not documented" for key in sorted(set(data) - always - sometimes))
    elif name not in INSIDE:
        yield "is not documented here"
    if name == "INTERACTION_CREATE" and ("member" in data) == ("user" in data):
        yield "has either a member or a user"
    for place, schema in INSIDE.get(name, {}).items():
        key = place.removesuffix("[]")
        values = data.get(key, []) if place != key else [data[key]] if key in data else []
        for value in values:
            bare = (
                {k: v for k, v in value.items() if k != "permissions"} if key == "member" else value
            )
            yield from (f"{key}: {fault}" for fault in description.schema_faults(schema, bare))


def check(sent: Iterable[tuple[str, Json]], description: Any) -> list[str]:
    """Every fault of the recorded events."""
    return [f"{name}: {fault}" for name, data in sent for fault in faults(name, data, description)]


def assert_valid(sent: Iterable[tuple[str, Json]], description: Any) -> None:
    """Fail with every fault of the recorded events."""
    found = check(sent, description)
    assert not found, "the gateway differs from Discord's documentation:\n" + "\n".join(found)
