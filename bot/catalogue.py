"""The names of the operator's LoRAs and ControlNets, kept in memory: a person who types waits for
no disk. They are looked up again behind the scenes, for files may be added while the bot runs.
"""

import asyncio
import time

from engine import ControlFolder, LoraFolder

FRESH_S = 10.0


class Catalogue:
    """What may be named in a prompt, as it was a moment ago."""

    def __init__(self, loras: LoraFolder, controls: ControlFolder) -> None:
        """Know nothing before the first `look`."""
        self._folders = loras, controls
        self._loras: tuple[str, ...] = ()
        self._controls: tuple[str, ...] = ()
        self._looked_at = float("-inf")
        self._looking: asyncio.Task[None] | None = None

    async def look(self) -> None:
        """Read the folders."""
        self._looked_at = time.monotonic()
        loras, controls = self._folders
        self._loras = await asyncio.to_thread(loras.names)
        self._controls = await asyncio.to_thread(controls.names)

    def loras(self) -> tuple[str, ...]:
        """Name the LoRAs, at once."""
        self._look_soon()
        return self._loras

    def controls(self) -> tuple[str, ...]:
        """Name the ControlNets, at once."""
        self._look_soon()
        return self._controls

    def _look_soon(self) -> None:
        idle = self._looking is None or self._looking.done()
        if idle and time.monotonic() - self._looked_at > FRESH_S:
            self._looking = asyncio.create_task(self.look(), name="catalogue")
