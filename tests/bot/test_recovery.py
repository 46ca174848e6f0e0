"""What the runner does about crashes, lost leases and disks that are full."""

import asyncio
import dataclasses
import itertools

import pytest
from easel_tests_scripted import REQUEST
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import runner as runner_module
from bot.errors import DiskError, UserError
from bot.jobs import FINAL, Lane, State, id_at
from bot.queue import QueueLimits
from bot.store import LEASE_S

OLD, YOUNG = "an old secret", "a young secret"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Let hearts beat a thousand times as fast."""
    monkeypatch.setattr(runner_module, "BEAT_S", 0.02)


async def crash(house, job_id: int, times: int) -> None:
    """Leave a job as so many processes would that died with it inside."""
    for _ in range(times):
        await house.store.to_running(job_id)
        await house.store.back_to_accepted(job_id, crashed=True)


async def test_a_suspect_runs_alone(house):
    """A job with which the process died twice is inside alone, and the others wait."""
    house.engine.hold = True
    for job_id in range(1, 5):
        await house.accept(job_id, user_id=job_id)
    await crash(house, 1, 2)
    async with house.running():
        await house.until_inside(3)
        await asyncio.sleep(0.05)
        assert sorted(house.engine.inside) == [2, 3, 4]
        for job_id in (2, 3, 4):
            house.engine.finish(job_id)
        async with asyncio.timeout(20):
            while 1 not in house.engine.inside:
                await asyncio.sleep(0.005)
        await house.accept(5, user_id=5)
        await asyncio.sleep(0.1)
        assert list(house.engine.inside) == [1]
        house.engine.hold = False
        house.engine.finish(1)
        await house.until(State.DONE, 5)
    assert await house.state(1) is State.DONE


async def test_one_poison_among_many(house):
    """The job that kills every process is given up, and each job that was beside it is painted."""
    for job_id in range(1, 11):
        await house.accept(job_id, user_id=job_id)
    for _ in range(2):  # two processes die with all ten inside
        for job_id in range(1, 11):
            await house.store.to_running(job_id)
        for job_id in range(1, 11):
            await house.store.back_to_accepted(job_id, crashed=True)
    await house.store.to_running(4)  # the third dies with the fourth job, alone
    async with house.running():
        for job_id in (1, 2, 3, 5, 6, 7, 8, 9, 10):
            await house.until(State.DONE, job_id)
    given_up = runner_module.POISON.format(times=runner_module.CRASHES)
    assert house.outbox.reported == [(4, State.FAILED, given_up)]
    assert house.engine.most_inside == 1


async def test_a_job_without_a_runner_goes_back(house, monkeypatch):
    """A running job whose lease ended is taken up again; one whose heart beats is not."""
    house.engine.hold = True
    await house.accept(1)
    async with house.running():
        await house.until_inside(1)
        await house.accept(2)
        await house.store.to_running(2)
        await asyncio.sleep(0.1)
        assert await house.state(2) is State.RUNNING
        late = runner_module.time.time() + LEASE_S + 1
        monkeypatch.setattr("bot.store.time.time", lambda: late)
        await house.until_inside(2)
        monkeypatch.undo()
        assert house.engine.requests.keys() == {1, 2}
        job = await house.store.get(1)
        assert job is not None
        assert job.attempts == 1


async def test_tokens_are_forgotten_when_they_are_dead(house):
    """After fifteen minutes a waiting job's token is nowhere in the database."""
    now = runner_module.time.time()
    house.engine.room = 0
    await house.accept(id_at(now - 16 * 60), token=OLD)
    await house.accept(id_at(now - 60), token=YOUNG)
    async with house.running(), asyncio.timeout(20):
        while [job.token for job in await house.store.unfinished()] != [None, YOUNG]:
            await asyncio.sleep(0.005)
    files = house.data.root.glob("easel.sqlite3*")
    assert not any(OLD.encode() in file.read_bytes() for file in files if "wal" not in file.name)


async def test_a_full_disk_keeps_the_queue(house, monkeypatch):
    """While pictures cannot be written new jobs are refused, and then the queue is painted."""

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(house.data, "write_pictures", full)
    monkeypatch.setattr("bot.disk.Disk._try", full)
    await house.accept(1)
    await house.accept(2)
    async with house.running() as runner:
        async with asyncio.timeout(20):
            while not house.outbox.alarms:
                await asyncio.sleep(0.005)
        with pytest.raises(UserError, match="disk is full"):
            runner.disk.check()
        for job_id in (1, 2):
            await house.until(State.ACCEPTED, job_id)
        await asyncio.sleep(0.05)
        assert [await house.state(job) for job in (1, 2)] == [State.ACCEPTED] * 2
        monkeypatch.undo()
        monkeypatch.setattr(runner_module, "BEAT_S", 0.02)
        await house.until(State.DONE, 1)
        await house.until(State.DONE, 2)
        runner.disk.check()
    assert house.outbox.reported == []
    assert "cannot be written" in house.outbox.alarms[0]
    assert house.outbox.alarms[-1] == "Easel's disk is well again."


@pytest.mark.parametrize("step", ["to_running", "to_painted"])
async def test_a_database_that_cannot_be_written_loses_nothing(house, monkeypatch, step):
    """A step that the disk does not take is taken again when it can be written."""
    real, failures = getattr(house.store, step), [3]

    async def fails(*arguments):
        if failures[0]:
            failures[0] -= 1
            raise DiskError("database or disk is full")
        return await real(*arguments)

    monkeypatch.setattr(house.store, step, fails)
    await house.accept(1)
    async with house.running():
        await house.until(State.DONE, 1)
    assert failures == [0]
    assert house.outbox.delivered == [1]


async def test_a_disk_that_is_full_at_the_start_loses_nothing(house, monkeypatch):
    """What ran when the bot died is painted when the disk takes it again, and the bot stays up."""
    real, failures = house.store.back_to_accepted, [1]

    async def fails(*arguments, **more):
        if failures[0]:
            failures[0] -= 1
            raise DiskError("database or disk is full")
        return await real(*arguments, **more)

    await house.accept(1)
    await house.store.to_running(1)
    monkeypatch.setattr(house.store, "back_to_accepted", fails)
    async with house.running():
        await house.until(State.DONE, 1)
    assert failures == [0]


async def test_a_low_disk_refuses_but_paints(house, monkeypatch):
    """With little room left nothing new is taken, and what is queued is still painted."""
    monkeypatch.setattr("bot.disk.shutil.disk_usage", lambda _: type("", (), {"free": 1}))
    await house.accept(1)
    async with house.running() as runner:
        await house.until(State.DONE)
        async with asyncio.timeout(20):
            while not house.outbox.alarms:
                await asyncio.sleep(0.005)
        with pytest.raises(UserError, match="disk is full"):
            runner.disk.check()


async def test_the_outlook_counts_who_is_before(house):
    """A painter is told how many jobs enter first and, once a speed was measured, how long."""
    house.engine.room = 1
    house.engine.hold = True
    await house.accept(1, user_id=1)
    async with house.running() as runner:
        await house.until_inside(1)
        assert await runner.room.outlook(1) is None
        await house.accept(2, user_id=2)
        await house.accept(3, user_id=3)
        await asyncio.sleep(0.3)
        third = await runner.room.outlook(3)
        assert (third.place, third.eta_s) == (1, None)
        house.engine.finish(1)
        await house.until(State.DONE, 1)
        async with asyncio.timeout(20):
            while (third := await runner.room.outlook(3)).place != 0:
                await asyncio.sleep(0.05)
        assert third.eta_s > 0


BASES = itertools.count(1000, 1000)


@settings(
    deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    owners=st.lists(st.integers(1, 4), min_size=1, max_size=12),
    whose=st.integers(1, 4),
    room=st.integers(0, 6),
    lanes=st.lists(st.sampled_from(list(Lane)), min_size=12, max_size=12),
)
async def test_cancel_all_touches_nobody_else(house, owners, whose, room, lanes):
    """Cancelling all of one painter's jobs stops those, waiting or running, and no other job."""
    base = next(BASES)
    house.engine.hold, house.engine.room = True, room
    jobs = {base + n: owner for n, owner in enumerate(owners)}
    for (job_id, owner), lane in zip(jobs.items(), lanes, strict=False):
        await house.accept(job_id, user_id=owner, lane=lane)
    async with house.running() as runner:
        await asyncio.sleep(0.02)
        await runner.cancel_all(whose)
        for job_id, owner in jobs.items():
            if owner == whose:
                await house.until(State.CANCELLED, job_id)
        states = {job_id: await house.state(job_id) for job_id in jobs}
        house.engine.hold, house.engine.room = False, 32
        for job_id in list(house.engine.inside):
            house.engine.finish(job_id)
        runner.wake()
        for job_id, owner in jobs.items():
            if owner != whose:
                assert states[job_id] not in FINAL
                await house.until(State.DONE, job_id)


async def test_the_lane_reaches_the_engine(house, monkeypatch):
    """The engine is told a job's lane and whose share of its time it uses."""
    told = []
    submit = house.engine.submit

    def noting(job_id, request, *, lane="", share=""):
        told.append((job_id, lane, share))
        return submit(job_id, request, lane=lane, share=share)

    monkeypatch.setattr(house.engine, "submit", noting)
    house.limits = QueueLimits()
    small = dataclasses.replace(REQUEST, pictures=1)
    await house.accept(1, user_id=5, lane=Lane.TURBO, request=small)
    async with house.running():
        await house.until(State.DONE)
    assert told == [(1, "turbo", "5")]
