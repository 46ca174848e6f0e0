"""Where to paint: the device and the number type, chosen from what torch can reach."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.errors import ModelError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Device:
    """What torch paints on; `idle_card` names a card that this torch cannot use, else is empty."""

    torch: str
    name: str
    idle_card: str


def choose_device(wish: str) -> torch.device:
    """Return the device for `auto`, `cpu`, `cuda`, `cuda:1` or `mps`.

    Raises:
        ModelError: the wish is no device, or torch cannot reach it.

    """
    import torch

    if wish == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(wish)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(
            f"DEVICE={wish} cannot be used with this torch ({torch.__version__}); "
            "take auto, cpu, cuda, cuda:1 or mps."
        ) from error
    return device


def choose_dtype(device: torch.device) -> torch.dtype:
    """Return float32 on a CPU, bfloat16 where the card has it, else float16."""
    import torch

    if device.type == "cuda":
        return (
            torch.bfloat16
            if torch.cuda.is_bf16_supported(including_emulation=False)
            else torch.float16
        )
    return torch.float16 if device.type == "mps" else torch.float32


def arrange(module: torch.nn.Module, device: torch.device) -> None:
    """Lay a module's weights out as the device reads them fastest, values as they were.

    A CPU convolves in channels_last: a grid of the embedded model takes a tenth less time there.
    A card keeps torch's own order, for nothing was measured on one yet.
    """
    import torch

    if device.type == "cpu":
        module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # why: torch's own hints leave this one out


def inspect_device(wish: str) -> Device:
    """Say what `choose_device` would take, and whether a card lies idle. Loads torch.

    Raises:
        ModelError: as `choose_device`.

    """
    import torch

    device = choose_device(wish)
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    elif device.type == "cpu":
        name = f"the CPU ({torch.get_num_threads()} threads)"
    else:
        name = device.type
    return Device(torch.__version__, name, "" if device.type == "cuda" else _card_in_the_machine())


def _card_in_the_machine() -> str:
    """Return the first NVIDIA card that the driver's own tool lists, or nothing."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ""
    query = [tool, "--query-gpu=name", "--format=csv,noheader"]
    try:
        run = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ""
    return run.stdout.splitlines()[0].strip() if run.stdout.strip() else ""
