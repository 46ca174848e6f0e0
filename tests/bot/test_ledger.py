"""The desk's tables: words, blocks, warnings, reports, the audit log, and what was spent."""

import asyncio
import dataclasses
import time

import pytest

from bot.jobs import Job, Kind, Picture, State
from bot.ledger import EVERYWHERE, Block, Deed, Ledger, Report
from bot.store import Store
from bot.words import Weight
from engine import Request

REQUEST = Request(
    prompt="a fox",
    seed=7,
    num_inference_steps=4,
    guidance_scale=1.0,
    width=64,
    height=64,
    model="tiny",
    pictures=3,
)


@pytest.fixture
async def ledger(tmp_path):
    async with Store.open(tmp_path / "easel.sqlite3") as store:
        yield Ledger(store)


async def accept(ledger, job_id, *, user_id=20, guild_id=1, pictures=3):
    job = Job(
        id=job_id,
        kind=Kind.IMAGINE,
        state=State.ACCEPTED,
        channel_id=10,
        guild_id=guild_id,
        user_id=user_id,
        shown="a fox",
        request=dataclasses.replace(REQUEST, pictures=pictures),
    )
    assert await ledger._store.accept(job)


async def paint(ledger, job_id):
    await ledger._store.to_running(job_id)
    await asyncio.sleep(0.02)
    picture = Picture(
        job_id=job_id, tile=0, seed=7, file="x.png", width=8, height=8, verdict="safe"
    )
    await ledger._store.to_painted(job_id, [picture])


async def test_what_a_job_costs_is_kept_with_the_job(ledger):
    """A quota counts a job from the moment it is kept, with its pictures and then its time."""
    await accept(ledger, 1)
    spent = await ledger.spent(20, 1, 0)
    assert (spent.pictures, spent.seconds) == (3, 0)
    await paint(ledger, 1)
    spent = await ledger.spent(20, 1, 0)
    assert 0.01 < spent.seconds < 5
    assert spent.first_at == spent.last_at
    assert (await ledger.spent(20, 1, time.time() + 1)).pictures == 0


@pytest.mark.parametrize("ending", ["to_cancelled", "to_failed"])
async def test_what_fails_or_is_cancelled_is_given_back(ledger, ending):
    """A failed or cancelled job costs nothing; a painted one stays spent when it cannot be sent."""
    await accept(ledger, 1)
    await accept(ledger, 2)
    await ledger._store.to_running(1)
    step = getattr(ledger._store, ending)
    await (step(1, "why") if ending == "to_failed" else step(1))
    assert (await ledger.spent(20, 1, 0)).pictures == 3
    await paint(ledger, 2)
    await ledger._store.to_delivering(2)
    await ledger._store.to_undeliverable(2)
    assert (await ledger.spent(20, 1, 0)).pictures == 3


async def test_pictures_that_nobody_will_ever_see_are_given_back(ledger):
    """What is painted, and then lost before anybody saw it, costs nothing."""
    await accept(ledger, 1)
    await paint(ledger, 1)
    await ledger._store.to_delivering(1)
    await ledger._store.to_undeliverable(1)
    await ledger._store.forget_pictures(1, refund=True)
    assert (await ledger.spent(20, 1, 0)).pictures == 0


async def test_servers_and_painters_are_counted_apart(ledger):
    """A server's quota counts what was painted there; the operator's counts everywhere."""
    await accept(ledger, 1, guild_id=1, pictures=1)
    await accept(ledger, 2, guild_id=2, pictures=2)
    await accept(ledger, 3, guild_id=None, pictures=4)
    await accept(ledger, 4, user_id=21)
    assert (await ledger.spent(20, 1, 0)).pictures == 1
    assert (await ledger.spent(20, None, 0)).pictures == 7


async def test_stats_name_who_painted_most(ledger):
    """The painters of a server come with jobs and pictures, most pictures first."""
    for number, user_id in enumerate((20, 21, 21), start=1):
        await accept(ledger, number, user_id=user_id, pictures=2)
    rows = await ledger.painters(1, 0)
    assert [(row.user_id, row.jobs, row.pictures) for row in rows] == [(21, 2, 4), (20, 1, 2)]


async def test_the_queue_of_a_server(ledger):
    """The unfinished jobs of one server come with whose they are, those that run first."""
    await accept(ledger, 1)
    await accept(ledger, 2, user_id=21)
    await accept(ledger, 3, guild_id=2)
    await ledger._store.to_running(2)
    found = [(job.job_id, job.user_id, job.state) for job in await ledger.unfinished_of(1)]
    assert found == [(2, 21, "running"), (1, 20, "accepted")]


async def test_blocks_end_and_the_operators_hold_everywhere(ledger):
    """A block holds on its server until its time; one of the operator's holds on all."""

    def block(guild_id, user_id, until=None):
        return Block(guild_id=guild_id, user_id=user_id, until=until, reason="", by_id=9)

    await ledger.block(block(1, 20))
    await ledger.block(block(1, 21, time.time() - 1))
    await ledger.block(block(EVERYWHERE, 22))
    assert await ledger.blocked(1, 20)
    assert not await ledger.blocked(2, 20)
    assert not await ledger.blocked(None, 20)
    assert not await ledger.blocked(1, 21)
    for place in (1, 2, None):
        assert (await ledger.blocked(place, 22)).guild_id == EVERYWHERE
    assert await ledger.unblock(1, 20)
    assert not await ledger.unblock(1, 20)
    assert not await ledger.blocked(1, 20)
    assert [row.user_id for row in await ledger.blocks(EVERYWHERE)] == [22]


async def test_a_warning_is_told_once(ledger):
    """A warning that could not be sent waits, is told once, and only on its server."""
    await ledger.warn(1, 20, "mind", 9, told=False)
    await ledger.warn(1, 20, "known", 9, told=True)
    assert await ledger.take_warning(2, 20) is None
    assert await ledger.take_warning(1, 20) == "mind"
    assert await ledger.take_warning(1, 20) is None


async def test_words_of_servers(ledger):
    """Words belong to their server and can change their weight."""
    await ledger.set_words(1, {"fox": Weight.WARN, "hen": Weight.LOG})
    await ledger.set_words(1, {"fox": Weight.REFUSE})
    assert await ledger.words(1) == {"fox": Weight.REFUSE, "hen": Weight.LOG}
    assert await ledger.words(2) == {}
    assert await ledger.remove_word(1, "hen")
    assert not await ledger.remove_word(1, "hen")


async def test_a_message_is_reported_once(ledger):
    """Of many reports of a message the first is kept."""
    report = Report(message_id=5, channel_id=10, guild_id=1, job_id=1, user_id=20, reporter_id=21)
    assert await ledger.add_report(report)
    assert not await ledger.add_report(dataclasses.replace(report, reporter_id=22))
    assert await ledger.report(5) == report
    assert await ledger.report(6) is None


async def test_a_setting_and_its_audit_entry_are_one(ledger):
    """A changed rule and the note of who changed it are kept together or not at all."""
    deed = Deed(guild_id=1, by_id=9, action="config set", target="steps", before="{}", after="4")
    await ledger.change_setting(deed, {"steps": 4, "size": None})
    assert await ledger._store.guild_setting(1) == {"steps": 4}
    assert [(d.by_id, d.action, d.after) for d in await ledger.audit(1)] == [(9, "config set", "4")]
    with pytest.raises(TypeError):
        await ledger.change_setting(deed, {"steps": 5, "size": object()})
    assert await ledger._store.guild_setting(1) == {"steps": 4}
    assert len(await ledger.audit(1)) == 1
    assert await ledger.audit(2) == []


async def test_no_picture_without_a_verdict(ledger):
    """The store refuses a painted job whose pictures have no verdict, and changes nothing."""
    await accept(ledger, 1)
    await ledger._store.to_running(1)
    picture = Picture(job_id=1, tile=0, seed=7, file="x.png", width=8, height=8, verdict="safe")
    for verdict in (None, "perhaps"):
        wrong = dataclasses.replace(picture, verdict=verdict)
        with pytest.raises(Exception, match=r"NOT NULL|CHECK"):
            await ledger._store.to_painted(1, [wrong])
        assert (await ledger._store.get(1)).state is State.RUNNING
    await ledger._store.to_painted(1, [picture])
    await ledger.set_verdict(1, 0, "unsafe")
    assert (await ledger._store.pictures(1))[0].verdict == "unsafe"


async def test_a_change_holds_at_the_next_look(ledger):
    """What an admin changes is seen at once, though the store remembers what it has read."""
    store = ledger._store
    assert await store.guild_setting(1) == {}
    await ledger.change_setting(Deed(guild_id=1, by_id=2, action="set", target="s"), {"steps": 4})
    assert await store.guild_setting(1) == {"steps": 4}
    await ledger.change_setting(
        Deed(guild_id=1, by_id=2, action="set", target="s"), {"steps": None}
    )
    assert await store.guild_setting(1) == {}
