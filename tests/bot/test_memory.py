"""What a picture remembers of itself, and that it is read back from every format we send."""

import io
import json
import re
from dataclasses import replace

import pytest
from PIL import Image

from bot import grid, memory, uploads
from bot.flags import Wish
from engine import Request

WISH = Wish(
    Request(
        prompt="a fox, 狐狸",
        negative_prompt="text",
        seed=7,
        num_inference_steps=12,
        guidance_scale=4.5,
        width=64,
        height=32,
        model="embedded",
        image="inputs/1.png",
        strength=0.6,
    ),
    "a fox, 狐狸 --no text --steps 12",
)
REMEMBERED = memory.recall(WISH, 9, "dpm++ 2m", job="123", tile=2)


def png(size=(32, 16), colour="red") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


def opened(content: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(content))
    picture.load()
    return picture


def test_other_tools_read_the_parameters():
    """The text is laid out as Stable Diffusion's tools write it; the pixels are not touched."""
    after = opened(memory.write(png(), REMEMBERED))
    assert after.tobytes() == opened(png()).tobytes()
    assert after.info["parameters"] == (
        "a fox, 狐狸\nNegative prompt: text\nSteps: 12, Sampler: DPM++ 2M, CFG scale: 4.5, "
        "Seed: 9, Size: 64x32, Model: embedded, Denoising strength: 0.6, Version: Easel"
    )


def test_what_moved_the_picture_stands_in_the_parameters():
    """Stylize, weird and chaos are named where they were used."""
    moved = replace(WISH, request=replace(WISH.request, stylize=250, weird=7, chaos=12))
    text = memory.recall(moved, 9, "euler").parameters
    assert "Stylize: 250, Weird: 7, Chaos: 12, Version: Easel" in text


@pytest.mark.parametrize(
    ("name", "spelled"),
    [
        ("euler", "Euler"),
        ("euler a", "Euler a"),
        ("dpm++ 2m sde karras", "DPM++ 2M SDE Karras"),
        ("dpm2 a karras", "DPM2 a Karras"),
        ("unipc karras", "UniPC Karras"),
        ("heun", "Heun"),
    ],
)
def test_samplers_are_spelled_as_other_tools_do(name, spelled):
    """Another tool finds its sampler by the name in the picture."""
    assert f"Sampler: {spelled}, " in memory.recall(WISH, 9, name).parameters


def test_plain_text_is_a_text_chunk():
    """Latin text goes into the chunk that every tool reads."""
    assert b"tEXtparameters\0plain" in memory.write(png(), memory.Memory("plain", {}))


@pytest.mark.parametrize("suffix", ["png", "webp", "jpg"])
def test_every_format_is_read_back(suffix, monkeypatch):
    """A picture made smaller for Discord's limit remembers as much as the PNG, and says that a
    trained model made it."""
    whole = memory.write(png((512, 512)), REMEMBERED)
    if suffix != "png":
        monkeypatch.setattr(uploads, "SMALLER", ((suffix, 85),))
        upload = uploads.fit(whole, 0)
        assert upload.suffix == suffix
        whole = upload.content
    assert memory.read(whole) == REMEMBERED
    assert b"digitalsourcetype/trainedAlgorithmicMedia" in whole


def test_the_request_comes_back_equal():
    """What is read from a picture is the very request, its own seed beside the tile's."""
    record = memory.read(memory.write(png(), REMEMBERED)).easel
    assert Request.from_json(json.dumps(record["request"])) == WISH.request
    assert (record["seed"], record["shown"], record["job"], record["tile"]) == (
        9, WISH.shown, "123", 2,
    )  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x89PNG\r\n\x1a\n",
        png(),
        memory.write(png(), REMEMBERED)[:60],
        b"\xff\xd8\xff\xe0" * 9,
    ],
)
def test_a_picture_without_memory_is_none(content):
    """Files of others, and broken ones, remember nothing and raise nothing."""
    assert memory.read(content) is None


def test_the_xmp_is_well_formed():
    """What says that a model painted it is XMP that a parser opens."""
    import xml.etree.ElementTree as ElementTree

    packet = re.sub(r"<\?xpacket.*?\?>", "", memory.XMP)
    assert ElementTree.fromstring(packet).tag == "{adobe:ns:meta/}xmpmeta"  # noqa: S314 - our own


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_posted_grid_is_taken_apart(count):
    """Each tile of a grid comes back at its own size, in order, whatever size was posted."""
    colours = ("red", "lime", "blue", "yellow")[:count]
    sheet = grid.scale(grid.compose([png(colour=colour) for colour in colours]), 2)
    tiles = [opened(tile) for tile in grid.cut(sheet, count, (32, 16))]
    assert [tile.size for tile in tiles] == [(32, 16)] * count
    assert [tile.getpixel((16, 8)) for tile in tiles] == [
        Image.new("RGB", (1, 1), colour).getpixel((0, 0)) for colour in colours
    ]


def test_what_is_no_picture_is_not_taken_apart():
    """A file that cannot have been ours is a ValueError, not a crash."""
    with pytest.raises(ValueError, match="cannot be read"):
        grid.cut(b"no picture", 4, (32, 16))
