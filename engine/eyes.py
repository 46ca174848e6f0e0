"""The embedded image tower beside the text encoder: pictures and words as vectors of one space."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import normalize
from transformers import (
    CLIPImageProcessorPil,
    CLIPTextModel,
    CLIPTokenizer,
    CLIPVisionModelWithProjection,
)

from engine.files import check_weights
from engine.source import TOWER

AT_ONCE = 64
"""Texts encoded together."""
REMEMBERED = 8192
"""Texts whose vectors are kept: the single words of all pictures, and the latest captions."""


class Eyes:
    """A model's image tower and text encoder, opened on a device. Neither is shared with a job.

    `on_made` is told of both by their names, so that a hub can route them.
    """

    def __init__(
        self,
        folder: Path,
        device: torch.device,
        on_made: Callable[[dict[str, nn.Module]], None] | None = None,
    ) -> None:
        check_weights(folder / TOWER)
        # Tensors made in inference mode could not be moved outside of it.
        with torch.inference_mode(mode=False):
            self._tower = _open(CLIPVisionModelWithProjection, folder / TOWER, device)
            self._encoder = _open(CLIPTextModel, folder / "text_encoder", device)
        if self._tower.config.projection_dim != self._encoder.config.hidden_size:
            raise ValueError(f"{folder / TOWER} is of another model than its text encoder")
        self._tokenizer: Any = CLIPTokenizer.from_pretrained(
            folder / "tokenizer", local_files_only=True
        )
        self._known: OrderedDict[str, Tensor] = OrderedDict()
        if on_made is not None:
            on_made({"image_encoder": self._tower, "text_encoder": self._encoder})

    def see(self, picture: Image.Image) -> Tensor:
        """Return the vector (width) of a whole picture, whatever its shape."""
        side = self._tower.config.image_size
        whole = picture.convert("RGB").resize((side, side), Image.Resampling.BILINEAR)
        prepare: Any = CLIPImageProcessorPil(size=side, crop_size=side)
        pixels = prepare(whole, return_tensors="pt").pixel_values.to(self._tower.device)
        return normalize(self._tower(pixels).image_embeds[0].float(), dim=-1)

    def read(self, texts: Sequence[str]) -> Tensor:
        """Return the vectors (texts, width) of short texts."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        vectors = [row for at in range(0, len(new), AT_ONCE) for row in self._read(new, at)]
        found = self._known | dict(zip(new, vectors, strict=True))
        for text in dict.fromkeys(texts):
            self._known[text] = found[text]
            self._known.move_to_end(text)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return torch.stack([found[text] for text in texts])

    def _read(self, texts: Sequence[str], at: int) -> Tensor:
        options = {"padding": True, "truncation": True, "return_tensors": "pt"}
        ids = self._tokenizer(list(texts[at : at + AT_ONCE]), **options).input_ids
        encoded = self._encoder(ids.to(self._encoder.device)).pooler_output
        return normalize(encoded.float(), dim=-1)


def _open(kind: Any, folder: Path, device: torch.device) -> Any:
    opened = kind.from_pretrained(
        folder, dtype=torch.float32, use_safetensors=True, local_files_only=True
    )
    return opened.to(device).eval().requires_grad_(requires_grad=False)
