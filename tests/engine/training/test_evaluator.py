"""The judge: what it learns, and how its answers are counted."""

import random
from dataclasses import replace
from pathlib import Path

import torch

from engine.training.evaluator import (
    COLOURLESS,
    UNSAID,
    Evaluator,
    SmallRenderer,
    judge,
    judged_world,
    mark,
    train_evaluator,
    true_answers,
)
from engine.training.machine import CPU
from engine.training.presets import STAGE_A, Preset, stage_b
from engine.training.sprites import read_pack
from engine.training.trainer import Plan
from engine.training.world import Item, Scene, World

PAIR = Scene((Item("fox", "red"), Item("cat", "blue")), relation="left", place="snow")


def scores_for(answers: dict[str, torch.Tensor], world: World) -> dict[str, torch.Tensor]:
    """What an evaluator would say that is always right, and never sure of nothing."""
    count = len(answers["thing"])
    things = torch.zeros(count, len(world.things))
    for row, said in enumerate(answers["thing"]):
        things[row, said[said != UNSAID]] = 1
    one_hot = torch.nn.functional.one_hot
    return {
        "thing": things,
        "colour": one_hot(answers["colour"].clamp_min(0), len(world.colours)).float(),
        "place": one_hot(answers["place"], len(world.places) + 1).float(),
        "count": one_hot(answers["count"], 9).float(),
        "relation": one_hot(answers["relation"].clamp_min(0), 6).float(),
        "style": one_hot(answers["style"], len(world.styles) + 1).float(),
    }


def test_the_evaluator_learns(preset: Preset, pack: Path, tmp_path: Path) -> None:
    """A few steps lower its loss, on a world with all it can be asked."""
    world = replace(preset.world, styles=("neon",), styled_share=0.2, most=3)
    plans = [Plan(tmp_path / str(steps), 60, warmup=2, max_steps=steps) for steps in (1, 12)]
    first, later = (
        train_evaluator(replace(preset, world=world), pack, plan, batch=16, feeders=0)
        for plan in plans
    )
    assert later.loss < first.loss


def test_answers_are_rows_of_the_heads() -> None:
    """Things and colours row by row, the plain wall and no style last, and what is unsaid."""
    world = stage_b().world
    dull = Scene((Item("cat", "red"),), count=3, style=COLOURLESS[0])
    answers = true_answers(world, [PAIR, dull, Scene((), place="snow")])
    things = [world.things.index(name) for name in ("fox", "cat")]
    assert answers["thing"][0].tolist() == things + [UNSAID] * 6
    assert answers["colour"][0, :3].tolist() == [
        world.colours.index("red"), world.colours.index("blue"), UNSAID,
    ]  # fmt: skip
    assert answers["colour"][1].tolist() == [UNSAID] * 8
    assert answers["place"].tolist() == [world.places.index("snow"), len(world.places),
                                         world.places.index("snow")]  # fmt: skip
    assert answers["count"].tolist() == [2, 3, 0]
    assert answers["relation"].tolist() == [0, UNSAID, UNSAID]
    assert answers["style"].tolist()[0] == len(world.styles)


def test_both_things_have_to_be_right() -> None:
    """One of two is not enough, nor one of two colours; what is unsaid is not counted."""
    world = stage_b().world
    answers = true_answers(world, [PAIR, PAIR, PAIR, Scene((Item("fox"),))])
    scores = scores_for(answers, world)
    scores["thing"][1, world.things.index("cat")] = 0.5
    scores["thing"][1, world.things.index("dog")] = 0.7
    scores["colour"][2, 1] = scores["colour"][2, 1].roll(1)
    marks = mark(scores, answers)
    assert marks["thing"].tolist() == [1, 0, 1, 1]
    assert marks["colour"].tolist() == [1, 1, 0, UNSAID]
    assert marks["relation"].tolist() == [1, 1, 1, UNSAID]
    assert marks["place"].tolist() == [1, 1, 1, 1]


def test_the_judge_looks_at_pictures_of_any_size() -> None:
    """Bytes or floats, larger than it was trained on: every question gets its marks."""
    world = STAGE_A.world
    pictures = (torch.rand(3, 3, 256, 256) * 255).byte()
    scenes = [Scene((Item("fox"),))] * 3
    by_bytes = judge(Evaluator(world, (8, 16, 16)).eval(), STAGE_A, scenes, pictures)
    assert set(by_bytes) == {"thing", "colour", "place", "count", "relation", "style"}
    assert all(len(marks) == 3 for marks in by_bytes.values())
    assert by_bytes["relation"].tolist() == [UNSAID] * 3


def test_every_question_is_asked_often_enough() -> None:
    """In each hundred scenes of its exam there are several of every kind."""
    world, rng = judged_world(stage_b().world), random.Random(0)
    scenes = [world.draw_scene(rng, "all") for _ in range(500)]
    answers = true_answers(world, scenes)
    assert (answers["relation"] != UNSAID).float().mean() > 0.1
    assert (answers["style"] != len(world.styles)).float().mean() > 0.15
    assert all((answers["count"] == number).float().mean() > 0.02 for number in (1, 2, 3, 4))


def test_styles_are_drawn_at_full_size_first(preset: Preset, pack: Path) -> None:
    """What the judge learns from is what a full picture looks like when it is made small."""
    world = replace(preset.world, styles=("mosaic",))
    large = replace(preset, world=world, side=256)
    renderer = SmallRenderer(large, read_pack(pack, world.things, world.arts), CPU)
    scenes = [Scene((Item("fox"),), art="fluent-3d", style=style) for style in ("mosaic", None)]
    pictures = renderer.render(scenes, torch.Generator().manual_seed(0))
    assert pictures.shape == (2, 3, 128, 128)
    assert pictures.min() >= 0
    assert pictures.max() <= 1
