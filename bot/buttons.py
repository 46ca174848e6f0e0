"""The buttons under our pictures, and what they look like; `bot.presses` does what they say.

A button carries `op:job:index` and nothing else; what it may do is looked up when it is pressed.
Views hold dynamic items only (and links, which nobody dispatches) and are made anew for each
message: discord.py forgets the pattern of a dynamic item for every message of the bot when a view
that mixes it with ordinary items ends.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self

import discord

from bot.answers import answering
from bot.desk import Asked, DeskClient
from bot.jobs import UPSCALES, Job, Picture
from bot.language import N_, _, in_its_language
from bot.messages import LOST_PICTURE
from bot.pressed import Face
from engine import ModelCard

BLUE, GREEN = discord.ButtonStyle.primary, discord.ButtonStyle.success
GREY = discord.ButtonStyle.secondary
FACES = {
    "u": Face("U"),
    "v": Face("V"),
    "r": Face(emoji="🔄"),
    "a": Face(N_("Paint it again"), "🔄"),
    "upsubtle": Face(N_("Upscale (Subtle)")),
    "upcreative": Face(N_("Upscale (Creative)")),
    "subtle": Face(N_("Vary (Subtle)"), "🪄"),
    "strong": Face(N_("Vary (Strong)"), "🪄"),
    "region": Face(N_("Vary (Region)"), "🖌️"),
    "zoomtwice": Face(N_("Zoom Out 2x"), "🔍"),
    "zoomhalf": Face(N_("Zoom Out 1.5x"), "🔍"),
    "zoom": Face(N_("Custom Zoom"), "🔍"),
    "square": Face(N_("Make Square"), "↔️"),
    "left": Face(emoji="⬅️"),
    "right": Face(emoji="➡️"),
    "up": Face(emoji="⬆️"),
    "down": Face(emoji="⬇️"),
    "keep": Face(emoji="❤️"),
}
"""The operations, by the word that stands in the button."""
NUMBERED = frozenset({"u", "v"})

ROWS = (
    ("image", ("upsubtle", "upcreative")),
    ("image", ("subtle", "strong")),
    ("inpaint", ("region",)),
    ("outpaint", ("zoomtwice", "zoomhalf", "zoom", "square")),
    ("outpaint", ("left", "right", "up", "down")),
)
"""Under a single picture: what the model has to honour, and what it may then be asked for."""
ROW_OF = {"upsubtle": 0, "upcreative": 0, "subtle": 1, "strong": 1, "region": 1, "keep": 4} | {
    **dict.fromkeys(ROWS[3][1], 2),
    **dict.fromkeys(ROWS[4][1], 3),
}


class JobButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=rf"(?P<op>{'|'.join(FACES)}):(?P<job>[0-9]{{1,20}}):(?P<index>[0-3])",
):
    """One button under a picture."""

    def __init__(
        self, op: str, job_id: int, index: int, row: int | None = None, face: Face | None = None
    ) -> None:
        """Make the button that does `op` with picture `index` of the job."""
        face = face or face_of(op, index)
        super().__init__(
            discord.ui.Button(
                label=face.label,
                emoji=face.emoji,
                style=face.style,
                custom_id=f"{op}:{job_id}:{index}",
                row=row,
            )
        )
        self.op, self.job_id, self.index = op, job_id, index

    @classmethod
    async def from_custom_id(
        cls,
        interaction: discord.Interaction[Any],
        item: discord.ui.Item[Any],
        match: re.Match[str],
        /,
    ) -> Self:
        """Read a button that was pressed; this looks nothing up, so it cannot fail."""
        return cls(match["op"], int(match["job"]), int(match["index"]))

    async def callback(self, interaction: Asked) -> None:  # type: ignore[override]
        """Do what the button says, and answer whatever happens."""
        # why the ignore: discord.py types the client as the base class; it is always ours
        async with answering(interaction):
            await interaction.client.press(interaction, self.op, self.job_id, self.index)


def face_of(op: str, index: int) -> Face:
    """Return what a button looks like before it is pressed."""
    face = FACES[op]
    if op in NUMBERED:
        return replace(face, label=f"{face.label}{index + 1}")
    return replace(face, label=_(face.label)) if face.label else face


@in_its_language
def grid_view(job: Job, pictures: int) -> discord.ui.View:
    """Return fresh buttons for a grid of that many pictures."""
    view = discord.ui.View(timeout=None)
    for index in range(pictures):
        view.add_item(JobButton("u", job.id, index, row=0))
    view.add_item(JobButton("r", job.id, 0, row=0))
    for index in range(pictures):
        view.add_item(JobButton("v", job.id, index, row=1))
    return view


@in_its_language
def picture_view(
    job: Job, picture: Picture, card: ModelCard | None, parent: str | None = None
) -> discord.ui.View:
    """Return fresh buttons for a single picture, as far as its model can do what they say.

    `parent` is the address of the message that it came from.
    """
    view = discord.ui.View(timeout=None)
    honours = card.honours if card else frozenset()
    absent = {"square"} if picture.width == picture.height else set()
    if job.kind in UPSCALES:
        absent |= {"upsubtle", "upcreative"}
    for needed, ops in ROWS:
        for op in ops:
            if needed in honours and op not in absent:
                view.add_item(JobButton(op, job.id, picture.tile, ROW_OF[op]))
    view.add_item(JobButton("keep", job.id, picture.tile, ROW_OF["keep"]))
    if job.kind in UPSCALES:
        view.add_item(JobButton("r", job.id, 0, ROW_OF["keep"]))
    if parent is not None:
        view.add_item(discord.ui.Button(label=_("Parent"), url=parent, row=ROW_OF["keep"]))
    return view


def recoloured(message: discord.Message, faces: Mapping[str, Face]) -> discord.ui.View:
    """Return a message's buttons as they are, but for those that have a new face by custom_id."""
    view = discord.ui.View(timeout=None)
    for number, row in enumerate(message.components):
        for part in getattr(row, "children", ()):
            if not isinstance(part, discord.Button):
                continue
            found = match(part.custom_id)
            if found:
                emoji = str(part.emoji) if part.emoji else None
                face = faces.get(found[0], Face(part.label, emoji, part.style))
                if found["op"] != "keep":  # whoever presses, it stays in the message's language
                    face = replace(face, label=part.label)
                item = JobButton(found["op"], int(found["job"]), int(found["index"]), number, face)
                view.add_item(item)
            elif part.url:
                link = discord.ui.Button[Any](label=part.label, url=part.url, row=number)
                view.add_item(link)
    return view


def match(custom_id: str | None) -> re.Match[str] | None:
    """Take a button's custom_id apart, if it is one of ours."""
    return JobButton.__discord_ui_compiled_template__.fullmatch(custom_id or "")


def job_of(message: discord.Message) -> int | None:
    """Return the job whose buttons a message carries."""
    for row in message.components:
        for part in getattr(row, "children", ()):
            if found := match(getattr(part, "custom_id", None)):
                return int(found["job"])
    return None


async def offer_again(asked: Asked, job_id: int) -> None:
    """Say that a job's pictures are gone, with the button that paints them again."""
    view = discord.ui.View(timeout=None)
    view.add_item(JobButton("a", job_id, 0))
    if asked.response.is_done():
        await asked.edit_original_response(content=_(LOST_PICTURE), view=view)
    else:
        await asked.response.send_message(_(LOST_PICTURE), view=view, ephemeral=True)


class Sticky(dict[Any, Any]):
    """discord.py's table of dynamic items, which must never forget one."""

    def pop(self, key: Any, default: Any = None) -> Any:
        """Return the entry and keep it."""
        return self.get(key, default)


def register(client: DeskClient) -> None:
    """Let the client know the buttons of every message, also of those before a restart."""
    store = client._connection._view_store
    store._dynamic_items = Sticky(store._dynamic_items)
    client.add_dynamic_items(JobButton)


def is_known(client: discord.Client, custom_id: str) -> bool:
    """Say whether a button under a picture answers to this."""
    patterns = client._connection._view_store._dynamic_items
    return any(pattern.fullmatch(custom_id) for pattern in patterns)
