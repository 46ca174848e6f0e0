"""A runner over a real store and a scripted engine: what the tests of the queue share."""

import asyncio
import contextlib
import io
from collections.abc import AsyncGenerator

from PIL import Image

from bot.data import DataFolder
from bot.errors import UserError
from bot.jobs import FINAL, Job, Kind, State
from bot.queue import QueueLimits
from bot.runner import Runner
from bot.store import Store
from engine import Cancelled, Event, Failed, Painted, Preview, Progress, Request, Stats

REQUEST = Request(
    prompt="a fox",
    seed=7,
    num_inference_steps=2,
    guidance_scale=1.5,
    width=64,
    height=64,
    model="tiny",
    pictures=2,
)


def png(colour: str = "red", size: tuple[int, int] = (8, 8)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


class ScriptedEngine:
    """The engine's public face over a plain script: a job is painted when the test says so."""

    def __init__(self, room: int = 32, *, hold: bool = False) -> None:
        self.room = room
        self.loading: str | None = None
        self.painted: list[int] = []
        self.requests: dict[int, Request] = {}
        self.inside: dict[int, asyncio.Queue[Event]] = {}
        self.most_inside = 0
        self.hold = hold
        self.endings: dict[int, list[Event]] = {}
        """What ends a job instead of its pictures, one for each time it is painted."""

    async def submit(
        self, job_id: int, request: Request, *, lane: str = "fast", share: str = ""
    ) -> AsyncGenerator[Event, None]:
        events: asyncio.Queue[Event] = asyncio.Queue()
        self.inside[job_id] = events
        self.requests[job_id] = request
        self.most_inside = max(self.most_inside, len(self.inside))
        if not self.hold:
            self.finish(job_id)
        try:
            while True:
                event = await events.get()
                yield event
                if isinstance(event, Painted | Failed | Cancelled):
                    return
        finally:
            del self.inside[job_id]

    def finish(self, job_id: int) -> None:
        request = self.requests[job_id]
        for event in (Progress(0, 2), Progress(1, 2), Preview(b"jpeg"), Progress(2, 2)):
            self.inside[job_id].put_nowait(event)
        if self.endings.get(job_id):
            self.inside[job_id].put_nowait(self.endings[job_id].pop(0))
            return
        self.painted.append(job_id)
        pictures = tuple(png() for _ in request.seeds)
        self.inside[job_id].put_nowait(Painted(pictures, request.seeds, 0.1))

    def cancel(self, job_id: int) -> None:
        if job_id in self.inside:
            self.inside[job_id].put_nowait(Cancelled())

    def stats(self) -> Stats:
        return Stats(
            running=len(self.inside),
            waiting=0,
            room=self.room,
            loading=self.loading,
            failed=None,
            seconds_per_cost=None,
        )

    async def drain(self, timeout_s: float) -> None:
        for job_id in list(self.inside):
            self.cancel(job_id)


class KeptOutbox:
    """Delivers into lists, through the same steps of the store as the real one."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.delivered: list[int] = []
        self.reported: list[tuple[int, State, str | None]] = []
        self.shown: list[tuple[int, int, bytes | None]] = []
        self.upload: bytes | UserError = png("blue", (40, 20))
        self.fetched: list[str] = []
        self.alarms: list[str] = []
        self.away = 0
        """How many deliveries and reports fail before Discord is back."""

    async def fetch_image(self, address: str) -> bytes:
        self.fetched.append(address)
        if isinstance(self.upload, UserError):
            raise self.upload
        return self.upload

    def progress(self, job: Job, percent: int, preview: bytes | None) -> None:
        self.shown.append((job.id, percent, preview))

    async def deliver(self, job: Job) -> None:
        if self.away:
            self.away -= 1
            raise ConnectionError("Discord is away")
        await self.store.to_delivering(job.id)
        self.delivered.append(job.id)
        await self.store.to_done(job.id, 1000 + job.id)

    async def alarm(self, sentence) -> None:
        self.alarms.append(sentence())

    async def report(self, job: Job) -> None:
        if self.away:
            self.away -= 1
            raise ConnectionError("Discord is away")
        self.reported.append((job.id, job.state, job.error))


class Trusting:
    """An inspector that finds every picture safe, or refuses them all with a sentence."""

    refuses = ""

    async def check_input(self, job, png):
        if self.refuses:
            raise UserError(self.refuses)

    async def judge(self, job, pictures):
        if self.refuses:
            raise UserError(self.refuses)
        return ("safe",) * len(pictures)


class House:
    """A store, a scripted engine and a runner over one folder."""

    def __init__(self, store: Store, data: DataFolder) -> None:
        self.store = store
        self.data = data
        self.engine = ScriptedEngine()
        self.outbox = KeptOutbox(store)
        self.limits = QueueLimits()
        self.inspector = Trusting()

    async def accept(self, job_id: int = 1, *, user_id: int = 20, **more) -> None:
        job = Job(
            id=job_id,
            kind=Kind.IMAGINE,
            state=State.ACCEPTED,
            channel_id=10,
            user_id=user_id,
            shown="a fox",
            request=more.pop("request", REQUEST),
            **more,
        )
        assert await self.store.accept(job)

    def runner(self) -> Runner:
        return Runner(
            self.store, self.engine, self.data, self.outbox, self.limits, inspector=self.inspector
        )

    @contextlib.asynccontextmanager
    async def running(self, stop_s: float = 1.0):
        runner = self.runner()
        work = asyncio.create_task(runner.run())
        try:
            yield runner
        finally:
            await runner.stop(stop_s)
            await asyncio.wait_for(work, 20)

    async def state(self, job_id: int = 1) -> State:
        job = await self.store.get(job_id)
        assert job is not None
        return job.state

    async def until(self, state: State, job_id: int = 1) -> None:
        async with asyncio.timeout(20):
            while await self.state(job_id) is not state:
                await asyncio.sleep(0.005)

    async def until_told(self, job_id: int) -> None:
        """Wait until a painter knows how their job ended."""
        async with asyncio.timeout(20):
            while await self.state(job_id) not in FINAL or await self.store.untold():
                await asyncio.sleep(0.005)

    async def until_inside(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.engine.inside) < count:
                await asyncio.sleep(0.005)
