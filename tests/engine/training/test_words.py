"""The vocabulary that is made for a model."""

import itertools
from pathlib import Path

import pytest

from engine.training.presets import Preset
from engine.training.words import NEAR_THINGS, build_words, nearest_colour
from engine.training.world import all_things


@pytest.mark.parametrize(
    ("rgb", "colour"), [((220, 20, 60), "red"), ((20, 30, 110), "blue"), ((40, 160, 80), "green")]
)
def test_a_colour_is_near_the_one_that_looks_like_it(
    rgb: tuple[int, int, int], colour: str
) -> None:
    """Crimson is red, navy is blue."""
    assert nearest_colour(rgb, ["red", "green", "blue"]) == colour


@pytest.mark.parametrize("speaks_chinese", [True, False])
def test_tables_do_not_overlap_and_lead_to_known_words(
    preset: Preset, pack: Path, speaks_chinese: bool
) -> None:
    """A word is in one table, and what is near is near to something known."""
    words = build_words(preset.world, pack, speaks_chinese=speaks_chinese)
    known, near, same = set(words["known"]), dict(words["near"]), dict(words["same"])
    for one, other in itertools.combinations(words.values(), 2):
        assert not set(one) & set(other)
    assert all(name.strip(" ,") in known | {""} for name in (*near.values(), *same.values()))
    assert near["vixen"] == "fox"
    assert "狐狸" in (known if speaks_chinese else same)


def test_near_things_are_things() -> None:
    """Every neighbour of the short table is a thing there is."""
    assert set(NEAR_THINGS.values()) <= set(all_things())
