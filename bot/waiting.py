"""Who waits and who is inside the engine, as the runner sees them: chooses, and foretells."""

import time

from bot import pace, queue
from bot.jobs import Entry
from bot.pace import Outlook, Pace
from bot.store import Store

FRESH_S = 0.25
"""A burst of questions is answered from one look at the queue."""


class WaitingRoom:
    """The queue's decisions over the store's rows, with what is measured on the way."""

    def __init__(self, store: Store, limits: queue.QueueLimits) -> None:
        self.limits = limits
        self.inside: dict[int, Entry] = {}
        self._store = store
        self._ledger = queue.Ledger()
        self._pace = Pace()
        self._done: dict[int, float] = {}  # job → the part of it that is painted, 0 to 1
        self._seen: dict[int, Outlook] = {}
        self._last = Outlook(0, None)
        self._looked_at = -FRESH_S

    async def load(self) -> None:
        """Take over what earlier processes have measured; fairness outlives a restart."""
        for user_id, cost, at in await self._store.entered_since(
            time.time() - 6 * queue.HALF_LIFE_S
        ):
            self._ledger.give(user_id, cost, at)
        self._pace = Pace(*await self._store.speed())

    @property
    def cost_per_s(self) -> float | None:
        """What the engine gets done in a second, as measured."""
        return self._pace.cost_per_s

    async def choose(self, room: int) -> list[Entry]:
        """Return who enters now; they count as inside from here on."""
        if room <= len(self.inside):
            return []
        waiting = [e for e in await self._store.waiting() if e.job_id not in self.inside]
        inside = list(self.inside.values())
        chosen = queue.next_jobs(
            waiting, inside, self._ledger, room - len(inside), self.limits, time.time()
        )
        for entry in chosen:
            self.inside[entry.job_id] = entry
        self._pace.busy(len(self.inside), time.monotonic())
        return chosen

    def inside_of(self, user_id: int) -> int:
        """Count a painter's jobs inside."""
        return sum(entry.user_id == user_id for entry in self.inside.values())

    def progress(self, job_id: int, part: float) -> None:
        """Note how much of a job is painted, from 0 to 1."""
        self._done[job_id] = part

    def painted(self, job_id: int) -> None:
        """Note that a job is painted."""
        if entry := self.inside.get(job_id):
            self._done[job_id] = 1.0
            self._pace.painted(entry.cost, time.monotonic())

    def leave(self, job_id: int) -> None:
        """Let a job out; what was not painted of it does not count against its painter."""
        done = self._done.pop(job_id, 0.0)
        if entry := self.inside.pop(job_id, None):
            self._ledger.give(entry.user_id, -entry.cost * (1 - done), time.time())
            self._pace.busy(len(self.inside), time.monotonic())

    async def outlook(self, job_id: int) -> Outlook | None:
        """Return when a waiting job's turn comes, as far as can be said; None if it is inside."""
        if job_id in self.inside:
            return None
        now = time.monotonic()
        if job_id not in self._seen and now - self._looked_at < FRESH_S:
            self._last = Outlook(self._last.place + 1, self._last.eta_s)
            return self._last
        if now - self._looked_at >= FRESH_S:
            await self._look()
        return self._seen.get(job_id)

    async def _look(self) -> None:
        self._looked_at = time.monotonic()  # who asks meanwhile is told by the last look
        waiting = [e for e in await self._store.waiting() if e.job_id not in self.inside]
        order = queue.in_order(waiting, self._ledger, time.time())
        left = [e.cost * (1 - self._done.get(e.job_id, 0.0)) for e in self.inside.values()]
        self._seen = pace.outlooks(order, left, self.cost_per_s)
        self._last = max(self._seen.values(), key=lambda o: o.place, default=Outlook(-1, None))
