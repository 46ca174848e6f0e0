"""What a training runs on: a GPU where there is one, else the CPU; the same code on both."""

import logging
import os
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Machine:
    """A device, and whether it multiplies bfloat16 itself; elsewhere that would be slower."""

    device: torch.device
    has_bf16: bool = False

    @property
    def is_cpu(self) -> bool:
        """Whether there is no GPU."""
        return self.device.type == "cpu"

    def autocast(self) -> torch.autocast:
        """Half precision within the block, where it pays.

        Nothing is remembered: older versions of torch remember weights that were cast where
        gradients are off, and the same block then learns nothing from them.
        """
        return torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=self.has_bf16, cache_enabled=False
        )

    def generator(self, seed: int) -> torch.Generator:
        """A source of chance on the device."""
        return torch.Generator(self.device).manual_seed(seed)


CPU = Machine(torch.device("cpu"))


def find_machine() -> Machine:
    """The GPU if there is one."""
    if torch.cuda.is_available():
        return Machine(torch.device("cuda"), torch.cuda.is_bf16_supported())
    return Machine(CPU.device, bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()))


def prepare(threads: int) -> None:
    """Set a process up for training: its log, its threads, and what a GPU may do faster."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("high")  # of a GPU's products; a CPU keeps to fp32
    torch.backends.cudnn.benchmark = True
