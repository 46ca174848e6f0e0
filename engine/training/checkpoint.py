"""Checkpoints: tensors as safetensors, numbers as JSON, each file replaced in one move.

Nothing here unpickles; a checkpoint from a stranger cannot run code.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer


def replace_file(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a safetensors file under another name, then move it into place."""
    part = path.with_name(path.name + ".part")
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, part)
    os.replace(part, path)


def write_numbers(path: Path, numbers: Mapping[str, Any]) -> None:
    """Write JSON under another name, then move it into place."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")
    os.replace(part, path)


def read_numbers(path: Path) -> dict[str, Any]:
    """Read JSON, or nothing when the file is not there."""
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def _optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    state = optimizer.state_dict()["state"]
    return {
        f"{row}.{name}": torch.as_tensor(value)
        for row, values in state.items()
        for name, value in values.items()
    }


def _fill_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        row, name = key.split(".", 1)
        state.setdefault(int(row), {})[name] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def save_checkpoint(
    folder: Path,
    modules: Mapping[str, nn.Module],
    optimizers: Sequence[Optimizer],
    numbers: Mapping[str, Any],
) -> None:
    """Weights of each module, state of each optimizer, then the numbers, which seal it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, module in modules.items():
        replace_file(folder / f"{name}.safetensors", module.state_dict())
    for row, optimizer in enumerate(optimizers):
        replace_file(folder / f"optimizer-{row}.safetensors", _optimizer_tensors(optimizer))
    write_numbers(folder / "progress.json", numbers)


def load_weights(folder: Path, name: str, module: nn.Module) -> None:
    """Fill one module from a checkpoint."""
    module.load_state_dict(load_file(folder / f"{name}.safetensors"))


def start_from(folder: Path | None, part: str, module: nn.Module) -> None:
    """Fill a module from the exported weights of a model folder, so that training goes on there.

    Optimizer state is not exported: it starts anew, the weights do not.
    """
    if folder is None:
        return
    path = next((folder / part).glob("*.safetensors"), None)
    if path is None:
        raise ValueError(f"{folder} has no weights of the {part} to start from")
    try:
        module.load_state_dict({name: t.float() for name, t in load_file(path).items()})
    except RuntimeError as error:
        raise ValueError(f"{path} does not fit the preset: {error}") from error


def load_checkpoint(
    folder: Path, modules: Mapping[str, nn.Module], optimizers: Sequence[Optimizer]
) -> dict[str, Any]:
    """Fill modules and optimizers; the numbers of the checkpoint, empty when there is none.

    A checkpoint that travelled without its optimizers, which are half of it, begins with new ones.
    """
    numbers = read_numbers(folder / "progress.json")
    if numbers:
        for name, module in modules.items():
            load_weights(folder, name, module)
        for row, optimizer in enumerate(optimizers):
            state = folder / f"optimizer-{row}.safetensors"
            if state.exists():
                _fill_optimizer(optimizer, load_file(state))
    return numbers
