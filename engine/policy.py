"""Which parked call leads the next forward, and who joins it. Pure: no torch, no clock of its own.

A lane that is owed its minimum leads, else turbo before fast before relax. In the lane it is the
job with the least work left until its painter sees something, be it a preview or the end. That
work counts for more the further the painter is ahead of the others, and for less the longer the
job has waited. Every amount of work is in seconds of the device.
"""

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

    `share` is who pays for the work (a painter); `had` is what the job got so far, in seconds.
    """

    lane: Lane
    share: Hashable
    arrived_s: float
    had: float = field(default=0.0, init=False)


class Waiting(Protocol):
    """A parked call: `rows` of it, which may share a forward with others of equal `key`.

    `work` is what the job's steps need until something new is seen of it (its preview, then its
    end), in seconds; 0 if unknown, or if only the decoding is left. An `is_heavy` call holds much
    memory while it waits, so it never waits long. A call that is not `is_set` needs its module
    switched first (to other LoRAs), which takes time.
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
Rank = tuple[bool, int, float, float]

MINIMUM = {Lane.FAST: 0.2, Lane.RELAX: 0.1}
"""The part of the work that a lane gets while the lanes above it would take all."""
AGING = 8.0
"""A job that waited for this many ordinary jobs counts as if a quarter of its work were left …"""
OLD = 2.0
"""… and no job counts as older than so many times that: a flood must not outweigh all by age."""
PART = 0.44
"""Who gets less than this part of the work is not ahead of those who come now and then …"""
LEEWAY = 6.0
"""… nor, by this many ordinary jobs, of those who ask for as much as he does."""
AHEAD = 5.0
"""By each ordinary job that a share is ahead its work counts so many times more."""
HEAD_START = 10.0
"""No share begins with more than this many ordinary jobs less than all others here had."""
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
        self._ground = 0.0
        self._idle_since_s = 0.0

    def enter(self, claim: Claim) -> None:
        """Take in a job."""
        if not any(line.claims for line in self._lines.values()):
            self._ground += PART * max(0.0, claim.arrived_s - self._idle_since_s)
        self._lines[claim.lane].enter(claim, self._ground, HEAD_START * self._ordinary)

    def leave(self, claim: Claim, now_s: float) -> None:
        """Forget a job that ended, whatever its end."""
        self._lines[claim.lane].claims.remove(claim)
        self._idle_since_s = now_s
        if claim.had:
            weight = FRESH if self._ordinary else 1.0
            self._ordinary += weight * (claim.had - self._ordinary)

    def charge(self, claim: Claim, seconds: float) -> None:
        """Take in that a job's rows took `seconds` of the device."""
        claim.had += seconds
        self._ground += PART * seconds
        self._lines[claim.lane].charge(claim, seconds)
        first = min((lane for lane, line in self._lines.items() if line.claims), default=None)
        for lane, part in MINIMUM.items():
            line = self._lines[lane]
            if line.claims and lane is not first:
                line.owed += part * seconds - (seconds if lane is claim.lane else 0.0)
            else:
                line.owed = 0.0

    def choose(self, calls: Sequence[W], now_s: float, cap: Callable[[W], int]) -> list[W]:
        """Return the calls of the next forward, the leader first: one key, at most `cap` rows.

        A leader of more rows than its cap goes alone. Others join in their order, those of faster
        lanes first.
        """
        if len(calls) == 1:
            self._kept = self._kept + 1 if calls[0].is_set else 1
            return [calls[0]]
        rank = self._ranking(now_s)
        leader = self._keep(self._lead(calls, rank), calls, rank)
        mates = [call for call in calls if call.key == leader.key and call is not leader]
        return _fill(leader, mates, cap(leader), rank)

    def _lead(self, calls: Sequence[W], rank: Callable[[Waiting], Rank]) -> W:
        waiting = {call.claim.lane for call in calls}
        lane = max((lane for lane in waiting if self._lines[lane].owed > 0), default=min(waiting))
        return min((call for call in calls if call.claim.lane is lane), key=rank)

    def _keep(self, leader: W, calls: Sequence[W], rank: Callable[[Waiting], Rank]) -> W:
        """Let another of its lane lead if its module was switched just now."""
        if not leader.is_set and self._kept < KEEP and not leader.is_heavy:
            lane = leader.claim.lane
            others = [call for call in calls if call.is_set and call.claim.lane is lane]
            leader = min(others, key=rank, default=leader)
        self._kept = self._kept + 1 if leader.is_set else 1
        return leader

    def _ranking(self, now_s: float) -> Callable[[Waiting], Rank]:
        ordinary = self._ordinary
        ground, leeway = self._ground, LEEWAY * ordinary
        ahead = {lane: line.ahead(ground, leeway) for lane, line in self._lines.items()}

        def rank(call: Waiting) -> Rank:
            claim, work = call.claim, call.work
            if ordinary:
                work *= 1 + AHEAD * ahead[claim.lane][claim.share] / ordinary
                age = (now_s - claim.arrived_s) / (AGING * ordinary)
                work /= (1 + min(age, OLD)) ** 2
            return not call.is_heavy, claim.lane, work, claim.arrived_s

        return rank


def _fill(leader: W, mates: list[W], room: int, rank: Callable[[Waiting], Rank]) -> list[W]:
    """Return the leader and those mates that are first in rank, up to `room` rows."""
    group, rows = [leader], leader.rows
    if rows + sum(mate.rows for mate in mates) <= room:
        return group + mates
    for mate in sorted(mates, key=rank):
        if rows + mate.rows <= room:
            group.append(mate)
            rows += mate.rows
    return group


class _Line:
    """The jobs of one lane, the accounts of their shares, and what is owed (all in seconds).

    An account grows by the work that a share gets. Who asks for nothing meanwhile begins at the
    ground, or where he stopped if that is higher. The ground rises by `PART` of all work that is
    done, and of the time in which there is none.
    """

    def __init__(self) -> None:
        self.claims: set[Claim] = set()
        self.accounts: dict[Hashable, float] = {}
        self.owed = 0.0

    def enter(self, claim: Claim, ground: float, head_start: float) -> None:
        """Take in a job; its share begins at most `head_start` below the least served one."""
        present = {other.share for other in self.claims}
        self.accounts = {
            share: account
            for share, account in self.accounts.items()
            if share in present or account > ground
        }
        if claim.share not in present:
            least = min((self.accounts[share] for share in present), default=ground)
            begins = max(ground, least - head_start)
            self.accounts[claim.share] = max(self.accounts.get(claim.share, begins), begins)
        self.claims.add(claim)

    def charge(self, claim: Claim, seconds: float) -> None:
        """Put `seconds` on the account of a job's share, if it is still known."""
        if claim.share in self.accounts:
            self.accounts[claim.share] += seconds

    def ahead(self, ground: float, leeway: float) -> dict[Hashable, float]:
        """Return how far each share with a job here is above the ground or the least served one.

        Above the one that is higher; but of the ground only what is below `leeway` counts.
        """
        accounts = {claim.share: self.accounts[claim.share] for claim in self.claims}
        least = min(accounts.values(), default=0.0)
        free = least + min(max(ground - least, 0.0), leeway)
        return {share: max(0.0, account - free) for share, account in accounts.items()}
