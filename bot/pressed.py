"""How pressed buttons look. Their messages keep it, so it outlasts a restart; this only remembers
what messages at hand may not show yet, for presses that come at once."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from weakref import WeakValueDictionary

import discord

REMEMBERED = 1000
"""Messages whose latest presses are kept at hand."""


@dataclass(frozen=True, slots=True)
class Face:
    """What a button looks like."""

    label: str | None = None
    emoji: str | None = None
    style: discord.ButtonStyle = discord.ButtonStyle.secondary


class Pressed:
    """The faces of the buttons that were pressed lately, by message."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._faces: OrderedDict[int, dict[str, Face]] = OrderedDict()
        self._turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    def note(self, message_id: int, custom_id: str, face: Face) -> Mapping[str, Face]:
        """Remember a button's new face; return those of its message, by custom_id."""
        faces = self._faces.setdefault(message_id, {})
        faces[custom_id] = face
        self._faces.move_to_end(message_id)
        while len(self._faces) > REMEMBERED:
            self._faces.popitem(last=False)
        return faces

    def turn_of(self, message_id: int) -> asyncio.Lock:
        """Return what is held while a message's buttons are edited: the newest come last."""
        return self._turns.setdefault(message_id, asyncio.Lock())
