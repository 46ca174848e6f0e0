"""What the judge finds: in the cells, at other numbers of steps, and in variations."""

import itertools
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from engine.training.album import Page
from engine.training.cells import Cell, chinese_caption, matched_cells, plain_caption
from engine.training.checkpoint import write_numbers
from engine.training.evaluator import Evaluator, as_floats, judge, load_evaluator, shrink
from engine.training.machine import CPU, Machine
from engine.training.presets import Preset
from engine.training.scenes import SceneRenderer
from engine.training.shares import Share
from engine.training.sprites import read_pack
from engine.training.studio import FEW_STEPS, Studio, as_bytes
from engine.training.world import Scene

log = logging.getLogger(__name__)

REAL_TIMES = 3  # real pictures of each scene, for the ceiling
CEILING_SEED, FRESH_SEED = 7, 2002
STRENGTHS = {"subtle": 0.4, "strong": 0.7}  # as the buttons V vary
STEPS = (20, 50)
LIKENESS_SIDE = 32
TILES, TILE_PARENTS = 4, 12

Shares = dict[str, Share]


@dataclass(frozen=True)
class Judge:
    """The judge with what it needs to look at pictures of one preset."""

    evaluator: Evaluator
    preset: Preset
    machine: Machine = CPU

    @classmethod
    def open(cls, preset: Preset, folder: Path, machine: Machine = CPU) -> "Judge":
        """The judge of a folder."""
        return cls(load_evaluator(preset, folder, machine), preset, machine)

    def count(self, cell: Cell, scenes: Sequence[Scene], pictures: Tensor) -> Shares:
        """The right answers to the questions of a cell."""
        marks = judge(self.evaluator, self.preset, scenes, pictures, self.machine)
        return {question: Share.of(marks[question]) for question in cell.questions}


class Reality:
    """Real pictures of scenes, at full size."""

    def __init__(self, preset: Preset, pack: Path, machine: Machine = CPU) -> None:
        world = preset.world
        sprites = read_pack(pack, world.things, world.arts)
        self.renderer = SceneRenderer(sprites, preset.square, machine.device)
        self.machine = machine

    def draw(self, scenes: Sequence[Scene], seed: int, batch: int = 100) -> Tensor:
        """Pictures uint8 [N,3,S,S] on the CPU."""
        generator = self.machine.generator(seed)
        starts = range(0, len(scenes), batch)
        return torch.cat(
            [as_bytes(self.renderer.render(scenes[s : s + batch], generator)) for s in starts]
        )


def write_ceilings(
    preset: Preset, pack: Path, work: Path, machine: Machine = CPU, count: int = 200
) -> dict[str, Shares]:
    """What the judge gets right of real scenes of each cell it never saw, into ceilings.json."""
    judge, reality = Judge.open(preset, work / "evaluator", machine), Reality(preset, pack, machine)
    ceilings = {}
    for cell in matched_cells(preset.world, FRESH_SEED, count):
        real = reality.draw(cell.scenes, FRESH_SEED)
        ceilings[cell.label] = judge.count(cell, cell.scenes, real)
        told = {question: round(share.value, 3) for question, share in ceilings[cell.label].items()}
        log.info("ceiling of %s: %s", cell.label, told)
    numbers = {
        label: {question: [share.right, share.count] for question, share in shares.items()}
        for label, shares in ceilings.items()
    }
    write_numbers(work / "evaluator" / "ceilings.json", numbers)
    return ceilings


def paint_pages(studio: Studio, cells: Sequence[Cell]) -> Iterator[Page]:
    """Each cell asked for in English, what is held out in Chinese too; one seed per caption."""
    for cell in cells:
        yield Page(cell, "English", studio.paint([plain_caption(s) for s in cell.scenes]))
        if cell.split == "held-out":
            yield Page(cell, "Chinese", studio.paint([chinese_caption(s) for s in cell.scenes]))


def score_pages(
    judge: Judge, reality: Reality, pages: Sequence[Page]
) -> dict[str, dict[str, Shares]]:
    """Per cell: real scenes (the ceiling), painted ones, and those held against other captions."""
    scores: dict[str, dict[str, Shares]] = {}
    for page in pages:
        cell, scenes = page.cell, list(page.cell.scenes)
        rows = scores.setdefault(cell.label, {})
        if "ceiling" not in rows:
            real = reality.draw(scenes * REAL_TIMES, CEILING_SEED)
            rows["ceiling"] = judge.count(cell, scenes * REAL_TIMES, real)
        rows[page.language] = judge.count(cell, scenes, page.pictures)
        if page.language == "English":
            rows["shuffled"] = judge.count(cell, scenes, page.pictures.roll(1, 0))
    return scores


def score_nothing(judge: Judge, studio: Studio, cell: Cell) -> tuple[Shares, Tensor]:
    """Pictures asked for with no words, held against the captions of a cell; and the pictures."""
    pictures = studio.paint([""] * len(cell.scenes), guidance=1.0)
    return judge.count(cell, cell.scenes, pictures), pictures


def score_steps(
    judge: Judge, studio: Studio, cells: Sequence[Cell], lora: Path | None
) -> dict[str, Shares]:
    """Answers at more and fewer steps; in few steps with the LoRA, where there is one."""
    scenes = [scene for cell in cells for scene in cell.scenes]
    captions = [plain_caption(scene) for scene in scenes]
    scores = {}
    for steps in STEPS:
        painted = studio.paint(captions, steps=steps)
        scores[f"{steps} steps"] = judge.count(cells[0], scenes, painted)
    if lora:
        with studio.hurrying(lora):
            painted = studio.paint(captions, steps=FEW_STEPS, guidance=1.0)
        scores[f"{FEW_STEPS} steps, few-step LoRA"] = judge.count(cells[0], scenes, painted)
    return scores


@dataclass(frozen=True)
class Variations:
    """What became of pictures that were varied."""

    kept: Shares  # the thing, by strength, and in the parents
    distances: dict[str, float]  # to the parent, by strength, and of a picture painted anew
    in_order: Share  # pictures for which subtle < strong < anew
    tiles: dict[str, float]  # mean and least distance of four variations of one picture
    sheet: Tensor  # a few parents, each with its subtle and strong child and one painted anew


def score_variations(judge: Judge, studio: Studio, cell: Cell) -> Variations:
    """Vary painted pictures as the buttons do, and paint them anew with other seeds."""
    scenes = list(cell.scenes)
    captions = [plain_caption(scene) for scene in scenes]
    shown = {"parent": studio.paint(captions)}
    for name, strength in STRENGTHS.items():
        shown[name] = studio.vary(captions, shown["parent"], strength, 10_000)
    shown["anew"] = studio.paint(captions, first_seed=20_000)
    away = {name: likeness(shown["parent"], shown[name]) for name in (*STRENGTHS, "anew")}
    names = list(away)
    ordered = torch.stack([away[a] < away[b] for a, b in itertools.pairwise(names)])
    some = [row for row in range(min(TILE_PARENTS, len(scenes))) for _ in range(TILES)]
    tiles: dict[str, float] = {}
    for name, strength in STRENGTHS.items():
        again = [captions[row] for row in some]
        children = studio.vary(again, shown["parent"][some], strength, 30_000)
        apart = _distances_of_tiles(children)
        tiles |= {f"{name}, mean": float(apart.mean()), f"{name}, least": float(apart.min())}
    kept = {
        name: judge.count(cell, scenes, shown[name])["thing"] for name in ("parent", *STRENGTHS)
    }
    return Variations(
        kept,
        {name: float(distance.mean()) for name, distance in away.items()},
        Share.of(ordered.all(0).long()),
        tiles,
        torch.stack([pictures[:4] for pictures in shown.values()], 1).flatten(0, 1),
    )


def likeness(one: Tensor, other: Tensor) -> Tensor:
    """Mean difference of the colours of two pictures seen from afar, in 0..1, [B]."""
    near, far = (shrink(as_floats(pictures), LIKENESS_SIDE) for pictures in (one, other))
    return (near - far).abs().mean((1, 2, 3))


def _distances_of_tiles(children: Tensor) -> Tensor:
    """Between the tiles of each grid, every two of them."""
    grids = children.view(-1, TILES, *children.shape[1:])
    return torch.stack([likeness(grids[:, i], grids[:, j]) for i in range(TILES) for j in range(i)])
