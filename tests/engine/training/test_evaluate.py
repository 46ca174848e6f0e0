"""The examination from checkpoints to tables, and what is kept of it."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from engine.source import EMBEDDED
from engine.training import examination, scores, sheets, studio
from engine.training.album import Page, read_album, write_album
from engine.training.autoencoder import make_autoencoder
from engine.training.backgrounds import PLACES
from engine.training.bank import Bank, Composer, write_bank
from engine.training.cells import Cell
from engine.training.checkpoint import replace_file
from engine.training.colours import COLOURS
from engine.training.denoiser import make_denoiser
from engine.training.evaluate import Examination, evaluate_model
from engine.training.evaluator import Evaluator
from engine.training.export import load_autoencoder, load_text
from engine.training.machine import CPU
from engine.training.model_card import BEGIN, END, put_into_card
from engine.training.neighbours import find_neighbours
from engine.training.presets import Preset
from engine.training.report import Line, pool, write_cells
from engine.training.shares import Share
from engine.training.text import load_tower, make_text_encoder, make_tower
from engine.training.tokenizer import save_tokenizer, train_tokenizer
from engine.training.world import Item, Scene


@pytest.fixture(scope="module")
def wide(preset: Preset) -> Preset:
    """The tiny world with words enough for every cell to have scenes held out."""
    world = replace(
        preset.world,
        colours=tuple(COLOURS),
        places=tuple(PLACES),
        styles=("oil painting", "neon"),
        styled_share=0.2,
        pair_share=0.0,
    )
    return replace(preset, world=world)


@pytest.fixture(scope="module")
def work(wide: Preset, pack: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints of parts that learnt nothing."""
    folder = tmp_path_factory.mktemp("work")
    tokenizer = train_tokenizer(wide.text)
    save_tokenizer(tokenizer, folder / "text" / "tokenizer")
    parts = {
        "autoencoder/autoencoder": make_autoencoder(wide.autoencoder),
        "text/text_encoder": make_text_encoder(wide.text, tokenizer),
        "text/tower": make_tower(wide.tower, wide.text.width),
        "denoiser/ema": make_denoiser(wide.denoiser, 4, 4, wide.text.width),
        "evaluator/evaluator": Evaluator(wide.world, wide.judge),
    }
    for name, module in parts.items():
        path = folder / f"{name}.safetensors"
        path.parent.mkdir(exist_ok=True)
        replace_file(path, module.state_dict())
    composer = Composer(
        wide,
        load_autoencoder(wide, folder / "autoencoder"),
        load_text(wide, folder / "text")[0],
        load_tower(wide, folder / "text"),
        CPU,
        batch=4,
    )
    write_bank(composer, pack, folder / "bank", scenes=8)
    return folder


@pytest.fixture(scope="module")
def unseen(pack: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny pack as if another art had drawn it."""
    path = tmp_path_factory.mktemp("unseen") / "pack"
    shutil.copy(pack.with_suffix(".bin"), path.with_suffix(".bin"))
    index = [[name, "openmoji", *rest] for name, _, *rest in
             json.loads(pack.with_suffix(".json").read_text())]  # fmt: skip
    path.with_suffix(".json").write_text(json.dumps(index))
    return path


def test_every_part_is_measured_and_can_be_measured_again(
    wide: Preset, pack: Path, work: Path, unseen: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Numbers, table, sheets and album are written; the album alone gives the cells again."""
    for module, name, value in (
        (examination, "HELD_OUT", 16), (examination, "CAPTIONS", 8), (studio, "DEFAULT_STEPS", 2),
        (sheets, "SHEET_STEPS", (1, 2)), (examination, "STEPS_SHEET_ROWS", 2),
        (scores, "STEPS", (2, 3)),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, value)
    found = evaluate_model(wide, pack, work, tmp_path / "one", per_cell=3, unseen=unseen)
    failed = [part for part in found.values() if isinstance(part, dict) and "failed" in part]
    assert not failed
    assert {"autoencoder", "cells", "steps", "variations", "nothing", "retrieval",
            "neighbours", "unseen art"} <= set(found)  # fmt: skip
    for name in ("sheet", "steps", "variations", "nothing", "neighbours", "reconstructions"):
        assert (tmp_path / "one" / f"{name}.webp").exists()
    table = (tmp_path / "one" / "table.md").read_text()
    assert "| thing x style | style | 3 |" in table
    assert "There was no few-steps.safetensors" in table
    assert "Fréchet distance" in table
    assert found["unseen art"]["thing x place"]["place"].count == 6
    assert json.loads((tmp_path / "one" / "scores.json").read_text())["cells"]
    (tmp_path / "two").mkdir()
    shutil.copy(tmp_path / "one" / "evaluator.safetensors", tmp_path / "two")
    album = tmp_path / "one" / "album.zip"
    again = evaluate_model(wide, pack, tmp_path, tmp_path / "two", album=album)
    kept, anew = (
        {label: rows["ceiling"] for label, rows in scored["cells"].items()}
        for scored in (found, again)
    )
    assert anew == kept
    evaluate_model(wide, pack, tmp_path, tmp_path / "one", album=album)
    assert (tmp_path / "one" / "table.md").read_text() == table


def test_a_part_that_fails_costs_the_others_nothing(wide: Preset, tmp_path: Path) -> None:
    """Without a bank there are no neighbours, and it is said; the next part goes on."""
    exam = Examination(wide, tmp_path, tmp_path, tmp_path, 2)
    assert exam.attempt("neighbours", lambda: Bank(tmp_path)) is None
    assert exam.attempt("cells", lambda: 3) == 3
    written = json.loads((tmp_path / "scores.json").read_text())
    assert "run the bank command first" in written["neighbours"]["failed"]


def test_an_album_holds_as_many_of_every_page_as_fit(tmp_path: Path) -> None:
    """What was asked comes back as it was, the pictures nearly, and the size is kept to."""
    scenes = tuple(Scene((Item("fox", "red"),), count=n, art="noto") for n in range(1, 9))
    cell = Cell("several x colour", "train", ("thing", "count"), scenes)
    flat = torch.arange(0, 240, 30, dtype=torch.uint8)[:, None, None, None].expand(8, 3, 32, 32)
    pages = [Page(cell, "English", flat), Page(replace(cell, split="held-out"), "English", flat)]
    path = tmp_path / "album.zip"
    assert write_album(path, pages) == 8
    one, other = read_album(path)
    assert (one.cell, other.cell) == (pages[0].cell, pages[1].cell)
    assert (one.pictures.int() - flat.int()).abs().max() < 4
    assert write_album(path, pages, most_bytes=4000) < 8
    assert path.stat().st_size < 4000
    assert len({len(page.cell.scenes) for page in read_album(path)}) == 1


def test_a_scene_of_the_bank_is_its_own_nearest_neighbour(work: Path) -> None:
    """What is in the bank is found at distance zero, anything else farther away."""
    bank = Bank(work / "bank")
    known = bank.shapes[torch.Size((4, 4))]["latents"][:2].float()
    near = find_neighbours(torch.cat([known, known + 5]), bank)
    assert near.distances[:2].max() < 1e-2
    assert near.distances[2:].min() > 1
    assert torch.allclose(near.latents[:2], known)
    assert near.seen == 8


def test_the_table_says_where_the_judge_is_not_good_enough() -> None:
    """A question below the ceiling is not counted, in its line or in the mean."""
    good = {"ceiling": Share(90, 100), "English": Share(45, 100), "shuffled": Share(1, 100)}
    bad = {"ceiling": Share(50, 100), "English": Share(45, 100), "shuffled": Share(1, 100)}
    lines = [
        Line("thing x colour", "thing", good, good),
        Line("thing x style", "thing", bad, bad),
    ]
    table = write_cells(lines)
    assert "| thing x colour | thing | 100 | 90 / 90 | 50 (" in table
    assert "| thing x style | thing | 100 | 50 / 50 | not counted | not counted | – | 1 |" in table
    pooled = pool(lines, "thing", "English")
    assert pooled is not None
    assert pooled.value == pytest.approx(0.5)
    assert pool(lines, "place", "English") is None


def test_the_card_gets_table_and_sheet_between_its_marks(tmp_path: Path) -> None:
    """What people wrote around the marks stays; a card without them is told what it wants."""
    card, sheet = tmp_path / "README.md", tmp_path / "sheet.webp"
    sheet.write_bytes(b"sheet")
    card.write_text(f"# Model\n\n{BEGIN}\nold\n{END}\n\n## Limits\n")
    for table in ("new\n", "newer\n"):
        put_into_card(card, table, sheet)
    assert card.read_text() == f"# Model\n\n{BEGIN}\n\nnewer\n\n{END}\n\n## Limits\n"
    assert (tmp_path / "samples.webp").read_bytes() == b"sheet"
    card.write_text("# Model\n")
    with pytest.raises(ValueError, match="no place for the table"):
        put_into_card(card, "new", sheet)


def test_the_shipped_card_has_a_place_for_the_table() -> None:
    """Both marks stand in it, in their order."""
    text = (EMBEDDED / "README.md").read_text(encoding="utf-8")
    assert 0 < text.index(BEGIN) < text.index(END)
