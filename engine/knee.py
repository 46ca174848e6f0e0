"""How many rows a forward is worth: measured as it runs, so that it fits any device.

Up to the knee more rows cost little more time; beyond it they only make everybody wait longer.
"""

import math
from bisect import bisect_left
from collections.abc import Hashable

BUCKETS = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64)
GAIN = 1.03
"""A larger bucket is worth it if it gives this many times the rows per second."""
FRESH = 0.2
"""Weight of a new measurement in the moving average …"""
SLOWER = 0.1
"""… if it is slower than that: whatever else the machine does only ever makes a forward slower."""
EXPLORE_EVERY = 64
"""So often two forwards may be one or two buckets larger than the cap: the machine may change."""
EXPLORE_EARLY = 16
LEARNING = 256
"""Forwards during which that is done more often."""
COMPANY = 1.8
"""No job's forward takes more than so many times what it takes alone because others joined it …"""
EQUALS = 2 / GAIN
"""… but up to so many times if they have no more rows than it has: both together take less than
one after the other then, by what makes a larger bucket worth it …"""
CROWD = 2.5
"""… and longer where more rows wait than fill so many forwards that a grid bears: by as many times
as there are more, for larger forwards bring all of them their turns sooner."""
FASTEST = 1.002
"""In a crowd every row per second counts: a smaller bucket must be as fast but for this much."""
FIRST_CAP = 8
"""Before anything is measured: one grid of four with guidance."""

SHORTEST_S = 1e-7
"""What a clock that did not move is taken for."""


class Knee:
    """The times t(rows) of each kind of call and the row caps that follow from them.

    `kind` is whatever tells calls of different cost apart: site, dtype and shape of a row.
    """

    def __init__(self) -> None:
        self._curves: dict[Hashable, _Curve] = {}

    def observe(self, kind: Hashable, rows: int, seconds: float) -> None:
        """Take in that a forward of `rows` rows took `seconds`."""
        self._curves.setdefault(kind, _Curve()).observe(rows, seconds)

    def cap(self, kind: Hashable, rows: int = FIRST_CAP, waiting: int = 0) -> int:
        """Return the most rows of a forward that is led by a call of this kind with `rows`.

        `waiting` is the rows of all calls of this kind. The forward takes at most `COMPANY` times
        what the leader does alone, or `EQUALS` times for twice the rows; the more are a crowd, the
        longer.
        """
        curve = self._curves.get(kind)
        return curve.cap(rows, waiting) if curve else FIRST_CAP

    def seconds_per_row(self, kind: Hashable) -> float:
        """Return what a row costs in the forwards seen of late; 0 before the first."""
        curve = self._curves.get(kind)
        return curve.seconds_per_row if curve else 0.0


class _Curve:
    """t(rows) of one kind of call, as moving averages in seconds at the row counts seen."""

    def __init__(self) -> None:
        self._seconds: dict[int, float] = {}
        self._rows: list[int] = []
        self._warm: set[int] = set()
        self._forwards = 0
        self._cap = self._fastest = FIRST_CAP
        self.seconds_per_row = 0.0

    def observe(self, rows: int, seconds: float) -> None:
        seconds = max(seconds, SHORTEST_S)
        per_row, known = seconds / rows, self._seconds.get(rows)
        if known is None:
            self._rows.insert(bisect_left(self._rows, rows), rows)
        elif rows in self._warm:
            seconds = known + (SLOWER if seconds > known else FRESH) * (seconds - known)
        else:  # the first forward of a size also found its memory and its kernels
            self._warm.add(rows)
        self._seconds[rows] = seconds
        self.seconds_per_row += (FRESH if self._forwards else 1.0) * (
            per_row - self.seconds_per_row
        )
        self._forwards += 1
        self._find_knees()

    def cap(self, rows: int, waiting: int) -> int:
        ordinary = min(self._cap, self._bearable(FIRST_CAP, 1.0))
        crowd = max(1.0, waiting / (CROWD * ordinary))
        knee = max(self._explore(), self._fastest if crowd > 1 else 0)
        return min(knee, self._bearable(rows, crowd))

    def _bearable(self, rows: int, crowd: float) -> int:
        """Return the largest bucket whose forward takes not too long for a leader of `rows`."""
        alone, fits = self._at(min(rows, self._rows[-1])), rows
        for bucket in BUCKETS:
            if bucket > self._rows[-1]:
                return BUCKETS[-1]
            most = crowd * (EQUALS if bucket <= 2 * rows else COMPANY)
            if bucket > rows and self._at(bucket) > most * alone:
                break
            fits = max(fits, bucket)
        return fits

    def _explore(self) -> int:
        """Return the cap, or now and then a larger bucket."""
        every = EXPLORE_EVERY if self._forwards > LEARNING else EXPLORE_EARLY
        if self._forwards % every < every - 2:
            return self._cap
        larger = _next_bucket(self._cap)
        return larger if self._forwards // every % 2 else _next_bucket(larger)

    def _find_knees(self) -> None:
        """Find the smallest buckets that give the most rows per second seen, nearly and exactly."""
        rates = {
            bucket: bucket / self._at(bucket)
            for bucket in BUCKETS
            if self._rows[0] <= bucket <= self._rows[-1]
        }
        self._cap, self._fastest = self._smallest(rates, GAIN), self._smallest(rates, FASTEST)

    def _smallest(self, rates: dict[int, float], gain: float) -> int:
        """Return the smallest bucket of which no other has `gain` times the rows per second.

        While the largest one seen has that, it is the next larger one.
        """
        *smaller, top = rates.values() or [0.0]
        if not smaller or top > gain * max(smaller):
            return _next_bucket(self._rows[-1])
        best = max(rates.values())
        return next(bucket for bucket, rate in rates.items() if gain * rate >= best)

    def _at(self, rows: int) -> float:
        """Return t(rows) in seconds, straight between the two nearest row counts measured.

        Fewer rows than those cost something between as much as the fewest and their part of it.
        """
        above = bisect_left(self._rows, rows)
        high = self._rows[above]
        if above == 0:
            return self._seconds[high] * math.sqrt(rows / high)
        low = self._rows[above - 1]
        part = (rows - low) / (high - low)
        return self._seconds[low] + part * (self._seconds[high] - self._seconds[low])


def _next_bucket(rows: int) -> int:
    return next((bucket for bucket in BUCKETS if bucket > rows), BUCKETS[-1])
