"""Where in a prompt its tokens and its words stand."""

import re
from typing import Any

from engine.prompt import parse_prompt

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")

Span = tuple[int, int]
"""Where a piece of the text begins and where it ends."""


def plain_text(prompt: str) -> str:
    """Return the prompt's first part without its weights: what stands at the tokens' places."""
    return "".join(words.text for words in parse_prompt(prompt).parts[0].words).strip()


def token_spans(tokenizer: Any, text: str) -> list[Span]:
    """Return where each token stands, as far as the model sees the text."""
    try:
        found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    except (NotImplementedError, ValueError, TypeError):  # a tokenizer that keeps no places
        return []
    room = int(tokenizer.model_max_length) - 2
    return [(int(a), int(b)) for a, b in found["offset_mapping"][:room]]


def merged(spans: list[Span]) -> list[Span]:
    """Let tokens that are bytes of one sign count as one."""
    return [span for place, span in enumerate(spans) if not place or span != spans[place - 1]]


def word_spans(text: str, tokens: list[Span]) -> list[Span]:
    """Return where the words stand; where no spaces tell them apart each token is one."""
    if _WIDE.search(text):
        return [(a, b) for a, b in merged(tokens) if _WORD.match(text[a:b])]
    return [found.span() for found in _WORD.finditer(text)]
