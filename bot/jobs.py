"""A job: its states, which may follow which, and the records the store keeps of it."""

from dataclasses import dataclass, field
from enum import StrEnum

from bot.language import ENGLISH
from engine import Request, cost

EPOCH_S = 1_420_070_400.0
"""When Discord's snowflakes begin, as a Unix time."""
TOKEN_LIVES_S = 15 * 60.0
"""How long an interaction's token can be used; after that it is forgotten."""


def asked_at(job_id: int) -> float:
    """Return when Discord made this id, as a Unix time."""
    return EPOCH_S + (job_id >> 22) / 1000


def id_at(moment: float) -> int:
    """Return the smallest id that Discord can make at this Unix time."""
    return max(int((moment - EPOCH_S) * 1000), 0) << 22


class State(StrEnum):
    """Where a job stands; `FINAL` states are never left, but for a second try at delivering."""

    ACCEPTED = "accepted"
    RUNNING = "running"
    PAINTED = "painted"
    DELIVERING = "delivering"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNDELIVERABLE = "undeliverable"


FINAL = frozenset({State.DONE, State.FAILED, State.CANCELLED, State.UNDELIVERABLE})
"""The job has had its outcome; its interaction's token is forgotten."""

FOLLOWS: dict[State, frozenset[State]] = {
    State.ACCEPTED: frozenset({State.RUNNING, State.CANCELLED, State.FAILED}),
    State.RUNNING: frozenset({State.ACCEPTED, State.PAINTED, State.CANCELLED, State.FAILED}),
    State.PAINTED: frozenset({State.DELIVERING}),
    State.DELIVERING: frozenset({State.DELIVERING, State.DONE, State.UNDELIVERABLE}),
    State.DONE: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
    State.UNDELIVERABLE: frozenset({State.DELIVERING}),
}
"""Which state may follow which; a step that is not here is refused by the store."""


class WrongStateError(Exception):
    """A job was to take a step that its state does not allow (it was cancelled meanwhile, say)."""


class Lane(StrEnum):
    """How soon a job wants to enter the engine; the lower lanes keep a share of it."""

    TURBO = "turbo"
    FAST = "fast"
    RELAX = "relax"


class Kind(StrEnum):
    """What asked for the job, which decides the words over its grid."""

    IMAGINE = "imagine"
    REROLL = "reroll"
    VARIATION = "variation"
    """As older versions of Easel called every variation."""
    VARY_SUBTLE = "vary_subtle"
    VARY_STRONG = "vary_strong"
    VARY_REGION = "vary_region"
    REMIX_SUBTLE = "remix_subtle"
    REMIX_STRONG = "remix_strong"
    REMIX_REGION = "remix_region"
    UPSCALE_SUBTLE = "upscale_subtle"
    UPSCALE_CREATIVE = "upscale_creative"
    ZOOM = "zoom"
    PAN_LEFT = "pan_left"
    PAN_RIGHT = "pan_right"
    PAN_UP = "pan_up"
    PAN_DOWN = "pan_down"


UPSCALES = frozenset({Kind.UPSCALE_SUBTLE, Kind.UPSCALE_CREATIVE})
"""They make one picture, and no grid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One row of the store.

    `id` is the snowflake of the interaction that asked for it. `shown` is the prompt as the
    painter typed it, parameters included. `request.image` is a file relative to the data folder,
    or `flags.ATTACHMENT` while the picture still has to be fetched from `image_url`. A derived
    job starts from tile `parent_tile` of job `parent_id`. `token` is
    the interaction's, and is forgotten when the job ends and after its 15 minutes. `ack_message_id`
    is the message that shows progress. `member` is False where the bot is no member of the place,
    so that only the token reaches it. `crashes` counts the processes that died with the job
    inside. `doubtful` jobs come from a backup and may have been posted by who came after it.
    `eta_s` is what the painter was told, `language` the one that its message speaks. The times are
    Unix times, set by the store; `lease_until` is None unless a process has the job inside and
    means to go on with it.
    """

    id: int
    kind: Kind
    state: State
    channel_id: int
    user_id: int
    shown: str
    request: Request
    guild_id: int | None = None
    token: str | None = field(default=None, repr=False)
    image_url: str | None = None
    parent_id: int | None = None
    parent_tile: int | None = None
    reply_to: int | None = None
    ack_message_id: int | None = None
    final_message_id: int | None = None
    ephemeral: bool = False
    attempts: int = 0
    error: str | None = None
    lane: Lane = Lane.FAST
    member: bool = True
    crashes: int = 0
    doubtful: bool = False
    eta_s: float | None = None
    language: str = ENGLISH
    accepted_at: float | None = field(default=None, compare=False)
    started_at: float | None = field(default=None, compare=False)
    painted_at: float | None = field(default=None, compare=False)
    changed_at: float | None = field(default=None, compare=False)
    lease_until: float | None = field(default=None, compare=False)

    @property
    def cost(self) -> float:
        """How much work it is, as the queue and the engine count it."""
        return cost(self.request)


def story(job: Job) -> str:
    """Return the one line that the log has of a job: what became of it, and how long it took."""
    steps = (job.accepted_at, job.started_at, job.painted_at, job.changed_at)
    words = [f"job={job.id} {job.state} lane={job.lane} user={job.user_id} cost={job.cost:.3g}"]
    for name, begin, end in zip(("waited", "painted", "delivered"), steps, steps[1:], strict=False):
        if begin is not None and end is not None:
            words.append(f"{name}={end - begin:.1f}s")
    words.append(f"attempts={job.attempts}")
    if job.final_message_id is not None:
        words.append(f"message={job.final_message_id}")
    return " ".join(words) + (f": {job.error}" if job.error else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A job as the queue sees it. Ids of jobs are in the order of their arrival.

    `alone` marks a job that may be what kills the process: nothing else is inside with it.
    """

    job_id: int
    user_id: int
    guild_id: int | None = None
    lane: Lane = Lane.FAST
    cost: float = 1.0
    alone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One painted tile; `file` is relative to the data folder, in pixels as painted.

    `verdict` is what the safety check said: `safe`, `unsafe`, or `unchecked` where the place asks
    for no check.
    """

    job_id: int
    tile: int
    seed: int
    file: str
    width: int
    height: int
    verdict: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A message of ours that carries pictures; `tile` is None for a grid, `user_id` its owner."""

    message_id: int
    channel_id: int
    job_id: int
    user_id: int
    guild_id: int | None = None
    tile: int | None = None
