"""/how: a strip and five captions, for who asks alone."""

import io

import pytest
from PIL import Image

pytestmark = pytest.mark.asyncio(loop_scope="module")


def said_to(person, text):
    """Match a finished answer for this person alone."""
    return lambda m: text in m["content"] and m.get("ephemeral_to") == person.id


async def test_how_a_picture_comes_about(shared, painter):
    """/how answers with one strip, and says of this very picture what was done."""
    await painter.slash("how", prompt="a taught fox --seed 51 --steps 6")
    shown = await painter.wait_for(said_to(painter, "Where does the noise come from?"))
    assert "Seed 51" in shown["content"]
    assert "In 6 steps" in shown["content"]
    (strip,) = shown["attachments"]
    assert strip["description"] == "a taught fox --seed 51 --steps 6"
    picture = Image.open(io.BytesIO(await painter.download(strip)))
    assert picture.width > picture.height


async def test_how_refuses_what_imagine_refuses(shared, painter):
    """A wrong parameter is a sentence, as in /imagine."""
    await painter.slash("how", prompt="a fox --steps 0")
    await painter.wait_for(said_to(painter, "`--steps`"))


async def test_a_finished_picture_is_explained(shared, painter):
    """Under the parameters of a picture a button shows how that very picture came about."""
    grid = await painter.paint("a finished fox --seed 52 --steps 5")
    await painter.menu(grid, "Show parameters")
    shown = await painter.wait_for(said_to(painter, "**Seed**: 52"))
    await painter.click(shown, "How it was painted")
    told = await painter.wait_for(said_to(painter, "Seed 52 fills"))
    assert "In 5 steps" in told["content"]
