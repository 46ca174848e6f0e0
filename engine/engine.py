"""The engine's asyncio face: one thread paints, the event loop never waits for it."""

import asyncio
import contextlib
import logging
import queue
import threading
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.captioner import find as find_captioner
from engine.card import ModelCard
from engine.cards import read_card
from engine.errors import FETCHING, LOADING, ModelError, Sentence
from engine.events import Cancelled, End, Event, Failed
from engine.own_upscaler import find as find_upscaler
from engine.policy import Lane
from engine.quiet import hush
from engine.reference_folder import ReferenceFolder
from engine.request import Request
from engine.source import EMBEDDED, Kind, find_sources, has_tower
from engine.ticket import Aim, Ticket

if TYPE_CHECKING:
    from engine.worker import Worker

log = logging.getLogger(__name__)

ROOM = 32
"""Jobs that wait inside cost little, and to paint them together the engine needs a choice."""
STEP_PATIENCE_S = 30.0
"""How long closing waits for a step that is under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """What the operator decides: the models, their device, and how many threads torch may use.

    `model` is empty for the embedded one, else a diffusers repository, folder or .safetensors
    file, whose configuration is the diffusers folder `model_config`. `models` are others of them
    by name; without a `model` the first one is the default. All together their weights take at
    most `memory_gb` (None: most of what the device has). `threads` None leaves torch's own
    choice. With `exact`, a picture is the same bit for bit whatever is painted beside it, which
    is slower. `loras` is the folder of LoRA files, `controls` that of ControlNets,
    `references` that of IP-Adapters; `upscaler` is a network that enlarges pictures in the place of
    Easel's own, or a folder with one; `captioner` describes pictures in the place of Easel's own
    image tower: a transformers repository or a folder.
    """

    model: str = ""
    model_config: Path | None = None
    models: tuple[tuple[str, str], ...] = ()
    memory_gb: float | None = None
    device: str = "auto"
    threads: int | None = None
    exact: bool = False
    loras: Path | None = None
    controls: Path | None = None
    references: Path | None = None
    upscaler: Path | None = None
    captioner: str = ""
    preview_interval_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Stats:
    """How the engine stands. `room` is how many jobs are worth having inside, all together.

    `loading` is a sentence while the default model loads, `fetching` one while others are
    downloaded beside the painting, `failed` one when the default cannot be loaded at all.
    """

    running: int
    waiting: int
    room: int
    loading: str | None
    failed: str | None
    seconds_per_cost: float | None
    fetching: str | None = None


class Engine:
    """Paints requests with its models. Jobs are taken at once and share their forwards.

    Raises `ModelError` when made for what configuration files alone tell.
    """

    def __init__(self, options: EngineOptions) -> None:
        self._options = options
        self._sources = find_sources(options.model, options.models, options.model_config)
        if options.upscaler is not None:
            find_upscaler(options.upscaler)
        if options.captioner:
            find_captioner(options.captioner)
        references = ReferenceFolder(options.references)
        for sentence in references.refused():
            log.warning("%s", sentence)
        self._cards = {
            name: references.extend(read_card(source), source)
            for name, source in self._sources.items()
        }
        self._default = next(iter(self._sources))
        doing = FETCHING if self._default in self.absent else LOADING
        self._loading: str | None = Sentence(doing, model=self._default)
        self._failed: str | None = None
        self._worker: Worker | None = None
        self._inbox: queue.SimpleQueue[Ticket | None] = queue.SimpleQueue()
        self._inside: dict[Ticket, asyncio.Queue[Event]] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._is_draining = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="easel-encode")
        self._thread = threading.Thread(target=self._run, name="easel-engine", daemon=True)

    def models(self) -> tuple[ModelCard, ...]:
        """Describe the models there are; the first is the default."""
        return tuple(self._cards.values())

    @property
    def absent(self) -> frozenset[str]:
        """Name the models of which nothing was downloaded before this engine was made."""
        sources = self._sources.items()
        return frozenset(name for name, one in sources if one.kind is Kind.HUB and not one.folder)

    @property
    def describes_by(self) -> str:
        """Name what describes pictures; empty where nothing can."""
        own = "Easel's own image tower" if has_tower(EMBEDDED) else ""
        return self._options.captioner or own

    async def start(self) -> None:
        """Start the thread, which loads the model; jobs can be submitted meanwhile."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def submit(
        self,
        job_id: int,
        request: Request,
        *,
        lane: str = "fast",
        share: str = "",
        aim: str = "paint",
    ) -> AsyncGenerator[Event, None]:
        """Take a job; its events end after exactly one of Painted, Failed or Cancelled.

        To `explain` it paints one picture and ends with Explained in the place of Painted; to
        `weigh` it only reads the prompt and ends with Weighed; to `describe` it only looks at the
        `image` and ends with Described, with other prompts for each seed from 0 on.
        `lane` is turbo, fast or relax; jobs of one `share` (a painter) share their part of the
        engine. A consumer that stops listening (closes the generator) cancels the job.
        """
        self._loop = asyncio.get_running_loop()
        ticket = Ticket(job_id, request, self._post, Lane[lane.upper()], share, Aim(aim))
        events: asyncio.Queue[Event] = asyncio.Queue()
        self._inside[ticket] = events
        self._idle.clear()
        if self._is_draining:
            ticket.end(
                Failed(
                    Sentence("The bot is stopping; this is painted after it starts again."), True
                )
            )
        else:
            self._inbox.put(ticket)
        return self._follow(ticket, events)

    def cancel(self, job_id: int) -> None:
        """Stop a job within one step; from any thread, as often as one likes."""
        for ticket in list(self._inside):
            if ticket.job_id == job_id:
                ticket.cancel()

    def stats(self) -> Stats:
        """Count the jobs inside and say how the model is."""
        tickets = list(self._inside)
        running = sum(ticket.is_running for ticket in tickets)
        return Stats(
            running=running,
            waiting=len(tickets) - running,
            room=ROOM,
            loading=self._loading,
            failed=self._failed,
            seconds_per_cost=self._worker.seconds_per_cost if self._worker else None,
            fetching=self._worker.library.fetching if self._worker else None,
        )

    async def drain(self, timeout_s: float) -> None:
        """Take nothing new, wait for the jobs inside, then cancel what is left of them."""
        self._is_draining = True
        if await self._until_idle(timeout_s):
            return
        for ticket in list(self._inside):
            ticket.cancel()
        if not await self._until_idle(STEP_PATIENCE_S):
            for ticket in list(self._inside):
                ticket.end(Cancelled())
            await self._idle.wait()

    async def close(self) -> None:
        """Cancel what is inside and end the thread."""
        await self.drain(0)
        self._inbox.put(None)
        if self._thread.is_alive():
            # A model still loading cannot be interrupted: the thread is a daemon and left behind.
            await asyncio.to_thread(self._thread.join, 1.0 if self._loading else STEP_PATIENCE_S)
        self._pool.shutdown(wait=False)

    async def _follow(
        self, ticket: Ticket, events: asyncio.Queue[Event]
    ) -> AsyncGenerator[Event, None]:
        try:
            while True:
                event = await events.get()
                yield event
                if isinstance(event, End):
                    return
        finally:
            ticket.cancel()

    def _post(self, ticket: Ticket, event: Event) -> None:
        """Hand an event from any thread to the loop; after the loop's end nobody listens."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._receive, ticket, event)

    def _receive(self, ticket: Ticket, event: Event) -> None:
        self._inside[ticket].put_nowait(event)
        if isinstance(event, End):
            del self._inside[ticket]
            if not self._inside:
                self._idle.set()

    async def _until_idle(self, timeout_s: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        return not self._inside

    def _run(self) -> None:
        """The engine's thread: load, then paint until told to stop."""
        try:
            self._load()
        except Exception as error:  # noqa: BLE001 why: without this thread all jobs wait
            from engine.worker import give_up

            give_up(error)
        self._loading = None
        self._serve()

    def _load(self) -> None:
        try:
            self._worker = self._open()
        except (ModelError, ImportError) as error:
            self._failed = str(error)
            log.error("%s", error)
        if self._worker is not None:
            library = self._worker.library
            library.fetch(self._default, self._say)
            self._say(Sentence(LOADING, model=self._default))
            with contextlib.suppress(ModelError):
                library.take(self._default)
            self._failed = library.failed.get(self._default)
            library.fetch_others()

    def _say(self, sentence: str) -> None:
        self._loading = sentence

    def _keep_card(self, card: ModelCard) -> None:
        self._cards[card.name] = card

    def _open(self) -> "Worker":
        # torch, diffusers and transformers are imported here, in this thread, and nowhere else.
        hush()
        import torch

        from engine.describer import Describer
        from engine.device import choose_device
        from engine.enlarge import use as use_upscaler
        from engine.library import Folders, Library
        from engine.memory import keep_freed_memory
        from engine.own_upscaler import load as load_upscaler
        from engine.worker import Worker

        keep_freed_memory()
        if self._options.threads is not None:
            torch.set_num_threads(self._options.threads)
        options = self._options
        library = Library(
            self._sources,
            choose_device(options.device),
            Folders(loras=options.loras, controls=options.controls, references=options.references),
            None if options.memory_gb is None else options.memory_gb * 1e9,
        )
        library.on_card = self._keep_card
        own = options.upscaler
        use_upscaler(None if own is None else load_upscaler(own, library.device))
        describer = Describer(library.device, options.captioner)
        return Worker(
            library, self._pool, describer, options.preview_interval_s, exact=options.exact
        )

    def _serve(self) -> None:
        """Paint until told to stop; without a model, say so."""
        if self._worker is not None:
            self._worker.serve(self._inbox)
            return
        while (ticket := self._inbox.get()) is not None:
            ticket.end(Failed(self._failed or Sentence("There is no model to paint with.")))
