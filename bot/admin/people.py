"""/easel block, unblock and warn: what an admin does about one person."""

import time
from typing import Any

import discord
from discord import app_commands

from bot import audit, messages, posts
from bot.admin.gate import answer, check_admin, easel
from bot.desk import Asked, DeskClient
from bot.errors import UserError
from bot.language import N_, _, ngettext, speaking
from bot.ledger import Block, Deed

SPANS = {
    N_("15 minutes"): 900,
    N_("1 hour"): 3600,
    N_("1 day"): 86_400,
    N_("1 week"): 7 * 86_400,
    N_("1 month"): 30 * 86_400,
}
LONGEST_TEXT = 500


@easel.command(name="block", description="Keep somebody from painting on this server")
@app_commands.describe(user="Whom", span="How long; without it, until unblocked", reason="Why")
@app_commands.choices(
    span=[app_commands.Choice(name=name, value=seconds) for name, seconds in SPANS.items()]
)
async def block(
    interaction: discord.Interaction[Any],
    user: discord.User,
    span: int | None = None,
    reason: app_commands.Range[str, 1, LONGEST_TEXT] = "",
) -> None:
    """Block one person, and stop what they have in the queue here."""
    asked: Asked = interaction
    guild_id = check_admin(asked)
    await asked.response.defer(ephemeral=True, thinking=True)
    stopped = await put_block(asked.client, guild_id, asked.user.id, user.id, span, reason)
    text = _("<@{user_id}> may not paint here any more.").format(user_id=user.id)
    if stopped:
        text += " " + ngettext(
            "{number} job of theirs stopped.", "{number} jobs of theirs stopped.", stopped
        )
    await answer(asked, text)


async def put_block(
    client: DeskClient, guild_id: int, by_id: int, user_id: int, span_s: int | None, reason: str
) -> int:
    """Block somebody on a server; return how many jobs that stopped.

    Raises:
        UserError: they block themselves.

    """
    if by_id == user_id:
        raise UserError(_("You cannot block yourself."))
    ledger = client.desk.ledger
    before = await ledger.blocked(guild_id, user_id)
    until = time.time() + span_s if span_s else None
    block = Block(guild_id=guild_id, user_id=user_id, until=until, reason=reason, by_id=by_id)
    await ledger.block(block)
    stopped = await client.desk.runner.cancel_all(user_id, guild_id)
    deed = Deed(
        guild_id=guild_id,
        by_id=by_id,
        action="block",
        target=f"user {user_id}",
        before="blocked" if before else "not blocked",
        after=f"{f'for {span_s} s' if span_s else 'for good'}: {reason or 'no reason given'}",
    )
    await audit.record(client, deed)
    return stopped


@easel.command(name="unblock", description="Let somebody paint on this server again")
@app_commands.describe(user="Whom")
async def unblock(interaction: discord.Interaction[Any], user: discord.User) -> None:
    """Take a block away."""
    asked: Asked = interaction
    guild_id = check_admin(asked)
    if not await asked.client.desk.ledger.unblock(guild_id, user.id):
        raise UserError(_("<@{user_id}> is not blocked on this server.").format(user_id=user.id))
    deed = Deed(
        guild_id=guild_id,
        by_id=asked.user.id,
        action="unblock",
        target=f"user {user.id}",
        before="blocked",
        after="not blocked",
    )
    await audit.record(asked.client, deed)
    await answer(asked, _("<@{user_id}> may paint here again.").format(user_id=user.id))


@easel.command(name="warn", description="Warn somebody, by direct message or at their next job")
@app_commands.describe(user="Whom", text="What you want to tell them")
async def warn(
    interaction: discord.Interaction[Any],
    user: discord.User,
    text: app_commands.Range[str, 1, LONGEST_TEXT],
) -> None:
    """Tell somebody something that they cannot overlook."""
    asked: Asked = interaction
    guild_id = check_admin(asked)
    await asked.response.defer(ephemeral=True, thinking=True)
    told = await put_warning(asked.client, guild_id, asked.user.id, user.id, text)
    said = (
        _("<@{user_id}> is told by direct message.")
        if told
        else _("<@{user_id}> is told when they next want to paint.")
    )
    await answer(asked, said.format(user_id=user.id))


async def put_warning(
    client: DeskClient, guild_id: int, by_id: int, user_id: int, text: str
) -> bool:
    """Warn somebody; True if it arrived, False if it waits for their next job."""
    guild = client.get_guild(guild_id)
    with speaking(await client.speech_of(guild_id)):
        sentence = _("A warning from the admins of {server}: {text}").format(
            server=messages.escape(guild.name) if guild else _("a server"),
            text=messages.escape(text),
        )
    try:
        letterbox = await client.create_dm(discord.Object(user_id))
        await letterbox.send(messages.refusal(sentence))
        told = True
    except posts.AWAY:
        told = False
    await client.desk.ledger.warn(guild_id, user_id, sentence, by_id, told=told)
    deed = Deed(
        guild_id=guild_id,
        by_id=by_id,
        action="warn",
        target=f"user {user_id}",
        after=text,
    )
    await audit.record(client, deed)
    return told
