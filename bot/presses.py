"""What happens when a button under a picture is pressed, or its window is sent."""

import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import discord

from bot import flags, gallery, letters, messages, modals, posts, regions
from bot.admission import check_presser, check_words, fit
from bot.answers import give, tell
from bot.buttons import (
    BLUE,
    FACES,
    GREEN,
    GREY,
    face_of,
    offer_again,
    picture_view,
    recoloured,
)
from bot.derived import (
    OPERATIONS,
    keeps_shape,
    take_zoom,
    without_seed,
    zoom,
    zoom_text,
)
from bot.desk import Asked
from bot.drafts import Draft
from bot.errors import UserError
from bot.flags import Wish
from bot.intake import (
    PictureGoneError,
    again_of,
    check_asked,
    derive,
    is_member,
    known_job,
    receive,
    rerun_of,
    rewritten,
    start_from,
    stored,
    take_in,
)
from bot.jobs import UPSCALES, Job, Kind, Posted
from bot.language import N_, _
from bot.modes import in_mode, is_hidden
from bot.orders import jobs_of
from bot.pressed import Face
from bot.readers import ATTACHED
from bot.references import kept_of
from bot.regions import Spot
from bot.rules import Rules

log = logging.getLogger(__name__)

PLACEHOLDER = N_("This will influence how your image is generated. Have fun with it!")
SHAPE_KEPT = N_(
    "The shape comes from the picture that this was painted around or in: leave `--ar` as it was."
)
FROM_PICTURE = ("image", "images", "strength", "mask", "margins", "pictures")
"""What of a job that started from a picture stays when its prompt is written anew."""
WINDOW = re.compile(
    r"w:(?P<op>[a-z]+):(?P<job>[0-9]{1,20}):(?P<index>[0-3])"
    r"(?::(?P<message>[0-9]{1,20}):(?P<bits>[0-9a-f]{1,7}))?:[0-9]{1,20}"
)
"""The id of a window that asks for a prompt, a mask, or both."""


@dataclass(frozen=True, slots=True)
class Press:
    """A button that was pressed."""

    op: str
    job_id: int
    index: int

    @property
    def custom_id(self) -> str:
        """As it stands in the button."""
        return f"{self.op}:{self.job_id}:{self.index}"


async def press(asked: Asked, op: str, job_id: int, index: int) -> None:
    """Do what a button says; where its picture is gone, offer to paint it again.

    Raises:
        UserError: it cannot be done, or not by this person, here or now.

    """
    try:
        await ACTIONS[op](asked, Press(op, job_id, index))
    except PictureGoneError as error:
        await offer_again(asked, error.job.id)


async def submit(asked: Asked, window: re.Match[str]) -> None:
    """Do what a window was opened for.

    Raises:
        UserError: what was written into it cannot be painted.

    """
    answer = modals.read(asked)
    text = answer.texts.get("prompt")
    try:
        await _submitted(asked, window, answer, text)
    except PictureGoneError as error:
        await offer_again(asked, error.job.id)
    except UserError as error:
        error.asked = text or ""
        raise


async def _submitted(
    asked: Asked, window: re.Match[str], answer: modals.Answer, text: str | None
) -> None:
    pressed = Press(window["op"], int(window["job"]), int(window["index"]))
    if window["message"] is not None:
        spot = Spot(pressed.job_id, pressed.index, int(window["message"]))
        bits = int(window["bits"], 16)
        await regions.paint(asked, spot, bits, text=text, upload=answer.files.get("mask"))
    elif pressed.op == "zoom":
        await _zoom(asked, pressed, text or "")
    elif pressed.op == "r":
        await rerun(asked, pressed, text)
    elif pressed.op == "v" or pressed.op in OPERATIONS:
        await _derive(asked, pressed, text)
    else:
        raise UserError(_(messages.UNKNOWN_BUTTON))


def _turn(asked: Asked, pressed: Press, *, remixed: bool = False) -> None:
    """Colour the button that was pressed, where the bot may edit its message."""
    if asked.message is None or asked.message.flags.ephemeral or not is_member(asked):
        return
    face = replace(face_of(pressed.op, pressed.index), style=GREEN if remixed else BLUE)
    asked.client.desk.start(_show(asked, asked.message, pressed.custom_id, face))


async def _show(asked: Asked, message: discord.Message, custom_id: str, face: Face) -> None:
    """Give a button its new face; that its message cannot be edited is only noted."""
    pressed = asked.client.desk.pressed
    faces = pressed.note(message.id, custom_id, face)
    async with pressed.turn_of(message.id):
        try:
            nobody = discord.AllowedMentions.none()  # discord.py's default counts only with a text
            await message.edit(view=recoloured(message, faces), allowed_mentions=nobody)
        except posts.AWAY as error:
            log.info("message=%d its button could not be turned: %s", message.id, error)


# -- U --------------------------------------------------------------------------------------------


async def take_out(asked: Asked, pressed: Press) -> None:
    """U: post the stored picture, large, as the presser's own."""
    rules = await check_asked(asked)
    desk = asked.client.desk
    job = await known_job(asked, pressed.job_id)
    check_presser(asked, rules, job)
    picture = await stored(asked, job, pressed.index)
    hidden = is_hidden(asked, await desk.preferences(asked.user.id), job)
    place = (asked.guild_id, asked.channel_id or 0)
    parent = asked.message.jump_url if asked.message else None

    async def make() -> tuple[discord.File, discord.ui.View]:
        file = await desk.finisher.tile(job, picture, asked.filesize_limit, place=place)
        return file, picture_view(job, picture, desk.finisher.card(job), parent)

    text = messages.picture(job, picture.tile, asked.user.id)
    message_id = await give(asked, text, make(), hidden=hidden)
    _turn(asked, pressed)
    if message_id is None:
        return
    posted = Posted(
        message_id=message_id,
        channel_id=asked.channel_id or 0,
        guild_id=asked.guild_id,
        job_id=job.id,
        tile=picture.tile,
        user_id=asked.user.id,
    )
    await desk.store.add_message(posted)
    if hidden:  # what only one person sees does not last
        desk.start(letters.send_too(asked.client, asked.user.id, job, picture.tile))
    else:
        await gallery.show(asked.client, job, posted)


# -- what comes of a picture ----------------------------------------------------------------------


async def operate(asked: Asked, pressed: Press) -> None:
    """Paint what comes of a picture; where its painter likes to remix, ask for the prompt first."""
    preferences = await asked.client.desk.preferences(asked.user.id)
    operation = OPERATIONS[await _op(asked, pressed)]
    if not (preferences.remix and operation.asks):
        await _derive(asked, pressed)
        return
    start = await start_from(asked, pressed.job_id, pressed.index)
    label = _("New Prompt for image #{number}").format(number=pressed.index + 1)
    await _ask(asked, pressed, _(operation.title), label, start.wish.shown)


async def _derive(asked: Asked, pressed: Press, text: str | None = None) -> None:
    start = await start_from(asked, pressed.job_id, pressed.index)
    remixed = text is not None
    if text is not None and text.strip() != start.wish.shown:
        start = await start_from(asked, pressed.job_id, pressed.index, text)
    operation = OPERATIONS[await _op(asked, pressed)]
    kind = operation.remix if start.is_new and operation.remix else operation.kind
    await derive(asked, start, kind, operation.make(start))
    _turn(asked, pressed, remixed=remixed)


async def _op(asked: Asked, pressed: Press) -> str:
    """Return the operation of a button; V varies as its painter prefers."""
    if pressed.op != "v":
        return pressed.op
    return (await asked.client.desk.preferences(asked.user.id)).variation


async def custom_zoom(asked: Asked, pressed: Press) -> None:
    """Ask how far to zoom out, into which shape, and by which prompt."""
    start = await start_from(asked, pressed.job_id, pressed.index)
    text = zoom_text(start.parent.shown, start.size)
    await _ask(asked, pressed, _("Zoom Out"), _("Custom Zoom Prompt"), text)


async def _zoom(asked: Asked, pressed: Press, text: str) -> None:
    text, factor = take_zoom(text)
    start = await start_from(asked, pressed.job_id, pressed.index, text)
    await derive(asked, start, Kind.ZOOM, zoom(start, factor))
    _turn(asked, pressed)


async def vary_region(asked: Asked, pressed: Press) -> None:
    """Ask which part of the picture to paint anew."""
    await regions.open_panel(asked, pressed.job_id, pressed.index)
    _turn(asked, pressed)


async def _ask(asked: Asked, pressed: Press, title: str, label: str, text: str) -> None:
    field = modals.Field(name="prompt", label=label, text=text, placeholder=_(PLACEHOLDER))
    await modals.ask(asked, f"w:{pressed.custom_id}", title, field)


# -- 🔄 and what is gone ---------------------------------------------------------------------------


async def reroll(asked: Asked, pressed: Press) -> None:
    """🔄: paint the same again with a new seed, or with Remix on by another prompt."""
    preferences = await asked.client.desk.preferences(asked.user.id)
    if not preferences.remix:
        await rerun(asked, pressed)
        return
    parent = await _parent(asked, await check_asked(asked), pressed)
    await _ask(asked, pressed, _("Imagine This!"), _("Prompt"), without_seed(parent.shown))


async def rerun(asked: Asked, pressed: Press, text: str | None = None) -> None:
    """Paint the same again with a new seed, or (with `text`) by another prompt."""
    rules = await check_asked(asked)
    parent = await _parent(asked, rules, pressed)
    old, shown = parent.request, without_seed(parent.shown)
    if text is None or text.strip() == shown:
        wish = Wish(flags.reroll(old), shown)
    elif old.starts:
        wish = rewritten(asked, rules, parent, text, (old.width, old.height))
        kept = {name: getattr(old, name) for name in FROM_PICTURE}
        if old.mask or old.margins or parent.kind in UPSCALES:
            if not keeps_shape(shown, text):
                raise UserError(_(SHAPE_KEPT))
            kept |= {"width": old.width, "height": old.height}
        wish = replace(wish, request=replace(wish.request, **kept))
    else:
        await _imagine(asked, parent, text)
        _turn(asked, pressed, remixed=True)
        return
    warnings = await check_words(asked, wish.request.prompt)
    job = rerun_of(asked, parent, wish)
    job = replace(job, request=fit(job.request, rules))
    await receive(asked, await in_mode(asked, job, wish.lane, wish.hidden))
    await tell(asked, warnings)
    _turn(asked, pressed, remixed=text is not None)


async def _imagine(asked: Asked, parent: Job, text: str) -> None:
    """Paint another prompt in the place of one that started from no picture."""
    kept = kept_of(parent)
    draft = Draft(
        user_id=asked.user.id,
        text=text,
        picture=kept.get(("image", ATTACHED), ""),
        control=parent.request.control or "",
        style=kept.get(("style", ATTACHED), ""),
        character=kept.get(("face", ATTACHED), ""),
    )
    jobs, warnings = await jobs_of(asked, draft, kept)
    if len(jobs) > 1:
        raise flags.one_only(len(jobs))
    reply_to = asked.message.id if asked.message else None
    job = replace(jobs[0], kind=Kind.REROLL, parent_id=parent.id, reply_to=reply_to)
    await receive(asked, replace(job, ephemeral=job.ephemeral or parent.ephemeral))
    await tell(asked, warnings)


async def _parent(asked: Asked, rules: Rules, pressed: Press) -> Job:
    """Return the job to paint again, as far as today's rules allow it.

    Raises:
        UserError: they do not, its model is gone, or what it started from is.

    """
    desk = asked.client.desk
    parent = await known_job(asked, pressed.job_id)
    desk.card(parent.request.model)
    check_presser(asked, rules, parent)
    rules.check_request(parent.request)
    old = parent.request
    referred = (one.picture for one in old.references)
    files = (old.image, old.mask, old.control, *old.images, *referred)
    if any(file and not desk.data.path(file).is_file() for file in files):
        raise UserError(_(messages.LOST_SOURCE))
    return parent


async def paint_again(asked: Asked, pressed: Press) -> None:
    """Paint the same again with the same seed, for its pictures are gone."""
    rules = await check_asked(asked)
    parent = await _parent(asked, rules, pressed)
    warnings = await check_words(asked, parent.request.prompt)
    job = again_of(asked, parent)
    await take_in(asked, replace(job, request=fit(job.request, rules)))
    await tell(asked, warnings)


# -- ❤️ --------------------------------------------------------------------------------------------


async def keep(asked: Asked, pressed: Press) -> None:
    """❤️: keep the picture among the presser's favourites, or no longer."""
    store = asked.client.desk.store
    rules = await check_asked(asked)
    job = await known_job(asked, pressed.job_id)
    check_presser(asked, rules, job)
    picture = await stored(asked, job, pressed.index)
    who = (asked.user.id, job.id, picture.tile)
    if not await store.add_favourite(*who):
        await store.drop_favourite(*who)
    fans = await store.fans(job.id, picture.tile)
    face = replace(FACES["keep"], label=str(fans) if fans else None, style=GREEN if fans else GREY)
    message = asked.message
    assert message is not None  # noqa: S101 - a button stands under a message
    faces = asked.client.desk.pressed.note(message.id, pressed.custom_id, face)
    await asked.response.edit_message(view=recoloured(message, faces))


ACTIONS: dict[str, Callable[[Asked, Press], Awaitable[None]]] = {
    **dict.fromkeys(OPERATIONS, operate),
    "u": take_out,
    "v": operate,
    "r": reroll,
    "a": paint_again,
    "zoom": custom_zoom,
    "region": vary_region,
    "keep": keep,
}
