"""What happened to a job, in the order the engine says it; the last one ends the job."""

from dataclasses import dataclass

from engine.explanation import Explanation


@dataclass(frozen=True, slots=True)
class Progress:
    """`step` of `steps` denoising steps are done (0 when the painting starts)."""

    step: int
    steps: int


@dataclass(frozen=True, slots=True)
class Preview:
    """The grid as it looks so far: a small JPEG."""

    image: bytes


@dataclass(frozen=True, slots=True)
class Painted:
    """Done: one PNG per tile, with its seed; `seconds` is the time the painting took."""

    pictures: tuple[bytes, ...]
    seeds: tuple[int, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Failed:
    """It could not be painted; `sentence` may be shown to the painter.

    `retry` says that the same request may succeed later (the engine went away under it).
    """

    sentence: str
    retry: bool = False


@dataclass(frozen=True, slots=True)
class Cancelled:
    """It was stopped on request; nothing more of it is computed."""


@dataclass(frozen=True, slots=True)
class Explained:
    """A job that was to be explained is done: how its one picture came about."""

    explanation: Explanation


@dataclass(frozen=True, slots=True)
class Weighed:
    """A prompt was weighed: its pieces in their order, which joined are its text.

    The word that counts most weighs 1; what is no word (spaces, signs) weighs None.
    """

    pieces: tuple[tuple[str, float | None], ...]


@dataclass(frozen=True, slots=True)
class Described:
    """A picture was described: prompts that would paint one like it, the best first."""

    prompts: tuple[str, ...]


End = Painted | Explained | Weighed | Described | Failed | Cancelled
"""Every job ends with exactly one of these."""
Event = Progress | Preview | End
