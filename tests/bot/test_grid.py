"""Pictures in, pictures out: grids, metadata, and whatever strangers upload."""

import io
import struct
import time
import zlib

import pytest
from PIL import Image

from bot import grid
from bot.errors import UserError

COLOURS = ("red", "lime", "blue", "yellow")


def encoded(picture: Image.Image, kind: str = "PNG", **more) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **more)
    return file.getvalue()


def plain(colour: str = "red", size: tuple[int, int] = (32, 16)) -> bytes:
    return encoded(Image.new("RGB", size, colour))


def decoded(png: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(png))
    picture.load()
    assert picture.format == "PNG"
    return picture


def chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def png_claiming(width: int, height: int, *extra: bytes) -> bytes:
    """A tiny file that says it is this large."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + body


def test_the_grid_is_in_reading_order():
    """Tiles stand 1 2 over 3 4, each whole."""
    sheet = decoded(grid.compose([plain(colour) for colour in COLOURS]))
    assert sheet.size == (64, 32)
    places = [(5, 5), (40, 5), (5, 20), (40, 20)]
    assert [sheet.getpixel(place) for place in places] == [
        (255, 0, 0),
        (0, 255, 0),
        (0, 0, 255),
        (255, 255, 0),
    ]


@pytest.mark.parametrize(("count", "size"), [(1, (32, 16)), (2, (64, 16)), (3, (64, 32))])
def test_fewer_than_four_make_a_grid_too(count, size):
    """One picture stays itself, two stand side by side, three leave a place free."""
    assert decoded(grid.compose([plain()] * count)).size == size


def test_scale_enlarges():
    """A picture becomes larger by a whole factor; a factor of 1 costs nothing."""
    assert decoded(grid.scale(plain(), 2)).size == (64, 32)
    assert grid.scale(plain(), 1) == plain()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_usual_uploads_are_read(kind):
    """The three formats come out as PNG of the same size and colour."""
    upload = encoded(Image.new("RGB", (300, 200), "red"), kind)
    picture = decoded(grid.open_upload(upload))
    assert picture.size == (300, 200)
    red, green, blue = picture.getpixel((150, 100))
    assert red > 245
    assert green < 10
    assert blue < 10


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_every_kind_of_pixels_is_read(mode):
    """Palettes, transparency, black and white and 16 bits all become plain RGB."""
    picture = decoded(grid.open_upload(encoded(Image.new(mode, (20, 10)))))
    assert (picture.mode, picture.size) == ("RGB", (20, 10))


def test_jpegs_of_printers_are_read():
    """CMYK becomes RGB."""
    upload = encoded(Image.new("CMYK", (20, 10)), "JPEG")
    assert decoded(grid.open_upload(upload)).mode == "RGB"


def test_16_bits_keep_their_brightness():
    """A middle grey of 16 bits is a middle grey of 8."""
    upload = encoded(Image.new("I;16", (20, 10), 0x8000))
    assert decoded(grid.open_upload(upload)).getpixel((5, 5)) == (128, 128, 128)


def test_transparency_becomes_white():
    """What could be seen through is white, as on Discord's light page."""
    clear = Image.new("RGBA", (20, 10), (255, 0, 0, 0))
    assert decoded(grid.open_upload(encoded(clear))).getpixel((5, 5)) == (255, 255, 255)


def test_the_camera_is_turned_and_nothing_else_is_kept():
    """EXIF rotation is applied; place, comments and profiles are gone."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    exif[0x010E] = "a secret place"
    more = {"exif": exif, "comment": b"secret", "icc_profile": b"secret profile"}
    upload = encoded(Image.new("RGB", (60, 20), "red"), "JPEG", **more)
    result = grid.open_upload(upload)
    picture = decoded(result)
    assert picture.size == (20, 60)
    assert picture.info == {}
    assert b"secret" not in result


def test_large_uploads_are_shrunk():
    """What no model here could paint is not kept either."""
    picture = decoded(grid.open_upload(encoded(Image.new("RGB", (5000, 1000)), "JPEG")))
    assert picture.size == (2048, 410)


def test_of_a_film_the_first_picture_is_taken():
    """Animated WEBP and PNG give their first frame."""
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    for kind in ("PNG", "WEBP"):
        upload = encoded(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)
        assert decoded(grid.open_upload(upload)).getpixel((5, 5)) == (255, 0, 0)


def test_polyglots_lose_their_tail():
    """A picture that is also something else comes out as a picture only."""
    result = grid.open_upload(plain() + b"PK\x03\x04<script>evil()</script>")
    assert b"evil" not in result
    hidden = png_claiming(10, 10, chunk(b"tEXt", b"Comment\0<?php evil(); ?>"))
    assert b"evil" not in grid.open_upload(hidden)


JPEG = encoded(Image.effect_noise((200, 200), 50).convert("RGB"), "JPEG")
WEBP = encoded(Image.effect_noise((200, 200), 50).convert("RGB"), "WEBP")
NOISE = encoded(Image.effect_noise((200, 200), 50))
CUT = "cannot be read"
LARGE = "too large; 16 megapixels and 8192 pixels a side are the most"

BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", CUT),
    "text": (b"not a picture at all", CUT),
    "html": (b"<!doctype html><script>evil()</script>", CUT),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", CUT),
    "gif": (encoded(Image.new("RGB", (9, 9)), "GIF"), CUT),
    "bmp": (encoded(Image.new("RGB", (9, 9)), "BMP"), CUT),
    "tiff": (encoded(Image.new("RGB", (9, 9)), "TIFF"), CUT),
    "ico": (encoded(Image.new("RGB", (16, 16)), "ICO"), CUT),
    "pdf": (encoded(Image.new("RGB", (9, 9)), "PDF"), CUT),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", CUT),
    "cut png": (NOISE[: len(NOISE) // 2], CUT),
    "cut jpeg": (JPEG[: len(JPEG) // 2], CUT),
    "cut webp": (WEBP[: len(WEBP) // 2], CUT),
    "signature only": (NOISE[:8], CUT),
    "header only": (NOISE[:33], CUT),
    "wrong checksum": (NOISE[:60] + b"\0" + NOISE[61:], CUT),
    "no pixels": (png_claiming(100, 100), CUT),
    "zero size": (png_claiming(0, 0), CUT),
    "30000 squared": (png_claiming(30_000, 30_000), LARGE),
    "largest there is": (png_claiming(2**31 - 1, 2**31 - 1), LARGE),
    "9000 squared": (encoded(Image.new("1", (9000, 9000))), LARGE),
    "5000 squared": (encoded(Image.new("1", (5000, 5000))), LARGE),
    "a long strip": (encoded(Image.new("1", (8193, 1))), LARGE),
    "large webp": (encoded(Image.new("RGB", (4100, 4100)), "WEBP", quality=1, method=0), LARGE),
    "text bomb": (
        png_claiming(10, 10, chunk(b"zTXt", b"a\0\0" + zlib.compress(b"\0" * 80_000_000))),
        CUT,
    ),
    "profile bomb": (
        png_claiming(10, 10, chunk(b"iCCP", b"a\0\0" + zlib.compress(b"\0" * 80_000_000))),
        CUT,
    ),
    "many bytes": (b"\0" * (10 * 2**20 + 1), "10.0 MiB large; 10 MiB is the most"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_uploads_are_refused_at_once(name):
    """Bombs, fragments and other formats end in a sentence within a second."""
    upload, says = BAD[name]
    started = time.monotonic()
    with pytest.raises(UserError, match=says):
        grid.open_upload(upload)
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("good", [NOISE, JPEG, WEBP], ids=["png", "jpeg", "webp"])
def test_flipped_bytes_never_escape(good):
    """Whatever single byte is broken, the answer is a picture or a sentence."""
    for place in range(0, min(len(good), 4000), 97):
        broken = good[:place] + bytes([good[place] ^ 0xFF]) + good[place + 1 :]
        try:
            result = grid.open_upload(broken)
        except UserError:
            continue
        assert max(decoded(result).size) <= 2048
