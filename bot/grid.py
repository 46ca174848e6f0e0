"""Pictures as bytes in, pictures as bytes out: grids, enlarging, uploads.

Everything here takes time: call it in a thread, never on the event loop.
"""

import io
from collections.abc import Callable, Sequence

from PIL import Image, ImageOps

import engine
from bot.errors import UserError
from bot.language import _

UPLOAD_BYTES = 10 * 1024 * 1024
UPLOAD_PIXELS = 16_000_000
UPLOAD_SIDE = 8192
KEPT_SIDE = 2048
"""An upload is shrunk to this: no model here paints larger, and the file stays small."""
FORMATS = ("PNG", "JPEG", "WEBP")


def compose(tiles: Sequence[bytes]) -> bytes:
    """Put one to four PNGs of one size together, in the order 1 2 / 3 4."""
    if len(tiles) == 1:
        return tiles[0]
    pictures = [_open_own(tile) for tile in tiles]
    width, height = pictures[0].size
    rows = 1 if len(pictures) == 2 else 2
    sheet = Image.new("RGB", (2 * width, rows * height))
    for place, picture in enumerate(pictures):
        sheet.paste(picture, (place % 2 * width, place // 2 * height))
    return _png(sheet)


def cut(sheet: bytes, pictures: int, size: tuple[int, int]) -> list[bytes]:
    """Take a posted grid, of any format and size, apart again: PNGs of this width and height.

    Raises:
        ValueError: it is no picture that we could have posted.

    """
    try:
        with Image.open(io.BytesIO(sheet), formats=FORMATS) as opened:
            _check_size(*opened.size)
            whole = opened.convert("RGB")
    except Exception as error:  # why: decoders fed with broken files raise nearly anything
        raise ValueError(f"the posted picture cannot be read: {error}") from error
    columns, rows = 1 if pictures == 1 else 2, 1 if pictures <= 2 else 2
    width, height = whole.width / columns, whole.height / rows
    tiles = []
    for place in range(pictures):
        left, top = place % columns * width, place // columns * height
        box = (left, top, left + width, top + height)
        tiles.append(_png(whole.resize(size, Image.Resampling.LANCZOS, box)))
    return tiles


def scale(png: bytes, factor: int) -> bytes:
    """Enlarge a PNG by a whole factor; 1 returns it as it is."""
    return engine.enlarge(png, factor)


def open_upload(upload: bytes) -> bytes:
    """Decode a stranger's picture safely and return it as a plain PNG of ours.

    Only the first frame is read, turned as its camera says; transparency becomes white, and
    nothing but the pixels is kept. Raises UserError, before anything large is decoded.
    """
    return decode(upload, _flatten)


def decode(upload: bytes, read: Callable[[Image.Image], Image.Image]) -> bytes:
    """Let `read` make of a stranger's picture what is wanted of it, and return that as a PNG.

    Raises:
        UserError: it is too large, or no picture; before anything large is decoded.

    """
    if len(upload) > UPLOAD_BYTES:
        raise UserError(
            _("The picture is {size:.1f} MiB large; {most} MiB is the most.").format(
                size=len(upload) / 2**20, most=UPLOAD_BYTES // 2**20
            )
        )
    try:
        with Image.open(io.BytesIO(upload), formats=FORMATS) as picture:
            _check_size(*picture.size)
            return _png(read(picture))
    except UserError:
        raise
    except Image.DecompressionBombError as error:
        raise UserError(_too_large(_("The picture"))) from error
    except Exception as error:  # why: decoders fed with broken files raise nearly anything
        raise UserError(
            _("The attached file cannot be read as a picture; PNG, JPEG and WEBP can be used.")
        ) from error


def _check_size(width: int, height: int) -> None:
    if width * height > UPLOAD_PIXELS or max(width, height) > UPLOAD_SIDE:
        raise UserError(
            _too_large(
                _("The picture of {width}×{height} pixels").format(width=width, height=height)
            )
        )


def _too_large(what: str) -> str:
    return _(
        "{what} is too large; {megapixels} megapixels and {side} pixels a side are the most."
    ).format(what=what, megapixels=UPLOAD_PIXELS // 1_000_000, side=UPLOAD_SIDE)


def _flatten(picture: Image.Image) -> Image.Image:
    """The first frame as upright RGB, small enough to keep."""
    picture.draft("RGB", (KEPT_SIDE, KEPT_SIDE))  # JPEG can skip most of the work
    turned = ImageOps.exif_transpose(picture)
    if turned.mode.startswith(("I", "F")):
        turned = _to_8_bits(turned)
    if turned.mode in {"1", "P"}:  # shrinking palettes would pick pixels instead of mixing them
        turned = turned.convert("RGBA" if turned.has_transparency_data else "RGB")
    turned.thumbnail((KEPT_SIDE, KEPT_SIDE))
    if turned.has_transparency_data:
        turned = turned.convert("RGBA")
        white = Image.new("RGBA", turned.size, "white")
        turned = Image.alpha_composite(white, turned)
    return turned.convert("RGB")


def _to_8_bits(picture: Image.Image) -> Image.Image:
    """16 bits a pixel to 8: Pillow itself would cut all bright values off at 255."""
    return picture.convert("I").point(lambda value: value * (1 / 256)).convert("L")


def _open_own(png: bytes) -> Image.Image:
    with Image.open(io.BytesIO(png), formats=("PNG",)) as picture:
        return picture.convert("RGB")


def _png(picture: Image.Image) -> bytes:
    """A fresh file: pixels only, without whatever the source carried along."""
    clean = Image.new(picture.mode, picture.size)
    clean.paste(picture)
    file = io.BytesIO()
    clean.save(file, "PNG")
    return file.getvalue()
