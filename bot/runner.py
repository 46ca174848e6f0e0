"""Feeds the engine and follows its events: the only place where jobs change state by painting.

The order of writes is the promise: files first, then `painted`, then delivery. What is painted is
never painted again; what the process leaves behind when it dies is taken up at the next start.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

from bot import queue
from bot.data import DataFolder
from bot.disk import Disk, to_disk
from bot.errors import DiskError, UserError
from bot.jobs import FINAL, Job, Picture, State, WrongStateError, story
from bot.language import N_, _, speak, speaking, told
from bot.partners import Inspector, Outbox, Painter
from bot.sources import Sources
from bot.store import Store
from bot.waiting import WaitingRoom
from engine import Cancelled, Event, Failed, Painted, Preview, Progress, Request

log = logging.getLogger(__name__)

ATTEMPTS = 3
"""How often a job may enter the engine before it is given up."""
LOADING_POLL_S = 0.5
DELIVERY_BACKOFF_S = 5.0
DELIVERY_BACKOFF_MOST_S = 30.0
BEAT_S = 15.0  # between renewals of the leases, and looks at the disk
CRASHES = 3
"""A job with which the process died so often is given up."""
STORE_PAUSE_S = 5.0
"""When even a failure cannot be written down (the disk is full), nothing is gained by haste."""

POISON = N_(
    "Easel stopped {times} times while it painted this, the last time with nothing else beside "
    "it, so the job was given up; please try again with a smaller size or fewer steps."
)
BROKEN = N_(
    "Something went wrong while painting; whoever runs this bot finds the reason in the log."
)


class Runner:
    """Keeps the engine busy with waiting jobs and brings every job to its outcome."""

    def __init__(
        self,
        store: Store,
        engine: Painter,
        data: DataFolder,
        outbox: Outbox,
        limits: queue.QueueLimits | None = None,
        *,
        inspector: Inspector,
        disk: Disk | None = None,
    ) -> None:
        """Put the parts together; `run` starts the work."""
        self._store = store
        self._engine = engine
        self._data = data
        self._outbox = outbox
        self._inspector = inspector
        self.disk = disk or Disk(data)
        self.room = WaitingRoom(store, limits or queue.QueueLimits())
        self._told: str | None = None  # the trouble of the disk, as it was last said
        self._woken = asyncio.Event()
        self._stopping = asyncio.Event()
        self._painting = self.room.inside  # until the job is painted
        self._cancelled: set[int] = set()
        self._paints: set[asyncio.Task[None]] = set()
        self._deliveries: set[asyncio.Task[None]] = set()
        self._sources = Sources(store, data, outbox, inspector)

    def wake(self) -> None:
        """Say that a job was accepted; returns at once."""
        self._woken.set()

    async def run(self) -> None:
        """Take up what the last process left, then feed the engine until `stop`."""
        await self.room.load()
        await self._recover()
        beating = asyncio.create_task(self._beat(), name="heartbeat")
        try:
            while not self._stopping.is_set():
                loading = self._engine.stats().loading is not None
                if not loading and not self.disk.broken:
                    await self._feed()
                await self._wait_for_news(LOADING_POLL_S if loading else None)
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)

    async def cancel(self, job_id: int, *, silent: bool = False) -> bool:
        """Cancel a waiting or running job; False if there is nothing left to cancel.

        When this returns the job has ended, whatever becomes of the process; the engine leaves it
        with its next step. It ends `silent` where its painter knows of none: nothing is told.
        """
        try:
            job = await self._store.to_cancelled(job_id, silent=silent)
        except WrongStateError:
            return False
        if job_id in self._painting:
            self._cancelled.add(job_id)
            self._engine.cancel(job_id)
        if silent:
            log.info("%s", story(job))
        else:
            await self._end(job)
        return True

    async def cancel_all(self, user_id: int | None, guild_id: int | None = None) -> int:
        """Cancel what one painter, or everybody, has unfinished (on one server); count them."""
        jobs = await self._store.unfinished()
        if user_id is not None:
            jobs = [job for job in jobs if job.user_id == user_id]
        if guild_id is not None:
            jobs = [job for job in jobs if job.guild_id == guild_id]
        return sum([await self.cancel(job.id) for job in jobs])

    async def stop(self, timeout_s: float = 8.0) -> None:
        """Finish what can be finished in time and give the rest back to the queue."""
        until = time.monotonic() + timeout_s
        self._stopping.set()
        self._woken.set()
        with contextlib.suppress(DiskError):
            await self._store.end_leases()
        with contextlib.suppress(TimeoutError):  # a single step of a large model may be too long
            async with asyncio.timeout(timeout_s * 0.85):
                await self._engine.drain(timeout_s * 0.7)
        for tasks in (self._paints, self._deliveries):
            if tasks:
                await asyncio.wait(set(tasks), timeout=max(until - time.monotonic(), 0.1))
        late = self._paints | self._deliveries
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        with contextlib.suppress(DiskError):  # the next start takes them up all the same
            for entry in await self._store.running():
                await self._give_back(entry.job_id)

    # -- feeding --------------------------------------------------------------------------------

    async def _recover(self) -> None:
        for job in await self._store.untold():
            self._start(self._report(job), self._deliveries)
        for job in await self._store.unfinished():
            try:
                await self._take_up(job)
            except DiskError as error:  # given back when the disk is well again
                self.disk.fail(error)

    async def _take_up(self, job: Job) -> None:
        died = job.lease_until is not None  # not where it was stopped, and then killed
        match job.state:
            case State.RUNNING if died and job.crashes + 1 >= CRASHES:
                with speaking(job.language):
                    why = _(POISON).format(times=CRASHES)
                await self._end(await self._store.to_failed(job.id, why))
            case State.RUNNING:
                await self._store.back_to_accepted(job.id, counted=died, crashed=died)
            case State.PAINTED | State.DELIVERING:
                self._start(self._deliver(job), self._deliveries)

    async def _wait_for_news(self, timeout_s: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._woken.wait()
        self._woken.clear()

    async def _feed(self) -> None:
        """Let waiting jobs in, as many as the engine has room for."""
        try:
            chosen = await self.room.choose(self._engine.stats().room)
        except DiskError as error:
            self.disk.fail(error)
            return
        for entry in chosen:
            self._start(self._paint(entry.job_id), self._paints)

    async def _beat(self) -> None:
        """Renew the leases, and see whether the disk takes what is written."""
        while True:
            await _survive(self._beat_once(), 0, "heartbeat failed")
            await asyncio.sleep(BEAT_S)

    async def _beat_once(self) -> None:
        broken = self.disk.broken
        await asyncio.to_thread(self.disk.look)
        if self.disk.trouble != self._told:
            self._told = self.disk.trouble
            await self._outbox.alarm(lambda: self.disk.trouble or _("Easel's disk is well again."))
        try:
            lost = [job.id for job in await self._store.heartbeat(list(self._painting))]
            if broken and not self.disk.broken:
                lost = [entry.job_id for entry in await self._store.running()]
            for job_id in set(lost) - set(self._painting):
                await self._give_back(job_id)
        except DiskError as error:
            self.disk.fail(error)
        self.wake()

    def _start(self, work: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> None:
        tasks.add(task := asyncio.create_task(work))
        task.add_done_callback(tasks.discard)

    # -- painting -------------------------------------------------------------------------------

    async def _paint(self, job_id: int) -> None:
        """One job, from the queue to its pictures on disk or to a sentence."""
        try:
            if not await _survive(self._paint_or_refuse(job_id), job_id, "broke while painting"):
                await self._fail(job_id, _(BROKEN))
        finally:
            self.room.leave(job_id)
            self._cancelled.discard(job_id)
            self.wake()

    async def _paint_or_refuse(self, job_id: int) -> None:
        try:
            await self._paint_once(job_id)
        except WrongStateError as error:
            log.info("%s", error)
        except UserError as error:
            await self._fail(job_id, str(error))
        except DiskError as error:
            self.disk.fail(error)
            with contextlib.suppress(DiskError):  # else its lease ends
                await self._give_back(job_id)

    async def _paint_once(self, job_id: int) -> None:
        job = await self._store.to_running(job_id)
        speak(job.language)
        log.debug("job=%d enters the engine, attempt %d", job_id, job.attempts)
        request = await self._sources.complete(job)
        ending = await self._follow(job, request)
        if job_id in self._cancelled:
            return
        if isinstance(ending, Painted):
            await self._keep(job, ending)
        elif not isinstance(ending, Failed):
            await self._give_back(job_id)  # the engine is draining
        elif ending.retry and job.attempts < ATTEMPTS:
            log.warning("job=%d goes back to the queue: %s", job_id, ending.sentence)
            await self._store.back_to_accepted(job_id)
        else:
            await self._end(await self._store.to_failed(job_id, told(ending.sentence)))

    async def _give_back(self, job_id: int) -> None:
        """Return a job to the queue, at no cost, unless it was cancelled meanwhile."""
        with contextlib.suppress(WrongStateError):
            await self._store.back_to_accepted(job_id, counted=False)

    async def _follow(self, job: Job, request: Request) -> Event:
        """Pass the engine's news on, and return what ended the job."""
        if self._stopping.is_set() or job.id in self._cancelled:
            return Cancelled()
        percent = 0
        events = self._engine.submit(job.id, request, lane=job.lane, share=str(job.user_id))
        async with contextlib.aclosing(events):
            async for event in events:
                if job.id in self._cancelled:
                    self._engine.cancel(job.id)
                elif isinstance(event, Progress):
                    percent = min(100 * event.step // max(event.steps, 1), 100)
                    self.room.progress(job.id, percent / 100)
                    self._outbox.progress(job, percent, None)
                elif isinstance(event, Preview):
                    self._outbox.progress(job, percent, event.image)
                if isinstance(event, Painted | Failed | Cancelled):
                    return event
        return Failed(_("The engine stopped in the middle of this job."), retry=True)

    async def _keep(self, job: Job, painted: Painted) -> None:
        """The verdict, then files, then the row, then delivery."""
        self.room.painted(job.id)
        verdicts = await self._inspector.judge(job, painted.pictures)
        paths = await to_disk(self._data.write_pictures, job.id, painted.pictures)
        pictures = [
            Picture(
                job_id=job.id,
                tile=tile,
                seed=seed,
                file=self._data.relative(path),
                width=job.request.width,
                height=job.request.height,
                verdict=verdict,
            )
            for tile, (path, seed, verdict) in enumerate(
                zip(paths, painted.seeds, verdicts, strict=True)
            )
        ]
        ready = await self._store.to_painted(job.id, pictures)
        log.debug("job=%d is painted in %.1f s", job.id, painted.seconds)
        self._start(self._deliver(ready), self._deliveries)

    # -- outcomes -------------------------------------------------------------------------------

    async def _fail(self, job_id: int, sentence: str) -> None:
        if not await _survive(self._fail_once(job_id, sentence), job_id, "cannot be given up"):
            await asyncio.sleep(STORE_PAUSE_S)  # it stays as it is for the next start

    async def _fail_once(self, job_id: int, sentence: str) -> None:
        try:
            failed = await self._store.to_failed(job_id, sentence)
        except WrongStateError as error:
            log.info("%s", error)
        else:
            await self._end(failed)

    async def _end(self, job: Job) -> None:
        log.info("%s", story(job))
        self._start(self._report(job), self._deliveries)

    async def _report(self, job: Job) -> None:
        async def report() -> None:
            await self._outbox.report(job)
            await self._store.set_told(job.id)

        await self._insist(report, job.id, f"is {job.state}, but that was not told")

    async def _deliver(self, job: Job) -> None:
        async def deliver() -> None:
            now = await self._store.get(job.id) or job
            if now.state not in FINAL:
                await self._outbox.deliver(now)

        await self._insist(deliver, job.id, "was not delivered")

    async def _insist(
        self, work: Callable[[], Coroutine[Any, Any, None]], job_id: int, what: str
    ) -> None:
        """Try until it is done; what is left at the end is done at the next start."""
        pause_s = DELIVERY_BACKOFF_S
        while not await _survive(work(), job_id, what):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._stopping.wait()
                return
            pause_s = min(pause_s * 2, DELIVERY_BACKOFF_MOST_S)


async def _survive(work: Coroutine[Any, Any, None], job_id: int, what: str) -> bool:
    """The edge of the loop: what nobody foresaw is logged and False, and other jobs go on."""
    try:
        await work
    except Exception:  # why: one bad job, or Discord being away, must not stop the others
        log.exception("job=%d %s", job_id, what)
        return False
    return True
