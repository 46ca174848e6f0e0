"""The compositor and its colours."""

import itertools
import math
import random
from pathlib import Path

import pytest
import torch

from engine.training.backgrounds import PLACES, paint_place
from engine.training.colours import COLOURS, hsv_to_rgb, repaint, rgb_to_hsv
from engine.training.layout import place_items
from engine.training.presets import Preset
from engine.training.scenes import SceneRenderer
from engine.training.sprites import read_pack
from engine.training.styles import STYLES
from engine.training.world import Item, Scene


def make_renderer(preset: Preset, pack: Path) -> SceneRenderer:
    """A renderer of the tiny world."""
    world = preset.world
    return SceneRenderer(read_pack(pack, world.things, world.arts, 32), preset.square)


def test_scenes_lie_between_black_and_white(preset: Preset, pack: Path) -> None:
    """Every value of every scene is in 0..1."""
    rng = random.Random(0)
    scenes = [preset.world.draw_scene(rng, "all") for _ in range(40)]
    pictures = make_renderer(preset, pack).render(scenes, torch.Generator().manual_seed(0))
    assert pictures.shape == (40, 3, 32, 32)
    assert pictures.min() >= 0
    assert pictures.max() <= 1


def test_the_same_seed_paints_the_same_scenes(preset: Preset, pack: Path) -> None:
    """Scenes and seed decide every pixel."""
    renderer = make_renderer(preset, pack)
    scenes = [Scene((Item("fox", "blue"),), place="beach", art="fluent-3d")] * 3
    one = renderer.render(scenes, torch.Generator().manual_seed(4))
    two = renderer.render(scenes, torch.Generator().manual_seed(4))
    assert torch.equal(one, two)
    assert not torch.equal(one[0], one[1])


def test_a_thing_changes_the_middle_of_a_scene(preset: Preset, pack: Path) -> None:
    """The thing is in the picture, large, about the middle."""
    renderer = make_renderer(preset, pack)
    scenes = [Scene((), place="space"), Scene((Item("house"),), place="space", art="fluent-3d")]
    empty, full = renderer.render(scenes, torch.Generator().manual_seed(1))
    assert (full - empty).abs()[:, 12:20, 12:20].mean() > 0.2


def test_a_wide_scene_keeps_the_proportions_of_its_thing(pack: Path) -> None:
    """In a frame twice as wide a round thing is as round as in a square one."""
    renderer = SceneRenderer(read_pack(pack, ["apple"], ["fluent-3d"], 32), (64, 32))
    scene = Scene((Item("apple"),), backdrop="white", art="fluent-3d")
    (picture,) = renderer.render([scene], torch.Generator().manual_seed(0))
    red = (picture[0] - picture[2]) > 0.5
    across, down = red.any(0).sum().item(), red.any(1).sum().item()
    assert abs(across - down) <= 2
    assert down > 15


@pytest.mark.parametrize("place", [None, *PLACES])
def test_every_place_is_painted(place: str | None) -> None:
    """Each place gives pictures of the asked size in 0..1."""
    pictures = paint_place(place, None, 2, (32, 24), torch.Generator().manual_seed(0))
    assert pictures.shape == (2, 3, 24, 32)
    assert pictures.min() >= 0
    assert pictures.max() <= 1


@pytest.mark.parametrize("style", STYLES)
def test_every_style_changes_the_picture(style: str) -> None:
    """Each way of painting keeps the size, stays within 0..1 after clamping, and shows."""
    generator = torch.Generator().manual_seed(0)
    pictures = paint_place("city", None, 2, (48, 32), generator)
    painted = STYLES[style](pictures, generator)
    assert painted.shape == pictures.shape
    assert painted.isfinite().all()
    assert (painted.clamp(0, 1) - pictures).abs().mean() > 0.01


def test_a_style_lies_over_things_and_place_alike(preset: Preset, pack: Path) -> None:
    """In a black-and-white scene no pixel has a colour."""
    scene = Scene((Item("fox"),), place="beach", art="fluent-3d", style="black and white")
    (picture,) = make_renderer(preset, pack).render([scene], torch.Generator().manual_seed(0))
    assert (picture.amax(0) - picture.amin(0)).max() < 1e-5


@pytest.mark.parametrize(
    ("relation", "axis", "sign"),
    [("left", 0, -1), ("right", 0, 1), ("above", 1, -1), ("below", 1, 1)],
)
def test_two_things_stand_as_their_relation_says(relation: str, axis: int, sign: int) -> None:
    """The first is left of, right of, above or below the second."""
    items = [Item("cat"), Item("dog")]
    spots = place_items(items, Scene(tuple(items), relation=relation), random.Random(0).uniform)
    where = {item.thing: spot for item, spot in spots}
    assert sign * (where["cat"][axis] - where["dog"][axis]) > 0.2


@pytest.mark.parametrize(("relation", "front"), [("behind", "dog"), ("in front", "cat")])
def test_what_is_in_front_is_painted_last(relation: str, front: str) -> None:
    """The nearer thing covers the farther one, and stands lower."""
    items = [Item("cat"), Item("dog")]
    spots = place_items(items, Scene(tuple(items), relation=relation), random.Random(0).uniform)
    assert spots[-1][0].thing == front
    assert spots[-1][1][1] > spots[0][1][1]


@pytest.mark.parametrize("count", range(2, 9))
def test_many_things_all_lie_in_the_picture_apart(count: int) -> None:
    """No centre leaves the picture, no two things stand in one spot."""
    items = [Item(str(number)) for number in range(count)]
    spots = [spot for _, spot in place_items(items, Scene(tuple(items)), random.Random(0).uniform)]
    assert all(0.05 < x < 0.95 and 0.05 < y < 0.95 for x, y, _ in spots)
    pairs = itertools.combinations(spots, 2)
    assert all(math.dist(one[:2], other[:2]) > 0.12 for one, other in pairs)


def test_a_size_word_is_seen() -> None:
    """Tiny things are small, huge ones fill the picture, a close-up is larger than it."""
    sides = [
        place_items([Item("cat")], Scene((Item("cat"),), size=size), random.Random(0).uniform)
        for size in ("tiny", None, "huge", "close-up")
    ]
    measures = [spots[0][1][2] for spots in sides]
    assert measures == sorted(measures)
    assert measures[0] < 0.35
    assert measures[-1] > 1.4


def test_colours_survive_the_way_through_hsv() -> None:
    """RGB to hue, saturation and value and back is the same picture."""
    picture = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(hsv_to_rgb(*rgb_to_hsv(picture)), picture, atol=1e-4)


@pytest.mark.parametrize("colour", ["red", "green", "blue", "yellow"])
def test_repainting_moves_the_main_hue(colour: str) -> None:
    """A red drawing repainted in a colour has that colour's hue."""
    sprite = torch.zeros(1, 4, 8, 8)
    sprite[:, 0], sprite[:, 3] = 0.9, 1.0
    hue, _, _ = rgb_to_hsv(repaint(sprite, [colour])[:, :3])
    assert abs(hue.mean().item() - COLOURS[colour][0]) < 15


def test_no_colour_word_leaves_a_drawing_as_it_is() -> None:
    """Natural colours stay."""
    sprite = torch.rand(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(repaint(sprite, [None]), sprite)


def test_a_missing_thing_is_named(pack: Path) -> None:
    """A pack without a wanted thing says which."""
    with pytest.raises(ValueError, match="unicorn"):
        read_pack(pack, ["apple", "unicorn"], ["fluent-3d"], 32)
