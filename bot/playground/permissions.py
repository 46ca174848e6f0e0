"""Who may do what in a channel, by Discord's own arithmetic of roles and overwrites. Pure."""

from enum import IntFlag

from bot.playground.errors import Json


class Permission(IntFlag):
    """The permissions that anything here asks for."""

    ADMINISTRATOR = 1 << 3
    MANAGE_CHANNELS = 1 << 4
    MANAGE_GUILD = 1 << 5
    ADD_REACTIONS = 1 << 6
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    MENTION_EVERYONE = 1 << 17
    USE_EXTERNAL_EMOJIS = 1 << 18
    USE_APPLICATION_COMMANDS = 1 << 31
    CREATE_PUBLIC_THREADS = 1 << 35
    SEND_MESSAGES_IN_THREADS = 1 << 38


P = Permission
ALL = (1 << 53) - 1
TALK = (
    P.VIEW_CHANNEL
    | P.SEND_MESSAGES
    | P.SEND_MESSAGES_IN_THREADS
    | P.EMBED_LINKS
    | P.ATTACH_FILES
    | P.READ_MESSAGE_HISTORY
    | P.ADD_REACTIONS
)
MEMBER = TALK | P.USE_EXTERNAL_EMOJIS | P.USE_APPLICATION_COMMANDS | P.CREATE_PUBLIC_THREADS
ANSWER = P.EMBED_LINKS | P.ATTACH_FILES | P.MENTION_EVERYONE | P.USE_EXTERNAL_EMOJIS
DIRECT = MEMBER & ~P.SEND_MESSAGES_IN_THREADS & ~P.CREATE_PUBLIC_THREADS


def in_guild(guild: Json, user_id: str) -> int:
    """What a member may do by role alone; nothing for somebody who is no member."""
    member = guild["members"].get(user_id)
    if member is None:
        return 0
    if guild["owner_id"] == user_id:
        return ALL
    held = {guild["id"], *member["roles"]}
    allowed = 0
    for role in guild["roles"]:
        if role["id"] in held:
            allowed |= int(role["permissions"])
    return ALL if allowed & P.ADMINISTRATOR else allowed


def in_channel(guild: Json, channel: Json, user_id: str) -> int:
    """What a member may do in a channel of the guild."""
    allowed = in_guild(guild, user_id)
    if allowed in (0, ALL):
        return allowed
    overwrites = {o["id"]: o for o in channel["permission_overwrites"]}
    roles = [overwrites[r] for r in guild["members"][user_id]["roles"] if r in overwrites]
    for layer in ([overwrites.get(guild["id"])], roles, [overwrites.get(user_id)]):
        present = [o for o in layer if o]
        for overwrite in present:
            allowed &= ~int(overwrite["deny"])
        for overwrite in present:
            allowed |= int(overwrite["allow"])
    if not allowed & P.VIEW_CHANNEL:
        return 0
    if not allowed & P.SEND_MESSAGES:
        allowed &= ~(P.MENTION_EVERYONE | P.ATTACH_FILES | P.EMBED_LINKS)
    return allowed
