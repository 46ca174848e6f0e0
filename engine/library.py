"""The models one may paint with: opened when first asked for, within a budget of memory.

Made and used in the engine's thread; only fetching from the hub goes on beside it.
"""

import gc
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch

from engine.card import ModelCard
from engine.device import choose_dtype
from engine.errors import FETCHING, ModelError, Sentence
from engine.fetch import Tell, fetch_model
from engine.memory import free_cache, total_bytes
from engine.models import Model, explain, open_model
from engine.source import Kind, Source

log = logging.getLogger(__name__)

PART = 0.7
"""Of the device's memory for the weights of all models, unless the operator says how much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """Where the operator keeps what models can take in addition."""

    loras: Path | None = None
    controls: Path | None = None
    references: Path | None = None


class Library:
    """Models by their names, in the order of `sources`; the first is the default.

    Together their weights take at most `budget_bytes`: those longest unused go first, never one
    that has jobs. A model that is larger than that alone waits in main memory, and its parts go
    to the card one after the other. `on_opened` and `on_closed` are told of each.
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        device: torch.device,
        folders: Folders | None = None,
        budget_bytes: float | None = None,
    ) -> None:
        self.device = device
        self.opened: OrderedDict[str, Model] = OrderedDict()
        self.failed: dict[str, str] = {}
        """Sentences of those that cannot be opened."""
        self.fetching: str | None = None
        """How far the download is that goes on beside the painting."""
        self.on_opened: Callable[[Model], None] | None = None
        self.on_closed: Callable[[Model], None] | None = None
        self.on_card: Callable[[ModelCard], None] | None = None
        self._sources = dict(sources)
        self._folders = folders or Folders()
        self._budget = budget_bytes or PART * total_bytes(device)
        self._absent = {name for name, one in self._sources.items() if one.kind is Kind.HUB}

    @classmethod
    def holding(cls, model: Model) -> Self:
        """Make a library of one model that is open already."""
        library = cls({}, model.device)
        library.opened[model.card.name] = model
        return library

    @property
    def names(self) -> tuple[str, ...]:
        """All names, the default first."""
        return tuple(self._sources or self.opened)

    def fetch(self, name: str, tell: Tell) -> None:
        """Fetch a model if it is one of the hub; a failure is remembered. In any thread."""
        if name not in self._absent:
            return
        source = self._sources[name]
        half = choose_dtype(self.device) != torch.float32
        try:
            self._sources[name] = fetch_model(source, half=half, tell=tell)
        except Exception as error:  # noqa: BLE001 why: the hub fails in many ways; all are told
            found = error if isinstance(error, ModelError) else explain(source, error)
            self.failed[name] = str(found)
            log.error("%s", self.failed[name])
        self._absent.discard(name)

    def fetch_others(self) -> None:
        """Fetch what is not here yet, one after the other, beside the painting."""

        def tell(sentence: str) -> None:
            self.fetching = sentence

        def fetch_all() -> None:
            for name in sorted(self._absent, key=self.names.index):
                tell(Sentence(FETCHING, model=name))
                self.fetch(name, tell)
            self.fetching = None

        if self._absent:
            threading.Thread(target=fetch_all, name="easel-fetch", daemon=True).start()

    def take(self, name: str, busy: Collection[str] = ()) -> Model | None:
        """Return a model, opening it if need be; None while it is fetched or finds no room.

        Room is made by closing others, but none of the `busy` ones.

        Raises:
            ModelError: there is no such model, or it cannot be opened.

        """
        if name in self.opened:
            self.opened.move_to_end(name)
            return self.opened[name]
        if name not in self._sources:
            names = ", ".join(self.names)
            raise ModelError(
                Sentence(
                    "There is no model {name} here; this is painted with {names}.",
                    name=name,
                    names=names,
                )
            )
        if name in self._absent:
            return None
        if name in self.failed:
            raise ModelError(self.failed[name])
        return self._open(name) if self._make_room(name, busy) else None

    def _open(self, name: str) -> Model:
        try:
            model = open_model(
                self._sources[name],
                self.device,
                self._folders.loras,
                self._folders.controls,
                self._budget,
                references=self._folders.references,
            )
        except ModelError as error:
            self.failed[name] = str(error)
            log.error("%s", error)
            raise
        log.info("painting with %s", name)
        self.opened[name] = model
        if self.on_opened is not None:
            self.on_opened(model)
        if self.on_card is not None:
            self.on_card(model.card)
        return model

    def _make_room(self, name: str, busy: Collection[str]) -> bool:
        """Close what is in the way of a model, if that can be done."""
        room = self._budget - self._sources[name].count_bytes(choose_dtype(self.device).itemsize)
        idle = [other for other in self.opened if other not in busy]
        sizes = {other: model.size_bytes for other, model in self.opened.items()}
        while sizes and sum(sizes.values()) > room:
            if not idle:
                return False
            oldest = idle.pop(0)
            del sizes[oldest]
        for other in [other for other in self.opened if other not in sizes]:
            self._close(other)
        return True

    def _close(self, name: str) -> None:
        log.info("making room: closing %s", name)
        model = self.opened.pop(name)
        if self.on_closed is not None:
            self.on_closed(model)
        del model
        gc.collect()  # pipelines and their hooks refer to each other
        free_cache()
