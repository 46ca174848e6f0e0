"""/easel config export, import and explain: rules as a file, and why they are as they are."""

import io
import json
from typing import Any

import discord
from discord import app_commands

from bot import attachments, flags
from bot.admin.config import answer_rules, change, config, known_channels, known_roles
from bot.admin.gate import answer, answer_lines, check_admin
from bot.desk import Asked
from bot.errors import UserError
from bot.language import N_, _
from bot.permissions import place
from bot.rules import Decision, Rules, split_key
from bot.values import BY_NAME, VALUES, WHO, Layer, Value
from bot.words import MOST, Weight, check_rule

LARGEST_BYTES = 256 * 1024
NO_FILE = N_("`file` must be what `/easel config export` gave: a JSON file of at most 256 KiB.")


@config.command(name="export", description="Get all of Easel's rules here as a file")
async def export(interaction: discord.Interaction[Any]) -> None:
    """Give the rules and the words as JSON that `import` takes."""
    asked: Asked = interaction
    guild_id = check_admin(asked)
    desk = asked.client.desk
    content = {
        "easel": 1,
        "rules": await desk.store.guild_setting(guild_id),
        "words": {
            word: str(weight) for word, weight in (await desk.ledger.words(guild_id)).items()
        },
    }
    text = json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True)
    file = discord.File(io.BytesIO(text.encode()), filename="easel-rules.json")
    await answer(
        asked, _("Easel's rules on this server; `/easel config import` takes them."), file=file
    )


@config.command(name="import", description="Replace all of Easel's rules here by those of a file")
@app_commands.describe(file="What /easel config export gave")
async def import_rules(interaction: discord.Interaction[Any], file: discord.Attachment) -> None:
    """Take the rules of a file instead of those there are, all of them or none."""
    asked: Asked = interaction
    guild_id = check_admin(asked)
    if file.size > LARGEST_BYTES:
        raise UserError(_(NO_FILE))
    desk = asked.client.desk
    content = await attachments.fetch(file.url, desk.settings.playground)
    rules, words = _read(asked, content)
    stored = await desk.store.guild_setting(guild_id)
    changes = {**dict.fromkeys(stored), **rules}
    await change(asked, guild_id, "config import", stored, changes, words)
    await answer_rules(asked, guild_id)


def _read(asked: Asked, content: bytes) -> tuple[dict[str, Any], dict[str, Weight]]:
    try:
        given = json.loads(content)
        rules, words = dict(given["rules"]), dict(given.get("words") or {})
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise UserError(_(NO_FILE)) from error
    for name, value in rules.items():
        _check(asked, str(name), value)
    weights = {str(weight) for weight in Weight}
    if len(words) > MOST or any(
        not check_rule(str(word)) or str(weight) not in weights for word, weight in words.items()
    ):
        raise UserError(
            _(
                "`words` must be at most {most} words, each with one of allow, warn, refuse, "
                "log; nothing was changed."
            ).format(most=MOST)
        )
    return rules, {check_rule(word): Weight(weight) for word, weight in words.items()}


def _check(asked: Asked, name: str, given: object) -> None:
    """Refuse what would not hold here."""
    found = split_key(name)
    if found is None:
        raise UserError(
            _("`{name}` is no rule of this Easel; nothing was changed.").format(name=name[:80])
        )
    value, layer, where = BY_NAME[found[0]], found[1], found[2]
    read = value.read(given)
    if read is None:
        raise UserError(
            _("`{name}` must be {allowed}; nothing was changed.").format(
                name=name, allowed=value.wanted()
            )
        )
    channels = set(known_channels(asked.guild).values())
    roles = set(known_roles(asked.guild).values())
    if value.name == "defaults":
        flags.check_defaults(str(given), asked.client.desk.cards(), flags.Limits())
    strangers: set[Any] = set()
    if value.name in {"channels", "gallery", "log"}:
        strangers = (set(read) if isinstance(read, frozenset) else {read}) - channels
    if value.name in {"roles", "refused"}:
        strangers = set(read) - roles
    if where is not None and where not in (channels if layer is Layer.CHANNEL else roles):
        strangers.add(where)
    if strangers:
        raise UserError(
            _(
                "`{name}` names {strangers}, which this server does not have; nothing was changed."
            ).format(name=name, strangers=", ".join(map(str, sorted(strangers))))
        )


@config.command(name="explain", description="Say what holds for somebody here, and who decided it")
@app_commands.describe(member="For whom; without it, for you", channel="Where; without it, here")
async def explain(
    interaction: discord.Interaction[Any],
    member: discord.Member | None = None,
    channel: discord.TextChannel | None = None,
) -> None:
    """Name of each value the layer that decides it, and why."""
    asked: Asked = interaction
    guild_id = check_admin(asked)
    somebody = member or asked.user
    where = channel or asked.channel
    here = channel.id if channel else asked.channel_id or 0
    places, age_restricted = place(here, where)
    roles = {role.id for role in getattr(somebody, "roles", ())}
    rules = await asked.client.desk.rules(guild_id, places, roles, age_restricted=age_restricted)
    head = _("**What holds for** <@{member}> **in** <#{channel}>").format(
        member=somebody.id, channel=here
    )
    await answer_lines(asked, head, explained(rules))


def explained(rules: Rules) -> list[str]:
    """Return one line for each value; those that somebody has set come first."""
    order = sorted(VALUES, key=lambda value: rules.decided[value.name].layer is Layer.EASEL)
    return [_line(value, rules.decided[value.name]) for value in order]


def _line(value: Value, decision: Decision) -> str:
    name, holds = _(value.help), value.tell(decision.value)
    if decision.layer is Layer.EASEL:
        return f"{name}: {holds} ({decision.why()})"
    by = {Layer.CHANNEL: f"<#{decision.where}>", Layer.ROLE: f"<@&{decision.where}>"}
    who = by.get(decision.layer) or _(WHO[decision.layer])
    return f"{name}: {holds} ({who}: {decision.why()})"
