"""The server itself: whom it answers, what it keeps, and how it starts and stops."""

import asyncio
import io
import json
import signal
import sys

import aiohttp
import discord
import pytest

PAINTING = 1100000000000000201


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1:1"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/", "/page/state", "/api/v10/gateway", "/gateway"])
async def test_others_are_refused(loopback, headers, path):
    """A request under another name, or from another page, is refused with a sentence."""
    address = loopback.url + path
    async with aiohttp.request("GET", address, headers=headers) as response:
        assert response.status == 403
        assert "answers only at" in await response.text()


async def test_own_names_are_answered(loopback):
    """The page's own address and localhost are answered, with its own Origin too."""
    port = loopback.url.rpartition(":")[2]
    async with aiohttp.ClientSession() as session:
        for name in ("127.0.0.1", "localhost"):
            own = {"Host": f"{name}:{port}", "Origin": f"http://{name}:{port}"}
            async with session.get(f"{loopback.url}/page/state", headers=own) as response:
                assert response.status == 200


async def test_restart_keeps_the_channel(
    make_loopback, start_bot, new_bot, make_painter, picture, job_buttons, tmp_path
):  # fmt: skip
    """After both were restarted the message, its file, its reaction and its button are there."""
    loopback = await make_loopback(tmp_path / "kept")
    bot = await start_bot(loopback)
    painter = await make_painter(server=loopback)
    file = discord.File(io.BytesIO(picture), "grid.png")
    sent = await bot.get_channel(PAINTING).send("grid", file=file, view=job_buttons(9))
    await painter.react({"id": str(sent.id), "channel_id": str(PAINTING)}, "✉️")
    await painter.enter("dm")
    await painter.say("hello, bot")
    await bot.close()
    await loopback.close()

    again = await make_loopback(tmp_path / "kept")
    await start_bot(again)
    painter = await make_painter(server=again)
    (message,) = await painter.messages()
    assert await painter.download(message["attachments"][0]) == picture
    assert message["reactions"][0]["emoji"]["name"] == "✉️"
    await painter.click(message, "U3")
    await painter.wait_for(lambda m: m["content"] == "pressed 2 of 9")
    await painter.enter("dm")
    assert [m["content"] for m in await painter.messages()] == ["hello, bot"]
    ids = [int(m["id"]) for m in await painter.messages(str(PAINTING))]
    assert ids == sorted(ids)


async def test_ids_never_go_back(make_loopback, make_painter, tmp_path):
    """What is said after a restart stands below what was said before, whatever the clock says."""
    loopback = await make_loopback(tmp_path / "kept")
    loopback.clock.advance(3600)
    await (await make_painter(server=loopback)).say("one")
    await loopback.close()
    painter = await make_painter(server=await make_loopback(tmp_path / "kept"))
    await painter.say("two")
    assert [m["content"] for m in await painter.messages()] == ["one", "two"]


async def test_token_outlives_the_server(make_loopback, start_bot, new_bot, make_painter, tmp_path):
    """An interaction that was deferred before a restart can still be answered after it."""
    loopback, kept = await make_loopback(tmp_path / "kept"), []
    bot = new_bot()

    @bot.tree.command(description="slow")
    async def slow(interaction: discord.Interaction) -> None:
        await interaction.response.defer()
        kept.append(interaction.token)

    await start_bot(loopback, bot)
    painter = await make_painter(server=loopback)
    await painter.slash("slow")
    await bot.close()
    await loopback.close()
    again = await make_loopback(tmp_path / "kept")
    painter = await make_painter(server=again)
    url = f"{again.url}/api/v10/webhooks/{again.world.bot['id']}/{kept[0]}/messages/@original"
    async with aiohttp.request("PATCH", url, json={"content": "done"}) as response:
        assert response.status == 200
    assert [m["content"] for m in await painter.messages()] == ["done"]


async def test_addresses_of_files_end(loopback, make_painter):
    """A file's address works for a day; a changed or an old one does not."""
    painter = await make_painter()
    message = await painter.say("look", files={"a.png": b"not really a picture"})
    url = message["attachments"][0]["url"]
    assert "width" not in message["attachments"][0]
    async with aiohttp.ClientSession() as session:
        assert await status(session, url) == 200
        assert await status(session, url.replace("hm=", "hm=0")) == 404
        loopback.clock.advance(24 * 3600 + 1)
        assert await status(session, url) == 404
        (fresh,) = await painter.messages()
        assert await status(session, fresh["attachments"][0]["url"]) == 200


async def status(session, url):
    """The status of a GET."""
    async with session.get(url) as response:
        return response.status


async def test_torn_line_is_left_out(make_loopback, make_painter, tmp_path):
    """A journal whose last line was cut by a crash opens with everything before it."""
    loopback = await make_loopback(tmp_path / "kept")
    painter = await make_painter(server=loopback)
    await painter.say("one")
    await painter.say("two")
    await loopback.close()
    journal = tmp_path / "kept" / "world.ndjson"
    journal.write_bytes(journal.read_bytes()[:-20])
    painter = await make_painter(server=await make_loopback(tmp_path / "kept"))
    assert [m["content"] for m in await painter.messages()] == ["one"]


async def test_bugs_of_the_server_are_recorded(loopback):
    """A body that the server does not understand, or an unknown route, is in `errors`."""
    headers = {"Authorization": f"Bot {loopback.token}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        url = f"{loopback.url}/api/v10/users/@me/channels"
        async with session.post(url, json={}) as response:
            assert response.status == 500
        assert await status(session, f"{loopback.url}/api/v10/nowhere") == 404
    assert "KeyError: 'recipient_id'" in loopback.errors[0]
    assert "no route GET /api/v10/nowhere" in loopback.errors[1]
    loopback.errors.clear()
    loopback.traffic.clear()


async def run(tmp_path, *more):
    """Start `python -m bot.playground`."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot.playground", "--data", str(tmp_path / "data"),
        "--token", "t.o.k", *more, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def test_process(tmp_path):
    """The process says where it listens, serves the page, and stops on SIGTERM."""
    process = await run(tmp_path, "--port", "0")
    line = (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
    assert line.startswith("listening on http://127.0.0.1:")
    async with aiohttp.request("GET", f"{line.split()[-1]}/page/state?as=stranger") as response:
        assert (await response.json())["me"]["username"] == "stranger"
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 60) == 0


async def test_busy_port(tmp_path, loopback):
    """A port that is taken is one sentence and exit code 78."""
    process = await run(tmp_path, "--port", loopback.url.rpartition(":")[2])
    _, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 78
    assert err.decode().count("\n") == 1
    assert "is taken" in err.decode()


async def test_folder_in_use(tmp_path, make_loopback):
    """A second playground on the same folder is one sentence and exit code 75."""
    await make_loopback(tmp_path / "data")
    process = await run(tmp_path, "--port", "0")
    _, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 75
    assert "Another playground uses" in err.decode()


async def test_light_imports():
    """The server's process loads no torch, no discord and none of the bot's own modules."""
    code = "import json, sys, bot.playground.server; print(json.dumps(list(sys.modules)))"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    loaded = set(json.loads(out))
    assert not loaded & {"torch", "discord", "diffusers", "aiosqlite"}
    assert {m for m in loaded if m.startswith("bot.") and "playground" not in m} == set()
