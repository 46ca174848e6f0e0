"""One place where jobs call a model, and the calls that wait there for a forward."""

import inspect
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch

from engine.policy import Claim
from engine.prompt_attention import PROMPTS, mark
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
        named: dict[str, Any] = {}
        defaults = self._defaults
        for name, value in chain(zip(self._names, args, strict=False), kwargs.items()):
            if value is not defaults.get(name, named) and name not in self._ignored:
                named[name] = value
        return named


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


@dataclass(frozen=True, slots=True)
class Form:
    """What a job's calls at a site have in common, for as long as their arguments look alike."""

    looks: dict[str, Any]
    per_row: tuple[str, ...]
    shared: dict[str, Any]
    rows: int
    is_ragged: bool
    is_heavy: bool
    device: torch.device
    kind: Hashable
    key: Hashable

    def fits(self, named: dict[str, Any]) -> bool:
        """Tell whether these arguments look as those did."""
        return _is_alike(self.looks, named)


def park(
    site: Site,
    named: dict[str, Any],
    claim: Claim,
    state: Hashable,
    content: Content,
    forms: dict[str, Form],
) -> Call:
    """Make the call that waits; `state` is the module state token its job wants.

    `forms` are those of the job's last calls, by site name.
    """
    form = forms.get(site.name)
    if form is None or not form.fits(named):
        first = _find_first(named)
        if first is None:
            return _park_alone(site, named, claim, state)
        form = forms[site.name] = _form(site, named, first, state, content)
    per_row = {name: named[name] for name in form.per_row}
    for name in TIMES.intersection(per_row):
        per_row[name] = _one_per_row(per_row[name], form.rows, form.device)
    return Call(
        site,
        claim,
        form.rows,
        form.is_ragged,
        form.is_heavy,
        per_row,
        form.shared,
        form.kind,
        form.key,
        state,
    )


def _form(site: Site, named: dict[str, Any], first: Any, state: Hashable, content: Content) -> Form:
    rows, is_ragged = count_rows(first), isinstance(first, list)
    mark(named.get(PROMPTS))
    sample = first[0] if is_ragged else first
    per_row, shared, signature = [], {}, []
    for name in sorted(named):
        value = named[name]
        if name in SHARED:
            shared[name] = value
            signature.append((name, describe(value, -1, False, content)))
            continue
        per_row.append(name)
        if name in TIMES:
            value = _one_per_row(value, rows, sample.device)
        signature.append((name, describe(value, rows, is_ragged, content)))
    looks = {
        name: _look(value, -1 if name in SHARED else rows, is_time=name in TIMES)
        for name, value in named.items()
    }
    kind = site.name, sample.dtype, sample.shape if is_ragged else sample.shape[1:]
    key = site.name, state, is_ragged, tuple(signature)
    is_heavy = not HEAVY.isdisjoint(named)
    return Form(looks, tuple(per_row), shared, rows, is_ragged, is_heavy, sample.device, kind, key)


def _look(value: Any, rows: int, *, is_time: bool = False) -> Any:
    """Return what a later argument is compared with; nothing is like a list or a tuple.

    What has rows is compared by dtype and shape, all else has to be the very same.
    """
    if isinstance(value, torch.Tensor) and (is_time or (value.dim() and len(value) == rows)):
        return value.dtype, value.shape
    if isinstance(value, dict):
        return {name: _look(part, rows) for name, part in value.items()}
    return object() if isinstance(value, (list, tuple)) else value


def _is_alike(look: Any, value: Any) -> bool:
    if isinstance(look, tuple):
        dtype, shape = look
        return isinstance(value, torch.Tensor) and value.dtype == dtype and value.shape == shape
    if isinstance(look, dict):
        if not isinstance(value, dict) or look.keys() != value.keys():
            return False
        return all(_is_alike(part, value[name]) for name, part in look.items())
    return look is value


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
    if times.device != device or not times.is_floating_point():
        times = times.to(device, times.dtype if times.is_floating_point() else torch.float32)
    return times.expand(rows) if times.dim() == 0 or len(times) != rows else times
