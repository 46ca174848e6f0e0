"""Shares of right answers with honest intervals, also where the pictures are few."""

from dataclasses import dataclass
from math import sqrt

from torch import Tensor

Z = 1.96  # standard deviations that hold 95 % of what chance does
LEAST_CEILING = 0.85  # a judge that is wrong more often on real scenes says nothing


@dataclass(frozen=True)
class Share:
    """So many right of so many."""

    right: int
    count: int

    @classmethod
    def of(cls, marks: Tensor) -> "Share":
        """Of marks 1 (right), 0 (wrong) and anything below 0 (not asked)."""
        return cls(int((marks == 1).sum()), int((marks >= 0).sum()))

    def __add__(self, other: "Share") -> "Share":
        return Share(self.right + other.right, self.count + other.count)

    @property
    def value(self) -> float:
        """Right answers by questions."""
        return self.right / self.count if self.count else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval (Wilson 1927), which is right near 0 and 1 too."""
        if not self.count:
            return 0.0, 1.0
        spread = Z**2 / self.count
        middle = self.value + spread / 2
        reach = sqrt(self.value * (1 - self.value) * spread + spread**2 / 4)
        low, high = ((middle + sign * reach) / (1 + spread) for sign in (-1, 1))
        return max(0.0, low), min(1.0, high)


@dataclass(frozen=True)
class Ratio:
    """A share by its ceiling, with the 95 % interval."""

    value: float
    low: float
    high: float


def by_ceiling(share: Share, ceiling: Share) -> Ratio | None:
    """The share of what the judge gets right at best; None where that is too little to count.

    The interval is that of a ratio of two shares, made of theirs (Donner and Zou 2012).
    """
    if ceiling.value < LEAST_CEILING or not share.count:
        return None
    p, q = share.value, ceiling.value
    (low, high), (low_q, high_q) = share.interval, ceiling.interval

    def bound(edge: float, edge_q: float, sign: int) -> float:
        inner = (p * q) ** 2 - edge * edge_q * (2 * p - edge) * (2 * q - edge_q)
        return (p * q + sign * sqrt(max(0.0, inner))) / (edge_q * (2 * q - edge_q))

    return Ratio(p / q, max(0.0, bound(low, high_q, -1)), bound(high, low_q, 1))
