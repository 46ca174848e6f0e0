"""/blend: two to five pictures become one, without words."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import discord
from discord import app_commands

from bot import attachments, flags
from bot.admission import fit
from bot.desk import Asked, DeskClient
from bot.errors import UserError
from bot.flags import Wish
from bot.intake import check_asked, new_job, take_in
from bot.jobs import Kind
from engine import Reference, refusal

DIMENSIONS = {"Portrait": "2:3", "Square": "1:1", "Landscape": "3:2"}
BLEND_STRENGTH = 0.6
"""How far the mean of the pictures is left, so that it becomes one picture of its own."""
ALL = 1.0
"""How much the pictures count all together where they are looked at: there are no words beside."""
LONGEST_NAME = 40

Shape = Literal["Portrait", "Square", "Landscape"]


@app_commands.command(name="blend", description="Blend images together seamlessly!")
@app_commands.describe(
    image1="First image to add to the blend",
    image2="Second image to add to the blend",
    dimensions="The dimensions of the image. If not specified, the image will be square",
    image3="Third image to add to the blend (optional)",
    image4="Fourth image to add to the blend (optional)",
    image5="Fifth image to add to the blend (optional)",
)
async def blend(
    interaction: discord.Interaction[Any],
    image1: discord.Attachment,
    image2: discord.Attachment,
    dimensions: Shape | None = None,
    image3: discord.Attachment | None = None,
    image4: discord.Attachment | None = None,
    image5: discord.Attachment | None = None,
) -> None:
    """Paint what lies between pictures, or say in one sentence why not."""
    asked: Asked = interaction
    pictures = [one for one in (image1, image2, image3, image4, image5) if one is not None]
    rules = await check_asked(asked)
    for number, picture in enumerate(pictures, 1):
        attachments.check(picture, f"image{number}")
    shape = f" --ar {DIMENSIONS[dimensions]}" if dimensions else ""
    preferences = await asked.client.desk.preferences(asked.user.id)
    cards = rules.cards(asked.client.desk.cards())
    wish = flags.parse(f"blend{shape}", cards, rules.limits(), preferences=preferences)
    card = asked.client.desk.card(wish.request.model)
    wish = blended(wish, pictures, are_looked_at="reference" in card.honours)
    if sentence := refusal(card, wish.request):
        raise UserError(sentence)
    await take_in(asked, new_job(asked, Kind.IMAGINE, fit(wish.request, rules), wish.shown))


def blended(
    wish: Wish, pictures: Sequence[discord.Attachment], *, are_looked_at: bool = False
) -> Wish:
    """The wish of a prompt that is only parameters, for pictures in the place of words.

    As other image prompts they `are_looked_at` where the model can do that, and guidance makes more
    of them; else their mean is the start, and without words there is nothing that guidance could
    strengthen, but for what is not wanted.
    """
    addresses = tuple(picture.url for picture in pictures)
    if are_looked_at:
        looked_at = tuple(Reference(one, "image", ALL / len(addresses)) for one in addresses)
        request = replace(wish.request, prompt="", references=looked_at)
    else:
        request = replace(
            wish.request,
            prompt="",
            images=addresses,
            strength=BLEND_STRENGTH,
            guidance_scale=wish.request.guidance_scale if wish.request.negative_prompt else 1.0,
        )
    names = " + ".join(
        re.sub(r"[^\w.]+", "-", picture.filename)[-LONGEST_NAME:] for picture in pictures
    )
    return Wish(request, names + wish.shown.removeprefix("blend"))


def add_to(tree: app_commands.CommandTree[DeskClient]) -> None:
    """Offer the command wherever the bot is."""
    tree.add_command(blend)
