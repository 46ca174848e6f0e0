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
from bot.language import N_, _, in_its_language, ngettext
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

EXPECT_NOISE = N_("untrained model: expect noise")
QUEUED = N_(
    "-# Job queued: you have reached the maximum allowed number of concurrent jobs. "
    "Don't worry, this job will start as soon as another one finishes!"
)
RESTARTING = N_("Easel is restarting. Please try again in a minute; what it has taken in is kept.")
SORRY = N_("Something went wrong on this side, and it has been logged. Please try again.")
UNKNOWN_JOB = N_(
    "Easel no longer knows the job behind this message. Paint it again with `/imagine`."
)
UNKNOWN_BUTTON = N_("This button is of another version of Easel. Paint it again with `/imagine`.")
LOST_PICTURE = N_(
    "The picture behind this button is no longer on Easel's disk, for old pictures make room for "
    "new ones. Easel can paint it again with the same seed."
)
LOST_SOURCE = N_(
    "The picture that this one started from is no longer on Easel's disk, so it cannot be painted "
    "again as it was. Paint a new one with `/imagine`."
)
FOREIGN_MODEL = N_(
    "This was painted with `{model}`, which Easel does not have now; it has {models}."
)

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


def unescape(escaped: str) -> str:
    """Return what was escaped, as it was but for what `clean` took."""
    return re.sub(r"\\(.)", r"\1", escaped)


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
    Kind.VARIATION: N_("Variations by {who}"),
    Kind.VARY_SUBTLE: N_("Variations (Subtle) by {who}"),
    Kind.VARY_STRONG: N_("Variations (Strong) by {who}"),
    Kind.VARY_REGION: N_("Variations (Region) by {who}"),
    Kind.REMIX_SUBTLE: N_("Remix (Subtle) by {who}"),
    Kind.REMIX_STRONG: N_("Remix (Strong) by {who}"),
    Kind.REMIX_REGION: N_("Remix (Region) by {who}"),
    Kind.UPSCALE_SUBTLE: N_("Upscaled (Subtle) by {who}"),
    Kind.UPSCALE_CREATIVE: N_("Upscaled (Creative) by {who}"),
    Kind.ZOOM: N_("Zoom Out by {who}"),
    Kind.PAN_LEFT: N_("Pan Left by {who}"),
    Kind.PAN_RIGHT: N_("Pan Right by {who}"),
    Kind.PAN_UP: N_("Pan Up by {who}"),
    Kind.PAN_DOWN: N_("Pan Down by {who}"),
}
"""What stands before the painter's name over what came of another picture."""
VARIATIONS = frozenset(
    {Kind.VARIATION, Kind.VARY_SUBTLE, Kind.VARY_STRONG, Kind.REMIX_SUBTLE, Kind.REMIX_STRONG}
)


def _by(job: Job) -> str:
    """Say whose it is and what it is of another picture, as it stands when it is done."""
    return " - " + _(BYLINES.get(job.kind, "{who}")).format(who=f"<@{job.user_id}>")


def _doing(job: Job) -> str:
    """Say the same while it is painted."""
    upscaling = _("Upscaling by {who}").format(who=f"<@{job.user_id}>")
    return f" - {upscaling}" if job.kind in UPSCALES else _by(job)


def _mode(job: Job) -> str:
    """Name the lane and visibility of a job where they are not the usual ones.

    Midjourney writes `(fast)` behind every prompt; what is always there tells nobody anything.
    """
    lane = {Lane.TURBO: _("turbo"), Lane.FAST: _("fast"), Lane.RELAX: _("relaxed")}[job.lane]
    if job.ephemeral:
        return f" ({lane}, {_('stealth')})"
    return "" if job.lane is Lane.FAST else f" ({lane})"


@in_its_language
def waiting(job: Job, *, because: str | None = None, notes: Iterable[str] = ()) -> str:
    """Say that the job is taken in; `because` names what it waits for, such as a loading model."""
    state = _("(Waiting to start)")
    if because:
        state = _("(Waiting to start: {because})").format(because=because)
    after = f" - <@{job.user_id}> {state}" + "".join(f"\n{note}" for note in notes)
    before = ""
    if job.kind in VARIATIONS:
        before = _("Making variations for image #{number} with prompt ")
    elif job.kind in UPSCALES:
        before = _("Upscaling image #{number} with ")
    return _around(before.format(number=(job.parent_tile or 0) + 1), job.shown, after)


def outlook(seen: Outlook | None) -> str | None:
    """Say how many jobs are before one, and how long it will take, where that is worth a word."""
    if seen is None:
        return None
    words = []
    if seen.place > 0:
        words.append(ngettext("{number} job before it", "{number} jobs before it", seen.place))
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
    words = _("step {step} of {steps}").format(step=-(-percent * steps // 100), steps=steps)
    if job.started_at is None or percent < SURE_PERCENT:
        return words
    now = time.time()
    left_s = (now - job.started_at) * (100 - percent) / percent
    if left_s < pace.SHOWN_S:
        return words
    return _("{step}, done {when}").format(step=words, when=f"<t:{round(now + left_s)}:R>")


@in_its_language
def finished(job: Job) -> str:
    """Stand over the finished grid."""
    note = reading(job)
    return _around("", job.shown, f"{_by(job)}{_mode(job)}" + (f"\n{note}" if note else ""))


def reading(job: Job) -> str | None:
    """Say what is drawn as something near it and which words the model does not know, if any."""
    read = read_request(job.request)
    drawn = ", ".join(
        _("{drawn} (for {word})").format(drawn=escape(known), word=escape(word))
        for word, known in read.drawn_as
    )
    parts = [_("Drawn as: {drawn}.").format(drawn=drawn)] if drawn else []
    if read.unknown:
        unknown = ", ".join(map(escape, read.unknown))
        parts.append(_("Words this model does not know: {words}.").format(words=unknown))
    return shorten(f"-# {' '.join(parts)}", LONGEST_NOTE) if parts else None


@in_its_language
def stopped(job: Job) -> str:
    """Say that the job was cancelled."""
    return _around("", job.shown, f"{_doing(job)} {_('(Stopped)')}")


@in_its_language
def failed(job: Job, sentence: str | None = None) -> str:
    """Say that the job failed, and why."""
    why = shorten(sentence or job.error or _(SORRY), 600)
    return _around("", job.shown, f"{_doing(job)} {_('(Failed)')}\n{why}")


def ended(job: Job) -> str:
    """Say how a job ended that shows no pictures."""
    return (failed if job.state in {State.FAILED, State.UNDELIVERABLE} else stopped)(job)


@in_its_language
def picture(job: Job, tile: int, user_id: int) -> str:
    """Stand over one picture taken out of a grid."""
    taken = _("Image #{number} {who}").format(number=tile + 1, who=f"<@{user_id}>")
    return _around("", job.shown, f" - {taken}")


def listed(job: Job, seen: Outlook | None) -> str:
    """Return one line about a job that is not done; `seen` is what is known of its wait."""
    state = outlook(seen) or _("next") if seen else _("painting")
    if job.state is State.UNDELIVERABLE:
        state = _("painted, but there was no place to post it; it comes with your next command")
    where = ""
    if job.ack_message_id is not None:
        where = f" {jump(job.guild_id, job.channel_id, job.ack_message_id)}"
    return f"- **{shorten(escape(job.shown), 80)}** ({state}){where}"


@in_its_language
def sent_to_you(job: Job, link: str) -> str:
    """Say where the pictures are that nobody else has seen."""
    sent = _("Sent to you by direct message: {link}").format(link=link)
    return _around("", job.shown, f"{_by(job)}{_mode(job)}\n{sent}")


def jump(guild_id: int | None, channel_id: int, message_id: int) -> str:
    """Return the link that leads to a message."""
    return f"https://discord.com/channels/{guild_id or '@me'}/{channel_id}/{message_id}"


def letter(job: Job, seed: int) -> str:
    """Stand over the pictures sent by direct message."""
    about = _("**Job ID**: {job_id}\n**seed** {seed}").format(job_id=job.id, seed=seed)
    return _around("", job.shown, f"\n{about}")


def closed_letterbox(user_id: int) -> str:
    """Say in the channel that the direct message did not arrive."""
    return _(
        "{who} I could not send you a direct message. "
        "Allow direct messages from this server's members in its privacy settings, then ✉️ again."
    ).format(who=f"<@{user_id}>")


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
    question = ngettext(
        "You are about to imagine **{number} prompt**. Are you sure you want to continue?",
        "You are about to imagine **{number} prompts**. Are you sure you want to continue?",
        number,
    )
    return _around(f"{question}\n", template, "")


def none_of(template: str) -> str:
    """Say that nothing of a template is painted."""
    return _around(_("Nothing was painted of "), template, "")


def all_of(number: int) -> str:
    """Say that so many jobs were taken in."""
    return ngettext("{number} job is on the way.", "{number} jobs are on the way.", number)


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
