"""Weighted prompts → what Stable Diffusion's text encoders make of them, remembered.

A text without weights that fits the encoders' context is encoded by the pipeline itself, bit for
bit as it would do in its call. Weights pull each word's embedding away from (or towards) that of
the empty text at the same place; a long text goes through the encoders in pieces.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.errors import PaintError
from engine.prompt import Part, Prompt, parse_prompt

REMEMBERED = 128 * 77
"""Tokens of all texts together; SDXL's 77 of one text take 0.3 MB in half precision."""


@dataclass(frozen=True, slots=True)
class Embedding:
    """One text: (1, tokens, width), and SDXL's (1, width) of it as a whole."""

    tokens: Tensor
    pooled: Tensor | None = None


class PromptCache:
    """The embeddings of one model's latest texts, by text and module state.

    They have at most so many tokens together (a text longer than that is remembered alone).
    """

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._tokens = 0
        self._known: OrderedDict[Hashable, Embedding] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Embedding]) -> Embedding:
        """Return what is known by this key, else make it."""
        found = self._known.get(key)
        if found is None:
            found = make()
            # Meanwhile another job may have made the same.
            self._forget(self._known.pop(key, None))
            self._known[key] = found
            self._tokens += found.tokens.shape[1]
            while self._tokens > self._most and len(self._known) > 1:
                self._forget(self._known.popitem(last=False)[1])
        else:
            self._known.move_to_end(key)
        return found

    def _forget(self, found: Embedding | None) -> None:
        if found is not None:
            self._tokens -= found.tokens.shape[1]


def embed_prompts(
    pipeline: Any, cache: PromptCache, state: Hashable, positive: str, negative: str | None
) -> dict[str, Tensor]:
    """Return the pipeline's arguments for a prompt and, unless None, a negative prompt.

    `state` is what else changes the encoders: the LoRAs at work.
    """

    def embed(text: str) -> Embedding:
        prompt = parse_prompt(text)
        return cache.get((str(prompt), state), lambda: _embed(pipeline, prompt, text))

    wanted = embed(positive)
    if negative is None:
        return _arguments("", wanted)
    if not negative and pipeline.config.get("force_zeros_for_empty_prompt"):
        pooled = None if wanted.pooled is None else torch.zeros_like(wanted.pooled)
        avoided = Embedding(torch.zeros_like(wanted.tokens), pooled)
    else:
        avoided = embed(negative)
    length = max(wanted.tokens.shape[1], avoided.tokens.shape[1])
    wanted, avoided = (
        _lengthen(found, length, lambda: embed("").tokens) for found in (wanted, avoided)
    )
    return _arguments("", wanted) | _arguments("negative_", avoided)


def _arguments(prefix: str, found: Embedding) -> dict[str, Tensor]:
    named = {f"{prefix}prompt_embeds": found.tokens}
    return (
        named if found.pooled is None else named | {f"{prefix}pooled_prompt_embeds": found.pooled}
    )


def _lengthen(found: Embedding, length: int, empty: Callable[[], Tensor]) -> Embedding:
    """Follow a text's tokens by those of empty texts."""
    missing = length - found.tokens.shape[1]
    if not missing:
        return found
    filler = empty()
    pieces = [filler] * (missing // filler.shape[1])
    return Embedding(torch.cat([found.tokens, *pieces], 1), found.pooled)


def _embed(pipeline: Any, prompt: Prompt, text: str) -> Embedding:
    encoders = _encoders(pipeline)
    plain = prompt.plain
    if plain is not None and all(_fits(tokenizer, plain) for tokenizer, _ in encoders):
        # The text as it was typed, unless it has a meaning of its own.
        return _embed_plain(pipeline, text if text.strip() == plain else plain)
    try:
        shares = prompt.shares()
    except ValueError as error:
        raise PaintError(str(error)) from error
    device = pipeline._execution_device
    parts = [_embed_part(encoders, part, device) for part in prompt.parts]
    length = max(part.tokens.shape[1] for part in parts)
    empty = _embed_plain(pipeline, "").tokens if len(parts) > 1 else None
    if empty is not None:
        filler = empty
        parts = [_lengthen(part, length, lambda: filler) for part in parts]
    return _blend(parts, shares)


def _blend(parts: list[Embedding], shares: tuple[float, ...]) -> Embedding:
    if len(parts) == 1:
        return parts[0]

    def mix(tensors: list[Tensor]) -> Tensor:
        weights = torch.tensor(shares, dtype=torch.float32, device=tensors[0].device)
        mixed = torch.einsum("p...,p->...", torch.stack(tensors).float(), weights)
        return mixed.to(tensors[0].dtype)

    pooled = [part.pooled for part in parts if part.pooled is not None]
    return Embedding(mix([part.tokens for part in parts]), mix(pooled) if pooled else None)


def _embed_plain(pipeline: Any, text: str) -> Embedding:
    """Let the pipeline encode one text as it always does."""
    encoded = pipeline.encode_prompt(
        text,
        device=pipeline._execution_device,
        num_images_per_prompt=1,
        do_classifier_free_guidance=False,
    )
    return Embedding(encoded[0], encoded[2] if len(encoded) > 2 else None)


def _encoders(pipeline: Any) -> list[tuple[Any, Any]]:
    """Return the pipeline's tokenizers and text encoders, in the order their outputs are joined."""
    pairs = (("tokenizer", "text_encoder"), ("tokenizer_2", "text_encoder_2"))
    found = [(getattr(pipeline, a, None), getattr(pipeline, b, None)) for a, b in pairs]
    return [pair for pair in found if None not in pair]


def _fits(tokenizer: Any, text: str) -> bool:
    ids = tokenizer(text, add_special_tokens=False).input_ids
    return len(ids) <= int(tokenizer.model_max_length) - 2


def _embed_part(encoders: list[tuple[Any, Any]], part: Part, device: Any) -> Embedding:
    """Encode one part in as many pieces as the longest of its tokenizations takes."""
    rooms = [int(tokenizer.model_max_length) - 2 for tokenizer, _ in encoders]
    rows = [_tokenize(tokenizer, part) for tokenizer, _ in encoders]
    pieces = max(-(-len(row) // room) for row, room in zip(rows, rooms, strict=True))
    options = {"is_penultimate": _is_pooled(encoders), "device": device}
    encoded = [
        _encode(tokenizer, encoder, row, max(1, pieces), **options)
        for (tokenizer, encoder), row in zip(encoders, rows, strict=True)
    ]
    tokens = torch.cat([tokens for tokens, _ in encoded], -1)
    return Embedding(tokens, encoded[-1][1] if _is_pooled(encoders) else None)


def _is_pooled(encoders: list[tuple[Any, Any]]) -> bool:
    return type(encoders[-1][1]).__name__.endswith("WithProjection")


def _tokenize(tokenizer: Any, part: Part) -> list[tuple[int, float]]:
    return [
        (token, words.weight)
        for words in part.words
        for token in tokenizer(words.text, add_special_tokens=False).input_ids
    ]


def _encode(
    tokenizer: Any,
    encoder: Any,
    row: list[tuple[int, float]],
    pieces: int,
    *,
    is_penultimate: bool,
    device: Any,
) -> tuple[Tensor, Tensor]:
    """Run an encoder once over the empty text and all pieces; (1, tokens, width), and the first
    piece as a whole."""
    context = int(tokenizer.model_max_length)
    ids, weights = [], []
    for piece in range(-1, pieces):
        start = max(piece, 0) * (context - 2)
        content = row[start : start + context - 2] if piece >= 0 else []
        rest = [tokenizer.pad_token_id] * (context - 2 - len(content))
        ends = tokenizer.bos_token_id, tokenizer.eos_token_id
        ids.append([ends[0], *(token for token, _ in content), ends[1], *rest])
        weights.append([1.0, *(weight for _, weight in content), 1.0, *(1.0 for _ in rest)])
    options = {}
    if getattr(encoder.config, "use_attention_mask", False):
        lengths = [row.index(tokenizer.eos_token_id) + 1 for row in ids]
        used = [[int(place < length) for place in range(context)] for length in lengths]
        options["attention_mask"] = torch.tensor(used, device=device)
    output = encoder(torch.tensor(ids, device=device), output_hidden_states=True, **options)
    hidden: Tensor = output.hidden_states[-2] if is_penultimate else output[0]
    empty, found = hidden[:1], hidden[1:]
    scale = torch.tensor(weights[1:], dtype=hidden.dtype, device=device).unsqueeze(-1)
    weighted = torch.where(scale == 1, found, empty + (found - empty) * scale)
    return weighted.flatten(0, 1).unsqueeze(0), output[0][1:2]
