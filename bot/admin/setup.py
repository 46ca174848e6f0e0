"""/easel setup: the first minute of a server, and its offer to whoever invites Easel.

What is chosen in the panel holds at once; every choice shows the panel anew, with what Easel lacks
in the chosen channels. The panel keeps nothing: it works after a restart.
"""

import logging
import re
from typing import Any

import discord

from bot import messages, panels, posts, words
from bot.admin.config import change
from bot.admin.gate import SECRET, answer, check_admin, easel, remedy, what_lacks
from bot.desk import Asked, DeskClient
from bot.errors import UserError
from bot.language import N_, _, ngettext, speak
from bot.rules import Rules
from bot.safety import NO_CHECK
from bot.values import NSFW

log = logging.getLogger(__name__)

PANEL = re.compile(r"setup:(open|channels|roles|nsfw|log|check)")
NSFW_LABELS = {
    "off": N_("Show every picture, unchecked"),
    "spoiler": N_("Check pictures, hide what is not safe for all until clicked"),
    "block": N_("Check pictures, show none that is not safe for all"),
}
MOST_CHECKED = 8
OFFER = N_(
    "Hello! I paint: `/imagine prompt: a red fox`. With `/easel setup` an admin of **{server}** "
    "says in a minute where people may paint, who, and what is not wanted. Until then everybody "
    "may, wherever they may use commands."
)


@easel.command(name="setup", description="Say in a minute who may paint where, and what")
async def setup(interaction: discord.Interaction[Any]) -> None:
    """Show the panel."""
    asked: Asked = interaction
    guild_id = check_admin(asked)
    rules = await asked.client.desk.rules(guild_id)
    await answer(asked, describe(asked, rules), view=panel(rules))


async def choose(asked: Asked, pressed: re.Match[str]) -> None:
    """Do what was chosen in the panel and show it anew.

    Raises:
        UserError: somebody else than an admin chose, or Easel cannot write into the log channel.

    """
    guild_id = check_admin(asked)
    desk = asked.client.desk
    name = pressed[1]
    if name in {"channels", "roles", "nsfw", "log"}:
        data: dict[str, Any] = dict(asked.data or {})
        changes = {name: _chosen(asked, name, list(data.get("values", [])))}
        stored = await desk.store.guild_setting(guild_id)
        await change(asked, guild_id, "setup", stored, changes)
    rules = await desk.rules(guild_id)
    text = messages.refusal(describe(asked, rules))
    if name == "open":
        await answer(asked, text, view=panel(rules))
    else:
        await asked.response.edit_message(content=text, view=panel(rules), allowed_mentions=SECRET)


def _chosen(asked: Asked, name: str, values: list[str]) -> object:
    """Return what is stored of a choice; nothing chosen forgets the rule."""
    if not values:
        return None
    if name == "nsfw":
        if values[0] not in NSFW:
            raise UserError(_("`nsfw` must be one of {nsfw}.").format(nsfw=", ".join(NSFW)))
        return values[0]
    ids = sorted(int(value) for value in values)
    if name != "log":
        return ids
    if lacking := what_lacks(asked.guild, ids[0]):
        raise UserError(remedy(ids[0], lacking))
    return ids[0]


def describe(asked: Asked, rules: Rules) -> str:
    """Say what holds, and what Easel lacks in the chosen channels with the remedy."""
    guild = asked.guild
    chosen = sorted(rules.channels) or [asked.channel_id or 0]
    lines = [
        _(
            "**Easel's first minute on this server.** What you choose holds at once; empty a "
            "choice to take it back."
        ),
        _("1. Where may people paint? Now: {channels}").format(
            channels=_mentions("#", rules.channels) or _("everywhere")
        ),
        _("2. Who may paint? Now: {roles}").format(
            roles=_mentions("@&", rules.roles) or _("everyone")
        ),
        _(
            "3. What is not wanted? Now: pictures: {nsfw}; words: {number} of Easel's own list, "
            "and yours with `/easel words add`"
        ).format(nsfw=rules.nsfw, number=len(words.DEFAULTS)),
        _("4. Where are reports and changes written? Now: {channel}").format(
            channel=_mentions("#", {rules.log} - {None}) or _("nowhere")
        ),
        "",
        _("**May Easel work there?**"),
    ]
    for channel_id in [*chosen[:MOST_CHECKED], *({rules.log} - {None} - set(chosen))]:
        lacking = what_lacks(guild, int(channel_id or 0))
        well = f"<#{channel_id}>: {_('yes')}"
        lines.append(remedy(int(channel_id or 0), lacking) if lacking else well)
    if len(chosen) > MOST_CHECKED:
        more = len(chosen) - MOST_CHECKED
        lines.append(ngettext("… and {number} more channel", "… and {number} more channels", more))
    if rules.nsfw == "block" and asked.client.desk.guard.classifier is None:
        lines.append(_(NO_CHECK))
    return "\n".join(lines)


def _mentions(mark: str, ids: Any) -> str:
    return " ".join(f"<{mark}{one}>" for one in sorted(ids)[:10])


def panel(rules: Rules) -> discord.ui.View:
    """Return the choices, with what holds chosen already."""
    text = [discord.ChannelType.text]
    kinds = discord.SelectDefaultValueType
    return panels.of(
        discord.ui.ChannelSelect[discord.ui.View](
            custom_id="setup:channels",
            placeholder=_("Where may people paint? (everywhere)"),
            channel_types=text,
            min_values=0,
            max_values=25,
            default_values=_defaults(kinds.channel, rules.channels),
        ),
        discord.ui.RoleSelect[discord.ui.View](
            custom_id="setup:roles",
            placeholder=_("Who may paint? (everyone)"),
            min_values=0,
            max_values=25,
            default_values=_defaults(kinds.role, rules.roles),
        ),
        discord.ui.Select[discord.ui.View](
            custom_id="setup:nsfw",
            placeholder=_("What is not wanted?"),
            options=[
                discord.SelectOption(label=_(label), value=value, default=value == rules.nsfw)
                for value, label in NSFW_LABELS.items()
            ],
        ),
        discord.ui.ChannelSelect[discord.ui.View](
            custom_id="setup:log",
            placeholder=_("Where are reports and changes written? (nowhere)"),
            channel_types=text,
            min_values=0,
            max_values=1,
            default_values=_defaults(kinds.channel, [rules.log] if rules.log else []),
        ),
        discord.ui.Button(label=_("Check again"), custom_id="setup:check"),
    )


def _defaults(kind: discord.SelectDefaultValueType, ids: Any) -> list[discord.SelectDefaultValue]:
    return [discord.SelectDefaultValue(id=one, type=kind) for one in sorted(ids)[:25]]


# -- the offer ------------------------------------------------------------------------------------


async def offer(client: DeskClient, guild: discord.Guild) -> None:
    """Offer the panel to whoever invited Easel, else in the channel for news, else in any."""
    settings = client.desk.settings
    if settings.servers and guild.id not in settings.servers:
        log.warning("server=%d invited Easel, but is not in SERVERS", guild.id)
        return
    speak(await client.speech_of(guild.id))
    text = messages.refusal(_(OFFER).format(server=messages.escape(guild.name)))
    writable = (one for one in guild.text_channels if not what_lacks(guild, one.id))
    for place in (await _letterbox(client, guild), guild.system_channel, next(writable, None)):
        if place is None:
            continue
        try:
            await place.send(text, **({} if isinstance(place, discord.DMChannel) else _button()))
        except posts.AWAY as error:
            log.info("server=%d the setup could not be offered there: %s", guild.id, error)
        else:
            return
    log.info("server=%d has no place to offer the setup in", guild.id)


async def _letterbox(client: DeskClient, guild: discord.Guild) -> discord.DMChannel | None:
    """Return the direct channel of whoever invited Easel, where the server lets us know."""
    me = guild.me
    if me is None or not me.guild_permissions.view_audit_log:
        return None
    try:
        async for entry in guild.audit_logs(limit=5, action=discord.AuditLogAction.bot_add):
            if entry.target and entry.target.id == me.id and entry.user_id:
                return await client.create_dm(discord.Object(entry.user_id))
    except posts.AWAY as error:
        log.info("server=%d its audit log cannot be read: %s", guild.id, error)
    return None


def _button() -> dict[str, Any]:
    return {"view": panels.of(discord.ui.Button(label=_("Set up"), custom_id="setup:open"))}
