"""What the store tells of itself, keeps and gives away: numbers for the operator, favourites,
posted messages, old pictures; jobs' steps are the store's.
"""

import dataclasses
import json
import time
from collections.abc import Collection, Sequence
from typing import Any

from bot.database import Database
from bot.jobs import Posted

RECENT = 200
"""So many painted jobs are looked at for what is measured."""
_WHOLE = -1  # stands in the table of favourites for a grid


class Shelf(Database):
    """The half of the store that looks at all jobs together."""

    async def entered_since(self, moment: float) -> list[tuple[int, float, float]]:
        """Return painter, cost and time of each job that entered the engine since then."""
        sql = "SELECT user_id, cost, started_at FROM jobs WHERE started_at > ? ORDER BY started_at"
        return [(row[0], row[1], row[2]) for row in await self._read(sql, (moment,))]

    async def owed(self) -> set[int]:
        """Return the painters who have jobs that found no place."""
        sql = "SELECT DISTINCT user_id FROM jobs WHERE state = 'undeliverable'"
        return {row[0] for row in await self._read(sql)}

    async def counts(self) -> dict[str, int]:
        """Return how many jobs are in each state."""
        rows = await self._read("SELECT state, count(*) FROM jobs GROUP BY state")
        return {row[0]: row[1] for row in rows}

    async def waiting_by_lane(self) -> dict[str, int]:
        """Return how many jobs wait in each lane."""
        sql = "SELECT lane, count(*) FROM jobs WHERE state = 'accepted' GROUP BY lane"
        return {row[0]: row[1] for row in await self._read(sql)}

    async def painted_since(self, moment: float) -> int:
        """Return how many jobs were painted since then."""
        sql = "SELECT count(*) FROM jobs WHERE painted_at > ?"
        return sum(row[0] for row in await self._read(sql, (moment,)))

    async def speed(self) -> tuple[float, float]:
        """Return the mean cost and seconds of the latest jobs."""
        rows = await self._read(
            "SELECT coalesce(avg(cost), 0.0), coalesce(avg(painted_at - started_at), 0.0)"
            " FROM (SELECT * FROM jobs WHERE painted_at IS NOT NULL"
            " ORDER BY painted_at DESC LIMIT 20)"
        )
        return next((row[0], row[1]) for row in rows)

    async def eta_errors(self) -> list[tuple[float, float]]:
        """Return, of the latest jobs that were told a time, the wait told and the wait had."""
        rows = await self._read(
            "SELECT eta_s, painted_at - accepted_at FROM jobs WHERE painted_at IS NOT NULL"
            " AND eta_s IS NOT NULL ORDER BY painted_at DESC LIMIT ?",
            (RECENT,),
        )
        return [(row[0], row[1]) for row in rows]

    async def add_favourite(self, user_id: int, job_id: int, tile: int | None = None) -> bool:
        """Keep a picture, or (without a tile) a grid, as somebody's favourite; False if it is."""
        return await self._change_favourite(
            "INSERT OR IGNORE INTO favourites (user_id, job_id, tile, at) VALUES (?, ?, ?, ?)",
            (user_id, job_id, _WHOLE if tile is None else tile, time.time()),
        )

    async def drop_favourite(self, user_id: int, job_id: int, tile: int | None = None) -> bool:
        """Let a picture, or a grid, be nobody special's again; False if it was none."""
        return await self._change_favourite(
            "DELETE FROM favourites WHERE user_id = ? AND job_id = ? AND tile = ?",
            (user_id, job_id, _WHOLE if tile is None else tile),
        )

    async def fans(self, job_id: int, tile: int | None = None) -> int:
        """Return how many people have this picture, or this grid, among their favourites."""
        sql = "SELECT count(*) FROM favourites WHERE job_id = ? AND tile = ?"
        rows = await self._read(sql, (job_id, _WHOLE if tile is None else tile))
        return sum(row[0] for row in rows)

    async def favourites(self, user_id: int, limit: int = 50) -> list[tuple[int, int | None]]:
        """Return somebody's favourites, newest first: the job, and its tile or None for a grid."""
        rows = await self._read(
            "SELECT job_id, tile FROM favourites WHERE user_id = ? ORDER BY at DESC LIMIT ?",
            (user_id, limit),
        )
        return [(job_id, None if tile == _WHOLE else tile) for job_id, tile in rows]

    async def _change_favourite(self, sql: str, values: Sequence[object]) -> bool:
        async with self._write() as connection:
            return (await connection.execute(sql, values)).rowcount == 1

    async def add_message(self, posted: Posted) -> None:
        """Keep a message of ours, to be found from a reaction, unless its job is deleted."""
        async with self._write() as connection:
            await connection.execute(
                "INSERT OR REPLACE INTO messages"
                " (message_id, channel_id, guild_id, job_id, tile, user_id)"
                " SELECT :message_id, :channel_id, :guild_id, id, :tile, :user_id"
                " FROM jobs WHERE id = :job_id",
                dataclasses.asdict(posted),
            )

    async def message(self, message_id: int) -> Posted | None:
        """Return a message of ours, or None if it is none (or no longer there)."""
        rows = await self._read("SELECT * FROM messages WHERE message_id = ?", (message_id,))
        return next((Posted(**dict(row)) for row in rows), None)

    async def posted_final(self, job_id: int, tile: int | None) -> Posted | None:
        """Return the message that shows a job's grid (or its one picture), where it is noted."""
        sql = "SELECT * FROM messages WHERE job_id = ? AND tile IS ? ORDER BY message_id LIMIT 1"
        rows = await self._read(sql, (job_id, tile))
        return next((Posted(**dict(row)) for row in rows), None)

    async def forget_message(self, message_id: int) -> None:
        """Forget a message that was deleted; its job and pictures stay."""
        async with self._write() as connection:
            await connection.execute("DELETE FROM messages WHERE message_id = ?", (message_id,))

    async def is_posted(self, channel_id: int, job_id: int, tile: int | None = None) -> bool:
        """Say whether a channel has a message of ours with this picture, or this grid."""
        sql = "SELECT 1 FROM messages WHERE job_id = ? AND channel_id = ? AND tile IS ? LIMIT 1"
        return bool(list(await self._read(sql, (job_id, channel_id, tile))))

    async def retentions(self) -> dict[int, Any]:
        """Return what servers have set for how long their pictures are kept."""
        sql = "SELECT guild_id, value FROM guild_settings WHERE key = 'retention'"
        return {guild_id: json.loads(value) for guild_id, value in await self._read(sql)}

    async def picture_jobs(
        self, *, older_than: float | None = None, guild_id: int | None = None, limit: int = 50
    ) -> list[int]:
        """Return the jobs whose pictures go first: the oldest, favourites last.

        With `older_than` (a Unix time) only those painted before it, and no favourite; with
        `guild_id` only those of one server. A job that is not finished, or that one in the queue
        starts from, keeps its pictures.
        """
        rows = await self._read(
            "SELECT id FROM jobs WHERE state IN ('done', 'undeliverable')"
            " AND (:moment IS NULL OR (favourite = 0 AND painted_at < :moment))"
            " AND (:guild_id IS NULL OR guild_id = :guild_id)"
            " AND EXISTS (SELECT 1 FROM pictures WHERE job_id = jobs.id)"
            " AND id NOT IN (SELECT parent_id FROM jobs WHERE parent_id IS NOT NULL"
            "  AND state IN ('accepted', 'running'))"
            " ORDER BY favourite, painted_at LIMIT :limit",
            {"moment": older_than, "guild_id": guild_id, "limit": limit},
        )
        return [row[0] for row in rows]

    async def forget_pictures(self, job_id: int, *, refund: bool = False) -> None:
        """Forget that a job has pictures; the files go after this.

        With `refund` its painter gets back what it cost, for nobody ever saw them.
        """
        async with self._write() as connection:
            await connection.execute("DELETE FROM pictures WHERE job_id = ?", (job_id,))
            if refund:
                await connection.execute("DELETE FROM spent WHERE job_id = ?", (job_id,))

    async def without_pictures(self, job_ids: Collection[int]) -> list[int]:
        """Return which of these jobs own no pictures: their files are left over."""
        rows = await self._read("SELECT DISTINCT job_id FROM pictures")
        owners = {row[0] for row in rows}
        rows = await self._read("SELECT id FROM jobs WHERE state IN ('accepted', 'running')")
        return sorted(set(job_ids) - owners - {row[0] for row in rows})

    async def report(self) -> dict[str, object]:
        """Return what `easel stats` tells of the jobs, as plain JSON."""
        now = time.time()
        errors = sorted(abs(had - told) for told, had in await self.eta_errors())
        late = sorted(had / told for told, had in await self.eta_errors() if told > 0)
        middle = len(errors) // 2
        return {
            "jobs": await self.counts(),
            "waiting": await self.waiting_by_lane(),
            "painted_last_hour": await self.painted_since(now - 3600),
            "painted_last_day": await self.painted_since(now - 86400),
            "eta_jobs": len(errors),
            "eta_error_s": round(errors[middle], 1) if errors else None,
            "eta_ratio": round(late[len(late) // 2], 2) if late else None,
        }
