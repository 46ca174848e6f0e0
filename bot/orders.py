"""From what a painter asked for to the jobs it stands for: understood, allowed, not kept yet."""

import asyncio
import contextlib
import functools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import discord

from bot import attachments, flags
from bot.admission import check_words, fit
from bot.desk import Asked
from bot.drafts import Draft
from bot.errors import UserError
from bot.intake import check_asked, new_job
from bot.jobs import Job, Kind
from bot.modes import in_mode

BRACES = frozenset("{｛")
"""Where one stands, a prompt may stand for many."""


def draft_of(
    asked: Asked,
    text: str,
    picture: discord.Attachment | None = None,
    control: discord.Attachment | None = None,
) -> Draft:
    """Return what is asked for, as far as it can be kept.

    Raises:
        UserError: what is attached is no picture, or too large.

    """
    if picture is not None:
        attachments.check(picture, "picture")
    if control is not None:
        attachments.check(control, "control")
    return Draft(
        user_id=asked.user.id,
        text=text,
        picture=picture.url if picture else "",
        picture_size=attachments.shape(picture) if picture else None,
        control=control.url if control else "",
        control_size=attachments.shape(control) if control else None,
    )


@contextlib.contextmanager
def giving_back(draft: Draft) -> Iterator[None]:
    """Give the draft's text back with whatever is refused inside."""
    try:
        yield
    except UserError as error:
        error.asked = draft.text
        raise


async def jobs_of(asked: Asked, draft: Draft) -> tuple[list[Job], list[str]]:
    """Return the jobs that a draft stands for here and now, in their modes, and warnings.

    Raises:
        UserError: one of them cannot be painted, or not here.

    """
    desk = asked.client.desk
    rules = await check_asked(asked)
    parse = functools.partial(
        flags.parse_each,
        draft.text,
        rules.cards(desk.cards()),
        rules.limits(),
        flags.Given(
            picture=draft.picture_size or bool(draft.picture),
            control=draft.control,
            control_size=draft.control_size,
            loras=desk.loras,
            controls=desk.controls,
        ),
        await desk.preferences(asked.user.id),
    )
    # one prompt is understood in less time than a thread takes to be asked
    wishes = parse() if BRACES.isdisjoint(draft.text) else await asyncio.to_thread(parse)
    warnings: dict[str, None] = {}
    jobs = []
    for number, wish in enumerate(wishes):
        _check_links(asked, wish.links)
        warnings.update(dict.fromkeys(await check_words(asked, wish.request.prompt)))
        job = new_job(asked, Kind.IMAGINE, fit(wish.request, rules), wish.shown)
        source = draft.picture or next(iter(wish.links), None)
        job = replace(job, id=asked.id + number, image_url=source, reply_to=None)
        jobs.append(await in_mode(asked, job, wish.lane, wish.hidden))
    return jobs, list(warnings)


def _check_links(asked: Asked, links: Sequence[str]) -> None:
    settings = asked.client.desk.settings
    for link in links:
        attachments.allowed(link, settings.playground, settings.image_hosts)
