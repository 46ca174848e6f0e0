"""The playground's page in a real Chromium, before the real bot: what its tests share."""

import asyncio
import contextlib
import json
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import async_playwright, expect

from bot.playground.server import Playground

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHROMIUM = next((found for name in NAMES if (found := shutil.which(name))), None)
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
WIDE = {"width": 1440, "height": 900}
PROMPT = "a red apple on a beach"
SLOW = 90_000
"""How long a painting may take on a busy machine, in milliseconds."""

expect.set_options(timeout=60_000)

REMEMBER = """
    window.remembered = [];
    new MutationObserver(() => {
        for (const article of document.querySelectorAll('#log article')) {
            const text = article.querySelector('.content').textContent;
            if (!window.remembered.includes(text)) window.remembered.push(text);
        }
    }).observe(document, {subtree: true, childList: true, characterData: true});
"""


@pytest.fixture(scope="session")
def patient_model(tiny_model, tmp_path_factory) -> Path:
    """Take so many steps by default that a newcomer sees them, as with a model of full size."""
    folder = tmp_path_factory.mktemp("slow") / "tiny"
    shutil.copytree(tiny_model, folder)
    card = {"default_steps": 200, "max_steps": 5000, "delivery_scale": 2, "title": "tiny"}
    (folder / "easel.json").write_text(json.dumps(card))
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium():
    """One browser for all tests."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here (looked for it on the PATH)")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def open_context(chromium):
    """Open a page in a fresh context; nothing may go wrong in its console, nor leave this host."""
    complaints: list[str] = []
    contexts = []

    def look_at(request):
        if urlsplit(request.url).hostname not in ("127.0.0.1", None):
            complaints.append(f"asks a foreign host: {request.url}")

    def listen(said, forgiven):
        if said.type == "error" and not (forgiven and forgiven in said.text):
            complaints.append(said.text)

    async def open_page(url, *, forgiven="", **look):
        look = {"viewport": WIDE, "locale": "en-US", "color_scheme": "dark", **look}
        context = await chromium.new_context(**look)
        contexts.append(context)
        page = await context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: listen(said, forgiven))
        page.on("request", look_at)
        await page.add_init_script(REMEMBER)
        await page.goto(url)
        await expect(page.locator("#message")).to_be_visible()
        return page

    yield open_page
    for context in contexts:
        await context.close()
    assert complaints == []


@pytest.fixture
def visit(open_context, shared):
    """Open the page as somebody."""

    async def open_page(name="painter", **look):
        return await open_context(f"{shared.server.url}/?as={name}", **look)

    return open_page


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def painted(shared):
    """See to it that a grid of PROMPT stands in the channel, whichever tests ran before."""
    painter = await shared.person()
    if not any(message["components"] for message in await painter.messages()):
        await painter.slash("imagine", prompt=f"{PROMPT} --steps 4")
        await painter.wait_for(lambda message: message["components"], SLOW / 1000)


@pytest.fixture
def faults_of():
    """Name what axe-core finds serious or critical in what a page shows."""

    async def find(page):
        found = (await Axe().run(page)).response["violations"]
        return [
            f"{fault['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
            for fault in found
            if fault["impact"] in ("serious", "critical")
            for node in fault["nodes"]
        ]

    return find


@pytest_asyncio.fixture(loop_scope="module")
async def play(tmp_path, point_discord, open_context):
    """Open the page before a bot of the test's own: `page, server = await play(client)`."""
    async with contextlib.AsyncExitStack() as stack:

        async def open_page(client, **look):
            server = Playground(tmp_path / "playground", token="a-bot-of-its-own")  # noqa: S106
            await server.start()
            stack.push_async_callback(server.close)
            point_discord(server)
            running = asyncio.create_task(client.start(server.token))
            stack.push_async_callback(asyncio.gather, running, return_exceptions=True)
            stack.push_async_callback(client.close)
            stack.callback(lambda: server.errors and pytest.fail("\n".join(server.errors)))
            page = await open_context(server.url, **look)
            stack.push_async_callback(page.context.close)  # before its server goes
            await expect(page.get_by_text("Easel is starting")).to_be_hidden(timeout=90_000)
            return page, server

        yield open_page
