"""Pictures that a prompt refers to: how much `--iw`, `--sw` and `--cw` let them count. Pure."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bot.errors import UserError
from bot.given import Given
from bot.grammar import INVALID, split, take_links
from bot.jobs import Job
from bot.language import _
from bot.readers import ATTACHED, Linked, linked
from engine import ModelCard, Reference

IMAGE = 0.5
"""How much image prompts count all together at `--iw 1`."""
PERSON = 0.7
"""How much a face counts, and at `--cw 100` its figure."""
USUAL_SW, USUAL_CW = 100, 100


def are_looked_at(card: ModelCard, known: Mapping[str, Any], given: Given) -> bool:
    """Say whether pictures are looked at beside the prompt, and none is painted over."""
    return "reference" in card.honours and "strength" not in known and not given.is_start


def refer(values: Mapping[str, Any], given: Given, images: Sequence[str]) -> tuple[Reference, ...]:
    """Return the pictures that a prompt refers to; `images` are the addresses of image prompts.

    Raises:
        UserError: one should be attached, and is not.

    """
    found = [
        Reference(given.kept.get(("image", one), one), "image", IMAGE * values.get("iw", 1) / many)
        for many in [len(images)]
        for one in images
    ]
    for picture, share in _shared("sref", "style", values, given):
        found.append(Reference(picture, "style", style_scale(values.get("sw", USUAL_SW)) * share))
    for picture, share in _shared("cref", "face", values, given):
        found.append(Reference(picture, "face", PERSON * share))
        if figure := values.get("cw", USUAL_CW) / 100:
            found.append(Reference(picture, "figure", PERSON * figure * share))
    return tuple(found)


def style_scale(weight: float) -> float:
    """Return how much a style of this `--sw` counts: 100 is 1, ten times as much twice that."""
    share = weight / USUAL_SW
    return share if share <= 1 else 2 ** math.log10(share)


def _shared(
    name: str, kind: str, values: Mapping[str, Any], given: Given
) -> Iterator[tuple[str, float]]:
    """Yield the picture of each link of a parameter, and its share of their weight."""
    links: tuple[Linked, ...] = values.get(name, ())
    total = sum(link.weight for link in links)
    for link in links:
        picture = given.kept.get((kind, link.address), link.address)
        if link.address == ATTACHED:
            picture = given.style if name == "sref" else given.character
        if not picture:
            raise UserError(
                _(
                    "`--{name} attached` only goes with a picture: attach one as `{name}`, or "
                    "write a link in its place."
                ).format(name=name),
                title=_(INVALID),
            )
        yield picture, link.weight / total


def kept_of(job: Job) -> dict[tuple[str, str], str]:
    """Return the pictures that a job refers to, which need not be fetched again: their files, by
    their kinds and the addresses that stand in the job's text."""
    try:
        prompt, given = split(job.shown.split())
    except UserError:  # a parameter of an older Easel: then they are fetched again
        return {}
    texts = {row.name: text for row, text in given}
    addresses = {
        "image": [*take_links(prompt)[1], ATTACHED],
        "style": [link.address for link in linked(texts.get("sref", "")) or ()],
        "face": [link.address for link in linked(texts.get("cref", "")) or ()],
    }
    kept: dict[tuple[str, str], str] = {}
    for kind, names in addresses.items():
        files = [one.picture for one in job.request.references if one.kind == kind]
        kept |= {(kind, name): file for name, file in zip(names, files, strict=False)}
    return kept
