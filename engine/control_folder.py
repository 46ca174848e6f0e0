"""The operator's folder of ControlNets: which there are, and where; no torch."""

import difflib
from pathlib import Path

from engine.errors import NO_OTHER, ModelError, PaintError, Sentence
from engine.files import check_weights, read_json


class ControlFolder:
    """Folders as diffusers saves ControlNets; a name with `canny` or `scribble` in it tells how
    its control picture is made from a photograph."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def names(self) -> tuple[str, ...]:
        """Name all ControlNets there are."""
        if self._folder is None:
            return ()
        found = sorted(self._folder.glob("*/config.json"))
        kinds = ((path.parent.name, read_json(path).get("_class_name")) for path in found)
        return tuple(name for name, kind in kinds if kind == "ControlNetModel")

    def find(self, name: str) -> Path:
        """Return the folder of a ControlNet, named in full or by a part that no other has.

        Raises:
            PaintError: there is none, or not one alone, with those that are near; or it is damaged.

        """
        names = {known.lower(): known for known in self.names()}
        if name.lower() not in names:
            within = [known for known in names if name.lower() in known]
            if len(within) == 1:
                name = within[0]
        if self._folder is None or name.lower() not in names:
            near = difflib.get_close_matches(name.lower(), names, 3, 0.5) or list(names)[:3]
            there = ", ".join(names[key] for key in near)
            tail = Sentence("; there is {names}", names=there) if there else Sentence(NO_OTHER)
            raise PaintError(
                Sentence("There is no ControlNet {name} here{tail}.", name=name, tail=tail)
            )
        path = self._folder / names[name.lower()]
        try:
            check_weights(path)
        except ModelError as error:
            raise PaintError(
                Sentence("The files of the ControlNet {name} are damaged.", name=path.name)
            ) from error
        return path
