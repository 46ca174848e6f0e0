"""/easel words: what a server does not want in prompts."""

from typing import Any

import discord
from discord import app_commands

from bot import attachments, audit, messages
from bot.admin.gate import answer, answer_lines, check_admin, easel
from bot.admission import find_words
from bot.desk import Asked
from bot.errors import UserError
from bot.language import N_, _, ngettext
from bot.ledger import Deed
from bot.words import DEFAULTS, LONGEST, MOST, Weight, check_rule, read_list

LARGEST_BYTES = 64 * 1024
MEANING = {
    Weight.WARN: N_("warn: paint it, and say that it is frowned upon"),
    Weight.REFUSE: N_("refuse: do not paint it"),
    Weight.LOG: N_("log: do not paint it, and tell the log channel"),
    Weight.ALLOW: N_("allow: take a word of Easel's own list away"),
}

words = app_commands.Group(
    name="words", description="Words that are not wanted in prompts", parent=easel
)


@words.command(name="add", description="Add a word or phrase, or change its weight")
@app_commands.describe(
    word="A word or phrase; * at its end lets it go on, as in gore*",
    weight="What it does; without it, refuse",
)
@app_commands.choices(
    weight=[app_commands.Choice(name=text, value=str(key)) for key, text in MEANING.items()]
)
async def add(
    interaction: discord.Interaction[Any],
    word: app_commands.Range[str, 1, LONGEST],
    weight: str = Weight.REFUSE,
) -> None:
    """Keep one word of the server's own."""
    asked: Asked = interaction
    guild_id = check_admin(asked)
    rule = check_rule(word)
    if not rule:
        raise UserError(
            _(
                "A word has at least two letters, and `*` only at its end, as in `gore*`; "
                "found {word}."
            ).format(word=messages.escape(word))
        )
    own = await asked.client.desk.ledger.words(guild_id)
    if rule not in own and len(own) >= MOST:
        raise UserError(
            _("A server has {most} words at most; remove some first.").format(most=MOST)
        )
    await asked.client.desk.ledger.set_words(guild_id, {rule: Weight(weight)})
    await _note(asked, guild_id, "words add", rule, own.get(rule), weight)
    await answer(asked, f"{messages.escape(rule)}: {weight}.")


@words.command(name="remove", description="Forget a word of this server's own list")
@app_commands.describe(word="The word or phrase as /easel words list shows it")
async def remove(
    interaction: discord.Interaction[Any], word: app_commands.Range[str, 1, LONGEST]
) -> None:
    """Forget one of the server's own words; one of Easel's own list is allowed instead."""
    asked: Asked = interaction
    guild_id = check_admin(asked)
    ledger = asked.client.desk.ledger
    rule = check_rule(word)
    before = (await ledger.words(guild_id)).get(rule)
    shown = messages.escape(rule or word)
    if before is not None:
        await ledger.remove_word(guild_id, rule)
        text = _("{shown} is forgotten.").format(shown=shown)
    elif rule in DEFAULTS:
        before = DEFAULTS[rule]
        await ledger.set_words(guild_id, {rule: Weight.ALLOW})
        text = _("{shown} is of Easel's own list, and is allowed here from now on.").format(
            shown=shown
        )
    else:
        raise UserError(
            _("{shown} is in no list here; `/easel words list` shows what is.").format(shown=shown)
        )
    await _note(asked, guild_id, "words remove", rule, before, None)
    await answer(asked, text)


@words.command(name="list", description="Show the words that are not wanted here")
async def list_words(interaction: discord.Interaction[Any]) -> None:
    """Show the server's own words and Easel's own list."""
    asked: Asked = interaction
    own = await asked.client.desk.ledger.words(check_admin(asked))
    merged = {**DEFAULTS, **own}
    own_list = _("(of Easel's own list)")
    lines = [
        f"{messages.escape(word)}: {weight}{'' if word in own else f' {own_list}'}"
        for word, weight in merged.items()
    ]
    head = _("**Words**: {number} of this server's own").format(number=len(own))
    await answer_lines(asked, head, lines)


@words.command(name="test", description="Say which words a prompt would hit")
@app_commands.describe(prompt="What somebody might write")
async def test(
    interaction: discord.Interaction[Any], prompt: app_commands.Range[str, 1, 4000]
) -> None:
    """Show every rule that hits, and what it found."""
    asked: Asked = interaction
    hits = await find_words(asked.client.desk, check_admin(asked), prompt)
    lines = [
        _("{word} ({weight}) finds {found}").format(
            word=messages.escape(hit.word), weight=hit.weight, found=messages.escape(hit.found)
        )
        for hit in hits
    ]
    head = ngettext("{number} word hit", "{number} words hit", len(hits))
    await answer_lines(asked, f"**{head}**", lines)


@words.command(name="import", description="Add many words from a text file")
@app_commands.describe(file="One word or phrase in a line, with `weight:` before it if you like")
async def import_words(interaction: discord.Interaction[Any], file: discord.Attachment) -> None:
    """Add the words of a file, all of them or none."""
    asked: Asked = interaction
    guild_id = check_admin(asked)
    if file.size > LARGEST_BYTES:
        raise UserError(_("`file` may be 64 KiB at most."))
    desk = asked.client.desk
    content = await attachments.fetch(file.url, desk.settings.playground)
    try:
        good, wrong = read_list(content.decode("utf-8-sig").splitlines())
    except UnicodeDecodeError as error:
        raise UserError(_("`file` must be a text file in UTF-8.")) from error
    if wrong or not good:
        shown = messages.escape(wrong[0][:80]) if wrong else _("nothing")
        raise UserError(
            _("`file` must have one word in each line; found {shown}. Nothing is added.").format(
                shown=shown
            )
        )
    own = await desk.ledger.words(guild_id)
    if len({**own, **good}) > MOST:
        raise UserError(_("A server has {most} words at most; nothing is added.").format(most=MOST))
    await desk.ledger.set_words(guild_id, good)
    await _note(
        asked, guild_id, "words import", messages.many(len(good), "word"), None, ", ".join(good)
    )
    await answer(asked, ngettext("Added {number} word.", "Added {number} words.", len(good)))


async def _note(
    asked: Asked, guild_id: int, action: str, target: str, before: object, after: object
) -> None:
    deed = Deed(
        guild_id=guild_id,
        by_id=asked.user.id,
        action=action,
        target=target,
        before=None if before is None else str(before),
        after=None if after is None else str(after),
    )
    await audit.record(asked.client, deed)
