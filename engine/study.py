"""Paints one picture and watches: tokens, noise, clean-latent estimates, attention to each word.

Cross-attention maps as in DAAM (Tang et al. 2022, arXiv 2210.04885): the attention that each place
pays to a word's tokens, averaged over heads, layers and steps. They are read from forwards of their
own, so that nothing is added to those which jobs share.
"""

import contextlib
import io
import logging
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from diffusers.models.attention_processor import Attention, AttnProcessor
from diffusers.models.embeddings import MultiIPAdapterImageProjection
from PIL import Image
from torch import Tensor
from torch.nn import functional

from engine.errors import PaintError
from engine.explanation import Explanation
from engine.facade import Facade
from engine.honours import refusal
from engine.models import Model
from engine.pipelines import paint_once
from engine.request import Request
from engine.spelling import Span, merged, plain_text, token_spans, word_spans
from engine.steps import OnStep, estimate_clean
from engine.vocabulary import read_request

log = logging.getLogger(__name__)

ESTIMATES = 6
MOST_WORDS = 8
HEAT_SIDE = 128
"""Pixels of the longer side of a heat map."""
CROSS = ".attn2"
"""How diffusers' U-Nets name the attention that looks at the prompt."""
SMALL_WORDS = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "in",
        "on",
        "at",
        "and",
        "with",
        "to",
        "by",
        "for",
        "的",
        "了",
        "在",
        "一",
        "个",
        "只",
        "里",
        "和",
    ]
)


@dataclass(slots=True)
class _Seen:
    """What was seen of the painting: per step the noisy latents, the time and the clean estimate;
    and the calls of the U-Net."""

    samples: list[Tensor] = field(default_factory=list)
    estimates: list[Tensor | None] = field(default_factory=list)
    calls: list[tuple[Tensor, Any, dict[str, Any]]] = field(default_factory=list)
    view: Any = None


class _Spy(Facade):
    """A U-Net that notes what it is called with."""

    def __init__(self, module: Any, seen: _Seen) -> None:
        super().__init__(module)
        self._seen = seen

    def __call__(self, sample: Tensor, timestep: Any, *args: Any, **kwargs: Any) -> Any:
        if not args:
            self._seen.calls.append((sample, timestep, kwargs))
        return self._module(sample, timestep, *args, **kwargs)


def study(model: Model, request: Request, on_step: OnStep) -> Explanation:
    """Paint one picture of the request and return how it came about.

    Raises:
        PaintError: the model cannot paint it.

    """
    if sentence := refusal(model.card, request):
        raise PaintError(sentence)
    seen, started = _Seen(), time.monotonic()
    pictures = paint_once(model, request, on_step, on_view=lambda view: _watch(view, seen))
    text = plain_text(read_request(request).text)
    tokenizer = getattr(seen.view, "tokenizer", None)
    spans = token_spans(tokenizer, text) if tokenizer is not None else []
    latents = seen.view.vae.decoded
    return Explanation(
        tokens=tuple(text[a:b] for a, b in merged(spans)),
        noise=_png(_channels(seen.samples[0])),
        estimates=tuple(_estimates(model, seen)),
        heats=tuple(_heats(seen, text, spans)),
        latents=_png(_channels(latents)),
        latents_size=(latents.shape[-1], latents.shape[-2], latents.shape[-3]),
        picture=_png(pictures[0]),
        picture_size=(pictures.shape[-1], pictures.shape[-2], pictures.shape[-3]),
        steps=len(seen.samples),
        seed=request.seed,
        guidance_scale=request.guidance_scale,
        seconds=time.monotonic() - started,
    )


def _watch(view: Any, seen: _Seen) -> None:
    """Note what the pipeline's scheduler and U-Net are given."""
    seen.view = view
    scheduler, step = view.scheduler, view.scheduler.step

    def noting(*args: Any, **kwargs: Any) -> Any:
        output = step(*args, **kwargs)
        named = dict(zip(("model_output", "timestep", "sample"), args, strict=False)) | kwargs
        seen.samples.append(named["sample"].float().cpu())
        clean = estimate_clean(scheduler, output, named)
        seen.estimates.append(None if clean is None else clean.detach())
        return output

    scheduler.step = noting
    if vars(view).get("unet") is not None:
        vars(view)["unet"] = _Spy(view.unet, seen)


# -- pictures -------------------------------------------------------------------------------------


def _estimates(model: Model, seen: _Seen) -> Iterator[tuple[int, bytes]]:
    """What the model took for the finished picture; more of them early, where more happens."""
    count = len(seen.estimates)
    for step in sorted({round(count ** (k / (ESTIMATES - 1))) for k in range(ESTIMATES)}):
        shown = model.previewer.show(seen.estimates[step - 1])
        if shown is not None:
            yield step, _png(shown[0].float() / 255)


def _channels(latents: Tensor) -> Tensor:
    """Three channels as a picture in 0..1: two standard deviations to each side of the mean."""
    first = latents[0].float().cpu()
    first = first[:3] if first.shape[0] >= 3 else first[:1].expand(3, -1, -1)
    spread = first.std() + 1e-6
    return ((first - first.mean()) / (4 * spread) + 0.5).clamp(0, 1)


def _png(picture: Tensor) -> bytes:
    """One picture (3 or 1, height, width) in 0..1 as a PNG."""
    pixels = (picture.clamp(0, 1) * 255).round().to(torch.uint8).cpu()
    shown = pixels.movedim(0, -1).numpy() if len(pixels) == 3 else pixels[0].numpy()
    with io.BytesIO() as file:
        Image.fromarray(shown).save(file, "PNG")
        return file.getvalue()


# -- words ----------------------------------------------------------------------------------------


def _words(text: str, spans: list[Span]) -> dict[str, list[int]]:
    """The words that say something, each with the places of its tokens behind the start token."""
    words: dict[str, list[int]] = {}
    for start, end in word_spans(text, spans):
        word = text[start:end].lower()
        places = [k + 1 for k, (a, b) in enumerate(spans) if start <= a and b <= end and a < b]
        if places and word not in SMALL_WORDS:
            words.setdefault(word, []).extend(places)
    return dict(list(words.items())[:MOST_WORDS])


# -- attention ------------------------------------------------------------------------------------


def _heats(seen: _Seen, text: str, spans: list[Span]) -> Iterator[tuple[str, bytes]]:
    words = _words(text, spans)
    if not words or not seen.calls:
        return
    try:
        attention = _mean_attention(seen)
    except (RuntimeError, TypeError, ValueError) as error:
        # why: a picture is explained without heat maps where its U-Net is one of another kind
        log.info("the attention cannot be read: %s", error)
        return
    if attention is None:
        return
    height, width = attention.shape[-2:]
    scale = HEAT_SIDE / max(height, width)
    size = (round(height * scale), round(width * scale))
    for word, places in words.items():
        heat = attention[[place for place in places if place < len(attention)]].sum(0)
        heat = (heat - heat.min()) / (heat.max() - heat.min() + 1e-9)
        large = functional.interpolate(heat[None, None], size, mode="bicubic", antialias=True)
        yield word, _png(large[0])


@torch.inference_mode()
def _mean_attention(seen: _Seen) -> Tensor | None:
    """Attention to each token, (tokens, height, width) of the latents; None if none was seen."""
    unet = seen.view.unet._module
    module = unet._module if isinstance(unet, Facade) else unet
    height, width = seen.samples[0].shape[-2:]
    count = len(seen.calls)
    chosen = sorted({round((count - 1) * k / (ESTIMATES - 1)) for k in range(ESTIMATES)})
    total, maps = None, 0
    for place in chosen:
        sample, timestep, kwargs = seen.calls[place]
        with _reading(module) as scores:
            # the class's own method: the module's is shared with other jobs
            type(module).forward(
                module, sample[-1:], _last(timestep), **{k: _last(v) for k, v in kwargs.items()}
            )
        for score in scores:  # (heads, places, tokens)
            shrink = math.sqrt(height * width / score.shape[1])
            rows, columns = round(height / shrink), round(width / shrink)
            if rows * columns != score.shape[1]:
                continue
            small = score.float().mean(0).T.reshape(-1, 1, rows, columns).cpu()
            large = functional.interpolate(small, (height, width), mode="bilinear")[:, 0]
            total = large if total is None else total + large
            maps += 1
    return None if total is None else total / maps


def _last(value: Any) -> Any:
    """The last row of what has rows: with guidance the prompt's own stands last."""
    if isinstance(value, Tensor):
        return value[-1:] if value.dim() else value
    if isinstance(value, dict):
        return {key: _last(part) for key, part in value.items()}
    return value


@contextlib.contextmanager
def _reading(unet: Any) -> Iterator[list[Tensor]]:
    """Let the U-Net's cross-attention be seen: each layer's probabilities are appended.

    Pictures beside the prompt are left out of it.
    """
    scores: list[Tensor] = []
    before: list[tuple[Attention, Any]] = []
    looking = unet.encoder_hid_proj
    if isinstance(looking, MultiIPAdapterImageProjection):
        unet.encoder_hid_proj = None
    for name, layer in unet.named_modules():
        if isinstance(layer, Attention) and name.endswith(CROSS):
            before.append((layer, layer.processor))
            layer.set_processor(AttnProcessor())
            layer.get_attention_scores = _noting(layer, scores)
    try:
        yield scores
    finally:
        unet.encoder_hid_proj = looking
        for layer, processor in before:
            layer.set_processor(processor)
            del layer.get_attention_scores


def _noting(layer: Attention, scores: list[Tensor]) -> Any:
    real = Attention.get_attention_scores

    def noted(*args: Any, **kwargs: Any) -> Tensor:
        found: Tensor = real(layer, *args, **kwargs)
        scores.append(found)
        return found

    return noted
