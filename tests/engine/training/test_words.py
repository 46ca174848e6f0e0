"""The vocabulary that is made for a model."""

import itertools
import random
from pathlib import Path

import pytest

from engine.source import EMBEDDED
from engine.training import phrases
from engine.training.captions import Captioner
from engine.training.chinese import write_chinese
from engine.training.presets import Preset, stage_b1
from engine.training.words import KIN, NEAR_THINGS, build_words, nearest_colour
from engine.training.world import all_things
from engine.vocabulary import open_vocabulary, plain_form, read_prompt

SHIPPED = stage_b1().world


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
    assert all(
        plain_form(name.strip(" ,")) in known | {"", "background"}
        for name in (*near.values(), *same.values())
    )
    assert near["vixen"] == "fox"
    assert "狐狸" in (known if speaks_chinese else same)


def test_a_place_may_be_called_as_a_thing_is(
    preset: Preset, pack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a place takes all a thing's Chinese words, its kin stay near; English stays English."""
    labels = all_things()["apple"].labels_zh
    monkeypatch.setitem(phrases.PLACES_ZH, "snow", labels)
    near = build_words(preset.world, pack, speaks_chinese=True)["near"]
    assert isinstance(near, dict)
    assert near["苹果"] in labels
    assert (near["a lake"], near["湖"]) == ("beach", phrases.PLACES_ZH["beach"][0])


def test_near_things_are_things() -> None:
    """Every neighbour of the short table is a thing there is."""
    assert set(NEAR_THINGS.values()) <= set(all_things())


def test_only_keywords_that_name_a_thing_stand_near_it(preset: Preset, pack: Path) -> None:
    """A puppy is near a dog; what one merely thinks of beside a thing is near nothing."""
    things = all_things()
    assert {"diet", "ripe"} <= set(things["apple"].synonyms)
    assert "slow" in things["sloth"].synonyms
    assert "puppy" in set(things["dog"].synonyms) & set(KIN.split())
    near = build_words(preset.world, pack, speaks_chinese=False)["near"]
    assert isinstance(near, dict)
    assert not {"diet", "ripe", "健康", "水果"} & near.keys()
    assert near["苹果"].strip() == "apple"


def test_every_kindred_keyword_is_one_of_unicodes() -> None:
    """No word of the list is there for nothing, and none means several things."""
    keywords = [word for thing in all_things().values() for word in thing.synonyms]
    assert len(KIN.split()) == len(set(KIN.split()))
    assert all(keywords.count(word) == 1 for word in KIN.split())


def test_captions_of_the_shipped_world_are_read_as_they_are() -> None:
    """No English caption the model learnt from is changed, and nothing in it is unknown."""
    vocabulary = open_vocabulary(EMBEDDED / "words.json")
    assert vocabulary is not None
    rng = random.Random(3)
    captioner = Captioner(rng, plain_arts=SHIPPED.plain_arts)
    for _ in range(1000):
        caption = captioner.write_english(SHIPPED.draw_scene(rng, "all"))
        reading = read_prompt(caption, vocabulary)
        assert (reading.text, reading.drawn_as, reading.unknown) == (caption, (), ())


def test_chinese_captions_lose_nothing() -> None:
    """Thing, colour, place, style and number of a scene are in the English it is read as."""
    vocabulary = open_vocabulary(EMBEDDED / "words.json")
    assert vocabulary is not None
    rng = random.Random(4)
    for _ in range(1000):
        scene = SHIPPED.draw_scene(rng, "all")
        if {item.thing for item in scene.items} & {"cloud", "mountain"}:
            continue  # 云 and 山 are a place as well, and read as that
        reading = read_prompt(write_chinese(scene, rng), vocabulary)
        words = [" ".join(filter(None, (item.colour, item.thing))) for item in scene.items]
        words += [word for word in (scene.place, scene.backdrop, scene.style) if word]
        assert not reading.unknown
        assert all(word in reading.text for word in words), reading
        assert scene.count == 1 or phrases.NUMBERS[scene.count] in reading.text
