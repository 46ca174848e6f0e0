"""What the runner says to the outside: progress, the finished grid, the bad news. Posted once.

After a crash or a broken connection Discord is asked what it has before anything is sent again.
A grid that finds no place is kept, and given to its painter when they next ask for something.
"""

import asyncio
import io
import logging
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import discord

from bot import letters, messages, posts
from bot.attachments import fetch
from bot.desk import DeskClient
from bot.errors import DiskError, UserError
from bot.finish import LARGEST_BYTES, Finisher, PicturesLostError
from bot.jobs import Job, Posted, State, WrongStateError, story
from bot.language import N_, _, speak, speaking
from bot.places import Places, Way, posted
from bot.progress import ProgressBoard
from bot.rules import Rules
from bot.safety import BLOCKED
from bot.store import Store

log = logging.getLogger(__name__)

ACK_PAUSES_S = (0.2, 0.5, 1.0, 0.0)
ANSWER_S = 3.0
"""How long a command has to be answered; only then may more be said."""
AWAY = (*posts.AWAY, DiskError)
"""How Discord, or the disk, says that it cannot take something now."""
DISK_PAUSE_S = 5.0
"""Between two tries to note what is posted already."""
OFFERED = 3
"""How many undelivered grids come with one command."""
LOST = N_("The pictures are no longer on Easel's disk. Please paint it again.")
NOWHERE = N_(
    "There was no place left to post it. It is kept, `/info` shows it, and it comes with your "
    "next command."
)


class Delivery:
    """The runner's outbox, over discord.py."""

    def __init__(
        self,
        client: DeskClient,
        store: Store,
        finisher: Finisher,
        playground: str | None = None,
        image_hosts: Collection[str] = (),
    ) -> None:
        """Speak through a client that has logged in.

        Pictures are fetched from Discord and from `image_hosts`.
        """
        self._client = client
        self._store = store
        self._finisher = finisher
        self._places = Places(client, store, finisher)
        self._playground, self._image_hosts = playground, image_hosts
        self._board = ProgressBoard(self._edit_progress)
        self._owed: set[int] = set()  # painters with grids that found no place

    # -- the runner's calls ---------------------------------------------------------------------

    async def fetch_image(self, address: str) -> bytes:
        """Return the picture a painter gave, as it came; UserError if it cannot be had."""
        return await fetch(address, self._playground, self._image_hosts)

    def progress(self, job: Job, percent: int, preview: bytes | None) -> None:
        """Show how far a job is, when there is time for it."""
        self._board.show(job, percent, preview)

    async def close(self) -> None:
        """Leave every progress message as it is; nothing of ours is on its way any more."""
        await self._board.close_all()

    async def deliver(self, job: Job) -> None:
        """Post a painted job's grid, once, and take its progress away."""
        await self._board.close(job.id)
        job = await self._store.get(job.id) or job
        speak(job.language)
        again = job.state is State.DELIVERING
        if not again:
            job = await self._store.to_delivering(job.id)
        try:
            found = await self._places.find(job) if again or job.doubtful else None
            place = found or await self._post(job, self._places.ways(job))
        except PicturesLostError:
            await self._give_up(job, _(LOST))
            return
        except UserError as error:
            await self._give_up(job, str(error))
            return
        if place is None:
            await self._give_up(job, _(NOWHERE))
            return
        await self._finish(job, place)

    async def report(self, job: Job) -> None:
        """Tell the painter that the job was stopped or has failed, by letter if need be."""
        await self._board.close(job.id)
        text = messages.ended(job)
        seen = replace(await self._acknowledged(job), token=job.token)
        try:
            message_id = await posts.edit_ack(self._client, seen, text)
        except discord.HTTPException as error:
            if posts.may_pass(error):
                raise
            log.info("job=%d its end could not be told in its place: %s", job.id, error)
            message_id = None
        if message_id is not None:
            await self._store.add_message(posted(job, message_id))
        elif job.ephemeral or job.state is State.FAILED:
            await self._places.write(job, text)

    async def alarm(self, sentence: Callable[[], str]) -> None:
        """Tell the log channel of every server that has one, in the server's language."""
        for guild in self._client.guilds:
            rules = Rules.read(await self._store.guild_setting(guild.id))
            if rules.log is None:
                continue
            channel = self._client.get_partial_messageable(rules.log, guild_id=guild.id)
            try:
                with speaking(rules.speech(guild.preferred_locale)):
                    await channel.send(sentence())
            except posts.AWAY as error:
                log.warning("guild=%d its log channel cannot be written: %s", guild.id, error)

    # -- at the start ---------------------------------------------------------------------------

    async def reconcile(self) -> None:
        """Find out which of the waiting jobs were acknowledged before the last stop.

        A job that never was is cancelled without a word, for its painter was told that it failed.
        """
        self._owed.update(await self._store.owed())
        for job in await self._store.unfinished():
            if job.ack_message_id is None and posts.token_lives(job):
                async with _unless_away(job, "it is not known if it was acknowledged"):
                    await self._reconcile(job)

    async def _reconcile(self, job: Job) -> None:
        found = await posts.find_ack(self._client, job)
        if found is not None:
            await self._store.set_ack(job.id, found)
        elif job.state is State.ACCEPTED:
            log.info("job=%d was never acknowledged and is dropped", job.id)
            await self._store.to_cancelled(job.id, silent=True)

    # -- on the next occasion -------------------------------------------------------------------

    async def offer(self, asked: discord.Interaction[Any]) -> None:
        """Give who asks for something what could not be delivered to them before."""
        user_id = asked.user.id
        if user_id not in self._owed:
            return
        self._owed.discard(user_id)  # until this is done: two commands are not answered twice
        owed = True
        try:
            for job in (await self._store.undelivered(user_id))[:OFFERED]:
                async with _unless_away(job, "could not be delivered yet"):
                    with speaking(job.language):
                        await self._offer_one(asked, job)
            owed = bool(await self._store.undelivered(user_id))
        finally:
            if owed:
                self._owed.add(user_id)

    async def _offer_one(self, asked: discord.Interaction[Any], job: Job) -> None:
        async def into_answer(job: Job, limit: int) -> Posted | None:
            return await self._into_answer(asked, job, limit)

        ways: list[Way] = [into_answer]
        if asked.channel_id == job.channel_id and job.member and not job.ephemeral:
            ways.insert(0, self._places.into_channel)
        try:
            job = await self._store.to_delivering(job.id)
        except WrongStateError as error:
            log.info("%s", error)
            return
        place, why = None, _(NOWHERE)
        try:
            async with _unless_away(job, "could not be delivered yet"):
                place = await self._post(job, ways)
        except PicturesLostError:
            why = _(LOST)
        except UserError as error:
            why = str(error)
        await self._note_offer(job, place, why)

    async def _note_offer(self, job: Job, place: Posted | None, why: str) -> None:
        """Note what became of an offer, as soon as the disk takes it: it may not come again."""
        while True:
            try:
                await (self._keep(job, why) if place is None else self._finish(job, place))
            except DiskError as error:
                log.warning("job=%d its outcome cannot be noted yet: %s", job.id, error)
                await asyncio.sleep(DISK_PAUSE_S)
            except WrongStateError:  # the try before noted as much
                return
            else:
                return

    async def _into_answer(
        self, asked: discord.Interaction[Any], job: Job, limit: int
    ) -> Posted | None:
        """Put it under the answer to another command, where only its painter sees it."""
        until = asyncio.get_running_loop().time() + ANSWER_S
        while not asked.response.is_done():
            if asyncio.get_running_loop().time() > until:
                return None
            await asyncio.sleep(0.1)
        file, view = await self._places.grid(job, min(limit, LARGEST_BYTES))
        text = messages.finished(job)
        message = await asked.followup.send(text, file=file, view=view, ephemeral=True, wait=True)
        return posted(job, message.id, asked.channel_id)

    # -- posting --------------------------------------------------------------------------------

    async def _post(self, job: Job, ways: list[Way] | tuple[Way, ...]) -> Posted | None:
        """Post the grid where it can be; None if there is no place for it."""
        for way in ways:
            if (place := await self._places.post(job, way)) is not None:
                return place
        return None

    async def _finish(self, job: Job, place: Posted) -> None:
        await self._store.add_message(place)
        await self._clear_ack(job, place)
        done = await self._store.to_done(job.id, place.message_id)
        log.info("%s", story(done))
        await self._copy_to_painter(done, place)

    async def _copy_to_painter(self, job: Job, place: Posted) -> None:
        """Send the pictures by direct message too, where their painter wants that and they are
        not there already.
        """
        elsewhere = job.guild_id is not None or not job.member
        desk = self._client.desk
        if not elsewhere or job.ephemeral or place.channel_id != job.channel_id:
            return
        if (await desk.preferences(job.user_id)).auto_dm:
            desk.start(letters.send_too(self._client, job.user_id, job))

    async def _give_up(self, job: Job, sentence: str) -> None:
        kept = await self._keep(job, sentence)
        self._owed.add(job.user_id)
        log.warning("%s", story(kept))
        async with _unless_away(job, "its end could not be told"):
            await posts.edit_ack(self._client, job, messages.failed(job, sentence))

    async def _keep(self, job: Job, sentence: str) -> Job:
        """Note why the grid found no place; its pictures stay, unless nothing can show them."""
        kept = await self._store.to_undeliverable(job.id, sentence)
        if sentence in {_(LOST), _(BLOCKED)}:
            await self._store.forget_pictures(job.id, refund=True)
        return kept

    async def _clear_ack(self, job: Job, place: Posted) -> None:
        """Take the progress message away, unless it has become the grid itself.

        Where only the painter sees it, it says where the pictures are.
        """
        job = await self._acknowledged(job)
        if job.ack_message_id == place.message_id:
            return
        async with _unless_away(job, "its progress stays in the channel"):
            if job.ephemeral:
                link = messages.jump(place.guild_id, place.channel_id, place.message_id)
                await posts.edit_ack(self._client, job, messages.sent_to_you(job, link))
            else:
                await posts.delete_ack(self._client, job)

    async def _acknowledged(self, job: Job) -> Job:
        """Return the job with its acknowledgement, which a quick painting may have overtaken."""
        for pause_s in ACK_PAUSES_S:
            job = await self._store.get(job.id) or job
            if job.ack_message_id is not None:
                break
            await asyncio.sleep(pause_s)
        return job

    async def _edit_progress(self, job: Job, percent: int, preview: bytes | None) -> None:
        if job.ack_message_id is None:
            job = await self._store.get(job.id) or job
        files = []
        if preview is not None:
            name = f"easel-{job.id}-preview.jpg"
            about = messages.describe(job.shown)
            preview = await self._finisher.preview(job, preview)
            files.append(discord.File(io.BytesIO(preview), filename=name, description=about))
        await posts.edit_ack(self._client, job, messages.progress(job, percent), files)


@asynccontextmanager
async def _unless_away(job: Job, what: str) -> AsyncIterator[None]:
    """Note what Discord, or a full disk, would not take; it is not worth a second try."""
    try:
        yield
    except AWAY as error:
        log.warning("job=%d %s: %s", job.id, what, error)
