"""Attached pictures come from Discord's own store of files and from nowhere else."""

import pytest
from aiohttp import web

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
