"""Batches made by plain Python, on other cores than the one that trains."""

import random
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from torch.utils.data import DataLoader, IterableDataset, get_worker_info

T = TypeVar("T")
AHEAD = 4  # batches each worker has ready


class _Batches(IterableDataset[T]):
    """Batches without end; every worker has chance of its own."""

    def __init__(self, make: Callable[[random.Random], T], seed: int) -> None:
        self.make = make
        self.seed = seed

    def __iter__(self) -> Iterator[T]:
        worker = get_worker_info()
        rng = random.Random(f"{self.seed} {worker.id if worker else 0}")
        while True:
            yield self.make(rng)


def feed(make: Callable[[random.Random], T], seed: int, workers: int) -> Iterator[T]:
    """Batches as ``make`` makes them from a source of chance; by this process if no worker is."""
    others: dict[str, Any] = {}
    if workers:
        others = {"prefetch_factor": AHEAD, "multiprocessing_context": "fork"}
    return iter(DataLoader(_Batches(make, seed), batch_size=None, num_workers=workers, **others))
