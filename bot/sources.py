"""The pictures a job starts from: fetched once, opened safely, looked at, kept on the disk."""

import asyncio
import dataclasses
from collections.abc import Callable

from bot import grid, masks
from bot.data import DataFolder
from bot.disk import to_disk
from bot.flags import ATTACHMENT
from bot.jobs import Job
from bot.partners import Inspector, Outbox
from bot.store import Store
from engine import Request

DECODES = 2  # attached pictures at a time


class Sources:
    """Completes requests with the files of their pictures."""

    def __init__(
        self, store: Store, data: DataFolder, outbox: Outbox, inspector: Inspector
    ) -> None:
        """Put the parts together."""
        self._store, self._data = store, data
        self._outbox, self._inspector = outbox, inspector
        self._decodes = asyncio.Semaphore(DECODES)

    async def complete(self, job: Job) -> Request:
        """Return the job's request with its pictures at hand, as absolute paths."""
        request = job.request
        if request.image == ATTACHMENT:
            file = await self._fetch(job, job.image_url or "")
            request = dataclasses.replace(request, image=file)
        if request.control is not None and "://" in request.control:
            file = await self._fetch(job, request.control, "control")
            request = dataclasses.replace(request, control=file)
        if request.mask is not None and "://" in request.mask:
            file = await self._fetch(job, request.mask, "mask", masks.open_mask)
            request = dataclasses.replace(request, mask=file)
        if any("://" in one for one in request.images):
            files = [
                await self._fetch(job, one, f"image{number}") if "://" in one else one
                for number, one in enumerate(request.images, 1)
            ]
            request = dataclasses.replace(request, images=tuple(files))
        addresses = dict.fromkeys(one.picture for one in request.references)
        if any("://" in one for one in addresses):
            known = {
                one: await self._fetch(job, one, f"reference{number}") if "://" in one else one
                for number, one in enumerate(addresses, 1)
            }
            referred = [one._replace(picture=known[one.picture]) for one in request.references]
            request = dataclasses.replace(request, references=tuple(referred))
        if request != job.request:
            await self._store.set_request(job.id, request)
        return dataclasses.replace(
            request,
            image=self._path(request.image),
            control=self._path(request.control),
            mask=self._path(request.mask),
            images=tuple(str(self._data.path(one)) for one in request.images),
            references=tuple(
                one._replace(picture=str(self._data.path(one.picture)))
                for one in request.references
            ),
        )

    def _path(self, file: str | None) -> str | None:
        return None if file is None else str(self._data.path(file))

    async def _fetch(
        self,
        job: Job,
        address: str,
        part: str = "",
        decode: Callable[[bytes], bytes] = grid.open_upload,
    ) -> str:
        """Put a picture from an address into the data folder; return the file's name there."""
        path = self._data.input_path(job.id, part)
        if not await asyncio.to_thread(path.exists):
            upload = await self._outbox.fetch_image(address)
            async with self._decodes:
                png = await asyncio.to_thread(decode, upload)
            await self._inspector.check_input(job, png)
            await to_disk(self._data.write_input, job.id, png, part)
        return self._data.relative(path)
