"""Pictures a painter gives: attached, or as a link to Discord's files or to one of `IMAGE_HOSTS`.

An address is taken apart once, by the parser that also fetches it, so that what is checked is what
is opened. No redirect is followed. A host that the operator listed is looked up once, and only its
public addresses are connected to.
"""

import ipaddress
import socket
from collections.abc import Collection

import aiohttp
import discord
import yarl
from aiohttp.abc import AbstractResolver, ResolveResult

from bot.errors import UserError
from bot.language import N_, _

CDN_HOSTS = frozenset({"cdn.discordapp.com", "media.discordapp.net"})
INTERNET = ipaddress.IPv6Network("2000::/3")
TYPES = frozenset({"image/png", "image/jpeg", "image/webp"})
LARGEST_BYTES = 10 * 1024 * 1024
TIMEOUT_S = 30.0
CHUNK_BYTES = 64 * 1024

NO_PICTURE = N_("`{option}` must be a PNG, JPEG or WEBP file; {name} is {kind}.")
TOO_LARGE = N_("`{option}` may be 10 MiB at most; {name} has {size:.1f} MiB.")
ELSEWHERE = N_(
    "Pictures are fetched from {hosts} only: this one must be attached here, as `{option}`."
)
NOT_THERE = N_(
    "The picture could not be fetched from {host}. Please attach it here, as `{option}`."
)
LINK = N_("Invalid link")


def check(attachment: discord.Attachment, option: str = "picture") -> None:
    """Judge what was attached to an option by its metadata, before anything is fetched.

    Raises:
        UserError: it is no picture we read, or it is too large.

    """
    name = f"`{attachment.filename.replace('`', chr(39))[:60]}`"
    kind = (attachment.content_type or "").partition(";")[0].strip().lower()
    if kind not in TYPES:
        raise UserError(
            _(NO_PICTURE).format(option=option, name=name, kind=kind[:40] or _("of no known kind"))
        )
    if attachment.size > LARGEST_BYTES:
        size = attachment.size / 2**20
        raise UserError(_(TOO_LARGE).format(option=option, name=name, size=size))


def shape(attachment: discord.Attachment) -> tuple[int, int] | None:
    """Return the picture's size in pixels, if Discord says it."""
    if attachment.width and attachment.height:
        return (attachment.width, attachment.height)
    return None


def allowed(
    address: str,
    playground: str | None = None,
    hosts: Collection[str] = (),
    option: str = "picture",
) -> yarl.URL:
    """Return the address to fetch; `option` is where the picture could be attached instead.

    Raises:
        UserError: it leads to anywhere but Discord's own store of files and the listed hosts.

    """
    try:
        url = yarl.URL(address)
        if url.user is None and url.password is None and _leads_home(url, playground, hosts):
            return url
    except ValueError:
        pass
    names = _("Discord's own files")
    if hosts:
        names = _("{hosts} and Discord's files").format(hosts=", ".join(sorted(hosts)))
    raise UserError(_(ELSEWHERE).format(hosts=names, option=option), title=_(LINK))


def _leads_home(url: yarl.URL, playground: str | None, hosts: Collection[str]) -> bool:
    if playground is not None:
        home = yarl.URL(playground)
        if url.origin() == home.origin():
            return True
    if url.scheme != "https" or url.explicit_port is not None or not url.host:
        return False
    if url.host in hosts:  # an address instead of a name is never looked up, so it is checked here
        return not _is_address(url.host) or _is_public(url.host)
    return playground is None and url.host in CDN_HOSTS


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class PublicResolver(AbstractResolver):
    """Looks a host up and lets only its public addresses be connected to.

    Discord's own hosts are believed: behind some proxies every name has an address of the house.
    """

    def __init__(self, book: AbstractResolver | None = None) -> None:
        """Look names up in `book`; by default as the system does."""
        self._book = book or aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host, all of them checked."""
        found = await self._book.resolve(host, port, family)
        if host not in CDN_HOSTS:
            found = [one for one in found if _is_public(one["host"])]
        if not found:
            raise OSError(f"{host} has no public address")
        return found

    async def close(self) -> None:
        """Close the book."""
        await self._book.close()


def _is_public(address: str) -> bool:
    """Say whether an address is one of the internet's own, and no IPv6 one that wraps another."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        return ip in INTERNET and ip.is_global and ip.sixtofour is None and ip.teredo is None
    return ip.is_global and not ip.is_multicast


async def fetch(
    address: str,
    playground: str | None = None,
    hosts: Collection[str] = (),
    option: str = "picture",
) -> bytes:
    """Return the content of a picture's file, counted while it comes; `option` as for `allowed`.

    Raises:
        UserError: the address is none of ours, the file is gone or too large.

    """
    url = allowed(address, playground, hosts, option)
    lost = UserError(_(NOT_THERE).format(host=url.host, option=option), title=_(LINK))
    try:
        connector = aiohttp.TCPConnector(resolver=PublicResolver())
        async with (
            aiohttp.ClientSession(
                connector=connector, timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)
            ) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            if answer.status != 200:
                raise lost
            content = bytearray()
            async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                content += chunk
                if len(content) > LARGEST_BYTES:
                    raise UserError(
                        _(TOO_LARGE).format(option=option, name=_("it"), size=len(content) / 2**20)
                    )
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise lost from error
    return bytes(content)
