"""Scenes, captions and the split."""

import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from engine.nouns import plural, with_article
from engine.training.captions import Captioner
from engine.training.chinese import write_chinese
from engine.training.presets import PRESETS, STAGE_A, Preset
from engine.training.world import (
    RELATIONS,
    SIZES,
    Item,
    Scene,
    all_things,
    has_held_out_pair,
    is_held_out,
)

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


def test_a_caption_names_all_that_is_seen() -> None:
    """Numbers, relations, sizes and styles are said, in both languages."""
    captioner = Captioner(random.Random(4))
    pair = (Item("cat"), Item("dog", "red"))
    for scene, words in (
        (Scene((Item("cat"),), count=3), ("three .*cat", "三")),
        (Scene((Item("cat"),), size="tiny"), ("(small|tiny) .*cat", "小")),
        (Scene(pair, relation="behind"), ("behind .*red", "后面")),
        (Scene((), place="city", style="cubist"), ("cubis", "立体")),
        (Scene((Item("fox"),), style="ink wash"), ("ink", "水墨")),
    ):
        texts = [captioner.write_english(scene) for _ in range(30)]
        pattern = words[0].replace("cat", "(cat|kitt)")
        assert all(re.search(pattern, text) for text in texts), texts
        assert all(words[1] in write_chinese(scene, captioner.rng) for _ in range(30))


def test_a_crowd_is_a_list_with_commas() -> None:
    """Four and more things are written one after the other, as people do."""
    names = ("palm tree", "umbrella on ground", "seashell", "volleyball")
    scene = Scene(tuple(Item(name) for name in names), place="beach")
    text = Captioner(random.Random(5)).write(scene)
    assert text.count(",") >= 3
    assert "palm tree" in text


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


@pytest.mark.parametrize("make", PRESETS.values(), ids=PRESETS)
def test_every_word_of_a_world_is_drawn(make: Callable[[], Preset]) -> None:
    """Things, colours, places and styles all come, and so do the sizes and relations it has."""
    world, rng = make().world, random.Random(7)
    scenes = [world.draw_scene(rng, "all") for _ in range(12_000)]
    items = [item for scene in scenes for item in scene.items]
    assert {item.thing for item in items} == set(world.things)
    assert {item.colour for item in items} == {*world.colours, None}
    assert {scene.place for scene in scenes} == {*world.places, None}
    assert {scene.style for scene in scenes} == {*world.styles, None}
    if world.sized_share:
        assert {scene.size for scene in scenes} == {*SIZES, None}
    if world.related_share:
        assert {scene.relation for scene in scenes} == {*RELATIONS, None}
    assert max(scene.count for scene in scenes) == world.most


def test_a_style_or_a_second_thing_can_be_held_out_too() -> None:
    """Training scenes keep out held-out styles and, of two things, held-out partners."""
    world, rng = PRESETS["stage-b"]().world, random.Random(8)
    for _ in range(3000):
        scene = world.draw_scene(rng)
        names = sorted(item.thing for item in scene.items)
        assert not any(scene.style and is_held_out("style", n, scene.style) for n in names)
        assert len(names) != 2 or not is_held_out("pair", *names)


def test_favoured_things_come_twice_as_often() -> None:
    """What is new to the model is seen more."""
    world, rng = replace(WORLD, favoured=("fox",)), random.Random(9)
    seen = [world.draw_scene(rng, "all").items for _ in range(20_000)]
    counts = Counter(item.thing for items in seen for item in items)
    assert 1.4 < counts["fox"] / counts["cat"] < 2.8


def test_people_are_in_the_world() -> None:
    """People have names in both languages, and so do some who are two."""
    people = ("woman", "man", "girl", "boy", "baby", "child", "couple", "sisters", "farmer", "cook")
    assert all(all_things()[name].labels_zh for name in people)


def test_every_thing_has_one_name_in_each_language() -> None:
    """No two things share a name, English or Chinese; else a caption could mean either."""
    things = list(all_things().values())
    assert len({thing.name for thing in things}) == len(things)
    assert all(thing.labels_zh for thing in things)


def test_every_preset_is_a_world_that_can_be_drawn_and_named() -> None:
    """Each preset draws scenes, and every scene has a caption in English and in Chinese."""
    rng = random.Random(6)
    english, chinese = Captioner(rng), Captioner(rng, chinese_share=1)
    for make in PRESETS.values():
        scenes = [make().world.draw_scene(rng) for _ in range(200)]
        assert all(english.write(scene).isascii() for scene in scenes if _is_plain(scene))
        assert not any(chinese.write(scene).isascii() for scene in scenes)


def _is_plain(scene: Scene) -> bool:
    return all(item.thing.isascii() for item in scene.items)
