"""Painted pictures kept in a zip with what was asked, so that they can be measured again."""

import io
import json
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from engine.training.cells import Cell
from engine.training.world import Item, Scene

QUALITY = 92
MOST_BYTES = 14_500_000
INDEX = "pictures.json"


@dataclass(frozen=True)
class Page:
    """The pictures [N,3,S,S] of one cell, uint8, asked for in one language."""

    cell: Cell
    language: str
    pictures: Tensor


def to_image(picture: Tensor) -> Image.Image:
    """A picture uint8 [3,H,W]."""
    return Image.fromarray(picture.permute(1, 2, 0).numpy())


def _encode(picture: Tensor) -> bytes:
    file = io.BytesIO()
    to_image(picture).save(file, "webp", quality=QUALITY)
    return file.getvalue()


def write_album(path: Path, pages: Sequence[Page], most_bytes: int = MOST_BYTES) -> int:
    """Write as many pictures as fit, the same number of every page; how many of each."""
    with ThreadPoolExecutor() as pool:  # the encoder runs beside Python
        files = [list(pool.map(_encode, page.pictures)) for page in pages]
    kept = size = 0
    for row in range(max(map(len, files), default=0)):
        size += sum(len(encoded[row]) + 400 for encoded in files if row < len(encoded))
        if size > most_bytes:
            break
        kept = row + 1
    _write(path, pages, [encoded[:kept] for encoded in files])
    return kept


def _write(path: Path, pages: Sequence[Page], files: list[list[bytes]]) -> None:
    index = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as album:
        for number, (page, encoded) in enumerate(zip(pages, files, strict=True)):
            cell = page.cell
            names = [f"{number}-{row:04d}.webp" for row in range(len(encoded))]
            for name, data in zip(names, encoded, strict=True):
                album.writestr(name, data)
            index.append(
                {
                    "name": cell.name,
                    "split": cell.split,
                    "questions": cell.questions,
                    "language": page.language,
                    "pictures": names,
                    "scenes": [asdict(scene) for scene in cell.scenes[: len(names)]],
                }
            )
        text = json.dumps(index, ensure_ascii=False)
        album.writestr(INDEX, text, compress_type=zipfile.ZIP_DEFLATED)


def read_album(path: Path) -> list[Page]:
    """The pages of an album."""
    pages = []
    with zipfile.ZipFile(path) as album:
        for entry in json.loads(album.read(INDEX)):
            scenes = tuple(_read_scene(numbers) for numbers in entry["scenes"])
            cell = Cell(entry["name"], entry["split"], tuple(entry["questions"]), scenes)
            pictures = [
                np.asarray(Image.open(io.BytesIO(album.read(name))).convert("RGB"))
                for name in entry["pictures"]
            ]
            stack = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
            pages.append(Page(cell, entry["language"], stack))
    return pages


def _read_scene(numbers: dict[str, object]) -> Scene:
    items = tuple(Item(**item) for item in numbers["items"])  # type: ignore[attr-defined]
    return Scene(**{**numbers, "items": items})  # type: ignore[arg-type]
