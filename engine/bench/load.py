"""What is asked of the servers: kinds of jobs, who asks, and when."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from engine.bench.presets import Preset
from engine.request import Request

GREED = (8, 4, 2, 2, 1, 1, 1, 1)
"""How often each of the painters asks, beside the others."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of job and how often it is asked for."""

    name: str
    often: float
    fields: Mapping[str, Any]


@dataclass(slots=True, eq=False)
class Task:
    """A job of a trace and what became of it, in seconds of the server's clock."""

    number: int
    kind: str
    request: Request
    painter: str
    arrives_s: float
    begins_s: float = 0.0
    first_s: float | None = None
    ends_s: float | None = None
    steps: int = 0
    pictures: Any = field(default=None, repr=False)

    @property
    def latency_s(self) -> float:
        """From arrival to end."""
        return (self.ends_s or 0.0) - self.arrives_s

    @property
    def preview_s(self) -> float:
        """From arrival to the first step, after which there is something to show."""
        return (self.first_s or self.ends_s or 0.0) - self.arrives_s


def make_kinds(preset: Preset, folder: Path) -> tuple[Kind, ...]:
    """Return the mix for a preset; the picture and the mask it needs are written to the folder."""
    side = preset.side
    image, mask = folder / "start.png", folder / "mask.png"
    Image.linear_gradient("L").resize((side, side)).convert("RGB").save(image)
    area = Image.new("L", (side, side))
    area.paste(255, (side // 4, side // 4, side, 3 * side // 4))
    area.save(mask)
    start = {"image": str(image)}
    if preset.few_steps:
        few: dict[str, Any] = {"guidance_scale": 0.0}
        return (
            Kind("imagine", 0.5, few | {"num_inference_steps": 4}),
            Kind("vary", 0.2, few | start | {"num_inference_steps": 4, "strength": 0.6}),
            Kind("turbo", 0.2, few | {"num_inference_steps": 1}),
            Kind("single", 0.1, few | start | {"num_inference_steps": 2, "strength": 0.5}),
        )
    region = {"num_inference_steps": 13, "strength": 0.9, "mask": str(mask)}
    turbo = {"num_inference_steps": 4, "guidance_scale": 1.0, "sampler": "lcm"}
    single = {"num_inference_steps": 6, "strength": 0.3, "pictures": 1}
    return (
        Kind("imagine", 0.4, {"num_inference_steps": 20}),
        Kind("vary", 0.2, start | {"num_inference_steps": 12, "strength": 0.6}),
        Kind("region", 0.1, start | region | {"sampler": "dpm++ 2m"}),
        Kind("turbo", 0.2, turbo),
        Kind("single", 0.1, start | single | {"sampler": "dpm++ 2m"}),
    )


SHORT = ("turbo", "single")


def ask(preset: Preset, kind: Kind, number: int) -> Request:
    """Make the request of one job."""
    fields: dict[str, Any] = {
        "prompt": f"{kind.name} number {number}",
        "seed": 100 * number,
        "guidance_scale": 7.0,
        "width": preset.side,
        "height": preset.side,
        "model": preset.name,
        **kind.fields,
    }
    return Request(**fields)


def make_trace(
    preset: Preset, kinds: Sequence[Kind], jobs: int, gap_s: float, seed: int
) -> list[Task]:
    """Poisson arrivals `gap_s` apart on average, all at once if 0, by painters of unequal greed.

    The same seed gives the same jobs in the same order, whatever the gap.
    """
    chance, now, tasks = random.Random(seed), 0.0, []
    for number in range(jobs):
        kind = chance.choices(kinds, [kind.often for kind in kinds])[0]
        painter = chance.choices(range(len(GREED)), GREED)[0]
        now += chance.expovariate(1) * gap_s
        tasks.append(Task(number, kind.name, ask(preset, kind, number), f"painter {painter}", now))
    return tasks


def make_rush(
    preset: Preset, kinds: Sequence[Kind], alone_s: Mapping[str, float], seed: int, turns: int = 1
) -> list[Task]:
    """Ten painters: one submits a hundred jobs at once, each other one `turns`, now and then.

    With three turns the nine ask for 45 % of the machine between them.
    """
    chance = random.Random(seed)

    def one(number: int, painter: str, arrives_s: float) -> Task:
        kind = chance.choices(kinds, [kind.often for kind in kinds])[0]
        return Task(number, kind.name, ask(preset, kind, number), painter, arrives_s)

    tasks = [one(number, "greedy", 0.0) for number in range(100)]
    length = 0.6 * sum(alone_s[task.kind] for task in tasks)
    for painter in range(9):
        for turn in range(turns):
            arrives_s = length * (turn + chance.random()) / turns
            tasks.append(one(len(tasks), f"painter {painter}", arrives_s))
    return sorted(tasks, key=lambda task: task.arrives_s)


def gap_at(load: float, burst: Sequence[Task]) -> float:
    """Return the mean gap of arrivals at which a server that took this burst is so busy.

    The burst is of the same seed, and was served beside the other servers: a job alone takes up
    to a tenth less than one in a race, and no trace is quite the mix.
    """
    served_s = max(task.ends_s or 0.0 for task in burst)
    return served_s / len(burst) / load


def count_kinds(tasks: Sequence[Task]) -> Counter[str]:
    """Count the jobs of each kind."""
    return Counter(task.kind for task in tasks)
