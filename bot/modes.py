"""In which mode a painter's jobs run: in which lane, and whether others see them."""

from dataclasses import replace

from bot.admission import rules_of
from bot.desk import Asked
from bot.errors import UserError
from bot.jobs import Job, Lane
from bot.language import N_, _, nearest
from bot.preferences import Preferences
from bot.rules import Rules

DONE = {
    Lane.TURBO: N_(
        "Done! Your jobs now go before everybody else's, wherever a server's admins allow "
        "it. You can always switch back with /fast"
    ),
    Lane.FAST: N_(
        "Done! Your jobs now run as usual. You can always let others go first with /relax"
    ),
    Lane.RELAX: N_(
        "Done! Your jobs now let others go first, and might take a little longer. You can "
        "always switch back with /fast"
    ),
}
STEALTH = N_(
    "Done! What you paint is now shown to you alone: its progress where you ask, the pictures by "
    "direct message. You can always switch back with /public"
)
PUBLIC = N_(
    "Done! What you paint is now posted where you ask for it, for everybody there to see. You can "
    "always switch back with /stealth"
)


async def in_mode(
    asked: Asked, job: Job, lane: Lane | None = None, hidden: bool | None = None
) -> Job:
    """Return a new job in its lane, and for its painter's eyes only where they want that.

    `lane` and `hidden` are what its prompt says, else its painter's habits hold. What comes of a
    picture that nobody else has seen stays as secret as it was.

    Raises:
        UserError: the prompt asks for a lane that is not allowed here.

    """
    desk = asked.client.desk
    preferences = await desk.preferences(asked.user.id)
    parent = await desk.store.get(job.parent_id) if job.parent_id is not None else None
    rules = await rules_of(asked)
    if lane is not None:
        _check_lane(asked, rules, lane)
    if hidden is not None:
        preferences = replace(preferences, stealth=hidden)
    hidden = is_hidden(asked, preferences, parent)
    return replace(
        job,
        lane=lane or rules.lane(preferences.lane),
        ephemeral=hidden,
        language=language_of(asked, rules, hidden),
    )


def language_of(asked: Asked, rules: Rules, hidden: bool) -> str:
    """Return the painter's own language where only they see the job, else the server's."""
    if hidden or asked.guild_id is None:
        return nearest(asked.locale)
    return rules.speech(asked.guild_locale)


def is_hidden(asked: Asked, preferences: Preferences, parent: Job | None = None) -> bool:
    """Say whether the answer is for this person alone; the bot's direct messages are anyway."""
    if asked.context.dm_channel:
        return False
    return preferences.stealth or (parent is not None and parent.ephemeral)


async def not_in_lane(asked: Asked, job: Job) -> str | None:
    """Say that the lane a painter has chosen is not to be had here; None if it is."""
    wanted = (await asked.client.desk.preferences(asked.user.id)).lane
    if wanted is None or wanted is job.lane or wanted in (await rules_of(asked)).lanes:
        return None
    said = _("-# {wanted} mode is not allowed here, so this job is in {lane} mode.")
    return said.format(wanted=wanted.capitalize(), lane=job.lane)


async def switch_lane(asked: Asked, lane: Lane) -> str:
    """Let a painter's jobs run in another lane from now on; return what to say.

    Raises:
        UserError: that lane is not allowed here.

    """
    _check_lane(asked, await rules_of(asked), lane)
    await asked.client.desk.belongings.prefer(asked.user.id, lane=lane)
    return _(DONE[lane])


def _check_lane(asked: Asked, rules: Rules, lane: Lane) -> None:
    if lane in rules.lanes:
        return
    others = _(" or ").join(f"/{other}" for other in Lane if other in rules.lanes)
    why = (
        _("On a server its admins may allow it.")
        if asked.guild_id is None
        else _("An admin may allow it with `/easel config set lanes:`.")
    )
    said = _("The lane `{lane}` is not allowed here; there is {others}. {why}")
    raise UserError(said.format(lane=lane, others=others, why=why))


async def switch_stealth(asked: Asked, *, on: bool) -> str:
    """Hide what a painter paints from now on, or show it; return what to say."""
    await asked.client.desk.belongings.prefer(asked.user.id, stealth=on)
    return _(STEALTH if on else PUBLIC)
