"""Several processes that train one model: after every step their gradients are averaged.

On CPUs shared with other work this is faster than more threads in one process, which wait for
each other many times a step instead of once.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.distributed
from torch import Tensor, nn


class Workers:
    """This process among its fellows; alone, everything here does nothing."""

    def __init__(self, rank: int = 0, count: int = 1, meeting: Path | None = None) -> None:
        self.rank = rank
        self.count = count
        if count > 1:
            if meeting is None:
                raise ValueError("several workers need a file to meet at")
            address = f"file://{meeting.resolve()}"
            torch.distributed.init_process_group("gloo", address, rank=rank, world_size=count)

    @property
    def is_first(self) -> bool:
        """Whether this one logs and keeps the checkpoints."""
        return self.rank == 0

    def average_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Give every worker the mean of all gradients."""
        if self.count == 1:
            return
        gradients = [each.grad for each in parameters if each.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        torch.distributed.all_reduce(flat)
        flat /= self.count
        parts = flat.split([gradient.numel() for gradient in gradients])  # type: ignore[no-untyped-call]  # why: torch leaves it untyped
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def agree_on(self, number: float) -> float:
        """The first worker's number, for all."""
        if self.count == 1:
            return number
        shared: Tensor = torch.tensor([number], dtype=torch.float64)
        torch.distributed.broadcast(shared, src=0)
        return float(shared)
