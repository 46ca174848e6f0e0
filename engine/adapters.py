"""LoRAs at work in an open model: loaded when first asked for, switched between jobs.

A job's LoRAs are a `State`, the same for jobs that may share a forward. Whoever runs a module
lets it be switched to the state of the job before: `paint` does, unless a hub does it.
"""

import contextlib
import functools
import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from diffusers.utils.peft_utils import (
    delete_adapter_layers,
    set_adapter_layers,
    set_weights_and_activate_adapters,
)
from peft.tuners.tuners_utils import BaseTunerLayer

from engine.errors import PaintError, Sentence
from engine.lora_file import LoraFile
from engine.loras import LoraFolder
from engine.request import Request
from engine.twins import Twins, prefix_of

log = logging.getLogger(__name__)

MOST_LOADED = 16
ENCODERS = ("text_encoder", "text_encoder_2")

State = tuple[tuple[str, float], ...]
"""(adapter, weight) of each LoRA at work, in the order of the adapters."""
Key = tuple[Path, int, int]


class Adapters:
    """The LoRAs of one model's modules, which go by their names in the pipeline.

    With `is_delegated`, a hub calls `activate` before each forward, and `paint` need not.
    """

    def __init__(self, pipeline: Any, twins: Twins, folder: LoraFolder) -> None:
        self._is_delegated = False
        self._pipeline = pipeline
        self._twins = twins
        self._folder = folder
        self._names: dict[Key, str] = {}
        self._files: dict[str, Path] = {}
        self._loaded: OrderedDict[str, LoraFile] = OrderedDict()
        self._inside: set[tuple[str, str]] = set()
        self._holders: Counter[str] = Counter()
        self._active: dict[str, State] = {}

    @property
    def is_delegated(self) -> bool:
        """Whether a hub switches the modules."""
        return self._is_delegated

    @is_delegated.setter
    def is_delegated(self, value: bool) -> None:
        # Whoever takes over finds them without LoRAs.
        self._is_delegated = value
        for part in [part for part, state in self._active.items() if state]:
            self.activate(part, None)

    def states(self, request: Request) -> dict[str, State]:
        """Return the state of each module that a request wants switched; nothing is loaded."""
        if not request.loras:
            return {}
        state = tuple(sorted((self._adapter(name), weight) for name, weight in request.loras))
        return dict.fromkeys(self._parts(request), state)

    @contextlib.contextmanager
    def hold(self, request: Request) -> Iterator[State]:
        """Load a request's LoRAs and keep them as long as the block runs."""
        states = self.states(request)
        state = next(iter(states.values()), ())
        names = [name for name, _ in state]
        self._holders.update(names)
        try:
            for name in names:
                self._load(name, self._parts(request))
            if not self.is_delegated:
                for part in self._parts(request):
                    self.switch(part, state)
            yield state
        finally:
            self._holders.subtract(names)

    def activate(self, part: str, state: State | None) -> None:
        """Switch a module to a state; None is none of its LoRAs."""
        state = state or ()
        module = self._twins.module(part)
        set_adapter_layers(module, enabled=bool(state))
        if state:
            names, weights = zip(*state, strict=True)
            set_weights_and_activate_adapters(module, list(names), list(weights))
        self._active[part] = state

    def switch(self, part: str, state: State) -> None:
        """Switch a module to a state unless it is in it."""
        if self._active.get(part, ()) != state:
            self.activate(part, state)

    def _parts(self, request: Request) -> tuple[str, ...]:
        encoders = [name for name in ENCODERS if getattr(self._pipeline, name, None) is not None]
        return (f"{prefix_of(request)}unet", *encoders)

    def _adapter(self, lora: str) -> str:
        """Return the name in the modules of a LoRA; a file that changed has another."""
        path = self._folder.find(lora)
        about = path.stat()
        key = path, about.st_mtime_ns, about.st_size
        name = self._names.setdefault(key, f"lora{len(self._names)}")
        self._files[name] = path
        return name

    def _load(self, name: str, parts: tuple[str, ...]) -> None:
        """Put a LoRA into those of the modules that do not have it yet."""
        if name not in self._loaded:
            self._make_room()
            self._loaded[name] = self._guard(
                name, functools.partial(LoraFile.read, self._pipeline, self._files[name])
            )
        self._loaded.move_to_end(name)
        missing = [part for part in parts if (name, part) not in self._inside]
        for part in missing:
            self._guard(name, functools.partial(self._put, name, part))
            self._inside.add((name, part))
            # Loading makes it active, whoever's turn it is.
            self.activate(part, self._active.get(part, ()))
        if missing and not self._is_anywhere(name, parts):
            raise self._misfit(name)

    def _put(self, name: str, part: str) -> None:
        file, module = self._loaded[name], self._twins.module(part)
        if part in ENCODERS:
            file.put_into_encoder(self._pipeline, module, part, name)
        else:
            file.put_into_unet(self._pipeline, module, name)

    def _guard(self, name: str, load: Callable[[], Any]) -> Any:
        """Take a LoRA out again that fails to load."""
        try:
            # Tensors made in inference mode could not be switched outside of it.
            with torch.inference_mode(mode=False):
                return load()
        except torch.OutOfMemoryError:
            self._remove(name)
            raise
        except (RuntimeError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            log.warning("LoRA %s does not fit: %s", self._files[name], error)
            raise self._misfit(name) from error

    def _misfit(self, name: str) -> PaintError:
        self._remove(name)
        return PaintError(
            Sentence(
                "The LoRA {name} does not fit this model: it is made for another.",
                name=self._files[name].stem,
            )
        )

    def _is_anywhere(self, name: str, parts: tuple[str, ...]) -> bool:
        return any(
            name in getattr(layer, "scaling", {})
            for part in parts
            for layer in self._twins.module(part).modules()
            if isinstance(layer, BaseTunerLayer)
        )

    def _make_room(self) -> None:
        """Take out the LoRAs longest unused, if there are many, but none that a job holds."""
        unused = [name for name in self._loaded if not self._holders[name]]
        for name in unused[: max(0, len(self._loaded) + 1 - MOST_LOADED)]:
            self._remove(name)

    def _remove(self, name: str) -> None:
        self._loaded.pop(name, None)
        for part in {part for _, part in self._inside} | {"unet", *ENCODERS}:
            module = self._twins.module(part)
            if module is not None:
                delete_adapter_layers(module, name)
                self.activate(part, self._active.get(part, ()))
            self._inside.discard((name, part))
