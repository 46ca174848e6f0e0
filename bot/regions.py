"""Vary (Region): a panel, seen by its presser alone, in which the part to paint anew is chosen.

The panel's own parts hold all that was chosen so far, so it goes on after a restart.
"""

import asyncio
import io
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import discord

from bot import attachments, messages, modals, panels
from bot.derived import Start, region
from bot.desk import Asked
from bot.disk import to_disk
from bot.errors import UserError
from bot.flags import ATTACHMENT
from bot.intake import derive, start_from
from bot.jobs import Kind
from bot.language import N_, _
from bot.masks import Board

CHOOSE = N_(
    "Choose the squares to paint anew, then press **Paint**; 20 to 50 % of the picture works best. "
    "Or upload a mask of your own."
)
NOTHING_CHOSEN = N_("Choose at least one square of the picture first, or upload a mask.")
ABOUT_MASK = N_("White where to paint anew, black elsewhere; or the picture with that part erased")
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


PRESSED = re.compile(rf"(?P<op>squares|paint|mask):{_SPOT}(?::(?P<bits>[0-9a-f]{{1,7}}))?")
"""The parts of a panel: the menu of squares, and the buttons, which know the chosen ones."""


async def press(asked: Asked, pressed: re.Match[str]) -> None:
    """Draw the panel anew, paint, or ask for what is still missing.

    Raises:
        UserError: nothing is chosen, or what was chosen cannot be painted.

    """
    spot, bits = _spot(pressed), int(pressed["bits"] or "0", 16)
    if pressed["op"] == "squares":
        data: dict[str, Any] = dict(asked.data or {})
        start = await start_from(asked, spot.job_id, spot.index)
        file, view = await _panel(asked, start, spot, {int(one) for one in data["values"]})
        await asked.response.edit_message(attachments=[file], view=view)
        return
    preferences = await asked.client.desk.preferences(asked.user.id)
    if pressed["op"] == "mask":
        await _ask(asked, spot, UPLOADED, remix=preferences.remix, upload=True)
    elif not bits:
        raise UserError(_(NOTHING_CHOSEN))
    elif preferences.remix:
        await _ask(asked, spot, bits, remix=True)
    else:
        await paint(asked, spot, bits)


async def open_panel(asked: Asked, job_id: int, index: int) -> None:
    """Show the picture under a board to who pressed.

    Raises:
        UserError: the picture is gone, or its model cannot paint in a picture.

    """
    start = await start_from(asked, job_id, index)
    region(start, ATTACHMENT)  # its refusal is better heard now than after the choosing
    spot = Spot(job_id, index, asked.message.id if asked.message else 0)
    file, view = await _panel(asked, start, spot, ())
    await asked.response.send_message(_(CHOOSE), file=file, view=view, ephemeral=True)


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
    blue, grey = discord.ButtonStyle.primary, discord.ButtonStyle.secondary
    view = panels.of(
        _squares(spot, board, chosen),
        _button(_("Paint"), "🖌️", f"paint:{spot}:{bits:x}", blue if bits else grey),
        _button(_("Upload a mask"), "🖼️", f"mask:{spot}:{bits:x}", grey),
    )
    return file, view


def _squares(spot: Spot, board: Board, chosen: Collection[int]) -> discord.ui.Select[Any]:
    """Return the menu of a board's squares, with some chosen."""
    options = [
        discord.SelectOption(label=name, value=str(field), default=field in chosen)
        for field, name in enumerate(board.names)
    ]
    return discord.ui.Select(
        custom_id=f"squares:{spot}",
        placeholder=_("Squares to paint anew"),
        min_values=0,
        max_values=len(options),
        options=options,
        row=0,
    )


def _button(
    label: str, emoji: str, custom_id: str, style: discord.ButtonStyle
) -> discord.ui.Button[Any]:
    return discord.ui.Button(label=label, emoji=emoji, custom_id=custom_id, style=style, row=1)


async def _ask(asked: Asked, spot: Spot, bits: int, *, remix: bool, upload: bool = False) -> None:
    """Ask for the mask, and with Remix on for the prompt."""
    start = await start_from(asked, spot.job_id, spot.index)
    fields = []
    if upload:
        about = _(ABOUT_MASK)
        fields.append(modals.Field(name="mask", label=_("Mask"), about=about, upload=True))
    if remix:
        label, text = _("New Prompt for the region"), start.wish.shown
        fields.append(modals.Field(name="prompt", label=label, text=text))
    await modals.ask(asked, f"w:region:{spot}:{bits:x}", _("Vary Region"), *fields)


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
        raise UserError(_(NOTHING_CHOSEN))
    mask = await asyncio.to_thread(board.mask, chosen)
    return data.relative(await to_disk(data.write_input, asked.id, mask, "mask"))
