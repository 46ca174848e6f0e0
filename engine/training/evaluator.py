"""The judge: a network that says which things a picture shows, and how.

It names the things, the colour of a thing it is told, the place, how many things there are, how
two of them stand to each other, and the style. It is trained on real scenes of all combinations,
with another seed than any painter, and never sees a painted picture while it learns. Its accuracy
on real scenes is the ceiling against which painted pictures are measured. It is not shipped.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.training.checkpoint import load_weights
from engine.training.feed import feed
from engine.training.machine import CPU, Machine
from engine.training.meter import Progress
from engine.training.muon import make_optimizers
from engine.training.presets import Preset
from engine.training.scenes import SceneRenderer
from engine.training.sprites import SpritePack, read_pack
from engine.training.trainer import Plan, Trainer
from engine.training.world import RELATIONS, Scene, World

SIDE = 128  # pixels of the pictures it looks at, at most
MOST_THINGS = 8  # in one picture
PART = 256
BLUR_SHARE = 0.5
NOISE = 0.03
COLOURLESS = ("pencil sketch", "black and white", "ink wash")  # no colour is left to be told
UNSAID = -1  # an answer that the scene does not give
WEIGHTS = {
    "thing": 1.0, "colour": 0.5, "place": 0.3, "count": 0.3, "relation": 0.3, "style": 0.3,
}  # fmt: skip
SHARES = {
    "several_share": 0.15, "pair_share": 0.25, "triple_share": 0.08, "many_share": 0.02,
    "related_share": 0.75, "sized_share": 0.05, "styled_share": 0.25, "empty_share": 0.02,
}  # fmt: skip

Answers = dict[str, Tensor]


class Block(nn.Module):
    """Two convolutions beside a short way round (He et al. 2015, arXiv 1512.03385)."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.way = nn.Sequential(
            nn.Conv2d(before, width, 3, stride, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, 1, 1, bias=False),
            nn.BatchNorm2d(width),
        )
        is_same = before == width and stride == 1
        self.short = nn.Identity() if is_same else nn.Conv2d(before, width, 1, stride, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Features of the new width, smaller by the stride."""
        return functional.relu(self.way(features) + self.short(features))


class Evaluator(nn.Module):
    """Pictures [B,3,S,S] in 0..1 to scores of the answers, question by question.

    Things are told spot by spot, so that a picture may show several of them, and the spots where
    a thing was found are where its colour and its neighbour are looked for.
    """

    def __init__(self, world: World, widths: Sequence[int]) -> None:
        super().__init__()
        first, *later = widths
        self.body = nn.Sequential(
            nn.Conv2d(3, first, 3, 2, 1, bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(),
            Block(first, first, 2),
            Block(first, first, 1),
        )
        for before, width in zip(widths, later, strict=False):
            stride = 1 if width == later[-1] else 2
            self.body.extend([Block(before, width, stride), Block(width, width, 1)])
        last = widths[-1]
        self.things = nn.Conv2d(last, len(world.things), 1)
        self.parts = nn.Linear(last + 2, PART)
        self.heads = nn.ModuleDict(
            {
                "colour": nn.Linear(PART, len(world.colours)),
                "relation": nn.Sequential(
                    nn.Linear(2 * PART, PART), nn.ReLU(), nn.Linear(PART, len(RELATIONS))
                ),
                "place": nn.Linear(2 * last, len(world.places) + 1),  # the last: a plain wall
                "count": nn.Linear(2 * last, MOST_THINGS + 1),
                "style": nn.Linear(2 * last, len(world.styles) + 1),  # the last: none
            }
        )

    def forward(self, pictures: Tensor, things: Tensor) -> Answers:
        """Scores by question; ``things`` [B,M] are those whose colour and relation is asked."""
        features = self.body((pictures * 2 - 1).contiguous(memory_format=torch.channels_last))
        pooled = torch.cat([features.mean((2, 3)), features.amax((2, 3))], 1)
        scores = {
            question: self.heads[question](pooled) for question in ("place", "count", "style")
        }
        found = self.things(features).flatten(2)
        scores["thing"] = found.float().logsumexp(2)
        rows = things.clamp_min(0)[:, :, None].expand(-1, -1, found.shape[2])
        where = found.gather(1, rows).float().softmax(2)
        spots = torch.cat([features.flatten(2), _coordinates(features)], 1).transpose(1, 2)
        parts = functional.relu(where.to(spots.dtype) @ self.parts(spots).to(spots.dtype))
        scores["colour"] = self.heads["colour"](parts)
        scores["relation"] = self.heads["relation"](parts[:, :2].flatten(1))
        return scores


def _coordinates(features: Tensor) -> Tensor:
    """Where each spot lies, -1..1, [B,2,H*W]."""
    count, _, height, width = features.shape
    y = torch.linspace(-1, 1, height, device=features.device).repeat_interleave(width)
    x = torch.linspace(-1, 1, width, device=features.device).repeat(height)
    return torch.stack([x, y]).to(features.dtype).expand(count, 2, -1)


def true_answers(world: World, scenes: Sequence[Scene]) -> Answers:
    """The right answers as rows of the heads; things and their colours [B,MOST_THINGS]."""
    thing_rows = {name: row for row, name in enumerate(world.things)}
    places, styles = [*world.places, None], [*world.styles, None]

    def pad(rows: list[int]) -> list[int]:
        return rows + [UNSAID] * (MOST_THINGS - len(rows))

    def colour_rows(scene: Scene) -> list[int]:
        told = [None if scene.style in COLOURLESS else item.colour for item in scene.items]
        return [UNSAID if colour is None else world.colours.index(colour) for colour in told]

    relations = [RELATIONS.index(s.relation) if s.relation else UNSAID for s in scenes]
    return {
        "thing": torch.tensor([pad([thing_rows[item.thing] for item in s.items]) for s in scenes]),
        "colour": torch.tensor([pad(colour_rows(scene)) for scene in scenes]),
        "place": torch.tensor([places.index(scene.place) for scene in scenes]),
        "count": torch.tensor([len(scene.items) * scene.count for scene in scenes]),
        "relation": torch.tensor(relations),
        "style": torch.tensor([styles.index(scene.style) for scene in scenes]),
    }


def judged_world(world: World) -> World:
    """The same words, with more of those scenes of the world that are hard to judge."""
    raised: dict[str, Any] = {name: share for name, share in SHARES.items() if getattr(world, name)}
    return replace(world, **raised)


class SmallRenderer:
    """Renders scenes at the judge's size; those with a style at full size first, as it blurs."""

    def __init__(self, preset: Preset, pack: SpritePack, machine: Machine) -> None:
        self.side = side_of(preset)
        pack = SpritePack(pack.pixels.to(machine.device), pack.rows)
        self.small = SceneRenderer(pack, (self.side, self.side), machine.device)
        self.full = SceneRenderer(pack, preset.square, machine.device)

    def render(self, scenes: Sequence[Scene], generator: torch.Generator) -> Tensor:
        """Pictures [B,3,S,S] in 0..1."""
        shape = (len(scenes), 3, self.side, self.side)
        pictures = torch.empty(shape, device=generator.device)
        for renderer, is_styled in ((self.small, False), (self.full, True)):
            rows = [row for row, scene in enumerate(scenes) if bool(scene.style) == is_styled]
            if rows:
                drawn = renderer.render([scenes[row] for row in rows], generator)
                pictures[rows] = shrink(drawn, self.side)
        return pictures


def side_of(preset: Preset) -> int:
    """The side of the pictures the judge of a preset looks at."""
    return min(SIDE, preset.side)


def as_floats(pictures: Tensor) -> Tensor:
    """Pictures uint8 or in 0..1 already as floats in 0..1."""
    return pictures.float() / 255 if pictures.dtype == torch.uint8 else pictures


def shrink(pictures: Tensor, side: int) -> Tensor:
    """Pictures at the judge's size."""
    if pictures.shape[2:] == (side, side):
        return pictures
    return functional.interpolate(pictures, (side, side), mode="area")


def roughen(pictures: Tensor) -> Tensor:
    """Half the pictures a little blurred, all a little noisy: painted ones are never as clean."""
    blurred = functional.avg_pool2d(pictures, 3, 1, 1, count_include_pad=False)
    is_blurred = torch.rand(len(pictures), 1, 1, 1, device=pictures.device) < BLUR_SHARE
    return torch.where(is_blurred, blurred, pictures) + NOISE * torch.randn_like(pictures)


def judging_loss(scores: Answers, answers: Answers) -> Tensor:
    """Cross-entropy of every question; several things of a picture share the target evenly."""
    total = torch.zeros((), device=answers["thing"].device)
    for question, weight in WEIGHTS.items():
        given, wanted = scores[question].float(), answers[question]
        if question == "thing":
            said = (wanted != UNSAID).float()
            right = given.log_softmax(1).gather(1, wanted.clamp_min(0)) * said
            total = total - weight * (right.sum(1) / said.sum(1).clamp_min(1)).mean()
        else:
            given, wanted = given.reshape(-1, given.shape[-1]), wanted.flatten()
            losses = functional.cross_entropy(given, wanted, ignore_index=UNSAID, reduction="sum")
            total = total + weight * losses / (wanted != UNSAID).sum().clamp_min(1)
    return total


def train_evaluator(
    preset: Preset,
    pack: Path,
    plan: Plan,
    *,
    batch: int | None = None,
    lr: float = 1e-3,
    muon_lr: float | None = 0.02,
    feeders: int = 0,
    machine: Machine = CPU,
    seed: int = 1001,
) -> Progress:
    """Train on fresh scenes of all combinations, then write what it gets right of real ones."""
    torch.manual_seed(seed)
    world = preset.world
    batch = batch or (64 if machine.is_cpu else 512)
    heap = batch if machine.is_cpu else 4 * batch  # a GPU renders many as fast as few
    evaluator = Evaluator(world, preset.judge).to(machine.device)
    sprites = read_pack(pack, world.things, world.arts)
    renderer = SmallRenderer(preset, sprites, machine)
    trainer = Trainer(plan, {"evaluator": evaluator}, make_optimizers([evaluator], lr, muon_lr))
    start = seed + trainer.progress.samples
    generator = machine.generator(start)
    judged = judged_world(world)

    def ask(rng: random.Random) -> tuple[list[Scene], Answers]:
        drawn = [judged.draw_scene(rng, "all") for _ in range(heap)]
        scenes = [sprites.settle(scene, world.plain_arts) for scene in drawn]
        return scenes, true_answers(world, scenes)

    def draw() -> Iterator[tuple[Tensor, Answers]]:
        for scenes, answers in feed(ask, start, feeders):
            pictures = renderer.render(scenes, generator)
            there = {question: rows.to(machine.device) for question, rows in answers.items()}
            for first in range(0, heap, batch):
                rows = slice(first, first + batch)
                yield pictures[rows], {question: there[question][rows] for question in there}

    batches = draw()

    def compute_loss() -> tuple[Tensor, int]:
        pictures, answers = next(batches)
        with machine.autocast():
            scores = evaluator(roughen(pictures), answers["thing"])
        return judging_loss(scores, answers), batch

    return trainer.run(compute_loss)


def load_evaluator(preset: Preset, folder: Path, machine: Machine = CPU) -> Evaluator:
    """The trained judge of a checkpoint."""
    evaluator = Evaluator(preset.world, preset.judge)
    load_weights(folder, "evaluator", evaluator)
    return evaluator.to(machine.device).eval()


@torch.no_grad()
def judge(
    evaluator: Evaluator,
    preset: Preset,
    scenes: Sequence[Scene],
    pictures: Tensor,
    machine: Machine = CPU,
    batch: int = 256,
) -> Answers:
    """Whether pictures [B,3,S,S] show what the scenes say: question to 1, 0 or UNSAID, [B].

    Things are right when the scene's own are the ones seen best, colours when all that are said
    are right; a scene says no colour, relation or thing it does not have.
    """
    answers = true_answers(preset.world, scenes)
    parts: list[Answers] = []
    for start in range(0, len(scenes), batch):
        rows = slice(start, start + batch)
        small = shrink(as_floats(pictures[rows].to(machine.device)), side_of(preset))
        there = {question: rows_of[rows] for question, rows_of in answers.items()}
        with machine.autocast():
            scores = evaluator(small, there["thing"].to(machine.device))
        parts.append(mark({name: given.float().cpu() for name, given in scores.items()}, there))
    return {question: torch.cat([part[question] for part in parts]) for question in WEIGHTS}


def mark(scores: Answers, answers: Answers) -> Answers:
    """1 where the scores' best answers are the right ones, 0 where not, UNSAID where unasked."""
    marks = {}
    for question in ("place", "count", "style", "relation"):
        marks[question] = (scores[question].argmax(1) == answers[question]).long()
    marks["relation"][answers["relation"] == UNSAID] = UNSAID
    colours = answers["colour"]
    wrong = (scores["colour"].argmax(2) != colours) & (colours != UNSAID)
    marks["colour"] = (~wrong.any(1)).long()
    marks["colour"][(colours == UNSAID).all(1)] = UNSAID
    things = answers["thing"]
    order = scores["thing"].argsort(1, descending=True).argsort(1)  # each thing's place
    places = order.gather(1, things.clamp_min(0))
    said = things != UNSAID
    marks["thing"] = ((places < said.sum(1, keepdim=True)) | ~said).all(1).long()
    marks["thing"][~said.any(1)] = UNSAID
    return marks
