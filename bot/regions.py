"""Vary (Region): a panel, seen by its presser alone, in which the part to paint anew is chosen.

The panel's own parts hold all that was chosen so far, so it goes on after a restart.
"""

import asyncio
import io
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Self

import discord

from bot import attachments, messages, modals
from bot.answers import answering
from bot.derived import Start, region
from bot.desk import Asked
from bot.disk import to_disk
from bot.errors import UserError
from bot.flags import ATTACHMENT
from bot.intake import derive, start_from
from bot.jobs import Kind
from bot.masks import Board

CHOOSE = (
    "Choose the squares to paint anew, then press **Paint**; 20 to 50 % of the picture works best. "
    "Or upload a mask of your own."
)
NOTHING_CHOSEN = "Choose at least one square of the picture first, or upload a mask."
ABOUT_MASK = "White where to paint anew, black elsewhere; or the picture with that part erased"
UPLOADED = 0
"""Stands for the chosen squares where there will be a mask instead."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A picture under which Vary (Region) was pressed, and the message that it is in."""

    job_id: int
    index: int
    message_id: int

    def __str__(self) -> str:
        """As it stands in custom_ids."""
        return f"{self.job_id}:{self.index}:{self.message_id}"


def _spot(match: re.Match[str]) -> Spot:
    return Spot(int(match["job"]), int(match["index"]), int(match["message"]))


_SPOT = r"(?P<job>[0-9]{1,20}):(?P<index>[0-3]):(?P<message>[0-9]{1,20})"


class Squares(
    discord.ui.DynamicItem[discord.ui.Select[discord.ui.View]], template=rf"squares:{_SPOT}"
):
    """The menu of squares."""

    def __init__(self, spot: Spot, select: discord.ui.Select[discord.ui.View]) -> None:
        """Wrap the menu of a panel."""
        super().__init__(select)
        self.spot = spot

    @classmethod
    def of(cls, spot: Spot, board: Board, chosen: Collection[int]) -> Self:
        """Make the menu over a board, with some squares chosen."""
        options = [
            discord.SelectOption(label=name, value=str(field), default=field in chosen)
            for field, name in enumerate(board.names)
        ]
        return cls(
            spot,
            discord.ui.Select(
                custom_id=f"squares:{spot}",
                placeholder="Squares to paint anew",
                min_values=0,
                max_values=len(options),
                options=options,
                row=0,
            ),
        )

    @classmethod
    async def from_custom_id(
        cls,
        interaction: discord.Interaction[Any],
        item: discord.ui.Item[Any],
        match: re.Match[str],
        /,
    ) -> Self:
        """Read a menu that was used."""
        assert isinstance(item, discord.ui.Select)  # noqa: S101 - its custom_id says so
        return cls(_spot(match), item)

    async def callback(self, interaction: Asked) -> None:  # type: ignore[override]
        """Draw the panel anew."""
        async with answering(interaction):
            chosen = {int(value) for value in self.item.values}
            start = await start_from(interaction, self.spot.job_id, self.spot.index)
            file, view = await _panel(interaction, start, self.spot, chosen)
            await interaction.response.edit_message(attachments=[file], view=view)


class PanelButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=rf"(?P<op>paint|mask):{_SPOT}:(?P<bits>[0-9a-f]{{1,7}})",
):
    """Paint, or upload a mask."""

    def __init__(self, op: str, spot: Spot, bits: int) -> None:
        """Make a button of the panel; `bits` are the chosen squares."""
        button: discord.ui.Button[discord.ui.View] = discord.ui.Button(
            label="Paint" if op == "paint" else "Upload a mask",
            emoji="🖌️" if op == "paint" else "🖼️",
            style=discord.ButtonStyle.primary if op == "paint" and bits else BUTTON,
            custom_id=f"{op}:{spot}:{bits:x}",
            row=1,
        )
        super().__init__(button)
        self.op, self.spot, self.bits = op, spot, bits

    @classmethod
    async def from_custom_id(
        cls,
        interaction: discord.Interaction[Any],
        item: discord.ui.Item[Any],
        match: re.Match[str],
        /,
    ) -> Self:
        """Read a button that was pressed."""
        return cls(match["op"], _spot(match), int(match["bits"], 16))

    async def callback(self, interaction: Asked) -> None:  # type: ignore[override]
        """Paint, or ask for what is still missing."""
        async with answering(interaction):
            preferences = await interaction.client.desk.preferences(interaction.user.id)
            if self.op == "mask":
                await _ask(interaction, self.spot, UPLOADED, remix=preferences.remix, upload=True)
            elif not self.bits:
                raise UserError(NOTHING_CHOSEN)
            elif preferences.remix:
                await _ask(interaction, self.spot, self.bits, remix=True)
            else:
                await paint(interaction, self.spot, self.bits)


BUTTON = discord.ButtonStyle.secondary
ITEMS = (Squares, PanelButton)
"""What `buttons.register` has to know beside the buttons under pictures."""


async def open_panel(asked: Asked, job_id: int, index: int) -> None:
    """Show the picture under a board to who pressed.

    Raises:
        UserError: the picture is gone, or its model cannot paint in a picture.

    """
    start = await start_from(asked, job_id, index)
    region(start, ATTACHMENT)  # its refusal is better heard now than after the choosing
    spot = Spot(job_id, index, asked.message.id if asked.message else 0)
    file, view = await _panel(asked, start, spot, ())
    await asked.response.send_message(CHOOSE, file=file, view=view, ephemeral=True)


async def _panel(
    asked: Asked, start: Start, spot: Spot, chosen: Collection[int]
) -> tuple[discord.File, discord.ui.View]:
    """Return the picture under its board, and fresh parts of the panel."""
    desk, picture = asked.client.desk, start.picture
    board = Board.over(*start.shape)
    hidden = await desk.guard.covered([picture], asked.guild_id, asked.channel_id or 0)
    png = await asyncio.to_thread(desk.data.path(picture.file).read_bytes)
    drawn = await asyncio.to_thread(board.draw, png, chosen)
    about = messages.describe(start.parent.shown)
    file = discord.File(io.BytesIO(drawn), "region.png", spoiler=hidden, description=about)
    bits = sum(1 << field for field in chosen)
    view = discord.ui.View(timeout=None)
    view.add_item(Squares.of(spot, board, chosen))
    view.add_item(PanelButton("paint", spot, bits))
    view.add_item(PanelButton("mask", spot, bits))
    return file, view


async def _ask(asked: Asked, spot: Spot, bits: int, *, remix: bool, upload: bool = False) -> None:
    """Ask for the mask, and with Remix on for the prompt."""
    start = await start_from(asked, spot.job_id, spot.index)
    fields = []
    if upload:
        fields.append(modals.Field(name="mask", label="Mask", about=ABOUT_MASK, upload=True))
    if remix:
        text = start.wish.shown
        fields.append(modals.Field(name="prompt", label="New Prompt for the region", text=text))
    await modals.ask(asked, f"w:region:{spot}:{bits:x}", "Vary Region", *fields)


async def paint(
    asked: Asked,
    spot: Spot,
    bits: int,
    *,
    text: str | None = None,
    upload: discord.Attachment | None = None,
) -> None:
    """Paint anew the chosen squares, or what the uploaded mask leaves open.

    Raises:
        UserError: nothing is chosen, or the picture, the mask or the prompt cannot be used.

    """
    start = await start_from(asked, spot.job_id, spot.index)
    kind = Kind.VARY_REGION
    if text is not None and text.strip() != start.wish.shown:
        start = await start_from(asked, spot.job_id, spot.index, text)
        kind = Kind.REMIX_REGION
    if upload is not None:
        attachments.check(upload)
    mask = upload.url if upload else await _mask(asked, start, bits)
    await derive(asked, start, kind, region(start, mask), reply_to=spot.message_id or None)


async def _mask(asked: Asked, start: Start, bits: int) -> str:
    """Write the mask of the chosen squares beside the job that is about to be taken in."""
    board, data = Board.over(*start.shape), asked.client.desk.data
    chosen = [field for field in range(len(board.names)) if bits >> field & 1]
    if not chosen:
        raise UserError(NOTHING_CHOSEN)
    mask = await asyncio.to_thread(board.mask, chosen)
    return data.relative(await to_disk(data.write_input, asked.id, mask, "mask"))
