"""The menu of a message (right click ▸ Apps): stop or delete it, get it by direct message, report
it, show what it was painted from. Discord allows an application five such entries."""

import asyncio
import re
from dataclasses import replace
from typing import Any

import discord
from discord import app_commands

from bot import attachments, memory, messages, modals, panels, particulars
from bot.admin.reports import report
from bot.admission import check_welcome
from bot.commands.how import explain
from bot.commands.imagine import start
from bot.desk import Asked, DeskClient
from bot.errands import Spot, behind, owner_of, send_letter, take_away
from bot.errors import UserError
from bot.intake import check_asked, known_job
from bot.jobs import FINAL, Job, Posted
from bot.language import N_, _, named
from bot.orders import draft_of
from bot.permissions import may_moderate
from engine import SEEDS

NOT_OURS = N_("This message is none of Easel's pictures, so there is nothing to do with it.")
NOT_YOURS = N_("Only its painter and moderators (Manage Messages) can stop or delete this.")
NOT_YOUR_LETTER = N_(
    "Only its painter can have this sent. To get it yourself take it out of the grid with U1–U4, "
    "or paint it again with 🔄."
)
NOT_DONE = N_("This is still being painted; try again when it is done.")
LETTER_CLOSED = N_(
    "I could not send you a direct message. Allow direct messages from this server's members in "
    "its privacy settings, then try again."
)
NO_PICTURE = N_(
    "This message has no picture that Easel can start from; it takes PNG, JPEG and WEBP files."
)
NO_LOG = N_(
    "This server has no channel for reports; its admins can name one with `/easel config set log:`."
)
TOO_OLD = N_("This window was open for too long. Please open it again from the message's menu.")
PLACEHOLDER = N_("What it is to become; --strength 0.3 stays near the picture, 0.9 goes far")
WINDOW = re.compile(r"p:(?P<draft>[0-9]{1,20}):[0-9]{1,20}")
"""The id of the window that asks what is to come of a picture."""
HOW = re.compile(r"how:(?P<job>[0-9]{1,20}):(?P<tile>[0-3])")
NO_MEMORY = N_("Neither Easel nor the picture itself remembers what this was painted from.")


@app_commands.context_menu(name="Cancel Job")
async def cancel(interaction: discord.Interaction[Any], message: discord.Message) -> None:
    """Stop a job of one's own, or delete what it has become."""
    asked: Asked = interaction
    job, posted = await _ours(asked, message)
    if asked.user.id != owner_of(job, posted) and not may_moderate(asked.permissions):
        raise UserError(_(NOT_YOURS))
    await asked.response.defer(ephemeral=True, thinking=True)
    was_running = posted is None and job.state not in FINAL
    stopped = await take_away(asked.client, _spot(asked, message), job, posted)
    if stopped:
        text = _("The job is stopped.")
    elif was_running:
        text = _("The job was done before it could be stopped.")
    else:
        text = _("It is deleted.")
    await asked.edit_original_response(content=text)


@app_commands.context_menu(name="DM Results")
async def send(interaction: discord.Interaction[Any], message: discord.Message) -> None:
    """Send one's own pictures by direct message, with job id and seed."""
    asked: Asked = interaction
    job, posted = await _ours(asked, message)
    if asked.user.id != owner_of(job, posted):
        raise UserError(_(NOT_YOUR_LETTER))
    if posted is None:
        raise UserError(_(NOT_DONE))
    await asked.response.defer(ephemeral=True, thinking=True)
    sent = await send_letter(asked.client, _spot(asked, message), job, posted)
    await asked.edit_original_response(content=_("Sent.") if sent else _(LETTER_CLOSED))


@app_commands.context_menu(name="Report Job")
@app_commands.guild_only()
async def report_job(interaction: discord.Interaction[Any], message: discord.Message) -> None:
    """Bring a picture to the admins' eyes."""
    asked: Asked = interaction
    await check_welcome(asked)
    job, posted = await _ours(asked, message)
    if posted is None:
        raise UserError(_(NOT_DONE))
    if (await asked.client.desk.rules(asked.guild_id)).log is None:
        raise UserError(_(NO_LOG))
    await asked.response.defer(ephemeral=True, thinking=True)
    await report(asked.client, asked.user.id, job, posted)
    thanks = _("Reported to the admins of this server. Thank you.")
    await asked.edit_original_response(content=thanks)


@app_commands.context_menu(name="Show parameters")
async def show_parameters(interaction: discord.Interaction[Any], message: discord.Message) -> None:
    """Show seed and settings: of a job, or as far as any attached picture remembers them."""
    asked: Asked = interaction
    desk = asked.client.desk
    job, posted = await behind(asked.client, message.id)
    if job is not None and not _is_near(asked, job, posted):
        job = None
    if job is not None:
        tile = posted.tile if posted else None
        pictures = [p for p in await desk.store.pictures(job.id) if tile in {None, p.tile}]
        text = particulars.of_job(job, pictures, desk.finisher.card(job))
        await asked.response.send_message(text, view=_how(job.id, tile or 0), ephemeral=True)
        return
    await asked.response.defer(ephemeral=True, thinking=True)
    await asked.edit_original_response(content=await _remembered(asked, message))


def _how(job_id: int, tile: int) -> discord.ui.View:
    """The button under the parameters; Discord has no room for a sixth entry in the menu."""
    label = _("How it was painted")
    return panels.of(discord.ui.Button(label=label, custom_id=f"how:{job_id}:{tile}"))


async def explain_job(asked: Asked, pressed: re.Match[str]) -> None:
    """Show how one picture of a job came about.

    Raises:
        UserError: the job is not known here, or what it started from is gone.

    """
    await check_asked(asked)
    desk = asked.client.desk
    job = await known_job(asked, int(pressed["job"]))
    desk.card(job.request.model)

    def at_hand(file: str | None) -> str | None:
        if file and not desk.data.path(file).is_file():
            raise UserError(_(messages.LOST_SOURCE))
        return str(desk.data.path(file)) if file else None

    request = replace(
        job.request,
        seed=(job.request.seed + int(pressed["tile"])) % SEEDS,
        image=at_hand(job.request.image),
        images=tuple(at_hand(file) or "" for file in job.request.images),
        mask=at_hand(job.request.mask),
        control=at_hand(job.request.control),
        references=tuple(
            one._replace(picture=at_hand(one.picture) or "") for one in job.request.references
        ),
    )
    await explain(asked, request, job.shown)


@app_commands.context_menu(name="Use as image prompt")
async def use(interaction: discord.Interaction[Any], message: discord.Message) -> None:
    """Start a new picture from one that is attached to the message; the prompt is asked for."""
    asked: Asked = interaction
    await check_asked(asked)
    kinds = [(a.content_type or "").partition(";")[0] in attachments.TYPES
             for a in message.attachments]  # fmt: skip
    if True not in kinds:
        raise UserError(_(NO_PICTURE))
    draft = draft_of(asked, "", message.attachments[kinds.index(True)])
    await asyncio.to_thread(asked.client.desk.drafts.keep, asked.id, draft)
    field = modals.Field(name="prompt", label=_("Prompt"), placeholder=_(PLACEHOLDER))
    title = named("Use as image prompt")
    await modals.ask(asked, f"p:{asked.id}", title, field)


async def submit(asked: Asked, window: re.Match[str]) -> None:
    """Paint from the picture that the window was opened for.

    Raises:
        UserError: it was opened too long ago, or what was written cannot be painted.

    """
    draft = await asyncio.to_thread(asked.client.desk.drafts.take, int(window["draft"]))
    if draft is None or draft.user_id != asked.user.id:
        raise UserError(_(TOO_OLD))
    await start(asked, replace(draft, text=modals.read(asked).texts.get("prompt", "")))


async def _remembered(asked: Asked, message: discord.Message) -> str:
    """Return what the attached pictures say of themselves, as other tools write it too."""
    for attachment in message.attachments:
        try:
            attachments.check(attachment)
            content = await attachments.fetch(attachment.url, asked.client.desk.settings.playground)
        except UserError:
            continue
        remembered = await asyncio.to_thread(memory.read, content)
        if remembered is not None:
            return messages.refusal(
                "\n".join(map(messages.escape, remembered.parameters.splitlines()))
            )
    return _(NO_MEMORY)


async def _ours(asked: Asked, message: discord.Message) -> tuple[Job, Posted | None]:
    """Return the job behind a message.

    Raises:
        UserError: there is none.

    """
    job, posted = await behind(asked.client, message.id)
    if job is None or not _is_near(asked, job, posted):
        raise UserError(_(NOT_OURS))
    return job, posted


def _is_near(asked: Asked, job: Job, posted: Posted | None) -> bool:
    """Say whether the message is of the place where it was asked about."""
    return (posted.channel_id if posted else job.channel_id) == asked.channel_id


def _spot(asked: Asked, message: discord.Message) -> Spot:
    return Spot(message.id, asked.channel_id or 0, asked.guild_id, asked.user.id)


def add_to(tree: app_commands.CommandTree[DeskClient]) -> None:
    """Offer the entries wherever the bot is."""
    for entry in (cancel, send, report_job, use, show_parameters):
        tree.add_command(entry)
