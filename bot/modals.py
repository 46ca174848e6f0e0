"""Windows: asked for with an id of their own, and read from what comes back.

discord.py keeps windows in memory, by their id: two of one id would overwrite each other, and after
a restart none is known. So each has an id that is used once and says all that its answer needs,
discord.py is told to keep none of them, and the answer is read as it comes over the wire.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import discord

from bot.errors import UserError
from bot.language import N_, _

LONGEST = 4000
"""Characters in a text field."""
LONGEST_TITLE = 45
LONGEST_LABEL = 45
TOO_LONG = N_(
    "This prompt is longer than the {most:,} characters that a window of Discord's holds."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a window: a text that begins as `text`, or a file to upload."""

    name: str
    label: str
    about: str | None = None
    text: str | None = None
    upload: bool = False
    placeholder: str | None = None

    def component(self) -> discord.ui.Label[Any]:
        """Return it as Discord draws it."""
        inner: discord.ui.Item[Any]
        if self.upload:
            inner = discord.ui.FileUpload(custom_id=self.name, required=True, max_values=1)
        else:
            inner = discord.ui.TextInput(
                custom_id=self.name,
                style=discord.TextStyle.paragraph,
                default=self.text,
                placeholder=self.placeholder,
                max_length=LONGEST,
            )
        return discord.ui.Label(
            text=self.label[:LONGEST_LABEL], description=self.about, component=inner
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody wrote into a window, and the files they put there, by the fields' names."""

    texts: Mapping[str, str]
    files: Mapping[str, discord.Attachment]


async def ask(asked: discord.Interaction[Any], key: str, title: str, *fields: Field) -> None:
    """Open a window. `key` says what its answer is for; the id becomes unique by the asking.

    Raises:
        UserError: a field begins with more than it can hold.

    """
    if any(len(field.text or "") > LONGEST for field in fields):
        raise UserError(_(TOO_LONG).format(most=LONGEST))
    modal = discord.ui.Modal(title=title[:LONGEST_TITLE], custom_id=f"{key}:{asked.id}")
    for field in fields:
        modal.add_item(field.component())
    modal.stop()  # so that discord.py keeps it nowhere
    await asked.response.send_modal(modal)


def read(asked: discord.Interaction[Any]) -> Answer:
    """Return what a window's answer holds."""
    data: dict[str, Any] = dict(asked.data or {})
    known = (data.get("resolved") or {}).get("attachments") or {}
    texts: dict[str, str] = {}
    files: dict[str, discord.Attachment] = {}
    for part in _walk(data.get("components") or []):
        name = str(part.get("custom_id"))
        if isinstance(part.get("value"), str):
            texts[name] = part["value"]
        for value in part.get("values") or ():
            if value in known:
                files[name] = discord.Attachment(data=known[value], state=asked._state)
    return Answer(texts, files)


def _walk(parts: list[Any]) -> Iterator[dict[str, Any]]:
    for part in parts:
        yield part
        yield from _walk(part.get("components") or [])
        if part.get("component"):
            yield from _walk([part["component"]])
