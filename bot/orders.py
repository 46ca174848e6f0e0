"""From what a painter asked for to the jobs it stands for: understood, allowed, not kept yet."""

import asyncio
import contextlib
import functools
from collections.abc import Iterator, Mapping
from dataclasses import replace

import discord

from bot import attachments, flags
from bot.admission import check_words, fit
from bot.desk import Asked
from bot.drafts import Draft
from bot.errors import UserError
from bot.intake import check_asked, check_links, new_job
from bot.jobs import Job, Kind
from bot.modes import in_mode

NOTHING_KEPT: Mapping[tuple[str, str], str] = {}
BRACES = frozenset("{｛")
"""Where one stands, a prompt may stand for many."""


def draft_of(
    asked: Asked,
    text: str,
    picture: discord.Attachment | None = None,
    control: discord.Attachment | None = None,
    style: discord.Attachment | None = None,
    character: discord.Attachment | None = None,
) -> Draft:
    """Return what is asked for, as far as it can be kept.

    Raises:
        UserError: what is attached is no picture, or too large.

    """
    given = {"picture": picture, "control": control, "sref": style, "cref": character}
    for option, attached in given.items():
        if attached is not None:
            attachments.check(attached, option)
    return Draft(
        user_id=asked.user.id,
        text=text,
        picture=picture.url if picture else "",
        picture_size=attachments.shape(picture) if picture else None,
        control=control.url if control else "",
        control_size=attachments.shape(control) if control else None,
        style=style.url if style else "",
        character=character.url if character else "",
    )


@contextlib.contextmanager
def giving_back(draft: Draft) -> Iterator[None]:
    """Give the draft's text back with whatever is refused inside."""
    try:
        yield
    except UserError as error:
        error.asked = draft.text
        raise


async def jobs_of(
    asked: Asked, draft: Draft, kept: Mapping[tuple[str, str], str] = NOTHING_KEPT
) -> tuple[list[Job], list[str]]:
    """Return the jobs that a draft stands for here and now, in their modes, and warnings.

    `kept` are files of pictures that need not be fetched, as `Given.kept`.

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
            address=draft.picture,
            control=draft.control,
            control_size=draft.control_size,
            style=draft.style,
            character=draft.character,
            kept=kept,
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
        check_links(asked, wish)
        warnings.update(dict.fromkeys(await check_words(asked, wish.request.prompt)))
        job = new_job(asked, Kind.IMAGINE, fit(wish.request, rules), wish.shown)
        source = draft.picture or next(iter(wish.links), None) if wish.request.image else None
        job = replace(job, id=asked.id + number, image_url=source, reply_to=None)
        if source and "://" not in source:  # it was fetched for the job before this one
            job = replace(job, image_url=None, request=replace(job.request, image=source))
        jobs.append(await in_mode(asked, job, wish.lane, wish.hidden))
    return jobs, list(warnings)
