"""Finding and cutting out drawings, without any network."""

import json
from pathlib import Path

from PIL import Image

from engine.training import collect


def test_code_points_are_written_one_way() -> None:
    """Variation selectors, zeros and case do not hide a thing."""
    assert collect.plain_code("2764-fe0f") == "2764"
    assert collect.plain_code("00a9") == "A9"


def test_the_art_nobody_learns_from_is_asked_for_by_name_only() -> None:
    """A pack of all arts does not hold it."""
    assert collect.UNSEEN_ART not in collect.ARTS


def test_labels_become_slugs() -> None:
    """Labels are found under the names icon sets give them."""
    assert collect.slug("Man\u2019s shoe") == "mans-shoe"
    assert collect.slug("T-Rex") == "t-rex"


def test_a_drawing_is_cut_out_to_the_asked_side() -> None:
    """The empty margin goes, the proportions stay."""
    picture = Image.new("RGBA", (100, 100))
    picture.paste("red", (20, 40, 60, 60))
    drawing = collect.cut_out(picture, 64)
    assert drawing is not None
    assert drawing.size == (64, 32)


def test_an_empty_drawing_is_left_out() -> None:
    """Nothing visible is no sprite."""
    assert collect.cut_out(Image.new("RGBA", (10, 10)), 64) is None


def test_an_icon_is_found_by_code_or_label(tmp_path: Path) -> None:
    """The set's own table comes first, then the label."""
    icons = {"fox": {"body": "<g/>"}, "red-apple": {"body": "<g/>"}}
    content = {"icons": icons, "chars": {"1f98a": "fox"}, "width": 32, "height": 32}
    (tmp_path / "noto.json").write_text(json.dumps(content))
    found = collect.IconSet(tmp_path, "noto", {"1F34E": "red apple"})
    assert 'viewBox="0 0 32 32"' in (found.find_svg("1F98A") or "")
    assert found.find_svg("1F34E")
    assert found.find_svg("1F600") is None
