"""The examination: what a model paints is measured part by part, and written for the model card.

Everything painted is kept in an album, so that what only looks at pictures can be done again
later, on another machine.
"""

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from engine.training.album import Page, read_album, write_album
from engine.training.cells import SPLITS, matched_cells
from engine.training.checkpoint import replace_file
from engine.training.examination import (
    CELL_SEED,
    SHEET_QUALITY,
    Examination,
    examine_autoencoder,
    examine_cells,
    examine_frechet,
    examine_neighbours,
    examine_nothing,
    examine_retrieval,
    examine_steps,
    examine_unseen,
    examine_variations,
)
from engine.training.export import load_pipeline
from engine.training.machine import CPU, Machine
from engine.training.model_card import put_into_card
from engine.training.presets import Preset
from engine.training.scores import Judge, paint_pages
from engine.training.sheets import paint_sheet, sheet_prompts
from engine.training.studio import Studio

SHEET = "sheet.webp"

log = logging.getLogger(__name__)


def evaluate_model(
    preset: Preset,
    pack: Path,
    work: Path,
    out: Path,
    *,
    per_cell: int = 200,
    start: Path | None = None,
    album: Path | None = None,
    unseen: Path | None = None,
    card: Path | None = None,
    machine: Machine = CPU,
) -> dict[str, Any]:
    """Write scores.json, table.md, sheets and the album of painted pictures.

    Parts that were not trained under ``work`` are those of the model folder ``start``. With an
    album nothing is painted: its pictures are looked at for what ``out`` has no numbers of yet.
    ``unseen`` is a sprite pack of an art nobody trained on; ``card``
    is the model card that the table and the contact sheet are put into.
    """
    out.mkdir(parents=True, exist_ok=True)
    exam = Examination(preset, pack, work, out, per_cell, start, unseen, machine)
    if album:
        exam.recall()
        _look(exam, _open_judge(exam), read_album(album))
    else:
        _examine(exam)
    exam.write()
    if card:
        put_into_card(card, (out / "table.md").read_text(encoding="utf-8"), out / SHEET)
    log.info("scores %s", exam.scores)
    return exam.scores


def _examine(exam: Examination) -> None:
    """All parts, those that paint what is kept first."""
    autoencoder = exam.attempt("autoencoder", lambda: examine_autoencoder(exam))
    studio = exam.attempt("studio", lambda: _open_studio(exam))
    pages = (exam.attempt("pages", lambda: _paint_album(exam, studio)) or []) if studio else []
    judge = _open_judge(exam)
    if judge:
        exam.attempt("kept judge", lambda: _keep_judge(exam, judge))
    _look(exam, judge, pages)
    if judge and studio and not exam.lacks("cells"):
        by_name = {page.cell.label: page.cell for page in pages}
        coloured = [by_name[f"thing x colour, {split}"] for split in SPLITS]
        placed = [by_name[f"thing x place, {split}"] for split in SPLITS]
        exam.attempt("steps", lambda: examine_steps(exam, judge, studio, coloured))
        exam.attempt("variations", lambda: examine_variations(exam, judge, studio, placed[0]))
        exam.attempt("nothing", lambda: examine_nothing(exam, judge, studio, placed[1]))
    exam.attempt("retrieval", lambda: examine_retrieval(exam, studio))
    if autoencoder and pages:
        exam.attempt("neighbours", lambda: examine_neighbours(exam, autoencoder, pages))


def _look(exam: Examination, judge: Judge | None, pages: Sequence[Page]) -> None:
    """All that needs no painter."""
    if judge and pages and exam.lacks("cells"):
        exam.attempt("cells", lambda: examine_cells(exam, judge, pages))
    if judge and exam.lacks("unseen art"):
        exam.attempt("unseen art", lambda: examine_unseen(exam, judge))
    if pages and exam.lacks("frechet"):
        exam.attempt("frechet", lambda: examine_frechet(exam, pages))


def _open_studio(exam: Examination) -> Studio:
    return Studio(load_pipeline(exam.preset, exam.work, exam.start), exam.machine)


def _open_judge(exam: Examination) -> Judge | None:
    """The judge that was trained, or was kept beside an album."""
    for folder in (exam.work / "evaluator", exam.out):
        if (folder / "evaluator.safetensors").exists():
            return exam.attempt("judge", partial(Judge.open, exam.preset, folder, exam.machine))
    if exam.lacks("cells"):
        exam.text["cells"] = "No judge was trained, so nothing was counted.\n"
    return None


def _keep_judge(exam: Examination, judge: Judge) -> None:
    """The judge in half the bytes beside the album, to be carried to where that is looked at."""
    tensors = judge.evaluator.state_dict()
    halves = {name: each.half().cpu() for name, each in tensors.items()}
    replace_file(exam.out / "evaluator.safetensors", halves)


def _paint_album(exam: Examination, studio: Studio) -> list[Page]:
    """The pictures of all cells, kept in the album, and the contact sheet."""
    paint_sheet(studio, sheet_prompts(exam.preset)).save(exam.out / SHEET, quality=SHEET_QUALITY)
    cells = matched_cells(exam.preset.world, CELL_SEED, exam.per_cell)
    pages = list(paint_pages(studio, cells))
    kept = write_album(exam.out / "album.zip", [p for p in pages if p.language == "English"])
    log.info("album: %d pictures of each cell", kept)
    return pages
