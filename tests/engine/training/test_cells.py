"""The cells of the examination, and how their scenes are asked for."""

import pytest

from engine.training.cells import (
    chinese_caption,
    kinds_of,
    matched_cells,
    near_misses,
    plain_caption,
)
from engine.training.presets import STAGE_A, stage_b
from engine.training.world import Item, Scene, has_held_out_pair


def test_cells_differ_in_one_pair_only() -> None:
    """Held-out cells hold only held-out pairs, training cells none, of the same kind of scene."""
    world = stage_b().world
    cells = matched_cells(world, seed=1, count=20)
    assert {cell.name for cell in cells} == set(kinds_of(world))
    for cell in cells:
        assert len(cell.scenes) == 20
        assert all(has_held_out_pair(s) == (cell.split == "held-out") for s in cell.scenes)
        for scene in cell.scenes:
            said = [scene.items[0].colour, scene.place, scene.style, len(scene.items) > 1]
            assert sum(map(bool, said)) == 1


def test_a_small_world_has_fewer_cells() -> None:
    """Where there are no styles nothing is asked about them."""
    assert kinds_of(STAGE_A.world) == [
        "thing x colour", "thing x place", "thing x thing", "several x colour",
    ]  # fmt: skip


def test_near_misses_differ_in_colours_or_sides_only() -> None:
    """Every third scene begins a family of three that share both things."""
    scenes = near_misses(stage_b().world, seed=3, count=30)
    for row in range(0, 30, 3):
        first, swapped, turned = scenes[row : row + 3]
        assert {item.thing for item in first.items} == {item.thing for item in turned.items}
        assert [item.colour for item in first.items] == [i.colour for i in swapped.items][::-1]
        assert {first.relation, turned.relation} == {"left", "right"}
    captions = [plain_caption(scene) for scene in scenes]
    assert len(set(captions)) == 30


@pytest.mark.parametrize(
    ("scene", "english", "chinese"),
    [
        (Scene((Item("fox", "orange"),), place="snow"), "an orange fox in the snow",
         "在雪地上的橙色狐狸"),
        (Scene((Item("apple"),)), "an apple", "红苹果"),
        (Scene((Item("cat", "red"),), count=3), "three red cats", "三只红色猫"),
        (Scene((Item("cat"), Item("dog")), relation="left"), "a cat to the left of a dog",
         "狗左边的猫"),
        (Scene((Item("cat"),), style="neon"), "a cat, neon", "猫，霓虹"),
        (Scene((Item("cat"),), backdrop="red"), "a cat on a red background", "猫，红色背景"),
    ],
)  # fmt: skip
def test_the_plainest_caption_says_all_of_a_scene(scene: Scene, english: str, chinese: str) -> None:
    """What is asked of the painter is what the cell is about, in both languages."""
    assert plain_caption(scene) == english
    assert chinese_caption(scene) == chinese
