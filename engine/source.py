"""Where a model comes from: the embedded one, a folder, a file, or the hub; no torch here."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from engine.errors import ModelError
from engine.few_steps import FILE as FEW_STEPS
from engine.files import (
    PICKLES,
    check_folder,
    choose_files,
    count_numbers,
    has_weights,
    read_header,
    read_json,
)

EMBEDDED = Path(__file__).parent / "embedded"
TOWER = "adapters/image_encoder"
"""The folder, in the embedded model's, of what looks at pictures in the space of its words."""
NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


class Kind(StrEnum):
    """Which of the four."""

    EMBEDDED = "embedded"
    FOLDER = "folder"
    FILE = "file"
    HUB = "hub"


@dataclass(frozen=True, slots=True)
class Source:
    """One model's place. `folder` holds its configuration files, if they are on this machine."""

    kind: Kind
    model: str
    name: str
    folder: Path | None
    has_weights: bool = True

    @property
    def origin(self) -> str:
        """What it was called by those who made it: often that tells what it is."""
        return Path(self.model).name.lower()

    @property
    def few_steps(self) -> Path | None:
        """The LoRA for few steps that came with the model."""
        return self._brought(FEW_STEPS)

    @property
    def adapters(self) -> Path | None:
        """The folder of IP-Adapters that came with it."""
        return self._brought("adapters")

    @property
    def controls(self) -> Path | None:
        """The folder of ControlNets that came with it."""
        return self._brought("controls")

    def _brought(self, name: str) -> Path | None:
        """Find what lies beside a model's weights, where those are in a folder here."""
        is_here = self.kind in (Kind.EMBEDDED, Kind.FOLDER) and self.has_weights
        path = self.folder / name if is_here and self.folder else None
        return path if path is not None and path.exists() else None

    def count_bytes(self, itemsize: int) -> int:
        """Return about what the weights take in memory with so many bytes a number."""
        if self.kind is Kind.FILE:
            return itemsize * count_numbers([Path(self.model)])
        if self.folder is None or not self.has_weights:
            return 0
        index = read_json(self.folder / "model_index.json")
        names = [path.relative_to(self.folder).as_posix() for path in self.folder.glob("*/*")]
        chosen = choose_files(self.name, index, names, half=itemsize < 4)
        weights = (self.folder / name for name in chosen if name.endswith(".safetensors"))
        return itemsize * count_numbers(weights)


def find_sources(
    model: str, models: Iterable[tuple[str, str]] = (), config: Path | None = None
) -> dict[str, Source]:
    """Find MODEL and the MODELS by their names, the default first."""
    given = [*models]
    found = [] if given and not model else [find_source(model, config)]
    for name, where in given:
        if not NAME.fullmatch(name):
            raise ModelError(
                f"{name!r} cannot be a model's name in MODELS: take letters a-z, digits, and . _ -"
            )
        found.append(replace(find_source(where, config), name=name))
    names = [source.name for source in found]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ModelError(f"Two models are named {twice[0]}: give one of them another in MODELS.")
    return {source.name: source for source in found}


def find_source(model: str, config: Path | None = None) -> Source:
    """Find the model that MODEL names and check what its files tell without loading them."""
    if model in ("", "embedded"):
        return _embedded(EMBEDDED)
    path = Path(model).expanduser()
    name = path.resolve().stem if path.is_file() else path.resolve().name
    if path.is_dir():
        check_folder(path)
        return Source(Kind.FOLDER, model, name.lower(), path)
    if path.is_file():
        return _file(path, name.lower(), config)
    if HUB_ID.fullmatch(model):
        return look_in_cache(Source(Kind.HUB, model, name.lower(), None))
    raise ModelError(
        f"There is no model at {model}: MODEL takes a diffusers repository (owner/name), "
        "a diffusers folder, or a .safetensors file."
    )


def look_in_cache(source: Source) -> Source:
    """Find a hub model's configuration among what was downloaded before."""
    from huggingface_hub import try_to_load_from_cache

    index = try_to_load_from_cache(source.model, "model_index.json")
    return replace(source, folder=Path(index).parent) if isinstance(index, str) else source


def has_tower(folder: Path) -> bool:
    """Tell whether a model's folder has the weights to look at pictures with."""
    return (folder / TOWER / "model.safetensors").exists()


def _embedded(folder: Path) -> Source:
    has_index = (folder / "model_index.json").exists()
    whole = has_index and has_weights(folder)
    if whole:
        check_folder(folder)
    return Source(Kind.EMBEDDED, "embedded", "embedded", folder if has_index else None, whole)


def _file(path: Path, name: str, config: Path | None) -> Source:
    if path.suffix != ".safetensors":
        pickle = " is a pickle, which can run code when opened" if path.suffix in PICKLES else ""
        raise ModelError(f"{path}{pickle}: Easel opens .safetensors files only.")
    read_header(path)
    if config is not None and not read_json(config / "model_index.json"):
        raise ModelError(
            f"MODEL_CONFIG is {config}, which has no model_index.json: "
            "it should be a diffusers folder of the same kind of model."
        )
    return Source(Kind.FILE, str(path), name, config)
