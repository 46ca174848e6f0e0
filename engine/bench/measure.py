"""What a run was like, in numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engine.bench.load import SHORT, Task

Summary = dict[str, Any]
PATIENCE = 3.0
"""A job was served well if it took at most so many times what it takes alone."""


def summarise(tasks: Sequence[Task], alone_s: Mapping[str, float]) -> Summary:
    """Describe one server's run; times are seconds of its clock."""
    spread = max(task.ends_s or 0.0 for task in tasks) - min(task.arrives_s for task in tasks)
    latency = [task.latency_s for task in tasks]
    kinds = sorted(alone_s, key=lambda kind: alone_s[kind])
    by_kind = {kind: [task.latency_s for task in tasks if task.kind == kind] for kind in kinds}
    slowness = {task: task.latency_s / alone_s[task.kind] for task in tasks}
    return {
        "images_s": sum(task.request.pictures for task in tasks) / spread,
        "mean_s": float(np.mean(latency)),
        **_percentiles("latency", latency),
        **_percentiles("preview", [task.preview_s for task in tasks]),
        "short_p95_s": _percentile([task.latency_s for task in tasks if task.kind in SHORT], 95),
        "longest_p95_s": _percentile(by_kind[kinds[-1]], 95),
        "within_3x": float(np.mean([slow <= PATIENCE for slow in slowness.values()])),
        "most_slowed": max(slowness.values()),
        "jain": jain(_by_painter(slowness)),
        "kinds": {kind: _percentiles("latency", times) for kind, times in by_kind.items() if times},
    }


def jain(values: Sequence[float]) -> float:
    """Return Jain's fairness index: 1 if all are equal, 1/n if one has all."""
    return float(sum(values) ** 2 / (len(values) * sum(value**2 for value in values)))


def middle(summaries: Sequence[Any]) -> Any:
    """Return the median of summaries of the same shape, number by number."""
    first = summaries[0]
    if isinstance(first, dict):
        names = [name for name in first if all(name in one for one in summaries)]
        return {name: middle([one[name] for one in summaries]) for name in names}
    return float(np.median(summaries))


def _by_painter(slowness: Mapping[Task, float]) -> list[float]:
    """Each painter's mean speed against painting alone."""
    speeds: dict[str, list[float]] = {}
    for task, slow in slowness.items():
        speeds.setdefault(task.painter, []).append(1 / slow)
    return [float(np.mean(speed)) for speed in speeds.values()]


def _percentiles(name: str, values: Sequence[float]) -> dict[str, float]:
    return {f"{name}_p{rank}_s": _percentile(values, rank) for rank in (50, 95, 99)}


def _percentile(values: Sequence[float], rank: int) -> float:
    return float(np.percentile(values, rank)) if values else 0.0
