"""The database: nothing accepted is lost, no step is taken out of order."""

import asyncio
import contextlib
import dataclasses
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import aiosqlite
import pytest

from bot import database as database_module
from bot.errors import OperatorError, UserError
from bot.jobs import FINAL, FOLLOWS, Entry, Job, Kind, Picture, Posted, State, WrongStateError
from bot.ledger import Ledger
from bot.queue import QueueLimits
from bot.store import Store
from engine import Request, cost

REQUEST = Request(
    prompt="a fox",
    seed=7,
    num_inference_steps=4,
    guidance_scale=1.5,
    width=64,
    height=64,
    model="embedded",
)

COST = cost(REQUEST)


def new_job(job_id: int = 1, **more) -> Job:
    values = {
        "kind": Kind.IMAGINE,
        "state": State.ACCEPTED,
        "channel_id": 10,
        "user_id": 20,
        "shown": "a fox --seed 7",
        "request": REQUEST,
        "token": "secret",
    }
    return Job(id=job_id, **{**values, **more})


def picture(tile: int, job_id: int = 1) -> Picture:
    return Picture(
        job_id=job_id,
        tile=tile,
        seed=7 + tile,
        file=f"pictures/{job_id}/{tile}.png",
        width=64,
        height=64,
        verdict="safe",
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "easel.sqlite3"


@pytest.fixture
async def store(path):
    async with Store.open(path) as opened:
        yield opened


async def take(store: Store, to: State, job_id: int = 1) -> Job:
    """Take one step by its name."""
    steps = {
        State.ACCEPTED: lambda: store.back_to_accepted(job_id),
        State.RUNNING: lambda: store.to_running(job_id),
        State.PAINTED: lambda: store.to_painted(job_id, []),
        State.DELIVERING: lambda: store.to_delivering(job_id),
        State.DONE: lambda: store.to_done(job_id, 99),
        State.FAILED: lambda: store.to_failed(job_id, "no"),
        State.CANCELLED: lambda: store.to_cancelled(job_id),
        State.UNDELIVERABLE: lambda: store.to_undeliverable(job_id, "gone"),
    }
    return await steps[to]()


PATHS = {
    State.ACCEPTED: (),
    State.RUNNING: (State.RUNNING,),
    State.PAINTED: (State.RUNNING, State.PAINTED),
    State.DELIVERING: (State.RUNNING, State.PAINTED, State.DELIVERING),
    State.DONE: (State.RUNNING, State.PAINTED, State.DELIVERING, State.DONE),
    State.FAILED: (State.FAILED,),
    State.CANCELLED: (State.CANCELLED,),
    State.UNDELIVERABLE: (
        State.RUNNING,
        State.PAINTED,
        State.DELIVERING,
        State.UNDELIVERABLE,
    ),
}


async def test_a_job_comes_back_as_it_went_in(path):
    """Every field of a job survives closing and opening the file."""
    job = new_job(
        guild_id=30,
        kind=Kind.VARIATION,
        image_url="https://cdn.discordapp.com/a.png",
        parent_id=5,
        parent_tile=2,
        reply_to=6,
        ack_message_id=7,
        ephemeral=True,
        request=dataclasses.replace(REQUEST, prompt="🦊 狐狸", image="attachment", strength=0.5),
    )
    async with Store.open(path) as store:
        assert await store.accept(job)
    async with Store.open(path) as store:
        assert await store.get(1) == job
        assert await store.get(2) is None
        assert await store.job_by_ack(7) == job


async def test_an_event_sent_twice_is_one_job(store):
    """Accepting the same interaction again changes nothing and says so."""
    assert await store.accept(new_job())
    await store.to_running(1)
    assert not await store.accept(new_job(shown="another"))
    job = await store.get(1)
    assert job is not None
    assert (job.state, job.shown) == (State.RUNNING, "a fox --seed 7")


@pytest.mark.parametrize("to", list(State))
@pytest.mark.parametrize("at", list(State))
async def test_only_the_steps_of_the_table_are_taken(store, at, to):
    """From every state exactly the steps in FOLLOWS succeed; others change nothing."""
    await store.accept(new_job())
    for step in PATHS[at]:
        await take(store, step)
    before = await store.get(1)
    if to in FOLLOWS[at]:
        after = await take(store, to)
        assert after.state is to
        assert await store.get(1) == dataclasses.replace(
            after, token=None if to in FINAL else after.token
        )
    else:
        with pytest.raises(WrongStateError, match=f"job=1 is {at} and cannot become {to}"):
            await take(store, to)
        assert await store.get(1) == before


async def test_an_unknown_job_takes_no_step(store):
    """A step of a job that is not there is refused like any other wrong step."""
    with pytest.raises(WrongStateError, match="not known"):
        await store.to_running(404)


@pytest.mark.parametrize("final", sorted(FINAL))
async def test_the_token_goes_when_the_job_ends(store, path, final):
    """After the outcome the interaction's token is nowhere in the row."""
    await store.accept(new_job())
    for step in PATHS[final]:
        await take(store, step)
    job = await store.get(1)
    assert job is not None
    assert job.token is None


async def test_the_last_word_still_has_the_token(store):
    """Who fails a job is given its token once more, for some painters are reached by it alone."""
    await store.accept(new_job())
    assert (await store.to_failed(1, "It broke.")).token == new_job().token


async def test_an_end_counts_as_untold_until_it_is_told(store):
    """Failed and stopped jobs are untold until they are told; a silent end never is."""
    for job_id in (1, 2, 3):
        await store.accept(new_job(job_id))
    await store.to_failed(1, "It broke.")
    await store.to_cancelled(2)
    await store.to_cancelled(3, silent=True)
    assert [job.id for job in await store.untold()] == [1, 2]
    await store.set_told(1)
    assert [job.id for job in await store.untold()] == [2]


async def test_attempts_count_entries_into_the_engine(store):
    """Each entry counts, unless it is taken back because we stopped by ourselves."""
    await store.accept(new_job())
    assert (await store.to_running(1)).attempts == 1
    assert (await store.back_to_accepted(1)).attempts == 1
    assert (await store.to_running(1)).attempts == 2
    assert (await store.back_to_accepted(1, counted=False)).attempts == 1


async def test_pictures_come_with_painted_or_not_at_all(store):
    """`painted` and its files' rows are one transaction: a refused one leaves no rows."""
    await store.accept(new_job())
    await store.to_running(1)
    with pytest.raises(sqlite3.IntegrityError):
        await store.to_painted(1, [picture(0), picture(0)])
    job = await store.get(1)
    assert job is not None
    assert job.state is State.RUNNING
    assert await store.pictures(1) == ()
    tiles = tuple(picture(tile) for tile in range(4))
    await store.to_painted(1, tiles)
    assert await store.pictures(1) == tiles


async def test_unfinished_and_waiting(store):
    """What the next start takes up, and what waits for the engine, oldest first."""
    for job_id in range(8, 0, -1):
        await store.accept(new_job(job_id, user_id=job_id))
    for job_id, state in enumerate(State, start=1):
        for step in PATHS[state]:
            await take(store, step, job_id)
    assert [job.state for job in await store.unfinished()] == [
        State.ACCEPTED,
        State.RUNNING,
        State.PAINTED,
        State.DELIVERING,
    ]
    assert await store.waiting() == [Entry(job_id=1, user_id=1, cost=COST)]
    assert await store.running() == [Entry(job_id=2, user_id=2, cost=COST)]


async def test_what_entered_is_read_from_the_jobs(store):
    """Fairness outlives a restart: who was given what, and when, stands in the jobs themselves."""
    for job_id, user_id in ((1, 20), (2, 20), (3, 21), (4, 22)):
        await store.accept(new_job(job_id, user_id=user_id))
    await store.to_running(3)
    await store.to_running(1)
    entered = await store.entered_since(0)
    assert [(user, cost) for user, cost, _ in entered] == [(21, COST), (20, COST)]
    assert entered[0][2] < entered[1][2]
    assert await store.entered_since(entered[0][2]) == entered[1:]


async def test_a_full_queue_is_refused_and_not_kept(store):
    """With limits, one job too many is a sentence and no row; a repeated event is neither."""
    limits = QueueLimits(running_per_painter=1, waiting_per_painter=1)
    assert await store.accept(new_job(1), limits)
    assert await store.accept(new_job(2), limits)
    with pytest.raises(UserError, match="job queue is full"):
        await store.accept(new_job(3), limits)
    assert await store.get(3) is None
    assert not await store.accept(new_job(2), limits)
    assert await store.accept(new_job(4, user_id=21), limits)


async def test_many_at_once_do_not_pass_the_limit(store):
    """Admission and keeping are one transaction, so a burst cannot slip through."""
    limits = QueueLimits(running_per_painter=1, waiting_per_painter=4)
    jobs = [new_job(job_id) for job_id in range(1, 21)]
    results = await asyncio.gather(
        *(store.accept(job, limits) for job in jobs), return_exceptions=True
    )
    assert results.count(True) == 5
    assert len(await store.waiting()) == 5


async def test_only_one_of_two_racing_steps_wins(store):
    """A cancel and a claim at the same moment: one happens, the other is told."""
    await store.accept(new_job())
    results = await asyncio.gather(
        store.to_failed(1, "no"), store.to_cancelled(1), return_exceptions=True
    )
    assert sorted(isinstance(result, WrongStateError) for result in results) == [False, True]


async def test_a_cancelled_coroutine_leaves_no_open_transaction(store):
    """Whoever is interrupted between two statements undoes what it did."""
    await store.accept(new_job())
    task = asyncio.create_task(store.to_running(1))
    for _ in range(3):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await store.accept(new_job(2))
    job = await store.get(1)
    assert job is not None
    assert job.state in {State.ACCEPTED, State.RUNNING}


async def test_messages_are_found_again(store):
    """A message of ours leads to its job until it is forgotten."""
    await store.accept(new_job())
    grid = Posted(message_id=5, channel_id=10, job_id=1, user_id=20)
    tile = Posted(message_id=6, channel_id=10, job_id=1, user_id=21, guild_id=30, tile=2)
    await store.add_message(grid)
    await store.add_message(tile)
    await store.add_message(tile)
    assert await store.message(5) == grid
    assert await store.message(6) == tile
    await store.forget_message(5)
    assert await store.message(5) is None
    assert await store.message(6) == tile


async def test_servers_settings(path):
    """Settings are plain values per server, kept through restarts, reset one by one or all."""
    async with Store.open(path) as store:
        await store.set_guild_setting(1, "channels", [5, 6])
        await store.set_guild_setting(1, "max_steps", 10)
        await store.set_guild_setting(1, "max_steps", 20)
        await store.set_guild_setting(2, "max_steps", 5)
    async with Store.open(path) as store:
        assert await store.guild_setting(1) == {"channels": [5, 6], "max_steps": 20}
        await store.reset_guild_setting(1, "channels")
        assert await store.guild_setting(1) == {"max_steps": 20}
        await store.reset_guild_setting(1)
        assert await store.guild_setting(1) == {}
        assert await store.guild_setting(2) == {"max_steps": 5}


async def test_the_acknowledgement_and_the_completed_request_are_kept(store):
    """What is learnt after accepting is written to the same row."""
    await store.accept(new_job())
    await store.set_ack(1, 77)
    request = dataclasses.replace(REQUEST, image="inputs/1.png", strength=0.5)
    await store.set_request(1, request)
    job = await store.get(1)
    assert job is not None
    assert (job.ack_message_id, job.request) == (77, request)


async def test_every_write_is_durable(store):
    """The file is in WAL mode and every commit is synced, foreign keys are kept."""
    for pragma, value in (("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)):
        rows = await store._read(f"PRAGMA {pragma}")
        assert [row[0] for row in rows] == [value]


def swap_a_column(path: Path) -> None:
    """Damage that only the integrity check finds: a table that holds what it must not."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_schema SET sql = replace(sql, 'shown TEXT', 'shown INTEGER')"
        )


@pytest.mark.parametrize(
    "spoil",
    [
        swap_a_column,
        lambda path: path.write_bytes(b"no database at all, but long enough" * 100),
        lambda path: path.write_bytes(path.read_bytes()[:5000]),
        lambda path: path.write_bytes(path.read_bytes()[:4096] + os.urandom(60_000)),
    ],
    ids=["swapped", "other file", "truncated", "overwritten"],
)
async def test_a_damaged_file_is_refused_and_kept(path, spoil):
    """A broken database is named, ends the start with code 65, and is not touched."""
    async with Store.open(path) as store:
        for job_id in range(1, 40):
            await store.accept(new_job(job_id, shown="x" * 1000))
    spoil(path)
    before = path.read_bytes()
    with pytest.raises(OperatorError, match=r"easel\.sqlite3 is damaged") as caught:
        async with Store.open(path):
            pass
    assert caught.value.code == 65
    assert path.read_bytes() == before


async def test_a_file_that_cannot_be_opened_is_another_matter(tmp_path):
    """A folder in its place is not damage: the sentence speaks of access, the code is 78."""
    with pytest.raises(OperatorError, match="cannot be used") as caught:
        async with Store.open(tmp_path):
            pass
    assert caught.value.code == 78


async def test_a_newer_file_is_left_alone(path):
    """A database from a newer Easel is refused with the remedy, not misread."""
    async with Store.open(path):
        pass
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 999")
    with pytest.raises(OperatorError, match="written by a newer Easel"):
        async with Store.open(path):
            pass


async def test_a_migration_happens_whole_or_not_at_all(path, monkeypatch):
    """A migration that breaks off in the middle leaves the old schema and everything in it."""
    async with Store.open(path) as store:
        await store.accept(new_job())
    first = database_module._migrations()
    second = "ALTER TABLE jobs ADD COLUMN mood TEXT;"
    monkeypatch.setattr(database_module, "_migrations", lambda: [*first, second + "nonsense;"])
    with pytest.raises(OperatorError, match="nonsense"):
        async with Store.open(path):
            pass
    monkeypatch.setattr(database_module, "_migrations", lambda: [*first, second])
    async with Store.open(path) as store:
        assert await store.get(1) == new_job()
        assert [row[0] for row in await store._read("PRAGMA user_version")] == [len(first) + 1]


WRITER = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from bot.jobs import Job, Kind, State
from bot.ledger import Ledger
from bot.store import Store
from engine import Request

async def main():
    async with Store.open(Path(sys.argv[1])) as store:
        job_id = int(sys.argv[3])
        while True:
            job_id += 1
            request = Request(prompt="a", seed=1, num_inference_steps=1, guidance_scale=1.0,
                              width=8, height=8, model="m")
            await store.accept(Job(id=job_id, kind=Kind.IMAGINE, state=State.ACCEPTED,
                                   channel_id=1, user_id=1, shown="a", request=request))
            print("accepted", job_id, flush=True)
            await store.to_running(job_id)
            print("running", job_id, flush=True)

asyncio.run(main())
"""


def write_until_killed(path: Path, start: int, seen: int) -> dict[int, str]:
    """Let a writer tell `seen` steps, kill it, and return the last step told of each job."""
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", WRITER, str(path), root, str(start)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(seen)]
        writer.kill()
        lines += writer.stdout.readlines()
    told = (line.split() for line in lines if line.endswith("\n"))
    return {int(job_id): state for state, job_id in told}


@pytest.mark.parametrize("seen", [1, 6, 23])
async def test_what_was_told_survives_sigkill(path, seen):
    """A writer killed at any moment has lost nothing that it had already told."""
    told = {**write_until_killed(path, 0, seen), **write_until_killed(path, 1000, seen)}
    assert told
    async with Store.open(path) as store:
        for job_id, state in told.items():
            job = await store.get(job_id)
            assert job is not None
            assert (job.state, state) != (State.ACCEPTED, "running")


async def test_a_full_disk_does_not_keep_it_from_closing(tmp_path, monkeypatch, caplog):
    """What cannot be folded into the file at the end stays beside it, and nothing is lost."""
    real = aiosqlite.Connection.execute

    def full(connection, sql, *values):
        if "wal_checkpoint" in sql:
            raise sqlite3.OperationalError("database or disk is full")
        return real(connection, sql, *values)

    monkeypatch.setattr(aiosqlite.Connection, "execute", full)
    async with Store.open(tmp_path / "easel.sqlite3") as store:
        await store.accept(new_job())
    monkeypatch.undo()
    assert "could not be tidied: database or disk is full" in caplog.text
    async with Store.open(tmp_path / "easel.sqlite3") as store:
        assert len(await store.unfinished()) == 1


async def test_a_lost_job_is_adopted(store):
    """A job taken up from its message is done, has its pictures, and costs nothing anew."""
    job = new_job(state=State.DONE, final_message_id=9, token=None)
    await store.adopt(job, [picture(0), picture(1)])
    found = await store.get(job.id)
    assert (found.state, found.request) == (State.DONE, job.request)
    assert await store.pictures(job.id) == (picture(0), picture(1))
    assert (await Ledger(store).spent(job.user_id, None, 0)).pictures == 0


async def test_adopting_changes_nothing_that_is_known(store):
    """What the store knows of a job and its pictures stays when its message is read again."""
    await store.accept(new_job())
    await store.to_running(1)
    await store.to_painted(1, [picture(0)])
    other = new_job(shown="another", state=State.DONE, token=None)
    await store.adopt(other, [dataclasses.replace(picture(0), seed=99), picture(1)])
    assert (await store.get(1)).shown == "a fox --seed 7"
    assert await store.pictures(1) == (picture(0), picture(1))
    assert (await Ledger(store).spent(20, None, 0)).pictures == REQUEST.pictures


async def test_nobody_waits_for_a_backup(store, tmp_path):
    """A backup is written while the database's own connection is busy with something else."""
    await store.accept(new_job())
    async with store._turn, asyncio.timeout(20):
        await store.back_up(tmp_path / "copy.sqlite3")
    async with Store.open(tmp_path / "copy.sqlite3") as copy:
        assert len(await copy.unfinished()) == 1
