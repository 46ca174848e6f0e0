"""The one clock of the playground: it can run fast and jump, so that tests need not wait."""

import asyncio
import time
from datetime import UTC, datetime


class Clock:
    """Unix seconds that run `scale` times as fast as the wall and can be advanced at will."""

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale
        self._begin = time.monotonic()
        self._ahead = time.time()
        self._jumped = asyncio.Event()

    def now(self) -> float:
        """Seconds since 1970 on this clock."""
        return self._ahead + (time.monotonic() - self._begin) * self.scale

    def real_s(self, seconds: float) -> float:
        """How long these seconds last on the wall: what a client must be told to wait."""
        return seconds / self.scale

    def advance(self, seconds: float) -> None:
        """Jump ahead; whoever waits past that moment is woken."""
        self._ahead += seconds
        jumped, self._jumped = self._jumped, asyncio.Event()
        jumped.set()

    def iso(self) -> str:
        """This moment as Discord writes it."""
        return datetime.fromtimestamp(self.now(), UTC).isoformat(timespec="milliseconds")

    async def wait_for(self, event: asyncio.Event, timeout_s: float) -> bool:
        """Whether the event came within that time on this clock."""
        until = self.now() + timeout_s
        while not event.is_set() and (left_s := until - self.now()) > 0:
            waiting = [asyncio.ensure_future(e.wait()) for e in (event, self._jumped)]
            await asyncio.wait(
                waiting, timeout=self.real_s(left_s), return_when=asyncio.FIRST_COMPLETED
            )
            for task in waiting:
                task.cancel()
        return event.is_set()
