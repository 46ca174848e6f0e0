"""What belongs to one painter in the store: their preferences and their history.

Like the ledger it works through the store's one connection.
"""

import asyncio
import json
import re
from dataclasses import dataclass

from bot.errors import UserError
from bot.language import _
from bot.preferences import DASHES, DEFAULTS, Preferences
from bot.store import Store

MOST_OPTIONS = 20
"""Options a painter may have, as in Midjourney."""
MOST_WORDS = 10
"""Words of a search that are looked for."""
REMEMBERED = 10_000
"""Painters whose preferences are kept at hand."""

_PICTURED = """FROM jobs WHERE user_id = :user_id
    AND EXISTS (SELECT 1 FROM pictures WHERE job_id = jobs.id)"""
_FAVOURITE = """ AND EXISTS (SELECT 1 FROM favourites
    WHERE job_id = jobs.id AND favourites.user_id = :user_id)"""


@dataclass(frozen=True, slots=True)
class Page:
    """Some of a painter's jobs that have pictures, newest first, and how many there are in all."""

    jobs: tuple[tuple[int, str], ...]
    """Id and prompt of each."""
    total: int


class Belongings:
    """Every painter's own rows of one store."""

    def __init__(self, store: Store) -> None:
        """Use the store's connection."""
        self._store = store
        self._preferences: dict[int, Preferences] = {}
        self._age = 0  # grows with every change
        self._choosers: set[int] = set()  # who may have rows
        self._counting = asyncio.Lock()
        self._is_counted = False

    async def preferences(self, user_id: int) -> Preferences:
        """Return what a painter prefers; of most, who never chose anything, nothing is read."""
        await self._count()
        if user_id not in self._choosers:
            return Preferences()
        if user_id in self._preferences:
            return self._preferences[user_id]
        age = self._age
        rows = await self._store._read(
            "SELECT key, value FROM preferences WHERE user_id = ? ORDER BY key", (user_id,)
        )
        found = Preferences.read({key: json.loads(value) for key, value in rows})
        if age == self._age:  # nothing was changed while it was read
            if len(self._preferences) >= REMEMBERED:
                self._preferences.clear()
            self._preferences[user_id] = found
        return found

    async def _count(self) -> None:
        """Find out once who has chosen anything: a crowd of others then costs no reading."""
        if self._is_counted:
            return
        async with self._counting:
            if not self._is_counted:
                rows = await self._store._read("SELECT DISTINCT user_id FROM preferences")
                self._choosers.update(row[0] for row in rows)
                self._is_counted = True

    async def prefer(self, user_id: int, **choices: object) -> Preferences:
        """Keep choices by the names of their fields; the default of a field forgets it."""
        async with self._store._write() as connection:
            for key, value in choices.items():
                if value == DEFAULTS[key]:
                    sql = "DELETE FROM preferences WHERE user_id = ? AND key = ?"
                    await connection.execute(sql, (user_id, key))
                else:
                    sql = (
                        "INSERT OR REPLACE INTO preferences (user_id, key, value) VALUES (?, ?, ?)"
                    )
                    await connection.execute(sql, (user_id, key, json.dumps(value)))
        self.forget(user_id)
        return await self.preferences(user_id)

    async def set_option(self, user_id: int, name: str, text: str) -> None:
        """Keep an option of a painter's own; an empty text deletes it.

        Raises:
            UserError: they have as many as one may have.

        """
        key = f"{DASHES}{name}"
        async with self._store._write() as connection:
            await connection.execute(
                "DELETE FROM preferences WHERE user_id = ? AND key = ?", (user_id, key)
            )
            if text:
                await connection.execute(
                    "INSERT INTO preferences (user_id, key, value) VALUES (?, ?, ?)",
                    (user_id, key, json.dumps(text)),
                )
            rows = await connection.execute_fetchall(
                "SELECT count(*) FROM preferences WHERE user_id = ? AND key GLOB '--*'",
                (user_id,),
            )
            if next(iter(rows))[0] > MOST_OPTIONS:
                raise UserError(
                    _(
                        "You have {most} options, and that is the most. Delete one first: "
                        "`/prefer option set` with its name and without a value."
                    ).format(most=MOST_OPTIONS)
                )
        self.forget(user_id)

    async def history(
        self, user_id: int, search: str, *, first: int, most: int, favourites: bool = False
    ) -> Page:
        """Return a painter's pictured jobs whose prompt has every word of a search in it.

        With `favourites` only those of which they keep a picture, or all, among theirs.
        """
        words = {
            f"word{n}": f"%{_literally(word)}%"
            for n, word in enumerate(search.split()[:MOST_WORDS])
        }
        which = _PICTURED + "".join(f" AND shown LIKE :{name} ESCAPE '!'" for name in words)
        which += _FAVOURITE if favourites else ""
        values = {"user_id": user_id, "first": first, "most": most, **words}
        jobs = await self._store._read(
            f"SELECT id, shown {which} ORDER BY id DESC LIMIT :most OFFSET :first",
            values,
        )
        total = await self._store._read(f"SELECT count(*) {which}", values)
        return Page(tuple((row[0], row[1]) for row in jobs), next(iter(total))[0])

    def forget(self, user_id: int) -> None:
        """Read a painter's preferences anew at the next question: their rows have changed."""
        self._age += 1
        self._choosers.add(user_id)
        self._preferences.pop(user_id, None)


def _literally(word: str) -> str:
    """Return a word as LIKE reads it, without any wildcard."""
    return re.sub(r"[!%_]", r"!\g<0>", word)
