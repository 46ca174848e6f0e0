"""The picture a painter attaches: judged by what Discord says of it, fetched only from Discord.

An address is taken apart once, by the parser that also fetches it, so that what is checked is what
is opened. No redirect is followed.
"""

import aiohttp
import discord
import yarl

from bot.errors import UserError

CDN_HOSTS = frozenset({"cdn.discordapp.com", "media.discordapp.net"})
TYPES = frozenset({"image/png", "image/jpeg", "image/webp"})
LARGEST_BYTES = 10 * 1024 * 1024
TIMEOUT_S = 30.0
CHUNK_BYTES = 64 * 1024

NO_PICTURE = "`picture` must be a PNG, JPEG or WEBP file; {name} is {kind}."
TOO_LARGE = "`picture` may be 10 MiB at most; {name} has {size:.1f} MiB."
ELSEWHERE = "`picture` must be attached here; pictures from elsewhere are not fetched."
NOT_THERE = "The attached picture could not be fetched from Discord. Please attach it again."


def check(attachment: discord.Attachment) -> None:
    """Judge an attachment by its metadata, before anything is fetched.

    Raises:
        UserError: it is no picture we read, or it is too large.

    """
    name = f"`{attachment.filename.replace('`', chr(39))[:60]}`"
    kind = (attachment.content_type or "").partition(";")[0].strip().lower()
    if kind not in TYPES:
        raise UserError(NO_PICTURE.format(name=name, kind=kind[:40] or "of no known kind"))
    if attachment.size > LARGEST_BYTES:
        raise UserError(TOO_LARGE.format(name=name, size=attachment.size / 2**20))


def shape(attachment: discord.Attachment) -> tuple[int, int] | bool:
    """Return the picture's size in pixels as Discord says it, or True where it does not."""
    if attachment.width and attachment.height:
        return (attachment.width, attachment.height)
    return True


def allowed(address: str, playground: str | None) -> yarl.URL:
    """Return the address to fetch.

    Raises:
        UserError: it leads to anywhere but Discord's own store of files.

    """
    try:
        url = yarl.URL(address)
        ours = (url.scheme, url.host, url.explicit_port) if url.user is None else None
        if playground is not None:
            home = yarl.URL(playground)
            if ours == (home.scheme, home.host, home.explicit_port):
                return url
        elif ours is not None and ours[0] == "https" and ours[1] in CDN_HOSTS and ours[2] is None:
            return url
    except ValueError as error:
        raise UserError(ELSEWHERE) from error
    raise UserError(ELSEWHERE)


async def fetch(address: str, playground: str | None = None) -> bytes:
    """Return the content of an attachment, counted while it comes.

    Raises:
        UserError: the address is not Discord's, the file is gone or too large.

    """
    url = allowed(address, playground)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            if answer.status != 200:
                raise UserError(NOT_THERE)
            content = bytearray()
            async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                content += chunk
                if len(content) > LARGEST_BYTES:
                    raise UserError(TOO_LARGE.format(name="it", size=len(content) / 2**20))
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise UserError(NOT_THERE) from error
    return bytes(content)
