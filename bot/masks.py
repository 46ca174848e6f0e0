"""Where in a picture to paint anew: chosen by the squares of a board laid over it, or painted.

Everything here takes time: call it in a thread, never on the event loop.
"""

import io
import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

from PIL import Image, ImageDraw, ImageFont

from bot import grid
from bot.errors import UserError
from bot.language import N_, _

MOST_SQUARES = 25
"""What a select menu of Discord's can offer."""
SHOWN_SIDE = 768
"""The board is shown this large, so that its letters can be read."""
CHOSEN = (88, 101, 242, 150)
LINE, LETTER, SHADE = (255, 255, 255, 210), (255, 255, 255, 255), (0, 0, 0, 130)
BLACK = N_("The mask is black everywhere: make white, or erase, what should be painted anew.")
WHITE = 128
"""From this brightness on a mask is white."""


@dataclass(frozen=True, slots=True)
class Board:
    """A picture of `width` × `height` pixels, cut into squares: A1, B1, … A2, …"""

    width: int
    height: int
    columns: int
    rows: int

    @classmethod
    def over(cls, width: int, height: int) -> Self:
        """Lay a board over a picture, its fields as square as they can be."""
        columns = round(math.sqrt(MOST_SQUARES * width / height))
        columns = min(max(columns, 1), MOST_SQUARES)
        return cls(width, height, columns, max(MOST_SQUARES // columns, 1))

    @property
    def names(self) -> tuple[str, ...]:
        """The fields' names, row by row."""
        letters = [chr(ord("A") + column) for column in range(self.columns)]
        return tuple(f"{letter}{row + 1}" for row in range(self.rows) for letter in letters)

    def box(self, field: int, scale: float = 1.0) -> tuple[int, int, int, int]:
        """Return a field's left, top, right and bottom in pixels."""
        column, row = field % self.columns, field // self.columns
        width, height = self.width * scale, self.height * scale
        return (
            round(width * column / self.columns),
            round(height * row / self.rows),
            round(width * (column + 1) / self.columns),
            round(height * (row + 1) / self.rows),
        )

    def mask(self, chosen: Collection[int]) -> bytes:
        """Return a PNG that is white in the chosen fields and black elsewhere."""
        mask = Image.new("L", (self.width, self.height))
        for field in chosen:
            mask.paste(255, self.box(field))
        return _png(mask)

    def draw(self, png: bytes, chosen: Collection[int]) -> bytes:
        """Return the picture under its board as a PNG, the chosen fields tinted."""
        with Image.open(io.BytesIO(png), formats=("PNG",)) as opened:
            picture = opened.convert("RGBA")
        scale = SHOWN_SIDE / max(self.width, self.height)
        size = (round(self.width * scale), round(self.height * scale))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
        layer = Image.new("RGBA", size)
        pen, font = ImageDraw.Draw(layer), ImageFont.load_default(22)
        for field, name in enumerate(self.names):
            left, top, right, bottom = self.box(field, scale)
            fill = CHOSEN if field in chosen else None
            pen.rectangle((left, top, right, bottom), fill=fill, outline=LINE, width=1)
            pen.text((left + 6, top + 3), name, LETTER, font, stroke_width=2, stroke_fill=SHADE)
        return _png(Image.alpha_composite(picture, layer).convert("RGB"))


def open_mask(upload: bytes) -> bytes:
    """Decode a painted mask and return it as a PNG that is white where to paint anew.

    Where something is erased (transparent), that is meant; else what is white.

    Raises:
        UserError: it is no picture, too large, or black everywhere.

    """
    return grid.decode(upload, _whiten)


def _whiten(picture: Image.Image) -> Image.Image:
    picture.thumbnail((grid.KEPT_SIDE, grid.KEPT_SIDE))
    if picture.has_transparency_data:
        alpha = picture.convert("RGBA").getchannel("A")
        erased = alpha.point(lambda value: 255 if value < WHITE else 0)
        if erased.getbbox():
            return erased
    mask = picture.convert("RGB").convert("L").point(lambda value: 255 if value >= WHITE else 0)
    if not mask.getbbox():
        raise UserError(_(BLACK))
    return mask


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()
