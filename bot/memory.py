"""A picture's own memory: what it was painted from, written into the file and read back from it.

PNG carries it in text chunks: `parameters` as Stable Diffusion's tools write it (AUTOMATIC1111's
infotext), `easel` as our own JSON, and XMP. JPEG and WEBP carry the same in EXIF, where those tools
look too: UserComment, and MakerNote for ours. The XMP says what IPTC asks of generated pictures:
https://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia
"""

import contextlib
import io
import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from PIL import ExifTags, Image

from bot.flags import Wish

FORMATS = ("PNG", "JPEG", "WEBP")
SPELLED = {"euler": "Euler", "heun": "Heun", "unipc": "UniPC", "a": "a", "karras": "Karras"}
"""Words of samplers' names as those tools spell them; others are in capitals."""
USER_COMMENT = 0x9286
MAKER_NOTE = 0x927C
UNICODE = b"UNICODE\0"
"""How EXIF says that a comment is UTF-16."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_XMP_KEY = "XML:com.adobe.xmp"
XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
    ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="Easel">'
    "<Iptc4xmpExt:DigitalSourceType>"
    "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    "</Iptc4xmpExt:DigitalSourceType>"
    "</rdf:Description></rdf:RDF></x:xmpmeta>"
    '<?xpacket end="r"?>'
)


@dataclass(frozen=True, slots=True)
class Memory:
    """The text that other tools read, and our own record of the job."""

    parameters: str
    easel: dict[str, Any]


def recall(wish: Wish, seed: int, sampler: str = "", **job: Any) -> Memory:
    """Return what a picture of a wish remembers; `job` is what else our own record holds.

    `sampler` is the model's own, for wishes that name none.
    """
    request = wish.request
    lines = [request.prompt]
    if request.negative_prompt:
        lines.append(f"Negative prompt: {request.negative_prompt}")
    settings: dict[str, object] = {"Steps": request.num_inference_steps}
    if name := request.sampler or sampler:
        settings["Sampler"] = _spelled(name)
    settings |= {
        "CFG scale": request.guidance_scale,
        "Seed": seed,
        "Size": f"{request.width}x{request.height}",
        "Model": request.model,
    }
    if request.strength is not None:
        settings["Denoising strength"] = request.strength
    if request.tile:
        settings["Tiling"] = True
    ours = {"Stylize": request.stylize, "Weird": request.weird, "Chaos": request.chaos}
    settings |= {name: value for name, value in ours.items() if value}
    settings["Version"] = "Easel"
    lines.append(", ".join(f"{name}: {value}" for name, value in settings.items()))
    record = {"seed": seed, "shown": wish.shown, "request": json.loads(request.to_json())}
    return Memory("\n".join(lines), {**job, **record})


def _spelled(sampler: str) -> str:
    return " ".join(SPELLED.get(word, word.upper()) for word in sampler.split())


def write(png: bytes, memory: Memory) -> bytes:
    """Put a memory into a PNG without touching its pixels."""
    chunks = list(_chunks(png))
    added = [
        _text_chunk("parameters", memory.parameters),
        _text_chunk("easel", _json(memory)),
        _text_chunk(_XMP_KEY, XMP, always_unicode=True),
    ]
    return _SIGNATURE + b"".join([chunks[0], *added, *chunks[1:]])


def read(content: bytes) -> Memory | None:
    """Return the memory of a PNG, JPEG or WEBP; None where there is none to be read.

    A picture of another tool has parameters and no record of ours. Only what stands before the
    pixels is read, so that a stranger's file costs nothing.
    """
    with (
        contextlib.suppress(Exception),  # why: decoders fed with broken files raise nearly anything
        Image.open(io.BytesIO(content), formats=FORMATS) as picture,
    ):
        if picture.format == "PNG":
            parameters, easel = picture.info["parameters"], picture.info.get("easel", "{}")
        else:
            fields = picture.getexif().get_ifd(ExifTags.IFD.Exif)
            comment = fields[USER_COMMENT].removeprefix(UNICODE)
            parameters = comment.decode("utf-16-be")
            easel = fields.get(MAKER_NOTE, b"{}").decode()
        record = json.loads(easel)
        if isinstance(record, dict):
            return Memory(str(parameters), record)
    return None


def encoded(memory: Memory) -> dict[str, bytes]:
    """Return the memory as Pillow's JPEG and WEBP writers take it: options of `Image.save`."""
    exif = Image.Exif()
    fields = exif.get_ifd(ExifTags.IFD.Exif)
    fields[USER_COMMENT] = UNICODE + memory.parameters.encode("utf-16-be", "replace")
    fields[MAKER_NOTE] = _json(memory).encode()
    exif[ExifTags.Base.Software] = "Easel"
    return {"exif": exif.tobytes(), "xmp": XMP.encode()}


def _json(memory: Memory) -> str:
    return json.dumps(memory.easel, ensure_ascii=False, separators=(",", ":"))


def _chunks(png: bytes) -> Iterator[bytes]:
    """The chunks of a PNG, each whole; the first is the header."""
    start = len(_SIGNATURE)
    while start < len(png):
        (length,) = struct.unpack_from(">I", png, start)
        yield png[start : start + length + 12]
        start += length + 12


def _text_chunk(key: str, text: str, *, always_unicode: bool = False) -> bytes:
    """`tEXt` where Latin-1 can say it (every tool reads that), else `iTXt`."""
    name = key.encode("ascii")
    try:
        if always_unicode:
            raise UnicodeError
        kind, content = b"tEXt", name + b"\0" + text.encode("latin-1")
    except UnicodeError:
        kind, content = b"iTXt", name + b"\0\0\0\0\0" + text.encode("utf-8", "replace")
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)
