"""Who comes in: what arrives at once is decided in one look, as if one came after the other."""

import asyncio
import dataclasses
from collections import Counter
from collections.abc import Sequence

import aiosqlite

from bot import queue
from bot.errors import UserError
from bot.jobs import Job, State


@dataclasses.dataclass(frozen=True, slots=True)
class Arrival:
    """Jobs of one painter at the door, to be kept together or not at all, and who waits to hear."""

    jobs: Sequence[Job]
    limits: queue.QueueLimits | None
    kept: asyncio.Future[bool]


async def admit_all(
    connection: aiosqlite.Connection, batch: Sequence[Arrival]
) -> list[bool | BaseException]:
    """Decide of each who arrives, in order, as if they came one after the other."""
    ids = [job.id for arrival in batch for job in arrival.jobs]
    marks = ", ".join("?" * len(ids))
    rows = await connection.execute_fetchall(
        f"SELECT id FROM jobs WHERE id IN ({marks})",  # noqa: S608
        ids,
    )
    known = {row[0] for row in rows}
    rows = await connection.execute_fetchall(
        "SELECT user_id, guild_id, state, count(*) FROM jobs"
        " WHERE state IN ('accepted', 'running') GROUP BY user_id, guild_id, state"
    )
    painters: Counter[int] = Counter()
    servers: Counter[int | None] = Counter()
    for user_id, guild_id, state, count in rows:
        painters[user_id] += count
        servers[guild_id] += count if state == State.ACCEPTED else 0
    verdicts: list[bool | BaseException] = []
    for arrival in batch:
        job, many = arrival.jobs[0], len(arrival.jobs)
        if not known.isdisjoint(one.id for one in arrival.jobs):
            verdicts.append(False)
            continue
        of_server = 0 if job.guild_id is None else servers[job.guild_id]
        load = queue.Load(
            of_painter=painters[job.user_id], of_server=of_server, waiting=servers.total()
        )
        try:
            if arrival.limits is not None:
                queue.admit(load, arrival.limits, many)
        except UserError as error:
            verdicts.append(error)
            continue
        verdicts.append(True)
        known.update(one.id for one in arrival.jobs)
        painters[job.user_id] += many
        servers[job.guild_id] += many
    return verdicts
