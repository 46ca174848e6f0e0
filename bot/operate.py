"""`easel stats`, `drain`, `backup`, `restore`, `admin`: ask the running bot, else open its folder.

Only one process ever has the database open: whoever holds the data folder's lock.
"""

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from bot import control, operator
from bot.data import DataFolder
from bot.database import put_back
from bot.errors import OperatorError
from bot.settings import Settings
from bot.store import Store

T = TypeVar("T")

DRAIN_S = 20.0
POLL_S = 0.1
NOT_ANSWERING = (
    "A bot holds the data folder {root} but does not answer; it may be starting or stopping. Try "
    "again in a moment."
)


async def ask_or_open(
    settings: Settings, do: str, alone: Callable[[Store], Awaitable[T]], **more: Any
) -> T | Any:
    """Let the running bot do something, or do it on the database where none is running.

    Raises:
        OperatorError: it cannot be done; code 75 where the bot holds the folder in silence.

    """
    data = DataFolder(settings.data)
    try:
        return await control.ask(data, do, **more)
    except ConnectionError:
        pass
    with _free(data):
        async with Store.open(data.database) as store:
            return await alone(store)


@contextlib.contextmanager
def _free(data: DataFolder) -> Iterator[None]:
    """Hold the folder of a bot that did not answer, which may still be starting."""
    try:
        with data.lock():
            yield
    except OperatorError as error:
        if error.code == 75:
            raise OperatorError(NOT_ANSWERING.format(root=data.root), code=75) from error
        raise


async def stats(settings: Settings, *, as_json: bool = False) -> None:
    """Print how the queue stands."""
    found = await ask_or_open(settings, "stats", Store.report)
    sys.stdout.write((json.dumps(found) if as_json else sheet(found)) + "\n")


def sheet(found: dict[str, Any]) -> str:
    """Return the numbers as lines for a person."""
    lines = []
    if "running" not in found:
        lines.append("The bot is not running.")
    for name, value in found.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {n}" for key, n in value.items()) or "none"
        elif value is None:
            value = "not known yet"
        lines.append(f"{name.replace('_', ' '):22} {value}")
    return "\n".join(lines)


async def drain(settings: Settings) -> None:
    """Stop the running bot: nothing new is taken, what cannot be finished stays in the queue."""
    data = DataFolder(settings.data)
    try:
        await control.ask(data, "drain")
    except ConnectionError:
        with _free(data):
            sys.stdout.write("The bot is not running.\n")
        return
    until = time.monotonic() + DRAIN_S
    while time.monotonic() < until:
        await asyncio.sleep(POLL_S)
        try:
            with data.lock():
                sys.stdout.write("The bot has stopped; its queue is kept.\n")
                return
        except OperatorError:
            continue
    raise OperatorError(f"The bot has not stopped within {DRAIN_S:.0f} s; look at its log.", 75)


async def back_up(settings: Settings, file: Path) -> None:
    """Write a copy of the database, from the running bot or without one."""
    target = file if file.is_absolute() else Path.cwd() / file
    _need(DataFolder(settings.data).database)

    async def alone(store: Store) -> str:
        await store.back_up(target)
        return str(target)

    await ask_or_open(settings, "backup", alone, file=str(target))
    sys.stdout.write(f"{target}\n")


async def restore(settings: Settings, file: Path) -> None:
    """Put a backup in the database's place; only while no bot is running."""
    data = DataFolder(settings.data)
    _need(file)
    with data.lock():
        kept = await asyncio.to_thread(put_back, file, data.database)
    sys.stdout.write(f"{data.database} is as in {file}.\n")
    if kept is not None:
        sys.stdout.write(f"What was there before is {kept}.\n")


async def admin(settings: Settings, action: str, number: int, reason: str) -> str:
    """Do what the operator decides for all servers; return what to tell them."""

    async def alone(store: Store) -> str:
        return await operator.act(store, action, number, reason)

    said = await ask_or_open(settings, "admin", alone, action=action, number=number, reason=reason)
    return str(said)


def _need(file: Path) -> None:
    if not file.is_file():
        raise OperatorError(f"There is no file {file}.")
