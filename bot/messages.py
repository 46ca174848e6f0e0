"""Every text that leaves for a channel; prompts are made harmless here and nowhere else.

A prompt is shown as its painter typed it: it pings nobody, formats nothing, links nowhere, and is
shortened with … where a message would grow beyond Discord's limit.
"""

import re
import time
import unicodedata
from collections.abc import Iterable, Sequence

from bot import pace
from bot.jobs import UPSCALES, Job, Kind, Lane, State
from bot.language import in_its_language
from bot.pace import Outlook
from engine import read_request

LONGEST = 2000
"""Characters in a message, as Discord counts them for bots."""
LONGEST_NOTE = 400
LONGEST_DESCRIPTION = 1024
"""Characters in an attachment's description."""

BAR = 10
"""Signs of the bar of progress."""
SURE_PERCENT = 10
"""Before so much is painted nobody can say when it will be done."""

EXPECT_NOISE = "untrained model: expect noise"
UNTRAINED = f"-# {EXPECT_NOISE}"
QUEUED = (
    "-# Job queued: you have reached the maximum allowed number of concurrent jobs. "
    "Don't worry, this job will start as soon as another one finishes!"
)
RESTARTING = "Easel is restarting. Please try again in a minute; what it has taken in is kept."
SORRY = "Something went wrong on this side, and it has been logged. Please try again."
UNKNOWN_JOB = "Easel no longer knows the job behind this message. Paint it again with `/imagine`."
UNKNOWN_BUTTON = "This button is of another version of Easel. Paint it again with `/imagine`."
LOST_PICTURE = (
    "The picture behind this button is no longer on Easel's disk, for old pictures make room for "
    "new ones. Easel can paint it again with the same seed."
)
LOST_SOURCE = (
    "The picture that this one started from is no longer on Easel's disk, so it cannot be painted "
    "again as it was. Paint a new one with `/imagine`."
)
FOREIGN_MODEL = "This was painted with `{model}`, which Easel does not have now; it has {models}."

_HIDDEN = dict.fromkeys(
    [0x200B, 0x200E, 0x200F, 0x2060, 0xFEFF, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
)
_LIVE = re.compile(
    r"[\\*_~`|\[\]<@]"  # formatting, masked links, everything in angle brackets, mentions
    r"|:(?=//)"  # links
    r"|:(?=[\w+-]+:)"  # emoji by name
    r"|(?<=discord)\.(?=gg\b|com\b)|(?<=discordapp)\.(?=com\b)",  # invitations
    re.IGNORECASE,
)
_PIECE = re.compile(r"\\.|.", re.DOTALL)


def clean(text: str) -> str:
    """Return the text on one line, without control and direction signs."""
    line = " ".join(text.translate(_HIDDEN).split())
    return "".join(sign for sign in line if unicodedata.category(sign) not in {"Cc", "Cs"})


def escape(text: str) -> str:
    """Return the text so that Discord shows just what it says."""
    return _LIVE.sub(r"\\\g<0>", clean(text))


def length(text: str) -> int:
    """Return the length in UTF-16 units, which is never less than Discord's count."""
    return len(text) + sum(sign > "\uffff" for sign in text)


def shorten(escaped: str, room: int) -> str:
    """Cut between two signs, never inside an escape, so that `…` still fits into the room."""
    if length(escaped) <= room:
        return escaped
    kept: list[str] = []
    left = room - 1
    for piece in _PIECE.findall(escaped):
        left -= length(piece)
        if left < 0:
            break
        kept.append(piece)
    return "".join(kept).rstrip() + "…"


def many(number: int, noun: str) -> str:
    """Return a number of things in words."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def describe(text: str) -> str:
    """Return the prompt as the description of an attachment, where nothing is formatted."""
    return shorten(clean(text), LONGEST_DESCRIPTION)


def _around(before: str, shown: str, after: str) -> str:
    """Put the prompt, in bold, between two texts of ours, within the limit."""
    room = LONGEST - length(before) - length(after) - 4
    return f"{before}**{shorten(escape(shown), room)}**{after}"


BYLINES = {
    Kind.VARIATION: "Variations by",
    Kind.VARY_SUBTLE: "Variations (Subtle) by",
    Kind.VARY_STRONG: "Variations (Strong) by",
    Kind.VARY_REGION: "Variations (Region) by",
    Kind.REMIX_SUBTLE: "Remix (Subtle) by",
    Kind.REMIX_STRONG: "Remix (Strong) by",
    Kind.REMIX_REGION: "Remix (Region) by",
    Kind.UPSCALE_SUBTLE: "Upscaled (Subtle) by",
    Kind.UPSCALE_CREATIVE: "Upscaled (Creative) by",
    Kind.ZOOM: "Zoom Out by",
    Kind.PAN_LEFT: "Pan Left by",
    Kind.PAN_RIGHT: "Pan Right by",
    Kind.PAN_UP: "Pan Up by",
    Kind.PAN_DOWN: "Pan Down by",
}
"""What stands before the painter's name over what came of another picture."""
VARIATIONS = frozenset(
    {Kind.VARIATION, Kind.VARY_SUBTLE, Kind.VARY_STRONG, Kind.REMIX_SUBTLE, Kind.REMIX_STRONG}
)


def _by(job: Job) -> str:
    """Say whose it is and what it is of another picture, as it stands when it is done."""
    return " ".join(filter(None, (" -", BYLINES.get(job.kind), f"<@{job.user_id}>")))


def _doing(job: Job) -> str:
    """Say the same while it is painted."""
    return f" - Upscaling by <@{job.user_id}>" if job.kind in UPSCALES else _by(job)


def _mode(job: Job) -> str:
    """Name the lane and visibility of a job where they are not the usual ones.

    Midjourney writes `(fast)` behind every prompt; what is always there tells nobody anything.
    """
    words = {Lane.TURBO: "turbo", Lane.FAST: "fast", Lane.RELAX: "relaxed"}[job.lane]
    words += ", stealth" if job.ephemeral else ""
    return "" if words == "fast" else f" ({words})"


@in_its_language
def waiting(job: Job, *, because: str | None = None, notes: Iterable[str] = ()) -> str:
    """Say that the job is taken in; `because` names what it waits for, such as a loading model."""
    state = f"(Waiting to start: {because})" if because else "(Waiting to start)"
    after = f" - <@{job.user_id}> {state}" + "".join(f"\n{note}" for note in notes)
    before, number = "", (job.parent_tile or 0) + 1
    if job.kind in VARIATIONS:
        before = f"Making variations for image #{number} with prompt "
    elif job.kind in UPSCALES:
        before = f"Upscaling image #{number} with "
    return _around(before, job.shown, after)


def outlook(seen: Outlook | None) -> str | None:
    """Say how many jobs are before one, and how long it will take, where that is worth a word."""
    if seen is None:
        return None
    words = []
    if seen.place > 0:
        words.append(f"{seen.place} job{'s' if seen.place > 1 else ''} before it")
    if seen.eta_s is not None and seen.eta_s >= pace.SHOWN_S:
        words.append(pace.phrase(seen.eta_s))
    return ", ".join(words) or None


@in_its_language
def progress(job: Job, percent: int) -> str:
    """Say how far the painting is: in percent, as a bar, in steps, and when it will be done."""
    ahead = f"\n-# {_bar(percent)} {_ahead(job, percent)}"
    return _around("", job.shown, f"{_doing(job)} ({percent}%){_mode(job)}{ahead}")


def _bar(percent: int) -> str:
    """Ten signs, the painted ones filled."""
    filled = percent * BAR // 100
    return "▰" * filled + "▱" * (BAR - filled)


def _ahead(job: Job, percent: int) -> str:
    """Say at which step the job is, and when it ends if it goes on like this."""
    steps = job.request.steps_to_run
    words = f"step {-(-percent * steps // 100)} of {steps}"
    if job.started_at is None or percent < SURE_PERCENT:
        return words
    now = time.time()
    left_s = (now - job.started_at) * (100 - percent) / percent
    return words if left_s < pace.SHOWN_S else f"{words}, done <t:{round(now + left_s)}:R>"


@in_its_language
def finished(job: Job) -> str:
    """Stand over the finished grid."""
    note = reading(job)
    return _around("", job.shown, f"{_by(job)}{_mode(job)}" + (f"\n{note}" if note else ""))


def reading(job: Job) -> str | None:
    """Say what is drawn as something near it and which words the model does not know, if any."""
    read = read_request(job.request)
    drawn = [f"{escape(known)} (for {escape(word)})" for word, known in read.drawn_as]
    parts = [f"Drawn as: {', '.join(drawn)}."] if drawn else []
    if read.unknown:
        parts.append(f"Words this model does not know: {', '.join(map(escape, read.unknown))}.")
    return shorten(f"-# {' '.join(parts)}", LONGEST_NOTE) if parts else None


@in_its_language
def stopped(job: Job) -> str:
    """Say that the job was cancelled."""
    return _around("", job.shown, f"{_doing(job)} (Stopped)")


@in_its_language
def failed(job: Job, sentence: str) -> str:
    """Say that the job failed, and why."""
    return _around("", job.shown, f"{_doing(job)} (Failed)\n{shorten(sentence, 600)}")


@in_its_language
def picture(job: Job, tile: int, user_id: int) -> str:
    """Stand over one picture taken out of a grid."""
    return _around("", job.shown, f" - Image #{tile + 1} <@{user_id}>")


def listed(job: Job, seen: Outlook | None) -> str:
    """Return one line about a job that is not done; `seen` is what is known of its wait."""
    state = outlook(seen) or "next" if seen else "painting"
    if job.state is State.UNDELIVERABLE:
        state = "painted, but there was no place to post it; it comes with your next command"
    where = ""
    if job.ack_message_id is not None:
        where = f" {jump(job.guild_id, job.channel_id, job.ack_message_id)}"
    return f"- **{shorten(escape(job.shown), 80)}** ({state}){where}"


@in_its_language
def sent_to_you(job: Job, link: str) -> str:
    """Say where the pictures are that nobody else has seen."""
    return _around("", job.shown, f"{_by(job)}{_mode(job)}\nSent to you by direct message: {link}")


def jump(guild_id: int | None, channel_id: int, message_id: int) -> str:
    """Return the link that leads to a message."""
    return f"https://discord.com/channels/{guild_id or '@me'}/{channel_id}/{message_id}"


@in_its_language
def letter(job: Job, seed: int) -> str:
    """Stand over the pictures sent by direct message."""
    return _around("", job.shown, f"\n**Job ID**: {job.id}\n**seed** {seed}")


def closed_letterbox(user_id: int) -> str:
    """Say in the channel that the direct message did not arrive."""
    return (
        f"<@{user_id}> I could not send you a direct message. "
        "Allow direct messages from this server's members in its privacy settings, then ✉️ again."
    )


def refusal(sentence: str) -> str:
    """Return a sentence to the person who asked, cut to what a message holds."""
    return shorten(sentence, LONGEST)


def pages(lines: Iterable[str]) -> list[str]:
    """Return lines as few messages, in each as many as it holds."""
    found: list[str] = []
    for line in lines:
        line = shorten(line, LONGEST)
        if found and length(found[-1]) + length(line) < LONGEST:
            found[-1] += f"\n{line}"
        else:
            found.append(line)
    return found


def really(template: str, number: int) -> str:
    """Ask whether so many jobs of one template are meant."""
    prompts = many(number, "prompt")
    question = f"You are about to imagine **{prompts}**. Are you sure you want to continue?\n"
    return _around(question, template, "")


def none_of(template: str) -> str:
    """Say that nothing of a template is painted."""
    return _around("Nothing was painted of ", template, "")


def all_of(number: int) -> str:
    """Say that so many jobs were taken in."""
    return f"{many(number, 'job')} {'is' if number == 1 else 'are'} on the way."


def prompts(shown: Sequence[str]) -> str:
    """List prompts, numbered."""
    return "\n".join(f"{place}. {escape(text)}" for place, text in enumerate(shown, 1))


def mistake(sentence: str, title: str, asked: str) -> tuple[str, bool]:
    """Return a sentence under its title, and whether what they had asked fits below it."""
    head = f"**{title}**\n" if title else ""
    told = shorten(sentence, LONGEST - length(head))
    given_back = f"\n{_block(f'/imagine prompt: {asked}')}" if asked else ""
    fits = length(head + told + given_back) <= LONGEST
    return head + told + given_back * fits, fits


def _block(text: str) -> str:
    """Return a text as it can be copied; an unseen sign keeps it from ending the block."""
    return "```\n{}\n```".format(text.encode("utf-8", "replace").decode().replace("`", "`\u200b"))
