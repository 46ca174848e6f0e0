"""One job inside the engine: its state, shared by the loop and the engine's threads."""

import threading
from collections.abc import Callable
from enum import StrEnum

from engine.events import Cancelled, End, Event, Preview, Progress
from engine.policy import Lane
from engine.request import Request


class Aim(StrEnum):
    """What is wanted of a request: its pictures, how one comes about, what its words weigh, or what
    the picture that it starts from shows."""

    PAINT = "paint"
    EXPLAIN = "explain"
    WEIGH = "weigh"
    DESCRIBE = "describe"


class Ticket:
    """Every method is safe in every thread; whatever happens, exactly one end is posted.

    `share` is who pays for the job (empty: nobody else does).
    """

    def __init__(
        self,
        job_id: int,
        request: Request,
        post: "Callable[[Ticket, Event], None]",
        lane: Lane = Lane.FAST,
        share: str = "",
        aim: Aim = Aim.PAINT,
    ) -> None:
        self.job_id = job_id
        self.request = request
        self.lane = lane
        self.share = share
        self.aim = aim
        self.is_running = False
        self._is_over = False
        self._post = post
        self._cancelled = threading.Event()
        self._lock = threading.Lock()

    @property
    def steps(self) -> int:
        """How many steps it takes; what paints nothing has one."""
        if self.aim in {Aim.WEIGH, Aim.DESCRIBE}:
            return 1
        return self.request.steps_to_run + self.request.hd_steps

    @property
    def is_cancelled(self) -> bool:
        """Whether the painting should stop at its next step."""
        return self._cancelled.is_set()

    def begin(self) -> bool:
        """Go from waiting to running; False if the job was cancelled while it waited."""
        with self._lock:
            self.is_running = not self._is_over
            return self.is_running

    def tell(self, event: Progress | Preview) -> None:
        """Post what happens on the way; nothing is said after the end."""
        with self._lock:
            if not self._is_over:
                self._post(self, event)

    def end(self, event: End) -> None:
        """Post the end, unless there was one already."""
        with self._lock:
            if not self._is_over:
                self._is_over, self.is_running = True, False
                self._post(self, event)

    def cancel(self) -> None:
        """A waiting job ends at once, a running one at its next step, an ended one stays ended."""
        self._cancelled.set()
        with self._lock:
            waiting = not self.is_running
        if waiting:
            self.end(Cancelled())
