"""Makes docs/screens/messages.webp, every kind of message on one sheet: `python tests/sheet.py`.

A playground, the real bot and a browser, as for the other pictures (`screens.py`).
"""

import asyncio
import contextlib
import io
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from painter import Json, Painter
from PIL import Image, ImageDraw, ImageFont
from playwright.async_api import Browser, Locator, Page
from screens import ROOT, browsing, stage

NARROW = {"width": 1000, "height": 1100}
COLUMNS, WIDTH, GAP, TITLE = 4, 560, 24, 34  # pixels
GROUND, INK = "#313338", "#dbdee1"
FOX = "a fox in the snow --seed 3 --steps 80"  # enough to be seen on its way
UNDER_WAY = re.compile(r"\(\d+%\)|Waiting to start")
LOADING = 128  # the flag of a message that is still being thought about


class Album:
    """What one person sees, message by message, each with its title."""

    def __init__(self, page: Page, painter: Painter, kept: list[tuple[str, Image.Image]]) -> None:
        self.page, self.painter, self.kept = page, painter, kept
        self.seen: set[str] = set()

    async def next(self, words: str = "") -> Json:
        """The next message with these words in it that is no longer on its way to something."""

        def fits(message: Json) -> bool:
            waits = message["flags"] & LOADING or (
                not words and UNDER_WAY.search(message["content"])
            )
            return message["id"] not in self.seen and words in str(message) and not waits

        found = await self.painter.wait_for(fits)
        self.seen.add(found["id"])
        return found

    async def slash(self, title: str, command: str, **options) -> Json:
        """Keep what a command answers."""
        self.seen |= {message["id"] for message in await self.painter.messages()}
        await self.painter.slash(command, **options)
        return await self.keep(title, await self.next())

    async def press(self, title: str, message: Json, button: str, words: str = "") -> Json:
        """Keep what a button answers."""
        self.seen |= {message["id"] for message in await self.painter.messages()}
        await self.painter.click(message, button)
        return await self.keep(title, await self.next(words))

    async def window(self, title: str, message: Json, button: str) -> None:
        """Keep the window that a button opens, and close it."""
        await self._article(message).get_by_role("button", name=button, exact=True).click()
        window = self.page.get_by_role("dialog")
        await window.wait_for()
        await self.page.wait_for_timeout(400)
        self._add(title, await window.screenshot())
        await self.page.keyboard.press("Escape")

    async def keep(self, title: str, message: Json) -> Json:
        """Keep what a message looks like now."""
        article = self._article(message)
        await article.scroll_into_view_if_needed()
        await self.page.wait_for_function("[...document.images].every((img) => img.complete)")
        await self.page.wait_for_timeout(400)
        self._add(title, await article.screenshot())
        return message

    async def turn_to(self, channel: str, shown: str = "") -> None:
        """Go to another channel, and the page too."""
        self.painter.channel_id = await self.painter.enter(channel)
        await self.page.locator("#channels").get_by_text(shown or channel).first.click()
        self.seen |= {message["id"] for message in await self.painter.messages()}

    def _article(self, message: Json) -> Locator:
        return self.page.locator(f"#m{message['id']}")

    def _add(self, title: str, png: bytes) -> None:
        self.kept.append((title, Image.open(io.BytesIO(png)).convert("RGB")))


@contextlib.asynccontextmanager
async def album(
    browser: Browser, url: str, name: str, kept: list[tuple[str, Image.Image]]
) -> AsyncIterator[Album]:
    """Somebody's page in a browser, and the same person's hands."""
    context = await browser.new_context(viewport=NARROW, locale="en-US", color_scheme="dark")
    page = await context.new_page()
    async with Painter(url, name) as painter:
        await painter.wait_until_online()
        await page.goto(f"{url}/?as={name}")
        await page.locator("#message").wait_for()
        yield Album(page, painter, kept)


async def show_jobs(a: Album) -> None:
    """A job from its first message to its pictures, and what comes of those."""
    await a.painter.slash("imagine", prompt=FOX)
    running = await a.painter.wait_for(lambda m: "%)" in m["content"] and m["attachments"])
    await a.keep("painting", running)
    grid = await a.keep("a grid", await a.next("U1"))
    for n in range(5):
        await a.painter.slash("imagine", prompt=f"a {n + 1} fox --steps 20")
    queued = await a.keep("waiting its turn", await a.next("Job queued"))
    await a.painter.react(queued, "❌")
    stopped = await a.painter.wait_for(lambda m: "(Stopped)" in m["content"])
    await a.keep("stopped", stopped)
    await a.painter.slash("cancel")
    await a.press("variations", grid, "V3")
    await a.press("painted again", grid, "🔄")
    single = await a.press("a picture taken out of it", grid, "U2", "Image #2")
    for title, button in (
        ("upscaled", "Upscale (Subtle)"), ("zoomed out", "Zoom Out 2x"), ("panned", "➡️"),
    ):  # fmt: skip
        await a.press(title, single, button)
    await a.press("a region to vary", single, "Vary (Region)")
    await a.window("a window", single, "Custom Zoom")
    await a.painter.menu(grid, "Show parameters")
    shown = await a.keep("its parameters", await a.next("Seed"))
    await a.press("how it was painted", shown, "How it was painted", "noise")
    await a.slash("several prompts in one", "imagine", prompt="a {red, blue} fox --ar {1:1, 3:2}")
    await a.slash("a wrong parameter", "imagine", prompt="a fox --stylise 10 --chaos 900")
    await a.slash("words it does not know", "imagine", prompt="a quokka --seed 2")
    await a.slash("/describe", "describe", image=await a.painter.download(single["attachments"][0]))
    await a.slash("/shorten", "shorten", prompt="a cute red fox sitting in the snow, stunning, 4k")


async def show_commands(a: Album) -> None:
    """What the commands of a painter answer."""
    for title, command in (
        ("/help", "help"), ("/info", "info"), ("/settings", "settings"), ("/history", "history"),
        ("/models", "models"), ("/samplers", "samplers"), ("/loras", "loras"),
        ("/prefer option list", "prefer option list"), ("/relax", "relax"),
        ("/invite", "invite"), ("/export_my_data", "export_my_data"),
        ("/delete_my_data", "delete_my_data"),
    ):  # fmt: skip
        await a.slash(title, command)


async def show_desk(a: Album) -> None:
    """What an admin sees."""
    await a.slash("/easel setup", "easel setup")
    await a.slash("the audit log", "easel config set", steps=30, log=a.painter.channel_id)
    await a.keep("/easel config set", await a.next("rules"))
    await a.slash("/easel config show", "easel config show")
    await a.slash("/easel config explain", "easel config explain")
    await a.slash("/easel words test", "easel words test", prompt="a g.o.r.e fox")
    await a.slash("/easel queue", "easel queue")
    await a.slash("/easel stats", "easel stats")
    grid = await a.painter.wait_for(lambda m: "U1" in str(m["components"]))
    await a.painter.react(grid, "⚠️")
    await a.keep("a report", await a.next("Report"))


async def main(out: Path) -> None:
    """Set the stage, show everything, lay out the sheet."""
    kept: list[tuple[str, Image.Image]] = []
    async with stage() as server, browsing() as browser:
        async with album(browser, server.url, "painter", kept) as a:
            await show_jobs(a)
            await show_commands(a)
        async with album(browser, server.url, "admin", kept) as a:
            await show_desk(a)
    lay_out(kept).save(out, quality=80)


def lay_out(kept: list[tuple[str, Image.Image]]) -> Image.Image:
    """Pictures in columns, each under its title, the next one always in the shortest column."""
    font = ImageFont.load_default(20)
    heights = [GAP] * COLUMNS
    places = []
    for title, picture in kept:
        scaled = picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)))
        column = heights.index(min(heights))
        places.append((column, heights[column], title, scaled))
        heights[column] += TITLE + scaled.height + GAP
    sheet = Image.new("RGB", (GAP + COLUMNS * (WIDTH + GAP), max(heights)), GROUND)
    pen = ImageDraw.Draw(sheet)
    for column, top, title, picture in places:
        left = GAP + column * (WIDTH + GAP)
        pen.text((left, top), title, INK, font)
        sheet.paste(picture, (left, top + TITLE))
    return sheet


if __name__ == "__main__":
    asyncio.run(
        main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/screens/messages.webp")
    )
