"""Which parked call leads the next forward, and who joins it. Pure: no torch, no clock of its own.

In this order: a lane that is owed its minimum, else turbo before fast before relax; in the lane an
eldest job that is owed its part; the share that had least (start-time fair queueing); jobs without
a preview, and those whose steps are done; least work left, divided by how long the job has waited.
Every amount of work is in seconds of the device.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol, TypeVar


class Lane(IntEnum):
    """How urgent a job is; the bot decides who may use which."""

    TURBO = 0
    FAST = 1
    RELAX = 2


@dataclass(slots=True, eq=False)
class Claim:
    """What the policy knows of one job; the hub keeps it current.

    `share` is who pays for the work (a painter); `had` is what the job got so far, in seconds;
    `waits_since_s` is its arrival, or the last end of another job of its share: who waits for
    himself does not grow older.
    """

    lane: Lane
    share: Hashable
    arrived_s: float
    has_preview: bool = False
    had: float = field(default=0.0, init=False)
    waits_since_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.waits_since_s = self.arrived_s


class Waiting(Protocol):
    """A parked call: `rows` of it, which may share a forward with others of equal `key`.

    `work` is what the job's steps still need, in seconds; 0 if unknown, or if only the decoding
    is left. An `is_heavy` call holds much memory while it waits, so it never waits long. A call
    that is not `is_set` needs its module switched first (to other LoRAs), which takes time.
    """

    @property
    def claim(self) -> Claim: ...
    @property
    def key(self) -> Hashable: ...
    @property
    def rows(self) -> int: ...
    @property
    def work(self) -> float: ...
    @property
    def is_heavy(self) -> bool: ...
    @property
    def is_set(self) -> bool: ...


W = TypeVar("W", bound=Waiting)
Rank = tuple[bool, int, int, bool, float, float]

MINIMUM = {Lane.FAST: 0.2, Lane.RELAX: 0.1}
"""The part of the work that a lane gets while the lanes above it would take all."""
ELDEST = 0.2
"""The part of a lane's work that goes to its eldest job once that one waits for long."""
ELDEST_AFTER = 6.0
"""… longer than this many ordinary jobs take."""
AGING = 5.0
"""A job that waited for this many ordinary jobs counts as if half its work were left."""
QUANTUM = 2.0
"""Shares are equal while none had this many ordinary jobs more than the least served one."""
KEEP = 4
"""So many forwards run between two switches of a module, while there are any to run."""
FRESH = 0.1
"""Weight of a job that ends in the moving average of what an ordinary job takes."""


class Policy:
    """The order of work among the jobs inside the engine."""

    def __init__(self) -> None:
        self._lines = {lane: _Line() for lane in Lane}
        self._ordinary = 0.0
        self._kept = KEEP

    def enter(self, claim: Claim) -> None:
        """Take in a job. Its share starts level with the least served one of its lane."""
        self._lines[claim.lane].enter(claim)

    def leave(self, claim: Claim, now_s: float) -> None:
        """Forget a job that ended, whatever its end."""
        self._lines[claim.lane].leave(claim, now_s)
        if claim.had:
            weight = FRESH if self._ordinary else 1.0
            self._ordinary += weight * (claim.had - self._ordinary)

    def charge(self, claim: Claim, seconds: float) -> None:
        """Take in that a job's rows took `seconds` of the device."""
        claim.had += seconds
        self._lines[claim.lane].charge(claim, seconds)
        first = min((lane for lane, line in self._lines.items() if line.claims), default=None)
        for lane, part in MINIMUM.items():
            line = self._lines[lane]
            if line.claims and lane is not first:
                line.owed += part * seconds - (seconds if lane is claim.lane else 0.0)
            else:
                line.owed = 0.0

    def choose(
        self,
        calls: Sequence[W],
        now_s: float,
        cap: Callable[[W], int],
        polite_cap: Callable[[W], int] | None = None,
    ) -> list[W]:
        """Return the calls of the next forward, the leader first: one key, at most `cap` rows.

        A leader of more rows than its cap goes alone. Up to `polite_cap` rows it is filled with
        what others must not be slowed by: first a share's calls where it has more of them here
        than another share (who asks for much slows no one who does not), then those of lanes
        below the leader's (who is in no hurry slows no one who is). So relax gets the tenth that
        it is owed, and of the rest only what the faster lanes leave.
        """
        if len(calls) == 1:
            self._kept = self._kept + 1 if calls[0].is_set else 1
            return [calls[0]]
        rank = self._ranking(now_s)
        leader = self._keep(self._lead(calls, rank, now_s), calls, rank)
        mates = [call for call in calls if call.key == leader.key and call is not leader]
        room = cap(leader)
        if polite_cap is None:
            return _fill([leader], mates, room, rank)
        equal, surplus = _part(leader, mates, rank)
        group = _fill([leader], equal, room, rank)
        return _fill(group, surplus, min(room, polite_cap(leader)), rank) if surplus else group

    def _lead(self, calls: Sequence[W], rank: Callable[[Waiting], Rank], now_s: float) -> W:
        waiting = {call.claim.lane for call in calls}
        lane = max((lane for lane in waiting if self._lines[lane].owed > 0), default=min(waiting))
        own = [call for call in calls if call.claim.lane is lane]
        eldest = min(own, key=lambda call: call.claim.waits_since_s)
        is_late = now_s - eldest.claim.waits_since_s > ELDEST_AFTER * self._ordinary
        if self._lines[lane].owes_eldest(eldest.claim if is_late else None):
            return eldest
        return min(own, key=rank)

    def _keep(self, leader: W, calls: Sequence[W], rank: Callable[[Waiting], Rank]) -> W:
        """Let another of its lane lead if its module was switched just now."""
        if not leader.is_set and self._kept < KEEP and not leader.is_heavy:
            lane = leader.claim.lane
            others = [call for call in calls if call.is_set and call.claim.lane is lane]
            leader = min(others, key=rank, default=leader)
        self._kept = self._kept + 1 if leader.is_set else 1
        return leader

    def _ranking(self, now_s: float) -> Callable[[Waiting], Rank]:
        least = {lane: line.least_served() or 0.0 for lane, line in self._lines.items()}
        quantum, aging = QUANTUM * self._ordinary, AGING * self._ordinary

        def rank(call: Waiting) -> Rank:
            claim = call.claim
            ahead = self._lines[claim.lane].served[claim.share] - least[claim.lane]
            level = int(ahead / quantum) if quantum else 0
            age = 1 + (now_s - claim.waits_since_s) / aging if aging else 1.0
            is_seen = claim.has_preview or ahead > self._ordinary
            is_later = is_seen and call.work > 0
            work = call.work / age
            return not call.is_heavy, claim.lane, level, is_later, work, claim.waits_since_s

        return rank


def _part(leader: W, mates: list[W], rank: Callable[[Waiting], Rank]) -> tuple[list[W], list[W]]:
    """Return the mates that may fill the leader's forward, and those that must be polite."""
    peers = [mate for mate in mates if mate.claim.lane <= leader.claim.lane]
    slower = [mate for mate in mates if mate.claim.lane > leader.claim.lane]
    counts = Counter(call.claim.share for call in (leader, *peers))
    fewest = min(counts.values())
    if fewest == max(counts.values()):
        return peers, slower
    taken = Counter({leader.claim.share: 1})
    equal: list[W] = []
    surplus: list[W] = []
    for mate in sorted(peers, key=rank):
        taken[mate.claim.share] += 1
        (equal if taken[mate.claim.share] <= fewest else surplus).append(mate)
    return equal, surplus + slower


def _fill(group: list[W], mates: list[W], room: int, rank: Callable[[Waiting], Rank]) -> list[W]:
    """Add mates to a group, those that are first in rank, up to `room` rows."""
    rows = sum(call.rows for call in group)
    if rows + sum(mate.rows for mate in mates) <= room:
        return group + mates
    for mate in sorted(mates, key=rank):
        if rows + mate.rows <= room:
            group.append(mate)
            rows += mate.rows
    return group


class _Line:
    """The jobs of one lane, what its shares were served, and what is owed (all in seconds).

    A share without jobs is remembered only while it had more than the least served one.
    """

    def __init__(self) -> None:
        self.claims: set[Claim] = set()
        self.served: dict[Hashable, float] = {}
        self.owed = 0.0
        self._eldest: Claim | None = None
        self._owed_eldest = 0.0

    def least_served(self) -> float | None:
        """Return what the least served share with a job here had; None without jobs."""
        return min((self.served[claim.share] for claim in self.claims), default=None)

    def enter(self, claim: Claim) -> None:
        least = self.least_served()
        present = {other.share for other in self.claims}
        self.served = {
            share: had
            for share, had in self.served.items()
            if share in present or (least is not None and had > least)
        }
        self.served[claim.share] = max(self.served.get(claim.share, 0.0), least or 0.0)
        self.claims.add(claim)

    def leave(self, claim: Claim, now_s: float) -> None:
        self.claims.remove(claim)
        for other in self.claims:
            if other.share == claim.share:
                other.waits_since_s = now_s

    def charge(self, claim: Claim, seconds: float) -> None:
        self.served[claim.share] = self.served.get(claim.share, 0.0) + seconds
        self._owed_eldest += ELDEST * seconds - (seconds if claim is self._eldest else 0.0)

    def owes_eldest(self, eldest: Claim | None) -> bool:
        """Tell whether the eldest should lead; None if it does not wait for long yet."""
        if eldest is not self._eldest or len(self.claims) == 1:
            self._eldest, self._owed_eldest = eldest, 0.0
        return eldest is not None and self._owed_eldest > 0
