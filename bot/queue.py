"""Who is served next, and who may still queue: pure decisions over plain entries.

Three lanes, turbo before fast before relax, but the lower ones keep a share of the work. Inside a
lane the painter who was served least lately comes first, counted by the cost of their jobs.
"""

import copy
import heapq
from collections import Counter, deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from bot.errors import UserError
from bot.jobs import Entry, Lane
from bot.language import N_, _

FULL = N_("Queue full")
HALF_LIFE_S = 600.0
"""After so long, what a painter was given counts half."""
SHARE = {Lane.FAST: 0.25, Lane.RELAX: 0.1}
"""What of the work a lane keeps, by cost, while jobs of higher lanes wait too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLimits:
    """How much of the queue one painter and one server may hold, and how long it may grow."""

    running_per_painter: int = 3
    waiting_per_painter: int = 10
    running_per_server: int | None = None
    waiting_per_server: int = 200
    waiting_in_all: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How many jobs there are, as far as one new job is concerned."""

    of_painter: int
    """Running and waiting."""
    of_server: int
    """Waiting; 0 where there is no server."""
    waiting: int


class Ledger:
    """How much each painter was given lately, and how much each lower lane is owed, by cost."""

    def __init__(self) -> None:
        self._given: dict[int, tuple[float, float]] = {}
        self._owed: dict[Lane, float] = {}

    def given(self, user_id: int, now: float) -> float:
        """Return what a painter was given lately; it halves every ten minutes."""
        amount, at = self._given.get(user_id, (0.0, now))
        return float(amount * 0.5 ** (max(now - at, 0.0) / HALF_LIFE_S))

    def give(self, user_id: int, cost: float, now: float) -> None:
        """Note that a job entered (or, with a negative cost, came back unpainted)."""
        self._given[user_id] = (max(self.given(user_id, now) + cost, 0.0), now)
        if len(self._given) > 10_000:  # who was given nothing for long is as good as unknown
            self._given = {u: g for u, g in self._given.items() if self.given(u, now) > 1e-3}

    def owed(self, lane: Lane) -> float:
        """Return what of its share a lane has not had yet."""
        return self._owed.get(lane, 0.0)

    def settle(self, entered: Entry, waiting: Collection[Lane]) -> None:
        """Note which lane a job entered from, while jobs of these lanes waited."""
        for lane, share in SHARE.items():
            if lane is entered.lane:
                self._owed[lane] = max(self.owed(lane) - entered.cost, 0.0)
            elif lane not in waiting:
                self._owed[lane] = 0.0
            else:
                self._owed[lane] = self.owed(lane) + entered.cost * share / (1 - share)

    def copy(self) -> "Ledger":
        """Return one of its own, to look ahead with."""
        return copy.deepcopy(self)


def next_jobs(
    waiting: Sequence[Entry],
    running: Collection[Entry],
    ledger: Ledger,
    room: int,
    limits: QueueLimits,
    now: float = 0.0,
) -> list[Entry]:
    """Return the waiting jobs that enter now, in order, and note them in the ledger.

    `room` is how many more may be inside. A job that must be alone waits, when its turn comes,
    until nothing is inside, and holds the others back meanwhile.
    """
    chosen: list[Entry] = []
    if room <= 0 or any(entry.alone for entry in running):
        return chosen
    line = _Line(waiting, running, ledger, limits, now)
    while len(chosen) < room and (entry := line.first()) is not None:
        if entry.alone and (running or chosen):
            break
        line.enter(entry)
        chosen.append(entry)
        if entry.alone:
            break
    return chosen


def in_order(waiting: Sequence[Entry], ledger: Ledger, now: float = 0.0) -> list[Entry]:
    """Return all waiting jobs in the order in which they would enter if nobody came any more."""
    many = len(waiting)
    no_limits = QueueLimits(running_per_painter=many)
    line = _Line(waiting, (), ledger.copy(), no_limits, now)
    order = []
    while (entry := line.first()) is not None:
        line.enter(entry)
        order.append(entry)
    return order


class _Line:
    """The waiting jobs by lane and painter; in each lane a heap of who was given least."""

    def __init__(
        self,
        waiting: Sequence[Entry],
        running: Collection[Entry],
        ledger: Ledger,
        limits: QueueLimits,
        now: float,
    ) -> None:
        self._ledger, self._limits, self._now = ledger, limits, now
        self._of_painter = Counter(entry.user_id for entry in running)
        self._of_server = Counter(entry.guild_id for entry in running)
        self._jobs: dict[tuple[Lane, int], deque[Entry]] = {}
        for entry in sorted(waiting, key=lambda entry: entry.job_id):
            self._jobs.setdefault((entry.lane, entry.user_id), deque()).append(entry)
        self._heaps: dict[Lane, list[tuple[float, int, int]]] = {lane: [] for lane in Lane}
        for (lane, user_id), jobs in self._jobs.items():
            given = ledger.given(user_id, now)
            heapq.heappush(self._heaps[lane], (given, jobs[0].job_id, user_id))

    def first(self) -> Entry | None:
        """Return the job whose turn it is; it stays in the line."""
        heads = {lane: head for lane in Lane if (head := self._head(lane)) is not None}
        for lane in reversed(Lane):
            if lane in heads and self._ledger.owed(lane) >= heads[lane].cost:
                return heads[lane]
        return next(iter(heads.values()), None)

    def _head(self, lane: Lane) -> Entry | None:
        heap = self._heaps[lane]
        while heap:
            given, _, user_id = heap[0]
            jobs = self._jobs[lane, user_id]
            while jobs and self._server_is_full(jobs[0]):
                jobs.popleft()
            full = self._of_painter[user_id] >= self._limits.running_per_painter
            current = self._ledger.given(user_id, self._now)
            if full or not jobs:
                heapq.heappop(heap)
            elif given < current:  # they were served in another lane meanwhile
                heapq.heapreplace(heap, (current, jobs[0].job_id, user_id))
            else:
                return jobs[0]
        return None

    def _server_is_full(self, entry: Entry) -> bool:
        most = self._limits.running_per_server
        if most is None or entry.guild_id is None:
            return False
        return self._of_server[entry.guild_id] >= most

    def enter(self, entry: Entry) -> None:
        """Take the first job out of the line and note it."""
        jobs = self._jobs[entry.lane, entry.user_id]
        jobs.popleft()
        self._of_painter[entry.user_id] += 1
        self._of_server[entry.guild_id] += 1
        self._ledger.give(entry.user_id, entry.cost, self._now)
        heap = self._heaps[entry.lane]
        heapq.heappop(heap)
        if jobs:
            given = self._ledger.given(entry.user_id, self._now)
            heapq.heappush(heap, (given, jobs[0].job_id, entry.user_id))
        self._ledger.settle(entry, set(self._waiting()))

    def _waiting(self) -> Iterator[Lane]:
        return (lane for lane, heap in self._heaps.items() if heap)


def position(waiting: Sequence[Entry], ledger: Ledger, job_id: int) -> int | None:
    """Return how many jobs enter before this one (0: it is next), or None if it does not wait."""
    order = in_order(waiting, ledger)
    return next((place for place, entry in enumerate(order) if entry.job_id == job_id), None)


def admit(load: Load, limits: QueueLimits, many: int = 1) -> None:
    """Raise a UserError if so many more jobs of this painter may not queue, all together.

    A painter may have as many unfinished jobs as may run and wait together, so it does not
    matter how many of them the engine has taken in so far.
    """
    most = limits.running_per_painter + limits.waiting_per_painter
    if load.of_painter + many > most:
        held = _("(You have {held} jobs running and waiting; {most} is the most.)")
        raise _full(_("Your job queue"), held, load.of_painter, most, many)
    held = _("({held} jobs are waiting; {most} is the most.)")
    if load.of_server + many > limits.waiting_per_server:
        whose = _("The queue of this server")
        raise _full(whose, held, load.of_server, limits.waiting_per_server, many)
    if load.waiting + many > limits.waiting_in_all:
        raise _full(_("The queue"), held, load.waiting, limits.waiting_in_all, many)


def _full(whose: str, there: str, held: int, most: int, many: int) -> UserError:
    if many == 1:
        said = _("{whose} is full. Please wait for a job to finish first, then resubmit this one.")
    else:
        said = _(
            "{whose} is too full for {many} jobs: it has room for {room}, and none was taken in. "
            "Please wait for some to finish, or ask for fewer."
        )
    said = said.format(whose=whose, many=many, room=max(most - held, 0))
    return UserError(f"{said} {there.format(held=held, most=most)}", title=_(FULL))
