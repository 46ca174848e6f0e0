"""What a model's files say before any of them is loaded: configurations and safetensors headers.

Reads JSON only; pickles and code that a model brings along are refused here, never opened.
"""

import json
import math
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from engine.errors import N_, ModelError, Sentence

NO_SAFETENSORS = N_("{path} is not a safetensors file.")
PICKLES = (".ckpt", ".pt", ".pth", ".bin", ".pkl", ".msgpack", ".h5")
UNUSED = {"safety_checker", "feature_extractor"}
"""Parts of a pipeline that Easel never loads."""
LARGEST_HEADER = 100_000_000
WEIGHTS = re.compile(
    r"(?:diffusion_pytorch_model|model)(\.fp16)?(?:-\d{5}-of-\d{5})?(\.fp16)?\.safetensors"
)
"""The files of weights that pipelines are loaded from, maybe in half precision."""


def read_json(path: Path) -> dict[str, Any]:
    """Read one JSON object; an absent file is an empty one."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ModelError(
            Sentence("{path} is not a readable JSON file: {error}.", path=path, error=error)
        ) from error
    if not isinstance(found, dict):
        raise ModelError(Sentence("{path} should hold one JSON object.", path=path))
    return found


def read_header(path: Path) -> dict[str, Any]:
    """Return the header of a safetensors file: name → dtype, shape, offsets.

    A file that is cut short or no safetensors file at all is a `ModelError` with its name.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or not 2 <= length <= LARGEST_HEADER:
            raise ModelError(Sentence(NO_SAFETENSORS, path=path))
        if 8 + length > size:
            raise ModelError(Sentence("{path} is cut short: download it again.", path=path))
        try:
            header: dict[str, Any] = json.loads(file.read(length))
            ends = [row["data_offsets"][1] for name, row in header.items() if name[:2] != "__"]
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise ModelError(Sentence(NO_SAFETENSORS, path=path)) from error
    expected = 8 + length + max(ends, default=0)
    if size != expected:
        raise ModelError(
            Sentence(
                "{path} is cut short or damaged ({size} bytes, should be {expected}): download it "
                "again.",
                path=path,
                size=size,
                expected=expected,
            )
        )
    return header


def check_folder(folder: Path) -> None:
    """Refuse a diffusers folder that is incomplete, damaged, pickled or wants its own code run."""
    index = read_json(folder / "model_index.json")
    if not index:
        raise ModelError(
            Sentence(
                "{folder} has no model_index.json: a diffusers folder has one beside its parts.",
                folder=folder,
            )
        )
    if not isinstance(index.get("_class_name"), str):
        raise ModelError(
            Sentence(
                "{folder} wants to run code of its own, which Easel never does.", folder=folder
            )
        )
    for name, part in index.items():
        if name in UNUSED or not isinstance(part, list) or len(part) != 2 or part[0] is None:
            continue
        if (folder / name / f"{part[0]}.py").exists():
            raise ModelError(
                Sentence(
                    "{folder} brings code of its own, which Easel never runs.", folder=folder / name
                )
            )
        if (folder / name / "config.json").exists():
            check_weights(folder / name)


def check_weights(part: Path) -> None:
    """Refuse a model's folder without whole safetensors files."""
    tensors = sorted(part.glob("*.safetensors"))
    for path in tensors:
        read_header(path)
    if tensors:
        return
    pickles = [path.name for path in sorted(part.iterdir()) if path.suffix in PICKLES]
    if pickles:
        raise ModelError(
            Sentence(
                "{path} is a pickle, which can run code when opened; Easel opens .safetensors "
                "files only.",
                path=part / pickles[0],
            )
        )
    raise ModelError(
        Sentence(
            "{folder} has a configuration but no .safetensors file with the weights.", folder=part
        )
    )


def choose_files(
    origin: str, index: Mapping[str, Any], files: Collection[str], *, half: bool
) -> list[str]:
    """Return the files that a pipeline is loaded from: each part once, in one precision."""
    chosen = [name for name in files if name == "model_index.json"]
    for part, kind in index.items():
        if part in UNUSED or not isinstance(kind, list) or len(kind) != 2 or kind[0] is None:
            continue
        inside = [name for name in files if name.startswith(f"{part}/") and name.count("/") == 1]
        weights = {name: WEIGHTS.fullmatch(name.partition("/")[2]) for name in inside}
        found = {name: any(match.groups()) for name, match in weights.items() if match}
        pickles = [name for name in inside if Path(name).suffix in PICKLES]
        if pickles and not found:
            raise ModelError(
                Sentence(
                    "{model} has {file} only, a pickle, which can run code when opened; Easel "
                    "opens .safetensors files only.",
                    model=origin,
                    file=pickles[0],
                )
            )
        wanted = half if len(set(found.values())) == 2 else any(found.values())
        chosen += [name for name, is_half in found.items() if is_half == wanted]
        chosen += [name for name in inside if Path(name).suffix in (".json", ".txt", ".model")]
    return chosen


def count_numbers(paths: Iterable[Path]) -> int:
    """Count the numbers in safetensors files."""
    headers = (read_header(path) for path in paths)
    return sum(
        math.prod(row["shape"])
        for header in headers
        for name, row in header.items()
        if name[:2] != "__"
    )


def has_weights(folder: Path) -> bool:
    """Tell whether every part of a diffusers folder that needs weights has a file of them."""
    index = read_json(folder / "model_index.json")
    parts = [folder / name for name in index if (folder / name / "config.json").exists()]
    return bool(parts) and all(any(part.glob("*.safetensors")) for part in parts)


def guess_family(path: Path) -> str:
    """Tell a single-file checkpoint's family by the shapes in its header."""
    header = read_header(path)
    if any(name.startswith("conditioner.embedders.1.") for name in header):
        return "sdxl"
    key = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
    width = header.get(key, {}).get("shape", [0])[-1]
    return {768: "sd1", 1024: "sd2"}.get(width, "other")
