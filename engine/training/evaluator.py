"""The judge: a network that names thing, colour and place of a picture with one thing in it.

It is trained on real scenes of all combinations, with another seed than any painter, and never
sees a painted picture while it learns. Its accuracy on real scenes is the ceiling against which
painted pictures are measured, cell by cell. It is not shipped.
"""

import random
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.training.machine import CPU, Machine
from engine.training.meter import Progress
from engine.training.muon import make_optimizers
from engine.training.presets import Preset
from engine.training.scenes import SceneRenderer
from engine.training.sprites import read_pack
from engine.training.text import TOWER_SIDE, ImageTower
from engine.training.trainer import Plan, Trainer
from engine.training.world import Scene, Split, World

WIDTH = 256
JUDGED = ("thing", "colour", "place")
BLUR_SHARE = 0.5
NOISE = 0.03


class Evaluator(nn.Module):
    """Pictures [B,3,64,64] in 0..1 to one row of scores per question."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.tower = ImageTower(WIDTH)
        answers = {
            "thing": len(world.things),
            "colour": len(world.colours) + 1,  # the last: as it is by nature
            "place": len(world.places) + 1,  # the last: a plain wall
        }
        self.heads = nn.ModuleDict(
            {question: nn.Linear(WIDTH, count) for question, count in answers.items()}
        )

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """Scores of the answers, by question."""
        features = functional.silu(self.tower(pictures))
        return {question: head(features) for question, head in self.heads.items()}


def true_answers(world: World, scenes: list[Scene]) -> dict[str, Tensor]:
    """The right answers as rows of the evaluator's heads."""
    colours, places = [*world.colours, None], [*world.places, None]
    items = [scene.items[0] for scene in scenes]
    return {
        "thing": torch.tensor([world.things.index(item.thing) for item in items]),
        "colour": torch.tensor([colours.index(item.colour) for item in items]),
        "place": torch.tensor([places.index(scene.place) for scene in scenes]),
    }


def draw_single(world: World, rng: random.Random, split: Split) -> Scene:
    """A scene of exactly one thing."""
    while True:
        scene = world.draw_scene(rng, split)
        if len(scene.items) == 1 and scene.count == 1:
            return scene


def roughen(pictures: Tensor) -> Tensor:
    """Half the pictures a little blurred, all a little noisy: painted ones are never as clean."""
    blurred = functional.avg_pool2d(pictures, 3, 1, 1, count_include_pad=False)
    is_blurred = torch.rand(len(pictures), 1, 1, 1, device=pictures.device) < BLUR_SHARE
    return torch.where(is_blurred, blurred, pictures) + NOISE * torch.randn_like(pictures)


def train_evaluator(
    preset: Preset,
    pack: Path,
    plan: Plan,
    *,
    batch: int = 64,
    lr: float = 1e-3,
    muon_lr: float | None = 0.01,
    machine: Machine = CPU,
    seed: int = 1001,
) -> Progress:
    """Train on fresh scenes of all combinations."""
    torch.manual_seed(seed)
    world = preset.world
    evaluator = Evaluator(world).to(machine.device)
    renderer = SceneRenderer(
        read_pack(pack, world.things, world.arts, TOWER_SIDE), (TOWER_SIDE,) * 2, machine.device
    )
    trainer = Trainer(plan, {"evaluator": evaluator}, make_optimizers([evaluator], lr, muon_lr))
    rng = random.Random(seed + trainer.progress.samples)
    generator = machine.generator(seed + trainer.progress.samples)

    def compute_loss() -> tuple[Tensor, int]:
        scenes = [draw_single(world, rng, "all") for _ in range(batch)]
        pictures = roughen(renderer.render(scenes, generator))
        with machine.autocast():
            scores = evaluator(pictures)
        answers = true_answers(world, scenes)
        losses = [
            functional.cross_entropy(scores[q].float(), answers[q].to(machine.device))
            for q in JUDGED
        ]
        return torch.stack(losses).sum(), batch

    return trainer.run(compute_loss)


@dataclass(frozen=True)
class Accuracy:
    """Right answers of so many, per question."""

    count: int
    thing: float
    colour: float
    place: float


@torch.no_grad()
def judge(evaluator: Evaluator, world: World, scenes: list[Scene], pictures: Tensor) -> Accuracy:
    """How often the evaluator sees in pictures [B,3,S,S] what the scenes say."""
    small = functional.interpolate(pictures, (TOWER_SIDE, TOWER_SIDE), mode="area")
    scores = evaluator(small)
    answers = true_answers(world, scenes)
    right = {q: (scores[q].argmax(1) == answers[q]).float().mean().item() for q in JUDGED}
    return Accuracy(len(scenes), **right)


def matched_cells(world: World, seed: int, count: int) -> dict[str, list[Scene]]:
    """Cells that differ in one pair only: the same kind of scene, trained on and held out.

    Whole splits must not be compared: a held-out scene has more words in it on average.
    """
    rng = random.Random(seed)
    cells: dict[str, list[Scene]] = {}
    for split in ("train", "held-out"):
        coloured: list[Scene] = []
        placed: list[Scene] = []
        while len(coloured) < count or len(placed) < count:
            scene = draw_single(world, rng, split)
            item = scene.items[0]
            if item.colour and scene.place is None and len(coloured) < count:
                coloured.append(replace(scene, backdrop=None))
            elif item.colour is None and scene.place and len(placed) < count:
                placed.append(scene)
        cells[f"thing x colour, {split}"] = coloured
        cells[f"thing x place, {split}"] = placed
    return cells
