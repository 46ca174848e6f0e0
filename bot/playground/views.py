"""A message as one viewer sees it: rows made whole, with people, addresses and reactions."""

from typing import Any

from bot.playground import limits
from bot.playground.attachments import embedded_media, media_of
from bot.playground.errors import Json
from bot.playground.journal import Row
from bot.playground.shapes import BOT_ID
from bot.playground.world import World

MEDIA = ("width", "height", "content_type")
"""What a picture in a component or an embed says of its file."""
OURS = ("author_id", "reactors", "ephemeral_to")


def may_read(world: World, row: Row, *, reads_content: bool) -> bool:
    """Whether the bot sees what is in a message: its own, direct ones, and where it is named."""
    direct = world.channels[row["channel_id"]]["type"] == 1
    mentioned = any(u["id"] == BOT_ID for u in row["mentions"])
    return reads_content or direct or mentioned or row["author_id"] == BOT_ID


def show(world: World, row: Row, viewer: str, *, reads_content: bool, quoted: bool = False) -> Json:
    """Discord's message object."""
    shown = {k: _copy(v) for k, v in row.items() if k not in OURS}
    shown["author"] = world.users[row["author_id"]]
    for attachment in shown["attachments"]:
        url = world.file_url(attachment["id"])
        attachment.update(url=url, proxy_url=url)
    files = {attachment["id"]: attachment for attachment in shown["attachments"]}
    for media in media_of(shown):
        if file_id := media.get("attachment_id"):
            url = world.file_url(file_id) if file_id in world.files else ""
            known = files.get(file_id, {})
            media |= {key: known[key] for key in MEDIA if key in known}
            media.update(id=file_id, url=url, proxy_url=url)
    embedded = set()
    for media in embedded_media(shown):
        media.pop("id", None)
        embedded.add(media.pop("attachment_id", None))
    shown["attachments"] = [a for a in shown["attachments"] if a["id"] not in embedded]
    if row["reactors"] and not quoted:
        found = row["reactors"].items()
        shown["reactions"] = [_show_reaction(emoji, users, viewer) for emoji, users in found]
    if row.get("message_reference") and not quoted:
        target = world.messages.get(row["message_reference"]["message_id"])
        if target is not None and target.get("ephemeral_to", viewer) == viewer:
            target = show(world, target, viewer, reads_content=reads_content, quoted=True)
        else:
            target = None
        shown["referenced_message"] = target
    if viewer == BOT_ID and not may_read(world, row, reads_content=reads_content):
        shown.update(content="", embeds=[], attachments=[], components=[])
    if "ephemeral_to" in row:
        shown["flags"] |= limits.EPHEMERAL
    return shown


def _copy(value: Any) -> Any:
    """Copy what JSON can hold, which is most of the work of showing a channel."""
    if isinstance(value, dict):
        return {key: _copy(entry) for key, entry in value.items()}
    return [_copy(entry) for entry in value] if isinstance(value, list) else value


def _show_reaction(emoji: str, users: list[str], viewer: str) -> Json:
    return {
        "emoji": {"id": None, "name": emoji},
        "count": len(users),
        "count_details": {"burst": 0, "normal": len(users)},
        "burst_colors": [],
        "me_burst": False,
        "me": viewer in users,
    }
