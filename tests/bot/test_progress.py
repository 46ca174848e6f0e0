"""Progress is shown seldom, the newest only, and never harms the job."""

import asyncio
import itertools
import time

import aiohttp

from bot.jobs import Job, Kind, State
from bot.progress import ProgressBoard
from engine import Request

REQUEST = Request(
    prompt="a fox",
    seed=7,
    num_inference_steps=4,
    guidance_scale=1.0,
    width=64,
    height=64,
    model="tiny",
)


def job(job_id=1):
    """Return a running job."""
    return Job(
        id=job_id,
        kind=Kind.IMAGINE,
        state=State.RUNNING,
        channel_id=5,
        user_id=6,
        shown="a fox",
        request=REQUEST,
    )


class Channel:
    """Takes edits and notes when they came."""

    def __init__(self, takes_s=0.0):
        self.edits, self.takes_s = [], takes_s

    async def edit(self, job, percent, preview):
        await asyncio.sleep(self.takes_s)
        self.edits.append((time.monotonic(), job.id, percent, preview))


async def until(wanted):
    """Wait until something has come about."""
    async with asyncio.timeout(20):
        while not wanted():
            await asyncio.sleep(0.005)


async def test_the_newest_wins_and_edits_keep_their_distance():
    """Of many steps only a few are shown, the last one among them, never two within the pause."""
    channel = Channel()
    board = ProgressBoard(channel.edit, pause_s=0.1)
    for percent in range(0, 101, 2):
        board.show(job(), percent, None)
        await asyncio.sleep(0.005)
    await until(lambda: channel.edits[-1][2] == 100)
    times = [edit[0] for edit in channel.edits]
    assert channel.edits[0][2] == 0
    assert len(times) <= (times[-1] - times[0]) / 0.099 + 1
    assert len(times) < 51
    assert all(later - earlier >= 0.099 for earlier, later in itertools.pairwise(times))


async def test_a_preview_is_not_lost_to_a_later_step():
    """A picture that waits to be shown is shown with the newer percentage."""
    channel = Channel()
    board = ProgressBoard(channel.edit, pause_s=0.05)
    board.show(job(), 1, None)
    await until(lambda: channel.edits)
    board.show(job(), 2, b"picture")
    board.show(job(), 3, None)
    await until(lambda: len(channel.edits) == 2)
    assert [edit[2:] for edit in channel.edits] == [(1, None), (3, b"picture")]


async def test_jobs_do_not_wait_for_one_another():
    """Each job has its own pace."""
    channel = Channel()
    board = ProgressBoard(channel.edit, pause_s=5)
    board.show(job(1), 10, None)
    board.show(job(2), 20, None)
    await until(lambda: len(channel.edits) == 2)
    assert sorted(edit[1] for edit in channel.edits) == [1, 2]
    await board.close(1)
    await board.close(2)


async def test_after_close_nothing_is_shown():
    """When close returns, no edit of the job is under way and none will come."""
    channel = Channel(takes_s=0.1)
    board = ProgressBoard(channel.edit, pause_s=0.01)
    board.show(job(), 10, None)
    await asyncio.sleep(0.02)
    board.show(job(), 90, None)
    await board.close(1)
    shown = list(channel.edits)
    assert [edit[2] for edit in shown] == [10]
    await asyncio.sleep(0.2)
    assert channel.edits == shown


async def test_trouble_with_discord_stays_here():
    """An edit that fails is dropped, and the next one is tried."""
    seen = []

    async def edit(_, percent, __):
        seen.append(percent)
        raise aiohttp.ClientConnectionError

    board = ProgressBoard(edit, pause_s=0.01)
    board.show(job(), 10, None)
    await until(lambda: seen == [10])
    board.show(job(), 20, None)
    await until(lambda: seen == [10, 20])


async def test_after_closing_all_nothing_of_any_job_is_on_its_way():
    """When the connection is about to close, no job's edit is under way or comes later."""
    channel = Channel(takes_s=0.05)
    board = ProgressBoard(channel.edit, pause_s=0.01)
    for number in (1, 2, 3):
        board.show(job(number), 10, None)
    await asyncio.sleep(0.01)

    await board.close_all()
    shown = len(channel.edits)
    await asyncio.sleep(0.1)

    assert (shown, len(channel.edits)) == (3, 3)
    assert not [task for task in asyncio.all_tasks() if "progress" in task.get_name()]
