"""A captioner of the operator's own: any image-to-text model of transformers, safetensors only.

`find` tells from the name alone; what is on the hub is fetched beside the painting, and opened when
the first picture is to be described. No torch is imported here until then.
"""

import logging
import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import N_, ModelError, PaintError, Sentence
from engine.files import check_weights, read_json
from engine.source import HUB_ID

if TYPE_CHECKING:
    import torch
    from PIL import Image

log = logging.getLogger(__name__)

FILES = ("*.json", "*.txt", "*.model", "*.jinja", "*.safetensors")
COUNT = 4
"""Captions of a picture."""
TRIES = 2 * COUNT
"""So many are drawn, for some are drawn twice."""
MOST_TOKENS = 60
MOST_SIGNS = 400
REQUEST = "Describe this picture in one sentence, as a prompt to paint it again."
"""What a model that converses is asked."""
FETCHING = N_("The captioner is still being fetched; please try again in a few minutes.")
FAILED = N_("The captioner {name} does not work; whoever runs this bot finds why in the log.")
TOO_LARGE = N_("The captioner {name} finds no room in this machine's memory beside the models.")
_GRAMMAR = re.compile(r"[\[\]{}()<>|\\*_~`]+|:(?=:)|-(?=-)")
"""Signs that mean something in a prompt, and would be read so."""


def find(where: str) -> Path | None:
    """Return the captioner's folder; None where it is one of the hub.

    Raises:
        ModelError: it is neither, or its weights are not safetensors.

    """
    folder = Path(where).expanduser()
    if folder.is_dir():
        _check(folder, where)
        return folder
    if HUB_ID.fullmatch(where):
        return None
    raise ModelError(
        f"CAPTIONER is {where}: it takes a transformers repository (owner/name) that makes text of "
        "pictures, or a folder with one."
    )


def _check(folder: Path, where: str) -> None:
    if not read_json(folder / "config.json").get("model_type"):
        raise ModelError(f"CAPTIONER is {where}, which has no config.json of a transformers model.")
    check_weights(folder)


class Captioner:
    """Says in words what a picture shows."""

    def __init__(self, where: str, device: "torch.device") -> None:
        self._where, self._device = where, device
        self._folder = find(where)
        self._model: Any = None
        self._processor: Any = None
        self._is_lost = False
        if self._folder is None:
            threading.Thread(target=self._fetch, name="easel-captioner", daemon=True).start()

    def caption(self, picture: "Image.Image", seed: int) -> tuple[str, ...]:
        """Return up to four captions, others for another seed.

        Raises:
            PaintError: it is not there yet, or cannot be opened.

        """
        import torch

        from engine.memory import is_device_lost

        try:
            self._open()
            # others' noise comes from generators of their own, but this draws from the common one
            with torch.random.fork_rng([self._device] if self._device.type == "cuda" else []):
                torch.manual_seed(seed)
                texts = self._write(picture)
        except torch.OutOfMemoryError as error:
            raise PaintError(Sentence(TOO_LARGE, name=self._where)) from error
        except PaintError:
            raise
        except Exception as error:  # why: a model of any kind fails anywhere in its own code
            if is_device_lost(error):
                raise
            log.error("the captioner %s failed: %s", self._where, error)
            raise PaintError(Sentence(FAILED, name=self._where)) from error
        found = dict.fromkeys(text for text in map(tidy, texts) if text)
        return tuple(found)[:COUNT]

    def _fetch(self) -> None:
        from huggingface_hub import snapshot_download

        try:
            folder = Path(snapshot_download(self._where, allow_patterns=list(FILES)))
            _check(folder, self._where)
        except Exception as error:  # noqa: BLE001 why: the hub fails in many ways; all are told
            log.error("the captioner %s could not be fetched: %s", self._where, error)
            self._is_lost = True
        else:
            self._folder = folder

    def _open(self) -> None:
        if self._model is not None:
            return
        if self._is_lost:
            raise PaintError(Sentence(FAILED, name=self._where))
        if self._folder is None:
            raise PaintError(Sentence(FETCHING))
        import torch
        from transformers import AutoModelForImageTextToText, AutoProcessor

        from engine.device import choose_dtype

        local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        try:
            # tensors made in inference mode could not be moved outside of it
            with torch.inference_mode(mode=False):
                self._processor = AutoProcessor.from_pretrained(self._folder, **local)
                model = AutoModelForImageTextToText.from_pretrained(
                    self._folder, dtype=choose_dtype(self._device), use_safetensors=True, **local
                )
                self._model = model.to(self._device).eval()
        except torch.OutOfMemoryError:
            raise
        except Exception:
            self._is_lost = True  # files do not mend themselves
            raise

    def _write(self, picture: "Image.Image") -> Sequence[str]:
        inputs = self._prepare(picture)
        told = inputs["input_ids"].shape[1] if "input_ids" in inputs else 0
        ids = self._model.generate(
            **inputs,
            do_sample=True,
            top_p=0.9,
            num_beams=1,
            num_return_sequences=TRIES,
            max_new_tokens=MOST_TOKENS,
        )
        if not self._model.config.is_encoder_decoder:
            ids = ids[:, told:]
        texts: list[str] = self._processor.batch_decode(ids, skip_special_tokens=True)
        return texts

    def _prepare(self, picture: "Image.Image") -> Mapping[str, Any]:
        """Return the picture, and what is asked of it, as the model reads them."""
        processor = self._processor
        if getattr(processor, "chat_template", None):
            asked = [{"type": "image", "image": picture}, {"type": "text", "text": REQUEST}]
            inputs = processor.apply_chat_template(
                [{"role": "user", "content": asked}],
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
            )
        else:
            inputs = processor(images=picture, return_tensors="pt")
        found: Mapping[str, Any] = inputs.to(self._device, self._model.dtype)
        return found


def tidy(caption: str) -> str:
    """Return a caption as a prompt: one line, without the signs of our grammar."""
    line = " ".join(_GRAMMAR.sub(" ", caption).split())
    if len(line) > MOST_SIGNS:
        line = line[:MOST_SIGNS].rsplit(" ", 1)[0]
    return line.strip(" .,;:-")
