"""The SQLite file itself: opened, checked, brought up to date, backed up and put back.

One connection in one thread of one process; what is written survives a power cut. Only a backup
reads beside it, so that nobody waits for a large one.
"""

import asyncio
import contextlib
import logging
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path
from typing import Self

import aiosqlite

from bot.errors import DiskError, OperatorError

log = logging.getLogger(__name__)

FULL_CHECK_BYTES = 1_000_000_000
"""A larger database gets SQLite's quick check at the start instead of the full one."""
BUSY_MS = 5000


class Database:
    """An open file: reads, and writes that are whole or not at all."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        """Take an open connection; use `open`."""
        self._connection = connection
        self._turn = asyncio.Lock()  # one connection: a second coroutine would join a transaction

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path) -> AsyncIterator[Self]:
        """Open or make the database; a broken file is an OperatorError and is left as it is."""
        await asyncio.to_thread(_prepare, path)
        async with aiosqlite.connect(path, isolation_level=None) as connection:
            connection.row_factory = sqlite3.Row
            await connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
            await connection.execute("PRAGMA synchronous = FULL")
            await connection.execute("PRAGMA foreign_keys = ON")
            await connection.execute("PRAGMA secure_delete = ON")
            yield cls(connection)
            try:
                await connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.OperationalError as error:  # a full disk; the log beside it has it all
                log.warning("the database %s could not be tidied: %s", path, error)

    @asynccontextmanager
    async def _write(self) -> AsyncIterator[aiosqlite.Connection]:
        """One transaction, durable when it ends; anything raised inside undoes it."""
        async with self._turn, self._durably():
            try:
                await self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                await self._connection.commit()
            except BaseException:
                with contextlib.suppress(sqlite3.OperationalError):  # a full disk undid it itself
                    await self._connection.rollback()
                raise

    @asynccontextmanager
    async def _durably(self) -> AsyncIterator[None]:
        """Tell a disk that fails (a large answer is sorted on it, too) from a mistake of ours."""
        try:
            yield
        except sqlite3.OperationalError as error:
            raise DiskError(str(error)) from error

    async def _read(
        self, sql: str, values: Sequence[object] | Mapping[str, object] = ()
    ) -> Iterable[sqlite3.Row]:
        async with self._turn, self._durably():
            return await self._connection.execute_fetchall(sql, values)

    async def back_up(self, path: Path) -> None:
        """Write a copy, without tokens, while others go on using the database.

        Raises:
            OperatorError: the file is there already, or cannot be written.

        """
        rows = await self._connection.execute_fetchall("PRAGMA database_list")
        source = next(Path(row["file"]) for row in rows)
        unfinished = _new_file(path)
        try:
            await asyncio.to_thread(_copy_out, source, unfinished)
            await asyncio.to_thread(_publish, unfinished, path)
        except (OSError, sqlite3.Error) as error:
            raise OperatorError(
                f"The backup {path} cannot be written: {error}.", code=73
            ) from error
        finally:
            unfinished.unlink(missing_ok=True)


def put_back(backup: Path, path: Path) -> Path | None:
    """Put a backup in the database's place; return where the old one lies now. Blocks.

    What was unfinished in the backup may have been posted since, so it is marked as doubtful.

    Raises:
        OperatorError: the backup is damaged, from a newer Easel, or cannot be copied.

    """
    fresh = path.with_name(f"{path.name}.restored")
    fresh.unlink(missing_ok=True)
    try:
        _copy(backup, fresh)
        _prepare(fresh)
        with contextlib.closing(sqlite3.connect(fresh)) as target:
            with target:
                target.execute(
                    "UPDATE jobs SET doubtful = 1, token = NULL"
                    " WHERE state NOT IN ('done', 'failed', 'cancelled')"
                )
            target.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        fresh.unlink(missing_ok=True)
        raise OperatorError(f"The backup {backup} cannot be used: {error}.", code=65) from error
    except OperatorError:
        fresh.unlink(missing_ok=True)
        raise
    kept = _set_aside(path)
    _publish(fresh, path)
    return kept


@contextlib.contextmanager
def _both(source: Path, target: Path) -> Iterator[tuple[sqlite3.Connection, sqlite3.Connection]]:
    """Open what is copied for reading only, and what it is copied to."""
    address = f"{source.resolve().as_uri()}?mode=ro"
    with (
        contextlib.closing(sqlite3.connect(address, uri=True)) as old,
        contextlib.closing(sqlite3.connect(target)) as new,
    ):
        yield old, new


def _copy(source: Path, target: Path) -> None:
    with _both(source, target) as (old, new):
        _check(old, source)
        old.backup(new)


def _copy_out(source: Path, target: Path) -> None:
    with _both(source, target) as (old, new):
        old.backup(new)
        _forget_tokens(new)


def _set_aside(path: Path) -> Path | None:
    if not path.exists():
        return None
    kept = path.with_name(f"{path.name}.before-{time.strftime('%Y%m%d-%H%M%S')}")
    for suffix in ("", "-wal", "-shm"):
        old = path.with_name(path.name + suffix)
        if old.exists():
            os.replace(old, kept.with_name(kept.name + suffix))
    return kept


def _new_file(path: Path) -> Path:
    """Make the file that becomes the backup, readable by its owner only."""
    if path.exists():
        raise OperatorError(f"{path} is there already; name another file for the backup.", code=73)
    unfinished = path.with_name(f"{path.name}.tmp")
    try:
        os.close(os.open(unfinished, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
    except OSError as error:
        raise OperatorError(
            f"The backup {path} cannot be written: {error.strerror}.", code=73
        ) from error
    return unfinished


def _forget_tokens(copy: sqlite3.Connection) -> None:
    copy.execute("PRAGMA secure_delete = ON")
    with copy:
        copy.execute("UPDATE jobs SET token = NULL WHERE token IS NOT NULL")
    copy.execute("PRAGMA journal_mode = DELETE")


def _publish(unfinished: Path, path: Path) -> None:
    """Make the file durable, then give it its name."""
    descriptor = os.open(unfinished, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(unfinished, path)


def _prepare(path: Path) -> None:
    """Make, check and migrate the file. Blocks, a second or more where the database is large."""
    try:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
            _check(connection, path)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            _migrate(connection, path)
    except sqlite3.OperationalError as error:
        raise OperatorError(
            f"The database {path} cannot be used ({error}); the folder must be writable by "
            "this user, and no other program may hold the file."
        ) from error
    except sqlite3.DatabaseError as error:
        raise _corrupt(path, str(error)) from error


def _check(connection: sqlite3.Connection, path: Path) -> None:
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (page_size,) = connection.execute("PRAGMA page_size").fetchone()
    check = "integrity_check" if pages * page_size <= FULL_CHECK_BYTES else "quick_check"
    (verdict,) = connection.execute(f"PRAGMA {check}(1)").fetchone()
    if verdict != "ok":
        raise _corrupt(path, verdict)


def _corrupt(path: Path, reason: str) -> OperatorError:
    return OperatorError(
        f"The database {path} is damaged ({reason}); it was left as it is. Put a backup in its "
        "place, or move it away to start with an empty one.",
        code=65,
    )


def _migrations() -> list[str]:
    """The numbered changes of the schema, in order; the first one makes version 1."""
    folder = resources.files("bot") / "migrations"
    files = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".sql")),
        key=lambda file: file.name,
    )
    return [file.read_text("utf-8") for file in files]


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the schema up to date; each migration and its number are one transaction."""
    migrations = _migrations()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(migrations):
        raise OperatorError(
            f"The database {path} was written by a newer Easel (schema {version}, this one knows "
            f"{len(migrations)}); update Easel, or put an older backup in its place."
        )
    for number, sql in enumerate(migrations[version:], start=version + 1):
        script = f"BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version = {number};\nCOMMIT;"
        connection.executescript(script)
        log.info("database %s is at schema %d", path, number)
