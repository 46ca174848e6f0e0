"""The trials: a trace through all servers, and what the engine promises beside speed."""

import functools
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from engine.bench.load import Kind, Task, ask, make_rush, make_trace
from engine.bench.measure import Summary, summarise
from engine.bench.presets import Preset
from engine.bench.servers import (
    Clock,
    Easel,
    Fifo,
    Run,
    ShortestFirst,
    paint_plainly,
    plain,
    race,
    tune,
)
from engine.models import Model
from engine.pipelines import paint

BURST = 0.0
"""The load that stands for: all at once."""
SERVERS = ("fifo", "tuned", "shortest", "easel")
STUB_STEPS = 60
RUNNING = 3
"""Jobs of one painter that the bot's queue lets into the engine at a time."""


def quietly(*_: Any) -> None:
    """Nobody wants to know of the steps."""


class Bench:
    """One preset on one device: its models, its mix of jobs, and what each takes alone.

    What each takes is measured when first asked for; `warm_up` asks for all.
    """

    def __init__(self, preset: Preset, model: Model, kinds: Sequence[Kind]) -> None:
        self.preset = preset
        self.model = model
        self.plain, self.tuned = plain(model), tune(model)
        self.kinds = kinds
        self.device = torch.device(model.text_to_image.device)

    @cached_property
    def alone_s(self) -> dict[str, float]:
        """What a job of each kind takes when nothing else is painted."""
        return self.time_alone()

    @cached_property
    def plain_s(self) -> dict[str, float]:
        """What it takes plain diffusers."""
        return self._time_kinds(lambda r: paint_plainly(self.plain, [r], quietly))

    def warm_up(self) -> float:
        """Let every server's way of painting run before it counts; return what a job takes."""
        tuned_s = self._time_kinds(lambda r: paint_plainly(self.tuned, [r], quietly))
        *_, took = self.alone_s, self.plain_s, tuned_s
        return sum(kind.often * took[kind.name] for kind in self.kinds)

    def time_alone(self) -> dict[str, float]:
        """Return what a job of each kind takes when nothing else is painted."""
        return self._time_kinds(lambda request: paint(self.model, request, quietly))

    def run(self, gap_s: float, jobs: int, seed: int, names: Sequence[str]) -> dict[str, Run]:
        """Serve one trace, of arrivals `gap_s` apart on average, by the servers named."""
        runs = {}
        for name in names:
            tasks = make_trace(self.preset, self.kinds, jobs, gap_s, seed)
            runs[name] = Run(self._make_server(name), tasks)
        race(runs)
        return runs

    def replay(self, served: Sequence[Task], gap_s: float, seed: int) -> list[Task]:
        """Tell how first-come-first-served does with other gaps.

        There each job takes as long as it took before, for nothing else runs beside it.
        """
        tasks, now = make_trace(self.preset, self.kinds, len(served), gap_s, seed), 0.0
        for task, known in zip(tasks, served, strict=True):
            task.begins_s = max(now, task.arrives_s)
            task.first_s = task.begins_s + (known.first_s or 0.0) - known.begins_s
            now = task.ends_s = task.begins_s + (known.ends_s or 0.0) - known.begins_s
        return tasks

    def summarise(self, tasks: Sequence[Task]) -> Summary:
        """Describe a server's run."""
        return summarise(tasks, self.alone_s)

    def _make_server(self, name: str) -> Any:
        clock = Clock(self.device)
        if name == "easel":
            return Easel(self.model, clock)
        if name == "shortest":
            return ShortestFirst(self.plain, clock, self.plain_s)
        return Fifo(self.tuned if name == "tuned" else self.plain, clock)

    def _time_kinds(self, run: Callable[[Any], Any]) -> dict[str, float]:
        """Seconds of a job of each kind, the middle of three after a first."""
        found = {}
        for kind in self.kinds:
            clock, seconds = Clock(self.device), []
            for number in range(4):
                # Another prompt each time: the cache of embeddings would help one of them only.
                request = replace(ask(self.preset, kind, number), prompt=f"{id(run)} {number}")
                began = clock()
                with clock.running():
                    run(request)
                seconds.append(clock() - began)
            found[kind.name] = statistics.median(seconds[1:])
        return found


def measure_rush(bench: Bench, seed: int, turns: int = 1) -> float:
    """One painter of ten submits a hundred jobs: the others' p95 against painting alone.

    Each of the others asks `turns` times while the hundred are painted.
    Alone is what it takes just before and just after: machines have their moods.
    """
    before = bench.time_alone()
    tasks = make_rush(bench.preset, bench.kinds, before, seed, turns)
    easel = Easel(bench.model, Clock(bench.device), per_painter=RUNNING)
    race({"easel": Run(easel, tasks)})
    after = bench.time_alone()
    alone = {kind: (took + after[kind]) / 2 for kind, took in before.items()}
    slow = [task.latency_s / alone[task.kind] for task in tasks if task.painter != "greedy"]
    return statistics.quantiles(slow, n=20, method="inclusive")[-1]


def measure_cancel(bench: Bench) -> float:
    """Cancel one of four jobs in the middle: how many of its steps are still computed."""
    easel = Easel(bench.model, Clock(bench.device))
    kind = max(bench.kinds, key=lambda kind: bench.alone_s[kind.name])
    tasks = [Task(n, kind.name, ask(bench.preset, kind, n), str(n), 0.0) for n in range(4)]
    name = f"{bench.preset.name}/unet"
    for task in tasks:
        easel.submit(task)
    for _ in range(12):
        easel.work()
    victim = max(tasks, key=lambda task: task.steps)
    before = victim.steps
    easel.tickets[victim].cancel()
    while easel.is_busy:
        easel.work()
    easel.close()
    each = victim.request.pictures * (2 if victim.request.guidance_scale > 1 else 1)
    others = (len(tasks) - 1) * victim.request.num_inference_steps
    return easel.worker.hub.rows[name] / each - others - before


def count_encodings(bench: Bench) -> int:
    """Paint a prompt again: how often a text encoder runs for it."""
    calls: list[int] = []
    encoder = bench.model.text_to_image.text_encoder
    easel = Easel(bench.model, Clock(bench.device))
    kind = min(bench.kinds, key=lambda kind: bench.alone_s[kind.name])
    # The encoder's own hooks would run in the jobs; its embeddings run in the forwards.
    part = next(layer for layer in encoder.modules() if isinstance(layer, torch.nn.Embedding))
    for number in range(2):
        if number:
            hook = part.register_forward_hook(lambda *_: calls.append(1))
        easel.submit(Task(number, kind.name, ask(bench.preset, kind, 7), "", 0.0))
        while easel.is_busy:
            easel.work()
    hook.remove()
    easel.close()
    return len(calls)


def measure_difference(painted: Sequence[Task], plain: Sequence[Task]) -> float:
    """Return the largest difference between pictures painted in company and by plain diffusers."""
    largest = 0.0
    for one, other in zip(painted, plain, strict=True):
        # Of a masked picture diffusers draws all tiles' first noise by the first one's seed.
        tiles = 1 if one.request.mask else one.request.pictures
        difference = (one.pictures[:tiles] - other.pictures[:tiles]).abs().max()
        largest = max(largest, float(difference))
    return largest


def check_exact(bench: Bench, jobs: int = 6) -> bool:
    """Tell whether `exact` gives the same bits alone and in company."""

    def paint_them(*, together: bool) -> list[torch.Tensor]:
        easel = Easel(bench.model, Clock(bench.device), exact=True)
        tasks = make_trace(bench.preset, bench.kinds, jobs, 0.0, 0)
        for task in tasks:
            easel.submit(task)
            while not together and easel.is_busy:
                easel.work()
        while easel.is_busy:
            easel.work()
        easel.close()
        return [task.pictures for task in tasks]

    pairs = zip(paint_them(together=False), paint_them(together=True), strict=True)
    return all(torch.equal(*pair) for pair in pairs)


def measure_overhead(bench: Bench, jobs: int = 8) -> float:
    """Return what the hub costs per job-step in seconds, with a U-Net that does nothing."""
    unet = bench.model.text_to_image.unet
    size = bench.preset.side // 8
    empty = torch.zeros(64 * 8, 4, size, size, device=bench.device, dtype=unet.dtype)
    kind = bench.kinds[0]
    requests = [
        replace(ask(bench.preset, kind, number), num_inference_steps=STUB_STEPS, pictures=1)
        for number in range(jobs)
    ]
    real = unet.__dict__.get("forward")

    # With the names of the real arguments, so that the hub knows the timesteps for what they are.
    @functools.wraps(type(unet).forward.__get__(unet))
    def stub(sample: torch.Tensor, *_: Any, **__: Any) -> tuple[torch.Tensor]:
        return (empty[: len(sample)],)

    unet.forward = stub
    alone, hub = [], []
    try:
        for _ in range(5):
            alone.append(_time(lambda: [paint(bench.model, one, quietly) for one in requests]))
            hub.append(_time(lambda: _paint_together(bench, requests)))
    finally:
        if real is None:
            del unet.forward
        else:
            unet.forward = real
    return (min(hub) - min(alone)) / (STUB_STEPS * jobs)


def _paint_together(bench: Bench, requests: Sequence[Any]) -> None:
    easel = Easel(bench.model, Clock(bench.device))
    for number, request in enumerate(requests):
        easel.submit(Task(number, "stub", request, str(number), 0.0))
    while easel.is_busy:
        easel.work()
    easel.close()


def _time(run: Callable[[], Any]) -> float:
    began = time.thread_time()
    run()
    return time.thread_time() - began


def measure_matmul(device: torch.device, dtype: torch.dtype) -> float:
    """Return the operations per second of a large product of matrices."""
    size, clock = (1024 if device.type == "cpu" else 8192), Clock(device)
    one, seconds = torch.randn(size, size, device=device, dtype=dtype), []
    for _ in range(6):
        began = clock()
        with clock.running():
            one @ one
            if device.type == "cuda":
                torch.cuda.synchronize(device)
        seconds.append(clock() - began)
    return float(2 * size**3 / min(seconds))


def count_operations(bench: Bench) -> Mapping[str, float]:
    """Count the floating-point operations of a job of each kind."""
    found = {}
    for kind in bench.kinds:
        counter = FlopCounterMode(display=False)
        with counter:
            paint(bench.model, ask(bench.preset, kind, 1), quietly)
        found[kind.name] = float(counter.get_total_flops())
    return found
