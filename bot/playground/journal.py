"""Tables of JSON rows kept in one file that is only ever appended to.

A line is written for each change; a torn last line (the process died) is left out at the next
start, when the file is also rewritten without what is obsolete.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO

from bot.playground.errors import Json

Row = dict[str, Any]
SLACK = 5000
"""So many lines may be obsolete before the file is rewritten."""


class Journal:
    """Named tables, each a dict from id to row, in the order in which rows first came."""

    def __init__(self, path: Path, tables: Iterable[str]) -> None:
        self.path = path
        self.tables: dict[str, dict[str, Row]] = {name: {} for name in tables}
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = path.with_suffix(".lock").open("ab")
        _hold(self._lock)
        if path.exists():
            for line in path.read_bytes().splitlines():
                self._replay(line)
        self._file = path.open("ab")
        self._lines = 0

    def _replay(self, line: bytes) -> None:
        try:
            change: Json = json.loads(line)
        except ValueError:
            return  # why: torn by a crash while it was written, so nobody was told of it
        table = self.tables.get(change["table"], {})
        if change["row"] is None:
            table.pop(change["id"], None)
        else:
            table[change["id"]] = change["row"]

    def put(self, table: str, key: str, row: Row) -> None:
        """Keep a row, new or changed."""
        self.tables[table][key] = row
        self._append(table, key, row)

    def drop(self, table: str, key: str) -> Row | None:
        """Forget a row; None if there was none."""
        row = self.tables[table].pop(key, None)
        if row is not None:
            self._append(table, key, None)
        return row

    def _append(self, table: str, key: str, row: Row | None) -> None:
        self._file.write(_line(table, key, row))
        self._file.flush()
        self._lines += 1
        if self._lines > SLACK + 4 * sum(map(len, self.tables.values())):
            self.compact()

    def compact(self, keep: Callable[[str, Row], bool] = lambda *_: True) -> None:
        """Rewrite the file, atomically, with the rows worth keeping and no older versions."""
        self._file.close()
        self._lines = 0
        fresh = self.path.with_suffix(".new")
        with fresh.open("wb") as file:
            for table, rows in self.tables.items():
                for key in [key for key, row in rows.items() if not keep(table, row)]:
                    del rows[key]
                file.writelines(_line(table, key, row) for key, row in rows.items())
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)
        self._file = self.path.open("ab")

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
        self._lock.close()


def _hold(file: BinaryIO) -> None:
    """Keep others out until the file is closed; BlockingIOError if one of them was first."""
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError(str(error)) from error
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _line(table: str, key: str, row: Row | None) -> bytes:
    change = {"table": table, "id": key, "row": row}
    return json.dumps(change, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
