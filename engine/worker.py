"""What the engine's thread does with its jobs: paints them together, each with its own end.

Jobs of a model that is not open yet wait in a line; while the first of them waits for long, no
others that would keep it from its room are begun.

Imports torch and diffusers, so only the engine's thread imports this.
"""

import contextlib
import functools
import logging
import os
import queue
import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import torch
from PIL import Image
from torch import nn

from engine.describer import Describer
from engine.errors import N_, ModelError, PaintError, Sentence, StoppedError
from engine.events import (
    Cancelled,
    Described,
    Explained,
    Failed,
    Painted,
    Preview,
    Progress,
    Weighed,
)
from engine.hub import Hub
from engine.importance import weigh
from engine.library import Library
from engine.memory import free_cache, is_device_lost, is_out_of_memory
from engine.models import Model
from engine.offload import Offload
from engine.pipelines import paint
from engine.preview import encode_preview
from engine.request import Request, cost
from engine.routes import route_pipeline
from engine.steps import Estimate
from engine.study import study
from engine.ticket import Aim, Ticket

log = logging.getLogger(__name__)

TOO_LARGE = N_("Pictures of {size} do not fit into this machine's memory; {smaller} may.")
TOO_LARGE_HERE = N_("Pictures of {size} do not fit into this machine's memory; {smaller} does.")
POISONED_EXIT = 70
FETCH_POLL_S = 0.1
"""So often one looks whether a model was fetched, while there is nothing to paint."""
PATIENCE_S = 20.0
"""So long jobs of open models may go before one whose model finds no room."""
EYES = "Easel's eyes"
"""In the place of a model's name, which it can be none of: what looks at pictures to describe them.
"""
TAKE_IN_S = 0.02
"""While jobs paint, at most this long between two forwards goes into starting others."""


class Worker:
    """Paints tickets with the models of a library. Made and used in one thread.

    With `exact`, pictures are the same bit for bit whatever is painted beside them.
    """

    def __init__(
        self,
        library: Library,
        pool: ThreadPoolExecutor,
        describer: Describer | None = None,
        preview_interval_s: float = 1.0,
        *,
        exact: bool = False,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.library = library
        self.describer = describer or Describer(library.device)
        self.clock = clock
        self.seconds_per_cost: float | None = None
        self.preview_interval_s = preview_interval_s
        """The least time between two previews of a job."""
        self._pool = pool
        self._largest: dict[str, Request] = {}
        self._inside: set[Ticket] = set()
        self._line: list[tuple[Ticket, float]] = []
        self.hub = Hub(
            library.device,
            exact=exact,
            activate=self._activate,
            bring=self._bring,
            leave_only=self._leave_only,
            clock=clock,
        )
        library.on_opened, library.on_closed = self._route, self._unroute
        for model in library.opened.values():
            self._route(model)
        self.describer.on_made = self._route_eyes

    def serve(self, inbox: "queue.SimpleQueue[Ticket | None]") -> None:
        """Paint what comes until a None comes; what is inside then is cancelled."""
        try:
            while self._take_in(inbox):
                self.turn()
            self.close()
        except Exception as error:  # noqa: BLE001 why: without this thread no job would ever end
            give_up(error)

    @property
    def model(self) -> Model:
        """The default model, which must be open."""
        return self.library.opened[self.library.names[0]]

    def start(self, ticket: Ticket) -> None:
        """Take in a job: at once where its model is open, else it waits in line."""
        if self._line or not self._begin(ticket):
            self._line.append((ticket, self.clock()))

    def _begin(self, ticket: Ticket) -> bool:
        """Start a job whose model can be had; False if it has to wait for that."""
        if ticket.aim is Aim.DESCRIBE:
            self._enter(ticket, None)
            return True
        try:
            model = self.library.take(
                ticket.request.model, {one.request.model for one in self._inside}
            )
        except ModelError as error:
            ticket.end(Failed(str(error)))
            return True
        if model is not None:
            self._enter(ticket, model)
        return model is not None

    def _enter(self, ticket: Ticket, model: Model | None) -> None:
        """Let a job begin, unless it was cancelled while it waited."""
        if not ticket.begin():
            return
        self._inside.add(ticket)
        self.hub.start(
            ticket,
            functools.partial(self.paint, ticket, model),
            steps=ticket.steps,
            share=ticket.share or None,
            lane=ticket.lane,
            state={} if model is None else self._states(ticket.request, model),
        )

    def _move_line(self) -> None:
        """Begin the jobs in line whose models can be had now."""
        waiting, held = [], ""
        for ticket, since in self._line:
            name = ticket.request.model
            if (held and name != held) or not self._begin(ticket):
                waiting.append((ticket, since))
                if self.clock() - since > PATIENCE_S:
                    held = held or name
        self._line = waiting

    def turn(self) -> None:
        """Drop the jobs that were cancelled and run one forward for the others."""
        for ticket in [ticket for ticket in self._inside if ticket.is_cancelled]:
            self.hub.cancel(ticket)
        if self._line:
            self._move_line()
        for end in self.hub.turn():
            ticket = cast(Ticket, end.job_key)
            self._inside.remove(ticket)
            if end.result:
                self._learn(ticket.request, end.seconds)

    def close(self) -> None:
        """Cancel what is inside and leave the models as they were."""
        self.hub.close()
        self._inside.clear()
        for ticket, _ in self._line:
            ticket.end(Cancelled())
        self._line.clear()
        for model in self.library.opened.values():
            self._free(model)

    def paint(self, ticket: Ticket, model: Model | None) -> bool:
        """Paint one job and post its end; whatever goes wrong stays with this job.

        Without a model nothing is painted: a picture is described.
        """
        request, started = ticket.request, time.monotonic()
        try:
            ticket.tell(Progress(0, request.num_inference_steps + request.hd_steps))
            if model is None:
                ticket.end(Described(self.describer.describe(request)))
                return False
            if ticket.aim is Aim.WEIGH:
                ticket.end(Weighed(weigh(model, request)))
                return False
            if ticket.aim is Aim.EXPLAIN:
                ticket.end(Explained(study(model, request, JobSteps(self, ticket, model))))
                return False
            pictures = paint(model, request, JobSteps(self, ticket, model))
        except StoppedError:
            ticket.end(Cancelled())
        except PaintError as error:
            ticket.end(Failed(str(error)))
        except Exception as error:
            # why: one job's failure must never end the thread that paints the others
            if is_device_lost(error):
                give_up(error)
            log.exception("job=%s failed", ticket.job_id)
            ticket.end(Failed(self._explain(request, error)))
        else:
            self._pool.submit(_deliver, ticket, pictures, time.monotonic() - started)
            return True
        return False

    def preview(self, ticket: Ticket, model: Model, estimate: Estimate) -> None:
        """Make a preview here and its JPEG in the pool."""
        try:
            shown = model.previewer.show(estimate())
        except RuntimeError:
            log.warning("job=%s could not be previewed", ticket.job_id, exc_info=True)
            return
        if shown is not None:
            self._pool.submit(lambda: ticket.tell(Preview(encode_preview(shown))))

    def _take_in(self, inbox: "queue.SimpleQueue[Ticket | None]") -> bool:
        """Start the jobs that came, waiting for one if there is nothing else to do."""
        until = self.clock() + TAKE_IN_S
        while self.hub.is_idle or (self.clock() < until and not inbox.empty()):
            try:
                ticket = inbox.get(timeout=FETCH_POLL_S if self._line else None)
            except queue.Empty:
                return True
            if ticket is None:
                return False
            self.start(ticket)
        return True

    def _route(self, model: Model) -> None:
        name = model.card.name

        def route_twins(prefix: str, parts: dict[str, nn.Module]) -> None:
            route_pipeline(self.hub, SimpleNamespace(components=parts), f"{name}/{prefix[:-1]}")

        def route_control(control: str, net: nn.Module) -> None:
            parts = SimpleNamespace(components={"controlnet": net})
            route_pipeline(self.hub, parts, f"{name}/control/{control}")

        def route_encoder(encoder: str, net: nn.Module) -> None:
            parts = SimpleNamespace(components={"image_encoder": net})
            route_pipeline(self.hub, parts, f"{name}/reference/{encoder}")

        route_pipeline(self.hub, model.text_to_image, name)
        model.twins.on_made = route_twins
        model.controls.on_made = route_control
        model.references.encoders.on_made = route_encoder
        model.adapters.is_delegated = model.references.is_delegated = True

    def _route_eyes(self, parts: dict[str, nn.Module]) -> None:
        route_pipeline(self.hub, SimpleNamespace(components=parts), EYES)

    def _unroute(self, model: Model) -> None:
        self.hub.unroute(f"{model.card.name}/")
        self._free(model)

    def _free(self, model: Model) -> None:
        model.twins.on_made = None
        model.controls.on_made = None
        model.references.encoders.on_made = None
        model.adapters.is_delegated = model.references.is_delegated = False

    def _activate(self, site_name: str, state: Any) -> None:
        name, _, part = site_name.partition("/")
        self.library.opened[name].activate(part, state)

    def _bring(self, site_name: str, module: nn.Module) -> None:
        offload = self._offload(site_name)
        if offload is not None:
            offload.bring(module)

    def _leave_only(self, site_name: str, module: nn.Module) -> bool:
        offload = self._offload(site_name)
        return offload is not None and offload.leave_only(module)

    def _offload(self, site_name: str) -> Offload | None:
        model = self.library.opened.get(site_name.partition("/")[0])
        return None if model is None else model.offload

    def _states(self, request: Request, model: Model) -> dict[str, Hashable]:
        # An unknown LoRA or a missing adapter gets its sentence from the painting.
        with contextlib.suppress(PaintError):
            states = model.states(request)
            return {f"{model.card.name}/{part}": state for part, state in states.items()}
        return {}

    def _learn(self, request: Request, seconds: float) -> None:
        """Remember how fast this machine is and what fits into its memory."""
        now = seconds / cost(request)
        before = self.seconds_per_cost
        self.seconds_per_cost = now if before is None else 0.7 * before + 0.3 * now
        largest = self._largest.get(request.model)
        if largest is None or _area(request) > _area(largest):
            self._largest[request.model] = request

    def _explain(self, request: Request, error: Exception) -> Sentence:
        if not is_out_of_memory(error):
            first = next(iter(str(error).strip().splitlines()), "")[:200]
            return Sentence(
                "This could not be painted ({kind}: {first}).",
                kind=type(error).__name__,
                first=first,
            )
        free_cache()
        width, height = request.width // 2 // 8 * 8, request.height // 2 // 8 * 8
        pattern = TOO_LARGE
        largest = self._largest.get(request.model)
        if largest is not None and _area(largest) < _area(request):
            width, height, pattern = largest.width, largest.height, TOO_LARGE_HERE
        size, smaller = f"{request.width}x{request.height}", f"{max(width, 8)}x{max(height, 8)}"
        return Sentence(pattern, size=size, smaller=smaller)


class JobSteps:
    """One job's steps: cancels, counts, and previews now and then."""

    def __init__(self, worker: Worker, ticket: Ticket, model: Model) -> None:
        self._worker = worker
        self._model = model
        self._ticket = ticket
        self._steps = ticket.request.num_inference_steps + ticket.request.hd_steps
        self._told = 0
        self._previewed_at = worker.clock()

    def __call__(self, step: int, estimate: Estimate) -> None:
        """Called by the scheduler after each step; raising leaves the pipeline."""
        if self._ticket.is_cancelled:
            raise StoppedError
        step = min(step, self._steps)
        if step > self._told:
            self._told = step
            self._ticket.tell(Progress(step, self._steps))
        now = self._worker.clock()
        if step < self._steps and now - self._previewed_at >= self._worker.preview_interval_s:
            self._previewed_at = now
            self._worker.preview(self._ticket, self._model, estimate)


def encode_png(picture: torch.Tensor) -> bytes:
    """Return one picture, floats in 0..1 (3, height, width), as a PNG."""
    pixels = (picture.clamp(0, 1) * 255).round().to(torch.uint8).movedim(0, -1).numpy()
    out = BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def give_up(error: Exception) -> NoReturn:
    """End the process: its device is lost, or the thread that paints cannot go on.

    The jobs inside stay unfinished in the bot's database, which takes them up at its next start.
    """
    log.critical("painting cannot go on in this process: %s", error, exc_info=error)
    logging.shutdown()
    os._exit(POISONED_EXIT)


def _deliver(ticket: Ticket, pictures: torch.Tensor, seconds: float) -> None:
    try:
        encoded = tuple(encode_png(picture) for picture in pictures)
    except (OSError, ValueError, RuntimeError, MemoryError) as error:
        log.exception("job=%s could not be encoded", ticket.job_id)
        ticket.end(Failed(Sentence("The pictures could not be encoded ({error}).", error=error)))
    else:
        ticket.end(Painted(encoded, ticket.request.seeds, seconds))


def _area(request: Request) -> int:
    return request.width * request.height
