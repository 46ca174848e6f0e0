"""The parts of the examination: each measures one thing and writes numbers, words and sheets."""

import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from diffusers import AutoencoderTiny
from torch import Tensor

from engine.training.album import Page
from engine.training.autoencoder import decode, encode, psnr_db
from engine.training.bank import Bank
from engine.training.cells import (
    Cell,
    chinese_caption,
    matched_cells,
    near_misses,
    plain_caption,
)
from engine.training.checkpoint import read_numbers, write_numbers
from engine.training.collect import UNSEEN_ART
from engine.training.evaluator import as_floats
from engine.training.export import load_autoencoder, load_text
from engine.training.frechet import Features, compare
from engine.training.machine import CPU, Machine
from engine.training.neighbours import find_neighbours, to_latents, to_pictures
from engine.training.presets import Preset
from engine.training.report import (
    QUESTIONS,
    lines_of,
    percent,
    plain,
    pool,
    write_cells,
    write_pooled,
    write_steps,
    write_variations,
)
from engine.training.retrieval import Reader
from engine.training.scores import (
    Judge,
    Reality,
    Shares,
    score_nothing,
    score_pages,
    score_steps,
    score_variations,
)
from engine.training.shares import Share, by_ceiling
from engine.training.sheets import (
    STEPS_SHEET_ROWS,
    paint_steps_sheet,
    paste_pictures,
    sheet_prompts,
)
from engine.training.sprites import list_things
from engine.training.studio import Studio, as_bytes
from engine.training.text import load_tower

log = logging.getLogger(__name__)

T = TypeVar("T")

SHEET_QUALITY = 92
SENTENCES = "sentences.json"
LORA = "few-steps.safetensors"
CELL_SEED, NEAR_MISS_SEED, NEIGHBOUR_SEED, OTHER_SEED = 7, 98, 11, 1007
HELD_OUT, CAPTIONS = 256, 100
NEIGHBOURS, NEIGHBOURS_OF = 100, "thing x place"
SECTIONS = ("autoencoder", "retrieval", "cells", "nothing", "steps", "variations", "neighbours",
            "frechet", "unseen art")  # fmt: skip


@dataclass
class Examination:
    """What is measured, with what, and what was found so far."""

    preset: Preset
    pack: Path
    work: Path
    out: Path
    per_cell: int
    start: Path | None = None
    unseen: Path | None = None
    machine: Machine = CPU
    scores: dict[str, Any] = field(default_factory=dict)
    text: dict[str, str] = field(default_factory=dict)

    def attempt(self, name: str, part: Callable[[], T]) -> T | None:
        """Do one part and write down what there is; one that fails costs the others nothing."""
        before = time.monotonic()
        try:
            found = part()
        except Exception as error:  # why: the others are still to be measured
            log.exception("%s could not be measured", name)
            self.scores[name] = {"failed": f"{type(error).__name__}: {error}"}
            found = None
        log.info("%s took %.1f s", name, time.monotonic() - before)
        self.write()
        return found

    def write(self) -> None:
        """scores.json, table.md and the sentences it is made of, as far as they go."""
        write_numbers(self.out / "scores.json", plain(self.scores))
        write_numbers(self.out / SENTENCES, self.text)
        parts = [self.text[name] for name in SECTIONS if name in self.text]
        (self.out / "table.md").write_text("\n".join(parts), encoding="utf-8")

    def recall(self) -> None:
        """Go on from what was measured before into the same folder."""
        self.scores |= read_numbers(self.out / "scores.json")
        self.text |= read_numbers(self.out / SENTENCES)

    def lacks(self, name: str) -> bool:
        """Whether a part is still to be measured."""
        return name not in self.scores or "failed" in self.scores[name]

    @property
    def lora(self) -> Path | None:
        """The LoRA for few steps, trained or shipped."""
        folders = (self.work / "distil", *filter(None, [self.start]))
        return next((path for folder in folders if (path := folder / LORA).exists()), None)


@torch.no_grad()
def measure_autoencoder(
    autoencoder: AutoencoderTiny, pictures: Tensor, machine: Machine = CPU
) -> dict[str, float]:
    """PSNR in dB, and mean and deviation of the latents, over pictures in batches."""
    accuracies, latents = [], []
    for batch in torch.split(pictures, 32):
        shown = batch.to(machine.device)
        codes = encode(autoencoder, shown)
        accuracies.append(psnr_db(decode(autoencoder, codes), shown) * len(batch))
        latents.append(codes)
    codes = torch.cat(latents)
    return {
        "psnr_db": sum(accuracies) / len(pictures),
        "latent_mean": float(codes.mean()),
        "latent_std": float(codes.std()),
    }


def examine_autoencoder(exam: Examination) -> AutoencoderTiny:
    """PSNR on held-out scenes, and a sheet of them."""
    autoencoder = load_autoencoder(exam.preset, exam.work / "autoencoder", exam.start)
    autoencoder.to(exam.machine.device)
    rng = random.Random(99)
    scenes = [exam.preset.world.draw_scene(rng, "held-out") for _ in range(HELD_OUT)]
    pictures = as_floats(Reality(exam.preset, exam.pack, exam.machine).draw(scenes, 99))
    found = measure_autoencoder(autoencoder, pictures, exam.machine)
    exam.scores["autoencoder"] = found
    exam.text["autoencoder"] = (
        f"Autoencoder: {found['psnr_db']:.1f} dB on {HELD_OUT} held-out scenes; latents "
        f"{found['latent_mean']:.3f} ± {found['latent_std']:.3f}.\n"
    )
    shown = pictures[:16]
    with torch.no_grad():
        again = decode(autoencoder, encode(autoencoder, shown.to(exam.machine.device)))
    pairs = torch.stack([as_bytes(shown), as_bytes(again)], 1).flatten(0, 1)
    paste_pictures(pairs, 8).save(exam.out / "reconstructions.webp", quality=SHEET_QUALITY)
    return autoencoder


def examine_retrieval(exam: Examination, studio: Studio | None) -> None:
    """A picture among 100 captions, two thirds of them near misses of others."""
    tokenizer, encoder = load_text(exam.preset, exam.work / "text", exam.start)
    tower = load_tower(exam.preset, exam.work / "text", exam.start).eval()
    device = exam.machine.device
    reader = Reader(
        tokenizer, encoder.to(device), tower.to(device), exam.preset.text.context, exam.machine
    )
    scenes = near_misses(exam.preset.world, NEAR_MISS_SEED, CAPTIONS)
    english = [plain_caption(scene) for scene in scenes]
    chinese = [chinese_caption(scene) for scene in scenes]
    real = Reality(exam.preset, exam.pack, exam.machine).draw(scenes, NEAR_MISS_SEED)
    found = {
        "real, English": reader.find(scenes, english, real),
        "real, Chinese": reader.find(scenes, chinese, real),
    }
    if studio:
        found["painted, English"] = reader.find(scenes, english, studio.paint(english))
    exam.scores["retrieval"] = found
    told = ", ".join(f"{name} {percent(share)} %" for name, share in found.items())
    exam.text["retrieval"] = (
        f"A picture finds its caption among {CAPTIONS}, of which most differ from another one in "
        f"two swapped colours or sides only: {told}.\n"
    )


def examine_cells(exam: Examination, judge: Judge, pages: Sequence[Page]) -> None:
    """The painted pictures of the cells, by the judge."""
    scores = score_pages(judge, Reality(exam.preset, exam.pack, exam.machine), pages)
    lines = lines_of([page.cell for page in pages if page.language == "English"], scores)
    exam.scores["cells"] = scores
    sides = {"train": ("train", "English"), "held-out": ("held_out", "English"),
             "Chinese": ("held_out", "Chinese")}  # fmt: skip
    pooled = {
        question: {name: pool(lines, question, row, side) for name, (side, row) in sides.items()}
        for question in QUESTIONS
    }
    exam.scores["of the ceiling"] = pooled
    exam.text["cells"] = f"{write_pooled(pooled)}\n{write_cells(lines)}"


def examine_nothing(exam: Examination, judge: Judge, studio: Studio, cell: Cell) -> None:
    """What is painted for no words at all is held against the captions of a cell."""
    found, pictures = score_nothing(judge, studio, cell)
    exam.scores["nothing"] = found
    told = ", ".join(f"{question} {percent(share)} %" for question, share in found.items())
    exam.text["nothing"] = f"Painted for no words and held against captions: {told}.\n"
    paste_pictures(pictures[:16], 8).save(exam.out / "nothing.webp", quality=SHEET_QUALITY)


def examine_steps(exam: Examination, judge: Judge, studio: Studio, cells: Sequence[Cell]) -> None:
    """More and fewer steps, in numbers and on a sheet."""
    prompts = sheet_prompts(exam.preset)[:STEPS_SHEET_ROWS]
    paint_steps_sheet(studio, prompts, exam.lora).save(
        exam.out / "steps.webp", quality=SHEET_QUALITY
    )
    found = score_steps(judge, studio, cells, exam.lora)
    exam.scores["steps"] = found
    rows = [exam.scores["cells"][cell.label]["ceiling"] for cell in cells]
    ceiling = {question: sum((row[question] for row in rows[1:]), rows[0][question])
               for question in cells[0].questions}  # fmt: skip
    exam.text["steps"] = write_steps(found, ceiling)
    if not exam.lora:
        exam.text["steps"] += f"\nThere was no {LORA}, so few steps were not measured.\n"


def examine_variations(exam: Examination, judge: Judge, studio: Studio, cell: Cell) -> None:
    """Variations of painted pictures, and a sheet: parent, subtle, strong, painted anew."""
    found = score_variations(judge, studio, cell)
    ceiling = exam.scores["cells"][cell.label]["ceiling"]["thing"]
    exam.scores["variations"] = {
        "kept": found.kept,
        "of the ceiling": {name: by_ceiling(share, ceiling) for name, share in found.kept.items()},
        "distances": found.distances,
        "in order": found.in_order,
        "tiles": found.tiles,
    }
    exam.text["variations"] = write_variations(found, ceiling)
    paste_pictures(found.sheet, 4).save(exam.out / "variations.webp", quality=SHEET_QUALITY)


def examine_neighbours(
    exam: Examination, autoencoder: AutoencoderTiny, pages: Sequence[Page]
) -> None:
    """How near painted pictures come to what was trained on, beside real ones never seen."""
    bank = Bank(exam.work / "bank", exam.machine)
    pages = [
        page for page in pages if page.cell.name == NEIGHBOURS_OF and page.language == "English"
    ]
    shown = {f"painted, {page.cell.split}": page.pictures[:NEIGHBOURS] for page in pages}
    scenes = next(page.cell.scenes for page in pages if page.cell.split == "held-out")
    reality = Reality(exam.preset, exam.pack, exam.machine)
    shown["real, held-out"] = reality.draw(scenes[:NEIGHBOURS], NEIGHBOUR_SEED)
    found: dict[str, Any] = {}
    for name, pictures in shown.items():
        near = find_neighbours(to_latents(autoencoder, pictures, exam.machine), bank, exam.machine)
        found[name] = near.summary()
        if name == "painted, held-out":
            closest = near.distances.argsort()[:8]
            twins = to_pictures(autoencoder, near.latents[closest.to(near.latents.device)])
            pairs = torch.stack([pictures[closest], twins], 1).flatten(0, 1)
            paste_pictures(pairs, 4).save(exam.out / "neighbours.webp", quality=SHEET_QUALITY)
    exam.scores["neighbours"] = {"scenes": near.seen, **found}
    told = [f"{name} {row['median']:.2f}, {row['least']:.2f}" for name, row in found.items()]
    exam.text["neighbours"] = (
        f"The nearest of {near.seen:,} training scenes, as root mean square between latents of "
        f"unit variance, median and least: {'; '.join(told)}. What was learnt by heart would lie "
        "near 0.\n"
    )


def examine_frechet(exam: Examination, pages: Sequence[Page]) -> None:
    """Painted and real pictures as a network sees them that knows photographs."""
    try:
        features = Features(exam.machine)
    except ImportError:
        exam.text["frechet"] = "The Fréchet distance needs the extra [train].\n"
        return
    english = [page for page in pages if page.language == "English"]
    count = len(english[0].pictures)
    others = matched_cells(exam.preset.world, OTHER_SEED, count)
    reality = Reality(exam.preset, exam.pack, exam.machine)
    found = compare(
        features,
        torch.cat([page.pictures for page in english]),
        reality.draw([scene for page in english for scene in page.cell.scenes], CELL_SEED),
        reality.draw([scene for cell in others for scene in cell.scenes], OTHER_SEED),
    )
    exam.scores["frechet"] = {**asdict(found), "over_floor": found.over_floor}
    exam.text["frechet"] = (
        f"Fréchet distance to {found.count:,} real pictures of other scenes (EfficientNet-Lite0): "
        f"painted {found.painted:.1f}, real pictures of the same scenes {found.floor:.1f} (the "
        f"floor); {found.over_floor:.2f} times the floor.\n"
    )


def examine_unseen(exam: Examination, judge: Judge) -> None:
    """Real scenes in an art that neither judge nor painter learnt from: does it know things?"""
    if exam.unseen is None:
        return
    known = list_things(exam.unseen)
    things = tuple(name for name in exam.preset.world.things if name in known)
    world = replace(exam.preset.world, things=things, arts=(UNSEEN_ART,), plain_arts=())
    reality = Reality(replace(exam.preset, world=world), exam.unseen, exam.machine)
    found: dict[str, Shares] = {}
    for cell in matched_cells(world, CELL_SEED, exam.per_cell):
        shares = judge.count(cell, cell.scenes, reality.draw(cell.scenes, CELL_SEED))
        before = found.get(cell.name, {})
        found[cell.name] = {q: share + before.get(q, Share(0, 0)) for q, share in shares.items()}
    exam.scores["unseen art"] = found
    lines = [
        f"| {name} | {QUESTIONS[question]} | {percent(share)} |"
        for name, shares in found.items()
        for question, share in shares.items()
    ]
    exam.text["unseen art"] = (
        f"The judge on real scenes of {UNSEEN_ART}, an art nobody learnt from, in percent:\n\n"
        "| scenes | asked | right |\n|---|---|---|\n" + "\n".join(lines) + "\n"
    )
