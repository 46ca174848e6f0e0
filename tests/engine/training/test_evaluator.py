"""The judge, its cells and its table."""

from pathlib import Path

import torch

from engine.training.evaluate import plain_caption, write_table
from engine.training.evaluator import (
    Accuracy,
    Evaluator,
    judge,
    matched_cells,
    train_evaluator,
    true_answers,
)
from engine.training.presets import STAGE_A, Preset
from engine.training.trainer import Plan
from engine.training.world import Item, Scene, is_held_out


def test_the_evaluator_learns(preset: Preset, pack: Path, tmp_path: Path) -> None:
    """A few steps lower its loss."""
    plans = [Plan(tmp_path / str(steps), 60, warmup=2, max_steps=steps) for steps in (1, 20)]
    first, later = (train_evaluator(preset, pack, plan, batch=8) for plan in plans)
    assert later.loss < first.loss


def test_answers_are_rows_of_the_heads() -> None:
    """Nature's colour and the plain wall are the last answers."""
    world = STAGE_A.world
    answers = true_answers(
        world, [Scene((Item("fox"),)), Scene((Item("cat", "red"),), place="snow")]
    )
    assert answers["thing"].tolist() == [world.things.index("fox"), world.things.index("cat")]
    assert answers["colour"].tolist() == [len(world.colours), world.colours.index("red")]
    assert answers["place"].tolist() == [len(world.places), world.places.index("snow")]


def test_cells_differ_in_one_pair_only() -> None:
    """Held-out cells hold only held-out pairs, training cells none, of the same kind of scene."""
    cells = matched_cells(STAGE_A.world, seed=1, count=20)
    for scene in cells["thing x colour, held-out"]:
        assert is_held_out("colour", scene.items[0].thing, scene.items[0].colour or "")
    for scene in cells["thing x place, train"]:
        assert not is_held_out("place", scene.items[0].thing, scene.place or "")
        assert scene.items[0].colour is None
    assert all(len(scenes) == 20 for scenes in cells.values())


def test_judging_counts_right_answers() -> None:
    """Accuracy is a share of the pictures."""
    world = STAGE_A.world
    scenes = [Scene((Item("fox"),))] * 4
    accuracy = judge(Evaluator(world), world, scenes, torch.rand(4, 3, 128, 128))
    assert accuracy.count == 4
    assert 0 <= accuracy.thing <= 1


def test_the_table_has_a_row_per_cell() -> None:
    """Painted accuracy stands beside the ceiling and the shuffled control."""
    rows = {"real": Accuracy(10, 1.0, 0.9, 0.8), "painted": Accuracy(10, 0.5, 0.4, 0.3)}
    table = write_table({"thing x colour, train": rows})
    assert "| thing x colour, train | 10 | 100 / 50 | 90 / 40 | 80 / 30 |" in table


def test_the_plainest_caption_says_thing_colour_and_place() -> None:
    """What is asked of the painter is what the cell is about."""
    assert (
        plain_caption(Scene((Item("fox", "orange"),), place="snow")) == "an orange fox in the snow"
    )
    assert plain_caption(Scene((Item("apple"),))) == "an apple"
