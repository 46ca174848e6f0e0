"""How `easel stats`, `drain`, `backup` … speak to a running bot: a Unix socket, one line each way.

A question is a line of JSON `{"do": NAME, …}`, its answer `{"answer": …}` or `{"error": SENTENCE}`.
Only who may read the data folder's owner's files may ask: the socket has mode 600.
"""

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from bot.data import DataFolder
from bot.errors import OperatorError, UserError

log = logging.getLogger(__name__)

LONGEST_LINE = 2**20
LONGEST_ADDRESS = 100
"""What fits into a socket's address everywhere."""

Answer = Callable[[Mapping[str, Any]], Awaitable[Any]]
"""Does one thing; what it returns must be plain JSON."""


def path_of(data: DataFolder) -> Path:
    """Return where the socket lies."""
    return data.root / "easel.sock"


@contextlib.asynccontextmanager
async def listen(data: DataFolder, answers: Mapping[str, Answer]) -> AsyncIterator[None]:
    """Answer questions while inside; whoever holds the folder's lock may do this."""
    path = path_of(data)
    try:
        listener = _bind(path)
    except OSError as error:
        log.warning("%s cannot be opened (%s); `easel stats` will not reach the bot", path, error)
        yield
        return

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, ValueError):
            if line := await reader.readline():
                reply = await _answer(line, answers)
                writer.write(json.dumps(reply).encode() + b"\n")
                await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(serve, sock=listener, limit=LONGEST_LINE)
    try:
        yield
    finally:
        server.close()
        path.unlink(missing_ok=True)


def _bind(path: Path) -> socket.socket:
    if not hasattr(socket, "AF_UNIX"):
        raise OSError("this system has no Unix sockets")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)
        listener.bind(_address(path))
        path.chmod(0o600)  # nobody can connect before it listens
    except OSError:
        listener.close()
        raise
    return listener


def _address(path: Path) -> str:
    """Return the shorter of two names of the socket: addresses are about a hundred bytes."""
    address = min(str(path), os.path.relpath(path), key=len)
    if len(os.fsencode(address)) > LONGEST_ADDRESS:
        raise OSError(f"the path {path} is too long for a socket")
    return address


async def _answer(line: bytes, answers: Mapping[str, Answer]) -> dict[str, Any]:
    try:
        question = json.loads(line)
        does = answers[question["do"]]
    except (ValueError, KeyError, TypeError):
        return {"error": f"The bot knows no such question; it answers {', '.join(answers)}."}
    try:
        return {"answer": await does(question)}
    except (OperatorError, UserError) as error:
        return {"error": str(error), "code": getattr(error, "code", 2)}
    except Exception:  # why: the loop's edge; a bug in one answer must not end the bot
        log.exception("the question %s could not be answered", question["do"])
        return {"error": "Something went wrong in the bot; its log has the reason.", "code": 70}


async def ask(data: DataFolder, do: str, **more: Any) -> Any:
    """Ask the running bot; its answer.

    Raises:
        ConnectionError: no bot listens there.
        OperatorError: the bot's own sentence.

    """
    try:
        reader, writer = await asyncio.open_unix_connection(
            _address(path_of(data)), limit=LONGEST_LINE
        )
    except (OSError, AttributeError) as error:
        raise ConnectionError(str(error)) from error
    try:
        writer.write(json.dumps({"do": do, **more}).encode() + b"\n")
        await writer.drain()
        line = await reader.readline()
    finally:
        writer.close()
    if not line:
        raise ConnectionError("the bot ended before it answered")
    reply = json.loads(line)
    if "error" in reply:
        raise OperatorError(reply["error"], code=reply.get("code", 70))
    return reply["answer"]
