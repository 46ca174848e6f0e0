"""Whether the data folder can take more; after a failed write, when it can be written again."""

import asyncio
import logging
import os
import shutil
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from bot.data import DataFolder
from bot.errors import DiskError, UserError
from bot.language import N_, _

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)

RESERVE_BYTES = 512 * 2**20
"""With less than this left, no new job is taken: what is queued still needs room."""
TRIAL_BYTES = 2**20

FULL = N_(
    "Easel's disk is full, so nothing new is taken in for now; what waits is kept. "
    "Please tell whoever runs this bot."
)


class Disk:
    """Remembers a failed write until a trial write succeeds."""

    def __init__(self, data: DataFolder, reserve_bytes: int = RESERVE_BYTES) -> None:
        """Watch a folder; `look` before trusting it."""
        self._data = data
        self._reserve_bytes = reserve_bytes
        self.broken = False
        """A write failed: nothing is painted until one works again."""
        self.low = False

    def check(self) -> None:
        """Refuse a new job where it could not be kept.

        Raises:
            UserError: the disk is full, or does not take what is written.

        """
        if self.broken or self.low:
            raise UserError(_(FULL))

    @property
    def trouble(self) -> str | None:
        """What is wrong, for the operator; None if nothing is."""
        if self.broken:
            said = _("The data folder {folder} cannot be written; new jobs are refused.")
            return said.format(folder=self._data.root)
        if self.low:
            said = _("The disk of {folder} is almost full; new jobs are refused.")
            return said.format(folder=self._data.root)
        return None

    def fail(self, error: Exception) -> None:
        """Note that a write failed."""
        if not self.broken:
            log.error("the data folder %s cannot be written: %s", self._data.root, error)
        self.broken = True

    def look(self) -> None:
        """Measure the room, and after a failure try to write. Blocks."""
        try:
            self.low = shutil.disk_usage(self._data.root).free < self._reserve_bytes
            if self.broken:
                self._try()
        except OSError:
            self.broken = True
        else:
            if self.broken:
                log.warning("the data folder %s can be written again", self._data.root)
            self.broken = False

    def _try(self) -> None:
        trial = self._data.root / ".trial"
        try:
            with trial.open("wb") as file:
                file.write(b"\0" * TRIAL_BYTES)
                file.flush()
                os.fsync(file.fileno())
        finally:
            trial.unlink(missing_ok=True)


async def to_disk(write: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Write in a thread; a disk that refuses keeps the job in the queue."""
    try:
        return await asyncio.to_thread(write, *args, **kwargs)
    except OSError as error:
        raise DiskError(error.strerror or str(error)) from error
