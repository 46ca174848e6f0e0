"""The audit log: what admins do, in the store for good and in the server's log channel."""

import logging
from typing import Any

from bot import messages, posts
from bot.desk import DeskClient
from bot.language import _, speaking
from bot.ledger import Deed

log = logging.getLogger(__name__)


def describe(deed: Deed) -> str:
    """Return one line about what somebody did."""
    line = _("{deed} by {who}").format(deed=f"**{deed.action}**", who=f"<@{deed.by_id}>")
    if deed.target:
        line += f": {_cut(deed.target, 300)}"
    if deed.before is not None:
        line += f"\n-# {_('before: {what}').format(what=_cut(deed.before, 700))}"
    if deed.after is not None:
        line += f"\n-# {_('after: {what}').format(what=_cut(deed.after, 700))}"
    return line


def _cut(text: str, room: int) -> str:
    return messages.shorten(messages.escape(text), room)


async def record(client: DeskClient, deed: Deed, *, noted: bool = False) -> None:
    """Keep a deed (unless it is `noted` already) and show it in the log channel, in its own time.

    Nobody waits for the log channel, in which Discord lets one write five messages in five
    seconds: what was done meanwhile stands together in the next message, in its order.
    """
    language = await client.speech_of(deed.guild_id)
    if not noted:
        await client.desk.ledger.note(deed)
    log.info("server=%d user=%d %s", deed.guild_id, deed.by_id, deed.action)
    unlogged = client.desk.unlogged
    with speaking(language):
        line = describe(deed)
    if deed.guild_id in unlogged:
        unlogged[deed.guild_id].append(line)
    else:
        unlogged[deed.guild_id] = [line]
        client.desk.start(_catch_up(client, deed.guild_id))


async def _catch_up(client: DeskClient, guild_id: int) -> None:
    unlogged = client.desk.unlogged
    try:
        while lines := unlogged[guild_id]:
            unlogged[guild_id] = []
            for page in messages.pages(lines):
                await post(client, guild_id, page)
    finally:
        del unlogged[guild_id]


async def post(client: DeskClient, guild_id: int, text: str, **more: Any) -> bool:
    """Write into a server's log channel; False if there is none that can be written."""
    rules = await client.desk.rules(guild_id)
    if rules.log is None:
        return False
    channel = client.get_partial_messageable(rules.log, guild_id=guild_id)
    try:
        await channel.send(messages.refusal(text), **more)
    except posts.AWAY as error:
        log.warning("server=%d its log channel cannot be written: %s", guild_id, error)
        return False
    return True
