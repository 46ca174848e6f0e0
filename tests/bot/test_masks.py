"""A region is chosen by squares or painted, and only what was meant is white."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bot.errors import UserError
from bot.masks import MOST_SQUARES, Board, open_mask


def pixels(png):
    """Return a picture's pixels."""
    return np.array(Image.open(io.BytesIO(png)))


def upload(picture, kind="PNG"):
    """Return a picture as somebody's file."""
    file = io.BytesIO()
    picture.save(file, kind)
    return file.getvalue()


def test_a_square_picture_has_five_by_five_squares():
    """A1 is at the upper left, E5 at the lower right."""
    board = Board.over(128, 128)
    assert (board.columns, board.rows) == (5, 5)
    assert board.names[:6] == ("A1", "B1", "C1", "D1", "E1", "A2")
    assert board.box(0)[:2] == (0, 0)
    assert board.box(24)[2:] == (128, 128)


@settings(deadline=None, max_examples=40)
@given(st.integers(8, 300), st.integers(8, 300), st.data())
def test_the_mask_is_white_in_the_chosen_squares_alone(width, height, data):
    """All squares together cover the picture once; a menu can offer them; only chosen are white."""
    board = Board.over(width, height)
    fields = range(len(board.names))
    assert len(fields) <= MOST_SQUARES
    chosen = data.draw(st.sets(st.sampled_from(fields)))
    parts = [pixels(board.mask({field})).astype(int) for field in fields]
    assert (sum(parts) == 255).all()
    assert (pixels(board.mask(chosen)) == sum((parts[f] for f in chosen), 0 * parts[0])).all()


def test_the_board_is_drawn_over_the_picture():
    """The chosen square is tinted, and the picture is large enough to read the names."""
    png = upload(Image.new("RGB", (64, 64), "white"))
    plain, tinted = (pixels(Board.over(64, 64).draw(png, chosen)) for chosen in ((), {0}))
    assert plain.shape == tinted.shape == (768, 768, 3)
    changed = (plain != tinted).any(axis=2)
    assert changed[60, 60]
    assert not changed[200:, 200:].any()


def test_a_painted_mask_is_read_by_its_white():
    """Bright is white, dark is black, in any format we read."""
    picture = Image.new("RGB", (40, 20), "black")
    picture.paste("white", (0, 0, 20, 20))
    for kind in ("PNG", "JPEG", "WEBP"):
        mask = pixels(open_mask(upload(picture, kind)))
        assert (mask[:, :18] == 255).all()
        assert (mask[:, 22:] == 0).all()


def test_an_erased_part_is_meant():
    """Of a picture with a hole the hole is meant, however bright the rest."""
    picture = Image.new("RGBA", (40, 20), "white")
    picture.paste((0, 0, 0, 0), (0, 0, 20, 20))
    mask = pixels(open_mask(upload(picture)))
    assert (mask[:, :20] == 255).all()
    assert (mask[:, 20:] == 0).all()


@pytest.mark.parametrize(
    ("content", "named"),
    [(b"no picture", "cannot be read"), (upload(Image.new("L", (9, 9))), "black everywhere")],
)
def test_a_mask_that_means_nothing_is_said(content, named):
    """A file that is no picture, and one that is black, are sentences."""
    with pytest.raises(UserError, match=named):
        open_mask(content)
