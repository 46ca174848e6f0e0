"""What each word of a prompt weighs: leave it out, and see how far the meaning moves.

The meaning is what the model's text encoders make of the prompt; how far it moves is one minus the
cosine between the two. A word without which nothing changes weighs nothing.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from engine.errors import N_, PaintError, Sentence
from engine.models import Model
from engine.request import Request
from engine.spelling import Span, plain_text, token_spans, word_spans
from engine.vocabulary import read_request

AT_ONCE = 16
"""Texts encoded together."""
MOST_WORDS = 200
UNREADABLE = N_("Prompts for `{model}` cannot be analysed: how it reads them is not known here.")
TOO_MANY = N_("A prompt of more than {most} words is too long to be analysed.")

Pieces = tuple[tuple[str, float | None], ...]


@torch.inference_mode()
def weigh(model: Model, request: Request) -> Pieces:
    """Return the prompt's pieces in their order, the heaviest word with a weight of 1.

    Raises:
        PaintError: the model's prompts cannot be weighed, or the prompt is too long.

    """
    if "prompt_weights" not in model.card.honours:
        raise PaintError(Sentence(UNREADABLE, model=model.card.name))
    pipeline, text = model.text_to_image, plain_text(request.prompt)
    spans = word_spans(text, token_spans(pipeline.tokenizer, text))
    if len(spans) > MOST_WORDS:
        raise PaintError(Sentence(TOO_MANY, most=MOST_WORDS))
    texts = [text, *(text[:start] + text[end:] for start, end in spans)]
    meanings = _encode(pipeline, [_read(request, one) for one in texts])
    away = 1 - functional.cosine_similarity(meanings[:1], meanings[1:])
    away = away.clamp(min=0)
    weights = (away / away.max().clamp(min=1e-6)).tolist() if spans else []
    return tuple(_cut(text, spans, weights))


def _read(request: Request, text: str) -> str:
    """A text as the model is given it: a small model reads its words first."""
    return read_request(replace(request, prompt=text)).text


def _encode(pipeline: Any, texts: list[str]) -> Tensor:
    """Encode texts as the pipeline does; (texts, width)."""
    found = []
    for start in range(0, len(texts), AT_ONCE):
        encoded = pipeline.encode_prompt(
            texts[start : start + AT_ONCE],
            device=pipeline._execution_device,
            num_images_per_prompt=1,
            do_classifier_free_guidance=False,
        )
        # the last place has read the whole text, wherever that ends
        whole = encoded[2] if len(encoded) > 2 else encoded[0][:, -1]
        found.append(whole.float().cpu())
    return torch.cat(found)


def _cut(text: str, spans: list[Span], weights: list[float]) -> Iterator[tuple[str, float | None]]:
    at = 0
    for (start, end), weight in zip(spans, weights, strict=True):
        if start > at:
            yield text[at:start], None
        yield text[start:end], weight
        at = end
    if at < len(text):
        yield text[at:], None
