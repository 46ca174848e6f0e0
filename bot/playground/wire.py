"""One request and its answer: parsed, and recorded when a test wants to look at the wire."""

import json
import mimetypes
from dataclasses import dataclass, field
from typing import Any

from aiohttp import BodyPartReader, web

from bot.playground.attachments import Upload, Uploads
from bot.playground.errors import ApiError

LARGEST_READ = 64 * 1024 * 1024


@dataclass(slots=True)
class Call:
    """A request as the routes see it."""

    method: str
    path: dict[str, str]
    query: dict[str, str]
    body: Any = None
    files: Uploads = field(default_factory=dict)


@dataclass(slots=True)
class Exchange:
    """A request and its answer as they went over the wire; `path` without /api/v10.

    `fault`: what answered by a test's demand, if anything did.
    """

    method: str
    path: str
    query: dict[str, str]
    content_type: str | None
    body: Any = None
    files: dict[str, tuple[str, int]] = field(default_factory=dict)
    status: int = 0
    response: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    fault: int | str | None = None


async def read(request: web.Request) -> tuple[Any, Uploads]:
    """The JSON body and the files of a request, be it multipart or plain."""
    if (request.content_length or 0) > LARGEST_READ:
        raise ApiError(40005)
    files: Uploads = {}
    text = b""
    if request.content_type == "multipart/form-data":
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader):
                raise ApiError(50109)
            content = bytes(await part.read(decode=False))
            if part.name == "payload_json":
                text = content
            elif part.name:
                name = part.filename or "file"
                # the name decides, as with Discord: discord.py calls every file an octet-stream
                kind = mimetypes.guess_type(name, strict=False)[0] or "application/octet-stream"
                files[part.name] = Upload(name, kind, content)
    elif request.can_read_body:
        text = await request.read()
    try:
        return (json.loads(text) if text else None), files
    except ValueError:
        raise ApiError(50109) from None


def answer(data: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """An answer in JSON; discord.py wants the content type without a charset."""
    if data is None:
        return web.Response(status=204, headers=headers)
    told = {**(headers or {}), "Content-Type": "application/json"}
    return web.Response(body=json.dumps(data).encode(), status=status, headers=told)
