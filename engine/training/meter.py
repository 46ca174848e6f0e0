"""What a training shows of itself: a bar on a terminal, a log line now and then anywhere."""

import logging
import sys
import time
from dataclasses import dataclass, field
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

log = logging.getLogger(__name__)

LOG_EVERY_S = 20.0


@dataclass
class Progress:
    """What a run has done so far, over all its sessions."""

    samples: int = 0
    steps: int = 0
    seconds: float = 0.0
    loss: float = field(default=float("nan"))  # a running mean


class Meter:
    """Shows one part's progress until the planned time is over."""

    def __init__(self, name: str, progress: Progress, planned_s: float, *, is_shown: bool) -> None:
        self.name = name
        self.progress = progress
        self.is_shown = is_shown
        self.samples_before = progress.samples
        self.start = self.last_log = time.monotonic()
        self.bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not (is_shown and sys.stderr.isatty()),
        )
        self.task = self.bar.add_task(name, total=planned_s, completed=int(progress.seconds))

    def __enter__(self) -> "Meter":
        self.bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bar.stop()

    def show(self, rate: float) -> None:
        """Move the bar; write a log line when it is time for one."""
        progress, now = self.progress, time.monotonic()
        words = f"{self.name} {progress.samples} samples, loss {progress.loss:.3f}"
        self.bar.update(self.task, completed=progress.seconds, description=words)
        if not self.is_shown or now - self.last_log < LOG_EVERY_S:
            return
        self.last_log = now
        log.info(
            "%s samples=%d steps=%d minutes=%.1f loss=%.4f rate=%.2f speed=%.1f/s",
            self.name,
            progress.samples,
            progress.steps,
            progress.seconds / 60,
            progress.loss,
            rate,
            (progress.samples - self.samples_before) / (now - self.start),
        )
