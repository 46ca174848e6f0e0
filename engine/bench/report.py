"""The bars, and the tables in which a person reads them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.bench.measure import Summary

NAMES = {
    "fifo": "plain diffusers, first come first served",
    "tuned": "tuned diffusers, first come first served",
    "shortest": "shortest job first, request batching",
    "easel": "Easel",
}
PLAIN = ("fifo", "tuned")
"""Who serves one job at a time; FIFO is the better of them."""
BUSY = "0.9"
"""The load whose latencies have bars."""
COLUMNS = {
    "images/s": "images_s",
    "mean s": "mean_s",
    "p50 s": "latency_p50_s",
    "p95 s": "latency_p95_s",
    "p99 s": "latency_p99_s",
    "short p95 s": "short_p95_s",
    "longest p95 s": "longest_p95_s",
    "preview p95 s": "preview_p95_s",
    "within 3x": "within_3x",
    "Jain": "jain",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """A number that should be at most, or at least, so much."""

    name: str
    value: float
    limit: float
    is_least: bool = False

    @property
    def holds(self) -> bool:
        """Whether it is kept."""
        return self.value >= self.limit if self.is_least else self.value <= self.limit


def bars_of_load(regime: str, load: str, servers: Mapping[str, Summary]) -> list[Bar]:
    """Compare Easel with the others at the loads that have bars.

    More images than first come, first served are promised where launching is what costs.
    """
    easel, shortest = servers["easel"], servers["shortest"]

    def over_fifo(field: str, better: Any = min) -> float:
        return float(easel[field] / better(servers[name][field] for name in PLAIN))

    def over_shortest(field: str) -> float:
        return float(easel[field] / shortest[field])

    if load == "burst":
        bars = [Bar("burst: images/s over shortest first", over_shortest("images_s"), 1.0, True)]
        if regime == "launch":
            more = over_fifo("images_s", max)
            bars.insert(0, Bar("burst: images/s over FIFO", more, 1.4, True))
        return bars
    if load != BUSY:
        return []
    return [
        Bar(f"{load}: mean latency over FIFO", over_fifo("mean_s"), 0.85),
        Bar(f"{load}: short jobs' p95 over FIFO", over_fifo("short_p95_s"), 0.1),
        Bar(f"{load}: short jobs' p95 over shortest first", over_shortest("short_p95_s"), 0.5),
        Bar(f"{load}: p95 to first preview over FIFO", over_fifo("preview_p95_s"), 0.1),
        Bar(f"{load}: … over shortest first", over_shortest("preview_p95_s"), 0.2),
        Bar(f"{load}: longest kind's p95 over FIFO", over_fifo("longest_p95_s"), 1.3),
    ]


def bars_of_promises(promises: Mapping[str, float]) -> list[Bar]:
    """Compare what is measured beside the traces."""
    return [
        Bar("largest difference to painting alone", promises["difference"], 1e-5),
        Bar("exact is bit for bit", promises["exact"], 1.0, True),
        Bar("hub, µs per job-step", promises["overhead_us"], 60.0),
        Bar("ten painters, one submits 100: others' p95 over alone", promises["rush"], 3.0),
        Bar("steps computed after a cancel", promises["wasted_steps"], 1.0),
        Bar("text encoder calls for a known prompt", promises["encodings"], 0.0),
    ]


def write_report(found: Mapping[str, Any]) -> str:
    """Say everything in Markdown."""
    lines = [
        f"### {found['regime']} on {found['device']}",
        "",
        f"{found['jobs']} jobs, {found['seeds']} seeds, medians; a job alone takes "
        + ", ".join(f"{kind} {took:.2f} s" for kind, took in found["alone_s"].items())
        + ".",
    ]
    for load, servers in found["loads"].items():
        title = "All at once" if load == "burst" else f"Load {load} of the tuned FIFO's capacity"
        rows = [[NAMES[name], *_cells(one)] for name, one in servers.items()]
        lines += ["", f"{title}:", "", *_table(["server", *COLUMNS], rows)]
    rows = [
        [
            bar["name"],
            f"{bar['value']:.3g}",
            f"{bar['limit']:g}",
            "yes" if bar["holds"] else "**no**",
        ]
        for bar in found["bars"]
    ]
    lines += ["", *_table(["bar", "measured", "limit", "kept"], rows), ""]
    return "\n".join([*lines, *_say_more(found), ""])


def _say_more(found: Mapping[str, Any]) -> list[str]:
    lines = [
        f"This machine serves up to {found['painters']:.0f} painters who each ask for a job "
        f"of this mix every minute: 70 % of Easel's {found['jobs_per_minute']:.0f} jobs a minute."
    ]
    if found["promises"]:
        lines.append(
            "Where one of ten painters submits 100 and each other one three, the others' p95 is "
            f"{found['promises']['busy_rush']:.2g} times what they take alone."
        )
    if "mfu" in found:
        lines.append(
            f"Model operations are {100 * found['mfu']:.0f} % of what this device's "
            f"{found['matmul_tflops']:.3g} TFLOP/s of matrix products would allow."
        )
    return lines


def _cells(one: Summary) -> list[str]:
    return [f"{one[field]:.3g}" for field in COLUMNS.values()]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table in Markdown."""

    def line(cells: Sequence[str]) -> str:
        return f"| {' | '.join(cells)} |"

    return [line(head), line(["---"] * len(head)), *(line(row) for row in rows)]
