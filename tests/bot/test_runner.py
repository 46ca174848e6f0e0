"""The runner: every accepted job comes to exactly one outcome, whatever happens to the process."""

import asyncio
import dataclasses
import io
import threading

import pytest
from easel_tests_scripted import REQUEST, House, png
from PIL import Image

from bot import runner as runner_module
from bot.errors import DiskError, UserError
from bot.flags import ATTACHMENT
from bot.jobs import Picture, State
from bot.runner import ATTEMPTS, CRASHES
from engine import (
    Engine,
    EngineOptions,
    Failed,
)


async def test_a_job_is_painted_and_delivered(house):
    """From accepted to done: files on disk before the row, delivered once, progress shown."""
    await house.accept()
    async with house.running():
        await house.until(State.DONE)
    assert house.outbox.delivered == [1]
    pictures = await house.store.pictures(1)
    assert [(picture.tile, picture.seed) for picture in pictures] == [(0, 7), (1, 8)]
    assert all(house.data.path(picture.file).read_bytes() == png() for picture in pictures)
    assert house.outbox.shown == [(1, 0, None), (1, 50, None), (1, 50, b"jpeg"), (1, 100, None)]
    assert house.outbox.reported == []


async def test_a_woken_runner_takes_the_new_job(house):
    """A job that comes while the runner idles is painted as soon as it is woken."""
    async with house.running() as runner:
        await asyncio.sleep(0.02)
        await house.accept()
        runner.wake()
        await house.until(State.DONE)


async def test_never_more_inside_than_there_is_room(house):
    """The engine holds as many jobs as it asks for, and each of twenty is painted once."""
    house.engine.room = 3
    house.engine.hold = True
    for job_id in range(1, 21):
        await house.accept(job_id, user_id=job_id)
    async with house.running() as runner:
        await house.until_inside(3)
        runner.wake()
        await asyncio.sleep(0.05)
        house.engine.hold = False
        for job_id in list(house.engine.inside):
            house.engine.finish(job_id)
        for job_id in range(1, 21):
            await house.until(State.DONE, job_id)
    assert house.engine.most_inside == 3
    assert sorted(house.engine.painted) == list(range(1, 21))


async def test_one_painter_has_three_inside(house):
    """Beside a painter's three jobs there stays room for others."""
    house.engine.hold = True
    for job_id in range(1, 8):
        await house.accept(job_id)
    await house.accept(8, user_id=21)
    async with house.running():
        await house.until_inside(4)
        await asyncio.sleep(0.05)
        assert sorted(house.engine.inside) == [1, 2, 3, 8]
        house.engine.finish(1)
        async with asyncio.timeout(20):
            while 4 not in house.engine.inside:
                await asyncio.sleep(0.005)


async def test_while_the_model_loads_jobs_wait(house, monkeypatch):
    """Nothing enters before the model is there, so no attempt is spent on a long download."""
    monkeypatch.setattr(runner_module, "LOADING_POLL_S", 0.01)
    house.engine.loading = "loading tiny"
    await house.accept()
    async with house.running():
        await asyncio.sleep(0.05)
        assert await house.state() is State.ACCEPTED
        house.engine.loading = None
        await house.until(State.DONE)


async def crashed_at(house: House, state: State, crashes: int = 0) -> None:
    """Leave job 1 as a process would that died in this state."""
    await house.accept()
    for _ in range(crashes):
        await house.store.to_running(1)
        await house.store.back_to_accepted(1, crashed=True)
    if state is not State.ACCEPTED:
        await house.store.to_running(1)
    if state in {State.PAINTED, State.DELIVERING}:
        file = house.data.relative(house.data.write_pictures(1, [png()])[0])
        picture = Picture(job_id=1, tile=0, seed=7, file=file, width=8, height=8, verdict="safe")
        await house.store.to_painted(1, [picture])
    if state is State.DELIVERING:
        await house.store.to_delivering(1)


@pytest.mark.parametrize(
    ("state", "paintings"),
    [
        (State.ACCEPTED, [1]),
        (State.RUNNING, [1]),
        (State.PAINTED, []),
        (State.DELIVERING, []),
    ],
)
async def test_after_a_crash_every_job_is_taken_up(house, state, paintings):
    """What was not painted is painted, what was painted is only delivered, each once."""
    await crashed_at(house, state)
    async with house.running():
        await house.until(State.DONE)
    assert house.engine.painted == paintings
    assert house.outbox.delivered == [1]


async def test_half_written_pictures_are_painted_over(house):
    """Files without their row do not count: the job is painted again."""
    await crashed_at(house, State.RUNNING)
    house.data.write_pictures(1, [b"half"])
    async with house.running():
        await house.until(State.DONE)
    for picture in await house.store.pictures(1):
        assert house.data.path(picture.file).read_bytes() == png()


async def test_a_job_that_kills_the_process_is_given_up(house):
    """After three crashes with it inside, the painter gets a sentence instead."""
    await crashed_at(house, State.RUNNING, crashes=CRASHES - 1)
    async with house.running():
        await house.until(State.FAILED)
    assert house.engine.painted == []
    given_up = runner_module.POISON.format(times=runner_module.CRASHES)
    assert house.outbox.reported == [(1, State.FAILED, given_up)]


async def test_an_impatient_operator_costs_no_painter_a_job(house, monkeypatch):
    """A process that is killed while it stops has not died of the jobs inside it."""
    await crashed_at(house, State.RUNNING, crashes=CRASHES - 1)
    draining = asyncio.Event()

    async def drain(timeout_s):
        draining.set()
        await asyncio.sleep(timeout_s)

    with monkeypatch.context() as patched:
        patched.setattr(house.engine, "drain", drain)
        stopping = asyncio.create_task(house.runner().stop(60))
        await draining.wait()
        stopping.cancel()  # here the process is killed
    async with house.running():
        await house.until(State.DONE)


async def test_a_failure_is_told_in_its_own_words(house):
    """The engine's sentence reaches the painter, and the next job is painted."""
    house.engine.endings[1] = [Failed("The model is broken.")]
    await house.accept(1)
    await house.accept(2)
    async with house.running():
        await house.until(State.FAILED)
        await house.until(State.DONE, 2)
    assert house.outbox.reported == [(1, State.FAILED, "The model is broken.")]


async def test_what_may_succeed_later_is_tried_again(house):
    """A failure that may pass leads back to the queue, three times at most."""
    away = Failed("The engine went away.", retry=True)
    house.engine.endings = {1: [away], 2: [away] * 5}
    await house.accept(1)
    await house.accept(2)
    async with house.running():
        await house.until(State.DONE, 1)
        await house.until(State.FAILED, 2)
    job = await house.store.get(2)
    assert job is not None
    assert (job.attempts, job.error) == (ATTEMPTS, "The engine went away.")


async def test_a_waiting_job_is_cancelled(house):
    """A job that has not entered yet ends at once and never enters."""
    house.engine.room = 0
    await house.accept()
    async with house.running() as runner:
        assert await runner.cancel(1)
        house.engine.room = 5
        runner.wake()
        await asyncio.sleep(0.05)
        assert not await runner.cancel(1)
        assert not await runner.cancel(404)
    assert house.outbox.reported == [(1, State.CANCELLED, None)]
    assert house.engine.requests == {}


async def test_a_job_nobody_knows_of_ends_in_silence(house):
    """A job that could not be acknowledged in time ends without a word, and stays ended."""
    house.engine.room = 0
    await house.accept()
    async with house.running() as runner:
        assert await runner.cancel(1, silent=True)
    assert await house.state() is State.CANCELLED
    assert house.outbox.reported == []
    assert await house.store.untold() == []


async def test_a_running_job_is_cancelled(house):
    """A job inside the engine is stopped there, told once, and no picture of it is kept."""
    house.engine.hold = True
    await house.accept(1)
    await house.accept(2)
    async with house.running() as runner:
        await house.until_inside(2)
        assert await runner.cancel(1)
        assert await house.state() is State.CANCELLED
        assert not await runner.cancel(1)
        house.engine.finish(2)
        await house.until(State.DONE, 2)
    assert house.outbox.reported == [(1, State.CANCELLED, None)]
    assert house.outbox.delivered == [2]
    assert await house.store.pictures(1) == ()


async def test_a_cancel_beats_the_finished_picture(house, monkeypatch):
    """A job cancelled while its files are written ends cancelled, not delivered."""
    writing, go_on = threading.Event(), threading.Event()
    write = house.data.write_pictures

    def slow_write(job_id, pictures):
        writing.set()
        assert go_on.wait(5)
        return write(job_id, pictures)

    monkeypatch.setattr(house.data, "write_pictures", slow_write)
    await house.accept()
    async with house.running() as runner:
        await asyncio.to_thread(writing.wait, 5)
        assert await runner.cancel(1)
        go_on.set()
        await house.until(State.CANCELLED)
    assert house.outbox.delivered == []


async def test_a_painted_job_cannot_be_cancelled(house):
    """After `painted` there is nothing left to cancel."""
    await crashed_at(house, State.PAINTED)
    async with house.running() as runner:
        assert not await runner.cancel(1)
        await house.until(State.DONE)


async def test_stop_gives_back_what_is_not_finished(house):
    """A clean stop puts jobs back without spending an attempt; the next start paints them."""
    house.engine.hold = True
    for job_id in range(1, 6):
        await house.accept(job_id)
    async with house.running():
        await house.until_inside(3)
    for job_id in range(1, 6):
        job = await house.store.get(job_id)
        assert job is not None
        assert (job.state, job.attempts) == (State.ACCEPTED, 0)
    assert house.outbox.reported == []
    house.engine.hold = False
    async with house.running():
        for job_id in range(1, 6):
            await house.until(State.DONE, job_id)
    assert sorted(house.outbox.delivered) == [1, 2, 3, 4, 5]


async def test_stop_does_not_wait_for_a_long_step(house, monkeypatch):
    """An engine that cannot stop in time is left behind, and its job is given back."""

    async def stuck(timeout_s):
        await asyncio.sleep(60)

    monkeypatch.setattr(house.engine, "drain", stuck)
    house.engine.hold = True
    await house.accept()
    async with house.running():
        await house.until_inside(1)
        before = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - before < 5
    job = await house.store.get(1)
    assert job is not None
    assert (job.state, job.attempts) == (State.ACCEPTED, 0)


async def test_a_promised_cancel_outlives_a_stop(house, monkeypatch):
    """Who was told that a job is stopped never sees it painted, though a step outlasts the stop."""

    async def stuck(timeout_s):
        await asyncio.sleep(60)

    monkeypatch.setattr(house.engine, "drain", stuck)
    monkeypatch.setattr(house.engine, "cancel", lambda job_id: None)
    house.engine.hold = True
    await house.accept()
    async with house.running() as runner:
        await house.until_inside(1)
        assert await runner.cancel(1)
    assert await house.state() is State.CANCELLED
    assert house.outbox.reported == [(1, State.CANCELLED, None)]


async def test_a_promised_cancel_outlives_a_full_disk(house, monkeypatch):
    """A job that is cancelled while its pictures find no room is not painted again."""
    await house.accept()
    async with house.running() as runner:

        async def judge(job, pictures):
            assert await runner.cancel(job.id)
            raise DiskError("the disk is full")

        monkeypatch.setattr(house.inspector, "judge", judge)
        runner.wake()
        await house.until(State.CANCELLED)
    assert house.outbox.reported == [(1, State.CANCELLED, None)]


async def test_delivery_is_tried_until_discord_is_back(house, monkeypatch, caplog):
    """A delivery that fails is tried again, and the job is not painted again."""
    monkeypatch.setattr(runner_module, "DELIVERY_BACKOFF_S", 0.01)
    house.outbox.away = 3
    await house.accept()
    async with house.running():
        await house.until(State.DONE)
    assert house.engine.painted == [1]
    assert house.outbox.delivered == [1]
    assert caplog.text.count("job=1 was not delivered") == 3


async def test_a_failure_is_told_until_it_is_heard(house, monkeypatch):
    """While Discord is away a failure is told again and again, and after a crash once more."""
    monkeypatch.setattr(runner_module, "DELIVERY_BACKOFF_S", 0.01)
    house.outbox.away = 2
    house.engine.endings = {1: [Failed("It broke.")], 2: [Failed("It broke, too.")]}
    await house.accept(1)
    async with house.running():
        await house.until_told(1)
    house.outbox.away = 10**9
    await house.accept(2)
    async with house.running():
        await house.until(State.FAILED, 2)
    assert house.outbox.reported == [(1, State.FAILED, "It broke.")]
    house.outbox.away = 0
    async with house.running():
        await house.until_told(2)
    assert house.outbox.reported[1:] == [(2, State.FAILED, "It broke, too.")]


async def test_what_is_painted_at_the_last_moment_is_delivered(house):
    """A picture that is finished while the bot stops is posted before it leaves."""

    async def drain(timeout_s):
        house.engine.finish(1)

    house.engine.hold, house.engine.drain = True, drain
    await house.accept()
    async with house.running(stop_s=20):
        await house.until_inside(1)
    assert await house.state() is State.DONE
    assert house.outbox.delivered == [1]


async def test_stop_does_not_wait_for_discord(house):
    """While Discord is away, stopping takes no longer; the pictures wait for the next start."""
    house.outbox.away = 10**9
    await house.accept()
    async with house.running(stop_s=20):
        await house.until(State.PAINTED)
        before = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - before < 10
    house.outbox.away = 0
    async with house.running():
        await house.until(State.DONE)
    assert house.engine.painted == [1]


async def test_an_attached_picture_is_fetched_once_and_kept(house):
    """The upload becomes a plain file of ours before the engine sees it."""
    request = dataclasses.replace(REQUEST, image=ATTACHMENT, strength=0.5)
    house.engine.endings[1] = [Failed("again", retry=True)]
    await house.accept(request=request, image_url="https://cdn.discordapp.com/a.png")
    async with house.running():
        await house.until(State.DONE)
    assert house.outbox.fetched == ["https://cdn.discordapp.com/a.png"]
    job = await house.store.get(1)
    assert job is not None
    assert job.request.image == "inputs/1.png"
    seen = house.engine.requests[1].image
    assert seen == str(house.data.input_path(1))
    with Image.open(seen) as picture:
        assert picture.size == (40, 20)


async def test_a_picture_fetched_before_a_crash_is_not_fetched_again(house):
    """The link to an attachment dies after a day; the file that was fetched stays."""
    request = dataclasses.replace(REQUEST, image=ATTACHMENT, strength=0.5)
    await house.accept(request=request)
    house.data.write_input(1, png())
    async with house.running():
        await house.until(State.DONE)
    assert house.outbox.fetched == []
    assert house.engine.requests[1].image == str(house.data.input_path(1))


@pytest.mark.parametrize(
    ("upload", "says"),
    [(UserError("The picture is gone."), "is gone"), (b"no picture", "cannot be read")],
)
async def test_a_picture_that_cannot_be_had_is_a_sentence(house, upload, says):
    """Whether it cannot be fetched or cannot be decoded, the painter is told why."""
    house.outbox.upload = upload
    request = dataclasses.replace(REQUEST, image=ATTACHMENT, strength=0.5)
    await house.accept(request=request)
    async with house.running():
        await house.until(State.FAILED)
    assert says in house.outbox.reported[0][2]
    assert house.engine.requests == {}


async def test_a_variation_starts_from_a_stored_picture(house):
    """A picture of the data folder reaches the engine as a whole path."""
    request = dataclasses.replace(REQUEST, image="pictures/5/0.png", strength=0.5)
    await house.accept(request=request)
    async with house.running():
        await house.until(State.DONE)
    assert house.engine.requests[1].image == str(house.data.picture_path(5, 0))


async def test_a_bug_fails_one_job_only(house, caplog):
    """What nobody foresaw is logged, told, and does not stop the runner."""
    request = dataclasses.replace(REQUEST, image="../outside.png", strength=0.5)
    await house.accept(1, request=request)
    await house.accept(2)
    async with house.running():
        await house.until(State.DONE, 2)
        await house.until(State.FAILED, 1)
    assert house.outbox.reported == [(1, State.FAILED, runner_module.BROKEN)]
    assert "outside the data folder" in caplog.text


async def test_pictures_are_written_off_the_loop(house, monkeypatch):
    """While the disk is slow, the event loop goes on."""
    threads = set()
    write = house.data.write_pictures

    def note(job_id, pictures):
        threads.add(threading.current_thread())
        return write(job_id, pictures)

    monkeypatch.setattr(house.data, "write_pictures", note)
    await house.accept()
    async with house.running():
        await house.until(State.DONE)
    assert threads
    assert threading.main_thread() not in threads


async def test_the_real_engine_paints_through_the_runner(house, tiny_model):
    """With a real (tiny) model: the stored tiles are the seeds' own, the same every time."""
    engine = Engine(EngineOptions(model=str(tiny_model), device="cpu", threads=1))
    await engine.start()
    house.engine = engine
    try:
        await house.accept(1)
        await house.accept(2)
        async with house.running():
            for job_id in (1, 2):
                async with asyncio.timeout(50):
                    while await house.state(job_id) is not State.DONE:
                        await asyncio.sleep(0.02)
    finally:
        await engine.close()
    first, again = [
        [house.data.path(picture.file).read_bytes() for picture in await house.store.pictures(job)]
        for job in (1, 2)
    ]
    assert first == again
    assert first[0] != first[1]
    with Image.open(io.BytesIO(first[0])) as picture:
        assert picture.size == (64, 64)
