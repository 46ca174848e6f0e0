"""A repository of the hub → this machine, with word of how far it is; safetensors only."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.errors import N_, ModelError, Sentence
from engine.files import choose_files, read_json
from engine.source import Source, look_in_cache

Tell = Callable[[str], None]
"""Hears a sentence now and then."""

FETCHED = N_("fetching {model}: {part:.0%} of {size}")
BYTES = "huggingface_hub.snapshot_download"
"""The name of the hub's own bar that counts what is on the disk."""


def fetch_model(source: Source, *, half: bool, tell: Tell) -> Source:
    """Fetch what is not here yet; return the source with its folder.

    `half`: files in half precision are preferred. Where the hub cannot be reached, what was
    fetched before has to do.

    Raises:
        ModelError: it is no diffusers repository, or has weights of another format only.

    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import DryRunError

    folder = Path(snapshot_download(source.model, allow_patterns=["*.json", "*/*.json"]))
    index = read_json(folder / "model_index.json")
    if not isinstance(index.get("_class_name"), str):
        raise ModelError(
            Sentence(
                "{model} is not a diffusers repository (no model_index.json).", model=source.model
            )
        )
    try:
        there = {file.filename: file for file in snapshot_download(source.model, dry_run=True)}
    except DryRunError:
        return look_in_cache(source)
    files = choose_files(source.model, index, there, half=half)
    missing = sum(there[name].file_size or 0 for name in files if there[name].will_download)
    bar = _bar(source.name, missing, tell)
    snapshot_download(source.model, allow_patterns=files, tqdm_class=bar)
    return look_in_cache(source)


def _bar(name: str, total: int, tell: Tell) -> type[Any]:
    """Make a progress bar for the hub that shows nothing, but tells."""
    from huggingface_hub.utils.tqdm import tqdm

    lock = threading.Lock()
    done = 0.0

    class Bar(tqdm):
        def __init__(self, *args: Any, **options: Any) -> None:
            self._counts = options.get("name") == BYTES
            super().__init__(*args, **options)  # type: ignore[no-untyped-call]  # why: tqdm

        def update(self, n: float | None = 1) -> bool | None:
            nonlocal done
            if self._counts and total:
                with lock:
                    done += n or 0
                    tell(describe(name, done, total))
            return super().update(n)  # type: ignore[no-any-return]  # why: tqdm is not typed

    return Bar


def describe(name: str, done: float, total: float) -> str:
    """Say how far a download is."""
    part = min(done / total, 1.0)
    return Sentence(FETCHED, model=name, part=part, size=_size(total))


def _size(size_bytes: float) -> str:
    if size_bytes < 1e9:
        return f"{max(size_bytes / 1e6, 0.1):.1f} MB"
    return f"{size_bytes / 1e9:.1f} GB"
