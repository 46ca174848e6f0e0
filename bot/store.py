"""The only SQL: one SQLite file, one connection, each change one durable transaction."""

import asyncio
import dataclasses
import json
import sqlite3
import time
from collections.abc import Collection, Sequence
from typing import Any

import aiosqlite

from bot import queue
from bot.door import Arrival, admit_all
from bot.jobs import (
    FINAL,
    FOLLOWS,
    TOKEN_LIVES_S,
    Entry,
    Job,
    Kind,
    Lane,
    Picture,
    State,
    WrongStateError,
    asked_at,
    id_at,
)
from bot.shelf import Shelf
from engine import Request

LEASE_S = 60.0
"""How long a running job belongs to its runner after a heartbeat."""
ALONE_AFTER = 2
"""A job inside which so many processes died is next painted with nothing beside it."""

_TIMES = ("accepted_at", "started_at", "painted_at", "changed_at", "lease_until")
_COLUMNS = tuple(field.name for field in dataclasses.fields(Job))
_GIVEN = tuple(name for name in _COLUMNS if name not in _TIMES)
_FLAGS = ("ephemeral", "member", "doubtful")
_UNFINISHED = tuple(state for state in State if state not in FINAL)
_UNFINISHED_SQL = ", ".join(f"'{state}'" for state in _UNFINISHED)


class Store(Shelf):
    """Jobs, their pictures, and the servers' settings.

    The steps `to_…` and `back_to_accepted` return the job as it then stands, and raise
    `WrongStateError` without changing anything where `jobs.FOLLOWS` does not allow the step.
    """

    def __init__(self, connection: aiosqlite.Connection) -> None:
        """Take an open connection; use `open`."""
        super().__init__(connection)
        self._arrivals: list[Arrival] = []
        self._acks: list[tuple[int, float | None, str | None, int]] = []
        self._door, self._desk = asyncio.Lock(), asyncio.Lock()
        self._rules: dict[int, dict[str, Any]] = {}
        self.rules_age = 0  # grows with every change of a rule

    # -- jobs ---------------------------------------------------------------------------------

    async def accept(self, job: Job, limits: queue.QueueLimits | None = None) -> bool:
        """Keep a new job; False if it is known already (Discord may send an event twice).

        With `limits`, a painter whose queue is full gets a UserError and nothing is kept. What
        comes at once is kept in one transaction: a crowd does not wait for a thousand of them.
        """
        return await self.accept_all([job], limits)

    async def accept_all(self, jobs: Sequence[Job], limits: queue.QueueLimits | None) -> bool:
        """Keep new jobs of one painter, all of them or none; False if one is known already."""
        arrival = Arrival(jobs, limits, asyncio.get_running_loop().create_future())
        self._arrivals.append(arrival)
        async with self._door:
            if batch := self._arrivals:
                self._arrivals = []
                await asyncio.shield(self._keep_all(batch))
        return await arrival.kept

    async def _keep_all(self, batch: Sequence[Arrival]) -> None:
        try:
            async with self._write() as connection:
                verdicts = await admit_all(connection, batch)
                now = time.time()
                values = [
                    {**_plain(job), "state": State.ACCEPTED, "now": now, "cost": job.cost}
                    for arrival, verdict in zip(batch, verdicts, strict=True)
                    if verdict is True
                    for job in arrival.jobs
                ]
                await connection.executemany(
                    f"INSERT INTO jobs ({', '.join(_GIVEN)}, cost, accepted_at, changed_at)"  # noqa: S608
                    f" VALUES ({', '.join(':' + name for name in _GIVEN)}, :cost, :now, :now)",
                    values,
                )
        except Exception as error:  # noqa: BLE001
            # why: whatever it was, each of them is told so and raises it
            verdicts = [error] * len(batch)
        for arrival, verdict in zip(batch, verdicts, strict=True):
            if arrival.kept.done():
                continue
            if isinstance(verdict, bool):
                arrival.kept.set_result(verdict)
            else:
                arrival.kept.set_exception(verdict)

    async def get(self, job_id: int) -> Job | None:
        """Return one job, or None if it is not known."""
        rows = await self._read("SELECT * FROM jobs WHERE id = ?", (job_id,))
        return next(map(_job, rows), None)

    async def job_by_ack(self, message_id: int) -> Job | None:
        """Return the job whose progress this message shows."""
        rows = await self._read("SELECT * FROM jobs WHERE ack_message_id = ?", (message_id,))
        return next(map(_job, rows), None)

    async def unfinished(self) -> list[Job]:
        """Return every job that has had no outcome yet, oldest first."""
        marks = ", ".join("?" * len(_UNFINISHED))
        sql = f"SELECT * FROM jobs WHERE state IN ({marks}) ORDER BY id"  # noqa: S608
        return [_job(row) for row in await self._read(sql, _UNFINISHED)]

    async def waiting(self) -> list[Entry]:
        """Return the jobs that wait to enter the engine, oldest first."""
        return await self._entries(State.ACCEPTED)

    async def running(self) -> list[Entry]:
        """Return the jobs that are inside the engine, oldest first."""
        return await self._entries(State.RUNNING)

    async def _entries(self, state: State) -> list[Entry]:
        sql = (
            "SELECT id, user_id, guild_id, lane, cost, crashes FROM jobs WHERE state = ?"
            " ORDER BY id"
        )
        return [
            Entry(
                job_id=job_id,
                user_id=user_id,
                guild_id=guild_id,
                lane=Lane(lane),
                cost=cost,
                alone=crashes >= ALONE_AFTER,
            )
            for job_id, user_id, guild_id, lane, cost, crashes in await self._read(sql, (state,))
        ]

    async def undelivered(self, user_id: int) -> list[Job]:
        """Return a painter's jobs that are painted but found no place, oldest first."""
        sql = (
            "SELECT * FROM jobs WHERE state = 'undeliverable' AND user_id = ?"
            " AND EXISTS (SELECT 1 FROM pictures WHERE job_id = jobs.id) ORDER BY id"
        )
        return [_job(row) for row in await self._read(sql, (user_id,))]

    async def set_ack(
        self, job_id: int, message_id: int, eta_s: float | None = None, token: str | None = None
    ) -> None:
        """Note the message that shows the job's progress, and the wait that it spoke of.

        `token` is the interaction's that reaches it, where the job has none yet.
        """
        self._acks.append((message_id, eta_s, token, job_id))
        async with self._desk:
            if acks := self._acks:
                self._acks = []
                async with self._write() as connection:
                    await connection.executemany(
                        "UPDATE jobs SET ack_message_id = ?, eta_s = coalesce(?, eta_s), token ="  # noqa: S608
                        f" CASE WHEN state IN ({_UNFINISHED_SQL}) THEN coalesce(?, token) END"
                        " WHERE id = ?",
                        acks,
                    )

    async def set_request(self, job_id: int, request: Request) -> None:
        """Note a request that was completed after the job was accepted (its picture is here)."""
        await self._set(job_id, "request", request.to_json())

    async def _set(self, job_id: int, column: str, value: object) -> None:
        async with self._write() as connection:
            sql = f"UPDATE jobs SET {column} = ?, changed_at = ? WHERE id = ?"  # noqa: S608
            await connection.execute(sql, (value, time.time(), job_id))

    async def heartbeat(self, job_ids: Collection[int]) -> list[Job]:
        """Renew the leases of these jobs; return those whose lease ended without their runner.

        Tokens that are older than Discord honours them are forgotten on the way.
        """
        now = time.time()
        async with self._write() as connection:
            marks = ", ".join("?" * len(job_ids))
            await connection.execute(
                f"UPDATE jobs SET lease_until = ? WHERE state = 'running' AND id IN ({marks})",  # noqa: S608
                (now + LEASE_S, *job_ids),
            )
            dead = id_at(now - TOKEN_LIVES_S)
            sql = "UPDATE jobs SET token = NULL WHERE token IS NOT NULL AND id < ?"
            await connection.execute(sql, (dead,))
            sql = "SELECT * FROM jobs WHERE state = 'running' AND coalesce(lease_until, 0) < ?"
            return [_job(row) for row in await connection.execute_fetchall(sql, (now,))]

    async def end_leases(self) -> None:
        """This process is about to stop: what is inside it now was not what killed it."""
        async with self._write() as connection:
            await connection.execute("UPDATE jobs SET lease_until = NULL WHERE state = 'running'")

    # -- steps --------------------------------------------------------------------------------

    async def to_running(self, job_id: int) -> Job:
        """The job enters the engine; this counts as an attempt."""
        change = "attempts = attempts + 1, started_at = :now, lease_until = :now + :lease_s"
        return await self._step(job_id, State.RUNNING, change, lease_s=LEASE_S)

    async def back_to_accepted(
        self, job_id: int, *, counted: bool = True, crashed: bool = False
    ) -> Job:
        """The job left the engine unpainted; `counted=False` takes the attempt back.

        `crashed` says that its process died with it inside.
        """
        change = "attempts = attempts" if counted else "attempts = max(attempts - 1, 0)"
        change += ", lease_until = NULL, crashes = crashes + :crashes"
        return await self._step(job_id, State.ACCEPTED, change, crashes=int(crashed))

    async def to_painted(self, job_id: int, pictures: Sequence[Picture]) -> Job:
        """The pictures' files are durable; from here on the job is never painted again."""
        async with self._write() as connection:
            job = await _take_step(
                connection, job_id, State.PAINTED, "error = NULL, painted_at = :now", {}
            )
            await _keep_pictures(connection, pictures)
            return job

    async def adopt(self, job: Job, pictures: Sequence[Picture]) -> None:
        """Keep a job that the store had lost, at no cost; what is known of it stays as it is."""
        values = {**_plain(job), "state": State.DONE, "cost": job.cost, "at": asked_at(job.id)}
        async with self._write() as connection:
            kept = await connection.execute(
                f"INSERT OR IGNORE INTO jobs ({', '.join(_GIVEN)}, cost, accepted_at, painted_at,"  # noqa: S608
                " changed_at)"
                f" VALUES ({', '.join(':' + name for name in _GIVEN)}, :cost, :at, :at, :at)",
                values,
            )
            if kept.rowcount:
                await connection.execute("DELETE FROM spent WHERE job_id = ?", (job.id,))
            sql = "SELECT tile FROM pictures WHERE job_id = ?"
            known = {row[0] for row in await connection.execute_fetchall(sql, (job.id,))}
            await _keep_pictures(connection, [p for p in pictures if p.tile not in known])

    async def to_delivering(self, job_id: int) -> Job:
        """The final message is about to be posted, or posted again after a crash."""
        return await self._step(job_id, State.DELIVERING, "error = NULL")

    async def to_done(self, job_id: int, message_id: int) -> Job:
        """The final message is posted."""
        change = "final_message_id = :message_id"
        return await self._step(job_id, State.DONE, change, message_id=message_id)

    async def to_failed(self, job_id: int, error: str) -> Job:
        """The job cannot be painted; `error` is the sentence for the painter."""
        return await self._step(job_id, State.FAILED, "error = :error, untold = 1", error=error)

    async def to_cancelled(self, job_id: int, *, silent: bool = False) -> Job:
        """The job was stopped before it was painted; `silent` if its painter knows of none."""
        change = "error = NULL, untold = :untold"
        return await self._step(job_id, State.CANCELLED, change, untold=int(not silent))

    async def untold(self) -> list[Job]:
        """Return the jobs that failed or were stopped, and whose painter has not been told."""
        rows = await self._read("SELECT * FROM jobs WHERE untold = 1 ORDER BY id")
        return [_job(row) for row in rows]

    async def set_told(self, job_id: int) -> None:
        """Note that the painter knows how the job ended."""
        await self._set(job_id, "untold", 0)

    async def to_undeliverable(self, job_id: int, error: str | None = None) -> Job:
        """The pictures are kept, but there is no place left to post them."""
        return await self._step(job_id, State.UNDELIVERABLE, "error = :error", error=error)

    async def _step(self, job_id: int, to: State, change: str, **values: object) -> Job:
        async with self._write() as connection:
            return await _take_step(connection, job_id, to, change, values)

    # -- pictures -----------------------------------------------------------------------------

    async def pictures(self, job_id: int) -> tuple[Picture, ...]:
        """Return the job's tiles in order; empty before it is painted."""
        rows = await self._read("SELECT * FROM pictures WHERE job_id = ? ORDER BY tile", (job_id,))
        return tuple(Picture(**dict(row)) for row in rows)

    # -- settings of servers ------------------------------------------------------------------

    async def guild_setting(self, guild_id: int) -> dict[str, Any]:
        """Return everything a server has set, as plain JSON values by key."""
        if guild_id not in self._rules:
            age = self.rules_age
            sql = "SELECT key, value FROM guild_settings WHERE guild_id = ?"
            rows = await self._read(sql, (guild_id,))
            found = {key: json.loads(value) for key, value in rows}
            if age != self.rules_age:  # they were changed while they were read
                return found
            self._rules[guild_id] = found
        return dict(self._rules[guild_id])

    def rules_changed(self, guild_id: int) -> None:
        """Read a server's settings anew at the next look."""
        self.rules_age += 1
        self._rules.pop(guild_id, None)

    async def set_guild_setting(self, guild_id: int, key: str, value: object) -> None:
        """Set one key of a server to a plain JSON value."""
        async with self._write() as connection:
            await connection.execute(
                "INSERT OR REPLACE INTO guild_settings (guild_id, key, value) VALUES (?, ?, ?)",
                (guild_id, key, json.dumps(value)),
            )
        self.rules_changed(guild_id)

    async def reset_guild_setting(self, guild_id: int, key: str | None = None) -> None:
        """Forget one key of a server, or all of them."""
        async with self._write() as connection:
            await connection.execute(
                "DELETE FROM guild_settings WHERE guild_id = ? AND key = coalesce(?, key)",
                (guild_id, key),
            )
        self.rules_changed(guild_id)


async def _take_step(
    connection: aiosqlite.Connection,
    job_id: int,
    to: State,
    change: str,
    values: dict[str, object],
) -> Job:
    """Move a job to a state if its present one allows it, else raise WrongStateError.

    What is returned has the token that a final state forgets: the last word may need it.
    """
    asked = "SELECT token FROM jobs WHERE id = ?"
    tokens = [row["token"] for row in await connection.execute_fetchall(asked, (job_id,))]
    before = [state for state, after in FOLLOWS.items() if to in after]
    allowed = ", ".join(f"'{state}'" for state in before)
    token = ", token = NULL" if to in FINAL else ""
    rows = await connection.execute_fetchall(
        f"UPDATE jobs SET state = :to, changed_at = :now{token}, {change}"  # noqa: S608
        f" WHERE id = :id AND state IN ({allowed}) RETURNING *",
        {"to": to, "now": time.time(), "id": job_id, **values},
    )
    for row in rows:
        return dataclasses.replace(_job(row), token=tokens[0])
    state = await connection.execute_fetchall("SELECT state FROM jobs WHERE id = ?", (job_id,))
    is_now = next((row["state"] for row in state), "not known")
    raise WrongStateError(f"job={job_id} is {is_now} and cannot become {to}")


async def _keep_pictures(connection: aiosqlite.Connection, pictures: Sequence[Picture]) -> None:
    await connection.executemany(
        "INSERT INTO pictures (job_id, tile, seed, file, width, height, verdict)"
        " VALUES (:job_id, :tile, :seed, :file, :width, :height, :verdict)",
        [dataclasses.asdict(picture) for picture in pictures],
    )


def _plain(job: Job) -> dict[str, object]:
    """A job as values for its columns."""
    values: dict[str, object] = {name: getattr(job, name) for name in _GIVEN}
    flags = {name: int(getattr(job, name)) for name in _FLAGS}
    return {**values, **flags, "request": job.request.to_json()}


def _job(row: sqlite3.Row) -> Job:
    values = {name: row[name] for name in _COLUMNS}
    values["kind"] = Kind(row["kind"])
    values["state"] = State(row["state"])
    values["request"] = Request.from_json(row["request"])
    values["lane"] = Lane(row["lane"])
    values |= {name: bool(row[name]) for name in _FLAGS}
    return Job(**values)
