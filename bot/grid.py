"""Pictures as bytes in, pictures as bytes out: grids, enlarging, metadata, uploads.

Everything here takes time: call it in a thread, never on the event loop.
"""

import dataclasses
import io
import json
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence

from PIL import Image, ImageOps

from bot.errors import UserError
from bot.flags import Wish

UPLOAD_BYTES = 10 * 1024 * 1024
UPLOAD_PIXELS = 16_000_000
UPLOAD_SIDE = 8192
KEPT_SIDE = 2048
"""An upload is shrunk to this: no model here paints larger, and the file stays small."""
FORMATS = ("PNG", "JPEG", "WEBP")

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


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


def scale(png: bytes, factor: int) -> bytes:
    """Enlarge a PNG by a whole factor; 1 returns it as it is."""
    if factor == 1:
        return png
    picture = _open_own(png)
    size = (picture.width * factor, picture.height * factor)
    return _png(picture.resize(size, Image.Resampling.LANCZOS))


def with_parameters(png: bytes, parameters: str, easel: Mapping[str, object]) -> bytes:
    """Add what the picture was made from, without touching its pixels.

    The chunk `parameters` is the text other tools read, `easel` is our job as JSON.
    """
    job = json.dumps(easel, ensure_ascii=False, separators=(",", ":"))
    chunks = list(_chunks(png))
    added = [_text_chunk("parameters", parameters), _text_chunk("easel", job)]
    return _SIGNATURE + b"".join([chunks[0], *added, *chunks[1:]])


def parameters(wish: Wish, seed: int) -> tuple[str, dict[str, object]]:
    """What `with_parameters` adds to one picture of a wish: the text, and our job.

    The text is laid out as Stable Diffusion's tools write it, so that they read it back.
    """
    request = wish.request
    lines = [request.prompt]
    if request.negative_prompt:
        lines.append(f"Negative prompt: {request.negative_prompt}")
    settings = {
        "Steps": request.num_inference_steps,
        "CFG scale": request.guidance_scale,
        "Seed": seed,
        "Size": f"{request.width}x{request.height}",
        "Model": request.model,
    }
    if request.strength is not None:
        settings["Denoising strength"] = request.strength
    lines.append(", ".join(f"{name}: {value}" for name, value in settings.items()))
    job = {**dataclasses.asdict(request), "seed": seed}
    return "\n".join(lines), {"shown": wish.shown, "request": job}


def open_upload(upload: bytes) -> bytes:
    """Decode a stranger's picture safely and return it as a plain PNG of ours.

    Only the first frame is read, turned as its camera says; transparency becomes white, and
    nothing but the pixels is kept. Raises UserError, before anything large is decoded.
    """
    if len(upload) > UPLOAD_BYTES:
        raise UserError(
            f"The picture is {len(upload) / 2**20:.1f} MiB large; "
            f"{UPLOAD_BYTES // 2**20} MiB is the most."
        )
    try:
        with Image.open(io.BytesIO(upload), formats=FORMATS) as picture:
            _check_size(*picture.size)
            return _png(_flatten(picture))
    except UserError:
        raise
    except Image.DecompressionBombError as error:
        raise UserError(_too_large("The picture")) from error
    except Exception as error:  # why: decoders fed with broken files raise nearly anything
        raise UserError(
            "The attached file cannot be read as a picture; PNG, JPEG and WEBP can be used."
        ) from error


def _check_size(width: int, height: int) -> None:
    if width * height > UPLOAD_PIXELS or max(width, height) > UPLOAD_SIDE:
        raise UserError(_too_large(f"The picture of {width}×{height} pixels"))


def _too_large(what: str) -> str:
    return (
        f"{what} is too large; {UPLOAD_PIXELS // 1_000_000} megapixels and {UPLOAD_SIDE} pixels "
        "a side are the most."
    )


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
    clean = Image.new("RGB", picture.size)
    clean.paste(picture)
    file = io.BytesIO()
    clean.save(file, "PNG")
    return file.getvalue()


def _chunks(png: bytes) -> Iterator[bytes]:
    """The chunks of a PNG, each whole; the first is the header."""
    start = len(_SIGNATURE)
    while start < len(png):
        (length,) = struct.unpack_from(">I", png, start)
        yield png[start : start + length + 12]
        start += length + 12


def _text_chunk(key: str, text: str) -> bytes:
    """`tEXt` where Latin-1 can say it (every tool reads that), else `iTXt`."""
    name = key.encode("ascii")
    try:
        kind, content = b"tEXt", name + b"\0" + text.encode("latin-1")
    except UnicodeEncodeError:
        kind, content = b"iTXt", name + b"\0\0\0\0\0" + text.encode("utf-8", "replace")
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)
