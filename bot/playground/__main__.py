"""`python -m bot.playground`: serve until told to stop."""

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

from bot.playground.server import Playground


def say(sentence: str) -> None:
    """The last line for the operator."""
    print(sentence, file=sys.stderr)  # noqa: T201  # why: the parent process shows it


async def serve(folder: Path, port: int, token: str) -> int:
    """Run the server; the exit code."""
    try:
        playground = Playground(folder, token=token)
    except BlockingIOError:
        say(f"Another playground uses {folder}: stop it, or choose another folder with --data.")
        return 75
    try:
        await playground.start(port)
    except OSError:
        say(
            f"Port {port} on 127.0.0.1 is taken: stop what listens there, or choose another "
            "with --port (0 takes a free one)."
        )
        playground.world.close()
        return 78
    print(f"listening on {playground.url}", flush=True)  # noqa: T201  # why: the parent reads it
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    loop = asyncio.get_running_loop()
    await stop.wait()
    await playground.close()
    return 0


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bot.playground")
    parser.add_argument("--data", type=Path, required=True, help="the playground's folder")
    parser.add_argument("--port", type=int, default=8420, help="0 takes a free one")
    parser.add_argument("--token", required=True, help="the token that the bot logs in with")
    given = parser.parse_args()
    if given.token.startswith("Bot"):
        parser.error("--token must not start with 'Bot': clients strip that.")
    logging.basicConfig(level=logging.WARNING)
    return asyncio.run(serve(given.data, given.port, given.token))


if __name__ == "__main__":
    sys.exit(main())
