"""The operator's folder of LoRAs: which there are, and where; no torch."""

import difflib
from pathlib import Path

from engine.errors import NO_OTHER, ModelError, PaintError, Sentence
from engine.files import read_header


class LoraFolder:
    """`.safetensors` files by their names without it, in this folder and below.

    Looked through at every question: the operator may add a file while the bot runs.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def names(self) -> tuple[str, ...]:
        """Name all LoRAs there are."""
        return tuple(path.stem for path in self._files().values())

    def find(self, name: str) -> Path:
        """Return the file of a LoRA.

        Raises:
            PaintError: there is none by that name, with those that are near; or it is damaged.

        """
        files = self._files()
        path = files.get(name.lower())
        if path is None:
            raise PaintError(
                Sentence("There is no LoRA {name} here{tail}.", name=name, tail=_near(name, files))
            )
        try:
            read_header(path)
        except (ModelError, OSError) as error:
            raise PaintError(
                Sentence("The file of the LoRA {name} is damaged.", name=path.stem)
            ) from error
        return path

    def _files(self) -> dict[str, Path]:
        if self._folder is None:
            return {}
        found = sorted(self._folder.rglob("*.safetensors"), reverse=True)
        return dict(sorted((path.stem.lower(), path) for path in found))


def _near(name: str, files: dict[str, Path]) -> Sentence:
    if not files:
        return Sentence(NO_OTHER)
    near = difflib.get_close_matches(name.lower(), files, 3, 0.5) or list(files)[:3]
    named = ", ".join(files[key].stem for key in near)
    if len(near) == 1:
        return Sentence("; there is {names}", names=named)
    return Sentence("; there are {names}", names=named)
