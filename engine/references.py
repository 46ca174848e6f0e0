"""Pictures that a painting refers to beside its words, by IP-Adapters of the operator's folder.

An adapter adds to each cross-attention of the U-Net a second one, which looks at a picture. Which
adapters are at work is a state of the U-Net, as LoRAs are; how much each picture counts comes with
the rows of a call, so that jobs with different weights may share a forward.
"""

import contextlib
import logging
from collections import Counter, OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from engine.errors import PaintError, Sentence
from engine.image_encoders import LOST, ImageEncoders
from engine.reference_folder import AdapterFile, ReferenceFolder, abilities
from engine.request import Request
from engine.second_attention import (
    COUNTS,
    Adapter,
    Setup,
    attention_shapes_of,
    read_adapter,
    set_up,
)
from engine.twins import Twins, prefix_of

log = logging.getLogger(__name__)

MOST_LOADED = 4
MOST_SETUPS = 16

State = tuple[str, ...]
"""The adapter of each picture at work, in their order."""
Chosen = list[tuple[str, AdapterFile]]
"""The name and the file of each picture's adapter."""
Key = tuple[Path, int, int]


class References:
    """The IP-Adapters of one model.

    With `is_delegated`, a hub calls `activate` before each forward, and `paint` need not.
    """

    def __init__(
        self, pipeline: Any, twins: Twins, folder: ReferenceFolder, family: str = ""
    ) -> None:
        self._is_delegated = False
        self._unet = getattr(pipeline, "unet", None)
        self._twins = twins
        self._folder = folder
        self._family = family
        self._shapes = () if self._unet is None else attention_shapes_of(self._unet)
        self.encoders = ImageEncoders(self._unet)
        self._names: dict[Key, str] = {}
        self._loaded: OrderedDict[str, Adapter] = OrderedDict()
        self._holders: Counter[str] = Counter()
        self._setups: OrderedDict[State, Setup] = OrderedDict()
        self._plain: dict[str, Setup] = {}
        self._active: dict[str, State] = {}

    @property
    def is_delegated(self) -> bool:
        """Whether a hub switches the U-Nets."""
        return self._is_delegated

    @is_delegated.setter
    def is_delegated(self, value: bool) -> None:
        # Whoever takes over finds them without adapters.
        self._is_delegated = value
        for part in self._active:
            self.activate(part, ())

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """Return what is loaded."""
        parts = (part for adapter in self._loaded.values() for part in adapter.modules)
        return (*self.encoders.modules, *parts)

    @property
    def abilities(self) -> frozenset[str]:
        """Name what the adapters that fit add to what the model honours."""
        return abilities(self._folder.fitting(self._shapes))

    def states(self, request: Request) -> dict[str, State]:
        """Return the state of the U-Net that a request paints with; nothing is loaded.

        Raises:
            PaintError: there is no adapter for what it wants.

        """
        if not request.references:
            return {}
        return {_part(request): tuple(name for name, _ in self._chosen(request))}

    @contextlib.contextmanager
    def hold(self, request: Request) -> Iterator[Chosen]:
        """Load a request's adapters and keep them as long as the block runs; return which."""
        chosen = self._chosen(request)
        state = tuple(name for name, _ in chosen)
        self._holders.update(state)
        try:
            for name, file in chosen:
                self._load(name, file)
            if not self.is_delegated:
                self.activate(_part(request), state)
            yield chosen
        finally:
            self._holders.subtract(state)

    def arguments(self, pipeline: Any, request: Request, chosen: Chosen) -> dict[str, Any]:
        """Say in the pipeline's words what pictures a request refers to, and how much they count.

        `chosen` are the adapters that are held for it.

        Raises:
            PaintError: one of them cannot be read.

        """
        if not request.references:
            return {}
        config, device = pipeline.unet.config, pipeline._execution_device
        is_guided = request.guidance_scale > 1 and config.get("time_cond_proj_dim") is None
        tensors = []
        for (_, file), one in zip(chosen, request.references, strict=True):
            seen = [b"", _read(one.picture)] if is_guided else [_read(one.picture)]
            vectors = [
                self.encoders.look(file.encoder, each, device, is_whole=file.is_whole)
                for each in seen
            ]
            tensors.append(torch.stack(vectors))
        scales = [one.weight * count for one in request.references for count in COUNTS[one.kind]]
        rows = torch.tensor(scales, device=device).expand(1 + is_guided, 1, -1)
        return {"ip_adapter_image_embeds": [*tensors, rows]}

    def activate(self, part: str, state: State) -> None:
        """Put the adapters of a state into a U-Net, in the place of those that are there."""
        if self._active.get(part, ()) == state:
            return
        unet = self._twins.module(part)
        plain = self._plain.setdefault(part, Setup.found_in(unet))
        setup = self._set_up(state) if state else plain
        setup.put_into(unet)
        self._active[part] = state

    def _chosen(self, request: Request) -> Chosen:
        """The adapter of each reference: one for faces where one is asked for, else another."""
        files = self._folder.fitting(self._shapes) if request.references else ()
        chosen = []
        for one in request.references:
            file = next((file for file in files if file.is_face == (one.kind == "face")), None)
            if file is None:
                sentence = Sentence(
                    "There is no IP-Adapter for pictures here that fits this model."
                )
                if one.kind == "face":
                    sentence = Sentence(
                        "There is no IP-Adapter for faces here that fits this model."
                    )
                raise PaintError(sentence)
            about = file.path.stat()
            key = file.path, about.st_mtime_ns, about.st_size
            chosen.append((self._names.setdefault(key, f"adapter{len(self._names)}"), file))
        return chosen

    def _load(self, name: str, file: AdapterFile) -> None:
        """Read an adapter, and open its image encoder."""
        if name in self._loaded:
            self._loaded.move_to_end(name)
            return
        self._make_room()
        try:
            # Tensors made in inference mode could not be moved outside of it.
            with torch.inference_mode(mode=False):
                adapter = read_adapter(self._unet, file)
                self.encoders.load(file.encoder)
        except torch.OutOfMemoryError:
            raise
        except (OSError, RuntimeError, ValueError, KeyError, TypeError, IndexError) as error:
            log.warning("the IP-Adapter %s cannot be opened: %s", file.path, error)
            raise PaintError(
                Sentence(
                    "The IP-Adapter {name} does not fit this model: it is made for another, or "
                    "damaged.",
                    name=file.path.stem,
                )
            ) from error
        self._loaded[name] = adapter

    def _make_room(self) -> None:
        """Let those longest unused go, if there are many, but none that a job holds."""
        unused = [name for name in self._loaded if not self._holders[name]]
        for name in unused[: max(0, len(self._loaded) + 1 - MOST_LOADED)]:
            del self._loaded[name]
            for state in [state for state in self._setups if name in state]:
                del self._setups[state]

    def _set_up(self, state: State) -> Setup:
        """Find the setup of a state, or make it."""
        if state not in self._setups:
            self._setups[state] = set_up([self._loaded[name] for name in state], self._family)
            if len(self._setups) > MOST_SETUPS:
                self._setups.popitem(last=False)
        self._setups.move_to_end(state)
        return self._setups[state]


def _part(request: Request) -> str:
    return f"{prefix_of(request)}unet"


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise PaintError(Sentence(LOST)) from error
