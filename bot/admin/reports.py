"""Reports: ⚠️ under a picture brings it to the admins' eyes, with what they can do about it."""

import logging
import re

import discord

from bot import audit, messages, panels, posts
from bot.admin.gate import answer
from bot.admin.people import put_block, put_warning
from bot.admission import check_server
from bot.desk import Asked, DeskClient
from bot.errors import UserError
from bot.finish import PicturesLostError
from bot.jobs import Job, Posted
from bot.language import N_, _, speaking
from bot.ledger import Deed, Report
from bot.permissions import may_manage, may_moderate

log = logging.getLogger(__name__)

BUTTON = re.compile(r"report:(delete|warn|block):([0-9]{1,19})")
LABELS = {
    "delete": N_("Delete the picture"),
    "warn": N_("Warn its painter"),
    "block": N_("Block its painter"),
}
GONE_REPORT = N_("Easel no longer knows this report.")
WARNING = N_("A picture of yours was reported, and the admins ask you not to paint the like again.")
REASON = N_("a reported picture")


async def report(client: DeskClient, reporter_id: int, job: Job, posted: Posted) -> None:
    """Show a reported picture in the log channel, once however many report it."""
    if posted.guild_id is None:
        return
    desk = client.desk
    banned = reporter_id in desk.settings.banned
    if banned or await desk.ledger.blocked(posted.guild_id, reporter_id):
        return
    if (await desk.rules(posted.guild_id)).log is None:
        log.info("job=%d is reported, but server=%d has no log", job.id, posted.guild_id)
        return
    entry = Report(
        message_id=posted.message_id,
        channel_id=posted.channel_id,
        guild_id=posted.guild_id,
        job_id=job.id,
        user_id=posted.user_id,
        reporter_id=reporter_id,
    )
    if not await desk.ledger.add_report(entry):
        return
    told = False
    try:
        told = await _tell(client, job, entry)
    finally:
        if not told:  # the next who reports it tries again
            await desk.ledger.forget_report(posted.message_id)


async def _tell(client: DeskClient, job: Job, entry: Report) -> bool:
    """Post a report where the admins look; False if it could not be."""
    link = f"https://discord.com/channels/{entry.guild_id}/{entry.channel_id}/{entry.message_id}"
    prompt = messages.shorten(messages.escape(job.shown), 1000)
    with speaking(await client.speech_of(entry.guild_id)):
        text = _(
            "**Report** by <@{reporter_id}>: {link}\npainted by <@{user_id}>: **{prompt}**"
        ).format(reporter_id=entry.reporter_id, link=link, user_id=entry.user_id, prompt=prompt)
        view = _buttons(entry.message_id)
    more = {} if (file := await _picture(client, job)) is None else {"file": file}
    if not await audit.post(client, entry.guild_id, text, view=view, **more):
        return False
    log.info("job=%d is reported by user=%d", job.id, entry.reporter_id)
    return True


async def _picture(client: DeskClient, job: Job) -> discord.File | None:
    """Return the reported grid, hidden until clicked; it stays here if it is deleted there."""
    try:
        file = await client.desk.finisher.grid(job, await client.desk.store.pictures(job.id))
    except (UserError, PicturesLostError):
        return None
    file.spoiler = True
    return file


def _buttons(message_id: int) -> discord.ui.View:
    grey, red = discord.ButtonStyle.secondary, discord.ButtonStyle.danger
    return panels.of(
        *(
            discord.ui.Button(
                label=_(label),
                style=grey if name == "warn" else red,
                custom_id=f"report:{name}:{message_id}",
            )
            for name, label in LABELS.items()
        )
    )


async def press(asked: Asked, pressed: re.Match[str]) -> None:
    """Do what a button under a report says.

    Raises:
        UserError: the report is not of this server, or who pressed may not do this.

    """
    check_server(asked)
    client, action = asked.client, pressed[1]
    entry = await client.desk.ledger.report(int(pressed[2])) if int(pressed[2]) < 2**63 else None
    if entry is None or entry.guild_id != asked.guild_id:
        raise UserError(_(GONE_REPORT))
    manages = may_manage(asked.permissions)
    if action == "delete" and not (manages or may_moderate(asked.permissions)):
        raise UserError(_("Only moderators (Manage Messages) and admins can delete pictures here."))
    if action != "delete" and not manages:
        raise UserError(_("Only members with the permission Manage Server can do this."))
    await asked.response.defer(ephemeral=True, thinking=True)
    with speaking(await client.speech_of(entry.guild_id)):
        warning, reason = _(WARNING), _(REASON)
    if action == "delete":
        text = await _delete(asked, entry)
    elif action == "warn":
        await put_warning(client, entry.guild_id, asked.user.id, entry.user_id, warning)
        text = _("<@{user_id}> is warned.").format(user_id=entry.user_id)
    else:
        await put_block(client, entry.guild_id, asked.user.id, entry.user_id, None, reason)
        text = _("<@{user_id}> may not paint here any more.").format(user_id=entry.user_id)
    await answer(asked, text)


async def _delete(asked: Asked, entry: Report) -> str:
    channel = asked.client.get_partial_messageable(entry.channel_id, guild_id=entry.guild_id)
    try:
        await channel.get_partial_message(entry.message_id).delete()
    except discord.NotFound:
        return _("The picture is gone already.")
    except posts.AWAY as error:
        log.warning("message=%d could not be deleted: %s", entry.message_id, error)
        return _("The picture could not be deleted; look whether Easel still sees its channel.")
    await asked.client.desk.store.forget_message(entry.message_id)
    deed = Deed(
        guild_id=entry.guild_id,
        by_id=asked.user.id,
        action="delete",
        target=f"message {entry.message_id} of user {entry.user_id}",
    )
    await audit.record(asked.client, deed)
    return _("The picture is deleted.")
