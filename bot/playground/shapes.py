"""Discord's JSON for what is there from the start: people, roles, servers, channels, the bot."""

from bot.playground.errors import Json
from bot.playground.permissions import MEMBER, TALK, Permission

BOT_ID = "1100000000000000100"
GUILD_ID = "1100000000000000200"
PAINTING_ID = "1100000000000000201"
GENERAL_ID = "1100000000000000202"
PAINTERS, MODERATORS, ADMINS, EASEL = (f"110000000000000030{n}" for n in range(1, 5))
JOINED = "2024-01-01T00:00:00+00:00"

PEOPLE: dict[str, tuple[str, list[str]]] = {
    "painter": ("1100000000000000001", [PAINTERS]),
    "painter2": ("1100000000000000002", [PAINTERS]),
    "moderator": ("1100000000000000003", [MODERATORS]),
    "admin": ("1100000000000000004", [ADMINS]),
    "stranger": ("1100000000000000005", []),
}
"""Name: id and roles of everybody who can be played on the page."""


def user(user_id: str, name: str, *, bot: bool = False) -> Json:
    """A user as the whole API shows one."""
    return {
        "id": user_id,
        "username": name,
        "global_name": None,
        "discriminator": "0",
        "avatar": None,
        "bot": bot,
        "system": False,
        "public_flags": 0,
        "flags": 0,
        "primary_guild": None,
    }


def role(role_id: str, name: str, permissions: int, position: int) -> Json:
    """A role of a server."""
    return {
        "id": role_id,
        "name": name,
        "permissions": str(int(permissions)),
        "position": position,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "managed": False,
        "mentionable": False,
        "icon": None,
        "unicode_emoji": None,
        "flags": 0,
    }


def text_channel(channel_id: str, guild_id: str, name: str, position: int) -> Json:
    """A text channel of a server."""
    return {
        "id": channel_id,
        "type": 0,
        "guild_id": guild_id,
        "name": name,
        "position": position,
        "topic": None,
        "nsfw": False,
        "parent_id": None,
        "permission_overwrites": [],
        "rate_limit_per_user": 0,
        "last_message_id": None,
        "flags": 0,
    }


def dm_channel(channel_id: str, person: Json) -> Json:
    """A direct channel between the bot and one person, as the bot sees it."""
    return {
        "id": channel_id,
        "type": 1,
        "recipients": [person],
        "last_message_id": None,
        "flags": 0,
    }


def group_channel(channel_id: str, people: list[Json]) -> Json:
    """A group of people, which no bot can be in."""
    return {
        "id": channel_id,
        "type": 3,
        "name": None,
        "icon": None,
        "owner_id": people[0]["id"],
        "recipients": people,
        "last_message_id": None,
        "flags": 0,
    }


def thread(thread_id: str, parent: Json, name: str, owner_id: str, begun: str) -> Json:
    """A public thread of a text channel."""
    return {
        "id": thread_id,
        "type": 11,
        "guild_id": parent["guild_id"],
        "parent_id": parent["id"],
        "name": name,
        "owner_id": owner_id,
        "thread_metadata": {
            "archived": False,
            "archive_timestamp": begun,
            "auto_archive_duration": 4320,
            "locked": False,
            "create_timestamp": begun,
        },
        "message_count": 0,
        "member_count": 1,
        "total_message_sent": 0,
        "rate_limit_per_user": 0,
        "last_message_id": None,
        "flags": 0,
    }


def another_guild(guild_id: str, name: str, owner_id: str, *, bot: bool) -> Json:
    """A server with nobody but its owner and perhaps the bot."""
    everyone = role(guild_id, "@everyone", MEMBER | TALK, 0)
    members: Json = {user_id: {"roles": []} for user_id in (owner_id, BOT_ID)[: 1 + bot]}
    return {
        "id": guild_id,
        "name": name,
        "owner_id": owner_id,
        "roles": [everyone],
        "members": members,
    }


def home_guild() -> Json:
    """The server that is there from the start; `members` is ours: user id to roles."""
    members = {user_id: {"roles": roles} for user_id, roles in PEOPLE.values()}
    return {
        "id": GUILD_ID,
        "name": "Playground",
        "owner_id": PEOPLE["admin"][0],
        "roles": [
            role(GUILD_ID, "@everyone", MEMBER, 0),
            role(PAINTERS, "painters", 0, 1),
            role(MODERATORS, "moderators", Permission.MANAGE_MESSAGES, 2),
            role(ADMINS, "admins", Permission.MANAGE_GUILD | Permission.MANAGE_MESSAGES, 3),
            {**role(EASEL, "Easel", TALK, 4), "managed": True},
        ],
        "members": {**members, BOT_ID: {"roles": [EASEL]}},
    }


def member(guild: Json, person: Json, permissions: int | None = None) -> Json:
    """A person as a member of a server."""
    shown: Json = {
        "user": person,
        "roles": guild["members"][person["id"]]["roles"],
        "nick": None,
        "avatar": None,
        "banner": None,
        "joined_at": JOINED,
        "premium_since": None,
        "communication_disabled_until": None,
        "pending": False,
        "deaf": False,
        "mute": False,
        "flags": 0,
    }
    return shown if permissions is None else {**shown, "permissions": str(permissions)}


def guild(row: Json) -> Json:
    """A server as REST shows it."""
    empty = (
        "icon description home_header splash discovery_splash banner application_id "
        "afk_channel_id system_channel_id widget_channel_id vanity_url_code rules_channel_id "
        "safety_alerts_channel_id public_updates_channel_id max_presences incidents_data"
    )
    zero = (
        "system_channel_flags verification_level default_message_notifications mfa_level "
        "explicit_content_filter premium_tier premium_subscription_count nsfw_level"
    )
    return {
        **dict.fromkeys(empty.split()),
        **dict.fromkeys(zero.split(), 0),
        **{key: value for key, value in row.items() if key != "members"},
        "features": [],
        "emojis": [],
        "stickers": [],
        "region": "",
        "preferred_locale": row.get("preferred_locale", "en-US"),
        "afk_timeout": 300,
        "widget_enabled": False,
        "max_members": 500000,
        "max_video_channel_users": 25,
        "max_stage_video_channel_users": 50,
        "premium_progress_bar_enabled": False,
        "nsfw": False,
    }


def gateway_guild(row: Json, people: dict[str, Json], channels: list[Json]) -> Json:
    """A server as GUILD_CREATE shows it."""
    lists = "voice_states presences stage_instances guild_scheduled_events"
    return {
        **guild(row),
        **{key: [] for key in [*lists.split(), "soundboard_sounds"]},
        "joined_at": JOINED,
        "large": False,
        "unavailable": False,
        "member_count": len(row["members"]),
        "members": [member(row, people[user_id]) for user_id in row["members"]],
        "channels": [c for c in channels if c["type"] != 11],
        "threads": [c for c in channels if c["type"] == 11],
    }


def application(owner: Json, guilds: int) -> Json:
    """The bot's application as GET /oauth2/applications/@me shows it."""
    empty = "icon type team interactions_endpoint_url role_connections_verification_url"
    return {
        **dict.fromkeys(empty.split()),
        "id": BOT_ID,
        "name": "Easel",
        "description": "",
        "bot_public": True,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "flags": 0,
        "flags_new": "0",
        "owner": owner,
        "redirect_uris": [],
        "explicit_content_filter": 0,
        "eligible_oauth2_scopes": [],
        "approximate_guild_count": guilds,
        "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0,
    }
