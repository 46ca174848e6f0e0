"""/easel config show, set and reset: a server's own rules, effective with the next press."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import discord
from discord import app_commands

from bot import audit, flags, messages
from bot.admin.gate import answer_lines, check_admin, check_channel, easel
from bot.desk import Asked
from bot.errors import UserError
from bot.language import N_, _
from bot.ledger import Deed
from bot.rules import Rules, key, split_key
from bot.values import BUTTONS, BY_NAME, NSFW, SPEECH, VALUES, Layer
from bot.words import Weight

SMALLEST_SIZE = 64
LONGEST_LIST = 50
UNKNOWN = {
    "channel": N_("There is no channel {given} on this server that Easel can see."),
    "role": N_("There is no role {given} on this server that Easel can see."),
}
TOO_MANY = {
    "channel": N_("Name 1 to {most} channels; `reset` takes the restriction away."),
    "role": N_("Name 1 to {most} roles; `reset` takes the restriction away."),
}
_WORD = re.compile(r"<(?:#|@&)(?P<mention>[0-9]{15,20})>|(?P<id>[0-9]{15,20})|(?P<name>[^\s,]+)")

config = app_commands.Group(
    name="config", description="Who may paint what, where, and how much", parent=easel
)


@config.command(name="show", description="Show Easel's rules on this server")
async def show(interaction: discord.Interaction[Any]) -> None:
    """Show every rule, also those nobody has set."""
    asked: Asked = interaction
    await answer_rules(asked, check_admin(asked))


@config.command(name="set", description="Change Easel's rules; what you leave out stays as it is")
@app_commands.describe(
    channels="Where members may paint: #channels, with spaces between",
    roles="Who may paint: @roles, with spaces between; one of them is enough",
    refused="Who may not paint, whatever other roles they have: @roles",
    models="Which models one may paint with, with spaces between",
    steps="The largest --steps",
    size="The longest side of a picture as it is painted, in pixels",
    pictures="How many pictures a job paints",
    batch="How many jobs one prompt makes, by choices in braces and --repeat",
    defaults="Parameters added where a prompt gives none, such as --steps 12 --no text",
    hour="Quota of a painter in an hour: 40 pictures, or 10 minutes of painting",
    day="Quota of a painter in a day: 40 pictures, or 10 minutes of painting",
    month="Quota of a painter in 30 days: 40 pictures, or 10 minutes of painting",
    cooldown="Seconds between two jobs of a painter",
    lanes="Which lanes one may choose: turbo, fast, relax; turbo goes before everybody else's",
    buttons="Who may press the buttons under somebody's grid",
    nsfw="What becomes of pictures that are not safe for all",
    gallery="Where pictures taken out with U are shown too",
    language="The language of what everybody sees; auto is the server's own",
    retention="For how many days pictures are kept; favourites stay",
    log="Where Easel writes what admins do, and reports",
    for_channel="Set it for this channel only",
    for_role="Set it for members with this role only",
)
@app_commands.choices(
    buttons=[app_commands.Choice(name=name, value=name) for name in BUTTONS],
    nsfw=[app_commands.Choice(name=name, value=name) for name in NSFW],
    language=[app_commands.Choice(name=name, value=name) for name in SPEECH],
)
async def set_rules(
    interaction: discord.Interaction[Any],
    channels: app_commands.Range[str, 1, 2000] | None = None,
    roles: app_commands.Range[str, 1, 2000] | None = None,
    refused: app_commands.Range[str, 1, 2000] | None = None,
    models: app_commands.Range[str, 1, 1000] | None = None,
    steps: app_commands.Range[int, 1, 1000] | None = None,
    size: app_commands.Range[int, SMALLEST_SIZE, 8192] | None = None,
    pictures: app_commands.Range[int, 1, 4] | None = None,
    batch: app_commands.Range[int, 1, 40] | None = None,
    defaults: app_commands.Range[str, 1, 1000] | None = None,
    hour: app_commands.Range[str, 1, 40] | None = None,
    day: app_commands.Range[str, 1, 40] | None = None,
    month: app_commands.Range[str, 1, 40] | None = None,
    cooldown: app_commands.Range[int, 0, 86_400] | None = None,
    lanes: app_commands.Range[str, 1, 40] | None = None,
    buttons: str | None = None,
    nsfw: str | None = None,
    gallery: discord.TextChannel | None = None,
    language: str | None = None,
    retention: app_commands.Range[int, 1, 3650] | None = None,
    log: discord.TextChannel | None = None,
    for_channel: discord.TextChannel | None = None,
    for_role: discord.Role | None = None,
) -> None:
    """Change the rules that are given, all of them or none."""
    asked: Asked = interaction
    given = {
        "channels": channels, "roles": roles, "refused": refused, "models": models,
        "steps": steps, "size": size, "pictures": pictures, "batch": batch,
        "defaults": defaults, "hour": hour, "day": day, "month": month, "cooldown": cooldown,
        "lanes": lanes, "buttons": buttons, "nsfw": nsfw, "language": language,
        "retention": retention,
        "gallery": gallery.id if gallery else None, "log": log.id if log else None,
    }  # fmt: skip
    guild_id = check_admin(asked)
    layer, where = layer_of(for_channel, for_role)
    wanted = {name: value for name, value in given.items() if value is not None}
    if not wanted:
        names = ", ".join(f"`{value.name}`" for value in VALUES)
        raise UserError(_("Name what to change: {names}.").format(names=names))
    stored = await asked.client.desk.store.guild_setting(guild_id)
    read = {name: _read(asked, name, value, layer) for name, value in wanted.items()}
    if "defaults" in read:
        own = {n: v for n, v in read.items() if n != "defaults"}
        limits = Rules.read({**stored, **own, "defaults": ""}).limits()
        read["defaults"] = flags.check_defaults(
            str(read["defaults"]), asked.client.desk.cards(), limits
        )
    changes = {key(name, layer, where): value for name, value in read.items()}
    await change(asked, guild_id, "config set", stored, changes)
    await answer_rules(asked, guild_id)


@config.command(name="reset", description="Forget one of Easel's rules here, or all of them")
@app_commands.describe(
    setting="Which rule; without it, all of them",
    for_channel="What was set for this channel only",
    for_role="What was set for members with this role only",
)
@app_commands.choices(
    setting=[app_commands.Choice(name=value.name, value=value.name) for value in VALUES]
)
async def reset(
    interaction: discord.Interaction[Any],
    setting: str | None = None,
    for_channel: discord.TextChannel | None = None,
    for_role: discord.Role | None = None,
) -> None:
    """Forget a rule, so that it restricts nothing any more."""
    asked: Asked = interaction
    guild_id = check_admin(asked)
    layer, where = layer_of(for_channel, for_role)
    stored = await asked.client.desk.store.guild_setting(guild_id)
    everywhere = for_channel is None and for_role is None and setting is None
    changes = {
        kept: None
        for kept in stored
        if everywhere
        or ((found := split_key(kept)) and found[1:] == (layer, where) and _named(found, setting))
    }
    await change(asked, guild_id, "config reset", stored, changes)
    await answer_rules(asked, guild_id)


def _named(found: tuple[str, Layer, int | None], setting: str | None) -> bool:
    return setting is None or found[0] == setting


def layer_of(
    channel: discord.abc.Snowflake | None, role: discord.abc.Snowflake | None
) -> tuple[Layer, int | None]:
    """Return the layer that is meant, and which channel or role.

    Raises:
        UserError: both are named.

    """
    if channel is not None and role is not None:
        raise UserError(_("Name a channel or a role, not both; set them one after the other."))
    if channel is not None:
        return Layer.CHANNEL, channel.id
    return (Layer.ROLE, role.id) if role is not None else (Layer.SERVER, None)


def _read(asked: Asked, name: str, given: object, layer: Layer) -> object:
    """Return what is stored of one value, or raise a UserError that says what would be right."""
    value = BY_NAME[name]
    if layer not in value.layers:
        raise UserError(
            _("`{name}` can only be set for {layers}.").format(name=name, layers=_layers(name))
        )
    if name == "channels":
        given = find(str(given), known_channels(asked.guild), "channel")
    elif name in {"roles", "refused"}:
        given = find(str(given), known_roles(asked.guild), "role")
    elif name in {"gallery", "log"}:
        check_channel(asked, int(str(given)))
    elif name == "models":
        given = _models(asked, str(given))
    elif value.read(given) is None:
        raise UserError(
            _("`{name}` must be {allowed}; found `{given}`.").format(
                name=name, allowed=value.wanted(), given=messages.clean(str(given))
            )
        )
    elif name in {"hour", "day", "month"}:
        given = str(value.read(given))
    return given


def _layers(name: str) -> str:
    words = {
        Layer.SERVER: _("the whole server"),
        Layer.CHANNEL: _("a channel"),
        Layer.ROLE: _("a role"),
    }
    return _(" or ").join(word for layer, word in words.items() if layer in BY_NAME[name].layers)


def _models(asked: Asked, text: str) -> list[str]:
    names = {card.name.casefold(): card.name for card in asked.client.desk.cards()}
    wanted = re.split(r"[\s,]+", text.strip())
    if unknown := [word for word in wanted if word.casefold() not in names]:
        there = ", ".join(f"`{name}`" for name in names.values())
        raise UserError(
            _("There is no model {model}; there are {there}.").format(
                model=messages.escape(unknown[0]), there=there
            )
        )
    return [names[word.casefold()] for word in wanted]


async def change(
    asked: Asked,
    guild_id: int,
    action: str,
    stored: Mapping[str, Any],
    changes: Mapping[str, Any],
    words: Mapping[str, Weight] | None = None,
) -> None:
    """Keep the changes (None: forget), new words if given, and note what they were."""
    before: dict[str, Any] = {name: stored.get(name) for name in changes}
    after = dict(changes)
    if words is not None:
        before["words"] = await asked.client.desk.ledger.words(guild_id)
        after["words"] = words
    deed = Deed(
        guild_id=guild_id,
        by_id=asked.user.id,
        action=action,
        target=", ".join(after) or "nothing",
        before=json.dumps(before, ensure_ascii=False),
        after=json.dumps(after, ensure_ascii=False),
    )
    await asked.client.desk.ledger.change_setting(deed, changes, words)
    await audit.record(asked.client, deed, noted=True)


async def answer_rules(asked: Asked, guild_id: int) -> None:
    """Show all rules of the server, those of channels and roles below."""
    stored = await asked.client.desk.store.guild_setting(guild_id)
    rules = await asked.client.desk.rules(guild_id)
    await answer_lines(asked, _("**Easel's rules on this server**"), render(rules, stored))


def render(rules: Rules, stored: Mapping[str, Any]) -> list[str]:
    """Return the rules, one line each, and what is set for channels and roles only."""
    lines = [f"{_(value.help)}: {value.tell(getattr(rules, value.name))}" for value in VALUES]
    for kept in sorted(stored):
        found = split_key(kept)
        if found is None or found[1] is Layer.SERVER:
            continue
        name, layer, where = found
        value, mark = BY_NAME[name], "#" if layer is Layer.CHANNEL else "@&"
        shown = value.read(stored[kept])
        if shown is not None:
            lines.append(f"<{mark}{where}> {_(value.help)}: {value.show(shown)}")
    return lines


def find(text: str, known: dict[str, int], kind: str) -> list[int]:
    """Return the ids of channels or roles that are named by mention, id or name.

    Raises:
        UserError: one of them does not exist here, or there are too many.

    """
    ids = set(known.values())
    found: list[int] = []
    for word in _WORD.finditer(text):
        number = word["mention"] or word["id"]
        name = (word["name"] or "").lstrip("#@").casefold()
        wanted = int(number) if number else known.get(name)
        if wanted not in ids:
            given = messages.escape(word[0])
            raise UserError(_(UNKNOWN[kind]).format(given=given))
        if wanted not in found:
            found.append(wanted)
    if not found or len(found) > LONGEST_LIST:
        raise UserError(_(TOO_MANY[kind]).format(most=LONGEST_LIST))
    return found


def known_channels(guild: discord.Guild | None) -> dict[str, int]:
    """Return the server's channels by name."""
    return _by_name(guild.channels if guild else ())


def known_roles(guild: discord.Guild | None) -> dict[str, int]:
    """Return the server's roles by name."""
    return _by_name(guild.roles if guild else ())


def _by_name(things: Iterable[discord.abc.GuildChannel | discord.Role]) -> dict[str, int]:
    return {thing.name.lstrip("@").casefold(): thing.id for thing in things}
