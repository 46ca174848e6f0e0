"""Makes the pictures in docs/screens: `python tests/screens.py` (wants Chromium; MODEL is heeded).

A playground, the real bot in it, and a browser; what stands in the channel is painted anew.
"""

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from painter import Painter
from playwright.async_api import Browser, Page, async_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from bot.playground.server import Playground  # noqa: E402  # why: wherever it is started from

TOKEN = "MTEwMDAwMDAwMDAwMDAwMDEwMA.playground.token"  # noqa: S105  # why: opens nothing
WIDE = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
PAINTED = ("a fox in the snow --seed 3", "a red apple on a beach --seed 7")


async def paint(server: Playground) -> None:
    """Let the painter ask for a fox, take one out of its grid, and ask for an apple."""
    async with Painter(server.url, "painter") as painter:
        await painter.wait_until_online(120)
        for prompt in PAINTED:
            await painter.slash("imagine", prompt=prompt)
            words = prompt.partition(" --")[0]
            grid = await painter.wait_for(
                lambda m, w=words: w in m["content"] and m["components"], 300
            )
            if prompt == PAINTED[0]:
                await painter.click(grid, "U2")
                await painter.wait_for(lambda m: "#2" in m["content"] and m["attachments"], 60)
        await painter.react(grid, "✉️")


async def look(browser: Browser, url: str, file: Path, *, scroll: int = 0, **options) -> Page:
    """Open the page, wait for its pictures, and keep what one sees."""
    context = await browser.new_context(**options)
    page = await context.new_page()
    await page.goto(url)
    await page.get_by_role("button", name="U2", exact=True).last.wait_for()
    await page.wait_for_function("[...document.images].every((img) => img.complete)")
    if scroll:
        await page.get_by_role("log").hover()
        await page.mouse.wheel(0, -scroll)
    await page.wait_for_timeout(600)
    await page.screenshot(path=file)
    return page


@contextlib.asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    """A Chromium of one's own."""
    arguments = ["--no-sandbox", "--disable-gpu", "--no-first-run"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=arguments
        )
        yield browser
        await browser.close()


async def shoot(url: str, out: Path) -> None:
    """All the pictures."""
    async with browsing() as browser:
        english = {"viewport": WIDE, "locale": "en-US"}
        dark = await look(browser, url, out / "dark.png", color_scheme="dark", **english)
        await dark.get_by_role("button", name="Show what goes over the wire").click()
        await dark.locator("#wire summary", has_text="PATCH").first.click()
        await dark.wait_for_timeout(500)
        await dark.screenshot(path=out / "wire.png")
        await look(browser, url, out / "light.png", color_scheme="light", **english)
        chinese = {"viewport": WIDE, "locale": "zh-CN", "color_scheme": "light"}
        await look(browser, url, out / "chinese.png", scroll=9000, **chinese)
        phone = {"viewport": PHONE, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}
        await look(browser, url, out / "phone.png", color_scheme="dark", locale="en-US", **phone)


@contextlib.asynccontextmanager
async def stage() -> AsyncIterator[Playground]:
    """A playground with the bot in it, which is still starting."""
    with tempfile.TemporaryDirectory() as folder:
        server = Playground(Path(folder, "playground"), token=TOKEN)
        await server.start()
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "DATA": str(Path(folder, "data")),
            "DISCORD_TOKEN": TOKEN,
            "EASEL_PLAYGROUND": server.url,
        }
        bot = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot.app", cwd=folder, env=environment
        )
        try:
            yield server
        finally:
            bot.terminate()
            await bot.wait()
            await server.close()


async def main(out: Path) -> None:
    """Set the stage, paint, shoot."""
    async with stage() as server:
        await paint(server)
        await shoot(server.url, out)


if __name__ == "__main__":
    into = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "screens"
    into.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(into))
