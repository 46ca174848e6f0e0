"""One place where jobs call a model, and the calls that wait there for a forward."""

import inspect
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from engine.policy import Claim
from engine.rows import Content, count_rows, describe

TIMES = frozenset({"t", "timestep", "timesteps"})
"""Arguments that may be one number for all rows; each row gets its own."""
SHARED = frozenset({"img_ids", "txt_ids", "image_rotary_emb"})
"""Arguments that belong to all rows, even if they happen to have as many entries."""
HEAVY = frozenset(
    {
        "controlnet_block_samples",
        "down_block_additional_residuals",
        "down_intrablock_additional_residuals",
        "mid_block_additional_residual",
    }
)
"""Arguments so large that a call which has one should not wait."""


class Site:
    """One method of one module; `real` is the method itself.

    `is_denoiser` says that a job's calls here are its steps. Arguments named in `ignored` are not
    handed on: a VAE's `generator`, which would only keep calls apart.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        name: str,
        attribute: str,
        *,
        is_denoiser: bool,
        ignored: Iterable[str],
    ) -> None:
        self.name = name
        self.is_denoiser = is_denoiser
        self.module = module
        self.attribute = attribute
        self.real: Callable[..., Any] = getattr(module, attribute)
        self._before = module.__dict__.get(attribute)
        self._ignored = frozenset(ignored)
        parameters = inspect.signature(self.real).parameters
        self._names = tuple(parameters)
        self._defaults = {name: p.default for name, p in parameters.items()}

    def redirect(self, routed: Callable[..., Any]) -> None:
        """Put `routed` in the place of the method."""
        setattr(self.module, self.attribute, routed)

    def restore(self) -> None:
        """Put back what was there before `redirect`."""
        if self._before is None:
            delattr(self.module, self.attribute)
        else:
            setattr(self.module, self.attribute, self._before)

    def name_arguments(self, args: Sequence[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments by name, without those that say nothing."""
        named = dict(zip(self._names, args, strict=False)) | kwargs
        return {
            name: value
            for name, value in named.items()
            if name not in self._ignored and value is not self._defaults.get(name, named)
        }


@dataclass(slots=True, eq=False)
class Call:
    """A parked call: what the policy's `Waiting` asks for, and the arguments.

    `per_row` maps names to trees that have its rows, `shared` to what belongs to all of them.
    Calls of one `kind` (site, dtype and shape of a row) cost the same per row; those of one `key`
    may share a forward. `state` is the module state its job wants, `is_set` whether the module is
    in it. `work` is in seconds.
    """

    site: Site
    claim: Claim
    rows: int
    is_ragged: bool
    is_heavy: bool
    per_row: dict[str, Any]
    shared: dict[str, Any]
    kind: Hashable
    key: Hashable
    state: Hashable = None
    is_set: bool = True
    work: float = 0.0


def park(
    site: Site,
    named: dict[str, Any],
    claim: Claim,
    state: Hashable,
    content: Content,
) -> Call:
    """Make the call that waits; `state` is the module state token its job wants."""
    first = _find_first(named)
    if first is None:
        return _park_alone(site, named, claim, state)
    rows, is_ragged = count_rows(first), isinstance(first, list)
    sample = first[0] if is_ragged else first
    per_row, shared, signature = {}, {}, []
    for name in sorted(named):
        value = named[name]
        if name in SHARED:
            shared[name] = value
            signature.append((name, describe(value, -1, False, content)))
            continue
        if name in TIMES:
            value = _one_per_row(value, rows, sample.device)
        per_row[name] = value
        signature.append((name, describe(value, rows, is_ragged, content)))
    kind = site.name, sample.dtype, sample.shape if is_ragged else sample.shape[1:]
    key = site.name, state, is_ragged, tuple(signature)
    is_heavy = not HEAVY.isdisjoint(named)
    return Call(site, claim, rows, is_ragged, is_heavy, per_row, shared, kind, key, state)


def _find_first(named: dict[str, Any]) -> Any:
    """Return the argument that tells the rows: the first tensor or list of tensors, else None."""
    for name, value in named.items():
        if name in SHARED or name in TIMES:
            continue
        if isinstance(value, torch.Tensor) and value.dim():
            return value
        if isinstance(value, list) and value and isinstance(value[0], torch.Tensor):
            return value
    return None


def _park_alone(site: Site, named: dict[str, Any], claim: Claim, state: Hashable) -> Call:
    """Make the call of a model that was given nothing with rows: nobody can join it."""
    return Call(site, claim, 1, False, False, {}, named, site.name, object(), state)


def _one_per_row(value: Any, rows: int, device: torch.device) -> torch.Tensor:
    """Return times as float, one for each row."""
    times = value if isinstance(value, torch.Tensor) else torch.tensor(value)
    if not times.is_floating_point():
        times = times.to(torch.float32)
    return times.to(device).expand(rows) if times.dim() == 0 or len(times) != rows else times
