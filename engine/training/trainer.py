"""The loop every part shares: planned minutes, learning rate, log, checkpoints, resuming."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from engine.training.checkpoint import load_checkpoint, save_checkpoint
from engine.training.meter import Meter, Progress
from engine.training.workers import Workers

WARMUP_STEPS = 60
SAVE_EVERY_S = 240.0
LOSS_STEPS = 50  # the loss shown is a running mean over about so many steps


@dataclass(frozen=True)
class Plan:
    """How long to train, where to keep checkpoints, whether to go on from one.

    ``start`` is a model folder whose weights a training that is not resumed begins with.
    """

    folder: Path
    minutes: float
    resume: bool = False
    start: Path | None = None
    rate: float = 1.0  # of the learning rates of a part
    hold: float = 0.5  # of the time at the full learning rate, before it falls to zero
    warmup: int = WARMUP_STEPS
    clip: float = 1.0  # largest length of the gradient
    max_steps: int | None = None

    @property
    def save_every_s(self) -> float:
        """Seconds between checkpoints; a short training has some twenty of them as well."""
        return min(SAVE_EVERY_S, self.minutes * 60 / 20)


def rate_at(progress: Progress, plan: Plan) -> float:
    """The share of the full learning rate: warm-up, level stretch, straight line to zero.

    On a slow machine the warm-up ends after a fiftieth of the time, however few steps that was.
    """
    done = min(1.0, progress.seconds / (plan.minutes * 60))
    fall = min(1.0, (1 - done) / (1 - plan.hold))
    return min(1.0, max((progress.steps + 1) / plan.warmup, 50 * done)) * fall


class Trainer:
    """Runs steps until the planned time is used up."""

    def __init__(
        self,
        plan: Plan,
        modules: Mapping[str, nn.Module],
        optimizers: Sequence[Optimizer],
        workers: Workers | None = None,
    ) -> None:
        self.plan = plan
        self.workers = workers or Workers()
        self.modules = dict(modules)
        self.optimizers = list(optimizers)
        self.rates = [plan.rate * group["lr"] for each in optimizers for group in each.param_groups]
        self.parameters = [
            parameter
            for each in optimizers
            for group in each.param_groups
            for parameter in group["params"]
        ]
        self.progress = Progress()
        if plan.resume:
            numbers = load_checkpoint(plan.folder, self.modules, self.optimizers)
            self.progress = Progress(**numbers)

    def save(self) -> None:
        """Write a checkpoint."""
        if not self.workers.is_first:
            return
        save_checkpoint(self.plan.folder, self.modules, self.optimizers, asdict(self.progress))

    def _set_rate(self) -> float:
        share = rate_at(self.progress, self.plan)
        groups = [group for each in self.optimizers for group in each.param_groups]
        for group, rate in zip(groups, self.rates, strict=True):
            group["lr"] = rate * share
        return share

    def _learn(self, loss: Tensor) -> None:
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # why: torch leaves it untyped
        self.workers.average_gradients(self.parameters)
        nn.utils.clip_grad_norm_(self.parameters, self.plan.clip)
        for optimizer in self.optimizers:
            optimizer.step()

    def _is_done(self) -> bool:
        limit = self.plan.max_steps
        return self.progress.seconds >= self.plan.minutes * 60 or (
            limit is not None and self.progress.steps >= limit
        )

    def run(
        self,
        compute_loss: Callable[[], tuple[Tensor, int]],
        after_step: Callable[[], None] = lambda: None,
        on_save: Callable[[], None] = lambda: None,
    ) -> Progress:
        """Train; ``compute_loss`` returns the loss and how many samples it saw."""
        progress, planned_s = self.progress, self.plan.minutes * 60
        start = last_save = time.monotonic()
        seconds_before = progress.seconds
        name, is_shown = self.plan.folder.name, self.workers.is_first
        with Meter(name, progress, planned_s, is_shown=is_shown) as meter:
            while not self._is_done():
                rate = self._set_rate()
                loss, samples = compute_loss()
                self._learn(loss)
                after_step()
                self._count(loss.item(), samples * self.workers.count)
                now = time.monotonic()
                progress.seconds = self.workers.agree_on(seconds_before + now - start)
                meter.show(rate)
                if now - last_save >= self.plan.save_every_s:
                    self.save()
                    on_save()
                    last_save = now
        self.save()
        on_save()
        return progress

    def _count(self, loss: float, samples: int) -> None:
        progress = self.progress
        if math.isnan(progress.loss):
            progress.loss = loss
        progress.loss += (loss - progress.loss) / min(LOSS_STEPS, progress.steps + 1)
        progress.samples += samples
        progress.steps += 1


class Ema(nn.Module):
    """A slow copy of a module: the mean of its last weights, which paints better than the last."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.copy = module
        self.updates = 0

    @torch.no_grad()
    def update(self, source: nn.Module) -> None:
        """Move a little towards the source; quickly at first, while there is little to average."""
        self.updates += 1
        pull = 1 - min(self.decay, (1 + self.updates) / (10 + self.updates))
        slow: list[Tensor] = list(self.copy.parameters())
        fast: list[Tensor] = list(source.parameters())
        torch._foreach_lerp_(slow, fast, pull)
