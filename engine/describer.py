"""Describing pictures: by a captioner of the operator's own, else by the embedded image tower.

The tower and the text encoder beside it are opened for this alone, so that pictures are described
whatever model paints.
"""

import logging
from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image
from torch import nn

from engine.captioner import COUNT, Captioner
from engine.captions import Words
from engine.errors import N_, ModelError, PaintError, Sentence
from engine.eyes import Eyes
from engine.recognition import recognise
from engine.request import Request
from engine.source import EMBEDDED, has_tower

log = logging.getLogger(__name__)

BLIND = N_(
    "Nothing here can look at pictures to describe them; whoever runs this bot can name a "
    "captioner with `CAPTIONER` in `.env`."
)
DAMAGED = N_(
    "What looks at pictures here cannot be opened; whoever runs this bot finds why in the log."
)
UNREADABLE = N_("The picture to describe cannot be read any more.")


class Describer:
    """Says what a picture shows, as prompts. Made and used in the engine's thread.

    `on_made` is told of the tower and its text encoder when they are opened.
    """

    def __init__(self, device: torch.device, captioner: str = "", folder: Path = EMBEDDED) -> None:
        self.on_made: Callable[[dict[str, nn.Module]], None] | None = None
        self._device, self._folder = device, folder
        self._captioner = Captioner(captioner, device) if captioner else None
        self._eyes: Eyes | None = None
        self._words = Words.read(folder)

    def describe(self, request: Request) -> tuple[str, ...]:
        """Return four prompts for the picture that the request starts from, the best first.

        Each seed from 0 on gives four others, as far as there are more.

        Raises:
            PaintError: nothing here can describe it, or it cannot be read.

        """
        try:
            with Image.open(request.image or "") as opened:
                picture = opened.convert("RGB")
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            raise PaintError(Sentence(UNREADABLE)) from error
        if self._captioner is not None:
            return self._captioner.caption(picture, request.seed)
        eyes = self._open()
        found = recognise(eyes, self._words, eyes.see(picture))
        first = request.seed % max(len(found) // COUNT, 1) * COUNT
        return tuple(found[first : first + COUNT])

    def _open(self) -> Eyes:
        if self._eyes is None:
            if not has_tower(self._folder):
                raise PaintError(Sentence(BLIND))
            try:
                self._eyes = Eyes(self._folder, self._device, self.on_made)
            except (ModelError, OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
                log.warning("the image tower cannot be opened: %s", error)
                raise PaintError(Sentence(DAMAGED)) from error
        return self._eyes
