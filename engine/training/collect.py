"""Builds the sprite pack from registry packages: fetch, find each thing, render, crop, pack.

Needs npm to fetch and resvg-py (the extra [train]) to render SVG. Only sets whose licence allows
it are taken; OpenMoji (share-alike) is left out on purpose, but a pack of it alone can be asked
for: the judge is tried on an art that nobody learnt from.
"""

import io
import json
import logging
import re
import subprocess
import tarfile
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.progress import track

from engine.training.world import all_things

log = logging.getLogger(__name__)

ICONIFY = ("@iconify/json", "2.2.535")
FLUENT_3D = ("@lobehub/fluent-emoji-3d", "1.1.0")
LABELS = ("emojibase-data", "17.0.0")
VECTOR_ARTS = (
    "noto",
    "noto-v1",
    "fluent-emoji",
    "fluent-emoji-flat",
    "twemoji",
    "emojione",
    "fxemoji",
    "streamline-emojis",
)
ARTS = (*VECTOR_ARTS, "fluent-3d")
UNSEEN_ART = "openmoji"  # never trained on
# This set names its icons as its flat sister does, but lists no code points.
CODES_FROM = {"fluent-emoji": "fluent-emoji-flat"}

RENDER_SIDE = 256  # pixels, before the drawing is cut out; more where larger sprites are wanted
VISIBLE = 8  # alpha (0..255) above which a pixel belongs to the drawing
WEBP_QUALITY = 90


def fetch_package(package: tuple[str, str], cache: Path) -> Path:
    """The unpacked folder of a package; fetched from the registry once."""
    name, version = package
    folder = cache / f"{name.strip('@').replace('/', '-')}-{version}"
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        command = ["npm", "pack", f"{name}@{version}", "--pack-destination", str(cache), "--json"]
        answer = subprocess.run(command, check=True, capture_output=True, text=True)
        archive = cache / json.loads(answer.stdout)[0]["filename"]
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
        archive.unlink()
    return folder / "package"


def plain_code(code: str) -> str:
    """A code point sequence without variation selectors and leading zeros, upper case."""
    return "-".join(part for part in code.upper().split("-") if part != "FE0F").lstrip("0")


def slug(label: str) -> str:
    """A label as icon sets write it: "slice-of-pizza"."""
    words = label.lower().replace("\u2019", "").replace("'", "")
    return re.sub(r"[^a-z0-9]+", "-", words).strip("-")


def unicode_name(code: str) -> str:
    """The name Unicode gives a single code point, letters and digits only; "" for sequences."""
    if "-" in code:
        return ""
    return re.sub(r"[^a-z0-9]", "", unicodedata.name(chr(int(code, 16)), "").lower())


class IconSet:
    """One iconify set: code points to SVG."""

    def __init__(self, folder: Path, art: str, labels: dict[str, str]) -> None:
        self.set: dict[str, Any] = json.loads((folder / f"{art}.json").read_text())
        source = CODES_FROM.get(art, art)
        chars = json.loads((folder / f"{source}.json").read_text()).get("chars", {})
        self.names = {plain_code(code): name for code, name in chars.items()}
        self.labels = labels

    def find_svg(self, code: str, side: int = RENDER_SIDE) -> str | None:
        """The drawing of a code point, by the set's own table, its label or its Unicode name."""
        icons = self.set["icons"]
        names = (self.names.get(code, ""), slug(self.labels.get(code, "")), unicode_name(code))
        name = next((name for name in names if name in icons), None)
        if name is None:
            return None
        icon = icons[name]
        width = icon.get("width", self.set.get("width", 16))
        height = icon.get("height", self.set.get("height", 16))
        box = f"{icon.get('left', 0)} {icon.get('top', 0)} {width} {height}"
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="{box}" width="{side}" height="{side * height / width:.0f}" '
            f'color="#333">{icon["body"]}</svg>'
        )


def render_svg(svg: str) -> Image.Image:
    """An SVG as RGBA."""
    import resvg_py  # why: only this one step needs the extra [train]

    return Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=svg)))).convert("RGBA")


def cut_out(picture: Image.Image, side: int) -> Image.Image | None:
    """The drawing without its empty margin, its longer side ``side`` pixels; None if empty."""
    seen = np.argwhere(np.asarray(picture)[..., 3] > VISIBLE)
    if len(seen) == 0:
        return None
    (top, left), (bottom, right) = seen.min(0), seen.max(0) + 1
    drawing = picture.crop((int(left), int(top), int(right), int(bottom)))
    scale = side / max(drawing.size)
    size = (max(1, round(drawing.width * scale)), max(1, round(drawing.height * scale)))
    return drawing.resize(size, Image.Resampling.LANCZOS)


def find_renders(folder: Path) -> dict[str, Path]:
    """The files of the 3D set by code point."""
    return {plain_code(path.stem): path for path in folder.glob("*.webp")}


def _drawings(
    code: str, sets: dict[str, IconSet], renders: dict[str, Path], side: int
) -> Iterator[tuple[str, Image.Image]]:
    """All drawings of one code point with the set that drew it."""
    for art, icons in sets.items():
        svg = icons.find_svg(code, side)
        if svg:
            yield art, render_svg(svg)
    if code in renders:
        yield "fluent-3d", Image.open(renders[code]).convert("RGBA")


def read_labels(cache: Path) -> dict[str, str]:
    """English labels by code point."""
    entries = json.loads((fetch_package(LABELS, cache) / "en" / "data.json").read_text())
    return {plain_code(entry["hexcode"]): entry["label"] for entry in entries}


def build_pack(
    cache: Path, out: Path, side: int, things: Sequence[str], arts: Sequence[str] = ARTS
) -> int:
    """Write OUT.bin and OUT.json; the number of sprites."""
    labels = read_labels(cache)
    folder = fetch_package(ICONIFY, cache) / "json"
    sets = {art: IconSet(folder, art, labels) for art in arts if art in (*VECTOR_ARTS, UNSEEN_ART)}
    renders = {}
    if "fluent-3d" in arts:
        renders = find_renders(fetch_package(FLUENT_3D, cache) / "assets")
    render_side = max(RENDER_SIDE, round(side * 1.2))
    index: list[list[Any]] = []
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.with_suffix(".bin").open("wb") as pictures:
        for thing in track([all_things()[name] for name in things], "drawing"):
            for code, colour in thing.codes:
                for art, picture in _drawings(code, sets, renders, render_side):
                    sprite = cut_out(picture, side)
                    if sprite is None:
                        continue
                    start = pictures.tell()
                    sprite.save(pictures, "webp", quality=WEBP_QUALITY, alpha_quality=95)
                    length = pictures.tell() - start
                    index.append([thing.name, art, colour, start, length, *sprite.size])
    out.with_suffix(".json").write_text(json.dumps(index))
    log.info("pack=%s sprites=%d", out, len(index))
    return len(index)
