"""How long forwards take, without stopping a card to find out."""

from collections import deque
from collections.abc import Callable

import torch

AHEAD = 2
"""So many forwards may be on their way to a card: it never idles, and a cancel is soon felt."""

Tell = Callable[[float], None]


class Stopwatch:
    """Times one forward after the other and tells each one's seconds.

    On a card that is up to `AHEAD` forwards later, between two CUDA events. Elsewhere it is at
    once, by `clock`.
    """

    def __init__(self, device: torch.device, clock: Callable[[], float]) -> None:
        self._device = device
        self._clock = clock
        self._began = 0.0
        self._event: torch.cuda.Event | None = None
        self._pending: deque[tuple[torch.cuda.Event, torch.cuda.Event, Tell]] = deque()

    def start(self) -> None:
        """Call before a forward; waits while `AHEAD` of them are under way."""
        if self._device.type != "cuda":
            self._began = self._clock()
            return
        while len(self._pending) >= AHEAD:
            self._tell_oldest()
        self._event = self._record()

    def stop(self, tell: Tell) -> None:
        """Call after the forward that `start` began; `tell` hears its seconds."""
        if self._event is not None:
            self._pending.append((self._event, self._record(), tell))
            return
        if self._device.type == "mps":
            torch.mps.synchronize()
        tell(self._clock() - self._began)

    def catch_up(self) -> None:
        """Tell of the forwards that a card has ended by now, without waiting for others."""
        while self._pending and bool(self._pending[0][1].query()):  # type: ignore[no-untyped-call]  # why: torch
            self._tell_oldest()

    def _record(self) -> torch.cuda.Event:
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]  # why: torch
        event.record(torch.cuda.current_stream(self._device))
        return event

    def _tell_oldest(self) -> None:
        begun, ended, tell = self._pending.popleft()
        ended.synchronize()
        tell(begun.elapsed_time(ended) / 1000)
