"""Folders of ControlNets, a model's own and the operator's: which there are and where; no torch."""

import difflib
from pathlib import Path

from engine.errors import NO_OTHER, ModelError, PaintError, Sentence
from engine.files import check_weights, read_json

STAND_INS = {"scribble": "canny"}
"""What may lead where there is nothing of a kind: lines are lines."""


class ControlFolder:
    """Folders as diffusers saves ControlNets; a name with `canny` or `scribble` in it tells how
    its control picture is made from a photograph. Of one name, the first counts."""

    def __init__(self, *folders: Path | None) -> None:
        self._folders = tuple(folder for folder in folders if folder is not None)

    def after(self, folder: str) -> "ControlFolder":
        """Return these folders after another, if it is one."""
        return ControlFolder(Path(folder), *self._folders) if folder else self

    def names(self) -> tuple[str, ...]:
        """Name all ControlNets there are."""
        return tuple(path.name for path in self._nets().values())

    def kind(self, name: str) -> str:
        """Return what leads by this name: a ControlNet's name in full, or what it stands in for.

        Raises:
            PaintError: as `find`.

        """
        found, wanted = self.find(name).name, name.lower()
        stands_in = wanted in STAND_INS and wanted not in found.lower()
        return wanted if stands_in else found

    def find(self, name: str) -> Path:
        """Return the folder of a ControlNet, named in full or by a part that no other has.

        Raises:
            PaintError: there is none, or not one alone, with those that are near; or it is damaged.

        """
        nets, wanted = self._nets(), name.lower()
        for part in (wanted, STAND_INS.get(wanted, wanted)):
            within = [known for known in nets if part in known]
            if wanted not in nets and len(within) == 1:
                wanted = within[0]
        if wanted not in nets:
            near = difflib.get_close_matches(name.lower(), nets, 3, 0.5) or list(nets)[:3]
            there = ", ".join(nets[key].name for key in near)
            tail = Sentence("; there is {names}", names=there) if there else Sentence(NO_OTHER)
            raise PaintError(
                Sentence("There is no ControlNet {name} here{tail}.", name=name, tail=tail)
            )
        path = nets[wanted]
        try:
            check_weights(path)
        except ModelError as error:
            raise PaintError(
                Sentence("The files of the ControlNet {name} are damaged.", name=path.name)
            ) from error
        return path

    def _nets(self) -> dict[str, Path]:
        """Find the folders by their names in lower case."""
        found: dict[str, Path] = {}
        for folder in self._folders:
            for path in sorted(folder.glob("*/config.json")):
                if read_json(path).get("_class_name") == "ControlNetModel":
                    found.setdefault(path.parent.name.lower(), path.parent)
        return found
