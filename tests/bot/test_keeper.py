"""The data folder stays within its bounds, and nothing that is needed is deleted."""

import os
import time

import pytest
from easel_tests_scripted import png

from bot import keeper as keeper_module
from bot.jobs import Picture
from bot.keeper import DAY_S, Keeper


async def paint(
    house, job_id: int, *, days_ago: float = 0.0, favourite: bool = False, **more
) -> None:
    """Leave a delivered job, painted so long ago."""
    await house.accept(job_id, **more)
    await house.store.to_running(job_id)
    (path,) = house.data.write_pictures(job_id, [png()])
    file = house.data.relative(path)
    picture = Picture(job_id=job_id, tile=0, seed=7, file=file, width=8, height=8, verdict="safe")
    await house.store.to_painted(job_id, [picture])
    await house.store.to_delivering(job_id)
    await house.store.to_done(job_id, 1000 + job_id)
    painted_at = time.time() - days_ago * DAY_S
    async with house.store._write() as connection:
        await connection.execute(
            "UPDATE jobs SET painted_at = ?, favourite = ? WHERE id = ?",
            (painted_at, favourite, job_id),
        )


def on_disk(house) -> set[int]:
    return set(house.data.kept_jobs())


async def test_old_pictures_go(house):
    """After so many days a job's pictures are deleted, a favourite's are not; the job is kept."""
    await paint(house, 1, days_ago=91)
    await paint(house, 2, days_ago=89)
    await paint(house, 3, days_ago=400, favourite=True)
    assert await Keeper(house.store, house.data, days=90).tidy() == 1
    assert on_disk(house) == {2, 3}
    assert await house.store.pictures(1) == ()
    assert (await house.store.get(1)).final_message_id == 1001
    assert await Keeper(house.store, house.data, days=0).tidy() == 0


async def test_a_server_may_keep_less(house):
    """A server's own retention holds for its pictures alone, and never beyond the operator's."""
    for job_id, guild_id in ((1, 7), (2, 7), (3, 8), (4, 9), (5, None)):
        await paint(house, job_id, days_ago=5 if job_id == 2 else 20, guild_id=guild_id)
    await house.store.set_guild_setting(7, "retention", 10)
    await house.store.set_guild_setting(8, "retention", 3650)
    await house.store.set_guild_setting(9, "retention", "much")
    assert await Keeper(house.store, house.data, days=90).tidy() == 1
    assert on_disk(house) == {2, 3, 4, 5}
    assert await Keeper(house.store, house.data, days=15).tidy() == 3
    assert on_disk(house) == {2}
    await Keeper(house.store, house.data, days=0).tidy()
    assert on_disk(house) == {2}


async def test_when_there_is_too_much_the_oldest_goes_first(house):
    """Beyond the largest size the oldest pictures go, favourites last, and no more than must."""
    for job_id, days in ((1, 3), (2, 9), (3, 5), (4, 7)):
        await paint(house, job_id, days_ago=days, favourite=job_id == 2)
    size = house.data.size_bytes()
    await Keeper(house.store, house.data, max_bytes=size // 2).tidy()
    assert on_disk(house) == {1, 2}
    await Keeper(house.store, house.data, max_bytes=1).tidy()
    assert on_disk(house) == set()


async def test_a_favourite_of_anybody_is_spared(house):
    """A picture stays as long as one person has it, or its grid, among their favourites."""
    await paint(house, 1, days_ago=400)
    store, keeper = house.store, Keeper(house.store, house.data, days=90)
    assert await store.add_favourite(5, 1, 0)
    assert not await store.add_favourite(5, 1, 0)
    assert await store.add_favourite(6, 1)
    assert await store.favourites(5) == [(1, 0)]
    assert await store.favourites(6) == [(1, None)]
    assert [await store.fans(1, tile) for tile in (0, 2, None)] == [1, 0, 1]
    assert await store.drop_favourite(5, 1, 0)
    assert not await store.drop_favourite(5, 1, 0)
    assert await keeper.tidy() == 0
    assert await store.drop_favourite(6, 1)
    assert await keeper.tidy() == 1


async def test_what_is_needed_stays(house):
    """A picture that a waiting variation starts from, and an unfinished job's, are not deleted."""
    await paint(house, 1, days_ago=400)
    await house.accept(2, parent_id=1)
    await house.accept(3)
    await house.store.to_running(3)
    house.data.write_input(3, png())
    await Keeper(house.store, house.data, days=90, max_bytes=1).tidy()
    assert on_disk(house) == {1, 3}


@pytest.mark.parametrize("old", [True, False])
async def test_files_without_a_row_go_after_an_hour(house, old):
    """What a crash left beside the database is deleted, but nothing that is just being written."""
    await paint(house, 1)
    house.data.write_pictures(404, [png(), png()])
    house.data.write_input(405, png())
    if old:
        long_ago = time.time() - keeper_module.ORPHAN_S - 1
        for path in [*house.data.root.glob("pictures/*/*"), *house.data.root.glob("inputs/*")]:
            os.utime(path, (long_ago, long_ago))
    await Keeper(house.store, house.data).tidy()
    assert on_disk(house) == ({1} if old else {1, 404, 405})


async def test_a_crash_while_tidying_deletes_nothing_that_is_named(house, monkeypatch):
    """Rows go before files: broken off in between, files are left over and swept later."""
    await paint(house, 1, days_ago=400)

    def crash(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(house.data, "drop", crash)
    with pytest.raises(KeyboardInterrupt):
        await Keeper(house.store, house.data, days=90)._drop_old()
    monkeypatch.undo()
    assert await house.store.pictures(1) == ()
    assert on_disk(house) == {1}
    monkeypatch.setattr(keeper_module, "ORPHAN_S", -1.0)
    await Keeper(house.store, house.data).tidy()
    assert on_disk(house) == set()
