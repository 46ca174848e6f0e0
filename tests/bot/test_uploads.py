"""A picture is never refused for its size: it becomes a smaller file instead."""

import io

import pytest
from PIL import Image

from bot import uploads


@pytest.fixture(scope="module")
def noise():
    """A PNG that cannot be compressed: 256×256 pixels of noise, some 200 KB."""
    picture = Image.effect_noise((256, 256), 90).convert("RGB")
    bands = [Image.effect_noise((256, 256), 90) for _ in range(3)]
    picture = Image.merge("RGB", bands)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def test_what_fits_is_sent_as_it_is(noise):
    """Within the limit the file goes out byte for byte."""
    upload = uploads.fit(noise, len(noise) + uploads.ROOM_BYTES)
    assert upload == uploads.Upload(noise, "png")


@pytest.mark.parametrize(("room", "suffixes"), [(100_000, {"webp"}), (20_000, {"webp", "jpg"})])
def test_what_does_not_fit_is_encoded_smaller(noise, room, suffixes):
    """Beyond the limit it becomes WEBP or JPEG within the limit, and still opens."""
    upload = uploads.fit(noise, room + uploads.ROOM_BYTES)
    assert len(upload.content) <= room
    assert upload.suffix in suffixes
    assert Image.open(io.BytesIO(upload.content)).size[0] >= 64


def test_an_impossible_limit_still_gives_a_picture(noise):
    """Even with no room at all something small comes out instead of an error."""
    upload = uploads.fit(noise, 0)
    assert max(Image.open(io.BytesIO(upload.content)).size) <= 64
