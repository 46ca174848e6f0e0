"""How fast the engine is, as measured, and when a waiting job will be painted; pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bot.jobs import Entry
from bot.language import _

MEMORY = 0.9
"""How much of what was measured before still counts when one more job is painted."""
SHOWN_S = 5.0
"""A shorter wait is not worth a number."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a painter is told: how many jobs enter before theirs, and when it is painted."""

    place: int
    eta_s: float | None


class Pace:
    """Work painted in a second, while there was work: cost over busy time, the latest first."""

    def __init__(self, cost: float = 0.0, busy_s: float = 0.0) -> None:
        """Begin with what an earlier process has measured, if it has."""
        self._cost, self._busy_s = cost, busy_s
        self._new_s = 0.0
        self._since: float | None = None

    def busy(self, inside: int, now: float) -> None:
        """Note that from now on so many jobs are inside."""
        if self._since is not None:
            self._new_s += now - self._since
        self._since = now if inside else None

    def painted(self, cost: float, now: float) -> None:
        """Note that a job of this cost is painted."""
        self.busy(1, now)
        self._cost = self._cost * MEMORY + cost
        self._busy_s = self._busy_s * MEMORY + self._new_s
        self._new_s = 0.0

    @property
    def cost_per_s(self) -> float | None:
        """What the engine gets done in a second; None before anything was measured."""
        return self._cost / self._busy_s if self._cost and self._busy_s > 0 else None


def outlooks(
    order: Sequence[Entry], inside: Collection[float], cost_per_s: float | None
) -> dict[int, Outlook]:
    """Return the outlook of each waiting job; `inside` is the work left of the running ones."""
    work = sum(inside)
    found = {}
    for place, entry in enumerate(order):
        work += entry.cost
        found[entry.job_id] = Outlook(place, work / cost_per_s if cost_per_s else None)
    return found


def phrase(seconds: float) -> str:
    """Return a wait in words: no more exact than it is known."""
    if seconds < 90:
        return _("about {number} s").format(number=max(5 * round(seconds / 5), 5))
    return _("about {number} min").format(number=round(seconds / 60))
