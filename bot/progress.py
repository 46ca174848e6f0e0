"""Progress in the channel: the newest only, never often, and never at the cost of the job."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

import aiohttp
import discord

from bot.jobs import Job

log = logging.getLogger(__name__)

PAUSE_S = 2.5
"""The least time between two edits of one message."""
PATIENCE_S = 5.0
"""How long the end of a job waits for an edit that is still under way."""

Edit = Callable[[Job, int, bytes | None], Awaitable[None]]


class ProgressBoard:
    """One small task per job that shows progress; while it is busy, older news is dropped."""

    def __init__(self, edit: Edit, pause_s: float = PAUSE_S) -> None:
        """Show progress by `edit`, at most once in `pause_s` for each job."""
        self._edit = edit
        self._pause_s = pause_s
        self._news: dict[int, tuple[Job, int, bytes | None]] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._edits: dict[int, asyncio.Task[None]] = {}

    def show(self, job: Job, percent: int, preview: bytes | None) -> None:
        """Take note of how far a job is and return at once."""
        if preview is None and job.id in self._news:
            preview = self._news[job.id][2]
        self._news[job.id] = (job, percent, preview)
        if job.id not in self._tasks:
            task = asyncio.create_task(self._follow(job.id), name=f"progress {job.id}")
            self._tasks[job.id] = task
            task.add_done_callback(lambda _: self._tasks.pop(job.id, None))

    async def _follow(self, job_id: int) -> None:
        while news := self._news.pop(job_id, None):
            edit = asyncio.create_task(self._show(*news), name=f"edit {job_id}")
            self._edits[job_id] = edit
            edit.add_done_callback(lambda _: self._edits.pop(job_id, None))
            # shielded, for an edit half sent could arrive after the job's last word
            await asyncio.shield(edit)
            await asyncio.sleep(self._pause_s)

    async def _show(self, job: Job, percent: int, preview: bytes | None) -> None:
        try:
            await self._edit(job, percent, preview)
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            log.debug("job=%d progress could not be shown: %s", job.id, error)

    async def close_all(self) -> None:
        """Show nothing more of any job: the connection is about to be closed."""
        for job_id in {*self._tasks, *self._edits}:
            await self.close(job_id)

    async def close(self, job_id: int) -> None:
        """Show nothing more of a job; when this returns, no edit of it is under way."""
        self._news.pop(job_id, None)
        if task := self._tasks.pop(job_id, None):
            task.cancel()
        if edit := self._edits.get(job_id):
            await asyncio.wait({edit}, timeout=PATIENCE_S)
            edit.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await edit
