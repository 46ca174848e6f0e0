"""Weights that wait in main memory and come to the card only while their module is needed."""

from collections import OrderedDict
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

Home = list[tuple[Tensor, Tensor]]
"""A module's tensors, each with its data in main memory."""


def count_bytes(module: nn.Module) -> int:
    """Return what a module's weights take."""
    return sum(tensor.numel() * tensor.element_size() for tensor in _tensors(module))


class Offload:
    """Modules of one card, of which those used last are there, up to `most_bytes` together.

    Their data stay in main memory too, so that leaving the card costs nothing.
    """

    def __init__(self, device: torch.device, most_bytes: float) -> None:
        self.device = device
        self._most = most_bytes
        self._there: OrderedDict[nn.Module, Home] = OrderedDict()

    def adopt(self, module: nn.Module, *, stays: bool) -> None:
        """Let pipelines make their tensors where this module will run, not where it waits.

        One that `stays` goes to the card for good: nobody would bring it.
        """
        if stays:
            module.to(self.device)
        marked: Any = module
        # The attribute that accelerate's hooks have, by which pipelines ask.
        marked._hf_hook = SimpleNamespace(execution_device=self.device)

    def bring(self, module: nn.Module) -> None:
        """Put a module's weights onto the card; those longest unused make room."""
        if module in self._there:
            self._there.move_to_end(module)
        else:
            needed = count_bytes(module)
            while self._there and needed + self._used() > self._most:
                self._send_home(*self._there.popitem(last=False))
            self._there[module] = []
        home, known = self._there[module], {id(tensor) for tensor, _ in self._there[module]}
        for tensor in _tensors(module):  # those of a LoRA may have come meanwhile
            if id(tensor) not in known:
                home.append((tensor, tensor.data.cpu()))
                tensor.data = home[-1][1].to(self.device, copy=True)

    def leave_only(self, module: nn.Module) -> bool:
        """Take all others off the card; tell whether any were there."""
        others = [other for other in self._there if other is not module]
        for other in others:
            self._send_home(other, self._there.pop(other))
        return bool(others)

    def clear(self) -> None:
        """Take everything off the card."""
        while self._there:
            self._send_home(*self._there.popitem(last=False))

    def _used(self) -> int:
        return sum(count_bytes(module) for module in self._there)

    def _send_home(self, module: nn.Module, home: Home) -> None:
        for tensor, data in home:
            tensor.data = data


def share_device(module: Any, other: Any) -> None:
    """Let another module run where this one does, if that is not where it is."""
    if hasattr(module, "_hf_hook"):
        other._hf_hook = module._hf_hook


def _tensors(module: nn.Module) -> Iterator[Tensor]:
    yield from module.parameters()
    yield from module.buffers()
