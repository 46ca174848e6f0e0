"""The same jobs through plain diffusers, tuned diffusers, request batching and Easel.

Each server has a clock of its own that runs only while it works, in CPU seconds of this thread
(on a card, in seconds of the wall), and jumps to the next arrival when it is idle. So servers can
take turns on one machine, whoever's clock is behind, and what else the machine does falls on all.
"""

import copy
import inspect
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Protocol

import torch

from engine.bench.load import Task
from engine.engine import ROOM
from engine.events import Cancelled, Event, Failed, Progress
from engine.library import Library
from engine.models import Model
from engine.pictures import Scene, open_scene
from engine.pipelines import call_arguments
from engine.policy import Lane
from engine.request import Request
from engine.samplers import fit_steps, make_scheduler
from engine.steps import watch_steps
from engine.ticket import Ticket
from engine.twins import make_twin
from engine.worker import TAKE_IN_S, Worker

BATCH = 4
"""Jobs that request batching puts together at most."""


class Clock:
    """Seconds that a server worked or was idle."""

    def __init__(self, device: torch.device) -> None:
        self.is_cpu = device.type == "cpu"
        self._read = time.thread_time if self.is_cpu else time.perf_counter
        self._past = 0.0
        self._since: float | None = None

    def __call__(self) -> float:
        """Return what it is now."""
        return self._past + (0.0 if self._since is None else self._read() - self._since)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let it run as long as the block does."""
        self._since = self._read()
        try:
            yield
        finally:
            self._past, self._since = self(), None

    def skip_to(self, now_s: float) -> None:
        """Jump over idle time."""
        self._past = max(self._past, now_s)


class Server(Protocol):
    """Serves tasks: `work` goes on for one indivisible piece and notes what became of them."""

    clock: Clock

    @property
    def is_busy(self) -> bool: ...
    def submit(self, task: Task) -> None: ...
    def work(self) -> None: ...
    def close(self) -> None: ...


class Fifo:
    """One job after the other, each by one call of the plain pipeline."""

    def __init__(self, model: Model, clock: Clock) -> None:
        self.clock = clock
        self._model = model
        self._queue: list[Task] = []

    @property
    def is_busy(self) -> bool:
        """Whether a job waits."""
        return bool(self._queue)

    def submit(self, task: Task) -> None:
        """Line a job up."""
        self._queue.append(task)

    def work(self) -> None:
        """Paint the next job, or those that go together with it."""
        group = self._next()
        for task in group:
            self._queue.remove(task)
            task.begins_s = self.clock()

        def on_step(*_: Any) -> None:
            for task in group:
                task.first_s = task.first_s or self.clock()

        pictures = paint_plainly(self._model, [task.request for task in group], on_step)
        for task, part in zip(group, pictures, strict=True):
            task.ends_s, task.pictures = self.clock(), part

    def close(self) -> None:
        """Nothing is left behind."""

    def _next(self) -> list[Task]:
        return self._queue[:1]


class ShortestFirst(Fifo):
    """The shortest job first, with up to `BATCH` of its kind in one call of the pipeline."""

    def __init__(self, model: Model, clock: Clock, alone_s: Mapping[str, float]) -> None:
        super().__init__(model, clock)
        self._alone_s = alone_s

    def _next(self) -> list[Task]:
        first = min(self._queue, key=lambda task: (self._alone_s[task.kind], task.number))
        return [task for task in self._queue if task.kind == first.kind][:BATCH]


def paint_plainly(
    model: Model, requests: Sequence[Request], on_step: Callable[..., None]
) -> list[torch.Tensor]:
    """Paint requests of one kind by one call of diffusers, as its users do."""
    first = requests[0]
    pipeline = model.text_to_image
    if first.image is not None:
        pipeline = model.inpainting if first.mask else model.image_to_image
    view = copy.copy(pipeline)
    scheduler = copy.deepcopy(pipeline.scheduler)
    if first.sampler:
        scheduler = make_scheduler(first.sampler, scheduler)
    view.scheduler = fit_steps(scheduler, first.num_inference_steps)
    watch_steps(view.scheduler, on_step)
    scene = open_scene(first) if first.mask else None
    every = [_arguments(view, request, scene) for request in requests]
    arguments = every[0]
    if len(requests) > 1:
        arguments = _together(every, first.pictures)
    with torch.inference_mode():
        pictures = view(**arguments).images.float().cpu()
    parts = pictures.split(first.pictures)
    return [scene.put_back(part) for part in parts] if scene else list(parts)


def _arguments(view: Any, request: Request, scene: Scene | None) -> dict[str, Any]:
    arguments = call_arguments(view, request, scene)
    if scene is not None:
        # One picture is encoded once for all tiles.
        arguments["image"] = scene.picture
        arguments.pop("masked_image_latents", None)
    return arguments


def _together(every: Sequence[dict[str, Any]], pictures: int) -> dict[str, Any]:
    """Say several jobs as one: a prompt, a picture and a generator for each tile."""
    merged = {**every[0], "num_images_per_prompt": 1}
    for name in {"prompt", "image", "mask_image"} & set(merged):
        merged[name] = [one[name] for one in every for _ in range(pictures)]
    merged["generator"] = list(itertools.chain(*(one["generator"] for one in every)))
    return merged


def plain(model: Model) -> Model:
    """Return a model of the same weights whose U-Net is as diffusers makes it.

    What Easel's hub changes in the layers of its own must not help the others too.
    """
    return _with_parts(model, {"unet": make_twin(model.text_to_image.unet)})


def tune(model: Model) -> Model:
    """Return a copy of a model, made as fast as diffusers' documentation says."""
    modules = _modules(model.text_to_image)
    parts = {name: copy.deepcopy(part) for name, part in modules.items()}
    unet = parts["unet"]
    unet.fuse_qkv_projections()
    for part in (unet, parts["vae"]):
        part.to(memory_format=torch.channels_last)
    if unet.device.type == "cuda":
        unet.compile_repeated_blocks(dynamic=True)
    return _with_parts(model, parts)


def _with_parts(model: Model, parts: Mapping[str, Any]) -> Model:
    names = "text_to_image", "image_to_image", "inpainting"
    views = {name: copy.copy(getattr(model, name)) for name in names}
    for view in views.values():
        vars(view).update(parts)
    fields = {name: getattr(model, name) for name in inspect.signature(Model).parameters}
    return Model(**fields | views)


def _modules(pipeline: Any) -> dict[str, Any]:
    parts = pipeline.components
    return {name: part for name, part in parts.items() if isinstance(part, torch.nn.Module)}


class Easel:
    """The engine's own worker, on this clock; PNGs and JPEGs, which other threads make, are not.

    As the bot does, it lets `ROOM` jobs in, and `per_painter` of one painter, first come first.
    """

    def __init__(
        self, model: Model, clock: Clock, *, exact: bool = False, per_painter: int = ROOM
    ) -> None:
        self.clock = clock
        self._per_painter = per_painter
        self.worker = Worker(Library.holding(model), _Catcher(self._keep), exact=exact, clock=clock)
        self.tickets: dict[Task, Ticket] = {}
        self._tasks: dict[Ticket, Task] = {}
        self._waiting: list[Task] = []
        self._inside: Counter[str] = Counter()

    @property
    def is_busy(self) -> bool:
        """Whether anything is left to paint."""
        return bool(self._waiting) or not self.worker.hub.is_idle

    def submit(self, task: Task) -> None:
        """Line a job up."""
        self._waiting.append(task)

    def work(self) -> None:
        """Let in who may enter, and run one forward."""
        until = self.clock() + TAKE_IN_S
        for task in list(self._waiting):
            if self._inside.total() >= ROOM or self.clock() > until:
                break
            if self._inside[task.painter] < self._per_painter:
                self._start(task)
        self.worker.turn()

    def close(self) -> None:
        """Give the model back as it was."""
        self.worker.close()

    def _start(self, task: Task) -> None:
        self._waiting.remove(task)
        self._inside[task.painter] += 1
        ticket = Ticket(task.number, task.request, self._hear, Lane.FAST, task.painter)
        self._tasks[ticket], self.tickets[task] = task, ticket
        task.begins_s = self.clock()
        self.worker.start(ticket)

    def _hear(self, ticket: Ticket, event: Event) -> None:
        task = self._tasks[ticket]
        if isinstance(event, Cancelled):
            self._inside[task.painter] -= 1
        if isinstance(event, Failed):
            raise RuntimeError(f"{task.kind} failed: {event.sentence}")
        if isinstance(event, Progress) and event.step:
            task.steps = event.step
            task.first_s = task.first_s or self.clock()

    def _keep(self, ticket: Ticket, pictures: torch.Tensor) -> None:
        task = self._tasks[ticket]
        task.ends_s, task.pictures = self.clock(), pictures
        self._inside[task.painter] -= 1


class _Catcher(ThreadPoolExecutor):
    """In the place of the threads that encode: notes that a job's pictures are there."""

    def __init__(self, keep: Callable[[Ticket, torch.Tensor], None]) -> None:
        super().__init__(1)
        self._keep_pictures = keep

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if args and isinstance(args[0], Ticket):
            self._keep_pictures(args[0], args[1])
        return Future()


class Run:
    """One server and its tasks."""

    def __init__(self, server: Server, tasks: Sequence[Task]) -> None:
        self.server = server
        self.tasks = tasks
        self._coming = sorted(tasks, key=lambda task: task.arrives_s, reverse=True)

    @property
    def is_over(self) -> bool:
        """Whether all are served."""
        return not self._coming and not self.server.is_busy

    @property
    def now_s(self) -> float:
        """How far it is."""
        return self.server.clock()

    def advance(self) -> None:
        """Let in who came by now, and work."""
        server = self.server
        if not server.is_busy:
            server.clock.skip_to(self._coming[-1].arrives_s)
        while self._coming and self._coming[-1].arrives_s <= server.clock():
            with server.clock.running():
                server.submit(self._coming.pop())
        with server.clock.running():
            server.work()


def race(runs: Mapping[str, Run]) -> None:
    """Serve all to their ends; on a CPU they take turns, on a card one comes after the other."""
    clocks = [run.server.clock for run in runs.values()]
    alternate = all(clock.is_cpu for clock in clocks)
    while active := [run for run in runs.values() if not run.is_over]:
        run = min(active, key=lambda run: run.now_s) if alternate else active[0]
        run.advance()
        if run.is_over:
            run.server.close()
