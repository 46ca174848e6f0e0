"""All that the store keeps of one person: found for them, and deleted when they ask for it.

What admins did about a person is theirs and stays; how much somebody painted stays as long as a
quota counts it, without a word of what it was.
"""

import json
import time
from typing import Any

from bot.jobs import FINAL
from bot.store import Store
from bot.values import QUOTAS

WHOSE = {
    "preferences": ("user_id",),
    "jobs": ("user_id",),
    "messages": ("user_id",),
    "favourites": ("user_id",),
    "spent": ("user_id",),
    "blocks": ("user_id", "by_id"),
    "warnings": ("user_id", "by_id"),
    "reports": ("user_id", "reporter_id"),
    "audit": ("by_id",),
}
"""Every table that knows persons, and where their ids stand in it."""
SECRET = frozenset({"token"})
OF_OTHERS = frozenset({"by_id", "reporter_id"})
"""Who did something about a person: not theirs to know."""
JSON = frozenset({"request", "value"})
_PROMPT_KEPT = "prompt refused"
"""The only deed in the audit log that has a prompt in it."""

Row = dict[str, Any]


async def everything(store: Store, user_id: int) -> dict[str, list[Row]]:
    """Return every row about a person by its table, as plain JSON, newest jobs first."""
    found: dict[str, list[Row]] = {}
    for table, columns in WHOSE.items():
        own = columns[0]
        sql = f"SELECT * FROM {table} WHERE {own} = ? ORDER BY rowid DESC"  # noqa: S608
        if table in {"preferences", "favourites", "blocks"}:  # they are kept without a rowid
            sql = sql.replace("rowid DESC", own)
        found[table] = [_plain(dict(row), own) for row in await store._read(sql, (user_id,))]
    pictures: dict[int, list[Row]] = {}
    for row in await store._read(
        "SELECT pictures.* FROM pictures JOIN jobs ON jobs.id = job_id WHERE user_id = ?"
        " ORDER BY job_id, tile",
        (user_id,),
    ):
        pictures.setdefault(row["job_id"], []).append(_plain(dict(row), "job_id"))
    for job in found["jobs"]:
        job["pictures"] = pictures.get(job["id"], [])
    return found


def _plain(row: Row, own: str) -> Row:
    """Return a row as it is given to whom it is about."""
    hidden = SECRET | (OF_OTHERS - {own})
    return {
        name: json.loads(value) if name in JSON and value else value
        for name, value in row.items()
        if name not in hidden
    }


async def unsettled(store: Store, user_id: int) -> int:
    """Count a person's jobs that have had no outcome yet, or whose outcome is still being told."""
    final = ", ".join(f"'{state}'" for state in FINAL)
    rows = await store._read(
        f"SELECT count(*) FROM jobs WHERE user_id = ? AND (untold = 1 OR state NOT IN ({final}))",  # noqa: S608
        (user_id,),
    )
    return int(next(iter(rows))[0])


async def doomed(store: Store) -> list[tuple[int, int]]:
    """Return channel and message of everything that is still to be deleted, newest first."""
    sql = "SELECT channel_id, message_id FROM doomed ORDER BY message_id DESC"
    return [(row[0], row[1]) for row in await store._read(sql)]


async def erased(store: Store, message_id: int) -> None:
    """Forget a message that is gone, or that Discord will never let us delete."""
    async with store._write() as connection:
        await connection.execute("DELETE FROM doomed WHERE message_id = ?", (message_id,))


async def delete(store: Store, user_id: int) -> list[int]:
    """Forget a person, but for what is unsettled; return the jobs whose files go now.

    What was posted for them is doomed from then on, and nothing says any more whose it was.
    """
    counted_since = time.time() - max(QUOTAS.values())
    final = ", ".join(f"'{state}'" for state in FINAL)
    async with store._write() as connection:
        await connection.execute(
            "INSERT OR IGNORE INTO doomed (message_id, channel_id)"
            " SELECT message_id, channel_id FROM messages WHERE user_id = ?",
            (user_id,),
        )
        for table in ("preferences", "favourites", "messages"):
            sql = f"DELETE FROM {table} WHERE user_id = ?"  # noqa: S608
            await connection.execute(sql, (user_id,))
        await connection.execute(
            "DELETE FROM spent WHERE user_id = ? AND at < ?", (user_id, counted_since)
        )
        await connection.execute("DELETE FROM reports WHERE user_id = ?", (user_id,))
        await connection.execute(
            "UPDATE reports SET reporter_id = 0 WHERE reporter_id = ?", (user_id,)
        )
        await connection.execute(
            "UPDATE audit SET before = NULL, after = NULL WHERE by_id = ? AND action = ?",
            (user_id, _PROMPT_KEPT),
        )
        settled = f"user_id = ? AND untold = 0 AND state IN ({final})"
        sql = f"DELETE FROM jobs WHERE {settled} RETURNING id"  # noqa: S608
        rows = await connection.execute_fetchall(sql, (user_id,))
        return [row[0] for row in rows]
