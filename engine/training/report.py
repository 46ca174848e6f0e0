"""The examination in words and tables, for the model card, and as plain numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.training.cells import Cell
from engine.training.scores import Shares, Variations
from engine.training.shares import LEAST_CEILING, Ratio, Share, by_ceiling

CellScores = Mapping[str, Mapping[str, Shares]]

QUESTIONS = {
    "thing": "thing",
    "colour": "colour of the thing",
    "place": "place",
    "style": "style",
    "relation": "relation",
    "count": "count",
}


@dataclass(frozen=True)
class Line:
    """One question of one kind of scene, both splits side by side."""

    kind: str
    question: str
    train: Mapping[str, Share]
    held_out: Mapping[str, Share]


def lines_of(cells: Sequence[Cell], scores: CellScores) -> list[Line]:
    """The lines of the table, in the order of the cells."""
    lines = []
    for cell in cells:
        if cell.split == "train":
            continue
        train, held_out = (scores[f"{cell.name}, {split}"] for split in ("train", "held-out"))
        for question in cell.questions:
            rows = [
                {row: shares[question] for row, shares in side.items()}
                for side in (train, held_out)
            ]
            lines.append(Line(cell.name, question, *rows))
    return lines


def percent(share: Share) -> str:
    """A share with its interval: "93 (89-96)"."""
    low, high = share.interval
    return f"{100 * share.value:.0f} ({100 * low:.0f}–{100 * high:.0f})"


def of_ceiling(side: Mapping[str, Share], row: str) -> str:
    """A share of its ceiling with the interval, or why there is none."""
    if row not in side:
        return "–"
    return _told(by_ceiling(side[row], side["ceiling"]))


def _told(ratio: Ratio | None) -> str:
    if ratio is None:
        return "not counted"
    return f"{100 * ratio.value:.0f} ({100 * ratio.low:.0f}–{100 * ratio.high:.0f})"


def write_cells(lines: Sequence[Line]) -> str:
    """The table of cells, in percent."""
    text = [
        "| scenes | asked | pictures | ceiling | trained on | held out | held out, in Chinese "
        "| other caption |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for line in lines:
        both = QUESTIONS[line.question]
        if line.question == "thing" and line.kind == "thing x thing":
            both = "both things"
        ceilings = " / ".join(
            f"{100 * side['ceiling'].value:.0f}" for side in (line.train, line.held_out)
        )
        columns = [
            line.kind,
            both,
            str(line.held_out["English"].count),
            ceilings,
            of_ceiling(line.train, "English"),
            of_ceiling(line.held_out, "English"),
            of_ceiling(line.held_out, "Chinese"),
            f"{100 * line.held_out['shuffled'].value:.0f}",
        ]
        text.append(f"| {' | '.join(columns)} |")
    note = (
        "Percent; the judge's right answers on real scenes (the ceiling, trained on / held out), "
        "then painted pictures in percent of that ceiling with the 95 % interval, and, raw, the "
        "same pictures held against the next caption. One seed per caption, nothing picked. A "
        f"question whose ceiling is below {100 * LEAST_CEILING:.0f} % is not counted."
    )
    return f"{note}\n\n" + "\n".join(text) + "\n"


def pool(lines: Sequence[Line], question: str, row: str, side: str = "held_out") -> Ratio | None:
    """One question over all kinds of scenes where it counts, by the ceiling; of one thing only."""
    asked, ceiling = Share(0, 0), Share(0, 0)
    for line in lines:
        rows = getattr(line, side)
        is_pair = question == "thing" and line.kind == "thing x thing"
        if line.question != question or is_pair or row not in rows:
            continue
        if by_ceiling(rows[row], rows["ceiling"]) is not None:
            asked, ceiling = asked + rows[row], ceiling + rows["ceiling"]
    return by_ceiling(asked, ceiling)


def write_pooled(pooled: Mapping[str, Mapping[str, Ratio | None]]) -> str:
    """The means over all kinds of scenes, in percent of the ceiling."""
    text = [
        "In percent of the ceiling, over all kinds of scenes where the judge is good enough:",
        "",
        "| asked | trained on | held out | held out, in Chinese |",
        "|---|---|---|---|",
    ]
    for question, rows in pooled.items():
        if any(rows.values()):
            told = [_told(rows[name]) for name in ("train", "held-out", "Chinese")]
            text.append(f"| {QUESTIONS[question]} | {' | '.join(told)} |")
    return "\n".join(text) + "\n"


def write_variations(found: Variations, ceiling: Share) -> str:
    """What V keeps and how far it goes, in sentences."""
    kept = []
    for name, share in found.kept.items():
        ratio = by_ceiling(share, ceiling)
        told = f"{100 * ratio.value:.0f} % of the ceiling" if ratio else "not counted"
        kept.append(f"{name} {percent(share)} %, {told}")
    away = ", ".join(f"{name} {100 * far:.1f}" for name, far in found.distances.items())
    tiles = ", ".join(f"{name} {100 * far:.1f}" for name, far in found.tiles.items())
    return (
        f"Variations that still show the thing: {'; '.join(kept)}. Mean difference to the parent "
        f"in percent of full scale: {away}; in this order for {percent(found.in_order)} % of the "
        f"pictures. Between the four tiles of a grid: {tiles}.\n"
    )


def write_steps(steps: Mapping[str, Shares], ceiling: Shares) -> str:
    """The answers by number of steps."""
    questions = [question for question in ("thing", "colour") if question in ceiling]
    text = [
        "One thing in a colour, trained on and held out, in percent of the ceiling:",
        "",
        f"| steps | {' | '.join(questions)} |",
        "|---|" + "---|" * len(questions),
    ]
    for name, shares in steps.items():
        told = [of_ceiling({"x": shares[q], "ceiling": ceiling[q]}, "x") for q in questions]
        text.append(f"| {name} | {' | '.join(told)} |")
    return "\n".join(text) + "\n"


def plain(found: Any) -> Any:
    """Shares and ratios as numbers with their intervals, within lists and tables."""
    if isinstance(found, Share):
        return {"right": found.right, "count": found.count, "interval": found.interval}
    if isinstance(found, Ratio):
        return {"of_ceiling": found.value, "interval": (found.low, found.high)}
    if isinstance(found, Mapping):
        return {name: plain(value) for name, value in found.items()}
    return found
