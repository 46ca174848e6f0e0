"""Who may paint what, here and now: everything that is asked before a job is taken in.

The order is block, place and role, words, cooldown, quota; each refusal is a sentence.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import replace

from bot import audit, messages, words
from bot.desk import Asked, Desk
from bot.errors import UserError
from bot.jobs import Job
from bot.language import N_, _
from bot.ledger import EVERYWHERE, Block, Deed
from bot.permissions import may_manage, may_moderate, place, places_of, roles_of
from bot.rules import Rules
from bot.values import QUOTAS, Quota
from bot.words import Hit, Weight
from engine import Request

log = logging.getLogger(__name__)

DAY_S = 86_400.0
FEW_WORDS = 50
"""So many are looked for in less time than a thread takes to be asked."""
OVER = {
    "hour": N_(
        "Your quota is {quota} in an hour, and you have used {used}; this would be {pictures} "
        "pictures more."
    ),
    "day": N_(
        "Your quota is {quota} in a day, and you have used {used}; this would be {pictures} "
        "pictures more."
    ),
    "month": N_(
        "Your quota is {quota} in 30 days, and you have used {used}; this would be {pictures} "
        "pictures more."
    ),
    "everywhere": N_(
        "Your quota is {quota} with Easel in a day, and you have used {used}; this would be "
        "{pictures} pictures more."
    ),
}
"""What is said to who has used a quota up, by its name; the last is the operator's."""
NOT_THIS_SERVER = N_(
    "This Easel works on the servers its operator has named, and this is none of them."
)
NO_LETTERS = N_("This Easel does not paint in direct messages; use it on a server.")


def check_server(asked: Asked) -> None:
    """Refuse servers, or direct messages, that the operator does not serve.

    Raises:
        UserError: it is none of the operator's.

    """
    settings = asked.client.desk.settings
    if asked.guild_id is None:
        if not settings.direct_messages:
            raise UserError(_(NO_LETTERS))
    elif settings.servers and asked.guild_id not in settings.servers:
        raise UserError(_(NOT_THIS_SERVER))


async def check_welcome(asked: Asked) -> None:
    """Refuse who is banned or blocked.

    Raises:
        UserError: they may not paint here.

    """
    desk = asked.client.desk
    check_server(asked)
    if asked.user.id in desk.settings.banned:
        raise UserError(_kept_out(Block(
            guild_id=EVERYWHERE, user_id=asked.user.id, until=None, reason="", by_id=0
        )))  # fmt: skip
    if block := await desk.ledger.blocked(asked.guild_id, asked.user.id):
        raise UserError(_kept_out(block))


async def check_person(asked: Asked) -> None:
    """Refuse who is banned or blocked, and tell a warning that could not be told before.

    Raises:
        UserError: they may not paint here, or have to read a warning first.

    """
    await check_welcome(asked)
    desk = asked.client.desk
    if asked.guild_id and (text := await desk.ledger.take_warning(asked.guild_id, asked.user.id)):
        raise UserError(f"{text}\n-# {_('Nothing was painted yet: ask again to go on.')}")


def _kept_out(block: Block) -> str:
    everywhere = block.guild_id == EVERYWHERE
    if block.until:
        said = (
            _("You may not paint with this Easel until {until}.")
            if everywhere
            else _("You may not paint on this server until {until}.")
        ).format(until=f"<t:{int(block.until)}:f>")
    else:
        said = (
            _("You may not paint with this Easel.")
            if everywhere
            else _("You may not paint on this server.")
        )
    reason = _("The reason: {reason}").format(reason=messages.escape(block.reason))
    return f"{said} {reason}" if block.reason else said


async def rules_of(asked: Asked) -> Rules:
    """Return what holds for this person in this place now."""
    places, age_restricted = place(asked.channel_id or 0, asked.channel)
    roles = roles_of(asked)
    return await asked.client.desk.rules(
        asked.guild_id, places, roles, age_restricted=age_restricted
    )


async def check_painter(asked: Asked) -> Rules:
    """Return the rules, if this person may paint in this place.

    Raises:
        UserError: they may not, or pictures cannot be checked as they must be here.

    """
    await check_person(asked)
    rules = await rules_of(asked)
    rules.check_place(places_of(asked), roles_of(asked))
    asked.client.desk.guard.check_policy(rules.nsfw)
    return rules


def check_presser(asked: Asked, rules: Rules, job: Job) -> None:
    """Refuse who may not press the buttons under this grid.

    Raises:
        UserError: it is somebody else's, and the server keeps such buttons for others.

    """
    if rules.buttons == "everyone" or asked.user.id == job.user_id:
        return
    if rules.buttons == "owner":
        raise UserError(_("On this server the buttons under a grid are its painter's own."))
    if not may_moderate(asked.permissions) and not may_manage(asked.permissions):
        raise UserError(
            _("On this server the buttons under a grid are its painter's and the moderators'.")
        )


def fit(request: Request, rules: Rules) -> Request:
    """Return the request with as many pictures as one may have here."""
    if rules.pictures is None or request.pictures <= rules.pictures:
        return request
    return replace(request, pictures=rules.pictures)


# -- words ----------------------------------------------------------------------------------------


async def find_words(desk: Desk, guild_id: int | None, prompt: str) -> list[Hit]:
    """Return what of the words not wanted there stands in a prompt, the heaviest first."""
    own = await desk.ledger.words(guild_id) if guild_id else {}
    rules = words.effective(own)
    if len(rules) <= FEW_WORDS:
        return words.find(prompt, rules)
    return await asyncio.to_thread(words.find, prompt, rules)


async def check_words(asked: Asked, prompt: str) -> list[str]:
    """Return warnings about a prompt.

    Raises:
        UserError: a word in it is not wanted here.

    """
    hits = await find_words(asked.client.desk, asked.guild_id, prompt)
    if hits and hits[0].weight in {Weight.REFUSE, Weight.LOG}:
        if hits[0].weight is Weight.LOG and asked.guild_id:
            await _log_hit(asked, asked.guild_id, hits[0], prompt)
        word = messages.escape(hits[0].word)
        raise UserError(
            _(
                "The word {word} is not wanted here. Write the prompt without it; getting "
                "around this filter may cost you the right to paint."
            ).format(word=word),
            title=_("Banned prompt detected"),
        )
    return [
        _("The word {word} is frowned upon here; your job was taken in.").format(
            word=messages.escape(hit.word)
        )
        for hit in hits
    ]


async def _log_hit(asked: Asked, guild_id: int, hit: Hit, prompt: str) -> None:
    deed = Deed(
        guild_id=guild_id,
        by_id=asked.user.id,
        action="prompt refused",
        target=hit.word,
        after=prompt,
    )
    await audit.record(asked.client, deed)


# -- quotas ---------------------------------------------------------------------------------------


async def has_quota(asked: Asked, job: Job) -> bool:
    """Say whether anything bounds how much this painter may have here."""
    if asked.client.desk.settings.pictures_per_day is not None:
        return True
    rules = await rules_of(asked) if job.guild_id is not None else None
    return rules is not None and bool(rules.cooldown or rules.quotas())


async def check_quota(asked: Asked, jobs: Sequence[Job]) -> None:
    """Refuse who has painted too much or just now; what failed or was cancelled does not count.

    Raises:
        UserError: a cooldown has not passed or a quota is used up; the sentence says until when.

    """
    desk = asked.client.desk
    job, pictures = jobs[0], sum(job.request.pictures for job in jobs)
    if await desk.store.get(job.id) is not None:
        return
    now = time.time()
    most = desk.settings.pictures_per_day
    if most is not None:
        quota = Quota(most, "pictures")
        await _check_one(desk, job, pictures, None, DAY_S, quota, "everywhere")
    if job.guild_id is None:
        return
    rules = await rules_of(asked)
    if rules.cooldown:
        if len(jobs) > 1:
            raise UserError(
                _(
                    "Between two jobs one waits {cooldown} seconds here, so ask for one at a time."
                ).format(cooldown=rules.cooldown),
                title=_("Job action restricted"),
            )
        spent = await desk.ledger.spent(job.user_id, job.guild_id, now - rules.cooldown)
        if spent.last_at is not None:
            again = int(spent.last_at + rules.cooldown) + 1
            raise UserError(
                _("Between two jobs one waits {cooldown} seconds here; try again {when}.").format(
                    cooldown=rules.cooldown, when=f"<t:{again}:R>"
                )
            )
    for name, quota in rules.quotas().items():
        await _check_one(desk, job, pictures, job.guild_id, QUOTAS[name], quota, name)


async def _check_one(
    desk: Desk,
    job: Job,
    pictures: int,
    guild_id: int | None,
    span_s: float,
    quota: Quota,
    name: str,
) -> None:
    spent = await desk.ledger.spent(job.user_id, guild_id, time.time() - span_s)
    if quota.unit == "pictures":
        used, over = spent.pictures, spent.pictures + pictures > quota.amount
    else:
        used, over = int(spent.seconds // 60), spent.seconds >= quota.amount * 60
    if not over:
        return
    said = _(OVER[name]).format(quota=quota.tell(), used=used, pictures=pictures)
    if spent.first_at:
        again = _("Some of it comes back {when}.")
        said += " " + again.format(when=f"<t:{int(spent.first_at + span_s) + 1}:R>")
    raise UserError(said)
