"""Scenes, captions and the split."""

import random

import pytest

from engine.training.captions import Captioner, plural, with_article
from engine.training.presets import PRESETS, STAGE_A
from engine.training.world import Item, Scene, all_things, has_held_out_pair, is_held_out

WORLD = STAGE_A.world


def test_training_scenes_never_hold_a_held_out_combination() -> None:
    """A thing and a colour or place that are held out never meet in a training scene."""
    rng = random.Random(1)
    for _ in range(2000):
        scene = WORLD.draw_scene(rng)
        for item in scene.items:
            assert not (item.colour and is_held_out("colour", item.thing, item.colour))
            assert not (scene.place and is_held_out("place", item.thing, scene.place))


def test_held_out_scenes_always_hold_one() -> None:
    """Every scene of the held-out split has at least one combination never trained on."""
    rng = random.Random(2)
    assert all(has_held_out_pair(WORLD.draw_scene(rng, "held-out")) for _ in range(200))


def test_every_word_is_seen_in_training() -> None:
    """Only combinations are held out: no thing loses all its colours or places."""
    for thing in WORLD.things:
        assert any(not is_held_out("colour", thing, colour) for colour in WORLD.colours)
        assert any(not is_held_out("place", thing, place) for place in WORLD.places)


def test_about_a_tenth_is_held_out() -> None:
    """The share of held-out pairs is near the tenth that is promised."""
    pairs = [(thing, colour) for thing in WORLD.things for colour in WORLD.colours]
    share = sum(is_held_out("colour", *pair) for pair in pairs) / len(pairs)
    assert 0.07 < share < 0.13


def test_stage_a_is_made_of_known_things() -> None:
    """Every thing of stage A has its labels."""
    assert set(WORLD.things) <= set(all_things())


def test_the_same_seed_draws_the_same_scenes() -> None:
    """Scenes depend on nothing but the seed."""
    one, two = random.Random(5), random.Random(5)
    assert [WORLD.draw_scene(one) for _ in range(50)] == [WORLD.draw_scene(two) for _ in range(50)]


def test_a_caption_names_colour_and_place_backdrop_or_nothing() -> None:
    """The colour word is never dropped, for a thing in another colour would be a lie."""
    captioner = Captioner(random.Random(3))
    scene = Scene((Item("fox", "blue"),), place="snow")
    captions = [captioner.write(scene) for _ in range(300)]
    assert all("blue" in caption and "fox" in caption for caption in captions)
    assert sum("snow" in caption for caption in captions) > 200
    assert len(set(captions)) > 30


@pytest.mark.parametrize(
    ("word", "several"),
    [("fox", "foxes"), ("cat", "cats"), ("strawberry", "strawberries"), ("grapes", "grapes")],
)
def test_plurals_are_spelt_right(word: str, several: str) -> None:
    """Two of a thing are written as people write them."""
    assert plural(word) == several


def test_articles_follow_the_first_letter() -> None:
    """An orange fox, a fox, but just grapes."""
    assert with_article("orange fox", "fox") == "an orange fox"
    assert with_article("fox", "fox") == "a fox"
    assert with_article("grapes", "grapes") == "grapes"


def test_every_preset_is_a_world_that_can_be_drawn_and_named() -> None:
    """Each preset draws scenes, and every scene has a caption."""
    rng = random.Random(6)
    captioner = Captioner(rng)
    for make in PRESETS.values():
        world = make().world
        assert all(captioner.write(world.draw_scene(rng)) for _ in range(100))
