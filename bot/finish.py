"""Stored pictures as people get them: enlarged, with their parameters inside, small enough to send.

Everything that works on pixels runs off the loop.
"""

import asyncio
import io
from collections.abc import Callable, Collection, Sequence

import discord

from bot import flags, grid, memory, messages, uploads
from bot.data import DataFolder
from bot.jobs import Job, Picture
from bot.safety import Guard
from engine import ModelCard

LARGEST_BYTES = discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES
REQUEST_BYTES = 24 * 2**20
"""All files of one message together; Discord takes 25 MiB with what is around them."""

Place = tuple[int | None, int]
"""A server, if it is in one, and a channel."""


class PicturesLostError(Exception):
    """A job is painted in the store, but its files are not on the disk."""


class Finisher:
    """Makes files of stored tiles."""

    def __init__(
        self, data: DataFolder, cards: Callable[[], Sequence[ModelCard]], guard: Guard
    ) -> None:
        """Read tiles from the data folder; the cards say how much larger they are delivered.

        The guard says of every file whether it is hidden, so that no way out forgets to ask.
        """
        self._data = data
        self._cards = cards
        self._guard = guard

    async def grid(
        self,
        job: Job,
        pictures: Sequence[Picture],
        limit_bytes: int = LARGEST_BYTES,
        *,
        place: Place | None = None,
    ) -> discord.File:
        """Return the 2×2 grid of a job, for its own channel or another place.

        Raises:
            PicturesLostError: a tile is not on the disk, or the job has none any more.
            UserError: the pictures may not be shown there (any more).

        """
        if not pictures:  # the keeper made room
            raise PicturesLostError(f"job={job.id} has no pictures any more")
        upload = await asyncio.to_thread(self._grid, job, pictures, limit_bytes)
        hidden = await self._guard.covered(pictures, *(place or (job.guild_id, job.channel_id)))
        return _file(upload, job, f"easel-{job.id}", hidden=hidden)

    async def tile(
        self,
        job: Job,
        picture: Picture,
        limit_bytes: int = LARGEST_BYTES,
        *,
        place: Place | None = None,
    ) -> discord.File:
        """Return one picture of a job, for its own channel or another place.

        Raises:
            PicturesLostError: it is not on the disk.
            UserError: it may not be shown there.

        """
        upload = await asyncio.to_thread(self._tile, job, picture, limit_bytes)
        hidden = await self._guard.covered([picture], *(place or (job.guild_id, job.channel_id)))
        return _file(upload, job, f"easel-{job.id}-{picture.tile + 1}", hidden=hidden)

    async def tiles(self, job: Job, pictures: Collection[Picture]) -> list[discord.File]:
        """Return pictures that fit into one message together.

        Raises:
            PicturesLostError: one is not on the disk.

        """
        limit = min(LARGEST_BYTES, REQUEST_BYTES // max(len(pictures), 1))
        return [await self.tile(job, picture, limit) for picture in pictures]

    async def preview(self, job: Job, picture: bytes) -> bytes:
        """Return a preview as it may be shown: coarse, where pictures are checked."""
        return await self._guard.preview(job, picture)

    def _grid(self, job: Job, pictures: Sequence[Picture], limit_bytes: int) -> uploads.Upload:
        whole = grid.compose([self._enlarged(job, picture) for picture in pictures])
        return uploads.fit(self._signed(whole, job, job.request.seed), limit_bytes)

    def _tile(self, job: Job, picture: Picture, limit_bytes: int) -> uploads.Upload:
        enlarged = self._enlarged(job, picture)
        signed = self._signed(enlarged, job, picture.seed, picture.tile)
        return uploads.fit(signed, limit_bytes)

    def _enlarged(self, job: Job, picture: Picture) -> bytes:
        try:
            png = self._data.path(picture.file).read_bytes()
        except FileNotFoundError as error:
            raise PicturesLostError(f"job={job.id} {picture.file} is gone") from error
        card = self.card(job)
        return grid.scale(png, card.delivery_scale if card else 1)

    def _signed(self, png: bytes, job: Job, seed: int, tile: int | None = None) -> bytes:
        """Put into the picture what it was made from, and whose message it goes on from."""
        card = self.card(job)
        remembered = memory.recall(
            flags.Wish(request=job.request, shown=job.shown),
            seed,
            card.own_sampler if card else "",
            job=str(job.id),
            kind=job.kind,
            tile=tile,
        )
        return memory.write(png, remembered)

    def card(self, job: Job) -> ModelCard | None:
        """Return the model that painted a job, if Easel has it now."""
        return next((card for card in self._cards() if card.name == job.request.model), None)


def _file(upload: uploads.Upload, job: Job, stem: str, *, hidden: bool) -> discord.File:
    return discord.File(
        io.BytesIO(upload.content),
        filename=f"{stem}.{upload.suffix}",
        description=messages.describe(job.shown),
        spoiler=hidden,
    )
