"""What a painter has asked for and has yet to confirm: one small file each, for a day.

Files, so that a dialog works after a restart. Names are made of numbers only.
"""

import contextlib
import dataclasses
import json
import time
from dataclasses import dataclass
from pathlib import Path

from bot.readers import Size

KEPT_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A prompt with its parameters as it was typed, and the addresses of what came with it."""

    user_id: int
    text: str
    picture: str = ""
    picture_size: Size | None = None
    control: str = ""
    control_size: Size | None = None
    style: str = ""
    character: str = ""


class Drafts:
    """The drafts of a folder, by the id of the interaction that asked for them."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; it is made with the first draft."""
        self._folder = folder

    def keep(self, draft_id: int, draft: Draft) -> None:
        """Keep a draft, and forget those that nobody confirmed for a day. Blocks."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in self._folder.glob("*.json"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < time.time() - KEPT_S:
                    path.unlink()
        path = self._path(draft_id)
        unfinished = path.with_suffix(".tmp")
        unfinished.write_text(json.dumps(dataclasses.asdict(draft)), encoding="utf-8")
        unfinished.replace(path)

    def find(self, draft_id: int) -> Draft | None:
        """Return a draft that is still kept. Blocks."""
        try:
            values = json.loads(self._path(draft_id).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        sizes = {name: values[name] and tuple(values[name]) for name in values if "size" in name}
        return Draft(**{**values, **sizes})

    def take(self, draft_id: int) -> Draft | None:
        """Return a draft to one caller only, who may keep it again. Blocks."""
        draft = self.find(draft_id)
        try:
            self._path(draft_id).unlink()
        except FileNotFoundError:
            return None
        return draft

    def forget(self, user_id: int) -> None:
        """Forget everything that one painter has not confirmed. Blocks."""
        for path in self._folder.glob("*.json"):
            draft = self.find(int(path.stem))
            if draft is not None and draft.user_id == user_id:
                self.take(int(path.stem))

    def _path(self, draft_id: int) -> Path:
        return self._folder / f"{draft_id:d}.json"
