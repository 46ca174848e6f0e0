"""Whom the runner works with: who posts, who judges, who paints. It knows them by this only."""

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Protocol

from bot.jobs import Job
from engine import Event, Request, Stats


class Outbox(Protocol):
    """Where a job's news goes; the runner knows no Discord."""

    async def fetch_image(self, address: str) -> bytes:
        """Return a picture's file; UserError if it cannot be had."""

    def progress(self, job: Job, percent: int, preview: bytes | None) -> None:
        """Show how far it is; returns at once, the newest wins."""

    async def deliver(self, job: Job) -> None:
        """Post a painted job exactly once, through the store to done or undeliverable."""

    async def report(self, job: Job) -> None:
        """Tell the painter that the job failed or was cancelled; it may be told twice."""

    async def alarm(self, sentence: Callable[[], str]) -> None:
        """Tell those who run the place that something is wrong, or well again."""


class Inspector(Protocol):
    """Who looks at pictures before they are kept."""

    async def check_input(self, job: Job, png: bytes) -> None:
        """Look at an attached picture; UserError if it may not be painted from."""

    async def judge(self, job: Job, pictures: Sequence[bytes]) -> tuple[str, ...]:
        """Return a verdict for each picture; UserError if they may not be shown."""


class Painter(Protocol):
    """What the runner uses of `engine.Engine`."""

    def submit(
        self, job_id: int, request: Request, *, lane: str = "fast", share: str = ""
    ) -> AsyncGenerator[Event, None]:
        """Start painting; the iterator ends after exactly one final event."""

    def cancel(self, job_id: int) -> None:
        """Stop a job within one step; harmless if it is not there."""

    def stats(self) -> Stats:
        """Say how much is inside and how much may be."""

    async def drain(self, timeout_s: float) -> None:
        """Take nothing new, finish what can be finished in time, cancel the rest."""
