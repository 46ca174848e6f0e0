"""Files of messages: what comes with a request, and what a message says of it."""

import io
import re
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from bot.playground import limits
from bot.playground.errors import Json, invalid
from bot.playground.world import World


@dataclass(frozen=True, slots=True)
class Upload:
    """One file of a request."""

    name: str
    kind: str
    content: bytes


Uploads = dict[str, Upload]


def make_entry(entry: Json, files: Uploads, kept: dict[str, Json]) -> Json:
    """One attachment: kept as it was (perhaps with a new description) or from a file part."""
    entry_id = str(entry["id"])
    changed = {k: entry[k] for k in ("description",) if entry.get(k) is not None}
    if entry_id in kept:
        return {**kept[entry_id], **changed}
    part = f"files[{entry_id}]"
    if part not in files:
        raise invalid("attachments", "ATTACHMENT_NOT_FOUND", f"No file for attachment {entry_id}.")
    upload = files[part]
    return {
        "id": entry_id,
        "part": part,
        "filename": re.sub(r"[^\w.\-]+", "_", entry.get("filename") or upload.name),
        "size": len(upload.content),
        "content_type": upload.kind,
        **_picture_size(upload),
        **changed,
    }


def _picture_size(upload: Upload) -> Json:
    try:
        with Image.open(io.BytesIO(upload.content)) as picture:
            return {"width": picture.width, "height": picture.height}
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
        return {}  # why: not a picture, which is no fault; Discord leaves the size out too


def attachment(world: World, channel_id: str, upload: Upload) -> Json:
    """An attachment of a slash command's option, seen by nobody but the bot."""
    row = make_entry({"id": "0"}, {"files[0]": upload}, {})
    del row["part"]
    row["id"] = world.keep_file(channel_id, row["filename"], upload.kind, upload.content)
    url = world.file_url(row["id"])
    return {**row, "url": url, "proxy_url": url, "ephemeral": True}


def media_of(message: Json) -> list[Json]:
    """Every place of a message where an address of a file may stand."""
    found: list[Json] = []
    for component in limits.walk(message["components"]):
        found += [item["media"] for item in component.get("items") or []]
        found += [component[k] for k in ("media", "file") if isinstance(component.get(k), dict)]
    return found + embedded_media(message)


def file_of(media: Json) -> str:
    """The id of the file that stands there, also where an earlier answer's address is sent back."""
    own = re.search(r"/attachments/\d+/(\d+)/", str(media.get("url") or ""))
    return str(media.get("attachment_id") or (own[1] if own else ""))


def embedded_media(message: Json) -> list[Json]:
    """The pictures of a message's embeds; Discord does not list their files beside them."""
    return [e[key] for e in message["embeds"] for key in ("image", "thumbnail") if e.get(key)]
