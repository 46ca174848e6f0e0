"""Which captions of a model's world fit a picture best: by cosine, from words to whole prompts."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from torch import Tensor
from torch.nn.functional import normalize

from engine.captions import Caption, Words
from engine.eyes import Eyes

BEAM = 6
"""So many captions are carried on from one question to the next."""
OTHERS = 16
"""So many things are looked for beside the first one."""
LIKELY, FEW = 48, 12
"""So many things are tried in the place of the first one, chosen by what happens to a few."""
SAMENESS = 0.015
"""What a caption loses for each thing that it says like one that was chosen before it."""
ADDS = 0.03
"""By so much a second thing, a number or a size must fit better than the caption without it."""
MOST = 24
"""Captions of one picture, in all."""


def recognise(eyes: Eyes, words: Words, seen: Tensor) -> list[str]:
    """Return captions of what was seen, the best first, each different from those before it."""
    return [words.write(caption) for caption in _choose(_score(eyes, words, seen))]


def _score(eyes: Eyes, words: Words, seen: Tensor) -> dict[Caption, float]:
    """Score single things, then the best of them in colours, places and styles."""
    scores: dict[Caption, float] = {}

    def ask(captions: Iterable[Caption]) -> None:
        new = [caption for caption in dict.fromkeys(captions) if caption not in scores]
        if new:
            found = eyes.read([words.write(caption) for caption in new]) @ seen
            scores.update(zip(new, found.tolist(), strict=True))

    def ask_of_best(more: Callable[[Caption], Iterable[Caption]], width: int = BEAM) -> None:
        ask(found for caption in _best(scores, width) for found in more(caption))

    ask(words.subjects())
    ask_of_best(words.coloured)
    ask_of_best(words.set_somewhere)
    ask_of_best(words.styled)
    ask_of_best(lambda caption: words.instead(caption, _likely(eyes, words, seen, caption)), 2)
    ask_of_best(words.coloured)
    ask_of_best(words.sized, BEAM // 2)
    things = [*dict.fromkeys(one.thing for one in _best(scores, len(scores)) if one.thing)][:OTHERS]
    ask_of_best(lambda caption: words.joined(caption, things), BEAM // 4)
    ask_of_best(words.coloured, BEAM // 4)
    return scores


def _likely(eyes: Eyes, words: Words, seen: Tensor, caption: Caption) -> list[str]:
    """Name the things that may fit in the place of a caption's own.

    What its other words do to a few things, they do to all: so hardly one has to be read again.
    """

    def read(things: Sequence[str], around: Caption) -> Tensor:
        return eyes.read([words.write(replace(around, thing=thing)) for thing in things])

    if not caption.thing:
        return []
    few = words.things[:: -(-len(words.things) // FEW)]
    change = (read(few, caption) - read(few, Caption())).mean(0)
    fit = normalize(read(words.things, Caption()) + change, dim=-1) @ seen
    best = fit.topk(min(LIKELY, len(words.things))).indices
    return [words.things[place] for place in best.tolist()]


def _best(scores: dict[Caption, float], width: int) -> list[Caption]:
    return sorted(scores, key=scores.__getitem__, reverse=True)[:width]


def _adds(seen: Caption, scores: dict[Caption, float]) -> bool:
    """Whether a second thing, or how many or large they are, makes a caption fit much better."""
    plain = replace(seen, other="", other_colour="", count=1, size="")
    return plain == seen or scores[seen] > scores.get(plain, 0.0) + ADDS


def _choose(scores: dict[Caption, float]) -> list[Caption]:
    """Choose the best, and then whatever is good and has little in common with those before."""
    left = [one for one in _best(scores, 16 * MOST) if _adds(one, scores)]
    chosen: list[Caption] = []
    while left and len(chosen) < MOST:
        worth = {
            one: scores[one] - SAMENESS * max((one.alike(other) for other in chosen), default=0)
            for one in left
        }
        chosen.append(max(left, key=worth.__getitem__))
        left.remove(chosen[-1])
    return chosen
