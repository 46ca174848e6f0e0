"""Calls as trees of tensors: how the rows of several become one batch and are handed back.

A tree is what pipelines pass to a model and get from it: tensors, lists, tuples, dicts, outputs
and plain values. A row is one entry along the first axis of the tensors that have as many entries
as the call has rows; everything else belongs to all rows. In a `ragged` call (Z-Image) the rows
are the items of a list and may differ in shape.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution

Content = Callable[[torch.Tensor], Hashable]


def count_rows(first: Any) -> int:
    """Return the rows of a call by its first tensor or list; a scalar has one."""
    return 1 if isinstance(first, torch.Tensor) and first.dim() == 0 else len(first)


def describe(tree: Any, rows: int, ragged: bool, content: Content) -> Hashable:
    """Describe a tree so that equal descriptions may share a forward.

    Rows by dtype and shape without the first axis; shared tensors by `content`, the rest by value.
    """
    if isinstance(tree, torch.Tensor):
        if tree.dim() and tree.shape[0] == rows:
            return tree.dtype, tree.shape[1:]
        return content(tree)
    if isinstance(tree, dict):
        return tuple((key, describe(tree[key], rows, ragged, content)) for key in sorted(tree))
    if ragged and isinstance(tree, list) and len(tree) == rows:
        return list, *(getattr(tree[0], name, None) for name in ("dtype", "ndim"))
    if isinstance(tree, list) and len(tree) == rows and not _has_tensors(tree):
        return object()  # plain values that may be one for each row: nobody can join
    if isinstance(tree, (list, tuple)):
        return type(tree), *(describe(part, rows, ragged, content) for part in tree)
    try:
        hash(tree)
    except TypeError:
        return type(tree), id(tree)
    return type(tree), tree


def join(trees: Sequence[Any], rows: Sequence[int], ragged: bool) -> Any:
    """Put trees of one description, of `rows[k]` rows each, one after the other."""
    first = trees[0]
    if isinstance(first, torch.Tensor):
        return torch.cat(list(trees)) if first.dim() and first.shape[0] == rows[0] else first
    if isinstance(first, dict):
        return _like(first, {key: join([t[key] for t in trees], rows, ragged) for key in first})
    if isinstance(first, DiagonalGaussianDistribution):
        return _like(first, join([tree.parameters for tree in trees], rows, ragged))
    if ragged and isinstance(first, list) and len(first) == rows[0]:
        return [item for tree in trees for item in tree]
    if isinstance(first, (list, tuple)):
        parts = zip(*trees, strict=True)
        return _like(first, [join(part, rows, ragged) for part in parts])
    return first


def split(tree: Any, counts: Sequence[int], ragged: bool) -> list[Any]:
    """Split a model's output into parts of `counts` rows.

    Raises:
        ValueError: a tensor has no entry for each row, so nobody knows whose it is.

    """
    rows, start, parts = sum(counts), 0, []
    _check_rows(tree, rows, ragged)
    for count in counts:
        parts.append(take(tree, rows, start, start + count, ragged))
        start += count
    return parts


def take(tree: Any, rows: int, start: int, stop: int, ragged: bool) -> Any:
    """Return the rows `start … stop - 1` of a tree of `rows` rows, as views."""
    if isinstance(tree, torch.Tensor):
        return tree[start:stop] if tree.dim() and tree.shape[0] == rows else tree
    if isinstance(tree, dict):
        parts = {key: take(part, rows, start, stop, ragged) for key, part in tree.items()}
        return _like(tree, parts)
    if isinstance(tree, DiagonalGaussianDistribution):
        return _like(tree, tree.parameters[start:stop])
    if ragged and isinstance(tree, list) and len(tree) == rows:
        return tree[start:stop]
    if isinstance(tree, (list, tuple)):
        return _like(tree, [take(part, rows, start, stop, ragged) for part in tree])
    return tree


def pad(tree: Any, rows: int, size: int) -> Any:
    """Repeat the first row of a tree of `rows` rows until it has `size`."""
    if isinstance(tree, torch.Tensor):
        if not (tree.dim() and tree.shape[0] == rows):
            return tree
        return torch.cat([tree, tree[:1].expand(size - rows, *tree.shape[1:])])
    if isinstance(tree, dict):
        return _like(tree, {key: pad(part, rows, size) for key, part in tree.items()})
    if isinstance(tree, (list, tuple)):
        return _like(tree, [pad(part, rows, size) for part in tree])
    return tree


def _has_tensors(tree: Any) -> bool:
    if isinstance(tree, (list, tuple)):
        return any(_has_tensors(part) for part in tree)
    return isinstance(tree, torch.Tensor)


def _check_rows(tree: Any, rows: int, ragged: bool) -> None:
    if isinstance(tree, torch.Tensor):
        if tree.dim() and tree.shape[0] != rows:
            raise ValueError(f"An output of shape {tuple(tree.shape)} has not {rows} rows.")
    elif isinstance(tree, dict):
        for part in tree.values():
            _check_rows(part, rows, ragged)
    elif isinstance(tree, (list, tuple)) and not (ragged and len(tree) == rows):
        for part in tree:
            _check_rows(part, rows, ragged)


def _like(tree: Any, parts: Any) -> Any:
    """Make a tree of the same type from new parts."""
    if isinstance(tree, DiagonalGaussianDistribution):
        return DiagonalGaussianDistribution(parts, deterministic=tree.deterministic)
    if hasattr(tree, "to_tuple"):
        return type(tree)(**parts)
    if hasattr(tree, "_fields"):
        return type(tree)(*parts)
    return parts if isinstance(tree, (dict, list)) else tuple(parts)
