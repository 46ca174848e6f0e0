"""All trials of one preset, and what they say together."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from engine.bench.load import Task, count_kinds, gap_at
from engine.bench.measure import Summary, middle
from engine.bench.report import PLAIN, bars_of_load, bars_of_promises
from engine.bench.trials import (
    BURST,
    SERVERS,
    Bench,
    check_exact,
    count_encodings,
    count_operations,
    measure_cancel,
    measure_difference,
    measure_matmul,
    measure_overhead,
    measure_rush,
)

RACED = (BURST, 0.9)
"""At these loads all servers run; at others first come, first served is told from the burst."""
BUSY = 0.7
"""The part of its capacity that a machine can be used to without queues growing long."""

Say = Callable[[str], None]


def study(
    bench: Bench,
    jobs: int,
    seeds: int,
    loads: Sequence[float],
    say: Say,
    *,
    with_promises: bool = True,
) -> dict[str, Any]:
    """Run the traces of all seeds at all loads; return what was found, ready for JSON."""
    summaries: dict[str, dict[str, list[Summary]]] = defaultdict(lambda: defaultdict(list))
    ratios: dict[str, list[list[float]]] = defaultdict(list)
    differences = [0.0]
    bars_of = partial(bars_of_load, bench.preset.name)
    say(f"{bench.preset.name}: a job of the mix takes {bench.warm_up():.2f} s")
    for seed in range(seeds):
        say(f"{bench.preset.name}: seed {seed}, burst")
        burst = _serve(bench, 0.0, jobs, seed)
        for load in sorted(loads):
            tasks, name = burst, "burst"
            if load != BURST:
                say(f"{bench.preset.name}: seed {seed}, load {load:g}")
                gap_s, name = gap_at(load, burst["tuned"]), f"{load:g}"
                tasks = _serve(bench, gap_s, jobs, seed, None if load in RACED else burst)
            one = {server: bench.summarise(tasks[server]) for server in SERVERS}
            for server in SERVERS:
                summaries[name][server].append(one[server])
            ratios[name].append([bar.value for bar in bars_of(name, one)])
            if load in RACED:
                differences.append(measure_difference(tasks["easel"], tasks["fifo"]))
    middles = {
        name: {server: middle(found) for server, found in servers.items()}
        for name, servers in summaries.items()
    }
    promises = {}
    if with_promises:
        say(f"{bench.preset.name}: promises")
        promises = _measure_promises(bench, seeds, max(differences))
    # The median of each seed's ratio: within a seed the servers ran side by side.
    bars = [
        replace(bar, value=value)
        for name, one in middles.items()
        for bar, value in zip(bars_of(name, one), middle_columns(ratios[name]), strict=True)
    ]
    bars += bars_of_promises(promises) if promises else []
    return {
        "alone_s": bench.alone_s,
        "loads": middles,
        "promises": promises,
        "bars": [{**asdict(bar), "holds": bar.holds} for bar in bars],
        **_capacity(bench, middles, jobs),
        **_efficiency(bench, burst["easel"]),
    }


def middle_columns(rows: Sequence[Sequence[float]]) -> list[float]:
    """Return the median of each column."""
    return [float(middle(column)) for column in zip(*rows, strict=True)]


def _serve(
    bench: Bench, gap_s: float, jobs: int, seed: int, burst: Mapping[str, list[Task]] | None = None
) -> dict[str, list[Task]]:
    """Serve a trace by everybody; with a burst, the plain ones' part is told from theirs of it."""
    told = {name: bench.replay(burst[name], gap_s, seed) for name in PLAIN} if burst else {}
    names = [name for name in SERVERS if name not in told]
    runs = bench.run(gap_s, jobs, seed, names)
    return told | {name: list(run.tasks) for name, run in runs.items()}


def _measure_promises(bench: Bench, seeds: int, difference: float) -> dict[str, float]:
    def rush(turns: int) -> float:
        return float(middle([measure_rush(bench, seed, turns) for seed in range(seeds)]))

    return {
        "difference": difference,
        "exact": float(check_exact(bench)),
        "overhead_us": 1e6 * measure_overhead(bench),
        "rush": rush(1),
        "busy_rush": rush(3),
        "wasted_steps": measure_cancel(bench),
        "encodings": float(count_encodings(bench)),
    }


def _capacity(bench: Bench, middles: dict[str, Any], jobs: int) -> dict[str, float]:
    """How many painters this machine can serve."""
    images = sum(kind.often * kind.fields.get("pictures", 4) for kind in bench.kinds)
    most = max(servers["easel"]["images_s"] for servers in middles.values())
    per_minute = 60 * most / images
    return {"jobs_per_minute": per_minute, "painters": BUSY * per_minute}


def _efficiency(bench: Bench, burst: Sequence[Task]) -> dict[str, float]:
    """The part of the device's matrix products that a burst made use of."""
    each = count_operations(bench)
    operations = sum(number * each[kind] for kind, number in count_kinds(burst).items())
    rate = measure_matmul(bench.device, bench.model.text_to_image.unet.dtype)
    seconds = max(task.ends_s or 0.0 for task in burst)
    return {"mfu": operations / seconds / rate, "matmul_tflops": rate / 1e12}
