"""The desk's tables in the store: words, blocks, warnings, reports, the audit log, what was spent.

Beside `bot.store` the only place with SQL; it works through the store's one connection. What
painters spent is written by triggers with the job itself (migration 0003), and only read here.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiosqlite

from bot.store import Store
from bot.words import Weight

EVERYWHERE = 0
"""Stands for the server where a block holds on all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Somebody who may not paint; `guild_id` is EVERYWHERE where the operator said so."""

    guild_id: int
    user_id: int
    until: float | None
    reason: str
    by_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A message of ours that somebody reported; `user_id` is its painter."""

    message_id: int
    channel_id: int
    guild_id: int
    job_id: int
    user_id: int
    reporter_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What an admin did: who, what, to what, before and after."""

    guild_id: int
    by_id: int
    action: str
    target: str
    before: str | None = None
    after: str | None = None
    at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a painter spent in a time, and when the oldest and the newest of it was."""

    pictures: int
    seconds: float
    first_at: float | None
    last_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A job that has had no outcome yet."""

    job_id: int
    user_id: int
    state: str
    shown: str
    since: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Painter:
    """How much somebody painted."""

    user_id: int
    jobs: int
    pictures: int
    seconds: float


@dataclass(slots=True)
class Remembered:
    """What is asked of every job: each server's words, each person's blocks, who to warn."""

    words: dict[int, dict[str, Weight]] = field(default_factory=dict)
    blocks: dict[int, list[Block]] = field(default_factory=dict)
    untold: set[tuple[int, int]] = field(default_factory=set)


class Ledger:
    """The desk's tables of one store."""

    def __init__(self, store: Store) -> None:
        """Use the store's connection."""
        self._store = store
        self._age = 0  # grows with every change of what is remembered
        self._remembered: Remembered | None = None
        self._looking = asyncio.Lock()

    async def _run(self, sql: str, values: Sequence[object] | Mapping[str, object]) -> int:
        async with self._change() as connection:
            cursor = await connection.execute(sql, values)
            return cursor.rowcount

    @asynccontextmanager
    async def _change(self) -> AsyncIterator[aiosqlite.Connection]:
        """Change the desk's tables; what is remembered of them is looked up anew after it."""
        try:
            async with self._store._write() as connection:
                yield connection
        finally:
            self._age += 1
            self._remembered = None

    async def _remember(self) -> Remembered:
        """Return what every job is checked against, of which a crowd shares one look."""
        async with self._looking:
            if self._remembered is not None:
                return self._remembered
            age, found = self._age, Remembered()
            sql = "SELECT guild_id, word, weight FROM words ORDER BY word"
            for row in await self._store._read(sql):
                found.words.setdefault(row[0], {})[row[1]] = Weight(row[2])
            sql = "SELECT guild_id, user_id, until, reason, by_id FROM blocks ORDER BY guild_id"
            for row in await self._store._read(sql):
                found.blocks.setdefault(row[1], []).append(Block(**dict(row)))
            sql = "SELECT DISTINCT guild_id, user_id FROM warnings WHERE told = 0"
            found.untold.update((row[0], row[1]) for row in await self._store._read(sql))
            if age == self._age:  # nothing was changed while it was read
                self._remembered = found
            return found

    # -- words ----------------------------------------------------------------------------------

    async def words(self, guild_id: int) -> dict[str, Weight]:
        """Return a server's own words."""
        return dict((await self._remember()).words.get(guild_id, {}))

    async def set_words(self, guild_id: int, words: Mapping[str, Weight]) -> None:
        """Add words to a server's own, or change their weights."""
        async with self._change() as connection:
            await connection.executemany(
                "INSERT OR REPLACE INTO words (guild_id, word, weight) VALUES (?, ?, ?)",
                [(guild_id, word, str(weight)) for word, weight in words.items()],
            )

    async def remove_word(self, guild_id: int, word: str) -> bool:
        """Forget one of a server's own words; False if there is none such."""
        sql = "DELETE FROM words WHERE guild_id = ? AND word = ?"
        return await self._run(sql, (guild_id, word)) == 1

    # -- blocks and warnings --------------------------------------------------------------------

    async def block(self, block: Block) -> None:
        """Keep somebody from painting."""
        await self._run(
            "INSERT OR REPLACE INTO blocks (guild_id, user_id, until, reason, by_id, at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (block.guild_id, block.user_id, block.until, block.reason, block.by_id, time.time()),
        )

    async def unblock(self, guild_id: int, user_id: int) -> bool:
        """Let somebody paint again; False if they were not blocked."""
        sql = "DELETE FROM blocks WHERE guild_id = ? AND user_id = ?"
        return await self._run(sql, (guild_id, user_id)) == 1

    async def blocked(self, guild_id: int | None, user_id: int) -> Block | None:
        """Return the block that keeps somebody from painting there now, the operator's first."""
        places, now = {EVERYWHERE, guild_id or EVERYWHERE}, time.time()
        for block in (await self._remember()).blocks.get(user_id, ()):
            if block.guild_id in places and (block.until is None or block.until > now):
                return block
        return None

    async def blocks(self, guild_id: int) -> list[Block]:
        """Return who is blocked on a server now, or everywhere."""
        rows = await self._store._read(
            "SELECT guild_id, user_id, until, reason, by_id FROM blocks"
            " WHERE guild_id = ? AND (until IS NULL OR until > ?) ORDER BY at",
            (guild_id, time.time()),
        )
        return [Block(**dict(row)) for row in rows]

    async def warn(self, guild_id: int, user_id: int, text: str, by_id: int, *, told: bool) -> None:
        """Keep a warning; one that could not be told waits for the next time."""
        await self._run(
            "INSERT INTO warnings (guild_id, user_id, text, by_id, at, told)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (guild_id, user_id, text, by_id, time.time(), int(told)),
        )

    async def take_warning(self, guild_id: int, user_id: int) -> str | None:
        """Return the oldest warning that has not been told, which now counts as told."""
        if (guild_id, user_id) not in (await self._remember()).untold:
            return None
        async with self._change() as connection:
            rows = await connection.execute_fetchall(
                "UPDATE warnings SET told = 1 WHERE id = (SELECT min(id) FROM warnings"
                " WHERE guild_id = ? AND user_id = ? AND told = 0) RETURNING text",
                (guild_id, user_id),
            )
            return next((row[0] for row in rows), None)

    # -- reports and the audit log --------------------------------------------------------------

    async def add_report(self, report: Report) -> bool:
        """Keep a report; False if the message is reported already."""
        changed = await self._run(
            "INSERT OR IGNORE INTO reports"
            " (message_id, channel_id, guild_id, job_id, user_id, reporter_id, at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                report.message_id,
                report.channel_id,
                report.guild_id,
                report.job_id,
                report.user_id,
                report.reporter_id,
                time.time(),
            ),
        )
        return changed == 1

    async def report(self, message_id: int) -> Report | None:
        """Return the report of a message."""
        rows = await self._store._read(
            "SELECT message_id, channel_id, guild_id, job_id, user_id, reporter_id FROM reports"
            " WHERE message_id = ?",
            (message_id,),
        )
        return next((Report(**dict(row)) for row in rows), None)

    async def forget_report(self, message_id: int) -> None:
        """Forget a report that nobody could be told of."""
        await self._run("DELETE FROM reports WHERE message_id = ?", (message_id,))

    async def note(self, deed: Deed) -> None:
        """Write into the audit log; nothing is ever taken out of it."""
        await self._run(
            "INSERT INTO audit (guild_id, at, by_id, action, target, before, after)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                deed.guild_id,
                deed.at or time.time(),
                deed.by_id,
                deed.action,
                deed.target,
                deed.before,
                deed.after,
            ),
        )

    async def audit(self, guild_id: int, newest: int = 20) -> list[Deed]:
        """Return what admins did last, newest first."""
        rows = await self._store._read(
            "SELECT guild_id, at, by_id, action, target, before, after FROM audit"
            " WHERE guild_id = ? ORDER BY id DESC LIMIT ?",
            (guild_id, newest),
        )
        return [Deed(**dict(row)) for row in rows]

    async def change_setting(
        self, deed: Deed, changes: Mapping[str, Any], words: Mapping[str, Weight] | None = None
    ) -> None:
        """Set keys of a server (None: forget), put words in place of its own, and note it.

        All or nothing; without `words` those there are stay.
        """
        async with self._change() as connection:
            if words is not None:
                await connection.execute("DELETE FROM words WHERE guild_id = ?", (deed.guild_id,))
                await connection.executemany(
                    "INSERT INTO words (guild_id, word, weight) VALUES (?, ?, ?)",
                    [(deed.guild_id, word, str(weight)) for word, weight in words.items()],
                )
            for key, value in changes.items():
                await connection.execute(
                    "DELETE FROM guild_settings WHERE guild_id = ? AND key = ?",
                    (deed.guild_id, key),
                )
                if value is not None:
                    await connection.execute(
                        "INSERT INTO guild_settings (guild_id, key, value) VALUES (?, ?, ?)",
                        (deed.guild_id, key, json.dumps(value)),
                    )
            await connection.execute(
                "INSERT INTO audit (guild_id, at, by_id, action, target, before, after)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    deed.guild_id,
                    time.time(),
                    deed.by_id,
                    deed.action,
                    deed.target,
                    deed.before,
                    deed.after,
                ),
            )
        self._store.rules_changed(deed.guild_id)

    # -- what was spent, and what goes on -------------------------------------------------------

    async def spent(self, user_id: int, guild_id: int | None, since: float) -> Spent:
        """Return what a painter spent on a server since then (None: everywhere together)."""
        rows = await self._store._read(
            "SELECT coalesce(sum(pictures), 0) AS pictures, coalesce(sum(seconds), 0.0) AS seconds,"
            " min(at) AS first_at, max(at) AS last_at FROM spent"
            " WHERE user_id = ? AND (? IS NULL OR guild_id = ?) AND at > ?",
            (user_id, guild_id, guild_id, since),
        )
        return next(Spent(**dict(row)) for row in rows)

    async def painters(self, guild_id: int, since: float, most: int = 15) -> list[Painter]:
        """Return who painted how much on a server since then, most pictures first."""
        rows = await self._store._read(
            "SELECT user_id, count(*) AS jobs, sum(pictures) AS pictures, sum(seconds) AS seconds"
            " FROM spent WHERE guild_id = ? AND at > ? GROUP BY user_id"
            " ORDER BY 3 DESC, 1 LIMIT ?",
            (guild_id, since, most),
        )
        return [Painter(**dict(row)) for row in rows]

    async def unfinished_of(self, guild_id: int) -> list[Waiting]:
        """Return a server's jobs that have had no outcome yet, those that run first."""
        rows = await self._store._read(
            "SELECT id AS job_id, user_id, state, shown,"
            " CASE state WHEN 'accepted' THEN accepted_at ELSE coalesce(started_at, accepted_at)"
            " END AS since FROM jobs WHERE guild_id = ?"
            " AND state IN ('accepted', 'running', 'painted', 'delivering')"
            " ORDER BY state = 'accepted', id",
            (guild_id,),
        )
        return [Waiting(**dict(row)) for row in rows]

    async def set_verdict(self, job_id: int, tile: int, verdict: str) -> None:
        """Note what a later check says of a picture."""
        await self._run(
            "UPDATE pictures SET verdict = ? WHERE job_id = ? AND tile = ?",
            (verdict, job_id, tile),
        )
