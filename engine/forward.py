"""One forward for several parked calls: put together, run once, taken apart."""

from collections.abc import Iterator, Sequence
from typing import Any

from engine.prompt_attention import PROMPTS, mark_joined
from engine.rows import join, pad, split, take
from engine.site import Call

Arguments = dict[str, Any]


def run_forward(
    group: Sequence[Call], size: int | None, *, is_padded: bool
) -> tuple[list[Any], int]:
    """Return each call's output, and how many forwards that took.

    The calls are of one key. With `size`, no forward has more rows than that; with `is_padded`,
    each has just as many. (Ragged calls are not padded: their rows differ anyway.)
    """
    first, counts = group[0], [call.rows for call in group]
    rows, is_ragged = sum(counts), first.is_ragged
    if (is_ragged and is_padded) or not first.per_row:
        size, is_padded = None, False
    arguments = _merge(group, counts, is_copied=is_padded)
    if size is None or (rows <= size and not is_padded):
        output = first.site.real(**arguments)
        return (split(output, counts, is_ragged) if len(group) > 1 else [output]), 1
    parts, lengths = [], []
    for piece, length in _cut(arguments, first, rows, size):
        if is_padded and length < size:
            piece |= {name: pad(piece[name], length, size) for name in first.per_row}
        output = first.site.real(**piece)
        padding = [size - length] if is_padded and length < size else []
        parts.append(split(output, [length, *padding], is_ragged)[0])
        lengths.append(length)
    return split(join(parts, lengths, is_ragged), counts, is_ragged), len(parts)


def _merge(group: Sequence[Call], counts: Sequence[int], *, is_copied: bool) -> Arguments:
    """Return the arguments of all calls as those of one."""
    first = group[0]
    if len(group) == 1 and not is_copied:
        return first.per_row | first.shared
    merged = {
        name: join([call.per_row[name] for call in group], counts, first.is_ragged)
        for name in first.per_row
    }
    if PROMPTS in merged:
        mark_joined([call.per_row[PROMPTS] for call in group], merged[PROMPTS])
    return first.shared | merged


def _cut(
    arguments: Arguments, first: Call, rows: int, size: int
) -> Iterator[tuple[Arguments, int]]:
    """Yield pieces of at most `size` rows, and how many rows each has."""
    for start in range(0, rows, size):
        stop = min(start + size, rows)
        piece = {
            name: take(arguments[name], rows, start, stop, first.is_ragged)
            for name in first.per_row
        }
        yield first.shared | piece, stop - start
