"""/blend: pictures become one, in a channel as a painter sees it."""

import io

import pytest
from PIL import Image

pytestmark = pytest.mark.asyncio(loop_scope="module")


def png(colour, size=(80, 60)):
    """Return a small picture file."""
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


def grid_of(words, after=()):
    """Match a finished grid over which these words stand, but none of those before."""
    return lambda m: words in m["content"] and m["components"] and m["id"] not in after


async def test_pictures_are_blended_and_blended_again(painter):
    """/blend answers with a grid of the chosen shape under the pictures' names; 🔄 blends anew."""
    await painter.slash("blend", image1=png("red"), image2=png("blue"), dimensions="Landscape")
    names = "image1.png + image2.png --ar 3:2"
    first = await painter.wait_for(grid_of(names))
    picture = Image.open(io.BytesIO(await painter.download(first["attachments"][0])))
    assert picture.width / picture.height == pytest.approx(1.5, abs=0.2)
    await painter.click(first, "🔄")
    again = await painter.wait_for(grid_of("image1.png + image2.png", {first["id"]}))
    assert await painter.download(again["attachments"][0]) != await painter.download(
        first["attachments"][0]
    )


async def test_five_pictures_go_together(painter):
    """Up to five pictures make one, square where nothing else is said."""
    colours = ("red", "green", "blue", "white", "black")
    pictures = {f"image{number}": png(colour) for number, colour in enumerate(colours, 1)}
    await painter.slash("blend", **pictures)
    grid = await painter.wait_for(grid_of("image4.png + image5.png"))
    picture = Image.open(io.BytesIO(await painter.download(grid["attachments"][0])))
    assert picture.width == picture.height


async def test_what_is_no_picture_is_refused(painter):
    """A file that is no picture is named before anything is queued."""
    await painter.slash("blend", image1=png("red"), image2=b"this is text")
    failed = await painter.wait_for(lambda m: "cannot be read as a picture" in m["content"])
    assert "image1.png + image2.png" in failed["content"]


async def test_a_blend_goes_on_after_a_restart_and_by_a_stranger(shared, painter):
    """After a restart its buttons work, and somebody else may vary it."""
    await painter.slash("blend", image1=png("red"), image2=png("yellow"))
    grid = await painter.wait_for(grid_of("image1.png + image2.png"))
    await shared.bot.restart()
    stranger = await shared.person("painter2")
    await stranger.click(grid, "V2")
    varied = await stranger.wait_for(grid_of(f"<@{stranger.id}>", {grid["id"]}))
    assert "image1.png + image2.png" in varied["content"]


async def test_pictures_are_blended_in_a_direct_message(shared, painter):
    """In the conversation with the bot it answers there."""
    there = await painter.enter("dm")
    try:
        await painter.slash("blend", image1=png("red"), image2=png("green"), dimensions="Portrait")
        grid = await painter.wait_for(grid_of("image1.png + image2.png --ar 2:3"))
        assert grid["channel_id"] == there
    finally:
        await painter.enter("painting")
