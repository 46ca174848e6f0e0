"""Pictures come from Discord's own store of files, from hosts the operator lists, nowhere else."""

import socket

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver

from bot import attachments
from bot.errors import UserError

HOME = "http://127.0.0.1:8420"


@pytest.mark.parametrize(
    "address",
    [
        "https://cdn.discordapp.com/attachments/1/2/a.png?ex=1&is=2&hm=3",
        "https://media.discordapp.net/ephemeral-attachments/1/2/a.png",
    ],
)
def test_discords_files_may_be_fetched(address):
    """Addresses as Discord gives them are fetched as they are."""
    assert str(attachments.allowed(address, None)) == address


@pytest.mark.parametrize(
    "address",
    [
        "http://cdn.discordapp.com/a.png",
        "https://cdn.discordapp.com:8443/a.png",
        "https://cdn.discordapp.com.evil.example/a.png",
        "https://evil.example/cdn.discordapp.com/a.png",
        "https://cdn.discordapp.com@evil.example/a.png",
        "https://evil.example#@cdn.discordapp.com/a.png",
        "https://evil.example\\@cdn.discordapp.com/a.png",
        "https://user:pass@cdn.discordapp.com/a.png",
        "https://cdn.discordapp.com./a.png",
        "https://xn--cdn.discordapp.com/a.png",
        "https://127.0.0.1/a.png",
        "https://[::1]/a.png",
        "https://2130706433/a.png",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "ftp://cdn.discordapp.com/a.png",
        "//cdn.discordapp.com/a.png",
        "cdn.discordapp.com/a.png",
        "https://",
        "https://[cdn.discordapp.com]/a.png",
        "",
    ],
)
def test_no_other_address_is_fetched(address):
    """Whatever an address pretends, only https to Discord's hosts on the usual port is fetched."""
    with pytest.raises(UserError, match="must be attached"):
        attachments.allowed(address, None)


def test_in_a_playground_only_its_own_files_are_fetched():
    """Pointed at a playground, the bot fetches from there and no longer from Discord."""
    attachments.allowed(f"{HOME}/attachments/1/2/a.png", HOME)
    for address in (
        "https://cdn.discordapp.com/a.png",
        "http://127.0.0.1:8421/a.png",
        "http://localhost:8420/a.png",
        "https://127.0.0.1:8420/a.png",
    ):
        with pytest.raises(UserError):
            attachments.allowed(address, HOME)


HOSTS = frozenset({"i.imgur.com", "10.0.0.7", "1.1.1.1"})


def test_a_listed_host_may_be_fetched_from():
    """https to a host of IMAGE_HOSTS is fetched, with and without a playground."""
    for playground in (None, HOME):
        assert attachments.allowed("https://I.imgur.com/a.png", playground, HOSTS)
    assert attachments.allowed("https://1.1.1.1/a.png", None, HOSTS)


@pytest.mark.parametrize(
    "address",
    [
        "http://i.imgur.com/a.png",
        "https://i.imgur.com:8443/a.png",
        "https://a.i.imgur.com/a.png",
        "https://i.imgur.com.evil.example/a.png",
        "https://me@i.imgur.com/a.png",
        "https://:word@i.imgur.com/a.png",
        "https://10.0.0.7/a.png",
    ],
)
def test_a_listed_host_is_no_way_around(address):
    """Another scheme, port or name, or a private address, is refused, and one is told to attach."""
    with pytest.raises(
        UserError, match=r"i.imgur.com and Discord's files only.*attached"
    ) as caught:
        attachments.allowed(address, None, HOSTS)
    assert caught.value.title == "Invalid link"


class Book(AbstractResolver):
    """A phone book with one entry."""

    def __init__(self, *addresses):
        self.addresses = addresses

    async def resolve(self, host, port=0, family=socket.AF_INET):
        return [
            {"hostname": host, "host": one, "port": port, "family": family, "proto": 0, "flags": 0}
            for one in self.addresses
        ]

    async def close(self):
        pass


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.1.2.3",
        "224.0.0.1", "198.18.0.1", "::1", "fe80::1%eth0", "fd00::1", "::ffff:127.0.0.1",
        "64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1", "ff02::1", "2001:0:1::1",
    ],
)  # fmt: skip
async def test_only_public_addresses_are_connected_to(address):
    """A listed host that turns out to live inside the house is not reached, however written."""
    resolver = attachments.PublicResolver(Book(address, "93.184.216.34"))
    assert [one["host"] for one in await resolver.resolve("i.imgur.com")] == ["93.184.216.34"]
    with pytest.raises(OSError, match="no public address"):
        await attachments.PublicResolver(Book(address)).resolve("i.imgur.com")


async def test_a_name_of_this_machine_is_not_fetched():
    """Listing a name that leads to this machine does not open it: nothing is connected to."""
    with pytest.raises(UserError, match="could not be fetched from localhost") as caught:
        await attachments.fetch("https://localhost/a.png", None, frozenset({"localhost"}))
    assert "no public address" in repr(caught.value.__cause__)


@pytest.fixture
async def files():
    """A server of files, of which one leads away and one never ends."""

    async def never_ends(request):
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(11):
            await response.write(b"\0" * 2**20)
        return response

    async def leads_away(_):
        raise web.HTTPFound("/good")

    async def good(_):
        return web.Response(body=b"picture")

    app = web.Application()
    app.router.add_get("/large", never_ends)
    app.router.add_get("/away", leads_away)
    app.router.add_get("/good", good)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_a_file_is_counted_while_it_comes(files):
    """A good file arrives; one that grows beyond the limit is cut off and refused."""
    assert await attachments.fetch(f"{files}/good", files) == b"picture"
    with pytest.raises(UserError, match="10 MiB at most"):
        await attachments.fetch(f"{files}/large", files)


@pytest.mark.parametrize("path", ["away", "missing"])
async def test_no_redirect_is_followed(files, path):
    """A file that has moved or gone is a sentence, and nothing else is asked."""
    with pytest.raises(UserError, match="could not be fetched"):
        await attachments.fetch(f"{files}/{path}", files)
