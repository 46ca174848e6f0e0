"""Folders of IP-Adapters, the operator's and a model's own: which there are and fit; no torch."""

import contextlib
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engine.card import ModelCard
from engine.errors import ModelError
from engine.files import PICKLES, check_weights, read_header, read_json
from engine.source import Kind, Source

Shapes = tuple[tuple[int, ...], ...]
"""Of the layers by which a U-Net's cross-attention reads the prompt, in ascending order."""
READS = (
    ("proj.weight", "projection_dim"),
    ("proj.3.weight", "hidden_size"),
    ("latents", "hidden_size"),
)
"""A tensor by which a kind of adapter is known, and which width of its image encoder it reads."""
FIRST = ("proj.weight", "proj.0.weight", "proj_in.weight")
"""The layers that read it."""


@dataclass(frozen=True, slots=True)
class AdapterFile:
    """An IP-Adapter and the folder of the image encoder that it was made with.

    `is_whole` says that it reads a picture as one vector, not as one for each part of it.
    """

    path: Path
    encoder: Path
    is_whole: bool
    shapes: Shapes

    @property
    def is_face(self) -> bool:
        """Whether it was trained on faces, by its name."""
        return "face" in self.path.stem.lower()


class ReferenceFolder:
    """`.safetensors` files in these folders and below, and the folders of their image encoders.

    Looked through at every question: the operator may add a file while the bot runs. What comes
    first is taken first: a file's encoder is looked for beside it, and then elsewhere.
    """

    def __init__(self, *folders: Path | None) -> None:
        self._folders = tuple(folder for folder in folders if folder is not None)

    def fitting(self, shapes: Shapes) -> tuple[AdapterFile, ...]:
        """Return the adapters of a U-Net whose cross-attention has these shapes, by their names."""
        found = []
        for path in self._paths(".safetensors"):
            with contextlib.suppress(ModelError, OSError):
                found.append(self._judge(path))
        return tuple(one for one in found if shapes and one.shapes == shapes)

    def extend(self, card: ModelCard, source: Source) -> ModelCard:
        """Add to a card what adapters add, as far as the model's files tell before it is open."""
        folders = ReferenceFolder(*self._folders, source.adapters)
        files = folders.fitting(attention_shapes(source)) if folders._folders else ()
        return replace(card, honours=card.honours | abilities(files))

    def refused(self) -> tuple[str, ...]:
        """Say in sentences which files no model can take, and why."""
        sentences = []
        for path in self._paths(".safetensors", *PICKLES):
            try:
                self._judge(path)
            except (ModelError, OSError) as error:
                sentences.append(str(error))
        return tuple(sentences)

    def _paths(self, *endings: str) -> Iterator[Path]:
        """The files of adapters: what stands beside a configuration is an image encoder's."""
        for folder in self._folders:
            for path in sorted(folder.rglob("*"), key=lambda path: (path.stem.lower(), path)):
                if path.suffix in endings and not (path.parent / "config.json").exists():
                    yield path

    def _judge(self, path: Path) -> AdapterFile:
        """Read what kind of adapter a file is.

        Raises:
            ModelError: it is none, or not one that can be used here.

        """
        if path.suffix in PICKLES:
            raise ModelError(
                f"{path} is a pickle, which can run code when opened; Easel opens .safetensors "
                "files only."
            )
        about = path.stat()
        shapes, measure, width = _read(path, about.st_mtime_ns, about.st_size)
        encoder = self._find_encoder(path, measure, width)
        if encoder is None:
            raise ModelError(
                f"{path} lacks its image encoder: put the folder of the one it was made with "
                f"({measure} {width}), with config.json and model.safetensors, beside it."
            )
        return AdapterFile(path, encoder, measure == "projection_dim", shapes)

    def _find_encoder(self, adapter: Path, measure: str, width: int) -> Path | None:
        nearest = sorted(self._folders, key=lambda folder: not adapter.is_relative_to(folder))
        for path in (path for folder in nearest for path in sorted(folder.rglob("config.json"))):
            config = read_json(path)
            if config.get("model_type") == "clip_vision_model" and config.get(measure) == width:
                check_weights(path.parent)
                return path.parent
        return None


@functools.lru_cache(256)
def _read(path: Path, _modified_ns: int, _size: int) -> tuple[Shapes, str, int]:
    """Read the shapes an adapter is for, and the width of what it reads of its image encoder.

    A file that changed is read again.
    """
    header = read_header(path)
    about = {name.removeprefix("image_proj."): row for name, row in header.items()}
    measure = next((measure for name, measure in READS if name in about), None)
    width = next((int(about[name]["shape"][-1]) for name in FIRST if name in about), 0)
    shapes = _shapes(header, "to_k_ip.weight")
    if measure is None or not width or not shapes:
        raise ModelError(
            f"{path} is no IP-Adapter for Stable Diffusion, or one that needs faces recognised "
            "(FaceID), which Easel does not."
        )
    return shapes, measure, width


def attention_shapes(source: Source) -> Shapes:
    """Return the shapes of a model's cross-attention, as far as its files are here."""
    header: dict[str, Any] = {}
    with contextlib.suppress(ModelError, OSError):
        if source.kind is Kind.FILE:
            header = read_header(Path(source.model))
        elif source.folder is not None:
            for path in (source.folder / "unet").glob("*.safetensors"):
                header |= read_header(path)
    return _shapes(header, "attn2.to_k.weight")


def _shapes(header: Mapping[str, Any], ending: str) -> Shapes:
    """What ends so in a header; the same weights in two precisions have the same names."""
    found = (tuple(row["shape"]) for name, row in header.items() if name.endswith(ending))
    return tuple(sorted(found))


def abilities(files: tuple[AdapterFile, ...]) -> frozenset[str]:
    """Name what a model can do with these adapters, in the words of `ModelCard.honours`."""
    has_any = any(not one.is_face for one in files)
    has_face = any(one.is_face for one in files)
    can = {"reference": has_any, "style": has_any, "character": has_any and has_face}
    return frozenset(name for name, is_so in can.items() if is_so)
