"""A prompt cut shorter by what its words weigh: what /shorten shows, and what is read back of it.

Pure text. The message is its own memory: its buttons read the prompts from its lines, so they work
after a restart and in every language.
"""

import re
from collections.abc import Sequence

from bot import messages, numbered
from bot.language import _

SHARES = (0.95, 0.85, 0.7, 0.5, 0.3)
"""How much of all that a prompt's words weigh its cuts keep."""
HEAVY = 0.5
LIGHT = 0.05
"""From so much on a word is bold; below so much it is struck out."""
_MARKS = re.compile(r"\\(.)|\*\*|~~")
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")

Pieces = Sequence[tuple[str, float | None]]
"""A prompt in pieces: words with what they weigh, up to 1, and what stands between them."""


def cut(pieces: Pieces) -> list[str]:
    """Return shorter prompts, each once, from the longest to the shortest.

    Each holds the heaviest words that together weigh its share of all, in their order.
    """
    words = [(place, weight) for place, (_text, weight) in enumerate(pieces) if weight]
    words.sort(key=lambda word: -word[1])
    total = sum(weight for _place, weight in words)
    found: dict[str, None] = {}
    for share in SHARES:
        kept, sum_of = set[int](), 0.0
        for place, weight in words:
            if kept and sum_of >= share * total:
                break
            kept.add(place)
            sum_of += weight
        found[_join(pieces, kept)] = None
    whole = "".join(text for text, _weight in pieces)
    return [text for text in found if text and text != whole]


def _join(pieces: Pieces, kept: set[int]) -> str:
    joined, last = "", -1
    for place in sorted(kept):
        text = pieces[place][0]
        touching = last == place - 1 and _WIDE.search(text)
        joined += text if touching or not joined else f" {text}"
        last = place
    return joined


def show(pieces: Pieces, parameters: str) -> str:
    """Return the message: the words marked by their weight, and the cuts, by numbers.

    Cuts that find no room are left out, the longest first.
    """
    marked = "".join(_marked(*piece) for piece in pieces) + _escape(parameters)
    if messages.length(marked) > messages.LONGEST // 2:
        plain = messages.escape("".join(text for text, _weight in pieces) + parameters)
        marked = messages.shorten(plain, messages.LONGEST // 2)
    foot = _("Click on a button to imagine one of the shortened prompts")
    heads = f"## {_('Important tokens')}", f"## {_('Shortened prompts')}"
    cuts = [text + parameters for text in cut(pieces)]
    while True:
        text = "\n".join([heads[0], marked, heads[1], *numbered.write(cuts), f"-# {foot}"])
        if messages.length(text) <= messages.LONGEST or not cuts:
            return text
        del cuts[0]


def _marked(text: str, weight: float | None) -> str:
    escaped = _escape(text)
    if weight is None or LIGHT <= weight < HEAVY:
        return escaped
    mark = "**" if weight >= HEAVY else "~~"
    return f"{mark}{escaped}{mark}"


def _escape(text: str) -> str:
    """A piece of a line escaped, with a space where it had some at its ends."""
    escaped = messages.escape(text)
    before, after = text[:1].isspace(), text[-1:].isspace() and bool(escaped)
    return " " * before + escaped + " " * after


def detail(pieces: Pieces) -> str:
    """Return each word with what it weighs."""
    words = [f"{messages.escape(text)} ({weight:.2f})" for text, weight in pieces
             if weight is not None]  # fmt: skip
    return ", ".join(words)


def whole_of(text: str) -> str:
    """Return the prompt that a message was made of; empty where it is none of these messages."""
    lines = text.split("\n")
    return _MARKS.sub(lambda found: found[1] or "", lines[1]) if len(lines) > 1 else ""
