"""Where a model comes from: the embedded one, a folder, a file, or the hub; no torch here."""

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from engine.errors import ModelError
from engine.files import PICKLES, check_folder, has_weights, read_header, read_json

EMBEDDED = Path(__file__).parent / "embedded"
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
