"""The small parent: it starts the children, restarts what dies, and passes signals on.

It loads neither torch nor discord. A child runs as `python -m bot.supervisor MODULE ARGUMENTS…`,
so that it ends with the parent even when the parent is killed: its standard input closes.
"""

import asyncio
import contextlib
import os
import runpy
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

FINAL_CODES = frozenset({0, 2, 65, 75, 78})
"""Exit codes after which a restart would only say the same again."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 600.0
GRACE_S = 15.0
"""How long a child may take to stop before it is killed; it promises ten seconds."""


@dataclass
class Child:
    """A program to keep running: a module of ours, its arguments, its environment."""

    name: str
    module: str
    arguments: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    on_line: Callable[[str], None] = print


class Supervisor:
    """Runs children until one of them ends for good or a signal asks all to stop."""

    def __init__(self, first_pause_s: float = FIRST_PAUSE_S) -> None:
        self._first_pause_s = first_pause_s
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._stopping = asyncio.Event()

    async def keep(self, child: Child) -> int:
        """Run the child, again and again with growing pauses; return its last exit code."""
        pause_s = self._first_pause_s
        while True:
            started = time.monotonic()
            code = await self._run_once(child)
            if self._stopping.is_set():
                return 0 if code == -signal.SIGTERM else code  # it had not begun to listen
            if code in FINAL_CODES:
                return code
            if time.monotonic() - started > LONGEST_PAUSE_S:
                pause_s = self._first_pause_s
            say(f"The {child.name} ended with code {code}; starting it again in {pause_s:.0f} s.")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_s)
                return 0
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _run_once(self, child: Child) -> int:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot.supervisor", child.module, *child.arguments,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            env=dict(child.environment),
            # why: Ctrl-C reaches only the parent, which passes it on once
            start_new_session=True,
        )  # fmt: skip
        self._running[child.name] = process
        assert process.stdout  # noqa: S101 - it is a pipe
        while line := await process.stdout.readline():
            child.on_line(line.decode(errors="replace").rstrip("\n"))
        code = await process.wait()
        del self._running[child.name]
        return code

    def stop(self) -> None:
        """Ask the youngest child to stop, for it leans on the others; asked twice, all of them."""
        asked_before = self._stopping.is_set()
        self._stopping.set()
        youngest_first = list(self._running.values())[::-1]
        for process in youngest_first if asked_before else youngest_first[:1]:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()

    async def finish(self) -> None:
        """Stop the children, the youngest first, and wait until they are gone."""
        self._stopping.set()
        for process in list(self._running.values())[::-1]:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), GRACE_S)
            except TimeoutError:
                process.kill()

    def listen(self) -> None:
        """Take SIGINT and SIGTERM as a wish to stop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                loop.add_signal_handler(number, self.stop)
            except NotImplementedError:  # Windows has no signals in its loop
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(self.stop))


def say(text: str) -> None:
    """Print a line for the operator at once."""
    print(text, flush=True)  # noqa: T201


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Be a child: run the module named first, and end when the parent does."""
    module, sys.argv = sys.argv[1], sys.argv[1:]
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
