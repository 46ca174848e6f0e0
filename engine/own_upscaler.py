"""An upscaler of the operator's own: an ESRGAN or one like it, opened by the extra `[esrgan]`.

Loaded by `load`; before that, `find` tells from the file's name alone. No torch is imported here
until a file is loaded.
"""

import importlib.util
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)

SUFFIXES = (".safetensors", ".pth")
"""What is opened; of several files in a folder the first of the first kind."""
TILE, MARGIN = 256, 24
"""Pixels of a piece that is enlarged at a time, and what it sees around itself."""
SMALLEST = 32
"""Smaller pieces are not tried where there is no room for larger ones."""
MISSING = (
    "UPSCALER needs spandrel, which is not installed: run `pip install easel[esrgan]`, or leave "
    "UPSCALER empty."
)


def find(path: Path) -> Path:
    """Return the file to load: the path itself, or the first in that folder.

    Raises:
        ModelError: there is none, or what opens it is not installed.

    """
    found = [path]
    if path.is_dir():
        found = [one for suffix in SUFFIXES for one in sorted(path.glob(f"*{suffix}"))]
    if not found or not found[0].is_file():
        raise ModelError(f"UPSCALER is {path}, and there is no .safetensors or .pth file.")
    if found[0].suffix.lower() not in SUFFIXES:
        raise ModelError(
            f"UPSCALER is {found[0]}: only .safetensors and .pth files are opened, for others can "
            "bring code along."
        )
    if importlib.util.find_spec("spandrel") is None:
        raise ModelError(MISSING)
    return found[0]


class OwnUpscaler:
    """A network that enlarges by `scale`, on a device."""

    def __init__(self, network: Any) -> None:
        self._network = network
        self.scale = int(network.scale)

    def enlarge(self, picture: "Tensor") -> "Tensor":
        """Return one picture [3,H,W] in 0..1, `scale` times as wide and high.

        Piece by piece, so that large pictures do not need much memory; where even that finds no
        room, the pieces are made smaller.
        """
        from engine.memory import free_cache, is_out_of_memory

        tile = TILE
        while True:
            try:
                return self._by_pieces(picture, tile)
            except RuntimeError as error:
                if not is_out_of_memory(error) or tile <= SMALLEST:
                    raise
            free_cache()
            tile //= 2

    def _by_pieces(self, picture: "Tensor", tile: int) -> "Tensor":
        import torch

        _, height, width = picture.shape
        scale = self.scale
        larger = torch.zeros(3, scale * height, scale * width)
        with torch.inference_mode():
            for top in range(0, height, tile):
                for left in range(0, width, tile):
                    bottom, right = min(top + tile, height), min(left + tile, width)
                    above, before = max(top - MARGIN, 0), max(left - MARGIN, 0)
                    piece = picture[:, above : bottom + MARGIN, before : right + MARGIN]
                    made = self._network(piece[None].to(self._network.device))[0].float().cpu()
                    y, x = scale * (top - above), scale * (left - before)
                    rows, columns = scale * (bottom - top), scale * (right - left)
                    place = larger[:, scale * top : scale * bottom, scale * left : scale * right]
                    place.copy_(made[:, y : y + rows, x : x + columns])
        return larger.clamp(0, 1)


def load(path: Path, device: Any) -> OwnUpscaler:
    """Open an upscaler's file onto a device, or, where that has no room for it, the processor.

    Raises:
        ModelError: it cannot be had, is no upscaler, or could run code when opened.

    """
    file = find(path)
    try:
        from spandrel import ImageModelDescriptor, ModelLoader
    except (ImportError, RuntimeError) as error:  # torchvision of another torch fails at random
        raise ModelError(f"{MISSING} ({error})") from error
    try:
        # spandrel reads .pth by an unpickler that knows tensors and nothing else
        network: Any = ModelLoader(device="cpu").load_from_file(file)
    except Exception as error:  # why: files of any network fail anywhere in its own code
        if type(error).__name__ == "UnpicklingError":
            raise ModelError(
                f"UPSCALER is {file}, which holds more than weights and could run code when "
                "opened: take a .safetensors file."
            ) from error
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
        raise ModelError(f"UPSCALER is {file}, which cannot be opened: {first}") from error
    if not isinstance(network, ImageModelDescriptor) or (
        network.scale < 2 or network.input_channels != 3 or network.output_channels != 3
    ):
        raise ModelError(f"UPSCALER is {file}, which does not enlarge colour pictures.")
    return OwnUpscaler(_bring(network.eval(), file, device))


def _bring(network: Any, file: Path, device: Any) -> Any:
    from engine.memory import free_cache, is_out_of_memory

    try:
        return network.to(device)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
    log.warning(
        "UPSCALER is %s, which finds no room on %s: it enlarges on the processor, which is slow. "
        "Take a smaller one, or leave it room by MEMORY_GB.",
        file,
        device,
    )
    network.to("cpu")  # also what had found room there
    free_cache()
    return network
