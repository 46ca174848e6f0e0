"""Keeps the data folder within its bounds: old pictures go, and files that no row knows.

A row is forgotten before its files are deleted, so that a crash in between leaves files without a
row, which the next round deletes.
"""

import asyncio
import logging
import time

from bot.data import DataFolder
from bot.errors import DiskError
from bot.store import Store
from bot.values import BY_NAME

log = logging.getLogger(__name__)

ROUND_S = 3600.0
FIRST_S = 30.0
"""The first round waits until the start's own work is done."""
ORPHAN_S = 3600.0
"""Younger files may belong to a row that is about to be written."""
DAY_S = 86400.0


class Keeper:
    """Goes through the data folder once an hour."""

    def __init__(
        self, store: Store, data: DataFolder, *, days: int = 0, max_bytes: int = 0
    ) -> None:
        """Keep pictures so many days and so many bytes; 0 is without end."""
        self._store = store
        self._data = data
        self._days = days
        self._max_bytes = max_bytes

    async def run(self) -> None:
        """Tidy for ever; a round that fails is tried again with the next one."""
        await asyncio.sleep(FIRST_S)
        while True:
            try:
                await self.tidy()
            except (DiskError, OSError) as error:
                log.warning("the data folder could not be tidied: %s", error)
            await asyncio.sleep(ROUND_S)

    async def tidy(self) -> int:
        """Delete what has to go; return the number of jobs whose pictures went."""
        gone = await self._drop_old() + await self._drop_surplus()
        await self._drop_orphans()
        if gone:
            log.info("the pictures of %d old jobs were deleted", gone)
        return gone

    async def _drop_old(self) -> int:
        """Drop what is too old for everybody, and what is too old for its own server."""
        gone = await self._drop_older(self._days, None) if self._days else 0
        for guild_id, kept in (await self._store.retentions()).items():
            days = BY_NAME["retention"].read(kept)
            if days is not None and not 0 < self._days <= days:
                gone += await self._drop_older(days, guild_id)
        return gone

    async def _drop_older(self, days: int, guild_id: int | None) -> int:
        gone, before = 0, time.time() - days * DAY_S
        while jobs := await self._store.picture_jobs(older_than=before, guild_id=guild_id):
            for job_id in jobs:
                await self._drop(job_id)
            gone += len(jobs)
        return gone

    async def _drop_surplus(self) -> int:
        gone = 0
        if not self._max_bytes:
            return gone
        surplus = await asyncio.to_thread(self._data.size_bytes) - self._max_bytes
        while surplus > 0 and (jobs := await self._store.picture_jobs()):
            for job_id in jobs:
                if surplus <= 0:
                    break
                surplus -= await self._drop(job_id)
                gone += 1
        return gone

    async def _drop(self, job_id: int) -> int:
        await self._store.forget_pictures(job_id)
        return await asyncio.to_thread(self._data.drop, job_id)

    async def _drop_orphans(self) -> None:
        found = await asyncio.to_thread(self._data.kept_jobs)
        old = [job_id for job_id, at in found.items() if time.time() - at > ORPHAN_S]
        for job_id in await self._store.without_pictures(old):
            await asyncio.to_thread(self._data.drop, job_id)
            log.info("job=%d left files without a row, which were deleted", job_id)
