"""/describe: what a picture shows, as four prompts that would paint one like it.

The message is its own memory: the prompts stand in its lines and the picture lies with Discord, so
its buttons work after a restart.
"""

import asyncio
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import discord
from discord import app_commands
from PIL import Image

from bot import attachments, batch, grid, messages, numbered, offers, panels
from bot.admission import find_words
from bot.answers import patiently, reply
from bot.desk import Asked, DeskClient
from bot.disk import to_disk
from bot.errors import UserError
from bot.intake import check_asked, new_job
from bot.jobs import Kind
from bot.language import N_, _, speaking
from bot.modes import is_hidden, language_of
from bot.orders import draft_of, jobs_of
from bot.permissions import check_bot
from bot.words import Weight
from engine import Described, Request

LONGEST_LINK = 2000
SHOWN_SIDE = 1024
"""Pixels of the picture that is shown again."""
QUALITY = 90
LARGEST_TERM = 16
"""Of a shape: 1920x1081 is called 16:9."""
PRESSED = re.compile(r"describe:(?:(?P<number>[0-3])|(?P<all>all)|again:(?P<turn>[0-9]{1,6}))")
ONE_PICTURE = N_("Attach one picture as `image`, or give one `link`; not both.")
STOPPED = N_("Easel is stopping, so this was not described. Please ask again in a minute.")
UNWANTED = N_("What this picture shows cannot be said without words that are not wanted here.")
NAMELESS = N_("Nothing that could be named was found in this picture.")


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture and four prompts for it; `covered` if it is to be shown only to who clicks."""

    prompts: tuple[str, ...]
    picture: bytes
    covered: bool


@app_commands.command(name="describe", description="Writes a prompt based on your image.")
@app_commands.describe(image="The image to describe", link="A link to the image to describe")
async def describe(
    interaction: discord.Interaction[Any],
    image: discord.Attachment | None = None,
    link: app_commands.Range[str, 1, LONGEST_LINK] | None = None,
) -> None:
    """Show a picture with four prompts, or say in one sentence why not."""
    asked: Asked = interaction
    rules = await check_asked(asked)
    check_bot(asked, embeds=True)
    settings = asked.client.desk.settings
    if (image is None) == (link is None):
        raise UserError(_(ONE_PICTURE))
    if image is not None:
        attachments.check(image, "image")
    address = image.url if image is not None else (link or "").strip().strip("<>")
    attachments.allowed(address, settings.playground, settings.image_hosts, option="image")
    hidden = is_hidden(asked, await asked.client.desk.preferences(asked.user.id))
    seen = await patiently(asked, _look(asked, address, 0), hidden=hidden)
    about = messages.describe(seen.prompts[0])
    file = discord.File(
        io.BytesIO(seen.picture), "described.webp", description=about, spoiler=seen.covered
    )
    embed = discord.Embed(description=_listed(seen.prompts))
    if not seen.covered:  # an embed cannot hide its picture, so that one stands above it
        embed.set_image(url=f"attachment://{file.filename}")
    with speaking(language_of(asked, rules, hidden)):
        view = _view(len(seen.prompts), 1)
    await reply(asked, hidden=hidden, embed=embed, files=[file], view=view)


async def press(asked: Asked, pressed: re.Match[str]) -> None:
    """Open a window with one of the prompts, paint all of them, or look for others.

    Raises:
        UserError: the message does not say any more what it was made of, or may not be painted.

    """
    message = asked.message
    embed = message.embeds[0] if message and message.embeds else discord.Embed()
    prompts = numbered.read(embed.description or "")
    if pressed["number"]:
        await offers.choose(asked, "describe", prompts, int(pressed["number"]))
    elif pressed["all"]:
        await _imagine_all(asked, prompts)
    else:
        await _describe_again(asked, embed, int(pressed["turn"]))


async def _describe_again(asked: Asked, embed: discord.Embed, turn: int) -> None:
    """Put four other prompts in the place of those that stand there."""
    rules = await check_asked(asked)
    message = asked.message
    files = message.attachments if message else []
    address = embed.image.url or (files[0].url if files else None)
    if message is None or address is None:
        raise UserError(_(offers.LOST).format(command="describe"))
    await asked.response.defer()
    seen = await _look(asked, address, turn)
    embed.description = _listed(seen.prompts)
    with speaking(language_of(asked, rules, message.flags.ephemeral)):
        view = _view(len(seen.prompts), turn + 1)
    await asked.edit_original_response(embed=embed, view=view)


async def _imagine_all(asked: Asked, prompts: Sequence[str]) -> None:
    """Take in a job for each of the prompts, or none.

    Raises:
        UserError: one of them cannot be painted, or there is no room for so many.

    """
    if not prompts:
        raise UserError(_(offers.LOST).format(command="describe"))
    found = [await jobs_of(asked, draft_of(asked, prompt)) for prompt in prompts]
    jobs = [job for some, _warnings in found for job in some]
    jobs = [replace(job, id=asked.id + number) for number, job in enumerate(jobs)]
    warnings = dict.fromkeys(sentence for _some, said in found for sentence in said)
    await batch.take_all(asked, jobs, [*warnings])


async def _look(asked: Asked, address: str, turn: int) -> Seen:
    """Fetch a picture and let the engine say what it shows; each turn says something else.

    Raises:
        UserError: it cannot be had, may not be used here, or nothing can be said of it.

    """
    desk = asked.client.desk
    settings = desk.settings
    upload = await attachments.fetch(address, settings.playground, settings.image_hosts, "image")
    png = await asyncio.to_thread(grid.open_upload, upload)
    shown, size = await asyncio.to_thread(_shrink, png)
    card = desk.cards()[0]
    request = Request(
        prompt="", seed=turn, num_inference_steps=1, guidance_scale=1.0, width=card.width,
        height=card.height, model=card.name, pictures=1, image="", strength=1.0,
    )  # fmt: skip
    covered = await desk.guard.screen(new_job(asked, Kind.IMAGINE, request, ""), png)
    path = await to_disk(desk.data.write_input, asked.id, png)
    try:
        request = replace(request, image=str(path))
        ending = await desk.ending(asked.id, asked.user.id, request, "describe")
    finally:
        await asyncio.to_thread(desk.data.drop, asked.id)
    if not isinstance(ending, Described):
        raise UserError(_(STOPPED))
    shape = _shape(*size)
    prompts = [f"{prompt} --ar {shape}" for prompt in await _wanted(asked, ending.prompts)]
    return Seen(tuple(prompts), shown, covered)


async def _wanted(asked: Asked, prompts: Sequence[str]) -> list[str]:
    """Leave out what the words of the place would refuse to be painted.

    Raises:
        UserError: nothing is left.

    """
    if not prompts:
        raise UserError(_(NAMELESS))
    desk, found = asked.client.desk, []
    for prompt in prompts:
        hits = await find_words(desk, asked.guild_id, prompt)
        if not hits or hits[0].weight not in {Weight.REFUSE, Weight.LOG}:
            found.append(prompt)
    if not found:
        raise UserError(_(UNWANTED))
    return found


def _shrink(png: bytes) -> tuple[bytes, tuple[int, int]]:
    """Return a picture as it is shown, and its own size. Blocks."""
    with Image.open(io.BytesIO(png), formats=("PNG",)) as opened:
        size, picture = opened.size, opened.convert("RGB")
    picture.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
    with io.BytesIO() as file:
        picture.save(file, "WEBP", quality=QUALITY)
        return file.getvalue(), size


def _shape(width: int, height: int) -> str:
    """Return the shape of a picture in small numbers, as `--ar` takes it."""
    long = Fraction(max(width, height), min(width, height)).limit_denominator(LARGEST_TERM)
    a, b = long.numerator, long.denominator
    return f"{a}:{b}" if width >= height else f"{b}:{a}"


def _listed(prompts: Sequence[str]) -> str:
    return "\n\n".join(numbered.write(prompts))


def _view(count: int, turn: int) -> discord.ui.View:
    """The buttons under a description; `turn` is the number of the next one."""
    again = discord.ui.Button[Any](emoji="🔄", custom_id=f"describe:again:{turn}")
    whole = discord.ui.Button[Any](
        emoji="🎉", label=_("Imagine all"), custom_id="describe:all", row=1
    )
    return panels.of(*offers.buttons("describe", count), again, whole)


def add_to(tree: app_commands.CommandTree[DeskClient]) -> None:
    """Offer the command wherever the bot is."""
    tree.add_command(describe)
